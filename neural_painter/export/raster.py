"""Paints a stroke document with the ground-truth brush, at any size: the picture that is shown."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, types

from neural_painter.compositing.constants import MIN_HALF, TILE
from neural_painter.compositing.tiles import tile_lists
from neural_painter.strokes import StrokeDocument, Strokes
from neural_painter.threads import in_shares
from renderers.brush import POINT_TYPE, Brush
from renderers.brushes import brush as find_brush

Array = np.ndarray

_f2, _f3 = types.Array(types.float32, 2, "C"), types.Array(types.float32, 3, "C")
_i1, _i2 = types.Array(types.int32, 1, "C"), types.Array(types.int64, 2, "C")


@njit(
    types.void(
        POINT_TYPE, _f2, _f2, _f2, types.Array(types.uint32, 1, "C"), _i2, _i2, _i1, _f3, types.int64, types.int64
    ),
    cache=True,
    nogil=True,
    error_model="numpy",
    fastmath={"contract", "arcp", "nsz"},
)
def _paint(point, placement, shape, paint, seeds, counts, starts, members, canvas, share, shares):  # type: ignore[no-untyped-def]
    """Front to back in each pixel, so that what is covered is never drawn."""
    height, width, _ = canvas.shape
    pixel = 1.0 / max(height, width)
    columns = counts.shape[1]
    for tile in range(share, counts.size, shares):
        tile_row, tile_column = tile // columns, tile % columns
        count, start = counts[tile_row, tile_column], starts[tile_row, tile_column]
        for py in range(tile_row * TILE, min((tile_row + 1) * TILE, height)):
            y = (py + 0.5) * pixel
            for px in range(tile_column * TILE, min((tile_column + 1) * TILE, width)):
                x = (px + 0.5) * pixel
                left = 1.0
                red, green, blue = 0.0, 0.0, 0.0
                for k in range(count - 1, -1, -1):
                    n = members[start + k]
                    half_length, half_width = max(placement[n, 2], MIN_HALF), max(placement[n, 3], MIN_HALF)
                    dx, dy = x - placement[n, 0], y - placement[n, 1]
                    cos, sin = math.cos(placement[n, 4]), math.sin(placement[n, 4])
                    u, v = (dx * cos + dy * sin) / half_length, (dy * cos - dx * sin) / half_width
                    if abs(u) >= 1 or abs(v) >= 1:
                        continue
                    footprint = np.float32(pixel / half_width)
                    alpha, first, second = point(
                        np.float32(u * shape[n, 0]), np.float32(v), footprint, shape[n], seeds[n]
                    )
                    weight = left * min(max(alpha * paint[n, 6], 0.0), 1.0)
                    red += weight * (first * paint[n, 0] + second * paint[n, 3])
                    green += weight * (first * paint[n, 1] + second * paint[n, 4])
                    blue += weight * (first * paint[n, 2] + second * paint[n, 5])
                    left -= weight
                    if left < 1e-3:
                        left = 0.0
                        break
                canvas[py, px, 0] = red + left * canvas[py, px, 0]
                canvas[py, px, 1] = green + left * canvas[py, px, 1]
                canvas[py, px, 2] = blue + left * canvas[py, px, 2]


def paint_strokes(brush: Brush, strokes: Strokes, shape: Array, seeds: Array, canvas: Array) -> None:
    """Paints strokes over `canvas` `[H, W, 3]` float32, in place.

    Args:
        brush: the ground-truth brush.
        strokes: what to paint, in order.
        shape: `[N, P]` full shapes, aspect first.
        seeds: `[N]` texture seeds.
        canvas: C-contiguous float32.
    """
    size = canvas.shape[0], canvas.shape[1]
    counts, starts, members = tile_lists(strokes.placement, size)
    arrays = [np.ascontiguousarray(a, np.float32) for a in (strokes.placement, shape, strokes.paint)]
    in_shares(_paint, brush.point, *arrays, np.ascontiguousarray(seeds, np.uint32), counts, starts, members, canvas)


def render(
    document: StrokeDocument,
    size: tuple[int, int],
    *,
    start: int = 0,
    stop: int | None = None,
    canvas: Array | None = None,
) -> Array:
    """Paints strokes `start` to `stop` of a document at any size.

    Args:
        document: what to paint.
        size: `(height, width)` in pixels. Of another aspect than the document's, it shows more or less of the canvas;
            lengths follow the long side.
        start, stop: strokes to paint, as a slice.
        canvas: `[H, W, 3]` to paint over (left as it is); the document's canvas colour by default.

    Returns:
        `[H, W, 3]` float32 in [0, 1]. The same document and size give the same bytes.
    """
    if canvas is None:
        picture = np.empty((*size, 3), np.float32)
        picture[:] = document.canvas
    else:
        if canvas.shape != (*size, 3):
            raise ValueError(f"expected a canvas {[*size, 3]}, got {list(canvas.shape)}")
        picture = np.array(canvas, np.float32, order="C")
    brush = find_brush(document.brush)
    part = slice(start, stop)
    strokes = document.strokes
    some = Strokes(strokes.placement[part], strokes.shape[part], strokes.paint[part])
    if len(some):
        shape, seeds = document.full_shape(brush)[part], document.texture_seeds()[part]
        paint_strokes(brush, some, shape, seeds, picture)
    return np.clip(picture, 0, 1, out=picture)
