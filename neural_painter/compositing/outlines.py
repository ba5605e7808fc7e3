"""Which pixels of a row a stroke may reach.

A stroke's outline is worked out once, in pixels, as rows of *edges*. A stroke lies between four lines: one across
either end, and two along it, which touch its outer side in the middle and its inner side at the ends. One that sweeps
lies between two circles as well.
"""

import math

import numpy as np

from neural_painter.compositing.bends import reach_of
from neural_painter.compositing.constants import MIN_HALF
from neural_painter.compositing.frames import INNER
from neural_painter.compositing.lanes import WIDTH, choose, floor, magnitude, ramp, root, spread, store_whole
from renderers.brush import ANGLE, HALF_LENGTH, HALF_WIDTH, SWEEP, X, Y
from renderers.kernels import kernel

Array = np.ndarray

_0, _HALF, _1 = np.float32(0), np.float32(0.5), np.float32(1)

SLACK, ROUNDING = 0.01, np.float32(1e-6)
"""An outline is wider than solved by so many pixels, and by so much of what is added up: weights are zero there."""

EDGES, CIRCLES = 20, 16
"""Columns of edges, and the first of the circles'."""

CURVED = 0.02
"""Sweep from which the circles around a stroke are looked at: those of others are too large for float32."""

_HUGE, _FARTHEST = 1e30, np.float32(1e29)  # where a line is that bounds nothing


def edges_of(placement: Array, size: tuple[int, int], side: int) -> Array:
    """Outlines `[N, 20]` of placements `[N, 6]`, in pixels, with the half texel that interpolation reaches beyond them.

    At a height dy from the stroke's middle (x, y) a line bounds it by x + slope * dy + low to the left, or by
    x + slope * dy + high to the right.

    Args:
        placement: `[N, 6]`.
        size: of the canvas.
        side: of a stamp, in texels.

    Returns:
        columns: x, y, height of the box's middle, reach up and down from there; slope, low and high of each line; of
        the circles, relative to the stroke's middle, x and y of the centre, outer and inner radius.
    """
    edges = np.empty((len(placement), EDGES), np.float32)
    _outline(placement, np.float64(max(size)), 1 + 1 / side, edges)
    return edges


@kernel()
def _outline(placement, scale, grow, edges):  # type: ignore[no-untyped-def]
    """Fills `edges` of `edges_of`, of strokes that are longer and wider by `grow` than they are."""
    for n in range(len(placement)):
        x, y = placement[n, X] * scale, placement[n, Y] * scale
        sweep, angle = np.float64(placement[n, SWEEP]), np.float64(placement[n, ANGLE])
        length = max(np.float64(placement[n, HALF_LENGTH]), MIN_HALF) * scale
        width = max(np.float64(placement[n, HALF_WIDTH]), MIN_HALF) * scale
        end, along, inwards = reach_of(length, width, sweep, grow)
        turn, side, outwards = abs(sweep), -1.0 if sweep < 0 else 1.0, width * grow
        cos, sin = math.cos(angle), math.sin(angle)
        across_x, across_y = -side * sin, side * cos  # towards the side that it turns to
        shift = 0.5 * (inwards - outwards)
        reach = abs(along * sin) + 0.5 * (inwards + outwards) * abs(cos)
        edges[n, 0], edges[n, 1], edges[n, 2] = x, y, y + shift * across_y
        edges[n, 3] = reach + SLACK + ROUNDING * (abs(x) + reach)
        # The lines across the ends meet in the circles' centre.
        tip = length * grow if end == 0 else length / turn * math.sin(end)
        in_x, in_y = math.sin(end) * across_x, math.sin(end) * across_y
        on_x, on_y = math.cos(end) * cos, math.cos(end) * sin
        _line(edges[n, 4:7], x, in_x + on_x, in_y + on_y, tip)
        _line(edges[n, 7:10], x, in_x - on_x, in_y - on_y, tip)
        _line(edges[n, 10:13], x, across_x, across_y, inwards)
        _line(edges[n, 13:16], x, -across_x, -across_y, outwards)
        radius = length / turn if turn > CURVED else _HUGE
        loose = SLACK + 4 * ROUNDING * (abs(x) + radius)
        edges[n, CIRCLES], edges[n, CIRCLES + 1] = radius * across_x, radius * across_y
        edges[n, CIRCLES + 2], edges[n, CIRCLES + 3] = radius + outwards + loose, max(radius - outwards - loose, 0.0)


