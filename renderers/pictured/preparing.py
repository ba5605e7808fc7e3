"""What a brush keeps of a picture: alpha and tone, trimmed, lying along the stroke, no larger than is ever seen."""

from __future__ import annotations

import numpy as np
from PIL import Image

from renderers.pictured.pyramids import MOST_COLUMNS, MOST_ROWS, Array, Picture

LEAST_SIDE = 8
"""Pixels of what is seen of a picture, along either axis."""

VISIBLE = 0.04
"""Alpha from which something is seen; in a scan, what is fainter is paper."""

GRAIN = 0.1
"""Of a scan: part of the contrast that is the paper's own."""

PLAIN_TONE = 142
"""Of a picture that tells nothing of tones: a weight of colour of 1."""

LIGHTENING = 0.5
"""How much of the light and dark of a picture its strokes have."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


class PictureError(ValueError):
    """A picture out of which no brush can be made."""


def prepared(pixels: Array, alpha: Array | None) -> tuple[Picture, tuple[str, ...]]:
    """The picture that a brush keeps, and sentences on what was done to it.

    Args:
        pixels: `[H, W, 3]` in [0, 1], not multiplied by alpha; colours count as light and dark only.
        alpha: `[H, W]` in [0, 1]; None: a scan, of which darkness on white paper is taken for alpha.

    Raises:
        PictureError: nothing is seen on it, or too little.
    """
    notes = []
    light = pixels.astype(np.float32) @ _LUMA
    if alpha is None:
        alpha, words = _darkness(light)
        notes.append(words)
        tone = np.full(alpha.shape, PLAIN_TONE / 255, np.float32)
    else:
        alpha = alpha.astype(np.float32)
        if alpha.max() < VISIBLE:
            raise PictureError("is wholly transparent: there is no brush to be seen")
        mean = float((light * alpha).sum() / alpha.sum())
        tone = np.clip((0.25 + LIGHTENING * (light - mean)) / 0.45, 0, 1)
    seen = alpha > VISIBLE
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    alpha, tone = alpha[box], tone[box]
    if min(alpha.shape) < LEAST_SIDE:
        raise PictureError(f"shows {alpha.shape[1]}x{alpha.shape[0]} pixels, expected {LEAST_SIDE} or more a side")
    if alpha.shape[0] > alpha.shape[1]:
        alpha, tone = np.rot90(alpha), np.rot90(tone)
        notes.append("turned by a right angle: its long side runs along the stroke")
    return _reduced(alpha, tone), tuple(notes)


def _darkness(light: Array) -> tuple[Array, str]:
    """Alpha of a scan: how much darker than its border a place is, or lighter where the border is dark."""
    border = float(np.median(np.concatenate([light[0], light[-1], light[:, 0], light[:, -1]])))
    is_dark = border < 0.5
    ink = float(np.quantile(light, 0.995 if is_dark else 0.005))
    if abs(border - ink) < 0.1:
        raise PictureError("has neither transparency nor a dark stroke on light paper: there is no brush to be seen")
    share = np.clip((border - light) / (border - ink), 0, 1)
    words = f"has no transparency: what is {'lighter' if is_dark else 'darker'} than its border was taken for paint"
    return np.clip((share - GRAIN) / (1 - 2 * GRAIN), 0, 1).astype(np.float32), words


def _reduced(alpha: Array, tone: Array) -> Picture:
    """As eight bits, at most so large as a pyramid."""
    factor = min(1.0, MOST_ROWS / alpha.shape[0], MOST_COLUMNS / alpha.shape[1])
    if factor < 1:
        size = max(round(alpha.shape[1] * factor), 1), max(round(alpha.shape[0] * factor), 1)
        shrunk, times = (
            np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize(size, Image.Resampling.BOX))
            for plane in (alpha, alpha * tone)
        )
        alpha, tone = shrunk, times / np.maximum(shrunk, 1e-6)
    return np.rint(255 * np.clip(np.stack([alpha, tone], axis=-1), 0, 1)).astype(np.uint8)
