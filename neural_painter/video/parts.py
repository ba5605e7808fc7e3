"""Encodes the pictures of a film part by part, so that a film may be gone on with after any part."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from fractions import Fraction

import av
from av.codec.context import Flags
from av.container import OutputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from neural_painter.errors import InputError
from neural_painter.video.encoding import Target, set_up
from neural_painter.video.unfinished import Keeper, Kept

PART = 250
"""Frames of a part: as many as x264 writes between two key frames anyway."""


class Parts:
    """What encodes frames into a stream. Each part has an encoder of its own, which knows nothing of those before.

    Args:
        container: the film, whose header is written.
        stream: of it, `set_up`.
        kind: of the film.
        keeper: what has been kept of an earlier run, and is told of this one.
    """

    def __init__(self, container: OutputContainer, stream: VideoStream, kind: Target, keeper: Keeper | None) -> None:
        self._container, self._stream, self._kind, self._keeper = container, stream, kind, keeper
        self._encoder: VideoCodecContext | None = stream.codec_context
        self._starts: list[int] = []
        self._muxed = 0
        self._packets: list[Kept] = []
        self._saved: deque[Kept] = deque()
        size = stream.height, stream.width
        self._old = keeper.old_frames(size) if keeper else iter(())

    def encode(self, frame: VideoFrame, known: Callable[[], bytes] | None = None) -> None:
        """Takes the next frame, with its times in ticks of the stream, and what tells what is known after it."""
        self._starts.append(frame.pts or 0)
        self._encode(frame, keep=True, known=known)

    def repeat(self, start: int) -> None:
        """Takes the next frame from the earlier run; it starts at that tick.

        Raises:
            InputError: it does not.
        """
        assert self._keeper is not None
        part, number = divmod(len(self._starts), PART)
        self._starts.append(start)
        if part >= self._keeper.parts:
            frame = next(self._old)
            if frame.pts != start:
                raise InputError(f"{self._keeper.path}: does not fit its film", hint="Begin anew, and it is replaced.")
            frame.time_base = self._stream.codec_context.time_base
            self._encode(frame, keep=False)
            return
        self._encoder = None
        if number == 0:
            self._saved = deque(self._keeper.packets(part))
        while self._saved and self._saved[0].after <= number + 1:
            self._copy(self._saved.popleft())

    def finish(self) -> None:
        """Writes what the encoder holds back."""
        while self._saved:
            self._copy(self._saved.popleft())
        if self._encoder is not None:
            self._mux(self._encoder.encode(None))

    def _encode(self, frame: VideoFrame, *, keep: bool, known: Callable[[], bytes] | None = None) -> None:
        if self._encoder is None:
            self._encoder = self._another()
        self._mux(self._encoder.encode(frame))
        if self._keeper and keep:
            self._keeper.add(frame, known)
        if len(self._starts) % PART == 0:
            self._mux(self._encoder.encode(None))
            self._encoder = None
            if self._keeper:
                self._keeper.end_part(self._packets)
                self._packets = []

    def _another(self) -> VideoCodecContext:
        """An encoder like the stream's own."""
        model = self._stream.codec_context
        made = av.CodecContext.create(self._kind.encoder, "w")
        assert isinstance(made, VideoCodecContext)
        set_up(
            made,
            (model.height, model.width),
            self._kind,
            rate=model.framerate,
            time_base=model.time_base,
            aspect=model.sample_aspect_ratio or Fraction(1),
        )
        made.flags |= model.flags & Flags.global_header
        return made

    def _mux(self, packets: Sequence[Packet]) -> None:
        for packet in packets:
            first = self._starts[(len(self._starts) - 1) // PART * PART]
            if self._muxed >= PART and packet.dts is not None and packet.dts < first:
                # An encoder does not know what came before its first frames, and would go back in time.
                packet.dts = self._starts[self._muxed - self._kind.reorder]
            if self._keeper:
                after = (len(self._starts) - 1) % PART + 1
                times = packet.pts or 0, packet.dts or 0, packet.duration or 0
                self._packets.append(Kept(*times, after, packet.is_keyframe, bytes(packet)))
            packet.stream = self._stream
            self._container.mux(packet)
            self._muxed += 1

    def _copy(self, kept: Kept) -> None:
        packet = kept.packet(self._stream.codec_context.time_base)
        packet.stream = self._stream
        self._container.mux(packet)
        self._muxed += 1
