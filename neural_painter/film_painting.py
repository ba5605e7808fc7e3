"""Paints the frames of a film as pictures, with strokes that live through it."""

from __future__ import annotations

import struct
from collections.abc import Callable

import cv2
import numpy as np

from neural_painter.export.finish import FLAT, Finish
from neural_painter.export.rendering import render_bytes
from neural_painter.film.frames import SIDE, Scene, next_frame
from neural_painter.film.scenes import read, written
from neural_painter.images import checked_picture
from neural_painter.motion import is_cut, motion_between
from neural_painter.painter.config import PaintConfig, canvas_of
from neural_painter.strokes import StrokeDocument, Strokes
from renderers.brushes import brush as find_brush

Array = np.ndarray

_HEAD = struct.Struct("<QQ")  # frames held so far, bytes of the picture; then the picture, then the scene


class FilmPainter:
    """Paints frames, one after the other; memory does not grow with their number.

    Args:
        config: how the first frame of each shot is painted, and with what.
        finish: how the paint is shown. Relief and paper belong to the canvas, and stay where they are.
        size: `(height, width)` of the pictures; None: that of the frames.
        side: long side at which frames are looked at, in pixels.
        on: each picture is held for so many frames, but not beyond a cut.
    """

    def __init__(
        self,
        config: PaintConfig,
        finish: Finish = FLAT,
        *,
        size: tuple[int, int] | None = None,
        side: int = SIDE,
        on: int = 1,
    ) -> None:
        self.config, self.finish, self._size, self._side, self._on = config, finish, size, side, on
        self._scene: Scene | None = None
        self._strokes: Strokes | None = None
        self._made = np.empty((0, 0, 3), np.uint8)
        self._held = 0

    def __call__(self, frame: Array) -> Array:
        """The next frame, `[H, W, 3]` uint8, as a painting of the size that was asked for, uint8."""
        picture = checked_picture(frame, "frame")
        if self._scene is not None and self._held < self._on and not self._begins_anew(picture):
            self._held += 1
            return self._made
        self._scene, painted = next_frame(self._scene, picture, self.config, side=self._side)
        self._held = 1
        if self._strokes is None or painted.strokes != self._strokes:
            self._made = self._picture(painted.strokes, frame.shape[:2])
        self._strokes = painted.strokes
        return self._made

    def kept(self) -> Callable[[], bytes]:
        """What writes down the state as it is now, whenever it is called; for `recall`."""
        scene, made, held = self._scene, self._made, self._held

        def write() -> bytes:
            if scene is None:
                return b""
            png = cv2.imencode(".png", made)[1].tobytes()
            return _HEAD.pack(held, len(png)) + png + written(scene)

        return write

    def recall(self, state: bytes) -> None:
        """Goes on behind the frame after which `kept` was asked; the rest is equal to the byte."""
        if not state:
            self._scene = None
            return
        self._held, size = _HEAD.unpack_from(state)
        picture = np.frombuffer(state, np.uint8, size, _HEAD.size)
        self._made = np.asarray(cv2.imdecode(picture, cv2.IMREAD_COLOR))
        self._scene = read(state[_HEAD.size + size :])
        self._strokes = self._scene.cast.shown()

    def _begins_anew(self, picture: Array) -> bool:
        """Whether a frame that might be held is another shot's."""
        scene = self._scene
        assert scene is not None
        height, width = scene.picture.shape[:2]
        small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        return is_cut(scene.picture, small, motion_between(scene.picture, small))

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
