"""Files that are rows of records, written while work lasts: what was cut off at the end is left out when it is read."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from io import FileIO
from typing import NamedTuple

_HEAD = struct.Struct("<4sQI")  # what it is, bytes, their CRC-32


class Place(NamedTuple):
    """Where a record's content lies in the file."""

    offset: int
    length: int

    @property
    def end(self) -> int:
        """Where the next record begins."""
        return self.offset + self.length


def record(kind: bytes, data: bytes) -> bytes:
    """A record as it stands in the file; `kind` has four letters."""
    return _HEAD.pack(kind, len(data), zlib.crc32(data)) + data


def write_at(file: FileIO, data: bytes, offset: int) -> None:
    """Writes all of it; raises OSError where there is no room."""
    file.seek(offset)
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def read_at(file: FileIO, place: Place) -> bytes:
    """What lies there; less where the file ends before."""
    file.seek(place.offset)
    return file.read(place.length)


def records(file: FileIO, offset: int) -> Iterator[tuple[bytes, Place, bytes]]:
    """Kind, place and content of the records from `offset` on, up to the first that is not whole."""
    size = file.seek(0, 2)
    while offset + _HEAD.size <= size:
        kind, length, check = _HEAD.unpack(read_at(file, Place(offset, _HEAD.size)))
        place = Place(offset + _HEAD.size, length)
        if place.end > size or zlib.crc32(data := read_at(file, place)) != check:
            return
        yield kind, place, data
        offset = place.end
