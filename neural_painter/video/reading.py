"""Reads films frame by frame: upright, in sRGB, each with its time.

A frame that cannot be decoded is left out, and a film that is cut short ends early: what could be read is kept, and a
note tells what is missing. As players do, BT.709's curve is taken for sRGB's; wide colours and HDR are converted.

PyAV is used directly: imageio's reader tells no times of frames, does not go on behind a damaged one, and takes colours
and turned films as they are stored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from neural_painter.errors import InputError
from neural_painter.video.colours import Converter
from neural_painter.video.opening import opened
from neural_painter.video.origin import Moment, Sound

Array = np.ndarray
Say = Callable[[str], None]


@dataclass(frozen=True)
class Film:
    """What a film says about itself.

    Attributes:
        width, height: of the frames as shown, turned upright; pixels.
        rate: frames a second, on average.
        frames: how many; often an estimate; None where nothing tells.
        seconds: how long the pictures last; None where nothing tells.
        sound: whether it has an audio stream.
    """

    width: int
    height: int
    rate: Fraction
    frames: int | None
    seconds: float | None
    sound: bool


def probe(path: str | Path) -> Film:
    """Reads what a film says about itself, and its first frame.

    Raises:
        InputError: as `read_frames`.
    """
    with opened(Path(path)) as container:
        reader = Reader(container, Path(path), lambda sentence: None)
        frame = next(reader.frames()).frame
        assert frame is not None
        transposed = _turn_of(frame)[0]
        height, width = (frame.width, frame.height) if transposed else (frame.height, frame.width)
        seconds = None if reader.end is None else reader.end - reader.begin
        if seconds is None and container.duration is not None:
            seconds = Fraction(container.duration, av.time_base)
        shown = None if seconds is None else float(seconds)
        counts = [reader.stream.frames] if reader.stream.frames else []  # those that are cut off by an edit list, too
        if seconds is not None:
            counts.append(max(1, round(seconds * reader.rate)))
        return Film(width, height, reader.rate, min(counts, default=None), shown, bool(container.streams.audio))


def read_frames(path: str | Path, *, notes: list[str] | None = None) -> Iterator[Array]:
    """Reads the frames of a film, one at a time.

    Args:
        path: the file.
        notes: one sentence is appended for each thing that was changed, dropped or guessed.

    Yields:
        `[H, W, 3]` uint8, sRGB, upright; arrays of their own. Rarely, frames of one film differ in size.

    Raises:
        InputError: missing, a folder, empty, not a film, of an unsupported codec, or without a frame that can be read.
    """
    with opened(Path(path)) as container:
        reader = Reader(container, Path(path), note_in(notes, Path(path)))
        for moment in reader.frames():
            yield reader.picture(moment)


def note_in(notes: list[str] | None, path: Path) -> Say:
    """What appends sentences about `path` to `notes`, each once."""

    def say(sentence: str) -> None:
        line = f"{path.name}: {sentence}"
        if notes is not None and line not in notes:
            notes.append(line)

    return say


def packets_read(packets: Iterator[Any], say: Say) -> Iterator[Any]:
    """Packets, as far as they can be read; a sentence tells where that ends early."""
    try:
        yield from packets
    except av.FFmpegError as error:
        say(f"cannot be read to its end ({error.strerror})")


class Reader:
    """The pictures of a film that is open.

    Attributes:
        stream: the best of its video streams.
        time_base: seconds a tick.
        rate: frames a second, on average.
        offset: seconds at which the film begins, pictures or sound; they are taken off all times.
        begin, end: seconds between which there are pictures by the film's own account; `end` may be None.
    """

    def __init__(self, container: InputContainer, path: Path, say: Say) -> None:
        self.path, self.container, self.say = path, container, say
        self.stream = self._find_stream()
        self.time_base = self.stream.time_base or Fraction(1, 90_000)
        self.rate = self.stream.average_rate or self.stream.guessed_rate or Fraction(25)
        self.offset = Fraction(container.start_time or 0, av.time_base)
        self.begin = (self.stream.start_time or 0) * self.time_base
        self.end = self._stated_end()
        self._lead: int | None = None
        self._converter = Converter()

    def frames(self) -> Iterator[Moment]:
        """All frames in the order in which they are shown; each starts after the one before.

        Raises:
            InputError: there is none.
        """
        step = max(1, round(1 / self.rate / self.time_base))
        offset = round(self.offset / self.time_base)
        last: VideoFrame | None = None
        start = duration = 0
        for frame in self._decoded():
            time = self._told_time(frame)
            if last is None:
                time = time or 0
            else:
                time = start + duration if time is None else max(time, start + 1)
                yield Moment(last, start - offset, time - start)
            last, start, duration = frame, time, frame.duration or step
        if last is None:
            raise InputError(f"{self.path}: holds no frames that can be read")
        yield Moment(last, start - offset, duration)
        reached = (start + duration) * self.time_base
        if self.end is not None and reached < self.end - Fraction(5, 2) / self.rate:
            came, all_of_it = float(reached - self.begin), float(self.end - self.begin)
            self.say(f"is damaged or cut short: its pictures break off at {came:.1f} of {all_of_it:.1f} s")

    @property
    def sound(self) -> Sound | None:
        """Its sound."""
        count = len(self.container.streams.audio)
        return Sound(self.path, count, self.offset) if count else None

    @property
    def tags(self) -> Mapping[str, str]:
        """All that it says of itself."""
        return self.container.metadata

    def picture(self, moment: Moment) -> Array:
        """A frame of `frames`, `[H, W, 3]` uint8: sRGB, upright."""
        frame = moment.frame
        assert frame is not None
        if frame.interlaced_frame:
            self.say("is interlaced: its lines are left as they are")
        if not frame.format.has_palette and any(part.is_alpha for part in frame.format.components):
            self.say("its transparency is dropped")
        try:
            converted, kind = self._converter.to_rgb(frame, self.stream.codec_context.codec.canonical_name)
        except av.FFmpegError as error:
            raise InputError(f"{self.path}: its colours are of an unsupported kind ({frame.format.name})") from error
        if kind:
            self.say(f"its {kind} colours are converted to sRGB")
        picture = converted.to_ndarray()
        transposed, mirrored, upended = _turn_of(frame)
        if transposed:
            picture = picture.swapaxes(0, 1)
        return np.ascontiguousarray(picture[:: -1 if upended else 1, :: -1 if mirrored else 1])

    def aspect(self, frame: VideoFrame | None) -> Fraction:
        """Width of a frame's pixels as shown, in heights."""
        aspect = self.stream.sample_aspect_ratio or Fraction(1)
        return 1 / aspect if frame is not None and _turn_of(frame)[0] else aspect

    def _find_stream(self) -> VideoStream:
        streams = self.container.streams
        best = streams.best("video")
        if best is None or best.disposition & Disposition.attached_pic:
            found = " (found: sound only)" if streams.audio else ""
            raise InputError(f"{self.path}: holds no frames{found}, expected a film")
        if best.codec_context is None:
            raise InputError(f"{self.path}: its pictures are of an unsupported codec")
        others = {stream.type for stream in streams if stream.index != best.index} - {"audio"}
        if others:
            names = {"video": "further pictures", "subtitle": "subtitles"}
            self.say(", ".join(sorted(names.get(other, other) for other in others)) + " left out")
        stream = cast(VideoStream, best)
        stream.thread_type = "AUTO"
        return stream

    def _stated_end(self) -> Fraction | None:
        stream, length = self.stream, self.container.duration
        if "avi" in self.container.format.name and stream.frames:  # its duration is guessed from the size of the file
            return self.begin + stream.frames / self.rate
        if stream.duration is not None:
            return self.begin + stream.duration * self.time_base
        tag = re.match(r"(\d+):(\d\d):(\d\d\.?\d*)", stream.metadata.get("DURATION", ""))  # of Matroska and WebM
        if tag:
            return 3600 * int(tag[1]) + 60 * int(tag[2]) + Fraction(tag[3])
        if length is not None and not self.container.streams.audio:  # of the longest stream
            return self.offset + Fraction(length, av.time_base)
        return None

    def _decoded(self) -> Iterator[VideoFrame]:
        """Frames as they are stored; those that are damaged are left out, and a note tells so."""
        lost = broken = 0
        try:
            for packet in packets_read(self.container.demux(self.stream), self.say):
                if packet.is_corrupt:  # as the last one it would take along the frames that threads still hold
                    lost += 1
                    continue
                try:
                    frames = packet.decode()
                except av.FFmpegError:
                    lost += 1
                    continue
                for frame in frames:
                    broken += frame.is_corrupt
                    yield frame
        finally:
            if lost or broken:
                self.say(f"is damaged (frames missing: {lost}, incomplete: {broken})")

    def _told_time(self, frame: VideoFrame) -> int | None:
        if "avi" not in self.container.format.name:
            return frame.pts
        # AVI stores no times, and those guessed for reordered frames come out of order. The times of decoding do not.
        if self._lead is None and frame.dts is not None:
            self._lead = (frame.dts if frame.pts is None else frame.pts) - frame.dts
        return None if frame.dts is None or self._lead is None else frame.dts + self._lead


def _turn_of(frame: VideoFrame) -> tuple[bool, bool, bool]:
    """What turns a frame upright: whether rows become columns, and then left becomes right, and top becomes bottom.

    A display matrix takes (x, y) to (a x + c y, b x + d y), with a, b, c, d at places 0, 1, 3, 4 (ISO 14496-12, 6.2.2).
    """
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return False, False, False
    a, b, _, c, d = (int(number) for number in np.frombuffer(matrix, np.int32)[:5])
    return (True, c < 0, b < 0) if abs(b) > abs(a) else (False, a < 0, d < 0)
