"""The document that keeps a painted film: what it says of itself, and how it is written, frame by frame.

docs/film-document.md describes the file; reading.py reads it.
"""

from __future__ import annotations

import io
import json
import zlib
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, BinaryIO

import numpy as np

from neural_painter.archive_writing import ArchiveWriter
from neural_painter.errors import UsageError
from neural_painter.film.changes import change, nothing, words_of
from neural_painter.strokes import StrokeDocument, Strokes, columns
from renderers.brush import Brush

Array = np.ndarray

FORMAT = "neural-painter film"
VERSION = 1

GROUP = 64
"""Frames of a group at most. The first of a group is whole, so that a frame needs none of the groups before."""
SHORTEST = 8
"""Frames of a group at least, unless the film or its memory ends: a shot begins a group of its own where it can."""
MOST_BYTES = 32 << 20
"""Bytes of changes from which a group ends."""

MAX_FRAMES = 1_000_000
MAX_STROKES = 250_000
"""Of a frame."""
MAX_SOUND = 1 << 30
"""Bytes of a film's sound."""
MAX_TAGS, LONGEST_TAG = 32, 4000
"""What a film says of itself, in all and in letters each."""
MAX_TIME = 1 << 62
MAX_TICKS = 1 << 31
"""Numerator and denominator of times, rates and the shape of pixels."""
SOUNDS = ("", "mov", "mp4", "matroska")
"""Containers in which a film's sound lies; "": it has none."""

PAINTING = ("width", "height", "canvas", "brush", "seed", "weights", "options")
"""Keys that are those of a stroke document."""
KEYS = {"format", "version", *PAINTING, "columns", "pixel_aspect", "time_base", "rate", "tags", "sound"}


@dataclass(frozen=True)
class FilmHead:
    """What a film's document says of the film.

    Attributes:
        painting: what it says as a stroke document does, which holds no strokes.
        time_base: seconds a tick.
        rate: frames a second, on average.
        pixel_aspect: width of a pixel as shown, in heights.
        tags: title, artist and the like.
        sound: container of its sound, of SOUNDS.

    Raises:
        ValueError: a value makes no sense.
    """

    painting: StrokeDocument
    time_base: Fraction
    rate: Fraction
    pixel_aspect: Fraction = Fraction(1)
    tags: Mapping[str, str] = field(default_factory=dict)
    sound: str = ""

    def __post_init__(self) -> None:
        for name in ("time_base", "rate", "pixel_aspect"):
            value = getattr(self, name)
            if not (0 < value.numerator < MAX_TICKS and value.denominator < MAX_TICKS):
                raise ValueError(f"{name} is out of range")
        if len(self.tags) > MAX_TAGS or not all(
            isinstance(text, str) and len(text) <= LONGEST_TAG for pair in self.tags.items() for text in pair
        ):
            raise ValueError(f"tags must be at most {MAX_TAGS} texts of {LONGEST_TAG} letters")
        if self.sound not in SOUNDS:
            raise ValueError(f"sound must be one of {', '.join(SOUNDS[1:])}, or empty")

    def columns(self, brush: Brush) -> list[str]:
        """What the words of a stroke are called."""
        return [*columns(brush), "id"]

    def document(self, strokes: Strokes) -> StrokeDocument:
        """A frame of the film as a painting."""
        return replace(self.painting, strokes=strokes)

    def told(self, brush: Brush) -> dict[str, Any]:
        """The header of the file."""
        painting = self.painting
        return {
            "format": FORMAT,
            "version": VERSION,
            **{key: getattr(painting, key) for key in PAINTING},
            "canvas": list(painting.canvas),
            "columns": self.columns(brush),
            "pixel_aspect": pair(self.pixel_aspect),
            "time_base": pair(self.time_base),
            "rate": pair(self.rate),
            "tags": dict(self.tags),
            "sound": self.sound,
        }


def pair(value: Fraction) -> list[int]:
    """A fraction as it is written."""
    return [value.numerator, value.denominator]


