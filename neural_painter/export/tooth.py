"""The tooth of paper under a dry brush: bumps take the paint, dents stay bare, and as much is covered as without.

Bumps belong to the canvas and are alike for all strokes. Each stroke has crumbs of its own beside, or a dent would stay
bare however often it is drawn over. Dark strokes are pressed into the dents, or blacks would be full of white specks.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np

from neural_painter.images import LUMA
from renderers.brush import FIRST, Surface
from renderers.kernels import FAST, kernel
from renderers.texture import noise

Array = np.ndarray

OWN = 0.75
"""Part of the grain, by its standard deviation, that each stroke has for itself."""

PRESSED = 0.12
"""How much is left of the tooth under black."""

GRAINS = {"smooth": (1.35, 0.6), "cold": (1.0, 1.0), "rough": (0.7, 1.5)}
"""Bumps of papers and how deep they are, against those of cold-pressed paper."""

_PIXEL, _CELLS, _SHARPNESS, _RANKS = range(4)
_LEVELS = 256


def surface_on(surface: Surface | None, paper: str) -> Surface | None:
    """The tooth of a sheet of paper under a brush; None of a brush that fills dents, and where there is no paper."""
    if surface is None or paper not in GRAINS:
        return None
    cells, depth = GRAINS[paper]
    return replace(surface, cells=cells * surface.cells, depth=min(1.0, depth * surface.depth))


def tooth_of(surface: Surface | None, pixel: float) -> Array:
    """What kernels take: `pixel`, its side, bumps along the long side, sharpness, and the ranks of grains."""
    if surface is None:
        return np.empty(0, np.float32)
    head = np.array([pixel, surface.cells, surface.sharpness], np.float32)
    return np.concatenate([head, _ranks(surface.cells, pixel)])


def bites(surface: Surface | None, paint: Array) -> Array:
    """How much of the tooth shows under strokes, `[N]` in [0, 1], by their paint `[N, 7]`."""
    if surface is None:
        return np.zeros(len(paint))
    light = np.clip((paint[:, FIRST] @ LUMA - 0.05) / 0.6, 0, 1)
    return surface.depth * (PRESSED + (1 - PRESSED) * light * light * (3 - 2 * light))


@lru_cache(maxsize=16)
def _ranks(cells: float, pixel: float) -> Array:
    """`[256]`: which part of all pixels has a grain below -1, ..., 1. Grain is evenly spread by it."""
    found = np.empty(1 << 18, np.float32)
    _sample(np.float32(cells), np.float32(pixel), found)
    return (np.searchsorted(np.sort(found), np.linspace(-1, 1, _LEVELS)) / len(found)).astype(np.float32)


@kernel(fastmath=FAST)
def _sample(cells, pixel, found):  # type: ignore[no-untyped-def]
    """The grain in so many places."""
    side = int(math.sqrt(len(found)))
    for n in range(len(found)):
        x, y = (n % side) * 0.37 / cells, (n // side) * 0.37 / cells
        found[n] = _mixed(_grain(x, y, cells, pixel, 21), _grain(x + 0.117, y + 0.043, cells, pixel, 22))


@kernel(fastmath=FAST)
def _grain(x, y, cells, pixel, seed):  # type: ignore[no-untyped-def]
    """Three octaves turned against each other, about -1 to 1; what is finer than a pixel fades."""
    total, strength = np.float32(0), np.float32(0.62)
    x, y = 0.87 * x - 0.5 * y, 0.5 * x + 0.87 * y
    for octave in range(3):
        shown = min(max(np.float32(1.7 - 1.4 * cells * pixel), np.float32(0)), np.float32(1))
        if shown > 0:
            total += shown * strength * noise(np.float32(x * cells), np.float32(y * cells), seed + 2 * octave)
        x, y = 0.8 * x - 0.6 * y, 0.6 * x + 0.8 * y
        cells, strength = cells * np.float32(2.1), strength * np.float32(0.62)
    return total


@kernel(fastmath=FAST)
def _mixed(bump, crumb):  # type: ignore[no-untyped-def]
    return np.float32(math.sqrt(1 - OWN * OWN)) * bump + np.float32(OWN) * crumb


@kernel(fastmath=FAST)
def bump_at(x, y, tooth):  # type: ignore[no-untyped-def]
    """The canvas' own grain at a point."""
    return _grain(x, y, tooth[_CELLS], tooth[_PIXEL], 21) if tooth.size > 0 else np.float32(0)


@kernel(fastmath=FAST)
def grained(cover, bite, bump, x, y, tooth, seed):  # type: ignore[no-untyped-def]
    """How much a stroke covers at a point where it covers `cover` of smooth paper; over many points as much.

    Half covered are points whose bump is just high enough; the steepness around keeps both ends in reach.
    """
    sharpness = min(tooth[_SHARPNESS], np.float32(2) * np.float32(min(cover, 1 - cover)))
    shown = bite * np.float32(min(max(1.7 - 1.4 * tooth[_CELLS] * tooth[_PIXEL], 0.0), 1.0))
    if sharpness <= np.float32(1e-3) or shown == 0:
        return cover
    grain = _mixed(bump, _grain(x + 0.117, y + 0.043, tooth[_CELLS], tooth[_PIXEL], seed))
    place = min(max((grain + 1) * np.float32(0.5 * (_LEVELS - 1)), np.float32(0)), np.float32(_LEVELS - 1.001))
    level = np.int64(place)
    low, high = tooth[_RANKS + level], tooth[_RANKS + 1 + level]
    height = low + (high - low) * (place - level)
    drawn = min(max((np.float32(cover) - 1 + height) / sharpness + np.float32(0.5), np.float32(0)), np.float32(1))
    return cover + shown * (drawn - cover)
