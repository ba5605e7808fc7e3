"""Strokes that multiply, tried on: what their colours should be follows from the densities that the canvas lacks.

In a pixel that is c and should be t the density r = ln(c / t) is missing. A stroke of density d there makes the error
c exp(-d) - t, which is neither linear nor quadratic in what the stroke's colours are; so it is taken for L (r - d),
with L = (c - t) / r, the logarithmic mean of both: that is right where d is 0, and where d is r. What is too dark
already (r < 0) no dye makes lighter.
"""

import math

import numpy as np

from neural_painter.compositing.constants import DARKEST
from neural_painter.painter.footprint import FAINT, rows_and_columns, texel_of
from renderers.brush import ANGLE
from renderers.kernels import FAST, kernel

_DARK = 0.004
"""What is darker has the density of this."""
_MOST = -math.log(DARKEST)


@kernel(fastmath=FAST)
def lacks(target, canvas, lack, top, bottom, left, right):  # type: ignore[no-untyped-def]
    """Fills a part of `lack` `[H, W, 6]`: of each channel the density that is missing, then L² of each."""
    for py in range(top, bottom):
        for px in range(left, right):
            for channel in range(3):
                found, wanted = max(canvas[py, px, channel], _DARK), max(target[py, px, channel], _DARK)
                missing = math.log(found / wanted)
                mean = (found - wanted) / missing if abs(missing) > 1e-3 else wanted
                lack[py, px, channel], lack[py, px, 3 + channel] = missing, mean * mean


@kernel(fastmath=FAST)
def dye(lack, stamp, opacity, stroke, sums, paint):  # type: ignore[no-untyped-def]
    """The best colours of a stroke into `paint` [6]; returns by how much they lower the error.

    With a and b the weights of both colours in a pixel, `sums` [15] are of L² times aa, ab, bb, ar and br, of each
    channel.
    """
    height, width, _ = lack.shape
    side = stamp.shape[0]
    cos, sin = math.cos(stroke[ANGLE]), math.sin(stroke[ANGLE])
    top, bottom, left, right = rows_and_columns(stroke, height, width)
    sums[:] = 0
    for py in range(top, bottom):
        for px in range(left, right):
            row, column = texel_of(stroke, cos, sin, side, px, py)
            if row < 0:
                continue
            alpha = opacity * stamp[row, column, 0]
            if alpha < FAINT:
                continue
            a, b = alpha * stamp[row, column, 1], alpha * stamp[row, column, 2]
            for channel in range(3):
                missing, weight = lack[py, px, channel], lack[py, px, 3 + channel]
                sums[channel] += weight * a * a
                sums[3 + channel] += weight * a * b
                sums[6 + channel] += weight * b * b
                sums[9 + channel] += weight * a * missing
                sums[12 + channel] += weight * b * missing
    lower = 0.0
    for channel in range(3):
        lower += _densities(sums[channel::3], channel, paint)
    return lower


@kernel(fastmath=FAST)
def _densities(sums, channel, paint):  # type: ignore[no-untyped-def]
    """Both densities of a channel, as colours into `paint`; drawn a little towards one mean, as `greedy` has it."""
    aa, ab, bb, ar, br = sums[0], sums[1], sums[2], sums[3], sums[4]
    total = aa + 2 * ab + bb
    paint[channel] = paint[3 + channel] = 1
    if total < 1e-6:
        return 0.0
    damp = 0.02 * (aa + bb) + 1e-9
    scale = 1 / ((aa + damp) * (bb + damp) - ab * ab)
    mean = min(max((ar + br) / total, 0.0), _MOST)
    da, db = ar - mean * (aa + ab), br - mean * (ab + bb)
    first = min(max(mean + scale * ((bb + damp) * da - ab * db), 0.0), _MOST)
    second = min(max(mean + scale * ((aa + damp) * db - ab * da), 0.0), _MOST)
    paint[channel], paint[3 + channel] = math.exp(-first), math.exp(-second)
    return 2 * (first * ar + second * br) - (first * first * aa + 2 * first * second * ab + second * second * bb)


@kernel(fastmath=FAST)
def lay_dye(target, canvas, lack, stamp, opacity, stroke, paint, error, cell):  # type: ignore[no-untyped-def]
    """Paints a stroke on the canvas, and keeps `error`, the squared errors of cells, and `lack` true."""
    height, width, _ = target.shape
    side = stamp.shape[0]
    cos, sin = math.cos(stroke[ANGLE]), math.sin(stroke[ANGLE])
    top, bottom, left, right = rows_and_columns(stroke, height, width)
    ink = np.log(paint)
    for py in range(top, bottom):
        for px in range(left, right):
            row, column = texel_of(stroke, cos, sin, side, px, py)
            if row < 0:
                continue
            alpha = opacity * stamp[row, column, 0]
            change = 0.0
            for channel in range(3):
                before = target[py, px, channel] - canvas[py, px, channel]
                density = stamp[row, column, 1] * ink[channel] + stamp[row, column, 2] * ink[3 + channel]
                canvas[py, px, channel] *= math.exp(alpha * density)
                after = target[py, px, channel] - canvas[py, px, channel]
                change += after * after - before * before
            error[int(py / cell), int(px / cell)] += change
    lacks(target, canvas, lack, top, bottom, left, right)
