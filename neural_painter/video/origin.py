"""What a new film takes over: times, shape of pixels, sound, and what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, Protocol

import av
from av.video.frame import VideoFrame

from neural_painter.video.opening import opened

TAGS = (
    "title",
    "artist",
    "album",
    "album_artist",
    "composer",
    "date",
    "creation_time",
    "comment",
    "description",
    "synopsis",
    "copyright",
    "genre",
)
"""What a new film tells as the old one did: what people write, not where it was taken or by which program."""


class Sound(NamedTuple):
    """Where a film's sound is.

    Attributes:
        path: a film, or its sound alone.
        streams: of its audio.
        offset: seconds that are taken off all of its times.
    """

    path: Path
    streams: int
    offset: Fraction = Fraction(0)


class Origin(Protocol):
    """What a film is made of, beside its pictures."""

    @property
    def time_base(self) -> Fraction:
        """Seconds a tick."""
        ...

    @property
    def rate(self) -> Fraction:
        """Frames a second, on average."""
        ...

    @property
    def sound(self) -> Sound | None:
        """Where its sound is."""
        ...

    @property
    def tags(self) -> Mapping[str, str]:
        """Title, artist and the like."""
        ...

    def aspect(self, frame: VideoFrame | None) -> Fraction:
        """Width of a frame's pixels as shown, in heights."""
        ...


class Moment(NamedTuple):
    """When a frame is shown and for how long, in ticks of the film's time base; and as it is stored, if it is."""

    frame: VideoFrame | None
    start: int
    duration: int


@dataclass(frozen=True)
class Told:
    """An origin that is known from elsewhere than a film."""

    time_base: Fraction
    rate: Fraction
    pixel_aspect: Fraction = Fraction(1)
    sound: Sound | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def aspect(self, frame: VideoFrame | None) -> Fraction:
        """The same for all frames."""
        return self.pixel_aspect


def tags_of(told: Mapping[str, str]) -> dict[str, str]:
    """Those of TAGS."""
    return {name: told[name] for name in TAGS if name in told}


def sound_of(path: Path) -> Sound | None:
    """The sound of a film or of a file of sound alone; None where it has none.

    Raises:
        InputError: missing, or neither.
    """
    with opened(path) as container:
        count = len(container.streams.audio)
        return Sound(path, count, Fraction(container.start_time or 0, av.time_base)) if count else None
