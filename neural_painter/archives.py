"""Arrays in a .npz file: writes the same bytes for the same arrays, and reads those of strangers.

Reading never runs code and never reserves more memory than it was told; whatever is wrong is a ValueError.
"""

import io
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, BinaryIO

import numpy as np

Array = np.ndarray

MAX_DIRECTORY = 64 << 10
"""Bytes of the list of a file's members."""

_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, struct.error, IndexError, OverflowError)
# NumPy's own reader passes a stranger's header on to Python's tokenizer; this is all that NumPy ever writes.
_ARRAY_HEADER = re.compile(
    rb"\{'descr': '(?P<dtype>[<>|]\w{1,8})', 'fortran_order': (?P<fortran>True|False), "
    rb"'shape': \((?P<shape>\d{1,12},|\d{1,12}(, \d{1,12}){1,4}|)\), \} *\n"
)


def packed(deflated: Mapping[str, Array], stored: Mapping[str, Array]) -> bytes:
    """The file of these arrays, in this order, little-endian."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for arrays, packing in ((deflated, zipfile.ZIP_DEFLATED), (stored, zipfile.ZIP_STORED)):
            for name, array in arrays.items():
                member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
                member.compress_type = packing
                member.create_system = 3  # or the bytes would tell Windows from the rest
                one = io.BytesIO()
                little = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
                np.lib.format.write_array(one, little, version=(1, 0), allow_pickle=False)
                archive.writestr(member, one.getvalue())
    return content.getvalue()


class Archive:
    """A .npz file of a stranger.

    Args:
        data: the file, or one that is open, and stays so.
        most: arrays that it may hold; two at least.
        directory: bytes that the list of its members may have; only lists that may be longer than MAX_DIRECTORY may
            be of 64 bits.

    Attributes:
        names: of its members, without `.npy`, in their order.

    Raises:
        ValueError: not an archive, damaged, or of other members.
    """

    def __init__(self, data: bytes | BinaryIO, most: int, *, directory: int = MAX_DIRECTORY) -> None:
        file = io.BytesIO(data) if isinstance(data, bytes) else data
        # Before zipfile believes the end record, it must name few members and a short list.
        members = _members(file, directory)
        with _whole():
            self._file = zipfile.ZipFile(file)
        names = self._file.namelist()
        if not 2 <= members == len(names) <= most or not all(name.endswith(".npy") for name in names):
            raise ValueError(f"not a zip archive of 2 to {most} arrays")
        self.names = [name.removesuffix(".npy") for name in names]

    def array(self, name: str, dtype: str, most: tuple[int, ...]) -> Array:
        """An array whose first side is at most, whose others are exactly `most`; nothing of its size is read before."""
        with self._opened(name) as (file, head, shape):
            fits = len(shape) == len(most) and shape[1:] == most[1:] and shape[0] <= most[0]
            if head["dtype"] != dtype.encode() or not fits:
                raise ValueError(f"{name}.npy holds {_told(head)}, expected {dtype} up to {list(most)}")
            return _content(file, name, dtype, shape)

    def copied(self, name: str, target: BinaryIO, room: int) -> None:
        """Writes the bytes of an array of uint8, `[N]`, of `room` bytes at most, to a file; they are not held."""
        with self._opened(name) as (file, head, shape):
            if head["dtype"] != b"|u1" or len(shape) != 1 or shape[0] > room:
                raise ValueError(f"{name}.npy holds {_told(head)}, expected at most {room} bytes")
            left = shape[0]
            while chunk := file.read(1 << 20):
                target.write(chunk)
                left -= len(chunk)
                if left < 0:
                    break
            if left:
                raise ValueError(f"{name}.npy holds {'more' if left < 0 else 'less'} than its header says")

    def any_array(self, name: str, dtypes: tuple[str, ...], room: int) -> Array:
        """An array of one of the types, of any shape and `room` bytes at most."""
        with self._opened(name) as (file, head, shape):
            dtype = head["dtype"].decode()
            if dtype not in dtypes:
                raise ValueError(f"{name}.npy holds {_told(head)}, expected one of {', '.join(dtypes)}")
            if math.prod(shape) * np.dtype(dtype).itemsize > room:
                raise ValueError(f"{name}.npy holds {_told(head)}, expected at most {room} bytes")
            return _content(file, name, dtype, shape)

    @contextmanager
    def _opened(self, name: str) -> Iterator[tuple[IO[bytes], re.Match[bytes], tuple[int, ...]]]:
        """A member behind its header, the header, and the shape that it names."""
        with _whole():
            info = self._file.getinfo(f"{name}.npy")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"{name}.npy is packed in another way than deflated")  # zipfile sets those no limit
            if info.flag_bits & 1:
                raise ValueError(f"{name}.npy is encrypted")
            with self._file.open(info) as file:
                start = file.read(10)
                head = _ARRAY_HEADER.fullmatch(file.read(min(int.from_bytes(start[8:], "little"), 512)))
                if start[:8] != b"\x93NUMPY\x01\0" or not head:
                    raise ValueError(f"{name}.npy does not begin with a header of NumPy, version 1.0")
                if head["fortran"] != b"False":
                    raise ValueError(f"{name}.npy holds {_told(head)}, expected rows one after the other")
                yield file, head, tuple(int(side) for side in head["shape"].split(b",") if side.strip())


def _members(file: BinaryIO, most: int) -> int:
    """How many members a file's end names; raises ValueError where it is no archive, or the list is too long."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 98))
    tail = file.read(98)
    members, directory = int.from_bytes(tail[-12:-10], "little"), int.from_bytes(tail[-10:-6], "little")
    wide = tail[-42:-38] == b"PK\x06\x07"
    if wide and most > MAX_DIRECTORY and tail[:4] == b"PK\x06\x06":  # a list of 64 bits right before
        members, directory = struct.unpack_from("<2Q", tail, 32)
        wide = int.from_bytes(tail[-34:-26], "little") != size - 98
    if tail[-22:-18] != b"PK\x05\x06" or wide or directory > most:
        raise ValueError("not a zip archive of arrays")
    return members


@contextmanager
def _whole() -> Iterator[None]:
    """Turns what zipfile says of an archive that is not whole into ValueError; NotImplementedError: exotic packing."""
    try:
        yield
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        struct.error,
        IndexError,
        OverflowError,
        NotImplementedError,
    ) as e:
        raise ValueError(f"damaged archive ({short(str(e))})") from e


def _told(head: re.Match[bytes]) -> str:
    return head[0].decode().strip()


def _content(file: IO[bytes], name: str, dtype: str, shape: tuple[int, ...]) -> Array:
    size = math.prod(shape) * np.dtype(dtype).itemsize
    data = file.read(size + 1)
    if len(data) != size:
        raise ValueError(f"{name}.npy holds {'more' if len(data) > size else 'less'} than its header says")
    return np.frombuffer(data, dtype).reshape(shape).astype(np.dtype(dtype).newbyteorder("="))


def short(value: Any) -> str:
    """A stranger's value, fit for a message: quoted, escaped, cut."""
    if not isinstance(value, str | int | float | None):
        return type(value).__name__
    if isinstance(value, int) and abs(value) > 10**15:
        return "a huge number"
    text = ascii(value if not isinstance(value, str) else value[:40])
    return text if not isinstance(value, str) or len(value) <= 40 else text + "…"
