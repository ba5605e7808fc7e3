"""A film in the making: pictures go in, one by one, and the sound of the film that they were made from follows them.

PyAV is used directly: imageio's writer knows neither times of frames nor sound nor packets.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Self, cast

import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from neural_painter.video.colours import Converter
from neural_painter.video.encoding import FORM, TARGETS, check_encoder, container_options, encoding, even, set_up
from neural_painter.video.parts import Parts
from neural_painter.video.reading import Array, Moment, Reader, Say
from neural_painter.video.sound import How, Track
from neural_painter.video.unfinished import Keeper

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


class Maker:
    """A film in the making.

    One thread of its own does all that touches the file. So an interrupt cannot fall between a frame's encoding and its
    writing, and frames are encoded while the next ones are changed; one waits at most.
    """

    def __init__(
        self, path: Path, target: Path, reader: Reader, say: Say, *, metadata: bool = True, keeper: Keeper | None = None
    ) -> None:
        self._path, self._target, self._reader, self._say = path, target, reader, say
        self._metadata, self._keeper = metadata, keeper
        self._kind = TARGETS[target.suffix.lower()]
        self._worker = ThreadPoolExecutor(1, "film")
        self._pending: Future[None] | None = None
        self._converter = Converter()
        self._container: OutputContainer | None = None
        self._tracks: list[Track] = []
        self.frames = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.submit(self._close)
        self._worker.shutdown(wait=True)

    def add(self, picture: Array, moment: Moment, known: Callable[[], bytes] | None = None) -> None:
        """Writes a frame, soon, and keeps what is known after it; raises what went wrong with the one before."""
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
            raise ValueError(f"expected a changed frame [H, W, 3] of uint8, got {picture.dtype} {list(picture.shape)}")
        height, width = picture.shape[:2]
        if (height % 2 or width % 2) and self._pending is None:
            self._say(f"{width}x{height} is odd, and players want even sides: its last row or column is repeated")
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(even(picture)), format="rgb24")  # a copy
        self._wait()
        aspect = self._reader.aspect(moment.frame)
        self._pending = self._worker.submit(self._write, frame, moment.start, moment.duration, aspect, known)

    def repeat(self, moment: Moment) -> None:
        """Writes a frame that an earlier run has left, soon; raises what went wrong with the one before."""
        self._wait()
        self._pending = self._worker.submit(
            self._repeat, moment.start, moment.duration, self._reader.aspect(moment.frame)
        )

    def finish(self, finished: bool) -> bool:
        """Writes what is left: the sound to its end, or that of the frames so far. A second Ctrl-C breaks it off.

        Returns:
            Whether the film is finished: as said, and no Ctrl-C came meanwhile.
        """
        ending = self._worker.submit(self._finish, finished)
        try:
            ending.result()
        except KeyboardInterrupt:
            if not finished:
                raise
            finished = False
            ending.result()
        if not self.frames:
            raise KeyboardInterrupt
        return finished

    @property
    def audio(self) -> tuple[How, ...]:
        """What became of each audio stream."""
        return tuple(track.how for track in self._tracks)

    def _wait(self) -> None:
        if self._pending is not None:
            self._pending.result()

    # --- in the worker ----------------------------------------------------------------------------------------------

    def _write(
        self, frame: VideoFrame, start: int, duration: int, aspect: Fraction, known: Callable[[], bytes] | None
    ) -> None:
        with encoding(self._target):
            if self._container is None:
                self._start(frame.width, frame.height, aspect)
            stream = self._stream
            if (frame.width, frame.height) != self._size:
                self._say(f"its frames change size: all are scaled to {stream.width}x{stream.height}")
            converted = self._converter.to_yuv(frame, stream.width, stream.height, FORM)
            converted.time_base, converted.pts, converted.duration = self._reader.time_base, start, duration
            self._parts.encode(converted, known)
            self._follow(start + duration)

    def _repeat(self, start: int, duration: int, aspect: Fraction) -> None:
        assert self._keeper is not None
        with encoding(self._target):
            if self._container is None:
                assert self._keeper.size is not None
                height, width = self._keeper.size
                self._start(width, height, aspect)
            self._parts.repeat(start)
            self._follow(start + duration)

    def _follow(self, end: int) -> None:
        """Writes the sound of a frame, which ends at that tick."""
        for track in self._tracks:
            track.write_until(end * self._reader.time_base)
        self.frames += 1

    def _start(self, width: int, height: int, aspect: Fraction) -> None:
        kind, reader = self._kind, self._reader
        check_encoder(kind.encoder, self._target)
        self._container = container = av.open(
            self._path, "w", format=kind.container, container_options=container_options(kind.container)
        )
        rate = reader.rate.limit_denominator(100_000)
        self._stream = stream = cast(VideoStream, container.add_stream(kind.encoder, rate=rate))
        stream.time_base = reader.time_base
        self._size = width, height
        if kind.container == "webm" and aspect != 1:  # PyAV cannot tell the container, and VP9 does not hold it
            if aspect > 1:
                width = 2 * round(width * aspect / 2)
            else:
                height = 2 * round(height / aspect / 2)
            self._say(f"its pixels were not square: it is scaled to {width}x{height}")
        context = stream.codec_context
        set_up(context, (height, width), kind.options, rate=rate, time_base=reader.time_base, aspect=aspect)
        for number in range(len(reader.container.streams.audio)):
            self._tracks.append(
                Track(
                    reader.path,
                    number,
                    container,
                    encoder=kind.sound,
                    offset=reader.offset,
                    say=self._say,
                    tags=("language", "title") if self._metadata else ("language",),
                )
            )
        if self._metadata:
            told = reader.container.metadata
            container.metadata.update({name: told[name] for name in TAGS if name in told})
        container.start_encoding()
        if self._keeper:
            self._keeper.begin((self._size[1], self._size[0]))
        self._parts = Parts(container, stream, kind, self._keeper)

    def _finish(self, finished: bool) -> None:
        self._wait()  # raises what went wrong with the last frame
        if self._container is None:
            return
        with encoding(self._target):
            self._parts.finish()
            for track in self._tracks:
                if finished:
                    track.write_until(None)
                track.finish()
            self._container.close()

    def _close(self) -> None:
        for track in self._tracks:
            track.close()
        if self._container is not None:
            with suppress(av.FFmpegError, OSError):  # what went wrong was said before
                self._container.close()
