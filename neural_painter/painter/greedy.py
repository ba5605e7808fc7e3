"""Finds strokes that lower the error most, by trying them on: one after another, each the best of some candidates.

A candidate is its brush's stamp in the colours that suit it best: those are the solution of two equations for each
channel (of strokes that multiply, in densities: `dyeing.py`). The one that wins is laid on the canvas, so that the next
sees what is left.

Everything here is in pixels, and on the CPU: it takes a hundredth of a stage's time.
"""

from __future__ import annotations

import math

import numpy as np

from neural_painter.painter.dyeing import dye, lacks, lay_dye
from neural_painter.painter.footprint import FAINT, rows_and_columns, texel_of
from renderers.brush import ANGLE, HALF_LENGTH, HALF_WIDTH, SWEEP, X, Y
from renderers.kernels import FAST, kernel

Array = np.ndarray

_LITTLE = 1e-5
"""Squared error of a pixel that is added everywhere."""


@kernel(fastmath=FAST)
def _try(target, canvas, stamp, opacity, stroke, sums):  # type: ignore[no-untyped-def]
    """Adds up what the best colours follow from.

    With a and b the weights of both colours in a pixel, r what is missing there once the stroke has dimmed the canvas:
    the first 9 of sums = aa, ab, bb, then ar and br of each channel. Returns the error now, and with a black stroke.
    """
    height, width, _ = target.shape
    side = stamp.shape[0]
    cos, sin = math.cos(stroke[ANGLE]), math.sin(stroke[ANGLE])
    top, bottom, left, right = rows_and_columns(stroke, height, width)
    now = black = 0.0
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
            sums[0] += a * a
            sums[1] += a * b
            sums[2] += b * b
            for channel in range(3):
                wanted, found = target[py, px, channel], canvas[py, px, channel]
                missing = wanted - (1 - alpha) * found
                now += (wanted - found) ** 2
                black += missing * missing
                sums[3 + channel] += a * missing
                sums[6 + channel] += b * missing
    return now, black


@kernel(fastmath=FAST)
def _colour(sums, paint):  # type: ignore[no-untyped-def]
    """The best colours in [0, 1] into `paint` [6]; returns by how much they lower the error of a black stroke.

    They are drawn a little towards one mean colour: ends that nothing holds would run away from each other.
    """
    aa, ab, bb = sums[0], sums[1], sums[2]
    total = aa + 2 * ab + bb
    if total < 1e-6:
        paint[:] = 0
        return 0.0
    damp = 0.02 * (aa + bb) + 1e-9
    scale = 1 / ((aa + damp) * (bb + damp) - ab * ab)
    lower = 0.0
    for channel in range(3):
        ar, br = sums[3 + channel], sums[6 + channel]
        mean = min(max((ar + br) / total, 0.0), 1.0)
        da, db = ar - mean * (aa + ab), br - mean * (ab + bb)
        first = min(max(mean + scale * ((bb + damp) * da - ab * db), 0.0), 1.0)
        second = min(max(mean + scale * ((aa + damp) * db - ab * da), 0.0), 1.0)
        paint[channel], paint[3 + channel] = first, second
        lower += 2 * (first * ar + second * br) - (first * first * aa + 2 * first * second * ab + second * second * bb)
    return lower


@kernel(fastmath=FAST)
def _lay(target, canvas, stamp, opacity, stroke, paint, error, cell):  # type: ignore[no-untyped-def]
    """Paints a stroke on the canvas, and keeps `error`, the squared errors of cells, true."""
    height, width, _ = target.shape
    side = stamp.shape[0]
    cos, sin = math.cos(stroke[ANGLE]), math.sin(stroke[ANGLE])
    top, bottom, left, right = rows_and_columns(stroke, height, width)
    for py in range(top, bottom):
        for px in range(left, right):
            row, column = texel_of(stroke, cos, sin, side, px, py)
            if row < 0:
                continue
            alpha = opacity * stamp[row, column, 0]
            change = 0.0
            for channel in range(3):
                before = target[py, px, channel] - canvas[py, px, channel]
                colour = stamp[row, column, 1] * paint[channel] + stamp[row, column, 2] * paint[3 + channel]
                canvas[py, px, channel] += alpha * (colour - canvas[py, px, channel])
                after = target[py, px, channel] - canvas[py, px, channel]
                change += after * after - before * before
            error[int(py / cell), int(px / cell)] += change


@kernel(fastmath=FAST)
def _errors(target, canvas, cell):  # type: ignore[no-untyped-def]
    """Squared errors, summed in square cells; a little everywhere, so that strokes spread where nothing is wrong."""
    height, width, _ = target.shape
    error = np.full((int((height - 1) / cell) + 1, int((width - 1) / cell) + 1), _LITTLE * cell * cell)
    for py in range(height):
        for px in range(width):
            for channel in range(3):
                error[int(py / cell), int(px / cell)] += (target[py, px, channel] - canvas[py, px, channel]) ** 2
    return error


@kernel(fastmath=FAST)
def _of_cells(places, shape, cell):  # type: ignore[no-untyped-def]
    """What `places` says in the middle of each cell: by what strokes are larger, and the weight of its error."""
    larger, weight = np.empty(shape), np.empty(shape)
    height, width, _ = places.shape
    for row in range(shape[0]):
        for column in range(shape[1]):
            y, x = min(int((row + 0.5) * cell), height - 1), min(int((column + 0.5) * cell), width - 1)
            larger[row, column] = places[y, x, 0]
            # Between the error itself and what a stroke of that size would take away, which has its size twice.
            weight[row, column] = places[y, x, 1] * places[y, x, 0]
    return larger, weight


