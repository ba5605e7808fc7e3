"""What matters in a photo: how much each pixel's error counts, and how fine the strokes there should be.

Nothing here knows strokes or losses; the painter is given weights.
"""

from neural_painter.importance.faces import FacesError as FacesError
from neural_painter.importance.faces import check_installed as check_installed
from neural_painter.importance.masks import read_mask as read_mask
from neural_painter.importance.weights import importance_map as importance_map
