"""What a picture shows where strokes lie."""

from __future__ import annotations

import numpy as np

from neural_painter.compositing.bends import points_on
from neural_painter.strokes import Strokes

Array = np.ndarray

STATIONS = np.linspace(-0.8, 0.8, 9)
"""Where along a stroke it is looked for, in half lengths."""


def along(strokes: Strokes, picture: Array, beside: float = 0.0) -> tuple[Array, Array]:
    """A picture at `STATIONS` along all strokes, `[N, P, 3]`, and which of these places are on the canvas, `[N, P]`.

    Args:
        strokes: where to look.
        picture: `[H, W, 3]`.
        beside: how far from the spine, in half widths; its sign is the side.
    """
    x, y = np.moveaxis(points_on(strokes.placement, STATIONS, beside), 2, 0)
    height, width = picture.shape[:2]
    column, row = np.floor(x * max(height, width)), np.floor(y * max(height, width))
    there = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    rows, columns = np.clip(row, 0, height - 1).astype(int), np.clip(column, 0, width - 1).astype(int)
    return picture[rows, columns], there
