"""Reads a film's document, of a stranger as well: any frame, without those before its group; docs/film-document.md."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from neural_painter.archives import Archive, short
from neural_painter.errors import InputError
from neural_painter.files import opened
from neural_painter.film.changes import nothing, strokes_of, unrolled
from neural_painter.film.document import (
    FORMAT,
    GROUP,
    KEYS,
    MAX_FRAMES,
    MAX_SOUND,
    MAX_STROKES,
    MAX_TICKS,
    MAX_TIME,
    PAINTING,
    SOUNDS,
    VERSION,
    FilmHead,
)
from neural_painter.json_rows import parse
from neural_painter.strokes import MissingBrush, StrokeDocument, Strokes
from renderers.brush import PLACEMENT_WIDTH

Array = np.ndarray

WHAT = "a film's document"

MAX_HEADER = 256 << 10
MAX_GROUPS = 131_072
MAX_DIRECTORY = 32 << 20
"""Bytes of the list of arrays."""
MAX_GROUP_BYTES = 64 << 20
"""Bytes of the changes of a group: those of a frame of the most strokes, and what may stand before it."""
_MOST = 1 << 62


def is_film_document(path: Path) -> bool:
    """Whether a file is a film's document rather than a painting's; False for what cannot be read at all."""
    try:
        with opened(path, WHAT, most=_MOST) as file:
            names = Archive(file, 2 * MAX_GROUPS + 8, directory=MAX_DIRECTORY).names
    except (InputError, ValueError, OSError):
        return False
    return "counts" in names


class FilmDocument:
    """A film's document that is open.

    Attributes:
        head: what it says of the film.
        times: `[frames + 1]` int64, when each frame begins, in ticks; the last is when the film ends.
        counts: `[frames]` strokes of each.
        shots: the first frame of each shot.
    """

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self.path = path
        self._archive = Archive(file, 2 * MAX_GROUPS + 8, directory=MAX_DIRECTORY)
        if missing := sorted({"header", "counts", "times", "groups", "shots"} - set(self._archive.names)):
            raise ValueError(f"the array {missing[0]} is missing")
        header = parse(self._archive.array("header", "|u1", (MAX_HEADER,)).tobytes())
        self.head = _head(path, header)
        self.brush = self.head.painting.find_brush()
        names = self.head.columns(self.brush)
        if header["columns"] != names:
            raise ValueError(f"the columns of brush {self.brush.name} must be {', '.join(names)}")
        self._columns = len(names)
        self.counts = self._archive.array("counts", "<u4", (MAX_FRAMES,))
        self.times = self._archive.array("times", "<i8", (MAX_FRAMES + 1,))
        self._groups = self._archive.array("groups", "<u4", (MAX_GROUPS + 1,)).astype(np.int64)
        self.shots = self._archive.array("shots", "<u4", (MAX_FRAMES,))
        self._check()

    @property
    def frames(self) -> int:
        """How many frames it has; one at least."""
        return len(self.counts)

    def strokes(self, start: int = 0, stop: int | None = None) -> Iterator[Strokes]:
        """The strokes of frames, from frame `start` (counted from 0) on, with ids; every number is checked.

        Raises:
            InputError: they are not as they should be; frames before that are given.
        """
        stop = self.frames if stop is None else stop
        first = int(np.searchsorted(self._groups, start, side="right")) - 1
        for group in range(first, len(self._groups) - 1):
            frame = int(self._groups[group])
            if frame >= stop:
                return
            try:
                for words in self._unrolled(group):
                    if start <= frame < stop:
                        strokes = strokes_of(words)
                        strokes.check(self.brush)
                        yield strokes
                    frame += 1
            except ValueError as error:
                raise _wrong(self.path, f"frame {frame + 1}: {error}") from error

    def painting(self, frame: int) -> StrokeDocument:
        """A frame, counted from 0, as a painting whose strokes have ids; raises IndexError where there is none."""
        if not 0 <= frame < self.frames:
            raise IndexError(frame)
        return self.head.document(next(self.strokes(frame, frame + 1)))

    def frame_at(self, seconds: Fraction) -> int:
        """The frame, counted from 0, that is shown then; the first or last one before or after the film."""
        ticks = seconds / self.head.time_base
        return int(np.searchsorted(self.times[1:-1], int(ticks // 1), side="right"))

    def copy_sound(self, target: BinaryIO) -> None:
        """Writes the film's sound, which there must be; raises InputError where it is damaged."""
        try:
            self._archive.copied("sound", target, MAX_SOUND)
        except ValueError as error:
            raise _wrong(self.path, error) from error

    def _unrolled(self, group: int) -> Iterator[Array]:
        begin, end = self._groups[group : group + 2]
        counts = self.counts[begin:end].astype(np.int64)
        total = int(counts.sum())
        shifts = self._archive.array(f"shifts/{group}", "<i4", (total,))
        planes = self._archive.array(f"planes/{group}", "|u1", (4 * self._columns * total,))
        if len(shifts) != total or len(planes) != 4 * self._columns * total:
            raise ValueError("there are fewer changes than strokes")
        yield from unrolled(nothing(self._columns), counts, shifts, planes)

    def _check(self) -> None:
        """Raises ValueError unless all but the frames' own numbers is as it should be."""
        frames, groups, times = self.frames, self._groups, self.times
        if not frames or len(times) != frames + 1 or len(groups) < 2:
            raise ValueError("it must hold a frame, and times and groups for all")
        if not (np.diff(times) > 0).all() or times[0] < -MAX_TIME or times[-1] > MAX_TIME:
            raise ValueError("its times must grow")
        if groups[0] != 0 or groups[-1] != frames or not ((steps := np.diff(groups)) > 0).all() or steps.max() > GROUP:
            raise ValueError(f"its groups must be of 1 to {GROUP} frames, one behind the other")
        shots = self.shots.astype(np.int64)
        if not len(shots) or shots[0] != 0 or not (np.diff(shots) > 0).all() or shots[-1] >= frames:
            raise ValueError("its shots must begin with its first frame, one behind the other")
        if self.counts.max() > MAX_STROKES:
            raise ValueError(f"a frame has more than {MAX_STROKES} strokes")
        sizes = np.add.reduceat(self.counts.astype(np.int64), groups[:-1]) * 4 * self._columns
        if sizes.max() > MAX_GROUP_BYTES:
            raise ValueError("a group holds too many strokes")
        expected = {"header", "counts", "times", "groups", "shots", *(["sound"] if self.head.sound else [])}
        expected |= {f"{what}/{group}" for group in range(len(groups) - 1) for what in ("shifts", "planes")}
        if len(self._archive.names) != len(expected) or set(self._archive.names) != expected:
            raise ValueError("it holds other arrays than its groups need")


