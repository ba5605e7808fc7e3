"""Where strokes lie on a picture: points in their boxes, and what a picture shows there."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from neural_painter.compositing.bends import points_on

Array = np.ndarray

ALONG, ACROSS = 7, 3
"""Points along a stroke and across it."""
REACH_ALONG, REACH_ACROSS = 0.85, 0.65
"""How far out the outermost lie, in half lengths and half widths: near the rim there is little paint."""


@lru_cache(maxsize=4)
def stations(along: int = ALONG, across: int = ACROSS) -> tuple[Array, Array]:
    """`[K]` u and v of the points, from -1 to 1 along and across."""
    u, v = np.meshgrid(
        np.linspace(-REACH_ALONG, REACH_ALONG, along), np.linspace(-REACH_ACROSS, REACH_ACROSS, across), indexing="ij"
    )
    return u.ravel(), v.ravel()


def spots(placement: Array, along: int = ALONG, across: int = ACROSS) -> Array:
    """Points in the boxes of strokes `[N, 6]`, which follow their arcs: `[N, K, 2]` float64, in canvas long sides."""
    return points_on(placement, *stations(along, across))


def shown_at(picture: Array, points: Array) -> Array:
    """What a picture `[H, W]` or `[H, W, C]` shows at points `[N, K, 2]`, float32; beyond its edges it goes on."""
    at = (points * max(picture.shape[:2]) - 0.5).astype(np.float32)
    shown = cv2.remap(picture, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return shown.reshape(*points.shape[:2], *picture.shape[2:])


def inside(points: Array, size: tuple[int, int]) -> Array:
    """Which points `[N, K, 2]` are on a picture of `(height, width)`: `[N, K]` bool."""
    height, width = size
    end = np.array([width, height]) / max(size)
    return np.logical_and.reduce((points >= 0) & (points < end), axis=2)


def share_of(mask: Array, placement: Array) -> Array:
    """Which part of each stroke's box on the picture a mask `[H, W]` marks, `[N]`; 0 for those that are not on it."""
    points = spots(placement, 9, 5)
    there = inside(points, (mask.shape[0], mask.shape[1]))
    marked = shown_at(mask.astype(np.float32), points) >= 0.5
    return (marked & there).sum(axis=1) / np.maximum(there.sum(axis=1), 1)  # type: ignore[no-any-return]


def sized(numbers: Array, size: tuple[int, int]) -> Array:
    """Numbers of any range, `[H, W]` or `[H, W, C]`, at another `(height, width)`; `images.resize` clips to [0, 1]."""
    if numbers.shape[:2] == size:
        return numbers
    method = cv2.INTER_AREA if size[0] < numbers.shape[0] else cv2.INTER_LINEAR
    return cv2.resize(numbers, size[::-1], interpolation=method)
