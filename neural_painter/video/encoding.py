"""Kinds of films that are written, and how their pictures are encoded: for all players, alike on every machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from neural_painter.errors import OutputError, UsageError

Array = np.ndarray

FORM = "yuv420p"
"""The only form of pixels that phones, QuickTime and messengers play; it takes even sides."""

THREADS = 8
"""Of an encoder, however many cores there are: with another number the same frames give other bytes."""


class Target(NamedTuple):
    """How a kind of film is written: container, encoder of pictures and its options, encoder of sound.

    `reorder` is by how many frames the encoder of pictures decodes ahead of what is shown, `form` that of its pixels,
    which may have an alpha.
    """

    container: str
    encoder: str
    options: dict[str, str]
    reorder: int
    sound: str
    form: str = FORM

    @property
    def alpha(self) -> bool:
        """Whether its pictures may be transparent."""
        return self.form.startswith("yuva")


# Frames on threads of their own, or x264 cuts frames into slices, one for each thread.
_H264 = ("libx264", {"crf": "18", "preset": "medium", "thread_type": "frame"}, 2, "aac")
_VP9 = ("libvpx-vp9", {"crf": "24", "deadline": "good", "cpu-used": "4", "row-mt": "1"}, 0, "libopus")

_PRORES = ("prores_ks", {"profile": "4444", "vendor": "apl0"}, 0, "aac", "yuva444p10le")

TARGETS = {
    ".mp4": Target("mp4", *_H264),
    ".m4v": Target("mp4", *_H264),
    ".mov": Target("mov", *_H264),
    ".mkv": Target("matroska", *_H264),
    ".webm": Target("webm", *_VP9),
}
"""Extensions that can be written. AVI is not among them: it has no times for frames."""

TRANSPARENT = {".mov": Target("mov", *_PRORES)}
"""How films are written that keep what is transparent: as editing programs take them."""


def check_target(path: str | Path) -> None:
    """Raises UsageError where a name does not end like that of a film that can be written."""
    path = Path(path)
    if path.suffix.lower() not in TARGETS:
        given = f"films ending in {path.suffix}" if path.suffix else "a film without an extension"
        raise UsageError(f"{path}: cannot write {given}", hint="Supported: " + ", ".join(TARGETS))


def check_encoder(name: str, path: Path) -> None:
    """Raises OutputError, naming the output, where PyAV was built without an encoder."""
    if name not in av.codecs_available:
        raise OutputError(f"{path}: PyAV has no encoder {name} here", hint="Those from PyPI have it.")


@contextmanager
def encoding(path: Path) -> Iterator[None]:
    """Makes an OutputError, which names the output, of what an encoder refuses; a full disk stays an OSError."""
    try:
        yield
    except av.FFmpegError as error:
        if isinstance(error, OSError | MemoryError):
            raise
        if isinstance(error.__context__, OSError):  # of a file that Python writes for it
            raise error.__context__ from None
        raise OutputError(f"{path}: cannot be encoded ({error.strerror})") from error


def container_options(container: str) -> dict[str, str]:
    """The index first, so that browsers start at once; nothing random, so that the same frames give the same file."""
    return {"fflags": "+bitexact"} | ({"movflags": "+faststart"} if container in ("mp4", "mov") else {})


def even(picture: Array) -> Array:
    """A picture `[H, W, 3]` of even sides: the last row or column is repeated where it has to be."""
    height, width = picture.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return picture
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def marked(frame: VideoFrame) -> VideoFrame:
    """A frame that says what its colours are: the headers of some encoders' frames tell them."""
    frame.color_range, frame.colorspace = ColorRange.MPEG, Colorspace.ITU709
    frame.color_primaries, frame.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
    return frame


def set_up(
    context: VideoCodecContext,
    size: tuple[int, int],
    kind: Target,
    *,
    rate: Fraction,
    time_base: Fraction,
    aspect: Fraction = Fraction(1),
) -> None:
    """Prepares an encoder that is not open yet.

    The colours are told three times, and a player has nothing to guess; of them comes the `colr` box of an MP4.

    Args:
        context: the encoder.
        size: (height, width), even.
        kind: of the film.
        rate: frames a second.
        time_base: seconds a tick.
        aspect: width of a pixel in heights.
    """
    context.height, context.width = size
    context.pix_fmt = kind.form
    context.framerate, context.time_base = rate, time_base
    context.sample_aspect_ratio = aspect
    context.options = dict(kind.options)
    context.bit_rate = 0  # the quality decides
    context.thread_count = THREADS
    context.color_range, context.colorspace = ColorRange.MPEG, Colorspace.ITU709
    context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
    context.flags |= Flags.frame_duration  # or that of the last frame is lost
