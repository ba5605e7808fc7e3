"""Where a stroke lies: which pixels of a row it may reach, and where on its stamp a pixel falls.

A stroke's numbers are worked out once, as rows of *frames* (from the canvas into the stroke's frame) and of
*edges* (its outline in pixels).
"""

import math

import numpy as np

from neural_painter.compositing.bends import boxes_of
from neural_painter.compositing.constants import ARCTANGENT, MIN_HALF, NEAREST, SINE
from neural_painter.compositing.lanes import WIDTH, choose, floor, magnitude, ramp, root, store_whole
from renderers.brush import ANGLE, CENTRE, HALVES, SWEEP, X, Y
from renderers.kernels import kernel

Array = np.ndarray

_0, _HALF, _1, _2 = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)

FAST = {"contract", "reassoc", "arcp", "nsz"}
"""Of LLVM's fast mathematics what leaves comparisons with numbers that are none as they are."""

INNER = {"fastmath": FAST, "forceinline": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Options of kernels that are parts of others only: nothing is compiled for calls from elsewhere."""

CX, CY, COS, SIN, PER_LENGTH, PER_WIDTH, SWEPT = range(7)
"""Columns of frames: centre, cosine and sine of the angle, 1 / half length, 1 / half width, sweep."""

SLACK, ROUNDING = 0.01, np.float32(1e-6)
"""An outline is wider than solved by so many pixels, and by so much of what is added up: weights are zero there."""

_FAR = np.float32(1e3)  # off any stamp
_NEAREST, _SIXTH = np.float32(NEAREST), np.float32(1 / 6)
_A1, _A2, _A3, _A4, _A5, _A6 = (np.float32(value) for value in ARCTANGENT)
_S1, _S2, _S3 = (np.float32(value) for value in SINE)

_HUGE = 1e30  # half width of a strip that is none


def frames_of(placement: Array) -> Array:
    """Frames `[N, 7]` of placements `[N, 6]`."""
    angle, halves = placement[:, ANGLE], placement[:, HALVES]
    turned = np.cos(angle)[:, None], np.sin(angle)[:, None]
    columns = (placement[:, CENTRE], *turned, 1 / np.maximum(halves, MIN_HALF), placement[:, SWEEP, None])
    return np.concatenate(columns, axis=1, dtype=np.float32)


def edges_of(placement: Array, size: tuple[int, int], side: int) -> Array:
    """Outlines `[N, 7]` of placements `[N, 6]`, in pixels, with the half texel that interpolation reaches beyond a box.

    A stroke that sweeps has the outline of a box that holds it.

    A box is where two strips cross. At a height dy above the centre (x, y) a strip reaches from
    x + slope * dy - half to x + slope * dy + half.

    Args:
        placement: `[N, 6]`.
        size: of the canvas.
        side: of a stamp, in texels.

    Returns:
        columns: x, y, reach up and down, slope and half of one strip, slope and half of the other.
    """
    numbers = boxes_of(placement, side).astype(np.float64)
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
    """The frame of stroke n: centre, cosine and sine in half lengths, half length / half width, sweep."""
    per_length = frames[n, PER_LENGTH]
    cos, sin = frames[n, COS] * per_length, frames[n, SIN] * per_length
    return frames[n, CX], frames[n, CY], cos, sin, frames[n, PER_WIDTH] / per_length, frames[n, SWEPT]


@kernel(**INNER)
def _bent(frame, x, y):  # type: ignore[no-untyped-def]
    """Canvas points in half lengths of a stroke, as `bends` has them, without a division by the sweep.

    Returns:
        p, q; along and across the spine; X, Y, r; p² + q².
    """
    cx, cy, cos, sin, _, sweep = frame
    dx, dy = x - cx, y - cy
    p, q = dx * cos + dy * sin, dy * cos - dx * sin
    near, height = _1 - q * sweep, p * sweep
    on = near > _NEAREST
    near, square = choose(on, near, _NEAREST), p * p + q * q
    radius = root(near * near + height * height)
    one, two = radius + _1, radius + near
    part = _1 / (one * two)
    h = height * (part * one)
    t = h * h
    curve = _2 + t * (_A1 + t * (_A2 + t * (_A3 + t * (_A4 + t * (_A5 + t * _A6)))))
    along = choose(on, p * (part * one) * curve, _FAR)
    across = (q * _2 - square * sweep) * (part * two)
    return p, q, along, across, near, height, radius, square


@kernel(**INNER)
def locate(frame, x, y):  # type: ignore[no-untyped-def]
    """Where on a stroke's stamp the canvas points (x, y) fall, x being Lanes: u along it, v across it, in [-1, 1]²."""
    _, _, _, _, slim, _ = frame
    _, _, along, across, _, _, _, _ = _bent(frame, x, y)
    return along, across * slim


@kernel(**INNER)
def moved(frame, x, y, gu, gv, sums):  # type: ignore[no-untyped-def]
    """Adds to the sums that `placement_gradient` takes, what the gradients of u and v of some points say.

    At the angle t of a point, d along = (cos t dp + sin t dq) / r and d across = cos t dq - sin t dp; by the sweep they
    change by (along across - (t - sin t) / sweep²) / r and (across² - p² - q²) / 2 r.
    """
    p, q, along, across, near, height, radius, square = _bent(frame, x, y)
    _, _, _, _, slim, sweep = frame
    over, ga = _1 / radius, gv * slim
    gl = gu * over
    cos, sin = near * over, height * over
    gp, gq = gl * cos - ga * sin, gl * sin + ga * cos
    wider = ga * across
    longer = gp * p + gq * q - wider
    t = along * sweep
    t = t * t
    curve = (_1 + t * (_S1 + t * (_S2 + t * _S3))) * (sweep * _SIXTH)
    swept = gl * along * (across - along * along * curve) + ga * (across * across - square) * (over * _HALF)
    turned = gp * q - gq * p
    return sums[0] + gp, sums[1] + gq, sums[2] + longer, sums[3] + wider, sums[4] + turned, sums[5] + swept


def placement_gradient(placement: Array, frames: Array, sums: Array) -> Array:
    """The gradient of placements `[N, 6]`, from what a kernel has summed over the pixels that `locate` was asked for.

    Args:
        placement, frames: the strokes.
        sums: `[N, 6]`: of the gradients gp and gq of p and q, of gp * p + gq * q - gv * v, of gv * v, of
            gp * q - gq * p, the gradient of the angle, and of the gradient of the sweep.
    """
    cos, sin = frames[:, COS], frames[:, SIN]
    made = np.empty_like(placement)
    along, across = sums[:, 0] * frames[:, PER_LENGTH], sums[:, 1] * frames[:, PER_LENGTH]
    made[:, X], made[:, Y] = across * sin - along * cos, -along * sin - across * cos
    made[:, HALVES] = -sums[:, 2:4] * frames[:, PER_LENGTH : PER_WIDTH + 1] * (placement[:, HALVES] >= MIN_HALF)
    made[:, ANGLE], made[:, SWEEP] = sums[:, 4], sums[:, 5]
    return made
