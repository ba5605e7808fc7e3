"""Keeps a film that is still being made in one file, so that it can be gone on with after the program was killed.

A film is encoded in parts of some hundred frames, each by an encoder of its own. Of a part that is finished, the file
keeps the packets; of the one at work, the frames as the encoder was given them, without loss. So a film that is gone on
with is equal to the byte to one that was made in one go. Where a frame depends on those before, what is known of them
is kept behind the frames each time, and frames behind the last of that are made again.

The file is a row of records: what the film is made of, then packets and frames. It is written every ten seconds, and
only from then on: of a short film there is none. What was cut off at its end is left out when it is read.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from io import FileIO
from pathlib import Path
from typing import NamedTuple

import av
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

from neural_painter.errors import InputError
from neural_painter.files import opened
from neural_painter.records import Place, read_at, record, records, write_at
from neural_painter.video.encoding import FORM, THREADS, marked

MAGIC = b"neural_painter unfinished film 1\n"
EVERY = 10.0
"""Seconds of work after which it is written down."""
MOST_WAITING = 256 << 20
"""Bytes of frames that may wait for that."""

_BYTES = {FORM: 1.5, "yuva444p10le": 8}
"""Of a pixel."""

_MOVE = struct.Struct("<QQQ")  # from, to, bytes; follows MAGIC
_TIMES = struct.Struct("<qqqI?")  # start, time of decoding, duration, frames of its part before it came, key frame


class Kept(NamedTuple):
    """A packet of a finished part, times in ticks of the film's time base."""

    start: int
    decoded: int
    duration: int
    after: int
    """How many frames of its part the encoder had been given when it came."""
    key: bool
    data: bytes

    def packet(self, time_base: object) -> Packet:
        """As it came from the encoder."""
        packet = Packet(self.data)
        packet.pts, packet.dts, packet.duration, packet.is_keyframe = self.start, self.decoded, self.duration, self.key
        packet.time_base = time_base  # type: ignore[assignment]
        return packet


@dataclass
class Found:
    """What a file holds.

    Attributes:
        head: what the film is made of.
        parts: packets of each finished part.
        frames: of the part that was at work.
        part: where that begins.
        end: of what is whole.
        memory: what was known after the first `remembered` of those frames, if that was kept; it ends at `memory_end`.
    """

    head: dict[str, object] = field(default_factory=dict)
    parts: list[list[Place]] = field(default_factory=list)
    frames: list[Place] = field(default_factory=list)
    part: int = 0
    end: int = 0
    memory: Place | None = None
    remembered: int = 0
    memory_end: int = 0

    def without_forgotten(self) -> Found:
        """The same, up to what was known last."""
        end = self.memory_end if self.memory else self.part
        return replace(self, frames=self.frames[: self.remembered], end=end)


