"""What a picture shows where strokes lie."""

from __future__ import annotations

import numpy as np

from neural_painter.strokes import Strokes
from renderers.brush import ANGLE, HALF_LENGTH, HALF_WIDTH, SWEEP, X, Y

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
    placement = strokes.placement.astype(np.float64)
    turn = placement[:, SWEEP, None] * STATIONS
    # sin(s a) / a and (1 - cos(s a)) / a, which are s and 0 for a stroke that does not sweep.
    p = STATIONS * np.sinc(turn / np.pi)
    q = STATIONS * np.sin(turn / 2) * np.sinc(turn / 2 / np.pi)
    cos, sin = np.cos(placement[:, ANGLE, None]), np.sin(placement[:, ANGLE, None])
    away, turned = beside * placement[:, HALF_WIDTH, None], placement[:, ANGLE, None] + turn
    x = placement[:, X, None] + placement[:, HALF_LENGTH, None] * (cos * p - sin * q) - away * np.sin(turned)
    y = placement[:, Y, None] + placement[:, HALF_LENGTH, None] * (sin * p + cos * q) + away * np.cos(turned)
    height, width = picture.shape[:2]
    column, row = np.floor(x * max(height, width)), np.floor(y * max(height, width))
    there = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    rows, columns = np.clip(row, 0, height - 1).astype(int), np.clip(column, 0, width - 1).astype(int)
    return picture[rows, columns], there
