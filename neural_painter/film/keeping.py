"""Keeps a film's document that is still being made, so that it can be gone on with after the program was killed.

Groups that have ended are written once, to a file of their own, and never touched again; what is known beside them, of
the frames since and of the painting, is small, and replaces what was known before in one go.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from neural_painter.errors import InputError
from neural_painter.files import opened, written_whole
from neural_painter.film.document import FilmWriter
from neural_painter.journal import Keeper
from neural_painter.records import record, records, write_at

MAGIC = b"neural_painter unfinished strokes 1\n"
GROUPS = ".strokes"
"""Behind the name of the file, the name of that of the groups."""
MOST_WAITING = 64 << 20
"""Bytes of groups that may wait to be written down."""
SECONDS = 10.0
_SIZES = struct.Struct("<Q")


class Known(NamedTuple):
    """What an earlier run has left.

    Attributes:
        frames: how many it had painted.
        painter: what its painter knew then.
    """

    frames: int
    painter: bytes


class FilmKeeper:
    """Keeps a document in the making.

    Args:
        path: the file; that of the groups lies beside it.
        head: what the film is made of; of another run with another, nothing is gone on with.
        writer: of the document.
        resume: whether what is there is gone on with; else it is replaced.

    Attributes:
        known: what an earlier run has left, if it has; the `writer` goes on from there.

    Raises:
        InputError: the file is of another film, other settings, another version, or not such a file at all.
    """

    def __init__(self, path: Path, head: Mapping[str, Any], writer: FilmWriter, *, resume: bool) -> None:
        self.path, self._head, self._writer = path, json.dumps(head, sort_keys=True).encode(), writer
        self._groups = path.with_name(path.name + GROUPS)
        self._file: FileIO | None = None
        self._timer = Keeper(self._write, SECONDS)
        self.known: Known | None = None
        self._end = 0
        self._painter: Callable[[], bytes] = bytes
        if resume:
            self.known = self._found()

    @property
    def begun(self) -> bool:
        """Whether anything was written down."""
        return self._file is not None

    def tick(self, painter: Callable[[], bytes]) -> None:
        """After a frame: writes down all that there is where it is time; `painter` tells what the painter knows."""
        self._painter = painter
        self._timer.tick(lambda: painter, now=self._writer.waiting > MOST_WAITING)

    def flush(self) -> None:
        """Writes down all that there is."""
        self._write(self._painter)

    def copy(self, target: BinaryIO) -> None:
        """Writes the groups that were written down, and those that wait for it."""
        if self._file is not None:
            self._file.seek(0)
            left = self._end
            while left and (chunk := self._file.read(min(left, 1 << 20))):
                target.write(chunk)
                left -= len(chunk)

    def close(self, *, done: bool) -> None:
        """Removes the files of a film that is done."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if done:
            for path in (self.path, self._groups):
                with suppress(OSError):
                    path.unlink(missing_ok=True)

    def _write(self, painter: Callable[[], bytes]) -> None:
        if self._file is None:
            self._file = FileIO(self._groups, "w+")
        groups = self._writer.take()
        write_at(self._file, groups, self._end)
        self._end += len(groups)
        state = self._writer.kept()
        data = _SIZES.pack(len(state)) + state + painter()
        with written_whole(self.path) as temporary:
            temporary.write_bytes(MAGIC + record(b"HEAD", self._head) + record(b"MIND", data))

    def _found(self) -> Known:
        what = "an unfinished film"
        with opened(self.path, what, most=1 << 32) as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise InputError(f"{self.path}: not {what} of this kind")
        with FileIO(self.path) as raw:
            found = {kind: data for kind, _, data in records(raw, len(MAGIC))}
        if found.get(b"HEAD") != self._head:
            raise InputError(
                f"{self.path}: belongs to another film, other settings or another version",
                hint="Begin anew, and it is replaced.",
            )
        data = found.get(b"MIND", b"")
        try:
            (size,) = _SIZES.unpack_from(data)
            self._file = FileIO(self._groups, "r+")
            self._writer.recall(data[_SIZES.size : _SIZES.size + size], self._file)
        except FileNotFoundError:
            raise InputError(f"{self._groups}: no such file, and {self.path} needs it") from None
        except (ValueError, KeyError, struct.error) as error:
            raise InputError(f"{self.path}: cannot be gone on with ({error})") from error
        self._end = self._writer.end
        self._file.truncate(self._end)
        return Known(self._writer.frames, data[_SIZES.size + size :])
