"""How one stroke looks: ground-truth brushes, the neural renderer that imitates them, its training and its weights."""
