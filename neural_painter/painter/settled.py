"""Shape numbers that the photo settles when a stroke is laid, and that are held from then on.

A wash is wet where the photo is flat and dry at contours: so painters work. An optimiser alone does the reverse, for a
soft border in the right place lowers the error of a contour, and in a flat area it changes nothing.
"""

from __future__ import annotations

import cv2
import numpy as np

from renderers.brush import ANGLE, HALF_LENGTH, HALF_WIDTH, Brush, X, Y

Array = np.ndarray

FLAT, CONTOUR = 0.03, 0.18
"""Contrasts over half a stroke's width: up to the first the photo is flat there, the second and more are contours."""

ALONG, ACROSS = (-0.7, -0.35, 0.0, 0.35, 0.7), (-0.7, 0.0, 0.7)
"""Where a stroke looks at the photo, in half lengths and half widths."""


def settled(brush: Brush, placement: Array, target: Array) -> Array:
    """Free shapes `[N, F]` float64 of new strokes: settled by the photo where the brush says so, else the defaults.

    Args:
        brush: gives the numbers.
        placement: `[N, 6]`, in canvas long sides.
        target: the photo, `[H, W, 3]` in [0, 1].
    """
    shape = np.tile(np.array([p.default for p in brush.free_shape], np.float64), (len(placement), 1))
    if not any(p.settled for p in brush.free_shape):
        return shape
    contour = np.clip((contrasts(placement, target) - FLAT) / (CONTOUR - FLAT), 0, 1)
    contour = contour * contour * (3 - 2 * contour)
    for column, parameter in enumerate(brush.free_shape):
        if parameter.settled:
            flat, dry = parameter.settled
            shape[:, column] = flat + (dry - flat) * contour
    return shape


def contrasts(placement: Array, target: Array) -> Array:
    """How much the photo changes over the half width of each stroke, `[N]`: mean over the stroke, and over channels."""
    height, width = target.shape[:2]
    long_side = max(height, width)
    smooth = cv2.GaussianBlur(np.ascontiguousarray(target, np.float32), (0, 0), 0.8)
    dx, dy = (cv2.Scharr(smooth, cv2.CV_32F, *axes, borderType=cv2.BORDER_REPLICATE) / 32 for axes in ((1, 0), (0, 1)))
    slope = np.sqrt((dx * dx + dy * dy).mean(axis=2))
    u, v = (grid.ravel() for grid in np.meshgrid(ALONG, ACROSS))
    cos, sin = np.cos(placement[:, ANGLE])[:, None], np.sin(placement[:, ANGLE])[:, None]
    u, v = u * placement[:, HALF_LENGTH, None], v * placement[:, HALF_WIDTH, None]
    columns = ((placement[:, X, None] + u * cos - v * sin) * long_side).astype(int).clip(0, width - 1)
    rows = ((placement[:, Y, None] + u * sin + v * cos) * long_side).astype(int).clip(0, height - 1)
    return slope[rows, columns].mean(axis=1) * placement[:, HALF_WIDTH] * long_side
