"""Paints a stroke document with the ground-truth brush, at any size: the picture that is shown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numba import types

from neural_painter.compositing.bends import bent
from neural_painter.compositing.constants import MIN_HALF, NEAREST, TILE
from neural_painter.compositing.tiles import tile_lists
from neural_painter.export.deltas import changed, difference, laid_out
from neural_painter.images import to_uint8
from neural_painter.strokes import StrokeDocument, Strokes
from renderers.brush import ANGLE, HALF_LENGTH, HALF_WIDTH, POINT_TYPE, SWEEP, Brush
from renderers.brushes import brush as find_brush
from renderers.kernels import kernel
from renderers.threads import in_shares

if TYPE_CHECKING:
    from neural_painter.journal import Journal

Array = np.ndarray

BAND_PIXELS = 1 << 21
"""Of which floats are held at a time where bytes are wanted."""

_LITTLE = 1e-6
"""By which part a point is surely beside a stroke."""

_f2, _f3 = types.Array(types.float32, 2, "C"), types.Array(types.float32, 3, "C")
_i1, _i2 = types.Array(types.int32, 1, "C"), types.Array(types.int64, 2, "C")


@kernel(types.void(_f2, types.Array(types.float64, 2, "C")))
def _turn(placement, turns):  # type: ignore[no-untyped-def]
    """What pixels ask of a stroke again and again, `[N, 5]`: cosine and sine of its angle, and what `_misses` takes."""
    for n in range(len(placement)):
        sweep = abs(np.float64(placement[n, SWEEP]))
        wide = sweep * max(placement[n, HALF_WIDTH], MIN_HALF) / max(placement[n, HALF_LENGTH], MIN_HALF)
        turns[n, 0], turns[n, 1] = math.cos(placement[n, ANGLE]), math.sin(placement[n, ANGLE])
        turns[n, 2] = math.cos(sweep) ** 2 * (1 - _LITTLE)
        turns[n, 3], turns[n, 4] = max(1 - wide, 0.0) ** 2 * (1 - _LITTLE), (1 + wide) ** 2 * (1 + _LITTLE)


@kernel()
def _misses(turns, n, p, q, sweep):  # type: ignore[no-untyped-def]
    """Whether a point, as `bent` takes it, is beyond the ends of a stroke that sweeps, or beside it; quicker to say.

    `turns` has of each stroke the squared cosine of its sweep, and the least and the largest r²; all not to the last
    digit, so that `bent` decides about points on the border.
    """
    x, y = 1 - sweep * q, sweep * p
    square = x * x + y * y
    return x < NEAREST or x * x < turns[n, 2] * square or square < turns[n, 3] or square > turns[n, 4]


@kernel(
    types.void(
        POINT_TYPE,
        _f2,
        types.Array(types.float64, 2, "C"),
        _f2,
        _f2,
        types.Array(types.uint32, 1, "C"),
        _i2,
        _i2,
        _i1,
        _f3,
        types.int64,
        types.float64,
        types.int64,
        types.int64,
    ),
    fastmath={"contract", "arcp", "nsz"},
)
def _paint(point, placement, turns, shape, paint, seeds, counts, starts, members, canvas, top, pixel, share, shares):  # type: ignore[no-untyped-def]
    """Front to back in each pixel, so that what is covered is never drawn; `canvas` is a band that begins at `top`."""
    height, width, _ = canvas.shape
    columns = counts.shape[1]
    for tile in range(share, counts.size, shares):
        tile_row, tile_column = tile // columns, tile % columns
        count, start = counts[tile_row, tile_column], starts[tile_row, tile_column]
        for py in range(tile_row * TILE, min((tile_row + 1) * TILE, height)):
            y = (top + py + 0.5) * pixel
            for px in range(tile_column * TILE, min((tile_column + 1) * TILE, width)):
                x = (px + 0.5) * pixel
                left = 1.0
                red, green, blue = 0.0, 0.0, 0.0
                for k in range(count - 1, -1, -1):
                    n = members[start + k]
                    half_length, half_width = max(placement[n, 2], MIN_HALF), max(placement[n, 3], MIN_HALF)
                    dx, dy = x - placement[n, 0], y - placement[n, 1]
                    cos, sin = np.float32(turns[n, 0]), np.float32(turns[n, 1])
                    u, v = (dx * cos + dy * sin) / half_length, (dy * cos - dx * sin) / half_width
                    if placement[n, SWEEP] != 0:
                        q = v * half_width / half_length
                        if _misses(turns, n, u, q, placement[n, SWEEP]):
                            continue
                        u, v = bent(u, q, placement[n, SWEEP])
                        v *= half_length / half_width
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


class _Painter:
    """The strokes of a document, or some of them, ready to be painted at one size, on the whole canvas or a band of it.

    Args:
        brush: the ground-truth brush.
        strokes: what to paint, in order.
        shape: `[N, P]` full shapes, aspect first.
        seeds: `[N]` texture seeds.
        size: `(height, width)` of the whole canvas.
    """

    def __init__(self, brush: Brush, strokes: Strokes, shape: Array, seeds: Array, size: tuple[int, int]) -> None:
        self._point, self._pixel = brush.point, 1.0 / max(size)
        self._counts, self._starts, self._members = tile_lists(strokes.placement, size)
        placement, shape, paint = (
            np.ascontiguousarray(a, np.float32) for a in (strokes.placement, shape, strokes.paint)
        )
        turns = np.empty((len(placement), 5))
        _turn(placement, turns)
        self._arrays = placement, turns, shape, paint, np.ascontiguousarray(seeds, np.uint32)

    def paint(self, canvas: Array, top: int = 0) -> None:
        """Paints over rows `top`, a multiple of TILE, and following: `[rows, W, 3]` float32, C-contiguous, in place."""
        rows = slice(top // TILE, -(-(top + len(canvas)) // TILE))
        lists = self._counts[rows], self._starts[rows], self._members
        in_shares(_paint, self._point, *self._arrays, *lists, canvas, top, self._pixel)


def paint_strokes(brush: Brush, strokes: Strokes, shape: Array, seeds: Array, canvas: Array) -> None:
    """Paints strokes over `canvas` `[H, W, 3]` float32, in place.

    Args:
        brush: the ground-truth brush.
        strokes: what to paint, in order.
        shape: `[N, P]` full shapes, aspect first.
        seeds: `[N]` texture seeds.
        canvas: C-contiguous float32.
    """
    _Painter(brush, strokes, shape, seeds, (canvas.shape[0], canvas.shape[1])).paint(canvas)


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
        picture = _bare(document, size)
    else:
        if canvas.shape != (*size, 3):
            raise ValueError(f"expected a canvas {[*size, 3]}, got {list(canvas.shape)}")
        picture = np.array(canvas, np.float32, order="C")
    painter = _painter(document, size, start, stop)
    if painter:
        painter.paint(picture)
    return np.clip(picture, 0, 1, out=picture)


def render_bytes(document: StrokeDocument, size: tuple[int, int], journal: Journal | None = None) -> Array:
    """The painting as `[H, W, 3]` uint8, the very bytes of `to_uint8(render(...))` in a quarter of its memory.

    It is painted band by band, so that floats are only ever held of one band; `journal` keeps those that are finished.
    """
    height, width = size
    picture = np.empty((height, width, 3), np.uint8)
    painter = _painter(document, size)
    step = max(1, BAND_PIXELS // (width * TILE)) * TILE
    begun = 0
    for kept in journal.old() if journal else ():
        rows = picture[begun : begun + len(kept) // (3 * width)]
        rows[:] = laid_out(kept, rows.shape, np.uint8)
        begun += len(rows)
    for top in range(begun, height, step):
        rows = picture[top : top + step]
        band = _bare(document, (min(step, height - top), width))
        if painter:
            painter.paint(band, top)
        rows[:] = to_uint8(band)
        if journal:
            journal.add(rows.tobytes(), last=top + step >= height)
    return picture


def growing(
    document: StrokeDocument, size: tuple[int, int], stops: Iterable[int], journal: Journal | None = None
) -> Iterator[Array]:
    """The painting after each of `stops` strokes, which never become fewer: each paints only what is new.

    A journal keeps what changes from picture to picture, and the canvas, whose floats the next ones need.

    Yields:
        `[H, W, 3]` uint8; the very same array again where no stroke was due.
    """
    canvas, done = _bare(document, size), 0
    picture, stops = _bytes(canvas), iter(stops)
    if journal and journal.place:
        for kept, stop in zip(journal.old(), stops, strict=False):
            picture, done = changed(picture, kept), stop
            yield picture
        canvas = laid_out(journal.place, canvas.shape, np.float32).copy()
    for stop in stops:
        before, painter = picture, _painter(document, size, done, stop)
        if painter:
            painter.paint(canvas)
            np.clip(canvas, 0, 1, out=canvas)
            picture = _bytes(canvas)
        done = stop
        if journal:
            journal.add(difference(before, picture), canvas.tobytes)
        yield picture


def _bare(document: StrokeDocument, size: tuple[int, int]) -> Array:
    picture = np.empty((*size, 3), np.float32)
    picture[:] = document.canvas
    return picture


def _bytes(picture: Array) -> Array:
    """`to_uint8`, whose floats are only ever held of one band."""
    made = np.empty(picture.shape, np.uint8)
    step = max(1, BAND_PIXELS // picture.shape[1])
    for top in range(0, len(picture), step):
        made[top : top + step] = to_uint8(picture[top : top + step])
    return made


def _painter(
    document: StrokeDocument, size: tuple[int, int], start: int = 0, stop: int | None = None
) -> _Painter | None:
    """What paints some strokes of a document; None where there are none."""
    part, strokes = slice(start, stop), document.strokes
    some = Strokes(strokes.placement[part], strokes.shape[part], strokes.paint[part])
    if not len(some):
        return None
    brush = find_brush(document.brush)
    return _Painter(brush, some, document.full_shape(brush)[part], document.texture_seeds()[part], size)