@kernel(fastmath=FAST)
def _look(error, weight, worst, first, last):  # type: ignore[no-untyped-def]
    """Finds the worst column of each of some rows."""
    for row in range(max(0, first), min(len(worst), last)):
        best, most = 0, -1.0
        for column in range(error.shape[1]):
            value = error[row, column] * weight[row, column]
            if value > most:
                best, most = column, value
        worst[row] = best


@kernel(fastmath=FAST)
def _worst(error, weight, worst):  # type: ignore[no-untyped-def]
    """Row and column of the cell whose weighted error is largest, out of the worst of each row."""
    best, most = 0, -1.0
    for row in range(len(worst)):
        value = error[row, worst[row]] * weight[row, worst[row]]
        if value > most:
            best, most = row, value
    return best, worst[best]


@kernel(fastmath=FAST)
def _damp(weight, at_row, at_column, reach):  # type: ignore[no-untyped-def]
    """Lowers the weights around a cell: what is wrong in one place should not draw all strokes. `reach` in cells.

    Returns the first row that has changed, and the one after the last.
    """
    rows, columns = weight.shape
    radius = int(2.5 * reach) + 1
    for row in range(max(0, at_row - radius), min(rows, at_row + radius + 1)):
        for column in range(max(0, at_column - radius), min(columns, at_column + radius + 1)):
            distance = ((row - at_row) ** 2 + (column - at_column) ** 2) / (reach * reach)
            weight[row, column] *= 1 - 0.97 * math.exp(-0.5 * distance)
    return at_row - radius, at_row + radius + 1


@kernel(fastmath=FAST)
def _nearest(aspects, wanted):  # type: ignore[no-untyped-def]
    """Index of the aspect that is closest by its logarithm."""
    best = 0
    for index in range(len(aspects)):
        if abs(math.log(aspects[index] / wanted)) < abs(math.log(aspects[best] / wanted)):
            best = index
    return best


@kernel(fastmath=FAST)
def _candidate(row, column, cell, form, aspects, dice, wide, stroke):  # type: ignore[no-untyped-def]
    """Centre and angle of a candidate near a cell, into `stroke`; returns the index of its aspect."""
    height, width, _ = form.shape
    stroke[X] = min(max((column + 0.5 + 2 * dice[0]) * cell, 0.0), width - 0.01)
    stroke[Y] = min(max((row + 0.5 + 2 * dice[1]) * cell, 0.0), height - 0.01)
    along, wanted = form[int(stroke[Y]), int(stroke[X])]
    stroke[ANGLE] = along + dice[2] * (1.0 if wide else 0.3)
    return _nearest(aspects, wanted * math.exp(1.2 * dice[3]))


@kernel(fastmath=FAST)
def place(  # type: ignore[no-untyped-def]
    target, canvas, stamps, aspects, opacity, lack, form, places, sizes, bounds, cell, reach, dice, placement, paint
):
    """Lays strokes one by one where the canvas is worst.

    Args:
        target, canvas: `[H, W, 3]`; the canvas is painted on.
        stamps: `[A, S, S, 3]` of the aspects `[A]`; the middle one is the brush's usual.
        opacity: of all strokes.
        lack: room for `dyeing.lacks`, `[H, W, 6]`, where strokes multiply; None where they cover, and numba leaves out
            all that multiplies.
        form: `[H, W, 2]` direction of form, and the aspect that suits it.
        places: `[H, W, 2]` by what strokes are larger there, and how much error counts there.
        sizes: half lengths of strokes of the usual aspect, to be tried.
        bounds: least half width, largest half length.
        cell: side of the cells whose errors are compared.
        reach: how far from each other strokes should lie, in cells.
        dice: `[N, candidates, 4]` in [-0.5, 0.5): where, where, angle, aspect of each.
        placement: `[N, 6]`, is written.
        paint: `[N, 6]` both colours, is written.
    """
    error = _errors(target, canvas, cell)
    larger, weight = _of_cells(places, error.shape, cell)
    if lack is not None:
        lacks(target, canvas, lack, 0, target.shape[0], 0, target.shape[1])
    worst = np.zeros(len(error), np.int64)
    _look(error, weight, worst, 0, len(error))
    stroke, sums, colours = np.empty(5), np.empty(15), np.empty(6)
    for k in range(len(dice)):
        row, column = _worst(error, weight, worst)
        scale, most, chosen = larger[row, column], -np.inf, 0
        for candidate in range(dice.shape[1]):
            index = _candidate(row, column, cell, form, aspects, dice[k, candidate], candidate % 3 == 2, stroke)
            for size in sizes:
                half = size * scale * math.sqrt(aspects[index] / aspects[len(aspects) // 2])
                stroke[HALF_LENGTH] = min(max(half, bounds[0] * scale * aspects[index]), bounds[1])
                stroke[HALF_WIDTH] = stroke[HALF_LENGTH] / aspects[index]
                if lack is not None:
                    gain = dye(lack, stamps[index], opacity, stroke, sums, colours)
                else:
                    now, black = _try(target, canvas, stamps[index], opacity, stroke, sums)
                    gain = now - black + _colour(sums, colours)
                if gain > most:
                    most, chosen = gain, index
                    placement[k, :SWEEP], placement[k, SWEEP], paint[k] = stroke, 0, colours
        if lack is not None:
            lay_dye(target, canvas, lack, stamps[chosen], opacity, placement[k], paint[k], error, cell)
        else:
            _lay(target, canvas, stamps[chosen], opacity, placement[k], paint[k], error, cell)
        first, last = _damp(weight, row, column, max(reach * scale, 0.6 / cell))
        top, bottom, _, _ = rows_and_columns(placement[k], target.shape[0], target.shape[1])
        _look(error, weight, worst, min(first, int(top / cell)), max(last, int(bottom / cell) + 1))
