"""What matters in a film: weights that go with what they weigh, and change slowly, whatever single frames say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neural_painter.film.spots import sized
from neural_painter.film.tracking import Tracked, tracked
from neural_painter.importance import importance_map
from neural_painter.importance.faces import Face, find_faces, model_file
from neural_painter.importance.weights import with_faces
from neural_painter.motion import Motion, carried
from neural_painter.painter.config import MASK

Array = np.ndarray

LEARNS = 0.2
"""Part of the way to what a frame says by itself that weights go in it; all of it where nothing was seen before."""


@dataclass(frozen=True)
class Mattering:
    """How much each pixel of a frame matters.

    Attributes:
        weights: `[H, W]` float32 of mean about 1.
        faces: in it, in pixels of the frame as it came.
    """

    weights: Array
    faces: tuple[Tracked, ...] = ()


def begun(picture: Array, choice: str, mask: Array | None) -> Mattering | None:
    """That of a shot's first frame; None where nothing is asked for.

    Args:
        picture: `[H, W, 3]`.
        choice: as for `importance_map`, or `mask`.
        mask: where that is the choice.
    """
    if mask is not None:
        return Mattering(_of(importance_map(picture, mask), picture))
    if choice == "none":
        return None
    faces = _found(picture, choice)
    return Mattering(_of(with_faces(picture, choice, faces), picture), tuple(map(Tracked, faces)))


def gone_on(before: Mattering | None, picture: Array, choice: str, motion: Motion) -> Mattering | None:
    """That of the next frame. What stands still keeps its weights to the bit; those of a mask hold for all frames."""
    if before is None or choice == MASK or motion.still.all():
        return before
    height, width = motion.still.shape
    ratio = picture.shape[1] / width, picture.shape[0] / height
    faces = tracked(before.faces, _found(picture, choice), motion, ratio)
    fresh = _of(with_faces(picture, choice, [known.face for known in faces]), picture)
    fresh = sized(fresh, (height, width))
    moved = carried(before.weights, motion.back)
    weights = np.where(motion.seen, moved + np.float32(LEARNS) * (fresh - moved), fresh)
    return Mattering(np.where(motion.still, before.weights, weights).astype(np.float32), tuple(faces))


def fitted(mattering: Mattering | None, size: tuple[int, int]) -> Mattering | None:
    """The same at the size `(height, width)` at which frames are compared."""
    return None if mattering is None else Mattering(sized(mattering.weights, size), mattering.faces)


def _found(picture: Array, choice: str) -> list[Face]:
    return find_faces(picture) if choice == "faces" or model_file() else []


def _of(weights: Array | None, picture: Array) -> Array:
    """Weights `[H, W]`, of a picture in which perhaps everything matters alike."""
    return np.ones(picture.shape[:2], np.float32) if weights is None else weights
