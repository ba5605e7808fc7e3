"""Paints strokes with the ground-truth brush, at any size, and says how high their paint lies."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import types

from neural_painter.compositing.bends import bent
from neural_painter.compositing.constants import DARKEST, MIN_HALF, NEAREST, TILE
from neural_painter.compositing.tiles import tile_lists
from neural_painter.export.tooth import bites, bump_at, grained, tooth_of
from neural_painter.strokes import Strokes
from renderers.brush import (
    ANGLE,
    COLOURS,
    HALF_LENGTH,
    HALF_WIDTH,
    POINT_TYPE,
    RELIEF_TYPE,
    SWEEP,
    Brush,
    Surface,
    relief_function,
)
from renderers.kernels import kernel
from renderers.threads import in_shares

Array = np.ndarray

THICKNESS = 0.0142
"""Of the paint of a stroke whose half width is a long side; that of others goes with the root of theirs."""

CARRY = 0.25
"""Part of the relief below an opaque stroke that its own paint follows."""

HIDDEN = 0.1
"""Part of a relief that shows, below which it is left out."""

_LITTLE = 1e-6
"""By which part a point is surely beside a stroke."""

_f2, _f3 = types.Array(types.float32, 2, "C"), types.Array(types.float32, 3, "C")
_i1, _i2 = types.Array(types.int32, 1, "C"), types.Array(types.int64, 2, "C")


@kernel(types.void(_f2, types.Array(types.float64, 2, "C")))
def _turn(placement, turns):  # type: ignore[no-untyped-def]
    """What pixels ask of a stroke again and again, the first six of `[N, 7]`.

    Cosine and sine of its angle, what `_misses` takes, and how thick its paint is, in canvas long sides; behind them
    stands how much of the tooth it shows.
    """
    for n in range(len(placement)):
        sweep = abs(np.float64(placement[n, SWEEP]))
        wide = sweep * max(placement[n, HALF_WIDTH], MIN_HALF) / max(placement[n, HALF_LENGTH], MIN_HALF)
        turns[n, 0], turns[n, 1] = math.cos(placement[n, ANGLE]), math.sin(placement[n, ANGLE])
        turns[n, 2] = math.cos(sweep) ** 2 * (1 - _LITTLE)
        turns[n, 3], turns[n, 4] = max(1 - wide, 0.0) ** 2 * (1 - _LITTLE), (1 + wide) ** 2 * (1 + _LITTLE)
        turns[n, 5] = THICKNESS * math.sqrt(placement[n, HALF_WIDTH])


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
        RELIEF_TYPE,
        _f2,
        types.Array(types.float64, 2, "C"),
        _f2,
        _f2,
        types.Array(types.uint32, 1, "C"),
        _i2,
        _i2,
        _i1,
        _f3,
        _f2,
        types.boolean,
        types.Array(types.float32, 1, "C"),
        types.int64,
        types.float64,
        types.int64,
        types.int64,
    ),
    fastmath={"contract", "arcp", "nsz"},
)
def _paint(  # type: ignore[no-untyped-def]
    point,
    relief,
    placement,
    turns,
    shape,
    paint,
    seeds,
    counts,
    starts,
    members,
    canvas,
    heights,
    multiply,
    tooth,
    top,
    pixel,
    share,
    shares,
):
    """Front to back in each pixel, so that what is covered is never drawn; `canvas` is a band that begins at `top`.

    `heights` are empty where nobody asks for them. Where strokes `multiply`, `paint` has densities for colours, which
    add up, and nothing is covered. `tooth` is empty, or as `grained` takes it.
    """
    height, width, _ = canvas.shape
    raised = heights.size > 0
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
                risen, shown = 0.0, 1.0
                bump = bump_at(x, y, tooth)
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
                    cover = min(max(alpha * paint[n, 6], 0.0), 1.0)
                    if tooth.size > 0:
                        cover = grained(cover, np.float32(turns[n, 6]), bump, x, y, tooth, seeds[n])
                    weight = left * cover
                    red += weight * (first * paint[n, 0] + second * paint[n, 3])
                    green += weight * (first * paint[n, 1] + second * paint[n, 4])
                    blue += weight * (first * paint[n, 2] + second * paint[n, 5])
                    if not multiply:
                        left -= weight
                    if raised and alpha > 0:
                        u, v = np.float32(u * shape[n, 0]), np.float32(v)
                        risen += shown * cover * turns[n, 5] * relief(u, v, footprint, shape[n], seeds[n])
                        shown *= 1 - (1 - CARRY) * cover
                    if left < 1e-3:
                        left = 0.0
                        if not raised or shown < HIDDEN:
                            break
                if multiply:
                    canvas[py, px, 0] *= math.exp(-red)
                    canvas[py, px, 1] *= math.exp(-green)
                    canvas[py, px, 2] *= math.exp(-blue)
                else:
                    canvas[py, px, 0] = red + left * canvas[py, px, 0]
                    canvas[py, px, 1] = green + left * canvas[py, px, 1]
                    canvas[py, px, 2] = blue + left * canvas[py, px, 2]
                if raised:
                    heights[py, px] = risen + shown * heights[py, px]


@relief_function
def _level(along, across, footprint, shape, seed):  # type: ignore[no-untyped-def]
    """The relief of a brush that has none."""
    return np.float32(0)


class Sheet(NamedTuple):
    """A canvas, or a band of it.

    Attributes:
        colour: `[H, W, 3]` float32.
        heights: how high paint lies, in canvas long sides, `[H, W]` float32; empty where nobody asks for it.
    """

    colour: Array
    heights: Array


class StrokePainter:
    """The strokes of a document, or some of them, ready to be painted at one size, on the whole canvas or a band of it.

    Args:
        brush: the ground-truth brush.
        strokes: what to paint, in order.
        shape: `[N, P]` full shapes, aspect first.
        seeds: `[N]` texture seeds.
        size: `(height, width)` of the whole canvas.
        surface: the tooth of what a dry brush paints on; None: it is smooth.
    """

    def __init__(
        self,
        brush: Brush,
        strokes: Strokes,
        shape: Array,
        seeds: Array,
        size: tuple[int, int],
        surface: Surface | None = None,
    ) -> None:
        self._look, self._pixel = (brush.point, brush.relief or _level), 1.0 / max(size)
        self._counts, self._starts, self._members = tile_lists(strokes.placement, size)
        placement, shape, paint = (
            np.ascontiguousarray(a, np.float32) for a in (strokes.placement, shape, strokes.paint)
        )
        turns = np.empty((len(placement), 7))
        _turn(placement, turns)
        turns[:, 6] = bites(surface, paint)
        self._multiply = brush.blend == "multiply"
        if self._multiply:
            paint = paint.copy()
            paint[:, COLOURS] = -np.log(np.maximum(paint[:, COLOURS], np.float32(DARKEST)))
        self._arrays = placement, turns, shape, paint, np.ascontiguousarray(seeds, np.uint32)
        self._tooth = tooth_of(surface, self._pixel)

    def paint(self, sheet: Sheet, top: int = 0) -> None:
        """Paints over rows `top`, a multiple of TILE, and following; arrays are C-contiguous and change in place."""
        rows = slice(top // TILE, -(-(top + len(sheet.colour)) // TILE))
        lists = self._counts[rows], self._starts[rows], self._members
        in_shares(_paint, *self._look, *self._arrays, *lists, *sheet, self._multiply, self._tooth, top, self._pixel)


def paint_strokes(brush: Brush, strokes: Strokes, shape: Array, seeds: Array, canvas: Array) -> None:
    """Paints strokes over `canvas` `[H, W, 3]` float32, in place.

    Args:
        brush: the ground-truth brush.
        strokes: what to paint, in order.
        shape: `[N, P]` full shapes, aspect first.
        seeds: `[N]` texture seeds.
        canvas: C-contiguous float32.
    """
    sheet = Sheet(canvas, np.empty((0, 0), np.float32))
    StrokePainter(brush, strokes, shape, seeds, (canvas.shape[0], canvas.shape[1])).paint(sheet)
