"""Lights the relief of paint: furrows and ridges in light from one side, their gloss, and the canvas under thin paint.

Light and shade are held against their mean around a pixel, so that a lit picture is as bright as its paint all over.
These means are of cells of a grid, smoothed, so that they are the same whichever band of the picture is at hand.

Source: Lambert's and Blinn's shading, on slopes by Scharr's derivative.
"""

from __future__ import annotations

import math

import numpy as np

from neural_painter.export.cells import between, cell_of, mean_at, means_of
from neural_painter.export.finish import Finish
from neural_painter.export.raster import Sheet
from renderers.kernels import FAST, kernel
from renderers.texture import noise
from renderers.threads import in_shares

Array = np.ndarray

STEEP = 0.85
"""Factor on slopes at a relief of 1."""

DEEP = 0.0012
"""Depth below its surroundings at which a cavity is dark, in canvas long sides, and by how much."""
DARK = 0.02

CONTRAST = 0.25
"""Of light and shade: of Lambert's, on colours that are powers of 1 / 2.2 of light, with almost half of it diffuse."""

SHINE = 0.25
"""Of a mirror that faces the light, at a gloss of 1."""

THREADS = 300
"""Threads of the canvas along its long side."""
THREAD = 0.0011
"""How high a thread rises, in canvas long sides, at a weave of 1."""
THIN = 0.0002
"""Height of paint that hides two thirds of the weave, in canvas long sides."""
FEWEST_PIXELS = 3.0
"""Of a thread; where it has fewer, it fades."""


def lit(sheet: Sheet, finish: Finish, long_side: int, *, top: int = 0, rows: slice = slice(None)) -> Array:
    """The colours of a sheet as light shows them.

    Args:
        sheet: rows of a canvas from `top` on; left as it is.
        finish: the light.
        long_side: of the whole canvas, in pixels.
        top: which row of the canvas the sheet begins with, a multiple of the cells' side.
        rows: of the sheet that are wanted. CELLS more lie above and below them, where the canvas does not end.

    Returns:
        `[rows, W, 3]` float32 in [0, 1].
    """
    surface = np.empty_like(sheet.heights)
    in_shares(_woven, sheet.heights, np.float32(finish.weave), top, 1.0 / long_side, surface)
    shown = np.empty((*surface.shape, 3), np.float32)
    in_shares(_shade, surface, _towards(finish.light), np.float32(STEEP * finish.relief * long_side), shown)
    cell = cell_of(long_side)
    means = means_of(shown, cell)
    first, end, _ = rows.indices(len(surface))
    made = np.empty((end - first, *sheet.colour.shape[1:]), np.float32)
    strength = np.array([SHINE * finish.gloss, DARK * finish.relief], np.float32)
    in_shares(_apply, sheet.colour, shown, means, cell, strength, first, made)
    return made


def normals(heights: Array, relief: float, long_side: int) -> Array:
    """Normals of the surface, `[H, W, 3]` float32: right, up, towards the viewer; length 1.

    Args:
        heights: `[H, W]`, in canvas long sides.
        relief: factor on them.
        long_side: of the canvas, in pixels.
    """
    made = np.empty((*heights.shape, 3), np.float32)
    in_shares(_stand, heights, np.float32(relief * long_side), made)
    return made


def _towards(light: tuple[float, float]) -> Array:
    """The light's direction, `[3]`: right, down, towards the viewer; clockwise from the top, as on a map."""
    azimuth, elevation = (math.radians(angle) for angle in light)
    flat = math.cos(elevation)
    return np.array([flat * math.sin(azimuth), -flat * math.cos(azimuth), math.sin(elevation)], np.float32)


@kernel(fastmath=FAST)
def _woven(heights, weave, top, pixel, surface, share, shares):  # type: ignore[no-untyped-def]
    """The surface: the paint, and where it is thin the threads under it, which go over and under each other."""
    height, width = heights.shape
    seen = np.float32(min(max(1 / (pixel * THREADS) - FEWEST_PIXELS, 0.0), 1.0)) * weave * np.float32(THREAD)
    for row in range(share, height, shares):
        y = (top + row + 0.5) * pixel * THREADS
        for column in range(width):
            paint = heights[row, column]
            if seen > 0 and paint < 8 * THIN:
                x = (column + 0.5) * pixel * THREADS
                # No thread lies quite straight.
                u = np.float32(x) + np.float32(0.35) * noise(np.float32(x * 0.11), np.float32(y * 0.03), 5)
                v = np.float32(y) + np.float32(0.35) * noise(np.float32(x * 0.03), np.float32(y * 0.11), 6)
                over = np.float32(0.5 + 0.5 * math.sin(math.pi * u) * math.sin(math.pi * v))
                along, across = math.sin(math.pi * v) ** 2, math.sin(math.pi * u) ** 2
                thread = np.float32(over * along + (1 - over) * across)
                paint += seen * thread * math.exp(-paint / np.float32(THIN))
            surface[row, column] = paint


