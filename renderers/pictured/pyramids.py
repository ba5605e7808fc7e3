"""A picture at all sizes, halved along each axis by itself: strokes stretch it along, but not across.

Alpha and tone are kept in eight bits. The tone says how light the picture is against its mean, and is multiplied by the
alpha, so that both average linearly.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

Array = np.ndarray
Picture = np.ndarray
"""`[H, W, 2]` uint8: alpha, and tone where there is alpha; trimmed, wider than high."""

MOST_ROWS, MOST_COLUMNS = 512, 2048
"""Of a picture that is kept; larger ones are reduced."""

LEAST = 8
"""Rows and columns that a pyramid has at least."""


def pyramid(picture: Picture) -> Array:
    """All sizes of a picture side by side, `[2 H, 2 W, 2]` uint8, H and W being powers of two.

    The picture halved `i` times across and `j` times along begins at row 2 H - 2 H / 2^i and column 2 W - 2 W / 2^j.
    """
    rows, columns = (_power(side, most) for side, most in zip(picture.shape, (MOST_ROWS, MOST_COLUMNS), strict=False))
    alpha = picture[..., 0].astype(np.float32) / 255
    level = np.stack([_resized(a, rows, columns) for a in (alpha, alpha * picture[..., 1] / 255)], axis=-1)
    atlas = np.zeros((2 * rows, 2 * columns, 2), np.uint8)
    for i in range(rows.bit_length()):
        row, wide = 2 * rows - 2 * (rows >> i), level
        for j in range(columns.bit_length()):
            column = 2 * columns - 2 * (columns >> j)
            atlas[row : row + len(wide), column : column + wide.shape[1]] = np.rint(255 * wide)
            wide = 0.5 * (wide[:, ::2] + wide[:, 1::2]) if wide.shape[1] > 1 else wide
        level = 0.5 * (level[::2] + level[1::2]) if len(level) > 1 else level
    return atlas


def _power(side: int, most: int) -> int:
    """The power of two that holds a side."""
    return min(max(1 << (side - 1).bit_length(), LEAST), most)


def _resized(plane: Array, rows: int, columns: int) -> Array:
    size = (columns, rows)
    return np.clip(np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BICUBIC)), 0, 1)