class FilmWriter:
    """A film's document in the making. It holds one group of frames, and a few bytes of each earlier one.

    Args:
        head: of the film; its strokes' brush must be there.

    Attributes:
        frames: how many were added.
    """

    def __init__(self, head: FilmHead) -> None:
        self._head, self._brush = head, head.painting.find_brush()
        self._columns = len(head.columns(self._brush))
        self._archive = ArchiveWriter()
        self._times, self._counts = array("q"), array("I")
        self._groups, self._shots = array("I"), array("I")
        self._shifts: list[Array] = []
        self._planes: list[Array] = []
        self._words = nothing(self._columns)

    @property
    def frames(self) -> int:
        """How many were added."""
        return len(self._counts)

    @property
    def waiting(self) -> int:
        """Bytes of groups that `take` would give."""
        return self._archive.waiting

    @property
    def end(self) -> int:
        """Bytes of all groups so far."""
        return self._archive.end

    @property
    def seconds(self) -> Fraction:
        """When the film ends, so far."""
        return self._times[-1] * self._head.time_base if self._times else Fraction(0)

    def add(self, strokes: Strokes, start: int, end: int, *, fresh: bool) -> None:
        """Adds the next frame.

        Args:
            strokes: with ids; those of a frame that is not `fresh` continue the strokes of the same id before.
            start, end: when it is shown, in ticks; it starts where the one before ends, whatever was said of that.
            fresh: whether a shot begins.

        Raises:
            ValueError: numbers are out of range, there are too many strokes, or the frame ends before it starts.
            UsageError: there are too many frames.
        """
        strokes.check(self._brush)
        if len(strokes) > MAX_STROKES or not end > start or (self._times and start <= self._times[-2]):
            raise ValueError(f"frame {self.frames}: {len(strokes)} strokes from {start} to {end}")
        if self.frames >= MAX_FRAMES:
            raise UsageError(f"a film of more than {MAX_FRAMES} frames is too long for one document")
        grouped = self.frames - self._groups[-1] if self._groups else GROUP
        if grouped >= GROUP or (fresh and grouped >= SHORTEST) or sum(map(len, self._planes)) >= MOST_BYTES:
            self._end_group()
            self._groups.append(self.frames)
            self._words = nothing(self._columns)
        if fresh or not self.frames:
            self._shots.append(self.frames)
            self._words = nothing(self._columns)
        words = words_of(strokes)
        found = change(self._words, words)
        self._shifts.append(found.shifts)
        self._planes.append(found.planes)
        self._words = words
        if self._times:
            self._times[-1] = start
        else:
            self._times.append(start)
        self._times.append(end)
        self._counts.append(len(strokes))

    def take(self) -> bytes:
        """The bytes of groups that have ended since the last time, which go behind those taken before."""
        return self._archive.taken()

    def finish(self, target: BinaryIO, sound: tuple[str, BinaryIO] | None = None) -> None:
        """Writes all that was not taken yet, and the sound: its container and its bytes."""
        self._end_group()
        archive = self._archive
        archive.add("times", np.array(self._times, np.int64))
        archive.add("counts", np.array(self._counts, np.uint32))
        archive.add("groups", np.array([*self._groups, self.frames], np.uint32))
        archive.add("shots", np.array(self._shots, np.uint32))
        head = self._head
        if sound:
            size = sound[1].seek(0, io.SEEK_END)
            sound[1].seek(0)
            head = replace(head, sound=sound[0])
            archive.add_bytes("sound", sound[1], size, target)
        text = json.dumps(head.told(self._brush), allow_nan=False).encode("ascii")
        archive.add("header", np.frombuffer(text, np.uint8))
        target.write(archive.finish())

    def kept(self) -> bytes:
        """All that is needed to go on behind the groups that were taken; see `recall`."""
        file = io.BytesIO()
        np.savez(
            file,
            end=np.array([self._archive.end], np.int64),
            times=np.array(self._times, np.int64),
            counts=np.array(self._counts, np.uint32),
            groups=np.array(self._groups, np.uint32),
            shots=np.array(self._shots, np.uint32),
            words=self._words,
            lengths=np.array([len(shifts) for shifts in self._shifts], np.int64),
            shifts=np.concatenate([np.zeros(0, np.int32), *self._shifts]),
            planes=np.concatenate([np.zeros(0, np.uint8), *self._planes]),
        )
        return zlib.compress(file.getvalue(), 1)

    def recall(self, state: bytes, groups: BinaryIO) -> None:
        """Goes on where `kept` was asked, behind the groups that had been taken then, in a file that holds them.

        Raises:
            ValueError: the file does not hold them.
        """
        with np.load(io.BytesIO(zlib.decompress(state)), allow_pickle=False) as found:
            self._archive = ArchiveWriter()
            self._archive.go_on(groups, int(found["end"][0]))
            self._times, self._counts = array("q", found["times"].tolist()), array("I", found["counts"].tolist())
            self._groups, self._shots = array("I", found["groups"].tolist()), array("I", found["shots"].tolist())
            self._words = found["words"]
            ends = np.cumsum(found["lengths"])  # np.split gives one part more, of nothing
            self._shifts = np.split(found["shifts"], ends)[:-1]
            self._planes = np.split(found["planes"], 4 * self._columns * ends)[:-1]

    def _end_group(self) -> None:
        if not self._shifts:
            return
        number = len(self._groups) - 1
        self._archive.add(f"shifts/{number}", np.concatenate(self._shifts))
        self._archive.add(f"planes/{number}", np.concatenate(self._planes))
        self._shifts, self._planes = [], []
