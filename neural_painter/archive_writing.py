"""Writes a .npz file array by array, as they come: nothing that was written is touched again, whatever its size.

What stands before the list of members, at the end, is a row of members that are whole, so that work which was broken
off goes on behind any of them. Same arrays, same bytes.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

Array = np.ndarray

LEVEL = 9
"""How hard zlib tries."""

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END_64 = struct.Struct("<4sQ2H2I4Q")
_PLACE_64 = struct.Struct("<4sIQI")
_DAY = (1 << 5) | 1  # 1 January 1980
_STORED, _DEFLATED, _UNIX = 0, 8, 3
_MOST_32, _MOST_16 = 0xFFFFFFFF, 0xFFFF
_CHUNK = 1 << 20


class _Member(NamedTuple):
    name: bytes
    packing: int
    check: int
    packed: int
    size: int
    offset: int


class ArchiveWriter:
    """A .npz file in the making, as bytes that are taken from it.

    Attributes:
        end: bytes so far, taken or not.
    """

    def __init__(self) -> None:
        self.end = 0
        self._members: list[_Member] = []
        self._waiting: list[bytes] = []

    def add(self, name: str, array: Array, *, deflate: bool = True) -> None:
        """Adds an array, little-endian; it may have 4 GiB."""
        content = io.BytesIO()
        little = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
        np.lib.format.write_array(content, little, version=(1, 0), allow_pickle=False)
        data = content.getvalue()
        packed = _deflated(data) if deflate else data
        self._begin(name, _DEFLATED if deflate else _STORED, zlib.crc32(data), len(packed), len(data))
        self._put(packed)

    def add_bytes(self, name: str, content: BinaryIO, size: int, target: BinaryIO) -> None:
        """Adds `size` bytes of a file as an array of uint8, written to `target` at once: they are not held.

        Raises:
            ValueError: the file has fewer.
        """
        head = io.BytesIO()
        np.lib.format.write_array_header_1_0(head, {"descr": "|u1", "fortran_order": False, "shape": (size,)})
        check, place = zlib.crc32(head.getvalue()), content.tell()
        for chunk in _chunks(content, size):
            check = zlib.crc32(chunk, check)
        content.seek(place)
        whole = len(head.getvalue()) + size
        self._begin(name, _STORED, check, whole, whole)
        self._put(head.getvalue())
        target.write(self.taken())
        for chunk in _chunks(content, size):
            target.write(chunk)
            self.end += len(chunk)

    def taken(self) -> bytes:
        """What has come since the last time, as it stands in the file."""
        data = b"".join(self._waiting)
        self._waiting.clear()
        return data

    @property
    def waiting(self) -> int:
        """Bytes that were not taken yet."""
        return sum(map(len, self._waiting))

    def go_on(self, file: BinaryIO, end: int) -> None:
        """Goes on behind the first `end` bytes of a file that was written by this class.

        Raises:
            ValueError: they are no row of such members.
        """
        while self.end < end:
            file.seek(self.end)
            head = file.read(_LOCAL.size)
            if len(head) != _LOCAL.size:
                raise ValueError("it is cut short")
            mark, _, _, packing, _, _, check, packed, size, length, extra = _LOCAL.unpack(head)
            if mark != b"PK\3\4" or extra:
                raise ValueError("it is damaged")
            self._members.append(_Member(file.read(length), packing, check, packed, size, self.end))
            self.end += _LOCAL.size + length + packed
        if self.end != end or file.seek(0, 2) < end:
            raise ValueError("it is cut short")

    def finish(self) -> bytes:
        """The list of members, behind what comes last; nothing is to be added after it."""
        start = self.end
        for member in self._members:
            self._put(_listed(member))
        count, length = len(self._members), self.end - start
        if count >= _MOST_16 or start >= _MOST_32 or length >= _MOST_32:
            place = self.end
            self._put(_END_64.pack(b"PK\6\6", _END_64.size - 12, 45, 45, 0, 0, count, count, length, start))
            self._put(_PLACE_64.pack(b"PK\6\7", 0, place, 1))
        short = min(count, _MOST_16)
        self._put(_END.pack(b"PK\5\6", 0, 0, short, short, min(length, _MOST_32), min(start, _MOST_32), 0))
        return self.taken()

    def _begin(self, name: str, packing: int, check: int, packed: int, size: int) -> None:
        if max(packed, size) >= _MOST_32:
            raise ValueError(f"{name}: {size} bytes are too many for one array")
        member = _Member(f"{name}.npy".encode("ascii"), packing, check, packed, size, self.end)
        self._members.append(member)
        self._put(_LOCAL.pack(b"PK\3\4", 20, 0, packing, 0, _DAY, check, packed, size, len(member.name), 0))
        self._put(member.name)

    def _put(self, data: bytes) -> None:
        self._waiting.append(data)
        self.end += len(data)


def _listed(member: _Member) -> bytes:
    """A member as it stands in the list."""
    far = member.offset >= _MOST_32
    extra = struct.pack("<2HQ", 1, 8, member.offset) if far else b""
    return (
        _CENTRAL.pack(
            *(b"PK\1\2", (_UNIX << 8) | (45 if far else 20), 45 if far else 20, 0, member.packing, 0, _DAY),
            *(member.check, member.packed, member.size, len(member.name), len(extra), 0, 0, 0),
            *(0o600 << 16, min(member.offset, _MOST_32)),
        )
        + member.name
        + extra
    )


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS, 9, zlib.Z_FILTERED)  # long matches are rare
    return packer.compress(data) + packer.flush()


def _chunks(content: BinaryIO, size: int) -> Iterator[bytes]:
    while size:
        chunk = content.read(min(size, _CHUNK))
        if not chunk:
            raise ValueError("a file has become shorter while it was read")
        size -= len(chunk)
        yield chunk
