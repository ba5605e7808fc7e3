"""Where a stroke lies: which pixels of a row it may reach, and where on its stamp a pixel falls.

A stroke's numbers are worked out once, as rows of *frames* (from the canvas into the stroke's frame) and of
*edges* (its outline in pixels).
"""

import math

import numpy as np

from neural_painter.compositing.constants import MIN_HALF
from neural_painter.compositing.lanes import WIDTH, choose, floor, magnitude, ramp, store_whole
from renderers.brush import ANGLE, CENTRE, HALVES, X, Y
from renderers.kernels import kernel

Array = np.ndarray

_0, _HALF = np.float32(0), np.float32(0.5)

FAST = {"contract", "reassoc", "arcp", "nsz"}
"""Of LLVM's fast mathematics what leaves comparisons with numbers that are none as they are."""

INNER = {"fastmath": FAST, "forceinline": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Options of kernels that are parts of others only: nothing is compiled for calls from elsewhere."""

CX, CY, COS, SIN, PER_LENGTH, PER_WIDTH = range(6)
"""Columns of frames: centre, cosine and sine of the angle, 1 / half length, 1 / half width."""

SLACK, ROUNDING = 0.01, np.float32(1e-6)
"""An outline is wider than solved by so many pixels, and by so much of what is added up: weights are zero there."""

_HUGE = 1e30  # half width of a strip that is none


def frames_of(placement: Array) -> Array:
    """Frames `[N, 6]` of placements `[N, 5]`."""
    angle, halves = placement[:, ANGLE], placement[:, HALVES]
    columns = (placement[:, CENTRE], np.cos(angle)[:, None], np.sin(angle)[:, None], 1 / np.maximum(halves, MIN_HALF))
    return np.concatenate(columns, axis=1, dtype=np.float32)


def edges_of(placement: Array, size: tuple[int, int], side: int) -> Array:
    """Outlines `[N, 7]` of placements `[N, 5]`, in pixels, with the half texel that interpolation reaches beyond a box.

    A box is where two strips cross. At a height dy above the centre (x, y) a strip reaches from
    x + slope * dy - half to x + slope * dy + half.

    Args:
        placement: `[N, 5]`.
        size: of the canvas.
        side: of a stamp, in texels.

    Returns:
        columns: x, y, reach up and down, slope and half of one strip, slope and half of the other.
    """
    numbers = placement.astype(np.float64)
    cos, sin = np.cos(numbers[:, ANGLE]), np.sin(numbers[:, ANGLE])
    length, width = (np.maximum(numbers[:, HALVES], MIN_HALF) * (max(size) * (1 + 1 / side))).T
    edges = np.empty((len(numbers), 7))
    edges[:, 0], edges[:, 1] = numbers[:, X] * max(size), numbers[:, Y] * max(size)
    edges[:, 2] = abs(length * sin) + abs(width * cos)
    # A strip along the rows bounds none of them: `reach` does.
    for column, (across, along, half) in ((3, (cos, -sin, length)), (5, (sin, cos, width))):
        flat = abs(across) < 1e-9
        across = np.where(flat, 1.0, across)
        edges[:, column] = np.where(flat, 0.0, along / across)
        edges[:, column + 1] = np.where(flat, _HUGE, half / abs(across))
    edges[:, [2, 4, 6]] += SLACK + ROUNDING * (abs(edges[:, :1]) + edges[:, [2, 4, 6]])
    return edges.astype(np.float32)


@kernel(**INNER)
def rows_of(edges, n, first, end):  # type: ignore[no-untyped-def]
    """Which of the canvas' rows from `first` up to `end` a stroke may reach: the first, and their end."""
    y, reach = edges[n, 1], edges[n, 2]
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
    x, up = edges[n, 0], ramp() + (np.float32(row + 0.5) - edges[n, 1])
    one, other = up * edges[n, 3], up * edges[n, 5]
    half_one, half_other = magnitude(one) * ROUNDING + edges[n, 4], magnitude(other) * ROUNDING + edges[n, 6]
    low, lower = x + one - half_one, x + other - half_other
    high, higher = x + one + half_one, x + other + half_other
    low, high = choose(low > lower, low, lower) - _HALF, choose(high < higher, high, higher) + _HALF
    store_whole(spans, 0, _within(_0 - floor(_0 - low), np.float32(first), np.float32(end)))
    store_whole(spans, WIDTH, _within(floor(high), np.float32(first), np.float32(end)))


@kernel(**INNER)
def _within(lanes, low, high):  # type: ignore[no-untyped-def]
    lanes = choose(lanes > low, lanes, low)
    return choose(lanes < high, lanes, high)


# What follows is all that knows how a stroke is laid: points on it, their gradients, and sums of those.


@kernel(**INNER)
def frame_of(frames, n):  # type: ignore[no-untyped-def]
    """The frame of stroke n."""
    return frames[n, CX], frames[n, CY], frames[n, COS], frames[n, SIN], frames[n, PER_LENGTH], frames[n, PER_WIDTH]


@kernel(**INNER)
def locate(frame, x, y):  # type: ignore[no-untyped-def]
    """Where on a stroke's stamp the canvas points (x, y) fall, x being Lanes: u along it, v across it, in [-1, 1]²."""
    cx, cy, cos, sin, per_length, per_width = frame
    dx, dy = x - cx, y - cy
    return dx * (cos * per_length) + dy * (sin * per_length), dx * -(sin * per_width) + dy * (cos * per_width)


@kernel(**INNER)
def moved(frame, x, y, gu, gv, sums):  # type: ignore[no-untyped-def]
    """Adds to the sums that `placement_gradient` takes, what the gradients of u and v of some points say."""
    u, v = locate(frame, x, y)
    _, _, _, _, per_length, per_width = frame
    turned = gu * v * (per_length / per_width) - gv * u * (per_width / per_length)
    return sums[0] + gu, sums[1] + gv, sums[2] + gu * u, sums[3] + gv * v, sums[4] + turned


def placement_gradient(placement: Array, frames: Array, sums: Array) -> Array:
    """The gradient of placements `[N, 5]`, from what a kernel has summed over the pixels that `locate` was asked for.

    Args:
        placement, frames: the strokes.
        sums: `[N, 5]`: of the gradients gu and gv of u and v, of gu * u, of gv * v, and of
            gu * v * (half width / half length) - gv * u * (half length / half width), the gradient of the angle.
    """
    cos, sin = frames[:, COS], frames[:, SIN]
    made = np.empty_like(placement)
    along, across = sums[:, 0] * frames[:, PER_LENGTH], sums[:, 1] * frames[:, PER_WIDTH]
    made[:, X], made[:, Y] = across * sin - along * cos, -along * sin - across * cos
    made[:, HALVES] = -sums[:, 2:4] * frames[:, PER_LENGTH : PER_WIDTH + 1] * (placement[:, HALVES] >= MIN_HALF)
    made[:, ANGLE] = sums[:, 4]
    return made
