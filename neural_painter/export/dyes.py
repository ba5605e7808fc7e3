"""Dyes for strokes that multiply, so that together they show a picture: found by what is missing where each lies.

Densities are multiplied by what they should be over what they are, which keeps them positive; as Richardson and
Lucy do.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neural_painter.compositing.constants import DARKEST
from neural_painter.export.rendering import render
from neural_painter.export.spines import STATIONS, along
from neural_painter.strokes import StrokeDocument, Strokes
from renderers.brush import COLOURS, FIRST, SECOND, Brush

Array = np.ndarray

ROUNDS = 12
BESIDE = (-0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75)
"""Where across a stroke it is looked at, in half widths: it may be lines with gaps."""
LITTLE = 0.01
"""Density below which nobody sees a dye."""


def dyes_of(document: StrokeDocument, picture: Array, brush: Brush) -> Array:
    """Both colours of each stroke, `[N, 6]`, of a document whose brush multiplies, so that it shows a picture.

    Args:
        document: its strokes' colours do not matter.
        picture: `[H, W, 3]` float32 in [0, 1], of the document's shape.
        brush: the document's.
    """
    bare = np.array(document.canvas, np.float32)
    strokes = document.strokes
    wanted = _sums(strokes, _densities(picture / bare), brush)
    dense = np.full((len(strokes), 6), 0.3)
    dark, light = brush.greys or (0.0, 1.0)
    least, most = -np.log(light), -np.log(max(dark, DARKEST))
    for _ in range(ROUNDS):
        paint = strokes.paint.copy()
        paint[:, COLOURS] = np.exp(-dense)
        shown = render(replace(document, strokes=replace(strokes, paint=paint)), picture.shape[:2])
        found = _sums(strokes, _densities(shown / bare), brush)
        dense = np.clip(dense * (wanted + LITTLE) / (found + LITTLE), least, most)
        if brush.greys:
            dense[:, FIRST] = dense[:, SECOND] = dense.mean(axis=1, keepdims=True)
    return np.exp(-dense).astype(np.float32)


def _sums(strokes: Strokes, dense: Array, brush: Brush) -> Array:
    """Mean density where each stroke lies, `[N, 6]`, weighted as its two colours are."""
    mix = 0.5 + 0.5 * STATIONS[None, :, None]
    weights = (1 - mix, mix) if brush.colours == 2 else (np.ones_like(mix), np.ones_like(mix))
    total, count = np.zeros((len(strokes), 6)), np.full((len(strokes), 6), 1e-9)
    for beside in BESIDE:
        seen, there = along(strokes, dense, beside)
        for colour, weight in zip((FIRST, SECOND), weights, strict=True):
            total[:, colour] += (seen * weight * there[..., None]).sum(axis=1)
            count[:, colour] += (weight * there[..., None]).sum(axis=1)
    return total / count  # type: ignore[no-any-return]


def _densities(transmitted: Array) -> Array:
    return -np.log(np.clip(transmitted, DARKEST, 1))  # type: ignore[no-any-return]
