"""A set of strokes in painting order, and the document that keeps it: all that a painting is made of.

docs/stroke-document.md describes the files; tables.py packs their bytes, and unpacks those of strangers safely.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from neural_painter.errors import InputError
from neural_painter.tables import MAX_ROWS, Arrays, read_table, short, write_table
from renderers import brushes, own_brushes
from renderers.brush import HALF_LENGTH, HALF_WIDTH, MAX_SWEEP, PAINT_WIDTH, PLACEMENT_WIDTH, SWEEP, Brush

Array = np.ndarray

FORMAT = "neural-painter strokes"
VERSION = 3
MAX_STROKES = MAX_ROWS
MAX_SIDE = 100_000
"""Longest side of the photo, in pixels."""
MAX_LENGTH = 10.0
"""Largest coordinate, half length and half width, in canvas long sides."""
MAX_ANGLE = 1000.0
MAX_SEED = 2**32 - 1
MAX_OPTIONS = 64 << 10
"""Bytes of the options as JSON."""
LONGEST_NAME = 100
"""Letters of the name of a brush that may be somebody's."""
MAX_DEPTH = 16
"""Deepest nesting of the options."""

RENAMED = {"watercolor": "watercolor_1"}
"""What brushes of documents before version 3 are called now."""

KEYS = {"format", "version", "width", "height", "canvas", "brush", "seed", "weights", "options", "columns"}
"""What a document's header holds: all of these, and nothing else."""
PLACEMENT = ("x", "y", "half_length", "half_width", "angle", "sweep")
PAINT = ("red", "green", "blue", "second_red", "second_green", "second_blue", "opacity")


@dataclass(frozen=True)
class Strokes:
    """Strokes in painting order, the last on top. Arrays are kept as contiguous float32.

    Attributes:
        placement: `[N, 6]` x, y, half length, half width (canvas long sides), angle, sweep (radians); made of `[N, 5]`,
            strokes do not sweep.
        shape: `[N, F]` the brush's free shape parameters (`brush.free_shape`; the aspect follows from the placement).
        paint: `[N, 7]` first colour, second colour, opacity; in [0, 1].
        ids: `[N]` uint32, where strokes are known by numbers of their own, as in a film: textures follow them. None:
            a stroke is known by its place in the order.

    Raises:
        ValueError: the arrays do not have these shapes.
    """

    placement: Array
    shape: Array
    paint: Array
    ids: Array | None = None

    def __post_init__(self) -> None:
        for name in ("placement", "shape", "paint"):
            object.__setattr__(self, name, np.ascontiguousarray(getattr(self, name), np.float32))
        count = self.placement.shape[0] if self.placement.ndim else 0
        if self.placement.shape == (count, SWEEP):
            object.__setattr__(self, "placement", np.pad(self.placement, ((0, 0), (0, 1))))
        for name, columns in (("placement", len(PLACEMENT)), ("shape", None), ("paint", len(PAINT))):
            found = getattr(self, name).shape
            if len(found) != 2 or found[0] != count or found[1] != (found[1] if columns is None else columns):
                raise ValueError(f"{name} must be [{count}, {columns or 'F'}], got {list(found)}")
        if self.ids is not None:
            object.__setattr__(self, "ids", np.ascontiguousarray(self.ids, np.uint32))
            if self.ids.shape != (count,):
                raise ValueError(f"ids must be [{count}], got {list(self.ids.shape)}")

    def __len__(self) -> int:
        return len(self.placement)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Strokes):
            return NotImplemented
        same = all(np.array_equal(getattr(self, n), getattr(other, n)) for n in ("placement", "shape", "paint"))
        if self.ids is None or other.ids is None:
            return same and self.ids is other.ids
        return same and np.array_equal(self.ids, other.ids)

    def check(self, brush: Brush) -> None:
        """Raises ValueError, naming the first stroke and number, where a number is not finite or out of its range."""
        if self.shape.shape[1] != len(brush.free_shape):
            expected = f"{len(brush.free_shape)} free shape parameters"
            raise ValueError(f"brush {brush.name} has {expected}, got {self.shape.shape[1]}")
        tiny = np.finfo(np.float32).tiny
        low = [-MAX_LENGTH, -MAX_LENGTH, tiny, tiny, -MAX_ANGLE, -MAX_SWEEP, *brush.shape_low[1:], *[0.0] * 7]
        high = [*[MAX_LENGTH] * 4, MAX_ANGLE, MAX_SWEEP, *brush.shape_high[1:], *[1.0] * 7]
        table = self.table()
        wrong = ~((table >= np.array(low, np.float32)) & (table <= np.array(high, np.float32)))
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            least = "more than 0" if low[column] == tiny else f"{low[column]:.6g}"
            found = f"{columns(brush)[column]} is {table[row, column]!s}"
            raise ValueError(f"stroke {row}: {found}, expected {least} to {high[column]:.6g}")

    @classmethod
    def of(cls, table: Array, ids: Array | None = None) -> Strokes:
        """The strokes of a `table`, perhaps with ids."""
        placement, shape, paint = np.split(table, (PLACEMENT_WIDTH, table.shape[1] - PAINT_WIDTH), axis=1)
        return cls(placement, shape, paint, ids)

    def table(self) -> Array:
        """All numbers side by side, `[N, 6 + F + 7]`, in the order of `columns`."""
        return np.concatenate([self.placement, self.shape, self.paint], axis=1)


