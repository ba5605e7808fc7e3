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
from neural_painter.video.encoding import Target, check_encoder, container_options, encoding, even, marked, set_up
from neural_painter.video.origin import Moment, Origin, tags_of
from neural_painter.video.parts import Parts
from neural_painter.video.reading import Array, Say
from neural_painter.video.sound import How, Track
from neural_painter.video.unfinished import Keeper


class Maker:
    """A film in the making.

    One thread of its own does all that touches the file. So an interrupt cannot fall between a frame's encoding and its
    writing, and frames are encoded while the next ones are changed; one waits at most.

    Args:
        path: the file that is written.
        target: its name for people.
        origin: what it takes over.
        say: takes sentences on what was changed or lost.
        kind: how it is written.
        metadata: whether it says of itself what its origin does.
        keeper: keeps it while it is made.
    """

    def __init__(
        self,
        path: Path,
        target: Path,
        origin: Origin,
        say: Say,
        *,
        kind: Target,
        metadata: bool = True,
        keeper: Keeper | None = None,
    ) -> None:
        self._path, self._target, self._origin, self._say = path, target, origin, say
        self._metadata, self._keeper, self._kind = metadata, keeper, kind
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
        channels = 4 if self._kind.alpha else 3
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != channels or 0 in picture.shape:
            expected = f"a changed frame [H, W, {channels}] of uint8"
            raise ValueError(f"expected {expected}, got {picture.dtype} {list(picture.shape)}")
        height, width = picture.shape[:2]
        if (height % 2 or width % 2) and self._pending is None:
            self._say(f"{width}x{height} is odd, and players want even sides: its last row or column is repeated")
        frame = VideoFrame.from_ndarray(
            np.ascontiguousarray(even(picture)), format="rgba" if channels == 4 else "rgb24"
        )  # a copy
        self._wait()
        aspect = self._origin.aspect(moment.frame)
        self._pending = self._worker.submit(self._write, frame, moment.start, moment.duration, aspect, known)

    def repeat(self, moment: Moment) -> None:
        """Writes a frame that an earlier run has left, soon; raises what went wrong with the one before."""
        self._wait()
        self._pending = self._worker.submit(
            self._repeat, moment.start, moment.duration, self._origin.aspect(moment.frame)
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
            converted = marked(self._converter.to_yuv(frame, stream.width, stream.height, self._kind.form))
            converted.time_base, converted.pts, converted.duration = self._origin.time_base, start, duration
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
            track.write_until(end * self._origin.time_base)
        self.frames += 1

    def _start(self, width: int, height: int, aspect: Fraction) -> None:
        kind, origin = self._kind, self._origin
        check_encoder(kind.encoder, self._target)
        self._container = container = av.open(
            self._path, "w", format=kind.container, container_options=container_options(kind.container)
        )
        rate = origin.rate.limit_denominator(100_000)
        self._stream = stream = cast(VideoStream, container.add_stream(kind.encoder, rate=rate))
        stream.time_base = origin.time_base
        self._size = width, height
        if kind.container == "webm" and aspect != 1:  # PyAV cannot tell the container, and VP9 does not hold it
            if aspect > 1:
                width = 2 * round(width * aspect / 2)
            else:
                height = 2 * round(height / aspect / 2)
            self._say(f"its pixels were not square: it is scaled to {width}x{height}")
        context = stream.codec_context
        set_up(context, (height, width), kind, rate=rate, time_base=origin.time_base, aspect=aspect)
        sound = origin.sound
        for number in range(sound.streams if sound else 0):
            assert sound is not None
            self._tracks.append(
                Track(
                    sound.path,
                    number,
                    container,
                    encoder=kind.sound,
                    offset=sound.offset,
                    say=self._say,
                    tags=("language", "title") if self._metadata else ("language",),
                )
            )
        if self._metadata:
            container.metadata.update(tags_of(origin.tags))
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
