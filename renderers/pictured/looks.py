"""How strokes of a picture look at a point. All but a few lines is compiled once for all pictures.

A point function gets no picture, so each picture has its own: a closure over the pyramid that hands it on. That alone
is compiled when the brush is loaded.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types

from renderers.brush import point_function, relief_function
from renderers.kernels import kernel
from renderers.texture import bow, streaks, unit_hash

MARGIN = np.float32(0.05)
DARKEST, SPAN = np.float32(0.75), np.float32(0.45)
"""A tone t is a weight of colour of DARKEST + SPAN t."""

SPACING, FLOW = np.float32(0.28), np.float32(0.75)
"""Of dabs: from one to the next, in their half lengths, and their opacity."""

JITTER = np.float32(0.3)
"""By which part of the spacing dabs are moved along."""

NEARLY_SQUARE = np.float32(1.25)
"""Length / width up to which dabs are turned by a right angle."""

END_PART, END, SHORT = np.float32(0.64), np.float32(1.2), np.float32(0.6)
"""What an end keeps of its scale: a part of the picture, so many half widths, and a part of half the stroke at most."""

_REAL = types.float32
_ATLAS = types.Array(types.uint8, 3, "C", readonly=True)
_PLACE = (_REAL, _REAL, _REAL, _REAL)  # along, across, footprint, aspect
_TWO, _THREE = types.UniTuple(_REAL, 2), types.UniTuple(_REAL, 3)


@kernel(types.int64(_REAL, types.int64))
def _halvings(part, size):  # type: ignore[no-untyped-def]
    """How often a side of so many texels is halved, so that one of them is about as large as that part of it."""
    texels, times = part * size * np.float32(math.sqrt(0.5)), 0
    while texels > 1 and size > 1:
        texels *= np.float32(0.5)
        size >>= 1
        times += 1
    return times


@kernel(_TWO(_ATLAS, _REAL, _REAL, _REAL, _REAL))
def sampled(atlas, x, y, wide, high):  # type: ignore[no-untyped-def]
    """Alpha and tone times alpha at a place in [0, 1]², under a footprint of `wide` by `high` of the picture.

    Of the one size whose texels are nearest to the footprint, between these: as a stroke's pixels all have the same,
    nobody sees where the next size begins. Beside the picture there is nothing.
    """
    rows, columns = atlas.shape[0] // 2, atlas.shape[1] // 2
    height, width = rows >> _halvings(high, rows), columns >> _halvings(wide, columns)
    top, left = 2 * (rows - height), 2 * (columns - width)
    across, along = y * height - np.float32(0.5), x * width - np.float32(0.5)
    row, column = math.floor(across), math.floor(along)
    down, right = np.float32(across - row), np.float32(along - column)
    alpha, tone = np.float32(0), np.float32(0)
    for b in range(2):
        if 0 <= row + b < height:
            part = down if b else 1 - down
            for a in range(2):
                if 0 <= column + a < width:
                    weight = np.float32(part * (right if a else 1 - right))
                    alpha += weight * np.float32(atlas[top + row + b, left + column + a, 0])
                    tone += weight * np.float32(atlas[top + row + b, left + column + a, 1])
    return alpha * np.float32(1 / 255), tone * np.float32(1 / 255)


@kernel(_TWO(_ATLAS, _REAL, *_PLACE))
def _stretched(atlas, ratio, along, across, footprint, aspect):  # type: ignore[no-untyped-def]
    """Alpha and tone times alpha of a stroke whose ends keep their scale, and whose body is stretched."""
    half = np.float32(aspect)
    end = min(min(END_PART * ratio, END), SHORT * half)
    inward = half - abs(along)
    slope = np.float32(1)
    if inward > end:
        slope = (ratio - end) / (half - end)
        inward = end + (inward - end) * slope
    place = np.float32(0.5) * inward / ratio
    x = place if along < 0 else 1 - place
    y = np.float32(0.5) + np.float32(0.5) * across
    part = np.float32(0.5) * footprint
    return sampled(atlas, x, y, part * slope / ratio, part)


@kernel(_TWO(_ATLAS, _REAL, _REAL, _REAL, _REAL, types.int64))
def _dab(atlas, ratio, along, across, footprint, number):  # type: ignore[no-untyped-def]
    """Alpha and tone times alpha of one dab, mirrored, and turned where it is about square, as its number says."""
    u, v = np.float32(along / ratio), np.float32(across)
    if abs(u) > 1:
        return np.float32(0), np.float32(0)
    turned = int(8 * unit_hash(number, 1, np.uint32(0)))
    if turned & 1:
        u = -u
    if turned & 2:
        v = -v
    if turned & 4 and ratio < NEARLY_SQUARE:
        u, v = v, u
    half = np.float32(0.5)
    return sampled(atlas, half + half * u, half + half * v, half * footprint / ratio, half * footprint)


@kernel(_TWO(_ATLAS, _REAL, *_PLACE))
def _swept(atlas, ratio, along, across, footprint, aspect):  # type: ignore[no-untyped-def]
    """Alpha and tone times alpha of dabs set one after the other, the last on top.

    They are counted from the first end. The newest comes in as the stroke grows, so that nothing jumps; on the other
    end there always is one, above all others.
    """
    first, length, step = ratio - aspect, 2 * (aspect - ratio), SPACING * ratio
    alpha, tone = _dab(atlas, ratio, along + first, across, footprint, -1)
    flow = 1 - (1 - FLOW) * min(length / step, np.float32(1))  # a single dab is as it was drawn
    left, tone = 1 - flow * alpha, flow * tone
    newest = min(math.floor((along + ratio - first) / step + JITTER), math.floor(length / step))
    oldest = max(math.ceil((along - ratio - first) / step - JITTER), 0)
    for k in range(newest, oldest - 1, -1):
        flow = FLOW * min(length / step - k, np.float32(1))
        moved = step * (k + JITTER * (2 * unit_hash(k, 0, np.uint32(0)) - 1))
        centre = first + min(max(moved, np.float32(0)), length)
        alpha, light = _dab(atlas, ratio, along - centre, across, footprint, k)
        tone += left * flow * light
        left *= 1 - flow * alpha
    return np.float32(1 - left), np.float32(tone)


@kernel(_TWO(_ATLAS, _REAL, types.boolean, *_PLACE, _REAL))
def _bowed(atlas, ratio, is_stroke, along, across, footprint, aspect, bend):  # type: ignore[no-untyped-def]
    """Alpha and tone times alpha of a stroke that bows, and leaves a margin to its box."""
    bend = bow(aspect, bend)
    position = along / aspect
    radius = np.float32(np.float32(1) - MARGIN - math.sqrt(bend * bend + np.float32(1e-4)))
    lateral = np.float32((across - bend * (1 - 2 * position * position)) / radius)
    inside, x = (aspect - MARGIN) / radius, np.float32(along / radius)
    if is_stroke:
        return _stretched(atlas, ratio, x, lateral, footprint / radius, inside)
    return _swept(atlas, ratio, x, lateral, footprint / radius, max(inside, ratio))


@kernel(_THREE(_ATLAS, _REAL, types.boolean, _REAL, _REAL, _REAL, types.Array(_REAL, 1, "C"), types.uint32))
def look(atlas, ratio, is_stroke, along, across, footprint, shape, seed):  # type: ignore[no-untyped-def]
    """What a point function gives, of a stroke of the picture."""
    aspect = shape[0]
    alpha, tone = _bowed(atlas, ratio, is_stroke, along, across, footprint, aspect, shape[1])
    shade = DARKEST + SPAN * (tone / alpha if alpha > np.float32(1e-3) else np.float32(0.5555))
    fine = streaks(along, across, np.float32(24), footprint, seed)
    shade = np.float32(shade + np.float32(0.05) * fine)
    mix = np.float32(0.5) + np.float32(0.5) * along / aspect
    mix = min(max(mix, np.float32(0)), np.float32(1))
    return min(alpha, np.float32(1)), np.float32((1 - mix) * shade), np.float32(mix * shade)


def aspect_of(ratio: float) -> float:
    """The aspect of a straight stroke that shows a picture of so many widths just once."""
    return float(MARGIN) + ratio * (0.99 - float(MARGIN))


COARSE = np.float32(0.08)
"""Side in half widths over which the broad part of a relief is taken."""


@kernel(_REAL(_ATLAS, _REAL, types.boolean, _REAL, _REAL, _REAL, types.Array(_REAL, 1, "C")))
def height(atlas, ratio, is_stroke, along, across, footprint, shape):  # type: ignore[no-untyped-def]
    """How high paint lies: where it is dense; what is fine rises less, for else it would be scratches."""
    broad, _ = _bowed(atlas, ratio, is_stroke, along, across, max(footprint, COARSE), shape[0], shape[1])
    fine, _ = _bowed(atlas, ratio, is_stroke, along, across, footprint, shape[0], shape[1])
    return np.float32(0.65) * broad + np.float32(0.35) * fine


def compiled_look(atlas: np.ndarray, ratio: float, is_stroke: bool) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The point function and the relief of a picture, which is kept in them.

    Args:
        atlas: as `pyramid` gives it.
        ratio: length / width of the picture.
        is_stroke: whether it is a stroke, or a dab.
    """
    atlas = np.ascontiguousarray(atlas)
    atlas.flags.writeable = False
    wide = np.float32(ratio)

    @point_function
    def point(along, across, footprint, shape, seed):  # type: ignore[no-untyped-def]
        return look(atlas, wide, is_stroke, along, across, footprint, shape, seed)

    @relief_function
    def relief(along, across, footprint, shape, seed):  # type: ignore[no-untyped-def]
        return height(atlas, wide, is_stroke, along, across, footprint, shape)

    return point, relief