def columns(brush: Brush, version: int = VERSION) -> tuple[str, ...]:
    """What the columns of `Strokes.table` are called; version 1 of the format had no sweep."""
    placement = PLACEMENT if version > 1 else PLACEMENT[:SWEEP]
    return (*placement, *(parameter.name for parameter in brush.free_shape), *PAINT)


class MissingBrush(ValueError):
    """A document names a brush that may well be somebody's, and is not here.

    Attributes:
        hint: where to get it.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"unknown brush {short(name)}, expected one of: {', '.join(brushes.names())}")
        self.hint = f"If it is somebody's own, {own_brushes.missing(name)}; a brush of a Python file: --brush FILE.py"


@dataclass(frozen=True)
class StrokeDocument:
    """A painting: its strokes and everything needed to render them again, alike, at any size.

    Attributes:
        width, height: pixels of the photo as it was painted. Only their ratio matters to a rendering.
        canvas: colour of the bare canvas, r, g, b in [0, 1].
        brush: name of the ground-truth brush.
        strokes: the strokes.
        seed: what the painter was given; chooses the textures. 0 to MAX_SEED.
        options: how it was painted; JSON values only. A rendering does not depend on them; going on with an unfinished
            painting does, on the painter's options and on `unfinished`, `style` and `photo`: docs/stroke-document.md.
        weights: SHA-256 of the renderer's weights, hexadecimal, or "".
        version: of this format; documents of version 1 are read as strokes that do not sweep, and up to version 2
            brushes are read as RENAMED.
        state: of an unfinished painting, what the painter needs beside the strokes to go on as if it had never stopped;
            arrays by name, as `Arrays` takes them. Only .npz holds it.

    Raises:
        ValueError: a value is of the wrong type or out of range (the strokes' own numbers: see `check`).
    """

    width: int
    height: int
    canvas: tuple[float, float, float]
    brush: str
    strokes: Strokes
    seed: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    weights: str = ""
    version: int = VERSION
    state: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", self.state if isinstance(self.state, Arrays) else Arrays(self.state))
        for name, low, high in (("width", 1, MAX_SIDE), ("height", 1, MAX_SIDE), ("seed", 0, MAX_SEED)):
            object.__setattr__(self, name, _integer(name, getattr(self, name), low, high))
        if self.version != VERSION:
            raise ValueError(f"version is {self.version}, expected {VERSION}")
        if not isinstance(self.canvas, list | tuple | np.ndarray) or len(self.canvas) != 3:
            raise ValueError("canvas must be three numbers: red, green, blue")
        object.__setattr__(self, "canvas", tuple(_fraction("canvas", value) for value in self.canvas))
        if not isinstance(self.brush, str):
            raise ValueError(f"brush must be a name, got {type(self.brush).__name__}")
        if not isinstance(self.weights, str) or not re.fullmatch(r"([0-9a-f]{64})?", self.weights):
            raise ValueError("weights must be 64 hexadecimal digits, or empty")
        object.__setattr__(self, "options", _plain_options(self.options))
        if len(self.strokes) > MAX_STROKES:
            raise ValueError(f"{len(self.strokes)} strokes, expected at most {MAX_STROKES}")

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the photo as painted."""
        return self.height, self.width

    def find_brush(self) -> Brush:
        """The document's brush; raises ValueError where there is none of that name."""
        if self.brush in brushes.known():
            return brushes.brush(self.brush)
        if own_brushes.is_plain(self.brush) and len(self.brush) < LONGEST_NAME:
            raise MissingBrush(self.brush)
        raise ValueError(f"unknown brush {short(self.brush)}, expected one of: {', '.join(brushes.names())}")

    def check(self) -> Brush:
        """The document's brush, after checking every stroke against it.

        Raises:
            ValueError: no such brush, or a number is not finite or out of its range.
        """
        brush = self.find_brush()
        self.strokes.check(brush)
        return brush

    def full_shape(self, brush: Brush) -> Array:
        """What `brush.draw` takes: `[N, P]`, the aspect (half length / half width, clamped to its range) first."""
        placement = self.strokes.placement.astype(np.float64)
        aspect = np.clip(placement[:, HALF_LENGTH] / placement[:, HALF_WIDTH], brush.aspect.low, brush.aspect.high)
        return np.concatenate([aspect[:, None].astype(np.float32), self.strokes.shape], axis=1)

    def texture_seeds(self) -> Array:
        """`[N]` uint32: which texture each stroke has."""
        return texture_seeds(self.seed, len(self.strokes), self.strokes.ids)


def texture_seeds(seed: int, count: int, ids: Array | None = None) -> Array:
    """`[count]` uint32: stroke i has mix(mix(seed) + 0x9E3779B9 * (i + 1)), all modulo 2³², and 1 where that is 0.

    i is the stroke's id, of `ids` `[count]`, or its place in the order where it has none.
    `mix` is a bijection, so two strokes of a painting never share a texture. Source: lowbias32, Wellons 2018.
    """
    index = np.uint32(1) + (np.arange(count, dtype=np.uint32) if ids is None else ids)
    start = _mix(np.array([seed], np.uint32))
    return np.maximum(_mix(start + np.uint32(0x9E3779B9) * index), np.uint32(1))


def _mix(x: Array) -> Array:
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))


