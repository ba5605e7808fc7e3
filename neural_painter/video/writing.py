"""Writes a film that was changed frame by frame, with the times and the sound of the one that it was made from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, Self, cast

import av
import numpy as np
from av.codec.context import Flags
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream

from neural_painter.errors import OutputError, UsageError
from neural_painter.files import check_output, written_whole
from neural_painter.video.colours import Converter
from neural_painter.video.reading import Array, Moment, Reader, Say, note_in, opened
from neural_painter.video.sound import How, Track


class _Target(NamedTuple):
    """How a kind of film is written: container, encoder of pictures and its options, encoder of sound."""

    container: str
    encoder: str
    options: dict[str, str]
    sound: str


_H264 = ("libx264", {"crf": "18", "preset": "medium"}, "aac")
_VP9 = ("libvpx-vp9", {"crf": "24", "deadline": "good", "cpu-used": "4", "row-mt": "1"}, "libopus")

TARGETS = {
    ".mp4": _Target("mp4", *_H264),
    ".m4v": _Target("mp4", *_H264),
    ".mov": _Target("mov", *_H264),
    ".mkv": _Target("matroska", *_H264),
    ".webm": _Target("webm", *_VP9),
}
"""Extensions that can be written. AVI is not among them: it has no times for frames."""


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


def check_target(path: str | Path) -> None:
    """Raises UsageError where a name does not end like that of a film that can be written."""
    path = Path(path)
    if path.suffix.lower() not in TARGETS:
        given = f"films ending in {path.suffix}" if path.suffix else "a film without an extension"
        raise UsageError(f"{path}: cannot write {given}", hint="Supported: " + ", ".join(TARGETS))


def transform_video(
    source: str | Path,
    target: str | Path,
    change: Callable[[Array], Array],
    *,
    overwrite: bool = True,
    on_frame: Callable[[int], None] | None = None,
    notes: list[str] | None = None,
) -> Written:
    """Changes every frame of a film; times and sound stay. The new film appears whole or not at all.

    Pictures become H.264 (VP9 in .webm), marked as BT.709: 4:2:0, or 4:4:4 where H.264 is to have an odd side. Sound is
    copied packet by packet where the new film takes its codec, and else becomes AAC (Opus in .webm). Subtitles, data
    and further pictures are left out. A film that does not begin at time 0 does so afterwards; one in Matroska may
    begin some 20 ms later, where its sound needs a packet before 0.

    Ctrl-C (KeyboardInterrupt, from `change` or `on_frame` too) ends the film with the last frame that was changed.

    Args:
        source: the film; one that is damaged or cut short gives the frames that can be read, with a note.
        target: .mp4, .m4v, .mov, .mkv or .webm.
        change: takes and returns `[H, W, 3]` uint8, sRGB; the size of the first one that it returns is that of the
            film, to which others are scaled.
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
        with written_whole(target, overwrite=overwrite) as temporary, _Writer(temporary, target, reader, say) as writer:
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

    def __init__(self, path: Path, target: Path, reader: Reader, say: Say) -> None:
        self._path, self._target, self._reader, self._say = path, target, reader, say
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
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")  # a copy
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
        with self._encoding():
            if self._container is None:
                self._start(frame.width, frame.height, aspect)
            assert self._container is not None
            stream = self._stream
            if (frame.width, frame.height) != self._size:
                self._say(f"its frames change size: all are scaled to {stream.width}x{stream.height}")
            converted = self._converter.to_yuv(frame, stream.width, stream.height, self._form)
            converted.time_base, converted.pts, converted.duration = self._reader.time_base, start, duration
            self._container.mux(stream.encode(converted))
            for track in self._tracks:
                track.write_until((start + duration) * self._reader.time_base)
        self._frames += 1

    def _start(self, width: int, height: int, aspect: Fraction) -> None:
        kind, reader = self._kind, self._reader
        if kind.encoder not in av.codecs_available:
            raise OutputError(
                f"{self._target}: PyAV has no encoder {kind.encoder} here", hint="Those from PyPI have it."
            )
        # The index first, so that browsers start at once; nothing random, so that the same frames give the same file.
        options = {"fflags": "+bitexact"} | ({"movflags": "+faststart"} if kind.container in ("mp4", "mov") else {})
        self._container = container = av.open(self._path, "w", format=kind.container, container_options=options)
        rate = reader.rate.limit_denominator(100_000)
        self._stream = stream = cast(VideoStream, container.add_stream(kind.encoder, rate=rate, options=kind.options))
        self._size = width, height
        if kind.container == "webm" and aspect != 1:  # PyAV cannot tell the container, and VP9 does not hold it
            width, height = (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))
            self._say(f"its pixels were not square: it is scaled to {width}x{height}")
        self._form = "yuv420p"
        if kind.encoder == "libx264" and (width % 2 or height % 2):
            self._form = "yuv444p"
            self._say(f"{width}x{height} is odd, so it is written in 4:4:4, which some players do not show")
        stream.width, stream.height, stream.pix_fmt = width, height, self._form
        stream.time_base = stream.codec_context.time_base = reader.time_base
        stream.codec_context.sample_aspect_ratio = aspect
        stream.thread_type = "FRAME"  # or x264 cuts frames into slices, one for each thread
        context = stream.codec_context
        context.color_range, context.colorspace = ColorRange.MPEG, Colorspace.ITU709
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        context.flags |= Flags.frame_duration  # or that of the last frame is lost
        for number in range(len(reader.container.streams.audio)):
            self._tracks.append(
                Track(reader.path, number, container, encoder=kind.sound, offset=reader.offset, say=self._say)
            )
        container.start_encoding()

    def _finish(self, finished: bool) -> None:
        self._wait()  # raises what went wrong with the last frame
        if self._container is None:
            return
        with self._encoding():
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

    @contextmanager
    def _encoding(self) -> Iterator[None]:
        try:
            yield
        except av.FFmpegError as error:
            if isinstance(error, OSError | MemoryError):  # said elsewhere
                raise
            raise OutputError(f"{self._target}: cannot be encoded ({error.strerror})") from error
