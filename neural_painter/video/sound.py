"""Carries an audio stream of one film over into another: packet by packet, or re-encoded where it has to be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Literal, cast

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

from neural_painter.video.opening import opened
from neural_painter.video.reading import Say, packets_read

How = Literal["copied", "re-encoded", "dropped"]

BIT_RATE = 80_000
"""Of each channel that is re-encoded, bits a second."""

_LAYOUTS = {1: "mono", 6: "5.1", 8: "7.1"}


class Track:
    """One audio stream on its way.

    It reads the film on its own, so that it never runs ahead of the pictures, however the two are interleaved.

    Args:
        source: the film that it is in.
        number: which of its audio streams.
        target: the new film, before its header is written.
        encoder: where the new film does not take its packets.
        offset: seconds that are taken off all times.
        say: takes sentences on what was changed or lost.
        tags: what the new stream tells as the old one did.

    Attributes:
        how: "copied" where the new film takes its codec, else "re-encoded"; "dropped" where nothing can read it.
    """

    def __init__(
        self,
        source: Path,
        number: int,
        target: OutputContainer,
        *,
        encoder: str,
        offset: Fraction,
        say: Say,
        tags: Sequence[str] = ("language", "title"),
    ) -> None:
        self._stack = ExitStack()
        container = self._stack.enter_context(opened(source))
        self._source = container.streams.audio[number]
        self._name = "its sound" if len(container.streams.audio) == 1 else f"its sound {number + 1}"
        self._target, self._offset, self._say = target, offset, say
        self._stream: AudioStream | None = None
        self.how = self._start(encoder, tags)
        self._packets = self._read(container.demux(self._source))
        self._next = next(self._packets, None) if self._stream else None

    @property
    def goes_on(self) -> bool:
        """Whether there is more to write."""
        return self._next is not None

    def write_until(self, seconds: Fraction | None) -> None:
        """Writes what begins before that time of the new film; all that is left where it is None."""
        while self._next is not None and (seconds is None or self._time_of(self._next) < seconds):
            try:
                self._write(self._next)
            except (av.FFmpegError, ValueError) as error:
                if isinstance(error, OSError):  # of the new film
                    raise
                self._say(f"{self._name} is damaged: parts of it are missing")
            self._next = next(self._packets, None)

    def finish(self) -> None:
        """Writes what the encoder holds back; nothing can be written after it."""
        if self._stream is not None and self.how == "re-encoded":
            self._target.mux(self._stream.encode(None))
        self._stream = self._next = None

    def close(self) -> None:
        """Closes the film that it reads."""
        self._stack.close()

    def _start(self, encoder: str, tags: Sequence[str]) -> How:
        source = self._source
        if source.codec_context is None or not source.rate or not source.channels:
            self._say(f"{self._name} is dropped: its codec is unknown")
            return "dropped"
        how: How = "copied"
        if takes(self._target.format.name, source):
            self._stream = self._target.add_stream_from_template(source)
        else:
            codec = av.Codec(encoder, "w")
            rate = source.rate if source.rate in (codec.audio_rates or ()) else 48_000
            layout = _LAYOUTS.get(source.channels, "stereo")
            stream = cast(AudioStream, self._target.add_stream(encoder, rate=rate, layout=layout))
            stream.bit_rate = BIT_RATE * stream.channels
            self._stream, how = stream, "re-encoded"
            codecs = f"{source.codec_context.codec.canonical_name} to {codec.canonical_name}"
            self._say(f"{self._name} is re-encoded ({codecs}, {layout})")
        told = source.metadata
        self._stream.metadata.update({name: told[name] for name in tags if name in told})
        return how

    def _read(self, packets: Iterator[Packet[AudioStream]]) -> Iterator[Packet[AudioStream]]:
        for packet in packets_read(packets, lambda sentence: self._say(f"{self._name} {sentence}")):
            if packet.pts is not None or packet.dts is not None:
                yield packet

    def _time_of(self, packet: Packet[AudioStream]) -> Fraction:
        ticks = packet.pts if packet.pts is not None else packet.dts
        return (ticks or 0) * packet.time_base - self._offset

    def _write(self, packet: Packet[AudioStream]) -> None:
        stream = self._stream
        assert stream is not None
        if self.how == "copied":
            offset = round(self._offset / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts - offset
            packet.dts = None if packet.dts is None else packet.dts - offset
            packet.stream = stream
            self._target.mux(packet)
            return
        for frame in packet.decode():
            if frame.pts is not None and frame.time_base is not None:
                frame.pts -= round(self._offset / frame.time_base)
            self._target.mux(stream.encode(frame))


def takes(form: str, source: AudioStream) -> bool:
    """Whether a container takes packets of that stream, found out by beginning such a file in memory."""
    if form == "mp4" and source.codec_context.name.startswith("pcm_"):
        return False  # it does since 2020 (ISO 23003-5), but most players do not
    trial = av.open(BytesIO(), "w", format=form)
    try:
        trial.add_stream_from_template(source)
        trial.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    finally:
        with suppress(av.FFmpegError):  # some cannot be ended without a packet
            trial.close()
    return True
