"""Which strokes a painting would miss least."""

from __future__ import annotations

import numpy as np
import torch

from neural_painter.compositing import worth
from neural_painter.painter.optimise import StrokeOptimiser

Array = np.ndarray


@torch.no_grad()
def least_useful(optimiser: StrokeOptimiser, count: int) -> Array:
    """The strokes without which the squared error would grow least, `[N]` bool, `count` of them true.

    Without them one by one: two that lie on each other are both worth little, and one of them may go with the next lot.
    """
    now, view = optimiser.now, optimiser.view
    strokes = optimiser.placement(), now.values["paint"], optimiser.draw_stamps()
    found = worth(*strokes, optimiser.background, view.goal, view.size, weight=view.weights)
    least = np.zeros(len(found), bool)
    least[np.argsort(found.cpu().numpy(), kind="stable")[:count]] = True
    return least
