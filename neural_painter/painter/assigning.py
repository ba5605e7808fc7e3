"""Which paint each colour of each stroke becomes: one after another, as the picture is closest, until none changes.

A canvas is linear in its colours (`compositing.visible`), so what an exchange of one paint for another makes of the
error is known at once, with all that lies over and under the stroke. The error counts twice: pixel by pixel, and in
cells of a few pixels, as the eye sees from afar: there neighbours make up for each other. In both it counts half as a
difference of sRGB and half as one of Lab, taken for linear.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neural_painter.compositing.visible import Visible
from neural_painter.palettes.colours import lab_of
from renderers.kernels import FAST, kernel

Array = np.ndarray

SWEEPS = 12
"""Times that all strokes are looked at, at most."""

CELLS = 64
"""Cells along the long side."""

AFAR = 2.0
"""Weight of cells against pixels. More of it spares difference of colour from afar, and costs PSNR."""

PERCEIVED = 0.5
"""Part of the error that counts in Lab."""

LITTLE = 2e-4
"""How much paints hold on to what they are, against the mean of what holds them where they are seen."""


class Grid(NamedTuple):
    """What is seen of strokes on a grid, as kernels take it.

    Attributes:
        first, end, place, amounts: as of `Visible`.
        wanted: `[P, 3]` float64, what strokes should make of each place.
        weight: `[P]` float64, how much its error counts.
    """

    first: Array
    end: Array
    place: Array
    amounts: Array
    wanted: Array
    weight: Array


class Assigning:
    """Paints for the strokes of one picture.

    Args:
        seen: of the strokes.
        target: what the picture should be, `[H, W, 3]`.
        background: what strokes lie over, `[3]` or `[H, W, 3]`.
        weights: `[H, W]`, how much each pixel counts; None: all alike.
    """

    def __init__(self, seen: Visible, target: Array, background: Array, weights: Array | None = None) -> None:
        height, width, _ = target.shape
        weight = np.ones((height, width)) if weights is None else weights.astype(np.float64)
        wanted = target - seen.left[..., None] * background.astype(np.float64)
        cell = max(2, round(max(height, width) / CELLS))
        entries = seen.first, seen.end, seen.place, seen.amounts
        pixels = Grid(*entries, wanted.reshape(-1, 3), weight.reshape(-1))
        rows, columns = -(-height // cell), -(-width // cell)
        first, end, place, amounts = _cells(*entries, width, cell, columns, rows)
        pooled = _pooled(np.concatenate([wanted, weight[..., None]], axis=2), cell, columns, rows)
        self._grids = pixels, Grid(first, end, place, amounts, pooled[:, :3].copy(), AFAR * pooled[:, 3] / cell)
        self._metric = (1 - PERCEIVED) * np.eye(3) + PERCEIVED * lab_metric(target)

    def closest(self, paints: Array, start: Array, *, free: Array | None = None, hold: float = 0.0) -> Array:
        """The number of the paint `[K, 3]` of both colours of each stroke, `[N, 2]`.

        Args:
            paints: to choose from.
            start: where to begin, `[N, 2]`.
            free: `[N]` bool, strokes that may change; None: all.
            hold: how much they hold on to what they are: the colour that would suit best must lie farther on the way
                to another paint than half of this part beyond its middle.
        """
        paints, chosen = np.ascontiguousarray(paints, np.float64), start.astype(np.int64)
        may = np.ones(len(chosen), np.bool_) if free is None else free.astype(np.bool_)
        left = tuple(_left(grid, paints, chosen) for grid in self._grids)
        for _ in range(SWEEPS):
            if not _sweep(self._grids, left, paints, self._metric, chosen, may, 1.0 + hold):
                break
        return chosen

    def suited(self, paints: Array, chosen: Array) -> Array:
        """Other colours for paints `[K, 3]`, with which the picture is closest, each staying where it was chosen."""
        matrix, right = np.zeros((len(paints), len(paints))), np.zeros((len(paints), 3))
        for grid in self._grids:
            _normal(grid, _order(grid.place, len(grid.weight)), _owners(grid), chosen, matrix, right)
        hold = LITTLE * max(np.trace(matrix) / len(paints), 1e-9) * np.eye(len(paints))
        found: Array = np.linalg.solve(matrix + hold, right + hold @ paints).clip(0, 1)
        return found


def lab_metric(picture: Array, step: float = 1e-3) -> Array:
    """The mean over a picture of what differences d of sRGB count in Lab, as d' metric d; `[3, 3]` of trace 3."""
    colours = np.clip(picture.reshape(-1, 3)[:: max(1, picture.size // 6000)], 0, 1 - step)
    slopes = np.stack([lab_of(colours + step * axis) - lab_of(colours) for axis in np.eye(3)], axis=2) / step
    metric = np.einsum("nlc,nld->cd", slopes, slopes)
    return metric * (3 / np.trace(metric))  # type: ignore[no-any-return]


def _owners(grid: Grid) -> Array:
    """The stroke of each entry, which lie in one piece for each stroke, that of the last stroke first."""
    counts = grid.end - grid.first
    return np.repeat(np.arange(len(counts))[::-1], counts[::-1])


def _pooled(picture: Array, cell: int, columns: int, rows: int) -> Array:
    """Sums over cells, over the side of one: so their squares count like those of as many pixels. `[cells, C]`."""
    height, width, channels = picture.shape
    padded = np.pad(picture, ((0, rows * cell - height), (0, columns * cell - width), (0, 0)))
    found: Array = padded.reshape(rows, cell, columns, cell, channels).sum(axis=(1, 3)).reshape(-1, channels) / cell
    return found


@kernel()
def _cells(first, end, place, amounts, width, cell, columns, rows):  # type: ignore[no-untyped-def]
    """The same entries for cells: first, end, place, amounts."""
    firsts, ends = np.zeros(len(first), np.int64), np.zeros(len(first), np.int64)
    places, found = np.empty(len(place), np.int32), np.zeros((len(place), 2), np.float32)
    owner, entry = np.full(columns * rows, -1, np.int64), np.zeros(columns * rows, np.int64)
    used = 0
    for n in range(len(first) - 1, -1, -1):
        firsts[n] = used
        for e in range(first[n], end[n]):
            at = place[e] // width // cell * columns + place[e] % width // cell
            if owner[at] != n:
                owner[at], entry[at] = n, used
                places[used] = at
                used += 1
            found[entry[at], 0] += amounts[e, 0] / cell
            found[entry[at], 1] += amounts[e, 1] / cell
        ends[n] = used
    return firsts, ends, places[:used].copy(), found[:used].copy()


@kernel(fastmath=FAST)
def _left(grid, paints, chosen):  # type: ignore[no-untyped-def]
    """What the picture of these paints shows too much, `[P, 3]`."""
    first, end, place, amounts, wanted, _ = grid
    left = -wanted
    for n in range(len(first)):
        for e in range(first[n], end[n]):
            for c in range(3):
                one, two = paints[chosen[n, 0], c], paints[chosen[n, 1], c]
                left[place[e], c] += amounts[e, 0] * one + amounts[e, 1] * two
    return left


@kernel(fastmath=FAST)
def _sweep(grids, lefts, paints, metric, chosen, free, weight):  # type: ignore[no-untyped-def]
    """Looks at all that are free once, the topmost first; returns how many colours changed. A change weighs so much."""
    changed = 0
    pull, step = np.zeros(3), np.zeros(3)
    for n in range(len(chosen) - 1, -1, -1):
        if not free[n]:
            continue
        for slot in range(2):
            pull[:] = 0
            size = _pull(grids[0], lefts[0], n, slot, pull) + _pull(grids[1], lefts[1], n, slot, pull)
            if size <= 0:
                continue
            old = chosen[n, slot]
            best, least = old, -1e-9
            for k in range(len(paints)):
                change = 0.0
                for c in range(3):
                    step[c] = paints[k, c] - paints[old, c]
                for c in range(3):
                    for d in range(3):
                        change += step[c] * metric[c, d] * (2 * pull[d] + weight * size * step[d])
                if change < least:
                    best, least = k, change
            if best != old:
                changed += 1
                for c in range(3):
                    step[c] = paints[best, c] - paints[old, c]
                _exchange(grids[0], lefts[0], n, slot, step)
                _exchange(grids[1], lefts[1], n, slot, step)
                chosen[n, slot] = best
    return changed


@kernel(fastmath=FAST)
def _pull(grid, left, n, slot, pull):  # type: ignore[no-untyped-def]
    """Adds to `pull` [3] what is too much, weighed with one colour's amounts; returns the sum of their squares."""
    first, end, place, amounts, _, weight = grid
    size = 0.0
    for e in range(first[n], end[n]):
        weighed = weight[place[e]] * amounts[e, slot]
        size += weighed * amounts[e, slot]
        for c in range(3):
            pull[c] += weighed * left[place[e], c]
    return size


@kernel(fastmath=FAST)
def _exchange(grid, left, n, slot, step):  # type: ignore[no-untyped-def]
    for e in range(grid[0][n], grid[1][n]):
        for c in range(3):
            left[grid[2][e], c] += grid[3][e, slot] * step[c]


@kernel()
def _order(place, places):  # type: ignore[no-untyped-def]
    """Entries place by place."""
    starts = np.zeros(places + 1, np.int64)
    for at in place:
        starts[at + 1] += 1
    starts = np.cumsum(starts)
    order = np.empty(len(place), np.int64)
    for e in range(len(place)):
        order[starts[place[e]]] = e
        starts[place[e]] += 1
    return order


@kernel(fastmath=FAST)
def _normal(grid, order, owners, chosen, matrix, right):  # type: ignore[no-untyped-def]
    """Adds to the normal equations of the paints' colours: `matrix` [K, K] and `right` [K, 3]."""
    _, _, place, amounts, wanted, weight = grid
    mixed, which = np.zeros(len(matrix)), np.empty(len(matrix), np.int64)
    k = 0
    while k < len(order):
        at, used = place[order[k]], 0
        while k < len(order) and place[order[k]] == at:
            for slot in range(2):
                paint, amount = chosen[owners[order[k]], slot], amounts[order[k], slot]
                if amount > 0:
                    if mixed[paint] == 0:
                        which[used] = paint
                        used += 1
                    mixed[paint] += amount
            k += 1
        for i in range(used):
            weighed = weight[at] * mixed[which[i]]
            for j in range(used):
                matrix[which[i], which[j]] += weighed * mixed[which[j]]
            for c in range(3):
                right[which[i], c] += weighed * wanted[at, c]
        for i in range(used):
            mixed[which[i]] = 0
