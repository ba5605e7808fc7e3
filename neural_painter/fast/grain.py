"""Grain: noise that is laid over a picture before a network restyles it, so that there is something to paint plain
places from.

Where a picture is plain, a network knows its place by its own grid alone, and whatever texture it makes there repeats
with that grid. Texture networks begin from noise for the same reason (Ulyanov, Lebedev, Vedaldi and Lempitsky 2016).
The noise lies still: it is one tile, laid beside itself, and belongs to the picture's place, not to the run.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

Array = np.ndarray

SIDE = 512
"""Of the tile, in pixels: wide enough that no eye finds it again."""

BROAD = 7
"""Pixels of the box that is run over the broad half three times: about the width of a stroke."""

REACH = 4
"""Pixels around the tile that show it going on, so that it can be sampled between pixels."""

FINE_SHARE = 0.25
"""Of the variance, that lies in single pixels; the rest is broad."""


@cache
def _tile() -> Array:
    """`[SIDE, SIDE]` float32, variance 1, read only; the same on every machine, for it is made of whole numbers."""
    raw = np.random.Philox(key=0).random_raw(2 * SIDE * SIDE)  # streams of bit generators never change
    fine, broad = raw.view(np.uint8).reshape(2, SIDE, SIDE, 8).sum(-1, dtype=np.int64)
    for axis in (0, 1) * 3:
        broad = sum((np.roll(broad, step, axis) for step in range(BROAD)), np.zeros_like(broad))
    tile = FINE_SHARE**0.5 * _normal(fine) + (1 - FINE_SHARE) ** 0.5 * _normal(broad)
    made = tile.astype(np.float32)
    made.setflags(write=False)
    return made


@cache
def _wide_tile() -> Array:
    """The tile, going on by `REACH` on each side; read only."""
    made = np.pad(_tile(), REACH, mode="wrap")
    made.setflags(write=False)
    return made


def _normal(values: Array) -> Array:
    """Whole numbers with mean 0 and variance 1."""
    centred = values * values.size - int(values.sum())
    return centred / np.sqrt(float(np.mean((centred / values.size) ** 2))) / values.size


def grain(height: int, width: int, strength: float, place: tuple[int, int] = (0, 0)) -> Array:
    """The grain of a picture, `[H, W]` float32.

    Args:
        height, width: in pixels.
        strength: standard deviation, of colours of 0 to 1.
        place: where on the tile the upper left pixel lies, down and to the right.
    """
    rows, columns = ((np.arange(size) + first) % SIDE for size, first in zip((height, width), place, strict=True))
    return np.float32(strength) * _tile()[rows[:, None], columns]


def carried_grain(drift: Array, strength: float) -> Array:
    """The grain of a frame whose things have moved, `[H, W]` float32.

    Args:
        drift: `[H, W, 2]` float32: how far from a pixel the place of the tile lies that it shows, x then y.
        strength: standard deviation, of colours of 0 to 1.
    """
    height, width = drift.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    across, down = ((axis + drift[..., k]) % SIDE + REACH for k, axis in enumerate((x, y)))
    return np.float32(strength) * cv2.remap(_wide_tile(), across, down, cv2.INTER_CUBIC)


def grainy(picture: Array, noise: Array | None) -> Array:
    """A picture `[H, W, 3]`, float32 in [0, 1], under its grain `[H, W]`; it may leave the range a little."""
    return picture if noise is None else picture + noise[..., None]
