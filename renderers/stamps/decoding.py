"""What both networks do after their fully connected layers, as kernels: one share of the strokes a thread.

Three convolutions of 3x3, the first two with a ReLU and a pixel shuffle, from a grid of 8x8 to a stamp of 32x32. A
stroke's planes stay in the processor's cache from one to the next, which libraries of convolutions cannot do: they
are at their best with a hundred channels, and here are ten.

A plane of H x W numbers lies in rows of W + 1, after a row of zeros and before another, so that a neighbour beyond the
border is a zero as well, and the nine neighbours of all points are the same run of numbers, moved.

    grid     [N, C * 64]          what the fully connected layers gave, after their ReLU
    weights  [out, in, 9]         of a convolution; on the way back `[in, out, 9]`, turned by half a turn
    kept     [N or threads, ...]  uint8: which numbers after both pixel shuffles are above 0, where they are kept
    stamps   [N, S*S, 3]          matte, first weight, second weight
"""

from __future__ import annotations

import numpy as np
from numba import types

from renderers.kernels import FAST, kernel
from renderers.networks import STAMP
from renderers.stamps.kernels import sigmoid

_f1, _f2, _f3 = (types.Array(types.float32, n, "C") for n in (1, 2, 3))
_bytes = types.Array(types.uint8, 2, "C")

SIDE = STAMP // 4
"""Of the grid."""


@kernel(fastmath=FAST)
def _planes(count, side):  # type: ignore[no-untyped-def]
    """Room for planes, with zeros around them."""
    return np.zeros((count, (side + 2) * (side + 1) + 2), np.float32)


@kernel(types.void(_f2, _f3, _f1, types.int64, _f2), fastmath=FAST)
def _convolve(planes, weights, bias, side, out):  # type: ignore[no-untyped-def]
    """Planes to `out` `[channels, side * (side + 1)]`, whose rows have one more number, of no meaning."""
    row, size = side + 1, side * (side + 1)
    fours = len(weights) // 4 * 4
    for o in range(0, fours, 4):  # as many as there are registers for
        f, g, h, i = out[o], out[o + 1], out[o + 2], out[o + 3]
        for t in range(size):
            f[t], g[t], h[t], i[t] = bias[o], bias[o + 1], bias[o + 2], bias[o + 3]
        for c in range(weights.shape[1]):
            for d in range(3):
                line = planes[c, d * row :]
                v, w, x, y = weights[o, c], weights[o + 1, c], weights[o + 2, c], weights[o + 3, c]
                v0, v1, v2 = v[3 * d], v[3 * d + 1], v[3 * d + 2]
                w0, w1, w2 = w[3 * d], w[3 * d + 1], w[3 * d + 2]
                x0, x1, x2 = x[3 * d], x[3 * d + 1], x[3 * d + 2]
                y0, y1, y2 = y[3 * d], y[3 * d + 1], y[3 * d + 2]
                for t in range(size):
                    left, here, right = line[t], line[t + 1], line[t + 2]
                    f[t] += v0 * left + v1 * here + v2 * right
                    g[t] += w0 * left + w1 * here + w2 * right
                    h[t] += x0 * left + x1 * here + x2 * right
                    i[t] += y0 * left + y1 * here + y2 * right
    for o in range(fours, len(weights)):
        f = out[o]
        for t in range(size):
            f[t] = bias[o]
        for c in range(weights.shape[1]):
            above, here, below, w = planes[c], planes[c, row:], planes[c, 2 * row :], weights[o, c]
            w0, w1, w2, w3, w4, w5, w6, w7, w8 = w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8]
            for t in range(size):
                value = w0 * above[t] + w1 * above[t + 1] + w2 * above[t + 2]
                value += w3 * here[t] + w4 * here[t + 1] + w5 * here[t + 2]
                f[t] += value + w6 * below[t] + w7 * below[t + 1] + w8 * below[t + 2]


