"""Which strokes are fitted again: those whose error has risen since their place was painted last.

What stands still keeps the error that it had, so that slow changes add up until they are seen to.
"""

from __future__ import annotations

import numpy as np

from neural_painter.film.spots import share_of, shown_at, spots
from neural_painter.motion import Motion, carried
from neural_painter.strokes import Strokes

Array = np.ndarray

RISE = 0.4
"""Rise of the error, in the film's mean error, that counts."""
MUCH = 0.3
"""Part of a stroke's box where it has risen, from which on it wakes."""
CALM = 0.4
"""Part of its box that has come to rest, from which on it does not."""
SETTLES = 4
"""Frames for which strokes may go on changing where nothing moves any more: what was uncovered takes a few."""

FREE = 0.3, 1.2
"""Least and most that a stroke that is awake is free: as much as the error has risen under it, in the film's."""

FORGIVEN = 0.01
"""Part by which the error may rise each frame unnoticed: some places have become harder to paint."""


def expected(error: Array, level: float, motion: Motion) -> Array:
    """What error may be where, `[H, W]`: the one before, carried along; the film's level where nothing was seen."""
    before = carried(error, motion.back)
    return np.where(motion.seen, before, np.minimum(before, level)).astype(np.float32)


def remembered(before: Array, now: Array, level: float, rest: Array) -> Array:
    """The error that the next frame is compared with: what is better is kept, what is worse is not soon forgiven."""
    kept = np.minimum(now, before + FORGIVEN * np.maximum(before, level))
    return np.where(rest, before, kept).astype(np.float32)


def at_rest(restless: Array) -> Array:
    """Where strokes are left alone, `[H, W]` bool."""
    return restless == 0


def restless_after(restless: Array, motion: Motion) -> Array:
    """For how many frames strokes may still change at each pixel, `[H, W]` int32; 0 where all has come to rest."""
    return np.where(motion.still, np.maximum(restless - 1, 0), SETTLES).astype(np.int32)


def woken(strokes: Strokes, error: Array, before: Array, level: float, rest: Array) -> Array:
    """How freely each stroke is fitted again, `[N]` float32: 0 for those that sleep on, about 1 where much has changed.

    Args:
        strokes: where they are now.
        error: of the canvas, `[H, W]`.
        before: what it may be, from `expected`.
        level: mean error of the film.
        rest: where strokes are left alone, `[H, W]` bool.
    """
    rise = (error - before) / level
    if not (rise > RISE).any():
        return np.zeros(len(strokes), np.float32)
    awake = (share_of(rise > RISE, strokes.placement) >= MUCH) & (share_of(rest, strokes.placement) < CALM)
    mean = shown_at(np.maximum(rise, 0).astype(np.float32), spots(strokes.placement)).mean(axis=1)
    return np.where(awake, np.clip(mean, *FREE), 0).astype(np.float32)
