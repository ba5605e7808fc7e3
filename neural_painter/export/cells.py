"""Means around each pixel, as cells of a grid between which lines are drawn: the same whichever band is at hand."""

from __future__ import annotations

import cv2
import numpy as np

from neural_painter.compositing.constants import TILE
from renderers.kernels import FAST, kernel
from renderers.threads import in_shares

Array = np.ndarray

CELL = 0.012
"""About the side of a cell, in canvas long sides; it is a multiple of TILE."""

CELLS = 3
"""Of the grid around a pixel, on which its means depend."""


def cell_of(long_side: int) -> int:
    """Side of a cell in pixels, of a canvas of that long side."""
    return TILE * max(1, round(CELL * long_side / TILE))


def means_of(picture: Array, cell: int) -> Array:
    """Means of cells and of those next to them, `[rows, columns, C]`, of a picture `[H, W, C]`, float32.

    Args:
        picture: begins at a multiple of `cell`; so does what follows it, where it is a band.
        cell: side in pixels.
    """
    means = np.empty((-(-picture.shape[0] // cell), -(-picture.shape[1] // cell), picture.shape[2]), np.float32)
    in_shares(_average, picture, cell, means)
    return cv2.GaussianBlur(means, (3, 3), 0.8, borderType=cv2.BORDER_REPLICATE).reshape(means.shape)


@kernel(fastmath=FAST)
def _average(picture, cell, means, share, shares):  # type: ignore[no-untyped-def]
    """The mean of each cell; of those at the border, of the part that there is."""
    height, width, parts = picture.shape
    for i in range(share, means.shape[0], shares):
        top, bottom = i * cell, min((i + 1) * cell, height)
        for j in range(means.shape[1]):
            left, right = j * cell, min((j + 1) * cell, width)
            for k in range(parts):
                total = np.float32(0)
                for row in range(top, bottom):
                    for column in range(left, right):
                        total += picture[row, column, k]
                means[i, j, k] = total / np.float32((bottom - top) * (right - left))


@kernel(fastmath=FAST)
def between(place, cell, count):  # type: ignore[no-untyped-def]
    """The cells on either side of a pixel's middle, in one direction, and the part of the second."""
    at = min(max((place + np.float32(0.5)) / cell - np.float32(0.5), np.float32(0)), np.float32(count - 1))
    first = np.int64(at)
    return first, min(first + 1, count - 1), np.float32(at - first)


@kernel(fastmath=FAST)
def mean_at(means, rows, columns, part):  # type: ignore[no-untyped-def]
    """A mean at a pixel; `rows` and `columns` are what `between` says of it."""
    above, below, down = rows
    left, right, across = columns
    upper = means[above, left, part] + across * (means[above, right, part] - means[above, left, part])
    lower = means[below, left, part] + across * (means[below, right, part] - means[below, left, part])
    return upper + down * (lower - upper)
