"""A header and a table of float32 numbers in one file: .json, .json.gz or .npz. Knows nothing of strokes.

A .npz may hold further arrays beside the table. Same content, same bytes; numbers survive exactly. A file may come from
a stranger: reading never runs code, never reserves more memory than the limits below allow, and ends in one sentence
where something is wrong.
"""

import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neural_painter.archives import Archive, packed, short
from neural_painter.errors import InputError, UsageError
from neural_painter.files import check_output, read_whole, written_whole
from neural_painter.json_rows import parse, read_rows

Array = np.ndarray
Header = dict[str, Any]

SUFFIXES = (".json", ".json.gz", ".npz")

MAX_ROWS = 1_000_000
MAX_TEXT = 64 << 20
"""Bytes of JSON, unpacked: some 350 000 strokes."""
MAX_ARCHIVE = 128 << 20
"""Bytes of a .npz file as it lies on the disk."""
MAX_HEADER = 256 << 10
"""Bytes of the header inside a .npz file."""

MAX_ARRAYS = 32
MAX_ARRAYS_BYTES = 60 << 20
"""Of all further arrays together: beside the largest table they still fit into an archive."""
ARRAY_TYPES = ("<f4", "<f8", "<i8", "|u1")
FOLDER = "state/"
"""Where the further arrays lie inside a .npz file."""
_ARRAY_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class Arrays(Mapping[str, Array]):
    """Named arrays that go with a table; equal where names, types, shapes and bytes are.

    Args:
        arrays: float32, float64, int64 or uint8, of any shape; names are lower-case letters, digits and underscores.

    Raises:
        ValueError: another type or name, too many or too large.
    """

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        self._arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        for name, array in self._arrays.items():
            if not isinstance(name, str) or not _ARRAY_NAME.fullmatch(name):
                raise ValueError(f"{short(name)} is no name of an array")
            if array.dtype.newbyteorder("<").str not in ARRAY_TYPES:
                raise ValueError(f"the array {name} holds {array.dtype}, expected one of {', '.join(ARRAY_TYPES)}")
        if len(self._arrays) > MAX_ARRAYS or self.size > MAX_ARRAYS_BYTES:
            raise ValueError(
                f"{len(self._arrays)} arrays of {self.size} bytes, "
                f"expected at most {MAX_ARRAYS} of {MAX_ARRAYS_BYTES >> 20} MiB together"
            )

    @property
    def size(self) -> int:
        """Bytes of all arrays together."""
        return sum(array.nbytes for array in self._arrays.values())

    def __getitem__(self, name: str) -> Array:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        return self.keys() == other.keys() and all(_alike(array, other[name]) for name, array in self.items())

    def __repr__(self) -> str:
        return f"Arrays({', '.join(self)})"


def _alike(a: Array, b: Array) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def suffix_of(path: Path) -> str:
    """The one of SUFFIXES that `path` ends in; raises UsageError where there is none."""
    name = path.name.lower()
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if name.endswith(suffix):
            return suffix
    raise UsageError(f"{path}: not the name of a stroke document, expected {', '.join(SUFFIXES)}")


def write_table(
    path: Path,
    header: Header,
    rows_key: str,
    table: Array,
    arrays: Mapping[str, Array] | None = None,
    *,
    overwrite: bool = True,
) -> None:
    """Writes a header with `columns` and a table `[N, len(columns)]`; in JSON the rows are one more key, `rows_key`.

    Args:
        path: the file.
        header: JSON values.
        rows_key: what the rows are called.
        table: float32.
        arrays: further ones, as `Arrays` takes them; JSON leaves them out.
        overwrite: whether a file may be replaced.

    Raises:
        UsageError: another extension, or too many rows for this kind of file.
        OutputError: the file exists and `overwrite` is false, or cannot be written.
    """
    suffix = suffix_of(path)
    check_output(path, overwrite=overwrite)
    if suffix == ".npz":
        data = _npz(header, rows_key, table, arrays or {})
    else:
        data = _json(header, rows_key, table)
        if len(data) > MAX_TEXT:
            raise UsageError(f"{path}: {len(table)} {rows_key} are too many for JSON", hint="Write .npz instead.")
        if suffix == ".json.gz":
            data = _zipped(data)
    with written_whole(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(data)


def read_table(path: Path, rows_key: str, accept: Callable[[Header], None]) -> tuple[Header, Array, Arrays]:
    """Reads what `write_table` wrote.

    Args:
        path: the file.
        rows_key: key of the rows in JSON, name of the array in .npz.
        accept: looks at the header (in JSON: with an empty list for its rows) before the rows are looked at; raises
            ValueError where it is not as it should be, in particular unless `columns` is a list of the right length.
            Its other errors are not the file's and go on as they are.

    Returns:
        The header without its rows; float32 `[N, len(columns)]`, whose numbers may be infinite or NaN; further arrays.

    Raises:
        UsageError: another extension.
        InputError: anything wrong with the file.
    """
    suffix = suffix_of(path)
    data = read_whole(path, "a stroke document", most=MAX_ARCHIVE if suffix == ".npz" else MAX_TEXT)
    try:
        if suffix == ".npz":
            return _from_npz(data, rows_key, accept)
        if suffix == ".json.gz":
            data = _unzipped(data)
        return *read_rows(data, rows_key, MAX_ROWS, accept), Arrays({})
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


def _npz(header: Header, rows_key: str, table: Array, arrays: Mapping[str, Array]) -> bytes:
    text = np.frombuffer(json.dumps(header, allow_nan=False).encode("ascii"), np.uint8)
    # The further arrays are written every few seconds while others compute, and are hardly smaller when deflated.
    return packed({"header": text, rows_key: table}, {FOLDER + name: array for name, array in sorted(arrays.items())})


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


def _from_npz(data: bytes, rows_key: str, accept: Callable[[Header], None]) -> tuple[Header, Array, Arrays]:
    archive = Archive(data, most=2 + MAX_ARRAYS)
    further = _further(archive.names, rows_key)
    header = parse(archive.array("header", "|u1", (MAX_HEADER,)).tobytes())
    if not isinstance(header, dict):
        raise ValueError(f"expected an object, found {type(header).__name__}")
    accept(header)
    table = archive.array(rows_key, "<f4", (MAX_ROWS, len(header["columns"])))
    found, room = {}, MAX_ARRAYS_BYTES
    for name in further:
        found[name] = archive.any_array(FOLDER + name, ARRAY_TYPES, room)
        room -= found[name].nbytes
    return header, table, Arrays(found)


def _further(names: list[str], rows_key: str) -> list[str]:
    """Names of the arrays beside the header and the table."""
    rest = [name for name in names if name not in ("header", rows_key)]
    further = [name.removeprefix(FOLDER) for name in rest]
    expected = [FOLDER + name for name in further if _ARRAY_NAME.fullmatch(name)]
    if len(names) - len(rest) != 2 or len(set(names)) != len(names) or rest != expected:
        raise ValueError(f"it must hold header.npy and {rows_key}.npy, and perhaps arrays in {FOLDER}")
    return further
