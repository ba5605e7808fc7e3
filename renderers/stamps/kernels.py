"""Stamps out of a table, and what their gradients say of the shapes: kernels, one share of the strokes a thread.

A stroke's shape lies in a cell of the table, between two nodes of every axis; its stamp is the multilinear
interpolation of the cell's corners. `renderers.stamps.table` tells what the entries are, and has the same in torch.

    axes      [P, K]           where the nodes of each axis lie, the aspect's in its logarithm; padded
    counts    [P]              how many each axis has
    table     [nodes, C, S*S]  int16: coded matte, weight of the first colour, with C = 3 that of the second
    coding    [5]              see `renderers.stamps.table.Coding`
    shapes    [N, P]
    stamps    [N, S*S, 3]
"""

from __future__ import annotations

import math

import numpy as np
from numba import types

from renderers.kernels import FAST, kernel

_FLOATS, _WHOLES = types.Array(types.float32, 2, "C"), types.Array(types.int64, 1, "C")
_CODING, _TABLE = types.Array(types.float32, 1, "C"), types.Array(types.int16, 3, "C")
_STAMPS = types.Array(types.float32, 3, "C")

GROUP = 4
"""Corners blended at a time; brushes with fewer have corners of no weight."""


@kernel(fastmath=FAST)
def sigmoid(x):  # type: ignore[no-untyped-def]
    """1 / (1 + exp(-x)) to 1e-7, by a quotient of polynomials for tanh: as a loop it runs on vector units.

    Source: the coefficients of Eigen's `ptanh`.
    """
    x = min(max(x * np.float32(0.5), np.float32(-9)), np.float32(9))
    y = x * x
    p = y * np.float32(-2.76076847742355e-16) + np.float32(2.00018790482477e-13)
    p = y * p + np.float32(-8.60467152213735e-11)
    p = y * p + np.float32(5.12229709037114e-08)
    p = y * p + np.float32(1.48572235717979e-05)
    p = y * p + np.float32(6.37261928875436e-04)
    p = y * p + np.float32(4.89352455891786e-03)
    q = y * np.float32(1.19825839466702e-06) + np.float32(1.18534705686654e-04)
    q = y * q + np.float32(2.26843463243900e-03)
    q = y * q + np.float32(4.89352518554385e-03)
    return np.float32(0.5) + np.float32(0.5) * (x * p / q)


@kernel(fastmath=FAST)
def _find(axes, counts, shapes, n, part, width, corner, weight):  # type: ignore[no-untyped-def]
    """A shape's cell: its place in it and the cell's width along each axis, its corners' entries and their weights."""
    corner[:] = 0
    weight[:] = 0
    weight[0] = 1
    corners = 1
    for p in range(len(counts)):
        value = np.float32(math.log(shapes[n, p])) if p == 0 else shapes[n, p]
        last = counts[p] - 1
        value = min(max(value, axes[p, 0]), axes[p, last])
        i = 0
        while i < last - 1 and value >= axes[p, i + 1]:
            i += 1
        width[p] = axes[p, i + 1] - axes[p, i]
        part[p] = (value - axes[p, i]) / width[p]
        for k in range(corners):
            corner[k] = corner[k] * counts[p] + i
            corner[corners + k] = corner[k] + 1
            weight[corners + k] = weight[k] * part[p]
            weight[k] *= 1 - part[p]
        corners *= 2
    return corners


@kernel(
    types.void(_FLOATS, _WHOLES, _TABLE, _CODING, _FLOATS, _STAMPS, types.int64, types.int64),
    fastmath=FAST,
)
def draw(axes, counts, table, coding, shapes, stamps, share, shares):  # type: ignore[no-untyped-def]
    """Stamps of shapes."""
    channels, texels = table.shape[1], table.shape[2]
    step, middle, least, span, weigh = coding[0], coding[1], coding[2], coding[3], coding[4]
    part, width = np.empty(len(counts), np.float32), np.empty(len(counts), np.float32)
    room = max(1 << len(counts), GROUP)
    corner, weight = np.empty(room, np.int64), np.empty(room, np.float32)
    blend = np.empty((3, texels), np.float32)
    blend[2] = 0
    for n in range(share, len(shapes), shares):
        _find(axes, counts, shapes, n, part, width, corner, weight)
        for k in range(0, room, GROUP):
            i0, i1, i2, i3 = corner[k], corner[k + 1], corner[k + 2], corner[k + 3]
            w0, w1, w2, w3 = weight[k], weight[k + 1], weight[k + 2], weight[k + 3]
            for c in range(channels):
                for t in range(texels):
                    value = w0 * np.float32(table[i0, c, t]) + w1 * np.float32(table[i1, c, t])
                    value += w2 * np.float32(table[i2, c, t]) + w3 * np.float32(table[i3, c, t])
                    blend[c, t] = value if k == 0 else blend[c, t] + value
        for t in range(texels):
            matte = (sigmoid(blend[0, t] * step + middle) - least) / span
            blend[0, t] = min(max(matte, np.float32(0)), np.float32(1))
        for t in range(texels):
            stamps[n, t, 0] = blend[0, t]
            stamps[n, t, 1] = blend[1, t] * weigh
            stamps[n, t, 2] = blend[2, t] * weigh


@kernel(
    types.void(_FLOATS, _WHOLES, _TABLE, _CODING, _FLOATS, _STAMPS, _STAMPS, _FLOATS, types.int64, types.int64),
    fastmath=FAST,
)
def pull(axes, counts, table, coding, shapes, stamps, gradient, pulled, share, shares):  # type: ignore[no-untyped-def]
    """Gradients of shapes, `pulled` `[N, P]`, from those of the stamps that `draw` has drawn."""
    channels, texels = table.shape[1], table.shape[2]
    step, least, span, weigh = coding[0], coding[2], coding[3], coding[4]
    part, width = np.empty(len(counts), np.float32), np.empty(len(counts), np.float32)
    room = max(1 << len(counts), GROUP)
    corner, weight = np.empty(room, np.int64), np.empty(room, np.float32)
    coded = np.empty((3, texels), np.float32)
    for n in range(share, len(shapes), shares):
        corners = _find(axes, counts, shapes, n, part, width, corner, weight)
        for t in range(texels):
            matte = stamps[n, t, 0]
            risen = least + span * matte  # the sigmoid
            slope = risen * (np.float32(1) - risen) * step / span
            coded[0, t] = gradient[n, t, 0] * slope if 0 < matte < 1 else np.float32(0)
            coded[1, t] = gradient[n, t, 1] * weigh
            coded[2, t] = gradient[n, t, 2] * weigh
        for p in range(len(counts)):
            pulled[n, p] = 0
        for k in range(corners):
            total = np.float32(0)
            for c in range(channels):
                for t in range(texels):
                    total += coded[c, t] * np.float32(table[corner[k], c, t])
            for p in range(len(counts)):
                along = np.float32(1)  # of the weight, along axis p
                for q in range(len(counts)):
                    upper = k >> q & 1
                    if q == p:
                        along *= np.float32(1) if upper else np.float32(-1)
                    else:
                        along *= part[q] if upper else 1 - part[q]
                pulled[n, p] += along * total / width[p]
        pulled[n, 0] /= shapes[n, 0]
