"""Paints the frames of a film as pictures, with strokes that live through it."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

import cv2
import numpy as np

from neural_painter.export.finish import FLAT, Finish
from neural_painter.export.rendering import render_bytes
from neural_painter.film.frames import SIDE
from neural_painter.film.holding import FilmStrokes
from neural_painter.film.look import PLAIN, Look
from neural_painter.painter.config import PaintConfig, canvas_of
from neural_painter.strokes import StrokeDocument, Strokes
from renderers.brushes import brush as find_brush

Array = np.ndarray

_HEAD = struct.Struct("<Q")  # bytes of the picture; then the picture, then the strokes' own state


class FilmPainter:
    """Paints frames, one after the other; memory does not grow with their number.

    Args:
        config: how the first frame of each shot is painted, and with what.
        finish: how the paint is shown. Relief and paper belong to the canvas, and stay where they are.
        size: `(height, width)` of the pictures; None: that of the frames.
        side: long side at which frames are looked at, in pixels.
        on: each picture is held for so many frames, but not beyond a cut.
        look: what else the film should look like.
        boil: how much strokes tremble from painting to painting.
        keyframes: strokes that take over, by the number of their frame, counted from 1.
    """

    def __init__(
        self,
        config: PaintConfig,
        finish: Finish = FLAT,
        *,
        size: tuple[int, int] | None = None,
        side: int = SIDE,
        on: int = 1,
        look: Look = PLAIN,
        boil: float = 0.0,
        keyframes: Mapping[int, Strokes] | None = None,
    ) -> None:
        self.config, self.finish, self._size = config, finish, size
        self._film = FilmStrokes(config, side=side, on=on, look=look, boil=boil, keyframes=keyframes)
        self._strokes: Strokes | None = None
        self._made = np.empty((0, 0, 3), np.uint8)

    def __call__(self, frame: Array) -> Array:
        """The next frame, `[H, W, 3]` uint8, as a painting of the size that was asked for, uint8."""
        strokes = self._film(frame).strokes
        if self._strokes is None or strokes != self._strokes:
            self._made = self._picture(strokes, frame.shape[:2])
        self._strokes = strokes
        return self._made

    @property
    def frames(self) -> int:
        """How many there were."""
        return self._film.frames

    def kept(self) -> Callable[[], bytes]:
        """What writes down the state as it is now, whenever it is called; for `recall`."""
        made, known = self._made, self._film.kept()

        def write() -> bytes:
            if not made.size:
                return b""
            png = cv2.imencode(".png", made)[1].tobytes()
            return _HEAD.pack(len(png)) + png + known()

        return write

    def recall(self, state: bytes) -> None:
        """Goes on behind the frame after which `kept` was asked; the rest is equal to the byte."""
        if not state:
            self._film.recall(b"")
            self._strokes = None
            return
        (size,) = _HEAD.unpack_from(state)
        picture = np.frombuffer(state, np.uint8, size, _HEAD.size)
        self._made = np.asarray(cv2.imdecode(picture, cv2.IMREAD_COLOR))
        painted = self._film.recall(state[_HEAD.size + size :])
        self._strokes = painted.strokes if painted else None

    def _picture(self, strokes: Strokes, size: tuple[int, int]) -> Array:
        brush = find_brush(self.config.brush)
        height, width = size
        document = StrokeDocument(
            width=width,
            height=height,
            canvas=canvas_of(self.config, brush),
            brush=self.config.brush,
            strokes=strokes,
            seed=self.config.seed,
        )
        return render_bytes(document, self._size or size, finish=self.finish)
