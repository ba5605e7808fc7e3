"""A header and a table of float32 numbers in one file: .json, .json.gz or .npz. Knows nothing of strokes.

Same content, same bytes; numbers survive exactly. A file may come from a stranger: reading never runs code, never
reserves more memory than the limits below allow, and ends in one sentence where something is wrong.
"""

import gzip
import io
import json
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from neural_painter.errors import InputError, UsageError
from neural_painter.files import check_output, written_whole

Array = np.ndarray
Header = dict[str, Any]

SUFFIXES = (".json", ".json.gz", ".npz")

MAX_ROWS = 1_000_000
MAX_TEXT = 64 << 20
"""Bytes of JSON, unpacked: some 350 000 strokes. Python needs twenty times as much to hold them."""
MAX_ARCHIVE = 128 << 20
"""Bytes of a .npz file as it lies on the disk."""
MAX_HEADER = 256 << 10
"""Bytes of the header inside a .npz file."""


def suffix_of(path: Path) -> str:
    """The one of SUFFIXES that `path` ends in; raises UsageError where there is none."""
    name = path.name.lower()
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if name.endswith(suffix):
            return suffix
    raise UsageError(f"{path}: not the name of a stroke document, expected {', '.join(SUFFIXES)}")


def write_table(path: Path, header: Header, rows_key: str, table: Array, *, overwrite: bool = True) -> None:
    """Writes a header with `columns` and a table `[N, len(columns)]`; in JSON the rows are one more key, `rows_key`.

    Raises:
        UsageError: another extension, or too many rows for this kind of file.
        OutputError: the file exists and `overwrite` is false, or cannot be written.
    """
    suffix = suffix_of(path)
    check_output(path, overwrite=overwrite)
    if suffix == ".npz":
        data = _npz(header, rows_key, table)
    else:
        data = _json(header, rows_key, table)
        if len(data) > MAX_TEXT:
            raise UsageError(f"{path}: {len(table)} {rows_key} are too many for JSON", hint="Write .npz instead.")
        if suffix == ".json.gz":
            data = _zipped(data)
    with written_whole(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(data)


def read_table(path: Path, rows_key: str, accept: Callable[[Header], None]) -> tuple[Header, Array]:
    """Reads what `write_table` wrote.

    Args:
        path: the file.
        rows_key: key of the rows in JSON, name of the array in .npz.
        accept: looks at the header (in JSON: still with its rows) before the rows are looked at; raises ValueError
            where it is not as it should be, in particular unless `columns` is a list of the right length.

    Returns:
        The header without its rows, and float32 `[N, len(columns)]`; numbers may be infinite or NaN.

    Raises:
        UsageError: another extension.
        InputError: anything wrong with the file.
    """
    suffix = suffix_of(path)
    try:
        if not path.is_file():
            raise InputError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
        limit = MAX_ARCHIVE if suffix == ".npz" else MAX_TEXT
        with path.open("rb") as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise ValueError(f"larger than {limit >> 20} MiB")
        if suffix == ".npz":
            return _from_npz(data, rows_key, accept)
        header = _parsed(_unzipped(data) if suffix == ".json.gz" else data)
        accept(header)
        return header, _rows(header.pop(rows_key, None), len(header["columns"]), rows_key)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise InputError(f"{path}: not a valid stroke document: {error}") from error


# Writing


def _json(header: Header, rows_key: str, table: Array) -> bytes:
    """A line for each key and each row, so that two files can be compared as text."""
    lines = [f"{json.dumps(key)}: {json.dumps(value, allow_nan=False)}" for key, value in header.items()]
    rows = ",\n".join(f"[{', '.join(map(_shortest, row))}]" for row in table)
    return ("{\n" + ",\n".join(lines) + f',\n"{rows_key}": [\n' + rows + "\n]\n}\n").encode("ascii")


def _shortest(value: np.float32) -> str:
    """The shortest decimal that reads back as this float32, by way of float64 as most readers go."""
    text = str(value)
    return text if np.float32(float(text)) == value else repr(float(value))


def _zipped(data: bytes) -> bytes:
    packed = io.BytesIO()
    with gzip.GzipFile("", "wb", 9, packed, mtime=0) as file:
        file.write(data)
    return packed.getvalue()


def _npz(header: Header, rows_key: str, table: Array) -> bytes:
    text = np.frombuffer(json.dumps(header, allow_nan=False).encode("ascii"), np.uint8)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, array in (("header", text), (rows_key, np.ascontiguousarray(table, "<f4"))):
            member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            member.create_system = 3  # or the bytes would tell Windows from the rest
            content = io.BytesIO()
            np.lib.format.write_array(content, array, version=(1, 0), allow_pickle=False)
            archive.writestr(member, content.getvalue())
    return packed.getvalue()


# Reading: these raise ValueError, which read_table turns into one sentence with the file's name


def _unzipped(data: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            text = file.read(MAX_TEXT + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"not a whole gzip file ({error})") from error
    if len(text) > MAX_TEXT:
        raise ValueError(f"unpacks to more than {MAX_TEXT >> 20} MiB")
    return text


def _parsed(data: bytes) -> Header:
    try:
        text = data.decode("utf-8")
        found = json.loads(text, object_pairs_hook=_unique, parse_int=_whole, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is not UTF-8 text") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}, column {error.colno} is not JSON ({error.msg})") from error
    except RecursionError as error:
        raise ValueError("its brackets are nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError(f"expected an object, found {type(found).__name__}")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> Header:
    found: Header = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {short(key)} appears twice")
        found[key] = value
    return found


def _whole(text: str) -> int:
    if len(text) > 20:
        raise ValueError(f"a whole number of {len(text)} digits is too large")
    return int(text)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")


def _rows(rows: Any, width: int, rows_key: str) -> Array:
    if not isinstance(rows, list):
        raise ValueError(f"{rows_key} must be a list, found {type(rows).__name__}")
    if len(rows) > MAX_ROWS:
        raise ValueError(f"{len(rows)} {rows_key}, expected at most {MAX_ROWS}")
    for index, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != width or not {type(value) for value in row} <= {int, float}:
            raise ValueError(f"row {index} of {rows_key} must be a list of {width} numbers")
    with np.errstate(over="ignore"):  # infinity is for the caller to find, with its row
        return np.array(rows, np.float64).reshape(len(rows), width).astype(np.float32)


_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, struct.error)
# NumPy's own reader passes a stranger's header on to Python's tokenizer; this is all that NumPy ever writes.
_ARRAY_HEADER = re.compile(
    rb"\{'descr': '(?P<dtype>[<>|]\w{1,8})', 'fortran_order': (?P<fortran>True|False), "
    rb"'shape': \((?P<shape>\d{1,12},|\d{1,12}(, \d{1,12}){1,4}|)\), \} *\n"
)


def _from_npz(data: bytes, rows_key: str, accept: Callable[[Header], None]) -> tuple[Header, Array]:
    # Before zipfile believes the end record, it must name two members and no 64-bit directory.
    if data[-22:-18] != b"PK\x05\x06" or data[-12:-10] != b"\x02\x00" or data[-42:-38] == b"PK\x06\x07":
        raise ValueError("not a zip archive of two arrays")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sorted(archive.namelist()) != sorted(["header.npy", f"{rows_key}.npy"]):
                raise ValueError(f"it must hold header.npy and {rows_key}.npy")
            header = _parsed(_member(archive, "header", "|u1", (MAX_HEADER,)).tobytes())
            accept(header)
            return header, _member(archive, rows_key, "<f4", (MAX_ROWS, len(header["columns"])))
    except (*_DAMAGE, RuntimeError, MemoryError, IndexError, OverflowError) as error:
        raise ValueError(f"damaged archive ({short(str(error))})") from error


def _member(archive: zipfile.ZipFile, name: str, dtype: str, most: tuple[int, ...]) -> Array:
    """An array whose first side is at most, whose others are exactly `most`; nothing of its size is read before."""
    if archive.getinfo(f"{name}.npy").compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name}.npy is packed in another way than deflated")  # zipfile unpacks those without limit
    with archive.open(f"{name}.npy") as file:
        start = file.read(10)
        head = _ARRAY_HEADER.fullmatch(file.read(min(int.from_bytes(start[8:], "little"), 512)))
        if start[:8] != b"\x93NUMPY\x01\0" or not head:
            raise ValueError(f"{name}.npy does not begin with a header of NumPy, version 1.0")
        shape = tuple(int(side) for side in head["shape"].split(b",") if side.strip())
        fits = len(shape) == len(most) and shape[1:] == most[1:] and shape[0] <= most[0]
        if head["dtype"] != dtype.encode() or head["fortran"] != b"False" or not fits:
            raise ValueError(f"{name}.npy holds {head[0].decode().strip()}, expected {dtype} up to {list(most)}")
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