@kernel(fastmath=FAST)
def _slopes(surface, row, column, steep):  # type: ignore[no-untyped-def]
    """Scharr's derivatives to the right and down; beyond the border the surface goes on level."""
    height, width = surface.shape
    above, below = max(row - 1, 0), min(row + 1, height - 1)
    left, right = max(column - 1, 0), min(column + 1, width - 1)
    a, b, c = surface[above, left], surface[above, column], surface[above, right]
    d, e = surface[row, left], surface[row, right]
    f, g, h = surface[below, left], surface[below, column], surface[below, right]
    three, ten = np.float32(3 / 32), np.float32(10 / 32)
    to_right = three * (c - a) + ten * (e - d) + three * (h - f)
    down = three * (f - a) + ten * (g - b) + three * (h - c)
    return steep * to_right, steep * down


@kernel(fastmath=FAST)
def _shade(surface, light, steep, shown, share, shares):  # type: ignore[no-untyped-def]
    """Of every pixel: how bright it is in this light, how much it shines, and how high it lies."""
    height, width = surface.shape
    one = np.float32(1)
    half_x, half_y, half_z = light[0], light[1], light[2] + one  # half way between light and viewer
    length = math.sqrt(half_x * half_x + half_y * half_y + half_z * half_z)
    half_x, half_y, half_z = half_x / length, half_y / length, half_z / length
    level = _power(half_z)
    for row in range(share, height, shares):
        for column in range(width):
            p, q = _slopes(surface, row, column, steep)
            # Steep sides are eased: a picture's light has no room for them.
            eased = one / math.sqrt(one + np.float32(0.6) * (p * p + q * q))
            p, q = p * eased, q * eased
            # Linear in slopes: by Lambert both sides of a steep ridge are dark, and which is in the light is not seen.
            shown[row, column, 0] = one - np.float32(CONTRAST) * (p * light[0] + q * light[1]) / light[2]
            norm = one / math.sqrt(one + p * p + q * q)
            towards = max((half_z - p * half_x - q * half_y) * norm, np.float32(0))
            shown[row, column, 1] = max(_power(towards) - level, np.float32(0))
            shown[row, column, 2] = surface[row, column]


@kernel(fastmath=FAST)
def _power(x):  # type: ignore[no-untyped-def]
    """x to the 32nd."""
    x = x * x
    x = x * x
    x = x * x
    x = x * x
    return x * x


@kernel(fastmath=FAST)
def _apply(colour, shown, means, cell, strength, first, made, share, shares):  # type: ignore[no-untyped-def]
    """Lays light, shade and gloss over colours, each against its mean around; `made` begins at row `first`."""
    height, width, _ = made.shape
    one = np.float32(1)
    for made_row in range(share, height, shares):
        row = first + made_row
        rows = between(np.float32(row), cell, means.shape[0])
        for column in range(width):
            columns = between(np.float32(column), cell, means.shape[1])
            bright = one + shown[row, column, 0] - mean_at(means, rows, columns, 0)
            high = (shown[row, column, 2] - mean_at(means, rows, columns, 2)) * np.float32(1 / DEEP)
            bright *= one + strength[1] * min(max(high, -one), one)
            shine = strength[0] * (shown[row, column, 1] - mean_at(means, rows, columns, 1))
            for c in range(3):
                value = colour[row, column, c] * bright + shine
                made[made_row, column, c] = min(max(value, np.float32(0)), one)


@kernel(fastmath=FAST)
def _stand(heights, steep, made, share, shares):  # type: ignore[no-untyped-def]
    height, width = heights.shape
    for row in range(share, height, shares):
        for column in range(width):
            p, q = _slopes(heights, row, column, steep)
            norm = np.float32(1) / math.sqrt(np.float32(1) + p * p + q * q)
            made[row, column, 0], made[row, column, 1], made[row, column, 2] = -p * norm, q * norm, norm
