"""Which strokes touch which tile of the canvas."""

import math

import numpy as np

from neural_painter.compositing.bends import box_of
from neural_painter.compositing.constants import TILE
from renderers.brush import ANGLE
from renderers.kernels import kernel

Array = np.ndarray


@kernel()
def _touches(x, y, a, b, cos, sin, tx, ty, half_x, half_y):  # type: ignore[no-untyped-def]
    """Whether an oriented box meets an axis-aligned one, by separating axes; lengths in pixels."""
    dx, dy = tx - x, ty - y
    along, across = abs(dx * cos + dy * sin), abs(dy * cos - dx * sin)
    c, s = abs(cos), abs(sin)
    return along <= a + half_x * c + half_y * s and across <= b + half_x * s + half_y * c


@kernel()
def _walk(placement, height, width, texels, tile, counts, starts, members):  # type: ignore[no-untyped-def]
    """Counts the strokes of each tile, or, where `members` has room, writes them in stroke order."""
    long_side = np.float64(max(height, width))
    rows, columns = counts.shape
    # Bilinear interpolation reaches half a texel beyond the stroke.
    grow = 1 + (1.0 / texels if texels > 0 else 0.0)
    for n in range(len(placement)):
        x, y, a, b = box_of(placement[n], grow)
        x, y, a, b = x * long_side, y * long_side, a * long_side, b * long_side
        cos, sin = math.cos(placement[n, ANGLE]), math.sin(placement[n, ANGLE])
        reach_x, reach_y = abs(a * cos) + abs(b * sin) + 1, abs(a * sin) + abs(b * cos) + 1
        if not (x + reach_x >= 0 and y + reach_y >= 0 and x - reach_x <= width and y - reach_y <= height):
            continue
        first_column = int(max(x - reach_x, 0.0)) // tile
        last_column = min(int(min(x + reach_x, np.float64(width))) // tile, columns - 1)
        first_row = int(max(y - reach_y, 0.0)) // tile
        last_row = min(int(min(y + reach_y, np.float64(height))) // tile, rows - 1)
        for row in range(first_row, last_row + 1):
            for column in range(first_column, last_column + 1):
                centre_x, centre_y = (column + 0.5) * tile, (row + 0.5) * tile
                if _touches(x, y, a + 0.5, b + 0.5, cos, sin, centre_x, centre_y, tile / 2, tile / 2):
                    if len(members):
                        members[starts[row, column] + counts[row, column]] = n
                    counts[row, column] += 1


def tile_lists(
    placement: Array, size: tuple[int, int], texels: int = 0, tile: int = TILE
) -> tuple[Array, Array, Array]:
    """Lists, for each square tile, the strokes whose box touches it; a stroke that sweeps has a box around it.

    Args:
        placement: `[N, 6]`, lengths in canvas long sides. Strokes with non-finite numbers touch nothing.
        size: canvas `(height, width)` in pixels.
        texels: side of the stamps, whose interpolation reaches half a texel beyond the box; 0: the box alone.
        tile: side of a tile, in pixels.

    Returns:
        counts `[rows, columns]`, starts `[rows, columns]`, members `[sum of counts]` in stroke order within a tile.
    """
    height, width = size
    counts = np.zeros((-(-height // tile), -(-width // tile)), np.int64)
    starts = np.zeros_like(counts)
    _walk(placement, height, width, texels, tile, counts, starts, np.empty(0, np.int32))
    starts.ravel()[1:] = np.cumsum(counts.ravel())[:-1]
    members = np.empty(int(counts.sum()), np.int32)
    if len(members):
        counts[:] = 0
        _walk(placement, height, width, texels, tile, counts, starts, members)
    return counts, starts, members
