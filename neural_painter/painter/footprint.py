"""Which pixels a stroke that is tried on reaches, and where on its stamp they fall; lengths in pixels."""

import math

from renderers.brush import ANGLE, HALF_LENGTH, HALF_WIDTH, X, Y
from renderers.kernels import FAST, kernel

FAINT = 0.004
"""Alpha below which a stroke is not seen."""


@kernel(fastmath=FAST)
def rows_and_columns(stroke, height, width):  # type: ignore[no-untyped-def]
    """The pixels that a stroke's box may reach: first and last row, first and last column, the last ones excluded."""
    cos, sin = abs(math.cos(stroke[ANGLE])), abs(math.sin(stroke[ANGLE]))
    reach_x = stroke[HALF_LENGTH] * cos + stroke[HALF_WIDTH] * sin
    reach_y = stroke[HALF_LENGTH] * sin + stroke[HALF_WIDTH] * cos
    top, bottom = max(0, int(stroke[Y] - reach_y)), min(height, int(stroke[Y] + reach_y) + 1)
    left, right = max(0, int(stroke[X] - reach_x)), min(width, int(stroke[X] + reach_x) + 1)
    return top, bottom, left, right


@kernel(fastmath=FAST)
def texel_of(stroke, cos, sin, side, px, py):  # type: ignore[no-untyped-def]
    """Row and column of the stamp at a pixel; -1 outside."""
    dx, dy = px + 0.5 - stroke[X], py + 0.5 - stroke[Y]
    u = (dx * cos + dy * sin) / stroke[HALF_LENGTH]
    v = (dy * cos - dx * sin) / stroke[HALF_WIDTH]
    if abs(u) >= 1 or abs(v) >= 1:
        return -1, -1
    return int((v + 1) * 0.5 * side), int((u + 1) * 0.5 * side)