def write_document(path: Path | str, document: StrokeDocument, overwrite: bool = True) -> None:
    """Writes a document as .json, .json.gz or .npz. Same document, same bytes; float32 numbers survive exactly.

    JSON leaves out an unfinished painting's `state`.

    Args:
        path: the file; its end decides, `.npz` is the smallest.
        document: the painting.
        overwrite: whether a file that exists may be replaced.

    Raises:
        ValueError: the document does not hold what it should, or its strokes have ids, which files do not hold.
        UsageError: another extension, or too many strokes for JSON.
        OutputError: the file exists and `overwrite` is false, or cannot be written.
    """
    brush = document.check()
    if document.strokes.ids is not None:
        raise ValueError("strokes with ids are a film's: files of one painting do not hold them")
    header = {
        "format": FORMAT,
        "version": document.version,
        "width": document.width,
        "height": document.height,
        "canvas": list(document.canvas),
        "brush": document.brush,
        "seed": document.seed,
        "weights": document.weights,
        "options": document.options,
        "columns": list(columns(brush)),
    }
    write_table(Path(path), header, "strokes", document.strokes.table(), document.state, overwrite=overwrite)


def read_document(path: Path | str) -> StrokeDocument:
    """Reads a document that `write_document` wrote, or that follows docs/stroke-document.md.

    Args:
        path: the file.

    Returns:
        The document, every number checked. `Painting(document)` renders and saves it.

    Raises:
        UsageError: another extension than .json, .json.gz and .npz.
        InputError: no such file, or it does not hold a valid document; the message says where and why.
    """
    path = Path(path)
    header, table, state = read_table(path, "strokes", lambda header: _check_header(path, header))
    try:
        if header["version"] == 1:  # their state is of another optimiser's
            table, state = np.insert(table, SWEEP, 0, axis=1), Arrays({})
        document = _from_header(header, Strokes.of(table), state)
        document.check()
    except ValueError as error:
        raise InputError(f"{path}: not a valid stroke document: {error}") from error
    return document


