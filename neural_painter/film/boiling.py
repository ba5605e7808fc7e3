"""Films that live on purpose: from painting to painting strokes lie a little otherwise, as those of hands do.

Their textures stay, and so do paper and relief: it is the hand that trembles, not the paint.
"""

from __future__ import annotations

import numpy as np

from neural_painter.strokes import Strokes, texture_seeds
from renderers.brush import ANGLE, CENTRE, HALF_LENGTH, HALF_WIDTH, HALVES

Array = np.ndarray

MOVES, TURNS, GROWS = 0.3, 0.05, 0.04
"""At a boil of 1: half widths, radians at a stroke twice as long as wide, part of the size; at most, either way."""
NUMBERS = 5
"""Random numbers that a stroke takes in a painting."""


def boiled(strokes: Strokes, amount: float, painting: int, seed: int) -> Strokes:
    """The strokes as they lie in one painting of many.

    Args:
        strokes: of a frame, with ids.
        amount: how much they move; 0: not at all.
        painting: its number in the shot. Same number, same id, same seed: same move.
        seed: of the film.
    """
    if not amount or not len(strokes):
        return strokes
    across, along, turn, *growth = (_chances(strokes, seed, NUMBERS * painting + k) for k in range(NUMBERS))
    placement = strokes.placement.astype(np.float64)
    half_width = placement[:, HALF_WIDTH].copy()
    placement[:, CENTRE] += amount * MOVES * half_width[:, None] * np.stack([along, across], axis=1)
    # The ends of a long stroke move no farther than those of a short one.
    placement[:, ANGLE] += amount * TURNS * turn * np.minimum(1, 2 * half_width / placement[:, HALF_LENGTH])
    placement[:, HALVES] *= np.exp(amount * GROWS * np.stack(growth, axis=1))
    return Strokes(placement, strokes.shape, strokes.paint, strokes.ids)


def _chances(strokes: Strokes, seed: int, number: int) -> Array:
    """`[N]` from -1 to 1, of each stroke's own."""
    mixed = int(texture_seeds(seed, 1, np.array([number], np.uint32))[0])
    return texture_seeds(mixed, len(strokes), strokes.ids) / 2.0**31 - 1
