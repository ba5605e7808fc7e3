"""Work that lasts is kept every ten seconds: when that is, and pieces that are finished one after the other as a file.

A `Journal` writes no piece twice. Behind what the work is, its file has room for two places, which are written in turn:
one of them is whole whenever the program is killed, and tells how many pieces count.
"""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from neural_painter.errors import InputError, OutputError
from neural_painter.files import opened
from neural_painter.records import Place, read_at, record, records, write_at

SECONDS = 10.0
"""Of work after which it is kept."""

SHARE = 0.05
"""Of the time of the work that keeping it may take."""

MOST_WAITING = 64 << 20
"""Bytes of pieces that may wait to be written down."""

MAGIC = b"neural_painter unfinished pieces 1\n"
_COUNT = struct.Struct("<Q")


class Keeper:
    """Has work kept about every so many seconds, and less often where keeping it takes long.

    Args:
        keep: takes where the work stands; None keeps nothing.
        seconds: between two times; 0: between any two steps.
    """

    def __init__(self, keep: Callable[[Any], object] | None, seconds: float) -> None:
        self._keep, self._seconds = keep, seconds
        self._next = time.monotonic() + seconds

    def tick(self, state: Callable[[], Any], *, now: bool = False) -> None:
        """Between two steps: has the work kept where it is time, or `now`; `state` tells where it stands."""
        began = time.monotonic()
        if self._keep is None or not (now or began >= self._next):
            return
        self._keep(state())
        ended = time.monotonic()
        self._next = ended + (max(self._seconds, (ended - began) / SHARE) if self._seconds else 0)


class Journal:
    """Pieces of work that are finished one after the other, and where the work stands after them.

    Args:
        head: what the work is; JSON values.
        keep: is given the journal when it is time, and calls `write`.
        old: the file of an earlier run of the same work, to go on with; it is written on.

    Attributes:
        place: what the earlier run gave with the last of its pieces.

    Raises:
        InputError: `old` is not such a file, or of other work.
    """

    def __init__(self, head: Mapping[str, Any], keep: Callable[[Journal], object], *, old: Path | None = None) -> None:
        self._head = dict(head)
        self._keeper = Keeper(keep, SECONDS)
        self._file: FileIO | None = None
        self._path: Path | None = None
        self._pieces: list[Place] = []
        self._waiting: list[bytes] = []
        self._failed = False
        self._count = self._start = self._slot = self._turn = self._end = 0
        self._after: Callable[[], bytes] = bytes
        self.place = b""
        if old is not None:
            self._go_on(old)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the file, and removes it where the work is done."""
        if self._file is not None and self._path is not None:
            self._file.close()
            if kind is None:
                self._path.unlink(missing_ok=True)

    def old(self) -> Iterator[bytes]:
        """The pieces of the earlier run."""
        for piece in self._pieces:
            assert self._file is not None
            yield read_at(self._file, piece)

    def add(self, piece: bytes, after: Callable[[], bytes] = bytes, *, last: bool = False) -> None:
        """Takes the next piece.

        Args:
            piece: what is finished.
            after: where the work stands now; always of one length. Asked at once, if at all.
            last: whether no other will come: what is kept already is then completed.
        """
        if self._failed:
            return
        self._waiting.append(piece)
        self._after = after
        full = sum(map(len, self._waiting)) > MOST_WAITING
        self._keeper.tick(lambda: self, now=full or (last and self._file is not None))

    def write(self, path: Path) -> None:
        """Writes down what has come; for `keep`, which knows where. Raises OutputError, and then keeps no more."""
        place = self._after()
        try:
            if self._file is None:
                self._begin(path, len(place))
            assert self._file is not None
            block = b"".join(record(b"DONE", piece) for piece in self._waiting)
            write_at(self._file, block, self._end)
            self._end += len(block)
            self._count += len(self._waiting)
            self._waiting.clear()
            here = record(b"HERE", _COUNT.pack(self._count) + place)
            write_at(self._file, here, self._start + self._turn * self._slot)
            self._turn = 1 - self._turn
        except OSError as error:
            self._failed = True
            self._waiting.clear()
            raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error

    def _begin(self, path: Path, room: int) -> None:
        path.unlink(missing_ok=True)
        self._file, self._path = FileIO(path, "x+"), path
        head = MAGIC + record(b"HEAD", json.dumps({"work": self._head, "room": room}).encode())
        write_at(self._file, head, 0)
        self._lay_out(len(head), room)
        self._end = self._start + 2 * self._slot

    def _lay_out(self, start: int, room: int) -> None:
        self._start, self._slot, self._turn = start, len(record(b"HERE", _COUNT.pack(0))) + room, 0

    def _go_on(self, path: Path) -> None:
        if head_of(path) != json.loads(json.dumps(self._head)):
            raise InputError(f"{path}: belongs to other work", hint="Without --resume it begins anew.")
        self._file, self._path = FileIO(path, "r+"), path
        _, place, data = next(records(self._file, len(MAGIC)))
        self._lay_out(place.end, json.loads(data)["room"])
        behind = self._start + 2 * self._slot
        pieces = [piece for kind, piece, _ in records(self._file, behind) if kind == b"DONE"]
        for turn in range(2):
            kind, _, here = next(records(self._file, self._start + turn * self._slot), (b"", None, b""))
            if kind != b"HERE":
                continue
            (count,) = _COUNT.unpack_from(here)
            if self._count < count <= len(pieces):
                self._count, self.place, self._turn = count, here[_COUNT.size :], 1 - turn
        self._pieces = pieces[: self._count]
        self._end = self._pieces[-1].end if self._pieces else behind


def head_of(path: Path) -> Any:
    """What the work is that a journal's file holds; raises InputError where it is no such file."""
    what = "unfinished work of this command"
    with opened(path, what, most=1 << 62) as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise InputError(f"{path}: not {what}")
    with FileIO(path) as raw:
        found = next(records(raw, len(MAGIC)), None)
    try:
        if found is None or found[0] != b"HEAD":
            raise ValueError
        head = json.loads(found[2])
        if not 0 <= int(head["room"]) < 1 << 40:
            raise ValueError
        return head["work"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: not {what}, or damaged") from error