@kernel(fastmath=FAST)
def _double(found, side, planes, kept):  # type: ignore[no-untyped-def]
    """ReLU and pixel shuffle: four channels of `found` to a plane of twice the side; `kept`: what is above 0."""
    wide = 2 * side
    for c in range(len(planes)):
        for y in range(wide):
            even, odd = found[4 * c + 2 * (y % 2)], found[4 * c + 2 * (y % 2) + 1]
            at, to, mark = (y // 2) * (side + 1), 1 + (y + 1) * (wide + 1), (c * wide + y) * wide
            for x in range(side):
                planes[c, to + 2 * x] = max(even[at + x], np.float32(0))
                planes[c, to + 2 * x + 1] = max(odd[at + x], np.float32(0))
            for x in range(wide):
                kept[mark + x] = planes[c, to + x] > 0


@kernel(fastmath=FAST)
def _halve(found, side, planes, kept):  # type: ignore[no-untyped-def]
    """The transpose of `_double`: gradients of planes of twice the side to those of four channels each."""
    wide = 2 * side
    for c in range(len(planes) // 4):
        for y in range(wide):
            even, odd = planes[4 * c + 2 * (y % 2)], planes[4 * c + 2 * (y % 2) + 1]
            to, at, mark = 1 + (y // 2 + 1) * (side + 1), y * (wide + 1), (c * wide + y) * wide
            for x in range(wide):
                found[c, at + x] *= np.float32(kept[mark + x])
            for x in range(side):
                even[to + x] = found[c, at + 2 * x]
                odd[to + x] = found[c, at + 2 * x + 1]


@kernel(
    types.void(_f2, _f3, _f1, _f3, _f1, _f3, _f1, types.int64, _bytes, _f3, types.int64, types.int64), fastmath=FAST
)
def decode(grid, w1, b1, w2, b2, w3, b3, first, kept, stamps, share, shares):  # type: ignore[no-untyped-def]
    """Grids to channels of stamps from `first` on; of the matte, channel 0, the sigmoid."""
    coarse, middle, fine = w1.shape[1], w2.shape[1], w3.shape[1]
    planes, doubled, fourfold = _planes(coarse, SIDE), _planes(middle, 2 * SIDE), _planes(fine, STAMP)
    half = middle * 4 * SIDE * SIDE
    found1 = np.empty((len(w1), SIDE * (SIDE + 1)), np.float32)
    found2 = np.empty((len(w2), 2 * SIDE * (2 * SIDE + 1)), np.float32)
    found3 = np.empty((len(w3), STAMP * (STAMP + 1)), np.float32)
    for n in range(share, len(grid), shares):
        for c in range(coarse):
            for y in range(SIDE):
                for x in range(SIDE):
                    planes[c, 1 + (y + 1) * (SIDE + 1) + x] = grid[n, (c * SIDE + y) * SIDE + x]
        _convolve(planes, w1, b1, SIDE, found1)
        mine = kept[n % len(kept)]
        _double(found1, SIDE, doubled, mine[:half])
        _convolve(doubled, w2, b2, 2 * SIDE, found2)
        _double(found2, 2 * SIDE, fourfold, mine[half:])
        _convolve(fourfold, w3, b3, STAMP, found3)
        for c in range(len(w3)):
            if first + c == 0:
                for t in range(STAMP * (STAMP + 1)):
                    found3[c, t] = sigmoid(found3[c, t])
            for y in range(STAMP):
                for x in range(STAMP):
                    stamps[n, y * STAMP + x, first + c] = found3[c, y * (STAMP + 1) + x]


@kernel(types.void(_f2, _f3, _f3, _f3, types.int64, _bytes, _f3, _f3, types.int64, types.int64), fastmath=FAST)
def decode_back(grid, t1, t2, t3, first, kept, stamps, gradient, share, shares):  # type: ignore[no-untyped-def]
    """Gradients of grids, into `grid`, from those of stamps; `t1` to `t3` are the weights for the way back."""
    coarse, middle, fine = len(t1), len(t2), len(t3)
    planes = _planes(t3.shape[1], STAMP)
    halved, quartered = _planes(t2.shape[1], 2 * SIDE), _planes(t1.shape[1], SIDE)
    half = middle * 4 * SIDE * SIDE
    found3 = np.empty((fine, STAMP * (STAMP + 1)), np.float32)
    found2 = np.empty((middle, 2 * SIDE * (2 * SIDE + 1)), np.float32)
    found1 = np.empty((coarse, SIDE * (SIDE + 1)), np.float32)
    none = np.zeros(max(coarse, middle, fine), np.float32)
    for n in range(share, len(grid), shares):
        for c in range(t3.shape[1]):
            for y in range(STAMP):
                to = 1 + (y + 1) * (STAMP + 1)
                for x in range(STAMP):
                    value = gradient[n, y * STAMP + x, first + c]
                    if first + c == 0:
                        matte = stamps[n, y * STAMP + x, 0]
                        value *= matte * (np.float32(1) - matte)
                    planes[c, to + x] = value
        _convolve(planes, t3, none, STAMP, found3)
        _halve(found3, 2 * SIDE, halved, kept[n, half:])
        _convolve(halved, t2, none, 2 * SIDE, found2)
        _halve(found2, SIDE, quartered, kept[n, :half])
        _convolve(quartered, t1, none, SIDE, found1)
        for c in range(coarse):
            for y in range(SIDE):
                for x in range(SIDE):
                    grid[n, (c * SIDE + y) * SIDE + x] = found1[c, y * (SIDE + 1) + x]