@contextmanager
def opened_film(path: Path) -> Iterator[FilmDocument]:
    """Opens a film's document; the file stays open for as long.

    Raises:
        InputError: no such file, or it does not hold a valid document; the message says where and why.
    """
    with opened(path, WHAT, most=_MOST) as file:
        try:
            film = FilmDocument(file, path)
        except ValueError as error:
            raise _wrong(path, error) from error
        yield film


def _wrong(path: Path, problem: object) -> InputError:
    return InputError(f"{path}: not a valid film document: {problem}")


def _head(path: Path, header: Any) -> FilmHead:
    """The header, checked; raises ValueError, or InputError where the brush is somebody's own."""
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError(f'it lacks "format": "{FORMAT}"')
    if type(header.get("version")) is not int or header["version"] != VERSION:
        raise ValueError(f"its version is {short(header.get('version'))}, this program reads {VERSION}")
    if missing := sorted(KEYS - header.keys()):
        raise ValueError(f"the key {missing[0]!r} is missing")
    if unknown := sorted(header.keys() - KEYS):
        raise ValueError(f"the key {short(unknown[0])} is unknown")
    if not isinstance(header["tags"], dict) or header["sound"] not in SOUNDS:
        raise ValueError("its tags or its sound make no sense")
    none = Strokes(np.empty((0, PLACEMENT_WIDTH)), np.empty((0, 0)), np.empty((0, 7)))
    painting = StrokeDocument(strokes=none, **{key: header[key] for key in PAINTING})
    try:
        painting.find_brush()
    except MissingBrush as error:  # nothing is wrong with the file
        raise InputError(f"{path}: {error}", hint=error.hint) from None
    return FilmHead(
        painting,
        time_base=_fraction(header, "time_base"),
        rate=_fraction(header, "rate"),
        pixel_aspect=_fraction(header, "pixel_aspect"),
        tags=header["tags"],
        sound=header["sound"],
    )


def _fraction(header: dict[str, Any], name: str) -> Fraction:
    value = header[name]
    whole = isinstance(value, list) and len(value) == 2 and all(type(part) is int for part in value)
    if not whole or not all(0 < part < MAX_TICKS for part in value):
        raise ValueError(f"{name} must be two whole numbers from 1 to {MAX_TICKS - 1}")
    return Fraction(*value)
