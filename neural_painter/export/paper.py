"""Lays paint on paper, once for the whole picture: its grain, pigment that settles there and at the edges of washes.

Paint is seen as optical density against the bare paper. What grain and edges add, they take away around: means of the
picture stay. A border may stay bare.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np

from neural_painter.export.cells import between, cell_of, mean_at, means_of
from renderers.kernels import FAST, kernel
from renderers.texture import noise, smoothstep
from renderers.threads import in_shares

Array = np.ndarray


class Paper(NamedTuple):
    """A kind of paper.

    Attributes:
        grain: bumps along the long side.
        depth: how much of the pigment goes from the bumps to the dents.
        shade: how much light shows the bumps.
        rim: how much denser the edge of a wash is.
        cloud: how much denser and thinner a wash is from place to place.
    """

    grain: float
    depth: float
    shade: float
    rim: float = 1.0
    cloud: float = 0.07

    def dry(self) -> Paper:
        """The same sheet, for a medium without water: its pigment stays where it was put."""
        return self._replace(depth=0.0, shade=0.6 * self.shade, rim=0.0, cloud=0.0)


PAPERS = {"smooth": Paper(330, 0.07, 0.008), "cold": Paper(190, 0.17, 0.02), "rough": Paper(115, 0.28, 0.035)}
"""Hot-pressed, cold-pressed and rough sheets."""

RIM_WIDTH = 0.0018
"""Standard deviation of what an edge is held against, in canvas long sides."""


def rims(change: Array, long_side: int) -> Array:
    """Where a layer of washes ends, `[H, W]` in [0, 1], just inside its edges.

    Args:
        change: by how much the layer has changed the picture, `[H, W]`.
        long_side: of the canvas, in pixels.
    """
    laid = 1 - np.exp(-6 * change)
    side = 2 * math.ceil(3 * RIM_WIDTH * long_side) + 1
    return np.maximum(laid - cv2.GaussianBlur(laid, (side, side), RIM_WIDTH * long_side), 0)


def on_paper(
    colour: Array,
    edges: Array,
    bare: tuple[float, float, float],
    paper: Paper,
    border: float,
    size: tuple[int, int],
    *,
    top: int = 0,
    rows: slice = slice(None),
) -> Array:
    """A picture as it looks on paper.

    Args:
        colour: rows of the picture from `top` on, `[H, W, 3]` float32 in [0, 1]; left as it is.
        edges: `rims` of its layers, `[H, W]`.
        bare: colour of the paper.
        paper: its kind.
        border: width of what stays bare, in canvas long sides; 0: nothing does.
        size: of the whole picture, in pixels.
        top: which row of the picture comes first, a multiple of the cells' side.
        rows: which are wanted. CELLS more lie above and below them, where the picture does not end.

    Returns:
        `[rows, W, 3]` float32 in [0, 1].
    """
    cell, pixel = cell_of(max(size)), 1.0 / max(size)
    laid = np.empty_like(colour)
    ground = np.array(bare, np.float32)
    look = np.array(paper, np.float32)
    where = np.array([size[0] * pixel, size[1] * pixel, border, pixel])
    in_shares(_settle, colour, edges, ground, look, top, pixel, laid)
    first, end, _ = rows.indices(len(colour))
    made = np.empty((end - first, *colour.shape[1:]), np.float32)
    in_shares(_dry, laid, means_of(colour, cell), means_of(laid, cell), cell, ground, look, where, top, first, made)
    return made


@kernel(fastmath=FAST)
def _bumps(x, y, grain, pixel):  # type: ignore[no-untyped-def]
    """Height of the paper, about -1 to 1; octaves that are turned against each other, and fade below a pixel."""
    total, strength = np.float32(0), np.float32(0.6)
    x, y = 0.87 * x - 0.5 * y, 0.5 * x + 0.87 * y  # upright, a lattice is seen
    for octave in range(4):
        visible = min(max(np.float32(1.5 - 2.2 * grain * pixel), np.float32(0)), np.float32(1))
        if visible > 0:
            total += visible * strength * noise(np.float32(x * grain), np.float32(y * grain), 11 + octave)
        x, y = 0.8 * x - 0.6 * y, 0.6 * x + 0.8 * y
        grain, strength = grain * 1.9, strength * np.float32(0.6)
    return total


@kernel(fastmath=FAST)
def _settle(colour, edges, ground, look, top, pixel, laid, share, shares):  # type: ignore[no-untyped-def]
    """Moves pigment: into dents of the paper, and to the edges of washes."""
    height, width, _ = colour.shape
    grain, depth, rim = np.float64(look[0]), look[1], look[3]
    one, most = np.float32(1), np.float32(0.004)
    for row in range(share, height, shares):
        y = (top + row + 0.5) * pixel
        for column in range(width):
            more = rim * edges[row, column] - depth * _bumps((column + 0.5) * pixel, y, grain, pixel)
            for c in range(3):
                shown = max(colour[row, column, c] / ground[c], most)
                if shown < one:
                    dense = -math.log(shown)
                    # In the dark there is pigment everywhere: what moves is less of it.
                    laid[row, column, c] = ground[c] * math.exp(-dense - more * dense / (one + dense))
                else:
                    laid[row, column, c] = colour[row, column, c]


@kernel(fastmath=FAST)
def _dry(laid, before, after, cell, ground, look, where, top, first, made, share, shares):  # type: ignore[no-untyped-def]
    """Holds the picture against its means `before`, clouds it, bares its border, and shows the paper."""
    height, width, _ = made.shape
    high, wide, border, pixel = where
    grain, shade, rim, cloud = np.float64(look[0]), look[2], look[3], look[4]
    one, least, step = np.float32(1), np.float32(0.004), max(0.6 * pixel, 0.0004)
    for made_row in range(share, height, shares):
        row = first + made_row
        y, rows = (top + row + 0.5) * pixel, between(np.float32(row), cell, before.shape[0])
        for column in range(width):
            x, columns = (column + 0.5) * pixel, between(np.float32(column), cell, before.shape[1])
            dense = one + cloud * (_blot(x * 9, y * 9, 31) + np.float32(0.5) * _blot(x * 31, y * 31, 32))
            if border > 0:
                inside = min(min(x, wide - x), min(y, high - y)) - border
                inside += 0.004 * _blot(x * 17, y * 17, 41) + 0.003 * _blot(x * 60, y * 60, 42)
                inside += 0.0015 * _blot(x * 210, y * 210, 43)
                pool = np.float32(inside / 0.004)
                dense *= smoothstep(np.float32(-0.0006), np.float32(0.0006), np.float32(inside))
                dense *= one + np.float32(0.3) * rim * math.exp(-pool * pool)
            lit = shade * (_bumps(x + step, y + step, grain, pixel) - _bumps(x - step, y - step, grain, pixel))
            for c in range(3):
                held = mean_at(before, rows, columns, c) / max(mean_at(after, rows, columns, c), least)
                shown = max(laid[row, column, c] * held / ground[c], least)
                value = ground[c] * shown**dense * (one + lit)
                made[made_row, column, c] = min(max(value, np.float32(0)), one)


@kernel(fastmath=FAST)
def _blot(x, y, seed):  # type: ignore[no-untyped-def]
    return noise(np.float32(x), np.float32(y), seed)
