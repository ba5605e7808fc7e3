"""JSON of strangers: an object one of whose values is a long list of rows of numbers.

The rows are read a piece at a time, so that little more memory is needed than the numbers take; what stands beside them
may be a mebibyte. Whatever is wrong is a ValueError.
"""

import json
import re
from array import array
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

import numpy as np

from neural_painter.archives import short

Array = np.ndarray
Header = dict[str, Any]

MAX_BESIDE = 1 << 20
"""Bytes of everything but the rows: Python needs some fifty times as much to hold the worst of it."""
PIECE = 1 << 18
"""Bytes of rows that are read at once."""

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[][{}]')
_DEPTH = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}
_AFTER_KEY = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*\[")
_ROW = rb"\[[0-9eE+., \t\r\n-]*+\][ \t\r\n]*+"
_ROWS = re.compile(rb"[ \t\r\n]*+(?:" + _ROW + rb",[ \t\r\n]*+)*+(?:" + _ROW + rb")?+")
_BROKEN_OFF = re.compile(rb"(?:\[[0-9eE+., \t\r\n-]*+)?+")
_BLANK = re.compile(rb"[ \t\r\n]*+")
_COMMA = re.compile(rb"(?:,[ \t\r\n]*+)?+")


def read_rows(data: bytes, rows_key: str, most: int, accept: Callable[[Header], None]) -> tuple[Header, Array]:
    """The object without its rows, and the rows as float32 `[N, len(columns)]`; numbers may be infinite.

    Args:
        data: the text.
        rows_key: key of the rows.
        most: rows that there may be.
        accept: looks at the object, whose rows are an empty list, before the rows are read; raises what it likes where
            it is not as it should be, in particular unless `columns` is a list.

    Raises:
        ValueError: not JSON, or not such an object; the message says what and where.
    """
    first, last = _span(data, rows_key)
    if len(data) - (last - first) > MAX_BESIDE:
        raise ValueError(f"holds more than {MAX_BESIDE >> 20} MiB besides its {rows_key}")
    header = _parsed(data[:first] + data[last:], _Shift(first, last - first), data)
    if not isinstance(header, dict):
        raise ValueError(f"expected an object, found {type(header).__name__}")
    accept(header)
    rows = header.pop(rows_key, None)
    if not isinstance(rows, list):
        raise ValueError(f"{rows_key} must be a list, found {type(rows).__name__}")
    if (count := data.count(b"[", first, last)) > most:
        raise ValueError(f"{count} {rows_key}, expected at most {most}")
    return header, _numbers(data, first, last, len(header["columns"]), rows_key)


def _span(data: bytes, rows_key: str) -> tuple[int, int]:
    """Where the rows lie, without the brackets around all of them; nowhere, at the end, if there are none."""
    depth, key = 0, f'"{rows_key}"'.encode()
    for token in _TOKEN.finditer(data, 0, min(len(data), MAX_BESIDE)):
        depth += _DEPTH.get(token[0], 0)
        if depth == 1 and token[0] == key and (opening := _AFTER_KEY.match(data, token.end())):
            first = opening.end()
            last = _past(_ROWS, data, first, len(data))
            if data[last : last + 1] == b"]":
                return first, last
            if _BROKEN_OFF.fullmatch(data, last):
                raise ValueError(f"{_place(data, last)} is not JSON (its {rows_key} do not end)")
            raise ValueError(f"row {data.count(b'[', first, last)} of {rows_key} must be a list of numbers")
    return len(data), len(data)


def _numbers(data: bytes, first: int, last: int, width: int, rows_key: str) -> Array:
    numbers, index = array("f"), 0
    first = _past(_BLANK, data, first, last)
    while first < last:
        end = data.rfind(b"]", first, min(first + PIECE, last)) + 1
        rows = _parsed(b"[" + data[first:end] + b"]", _Shift(0, first - 1), data) if end else [None]
        for row in rows:
            if not isinstance(row, list) or len(row) != width or not {type(value) for value in row} <= {int, float}:
                raise ValueError(f"row {index} of {rows_key} must be a list of {width} numbers")
            index += 1
        with np.errstate(over="ignore"):  # infinity is for the caller to find, with its row
            numbers.frombytes(np.array(rows, np.float64).astype(np.float32).tobytes())
        blank = _past(_BLANK, data, end, last)
        first = _past(_COMMA, data, blank, last)
        if (first > blank) != (first < last):  # a comma, and a row after it; or neither
            raise ValueError(f"{_place(data, first)} is not JSON (Expecting value)")
    return np.frombuffer(numbers, np.float32).reshape(index, width)


def _past(pattern: re.Pattern[bytes], data: bytes, first: int, last: int) -> int:
    """Where a match at `first` ends."""
    found = pattern.match(data, first, last)
    return found.end() if found else first


class _Shift(NamedTuple):
    """Where a piece of text stands in the whole: from `after` on, `by` bytes further on."""

    after: int
    by: int

    def __call__(self, at: int) -> int:
        return at + self.by if at >= self.after else at


def parse(data: bytes) -> Any:
    """JSON without what only Python takes for it: no key twice, no NaN, no endless whole numbers."""
    return _parsed(data, _Shift(0, 0), data)


def _parsed(piece: bytes, place: _Shift, data: bytes) -> Any:
    """Parses a piece of `data`; `place` says where in `data` a byte of it stands."""
    try:
        text = piece.decode("utf-8")
        return json.loads(text, object_pairs_hook=_unique, parse_int=_whole, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {place(error.start)} is not UTF-8 text") from error
    except json.JSONDecodeError as error:
        at = place(len(text[: error.pos].encode()))
        raise ValueError(f"{_place(data, at)} is not JSON ({error.msg})") from error
    except RecursionError as error:
        raise ValueError("its brackets are nested too deeply") from error


def _place(data: bytes, at: int) -> str:
    return f"line {data.count(bytes([10]), 0, at) + 1}, column {at - data.rfind(bytes([10]), 0, at)}"


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
