"""Writes a film that was changed frame by frame, with the times and the sound of the one that it was made from."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Self, cast

import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from neural_painter.files import check_output, written_whole
from neural_painter.video.colours import Converter
from neural_painter.video.encoding import (
    FORM,
    TARGETS,
    check_encoder,
    check_target,
    container_options,
    encoding,
    even,
    set_up,
)
from neural_painter.video.opening import opened
from neural_painter.video.reading import Array, Moment, Reader, Say, note_in
from neural_painter.video.sound import How, Track

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


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        frames: how many.
        finished: False after Ctrl-C: the film ends with the last frame that was changed, and so does its sound.
        audio: what became of each audio stream: "copied", "re-encoded" or "dropped"; none in a silent film.
    """

    frames: int
    finished: bool
    audio: tuple[How, ...]


def transform_video(
    source: str | Path,
    target: str | Path,
    change: Callable[[Array], Array],
    *,
    metadata: bool = True,
    overwrite: bool = True,
    on_frame: Callable[[int], None] | None = None,
    notes: list[str] | None = None,
) -> Written:
    """Changes every frame of a film; times and sound stay. The new film appears whole or not at all.

    Pictures become H.264 (VP9 in .webm), 4:2:0, marked as BT.709; where a side is odd, the last row or column is
    repeated. Sound is copied packet by packet where the new film takes its codec, and else becomes AAC (Opus in .webm).
    Title, artist, date and the like stay. Subtitles, data and further pictures are left out. A film that does not begin
    at time 0 does so afterwards; one in Matroska may begin some 20 ms later, where its sound needs a packet before 0.

    Ctrl-C (KeyboardInterrupt, from `change` or `on_frame` too) ends the film with the last frame that was changed.

    Args:
        source: the film; one that is damaged or cut short gives the frames that can be read, with a note.
        target: .mp4, .m4v, .mov, .mkv or .webm.
        change: takes and returns `[H, W, 3]` uint8, sRGB; the size of the first one that it returns is that of the
            film, to which others are scaled.
        metadata: whether title, artist, date and the like, also those of the sound, come along.
        overwrite: whether an existing file may be replaced.
        on_frame: called after each frame with the number of frames so far.
        notes: one sentence is appended for each thing that was changed, dropped or guessed.

    Raises:
        InputError: as `read_frames`.
        UsageError: `target` ends in something else.
        OutputError: it exists, cannot be written, or its pictures cannot be encoded.
        ValueError: `change` returned something of another shape or type.
        KeyboardInterrupt: it came before the first frame; nothing is written.
    """
    source, target = Path(source), Path(target)
    check_target(target)
    check_output(target, overwrite=overwrite)
    say = note_in(notes, source)
    with opened(source) as container:
        reader = Reader(container, source, say)
        with (
            written_whole(target, overwrite=overwrite) as temporary,
            _Writer(temporary, target, reader, say, metadata=metadata) as writer,
        ):
            finished = True
            try:
                for number, moment in enumerate(reader.frames(), 1):
                    writer.add(change(reader.picture(moment.frame)), moment)
                    if on_frame is not None:
                        on_frame(number)
            except KeyboardInterrupt:
                finished = False
            return writer.finish(finished)


class _Writer:
    """A film in the making.

    One thread of its own does all that touches the file. So an interrupt cannot fall between a frame's encoding and its
    writing, and frames are encoded while the next ones are changed; one waits at most.
    """

    def __init__(self, path: Path, target: Path, reader: Reader, say: Say, *, metadata: bool) -> None:
        self._path, self._target, self._reader, self._say = path, target, reader, say
        self._metadata = metadata
        self._kind = TARGETS[target.suffix.lower()]
        self._worker = ThreadPoolExecutor(1, "film")
        self._pending: Future[None] | None = None
        self._converter = Converter()
        self._container: OutputContainer | None = None
        self._tracks: list[Track] = []
        self._frames = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.submit(self._close)
        self._worker.shutdown(wait=True)

    def add(self, picture: Array, moment: Moment) -> None:
        """Writes a frame, soon; raises what went wrong with the one before."""
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
            raise ValueError(f"expected a changed frame [H, W, 3] of uint8, got {picture.dtype} {list(picture.shape)}")
        height, width = picture.shape[:2]
        if (height % 2 or width % 2) and self._pending is None:
            self._say(f"{width}x{height} is odd, and players want even sides: its last row or column is repeated")
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(even(picture)), format="rgb24")  # a copy
        self._wait()
        aspect = self._reader.aspect(moment.frame)
        self._pending = self._worker.submit(self._write, frame, moment.start, moment.duration, aspect)

    def finish(self, finished: bool) -> Written:
        """Writes what is left: the sound to its end, or that of the frames so far. A second Ctrl-C breaks it off."""
        ending = self._worker.submit(self._finish, finished)
        try:
            ending.result()
        except KeyboardInterrupt:
            if not finished:
                raise
            finished = False
            ending.result()
        if not self._frames:
            raise KeyboardInterrupt
        return Written(self._frames, finished, tuple(track.how for track in self._tracks))

    def _wait(self) -> None:
        if self._pending is not None:
            self._pending.result()

    # --- in the worker ----------------------------------------------------------------------------------------------

    def _write(self, frame: VideoFrame, start: int, duration: int, aspect: Fraction) -> None:
        with encoding(self._target):
            if self._container is None:
                self._start(frame.width, frame.height, aspect)
            assert self._container is not None
            stream = self._stream
            if (frame.width, frame.height) != self._size:
                self._say(f"its frames change size: all are scaled to {stream.width}x{stream.height}")
            converted = self._converter.to_yuv(frame, stream.width, stream.height, FORM)
            converted.time_base, converted.pts, converted.duration = self._reader.time_base, start, duration
            self._container.mux(stream.encode(converted))
            for track in self._tracks:
                track.write_until((start + duration) * self._reader.time_base)
        self._frames += 1

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

    def _finish(self, finished: bool) -> None:
        self._wait()  # raises what went wrong with the last frame
        if self._container is None:
            return
        with encoding(self._target):
            self._container.mux(self._stream.encode(None))
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