def _check_header(path: Path, header: dict[str, Any]) -> None:
    """Raises ValueError unless everything but the strokes' own numbers is as it should be."""
    if header.get("format") != FORMAT:
        raise ValueError(f'it lacks "format": "{FORMAT}"')
    if type(header.get("version")) is not int or not 1 <= header["version"] <= VERSION:
        raise ValueError(f"its version is {short(header.get('version'))}, this program reads 1 to {VERSION}")
    if missing := sorted(KEYS - header.keys()):
        raise ValueError(f"the key {missing[0]!r} is missing")
    if unknown := sorted(header.keys() - KEYS - {"strokes"}):
        raise ValueError(f"the key {short(unknown[0])} is unknown")
    nothing = Strokes(np.empty((0, PLACEMENT_WIDTH)), np.empty((0, 0)), np.empty((0, 7)))
    try:
        brush = _from_header(header, nothing, {}).find_brush()
    except MissingBrush as error:  # nothing is wrong with the file
        raise InputError(f"{path}: {error}", hint=error.hint) from None
    names = columns(brush, header["version"])
    if header["columns"] != list(names):
        raise ValueError(f"the columns of brush {header['brush']} must be {', '.join(names)}")


def _from_header(header: dict[str, Any], strokes: Strokes, state: Mapping[str, Array]) -> StrokeDocument:
    told = {key: header[key] for key in KEYS - {"format", "version", "columns"}}
    if header["version"] < 3:
        told["brush"] = _name_now(told["brush"])
        if isinstance(told["options"], dict) and "brush" in told["options"]:
            told["options"] = {**told["options"], "brush": _name_now(told["options"]["brush"])}
    return StrokeDocument(strokes=strokes, state=state, **told)


def _name_now(brush: Any) -> Any:
    """What a brush of an older document is called now."""
    return RENAMED.get(brush, brush) if isinstance(brush, str) else brush


def _integer(name: str, value: Any, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not low <= value <= high:
        raise ValueError(f"{name} must be a whole number from {low} to {high}, got {short(value)}")
    return int(value)


def _fraction(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.floating) or not 0 <= value <= 1:
        raise ValueError(f"{name} must hold numbers from 0 to 1, got {short(value)}")
    return float(value)


def _plain_options(options: Any) -> dict[str, Any]:
    """A copy of the options as JSON gives them back (tuples become lists)."""

    def plain(value: Any, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise ValueError("options are nested too deeply")
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            return {key: plain(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [plain(item, depth + 1) for item in value]
        if value is None or isinstance(value, str) or (isinstance(value, int) and abs(value) < 2**63):
            return value
        if isinstance(value, float) and math.isfinite(value):
            return value
        raise ValueError(f"options must hold JSON values only, got {short(value)}")

    if not isinstance(options, dict):
        raise ValueError(f"options must be an object, got {type(options).__name__}")
    copy: dict[str, Any] = plain(options, 0)
    if len(json.dumps(copy)) > MAX_OPTIONS:
        raise ValueError(f"options take more than {MAX_OPTIONS >> 10} KiB")
    return copy
