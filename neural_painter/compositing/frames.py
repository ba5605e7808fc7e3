"""Where a stroke lies: which pixels of a row it may reach, and where on its stamp a pixel falls.

A stroke's numbers are worked out once, as rows of *frames* (float32: from the canvas into the stroke's frame) and of
*edges* (float64: its outline in pixels).
"""

import math

import numpy as np

from neural_painter.compositing.constants import MIN_HALF
from renderers.brush import ANGLE, CENTRE, HALVES, X, Y
from renderers.kernels import kernel

Array = np.ndarray

FAST = {"contract", "reassoc", "arcp", "nsz"}
"""Of LLVM's fast mathematics what leaves comparisons with numbers that are none as they are."""

CX, CY, COS, SIN, PER_LENGTH, PER_WIDTH = range(6)
"""Columns of frames: centre, cosine and sine of the angle, 1 / half length, 1 / half width."""

SLACK = 0.01
"""Pixels that an outline is wider than solved: kernels round, and where a stamp ends its weights are zero anyway."""

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
    edges[:, [2, 4, 6]] += SLACK
    return edges


@kernel()
def between(low, high, first, end):  # type: ignore[no-untyped-def]
    """Of pixels from `first` up to `end`, those whose centres lie from `low` to `high`: the first, and their end."""
    return math.ceil(max(low - 0.5, np.float64(first))), math.floor(min(high - 0.5, end - 1.0)) + 1


@kernel()
def rows_of(edges, n, first, end):  # type: ignore[no-untyped-def]
    """Which of the canvas' rows from `first` up to `end` a stroke may reach: the first, and their end."""
    y, reach = edges[n, 1], edges[n, 2]
    return between(y - reach, y + reach, first, end)


@kernel()
def span_of(edges, n, row, first, end):  # type: ignore[no-untyped-def]
    """Which pixels of a row, from `first` up to `end`, a stroke may reach: the first, and their end."""
    x, up = edges[n, 0], row + 0.5 - edges[n, 1]
    one, other = x + edges[n, 3] * up, x + edges[n, 5] * up
    low, high = max(one - edges[n, 4], other - edges[n, 6]), min(one + edges[n, 4], other + edges[n, 6])
    return between(low, high, first, end)


# The three functions below are all that knows how a stroke is laid: points on it, their gradients, and sums of those.


@kernel(fastmath=FAST, forceinline=True)
def locate(frames, n, x, y):  # type: ignore[no-untyped-def]
    """Where on a stroke's stamp the canvas points (x, y) fall, x being Lanes: u along it, v across it, in [-1, 1]²."""
    dx, dy = x - frames[n, CX], y - frames[n, CY]
    length, width = frames[n, PER_LENGTH], frames[n, PER_WIDTH]
    u = dx * (frames[n, COS] * length) + dy * (frames[n, SIN] * length)
    v = dx * -(frames[n, SIN] * width) + dy * (frames[n, COS] * width)
    return u, v


@kernel(fastmath=FAST, forceinline=True)
def moved(frames, n, x, y, gu, gv, sums):  # type: ignore[no-untyped-def]
    """Adds to the sums that `placement_gradient` takes, what the gradients of u and v of some points say."""
    u, v = locate(frames, n, x, y)
    slim = frames[n, PER_LENGTH] / frames[n, PER_WIDTH]
    turned = gu * v * slim - gv * u / slim
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