def identity(path: Path) -> str:
    """Tells a film from others by its size and samples of its bytes: films can be larger than is read in a moment."""
    size = path.stat().st_size
    found = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for k in range(64):
            file.seek(max(0, size - (1 << 16)) * k // 63)
            found.update(file.read(1 << 16))
    return found.hexdigest()


class Keeper:
    """Writes a film's state, and reads that of an earlier run.

    Args:
        path: the file.
        head: what the film is made of; of another run with another, nothing is gone on with.
        resume: whether a file that is there is gone on with; else it is replaced.
        remembers: whether what is known after a frame comes with it.
        form: of the frames' pixels.

    Attributes:
        size: (height, width) of the frames as they were changed; None as long as there are none.
        parts: how many finished ones an earlier run has left.
        frames: how many frames of the next part it has left.
        done: whether the film is finished, for whoever closes this.

    Raises:
        InputError: the file is of another film, other settings, another version, or not such a file at all.
    """

    def __init__(
        self, path: Path, head: dict[str, object], *, resume: bool, remembers: bool = False, form: str = FORM
    ) -> None:
        self.path, self._head, self._form = path, head | {"ffmpeg": str(av.library_versions)}, form
        self.size: tuple[int, int] | None = None
        self.done = False
        self._file: FileIO | None = None
        self._buffer: list[bytes] = []
        self._waiting: list[VideoFrame] = []
        self._known: Callable[[], bytes] | None = None
        self._since = time.monotonic()
        self._found = Found()
        if resume and path.exists():
            self._resume(remembers)
        self.parts, self.frames = len(self._found.parts), len(self._found.frames)
        self._part, self._end = self._found.part, self._found.end

    def begin(self, size: tuple[int, int]) -> None:
        """Says the size (height, width) of the frames, before the first is added."""
        if self.size is None:
            self.size = size
            head = json.dumps(self._head | {"size": size}, sort_keys=True).encode()
            self._put(MAGIC + bytes(_MOVE.size) + record(b"HEAD", head))
            self._part = self._end

    def packets(self, part: int) -> Iterator[Kept]:
        """Those of a finished part of the earlier run."""
        for place in self._found.parts[part]:
            data = self._read(place)
            start, decoded, duration, after, key = _TIMES.unpack_from(data)
            yield Kept(start, decoded, duration, after, key, data[_TIMES.size :])

    def old_frames(self, size: tuple[int, int]) -> Iterator[VideoFrame]:
        """Those of the part at work that the earlier run has left, (height, width), with their times in ticks."""
        decoder = av.CodecContext.create("ffv1", "r")
        assert isinstance(decoder, VideoCodecContext)
        decoder.height, decoder.width = size
        decoder.extradata = _lossless(size, self._form).extradata
        for place in self._found.frames:
            data = self._read(place)
            start, _, duration, _, _ = _TIMES.unpack_from(data)
            (frame,) = decoder.decode(Packet(data[_TIMES.size :]))
            frame.pict_type = PictureType.NONE  # no word of key frames
            frame.pts, frame.duration = start, duration
            yield marked(frame)

    def memory(self) -> bytes:
        """What the earlier run knew after the last of its frames; nothing where it has left none."""
        place = self._found.memory
        return self._read(place) if place else b""

    def add(self, frame: VideoFrame, known: Callable[[], bytes] | None = None) -> None:
        """Takes a frame of the part at work, with its times in ticks, and what tells what is known after it."""
        self._waiting.append(frame)
        self._known = known
        if self._is_due() or len(self._waiting) * frame.width * frame.height * _BYTES[self._form] > MOST_WAITING:
            self.flush()

    def end_part(self, packets: list[Kept]) -> None:
        """Takes the packets of the part at work, which is finished, in place of its frames."""
        self._waiting.clear()
        block = b"".join(record(b"PACK", _TIMES.pack(*kept[:5]) + kept.data) for kept in packets)
        block += self._memory() + record(b"DONE", b"")
        begin, room = self._part, self._end - self._part
        at = self._end
        self._put(block)
        if room >= len(block):  # over the frames, which are not needed any more
            assert self._file is not None
            write_at(self._file, _MOVE.pack(at, begin, len(block)), len(MAGIC))
            self._end = _move(self._file)
        self._part = self._end
        if self._is_due():
            self.flush()

    def flush(self) -> None:
        """Writes down all that has come so far."""
        if self._waiting:
            encoder = _lossless((self._waiting[0].height, self._waiting[0].width), self._form)
            for number, frame in enumerate(self._waiting):
                times = _TIMES.pack(frame.pts or 0, 0, frame.duration, 0, True)
                frame.pts, frame.time_base = number, Fraction(1)
                self._put(record(b"FRAM", times + b"".join(map(bytes, encoder.encode(frame)))))
            self._waiting.clear()
            self._put(self._memory())
        if self._file is None:
            self.path.unlink(missing_ok=True)
            self._file = FileIO(self.path, "x+")
        if self._buffer:
            write_at(self._file, b"".join(self._buffer), self._end - sum(map(len, self._buffer)))
            self._buffer.clear()
        self._since = time.monotonic()

    def close(self, *, done: bool) -> None:
        """Removes the file of a film that is done; of another, writes down what has come, if it is worth a file."""
        if done:
            self._waiting.clear()
        elif self._file is not None or self._is_due():
            with suppress(OSError, av.FFmpegError):  # what went wrong was said before
                self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None
            if done:
                self.path.unlink(missing_ok=True)

    def _memory(self) -> bytes:
        """The record of what is known after the last frame; none where nothing is."""
        return record(b"MIND", self._known()) if self._known else b""

    def _is_due(self) -> bool:
        return time.monotonic() - self._since >= EVERY

    def _put(self, data: bytes) -> None:
        self._end += len(data)
        if self._file is None:
            self._buffer.append(data)
        else:
            write_at(self._file, data, self._end - len(data))

    def _read(self, place: Place) -> bytes:
        assert self._file is not None
        return read_at(self._file, place)

    def _resume(self, remembers: bool) -> None:
        with opened(self.path, "an unfinished film", most=1 << 62) as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise InputError(f"{self.path}: not an unfinished film")
        self._file = FileIO(self.path, "r+")
        _move(self._file)
        self._found = _scan(self._file)
        if remembers:
            self._found = self._found.without_forgotten()
        size = self._found.head.pop("size", None)
        if self._found.head != json.loads(json.dumps(self._head)) or not isinstance(size, list):
            self._file.close()
            self._file = None
            raise InputError(
                f"{self.path}: belongs to another film, other settings or another version",
                hint="Begin anew, and it is replaced.",
            )
        self.size = int(size[0]), int(size[1])
        self._file.truncate(self._found.end)


def _lossless(size: tuple[int, int], form: str) -> VideoCodecContext:
    """An encoder of frames that loses nothing, each on its own."""
    encoder = av.CodecContext.create("ffv1", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.height, encoder.width = size
    encoder.pix_fmt = form
    encoder.time_base = Fraction(1)
    encoder.options = {"level": "3", "slices": "4", "g": "1"}
    encoder.thread_type, encoder.thread_count = "SLICE", THREADS
    encoder.open()
    return encoder


def _move(file: FileIO) -> int:
    """Moves what is to be moved within a file, an earlier run may have begun with it, and cuts the file off behind it.

    Returns:
        Where the file ends.
    """
    source, target, length = _MOVE.unpack(read_at(file, Place(len(MAGIC), _MOVE.size)).ljust(_MOVE.size, b"\0"))
    data = read_at(file, Place(source, length)) if length else b""
    if data:  # else the file was cut off already
        write_at(file, data, target)  # they do not overlap
        file.truncate(target + length)
    if length:
        write_at(file, bytes(_MOVE.size), len(MAGIC))
    return file.seek(0, os.SEEK_END)


def _scan(file: FileIO) -> Found:
    """What a file holds, up to the first record that is not whole."""
    found, packets = Found(), list[Place]()
    memory: Place | None = None
    for kind, place, data in records(file, len(MAGIC) + _MOVE.size):
        if kind == b"HEAD":
            found.head = json.loads(data)
            found.part = place.end
        elif kind == b"FRAM":
            found.frames.append(place)
        elif kind == b"PACK":
            packets.append(place)
        elif kind == b"MIND" and packets:  # of a part that is finished, if its end comes
            memory = place
            continue
        elif kind == b"MIND":
            found.memory, found.remembered, found.memory_end = place, len(found.frames), place.end
        elif kind == b"DONE":
            found.parts.append(packets)
            packets, found.frames, found.part = [], [], place.end
            found.memory, found.remembered, found.memory_end = memory, 0, place.end
        if kind != b"PACK":  # without its end, a part does not count
            found.end = place.end
    return found
