"""A film's frames as what changes from one to the next, exact to the bit.

A stroke is a row of 32-bit words: its numbers as float32, then its id. Words of a stroke that was there before are kept
as those bits in which they differ, those of a new one as they are. Their bytes are kept plane by plane: the lowest byte
of all words, column by column, then the next. Most of the higher ones are 0, and deflate does the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from neural_painter.strokes import Strokes

Array = np.ndarray

NEW = -1
"""Row of a stroke that was not there before."""


class Change(NamedTuple):
    """A frame as it differs from the one before.

    Attributes:
        shifts: `[N]` int32, the row that each stroke had before less its row now; `NEW` less its row where it is new.
        planes: `[4 * columns * N]` uint8, the bytes of what has changed.
    """

    shifts: Array
    planes: Array


def words_of(strokes: Strokes) -> Array:
    """Strokes with ids as `[N, columns]` uint32."""
    if strokes.ids is None:
        raise ValueError("strokes of a film need ids")
    return np.concatenate([strokes.table().view(np.uint32), strokes.ids[:, None]], axis=1)


def strokes_of(words: Array) -> Strokes:
    """What `words_of` was made of."""
    return Strokes.of(np.ascontiguousarray(words[:, :-1]).view(np.float32), words[:, -1])


def nothing(columns: int) -> Array:
    """The words of a frame without strokes."""
    return np.zeros((0, columns), np.uint32)


def change(before: Array, after: Array) -> Change:
    """What makes of one frame's words `[M, columns]` the next ones' `[N, columns]`; ids are each there once."""
    came = _rows_before(before[:, -1], after[:, -1])
    changed = after ^ _laid(before, came)
    planes = changed.astype("<u4").view(np.uint8).reshape(*changed.shape, 4).transpose(2, 1, 0)
    return Change((came - np.arange(len(came))).astype(np.int32), np.ascontiguousarray(planes).ravel())


def changed(before: Array, shifts: Array, planes: Array) -> Array:
    """The next frame's words, of those before and a `Change`.

    Raises:
        ValueError: a row that was not there before, or an id that is there twice.
    """
    count, columns = len(shifts), before.shape[1]
    came = shifts.astype(np.int64) + np.arange(count)
    if count and not (came.min() >= NEW and came.max() < len(before)):
        raise ValueError("a stroke continues one that is not there")
    bits = np.ascontiguousarray(planes.reshape(4, columns, count).transpose(2, 1, 0)).view("<u4")[..., 0]
    words: Array = _laid(before, came) ^ bits.astype(np.uint32)
    if len(np.unique(words[:, -1])) != count:
        raise ValueError("two strokes have the same id")
    return words


def unrolled(before: Array, counts: Array, shifts: Array, planes: Array) -> Iterator[Array]:
    """The words of frames that follow each other, of so many strokes each.

    Raises:
        ValueError: as `changed`.
    """
    row = 0
    for count in counts.tolist():
        part = slice(row, row + count)
        width = 4 * before.shape[1]
        before = changed(before, shifts[part], planes[width * part.start : width * part.stop])
        yield before
        row += count


def _laid(before: Array, came: Array) -> Array:
    """The rows that strokes had before; zeros where they are new."""
    zeros = np.zeros((1, before.shape[1]), np.uint32)
    return np.concatenate([before, zeros])[came]  # type: ignore[no-any-return]


def _rows_before(before: Array, after: Array) -> Array:
    """For each id of `after`, its row in `before`, or NEW."""
    if not len(before):
        return np.full(len(after), NEW)
    order = np.argsort(before, kind="stable")
    place = order[np.searchsorted(before, after, sorter=order).clip(0, len(before) - 1)]
    return np.where(before[place] == after, place, NEW)
