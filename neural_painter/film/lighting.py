"""Light that changes all over a frame: flicker, and fades to black or white and back.

The picture and its strokes take on the new light as they are, for nothing has moved: what is left is painted as ever.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np

from neural_painter.film.living import Cast
from neural_painter.film.shots import BLANK, Shot
from neural_painter.motion import Motion, is_cut, motion_between
from neural_painter.strokes import Strokes
from renderers.brush import COLOURS

Array = np.ndarray

CELLS = 16
"""Along each side, whose means are compared: what moves a little stays within them."""
SEEN = 0.012
"""Mean change of a cell from which on it is looked for light."""
LEFT = 0.4
"""Part of the change that light may leave unexplained: where more is left, it is not light that changes."""
GAINS = 0.2, 5.0
"""By how much it becomes brighter at most in a frame, and darker."""
ROUNDS = 5
"""In which cells count less that something else happens to."""

THERE = 0.03
"""Standard deviation of frames that show something where those before showed nothing."""


class Light(NamedTuple):
    """From the light of one frame to that of the next: gain times colours, and what is added to all channels alike."""

    gain: float
    added: float

    def on(self, picture: Array) -> Array:
        """A picture in the new light."""
        return np.clip(self.gain * picture + self.added, 0, 1).astype(np.float32)


def moved_on(before: Array, after: Array, shot: Shot) -> tuple[Light | None, Motion] | None:
    """How a frame became the next, both `[H, W, 3]`: in which light, and how it moved. None: they are of two shots.

    What fades in from black is another shot's as soon as there is something to be seen.
    """
    if shot.blank and after.std() > THERE:
        return None
    light = light_between(before, after)
    lit = before if light is None else light.on(before)
    motion = motion_between(lit, after)
    return None if is_cut(lit, after, motion) else (light, motion)


def light_between(before: Array, after: Array) -> Light | None:
    """How light has changed all over a frame; None where it has not."""
    rows, columns = (min(CELLS, side) for side in before.shape[:2])
    cells = (cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA) for picture in (before, after))
    old, new = (cell.astype(np.float64).ravel() for cell in cells)
    apart = np.abs(new - old).mean()
    if apart < SEEN or old.std() < BLANK:
        return None
    weights = np.ones_like(old)
    gain = added = 0.0
    for _ in range(ROUNDS):
        mean_old, mean_new = (np.average(values, weights=weights) for values in (old, new))
        spread = np.average((old - mean_old) ** 2, weights=weights)
        gain = float(np.average((old - mean_old) * (new - mean_new), weights=weights) / max(spread, 1e-9))
        added = float(mean_new - gain * mean_old)
        missed = np.abs(new - (gain * old + added))
        weights = 1 / (1 + (missed / max(np.median(missed), 1e-3)) ** 2)
    left = np.abs(new - np.clip(gain * old + added, 0, 1)).mean()
    if not GAINS[0] <= gain <= GAINS[1] or left > LEFT * apart:
        return None
    return Light(gain, added)


def cast_in(cast: Cast, light: Light, shot: Shot) -> Cast:
    """Strokes that cover, in another light."""
    strokes, paint = cast.strokes, cast.strokes.paint.copy()
    added = np.full(3, light.added)
    if shot.colours is not None:  # light is the film's, and colours are the style's
        added = (1 - light.gain) * shot.colours[:, 3] + light.added * shot.colours[:, :3].sum(axis=1)
    paint[:, COLOURS] = np.clip(light.gain * paint[:, COLOURS] + np.tile(added, 2), 0, 1)
    return cast.but(Strokes(strokes.placement, strokes.shape, paint, strokes.ids))


def shot_in(shot: Shot, light: Light) -> Shot:
    """A shot in another light: what is shown beside the film fades with it."""
    if shot.beside is None:
        return shot
    return replace(shot, beside=(light.gain * shot.beside).astype(np.float32))
