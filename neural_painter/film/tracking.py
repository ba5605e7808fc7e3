"""Faces from frame to frame: those that are found are followed, those that are missed go on with the flow for a while.

So a face that one frame does not show well enough keeps its fine strokes, and boxes do not tremble.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neural_painter.importance.faces import Face, shared
from neural_painter.motion import Motion

Array = np.ndarray

SAME = 0.3
"""Boxes that share more than this part of what both cover show the same face."""
FOLLOWS = 0.35
"""Part of the way to where it is found that a face goes in a frame."""
MISSED = 12
"""Frames for which a face that is not found is taken to be there still."""

WIDTH = 16
"""Numbers of a face as a row: centre, size, five points, score, frames missed."""


@dataclass(frozen=True)
class Tracked:
    """A face, and for how many frames it was not found.

    Attributes:
        face: in pixels of the frame that is painted.
        missed: frames.
    """

    face: Face
    missed: int = 0


def tracked(
    before: Sequence[Tracked], found: Sequence[Face], motion: Motion, ratio: tuple[float, float]
) -> list[Tracked]:
    """The faces of a frame.

    Args:
        before: those of the one before.
        found: what is seen of them in this frame alone.
        motion: from frame to frame, in its own pixels.
        ratio: of those to the pixels that faces are given in, x and y.
    """
    left, made = list(found), []
    for old in (_moved(known, motion, ratio) for known in before):
        best = max(left, key=lambda face: shared(face, old.face), default=None)
        if best is not None and shared(best, old.face) > SAME:
            left.remove(best)
            made.append(Tracked(_between(old.face, best)))
        elif old.missed < MISSED and _is_there(old.face, motion, ratio):
            made.append(Tracked(old.face, old.missed + 1))
    return [*made, *map(Tracked, left)]


def rows_of(faces: Sequence[Tracked]) -> Array:
    """Faces as numbers, `[F, 16]` float64."""
    rows = [[*f.face.centre, *f.face.size, *f.face.points.ravel(), f.face.score, f.missed] for f in faces]
    return np.array(rows, np.float64).reshape(-1, WIDTH)


def faces_of(rows: Array) -> list[Tracked]:
    """The faces that `rows_of` gave."""
    return [
        Tracked(Face((x, y), (w, h), np.array(points).reshape(5, 2), score), int(missed))
        for x, y, w, h, *points, score, missed in rows.tolist()
    ]


def _moved(known: Tracked, motion: Motion, ratio: tuple[float, float]) -> Tracked:
    """A face where the flow within its box has carried it."""
    face = known.face
    height, width = motion.still.shape
    (x, y), (w, h) = (np.array(pair) / ratio for pair in (face.centre, face.size))
    rows = slice(*np.clip([y - h / 3, y + h / 3 + 1], 0, height).astype(int))
    columns = slice(*np.clip([x - w / 3, x + w / 3 + 1], 0, width).astype(int))
    flow = motion.forth[rows, columns].reshape(-1, 2)
    shift = np.median(flow, axis=0) * ratio if len(flow) else np.zeros(2)
    centre = face.centre[0] + float(shift[0]), face.centre[1] + float(shift[1])
    return Tracked(Face(centre, face.size, face.points + shift, face.score), known.missed)


def _between(old: Face, new: Face) -> Face:
    """A face on the way from one place to another."""

    def mixed(a: Array, b: Array) -> Array:
        return a + FOLLOWS * (b - a)  # type: ignore[no-any-return]

    centre, size = (mixed(np.array(a), np.array(b)) for a, b in ((old.centre, new.centre), (old.size, new.size)))
    score = old.score + FOLLOWS * (new.score - old.score)
    return Face((*centre.tolist(),), (*size.tolist(),), mixed(old.points, new.points), score)


def _is_there(face: Face, motion: Motion, ratio: tuple[float, float]) -> bool:
    """Whether the middle of a face is within the picture."""
    height, width = motion.still.shape
    return bool(0 <= face.centre[0] < width * ratio[0] and 0 <= face.centre[1] < height * ratio[1])