@kernel(**INNER)
def _line(edge, x, across, along, most):  # type: ignore[no-untyped-def]
    """Slope, low and high of the line up to which across * dx + along * dy is at most `most`."""
    edge[0], edge[1], edge[2] = 0.0, -_HUGE, _HUGE
    if abs(across) >= 1e-9:  # one along the rows bounds none of them: `reach` does
        bound = most / across
        loose = SLACK + ROUNDING * (abs(x) + abs(bound))
        edge[0] = -along / across
        if across > 0:
            edge[2] = bound + loose
        else:
            edge[1] = bound - loose


@kernel(**INNER)
def rows_of(edges, n, first, end):  # type: ignore[no-untyped-def]
    """Which of the canvas' rows from `first` up to `end` a stroke may reach: the first, and their end."""
    y, reach = edges[n, 2], edges[n, 3]
    low, high = max(y - reach - _HALF, np.float32(first)), min(y + reach - _HALF, np.float32(end - 1))
    return math.ceil(low), math.floor(high) + 1


@kernel(**INNER)
def spans_of(spans, edges, n, row, first, end):  # type: ignore[no-untyped-def]
    """Which pixels of eight rows, from `first` up to `end`, a stroke may reach.

    Args:
        spans: int32, [16], filled: the first pixel of each row, then the end of each, which may lie before.
        edges, n: the stroke.
        row: the first of the rows.
        first, end: columns.
    """
    up = ramp() + (np.float32(row + 0.5) - edges[n, 1])
    low, high = _lines(edges, n, up)
    if edges[n, CIRCLES + 2] < _FARTHEST:
        low, high = _circles(edges, n, up, low, high)
    low, high = low + (edges[n, 0] - _HALF), high + (edges[n, 0] + _HALF)
    store_whole(spans, 0, _within(_0 - floor(_0 - low), np.float32(first), np.float32(end)))
    store_whole(spans, WIDTH, _within(floor(high), np.float32(first), np.float32(end)))


@kernel(**INNER)
def _lines(edges, n, up):  # type: ignore[no-untyped-def]
    """From where to where, relative to the stroke's middle, its four lines leave rows at so many heights."""
    low, high = spread(-_FARTHEST), spread(_FARTHEST)
    for line in range(4, CIRCLES, 3):
        at = up * edges[n, line]
        loose = magnitude(at) * ROUNDING
        lower, higher = at - loose + edges[n, line + 1], at + loose + edges[n, line + 2]
        low, high = choose(low > lower, low, lower), choose(high < higher, high, higher)
    return low, high


@kernel(**INNER)
def _circles(edges, n, up, low, high):  # type: ignore[no-untyped-def]
    """What is left of rows between a stroke's two circles: a piece that is within the inner one is cut from an end."""
    x, up = edges[n, CIRCLES], up - edges[n, CIRCLES + 1]
    outer, inner = edges[n, CIRCLES + 2], edges[n, CIRCLES + 3]
    square = (outer - up) * (outer + up)
    half = root(choose(square > _0, square, _0))
    low, high = choose(low > x - half, low, x - half), choose(high < x + half, high, x + half)
    square = (inner - up) * (inner + up)
    half = choose(square > _0, root(square), -_1)
    left, right = x - half, x + half
    first = choose(low > left, choose(low < right, right, low), low)
    return first, choose(high < right, choose(high > left, left, high), high)


@kernel(**INNER)
def _within(lanes, low, high):  # type: ignore[no-untyped-def]
    lanes = choose(lanes > low, lanes, low)
    return choose(lanes < high, lanes, high)
