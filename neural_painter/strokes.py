"""A set of strokes, in painting order. (Document format: to come in this file.)"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Strokes:
    """Strokes in painting order, the last on top.

    Attributes:
        placement: `[N, 5]` x, y, half length, half width (canvas long sides), angle (radians).
        shape: `[N, F]` the brush's free shape parameters (`brush.free_shape`; the aspect follows from the placement).
        paint: `[N, 7]` first colour, second colour, opacity; in [0, 1].
    """

    placement: Array
    shape: Array
    paint: Array

    def __len__(self) -> int:
        return len(self.placement)
