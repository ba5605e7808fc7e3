"""Which thread paints which tiles, and where it adds up gradients that others add to as well.

A *share* is what one thread does: a run of tiles, row by row. So few strokes belong to two shares, and what was read of
a stroke in one tile is at hand in the next. Nothing depends on which thread is faster.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from neural_painter.compositing.tiles import tile_lists

Array = np.ndarray

SIDES = (64, 32)
"""Sides of tiles, in pixels: the first of which every share has some; large ones are quicker."""

SOME = 6
"""Tiles that a share should have, so that shares are about equal."""

EMPTY = 8
"""Strokes that take as long as a tile without any."""

ROOM = 1 << 30
"""Bytes that gradients of stamps may take twice and more; fewer threads work where it would be more."""

Lists = tuple[int, Array, Array, Array]
"""Side of a tile; counts, starts and members of `tile_lists`."""


def lists_of(placement: Array, size: tuple[int, int], side: int, shares: int) -> Lists:
    """Which strokes are on which tile of a canvas; `side` is that of a stamp."""

    def enough(tile: int) -> bool:
        return shares == 1 or -(-size[0] // tile) * -(-size[1] // tile) >= shares * SOME

    tile = next(filter(enough, SIDES), SIDES[-1])
    return tile, *tile_lists(placement, size, side, tile)


def runs_of(lists: Lists, shares: int) -> Array:
    """The first tile of every share, and the end of the last: runs about equal in strokes, `[shares + 1]`."""
    work = np.cumsum(lists[1].ravel() + EMPTY)
    inner = np.searchsorted(work, work[-1] * np.arange(1, shares) / shares)
    return np.concatenate([[0], inner, [len(work)]])


class Places:
    """Where shares add up what belongs to a stroke: the first that has it, at the stroke's own place.

    Args:
        lists: from `lists_of`.
        runs: from `runs_of`.
        count: how many strokes there are.

    Attributes:
        table: `[shares, N]`, the place of each share and stroke.
        total: how many places there are; those from N on are of strokes that earlier shares have.
    """

    def __init__(self, lists: Lists, runs: Array, count: int) -> None:
        _, _, starts, members = lists
        ends = np.append(starts.ravel(), len(members))[runs]
        self.table = np.tile(np.arange(count), (len(runs) - 1, 1))
        self.total, self._again = count, []
        taken = np.zeros(count, bool)
        for share, (first, end) in enumerate(pairwise(ends)):
            seen = np.zeros(count, bool)
            seen[members[first:end]] = True
            (again,) = np.nonzero(seen & taken)
            self.table[share, again] = np.arange(self.total, self.total + len(again))
            self.total += len(again)
            self._again.append(again)
            taken |= seen

    def gathered(self, values: Array) -> Array:
        """The sums of strokes, `[N, ...]`, of those at all places, `[total, ...]`; in the same memory."""
        for share, again in enumerate(self._again):
            values[again] += values[self.table[share, again]]
        return values[: self.table.shape[1]]


def places_of(lists: Lists, runs: Array, count: int, size: int) -> tuple[Array, Places]:
    """Runs and places for as many shares as there are runs, or fewer.

    Args:
        lists: from `lists_of`.
        runs: from `runs_of`.
        count: how many strokes there are.
        size: bytes at a place; the more, the fewer shares there may be.
    """
    while True:
        places = Places(lists, runs, count)
        if len(runs) == 2 or (places.total - count) * size <= ROOM:
            return runs, places
        runs = runs_of(lists, (len(runs) - 1) // 2)
