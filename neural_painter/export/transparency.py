"""A painting without its canvas: colours and an alpha, which laid over the canvas give the painting again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neural_painter.export.easel import Easel
from neural_painter.export.finish import FLAT, Finish
from neural_painter.export.rendering import bands, step_of
from neural_painter.images import to_uint8
from neural_painter.strokes import StrokeDocument

Array = np.ndarray


class Hiding:
    """How much of a canvas strokes hide: the difference that black and white below them make.

    Args:
        document: whose strokes.
        size: `(height, width)` of the whole canvas, in pixels.
        finish: how the paint is shown.
    """

    def __init__(self, document: StrokeDocument, size: tuple[int, int], finish: Finish) -> None:
        self._easels = [Easel(replace(document, canvas=(level,) * 3), size, finish) for level in (0.0, 1.0)]

    def __call__(self, top: int, rows: int, start: int = 0, stop: int | None = None) -> Array:
        """By strokes `start` to `stop`, `[rows, W]` in [0, 1], in a band from row `top` on."""
        seen = []
        for easel in self._easels:
            work = easel.bare(rows)
            easel.paint(work, start, stop, top=top)
            seen.append(work.colour)
        black, white = seen
        return np.clip(1 - (white - black).mean(axis=2), 0, 1)


def render_transparent(document: StrokeDocument, size: tuple[int, int], *, finish: Finish = FLAT) -> Array:
    """Paints a document's strokes on nothing.

    Alpha is what the strokes hide of a canvas: the difference that black and white below them make. Of a brush that
    multiplies, whose strokes hide nothing, it is the least with which the painting comes out on its own canvas. Where
    there is no paint, neither paper nor weave is there.

    Args:
        document: what to paint.
        size: `(height, width)` in pixels.
        finish: how the paint is shown.

    Returns:
        `[H, W, 4]` uint8; the colours are not multiplied by the alpha.
    """
    height, width = size
    made = np.empty((height, width, 4), np.uint8)
    step = step_of(size)
    canvas = np.array(document.canvas, np.float32)
    multiplies = document.find_brush().blend == "multiply"
    hiding = None if multiplies else Hiding(document, size, finish)
    for top, picture in bands(Easel(document, size, finish), 0, step):
        alpha = _least(picture, canvas) if hiding is None else hiding(top, len(picture))
        there = np.maximum(alpha, 1e-6)[..., None]
        colour = np.where(alpha[..., None] > 0, (picture - (1 - there) * canvas) / there, canvas)
        made[top : top + step, :, :3] = to_uint8(np.clip(colour, 0, 1))
        made[top : top + step, :, 3] = to_uint8(alpha)
    return made


def _least(picture: Array, canvas: Array) -> Array:
    """The least alpha with which some colour over the canvas gives the picture, `[rows, W]`."""
    darker = (canvas - picture) / np.maximum(canvas, 1e-6)
    lighter = (picture - canvas) / np.maximum(1 - canvas, 1e-6)
    found: Array = np.clip(np.maximum(darker, lighter).max(axis=2), 0, 1)
    return np.where(found < 1 / 510, 0, found)
