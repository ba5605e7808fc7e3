"""The strokes of a film, frame after frame, each painting held for so many frames as is asked for."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import replace

import cv2
import numpy as np

from neural_painter.film.boiling import boiled
from neural_painter.film.frames import SIDE, PaintedFrame, Scene, next_frame, shown
from neural_painter.film.lighting import moved_on
from neural_painter.film.look import PLAIN, Look
from neural_painter.film.rounding import rounded
from neural_painter.film.scenes import read, written
from neural_painter.images import checked_picture
from neural_painter.painter.config import PaintConfig
from neural_painter.strokes import Strokes
from renderers.brushes import brush as find_brush

Array = np.ndarray

_HEAD = struct.Struct("<QQ")  # frames held so far, and all frames; then the scene


class FilmStrokes:
    """Paints frames, one after the other; memory does not grow with their number.

    Args:
        config: how the first frame of each shot is painted, and with what.
        side: long side at which frames are looked at, in pixels.
        on: each painting is held for so many frames, but not beyond a cut.
        look: what else the film should look like.
        boil: how much strokes tremble from painting to painting.
        keyframes: strokes that take over, by the number of their frame, counted from 1.

    Attributes:
        frames: how many there were.
    """

    def __init__(
        self,
        config: PaintConfig,
        *,
        side: int = SIDE,
        on: int = 1,
        look: Look = PLAIN,
        boil: float = 0.0,
        keyframes: Mapping[int, Strokes] | None = None,
    ) -> None:
        self.config, self._side, self._on, self._look, self._boil = config, side, on, look, boil
        self._keyframes = keyframes or {}
        self._scene: Scene | None = None
        self._held = self.frames = 0

    def __call__(self, frame: Array) -> PaintedFrame:
        """The next frame, `[H, W, 3]` uint8, as strokes."""
        picture = checked_picture(frame, "frame")
        scene = self._scene
        self.frames += 1
        given = self._keyframes.get(self.frames)
        if scene is not None and not given and self._held < self._on and not self._begins_anew(scene, picture):
            self._held += 1
            return PaintedFrame(self._shown(scene), False)
        self._scene, painted = next_frame(scene, picture, self.config, side=self._side, look=self._look, given=given)
        self._held = 1
        return replace(painted, strokes=self._shown(self._scene))

    def kept(self) -> Callable[[], bytes]:
        """What writes down the state as it is now, whenever it is called; for `recall`."""
        scene, head = self._scene, _HEAD.pack(self._held, self.frames)
        return lambda: b"" if scene is None else head + written(scene)

    def recall(self, state: bytes) -> PaintedFrame | None:
        """Goes on behind the frame after which `kept` was asked, the rest is equal to the byte; gives that frame."""
        if not state:
            self._scene, self._held, self.frames = None, 0, 0
            return None
        self._held, self.frames = _HEAD.unpack_from(state)
        self._scene = read(state[_HEAD.size :])
        return PaintedFrame(self._shown(self._scene), False)

    def _shown(self, scene: Scene) -> Strokes:
        """The strokes of a scene's last painting, as they are painted."""
        strokes = shown(scene, self.config)
        if not self._boil:
            return strokes
        return rounded(boiled(strokes, self._boil, scene.frame, self.config.seed), find_brush(self.config.brush))

    @staticmethod
    def _begins_anew(scene: Scene, picture: Array) -> bool:
        """Whether a frame that might be held is another shot's."""
        height, width = scene.picture.shape[:2]
        small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        return moved_on(scene.picture, small, scene.shot) is None
