"""Writes pictures that follow each other evenly as a film or a moving picture, through imageio and its PyAV plugin."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, cast

import imageio.v3 as imageio
import numpy as np
from av.video.frame import VideoFrame
from imageio.plugins.pyav import PyAVPlugin

from neural_painter.video.colours import Converter
from neural_painter.video.encoding import FORM, TARGETS, check_encoder, container_options, encoding, even, set_up

Array = np.ndarray


class _Kind(NamedTuple):
    container: str
    encoder: str
    options: dict[str, str]
    container_options: dict[str, str]


_FILM = TARGETS[".mp4"]
_MP4 = _Kind(_FILM.container, _FILM.encoder, _FILM.options, container_options(_FILM.container))
KINDS = {
    ".mp4": _MP4,
    ".webp": _Kind(
        "webp",
        "libwebp_anim",
        {"lossless": "0", "quality": "90", "compression_level": "4"},
        {"loop": "0"},  # for ever
    ),
}


class _Writer(PyAVPlugin):
    """imageio's writer, and what it has no words for: an encoder's options and threads, tags of colours, and chroma
    that lies where players expect it."""

    whole = False  # until all frames have been written

    def begin(self, kind: _Kind, size: tuple[int, int], fps: float) -> None:
        """Prepares the encoder for frames of a size (height, width)."""
        mp4 = kind.container == _MP4.container
        self._converter = Converter() if mp4 else None
        self.init_video_stream(kind.encoder, fps=fps, pixel_format=FORM if mp4 else "bgra")  # libwebp's name of RGB
        stream: Any = self._video_stream
        rate = stream.codec_context.framerate
        if mp4:
            size = size[0] + size[0] % 2, size[1] + size[1] % 2
            set_up(stream.codec_context, size, _FILM, rate=rate, time_base=1 / rate)
        else:
            stream.height, stream.width = size
            stream.codec_context.options = dict(kind.options)

    def close(self) -> None:
        """Closes the file. An encoder that has failed is not asked for what it holds back."""
        if not self.whole:
            self._video_stream = None
        try:
            super().close()
        finally:  # or it would be tried again when the writer is forgotten
            self._video_stream = self._container = None
            self.request.finish()

    def write_frame(self, frame: Array, *, pixel_format: str = "rgb24") -> None:
        if self._converter is None:
            super().write_frame(frame, pixel_format=pixel_format)
            return
        stream: Any = self._video_stream
        container: Any = self._container
        rgb = VideoFrame.from_ndarray(np.ascontiguousarray(even(frame)), format=pixel_format)
        shown = self._converter.to_yuv(rgb, stream.width, stream.height, stream.pix_fmt)
        shown.pts, shown.time_base = self.frames_written, stream.codec_context.time_base
        self.frames_written += 1
        container.mux(stream.encode(shown))


def write_evenly(temporary: Path, pictures: Iterable[Array], size: tuple[int, int], fps: float, *, path: Path) -> None:
    """Writes pictures, one after the other; memory does not grow with their number.

    Args:
        temporary: the file; its extension is one of KINDS. H.264 in an MP4 is 4:2:0, of even sides: where one is odd,
            the last row or column is repeated.
        pictures: `[H, W, 3]` uint8, sRGB, all of one size.
        size: (height, width) of the pictures.
        fps: of them a second.
        path: the name of the file for people.

    Raises:
        OutputError: they cannot be encoded, or the file cannot be written.
    """
    kind = KINDS[temporary.suffix.lower()]
    check_encoder(kind.encoder, path)
    how: Any = {"container": kind.container, "container_options": kind.container_options}
    with encoding(path), imageio.imopen(temporary, "w", plugin=_Writer, **how) as entered:
        film = cast(_Writer, entered)
        film.begin(kind, size, fps)
        for picture in pictures:
            film.write_frame(picture)
        film.whole = True
