"""Textures from a seed: hashed value noise, and the geometry that several brushes share. All compiled, all scalar.

`seed` 0 is reserved for what belongs to the brush itself and is alike in all its strokes (clumps of bristles, say); the
renderer can learn that. What varies from stroke to stroke must be finer than a stamp's pixel, or faint.
"""

import math

import numpy as np
from numba import types

from renderers.kernels import kernel

_REAL, _WHOLE, _SEED = types.float32, types.int32, types.uint32


def _compiled(*arguments):  # type: ignore[no-untyped-def]
    """Compiles for these types of arguments alone; others are converted. Each new mixture would take a second."""
    return kernel(_REAL(*arguments))


@_compiled(_WHOLE, _WHOLE, _SEED)
def unit_hash(x, y, seed):  # type: ignore[no-untyped-def]
    """A number in [0, 1) for an integer lattice point; the mixing steps of PCG (Jarzynski and Olano 2020)."""
    h = np.uint32(np.uint32(x) * np.uint32(0x8DA6B343) ^ np.uint32(y) * np.uint32(0xD8163841) ^ np.uint32(seed))
    h = np.uint32(h * np.uint32(747796405) + np.uint32(2891336453))
    h = np.uint32(((h >> ((h >> np.uint32(28)) + np.uint32(4))) ^ h) * np.uint32(277803737))
    h = np.uint32((h >> np.uint32(22)) ^ h)
    return np.float32(h >> np.uint32(8)) * np.float32(1.0 / 16777216.0)


@_compiled(_REAL, _REAL, _SEED)
def noise(x, y, seed):  # type: ignore[no-untyped-def]
    """Value noise in [-1, 1], mean 0, one lattice cell a unit."""
    fx, fy = math.floor(x), math.floor(y)
    ix, iy = np.int32(fx), np.int32(fy)
    tx, ty = np.float32(x - fx), np.float32(y - fy)
    tx, ty = tx * tx * (3 - 2 * tx), ty * ty * (3 - 2 * ty)
    low = unit_hash(ix, iy, seed) * (1 - tx) + unit_hash(ix + 1, iy, seed) * tx
    high = unit_hash(ix, iy + 1, seed) * (1 - tx) + unit_hash(ix + 1, iy + 1, seed) * tx
    return np.float32(2 * (low * (1 - ty) + high * ty) - 1)


@_compiled(_REAL, _REAL)
def seen(frequency, footprint):  # type: ignore[no-untyped-def]
    """How much is seen of `frequency` cells a half width: none where they are below a pixel."""
    return min(max(np.float32(1.7 - 1.4 * frequency * footprint), np.float32(0)), np.float32(1))


@_compiled(_REAL, _REAL, _REAL, _REAL, _SEED)
def streaks(along, across, frequency, footprint, seed):  # type: ignore[no-untyped-def]
    """Noise drawn out along the stroke, `frequency` cells a half width across; fades where cells are below a pixel."""
    visible = seen(frequency, footprint)
    if visible == 0:
        return np.float32(0)
    return visible * noise(across * frequency, along * frequency * np.float32(0.06), seed)


@_compiled(_REAL, _REAL, _REAL)
def smoothstep(low, high, x):  # type: ignore[no-untyped-def]
    t = min(max((x - low) / (high - low), np.float32(0)), np.float32(1))
    return np.float32(t * t * (3 - 2 * t))


@_compiled(_REAL, _REAL)
def coverage(distance, softness):  # type: ignore[no-untyped-def]
    """How much of a pixel is inside an edge: 1 at `distance` <= -softness / 2, 0 beyond softness / 2."""
    return min(max(np.float32(0.5) - np.float32(distance / softness), np.float32(0)), np.float32(1))


@_compiled(_REAL, _REAL)
def lines_before(place, thick):  # type: ignore[no-untyped-def]
    """How much of the way to `place` lies on lines a unit apart, `thick` of a unit each, in the middle of theirs.

    So a pixel gets the mean of the lines below it, however large it is.
    """
    whole = np.float32(math.floor(place))
    part = place - whole - np.float32(0.5) * (1 - thick)
    return np.float32(whole * thick + min(max(part, np.float32(0)), thick))


@_compiled(_REAL, _REAL)
def bow(aspect, bend):  # type: ignore[no-untyped-def]
    """The bend of a stroke, eased off where it is too short to be curved without folding onto itself."""
    return np.float32(bend * min(np.float32(1), aspect * np.float32(0.33)))


@_compiled(*[_REAL] * 8)
def nearest_on_bezier(px, py, x0, y0, x1, y1, x2, y2):  # type: ignore[no-untyped-def]
    """Parameter in [0, 1] of the point of a quadratic Bézier that is nearest to (px, py).

    A coarse search picks the basin, Newton's method on the derivative of the squared distance finishes.
    """
    ax, ay = x0 - 2 * x1 + x2, y0 - 2 * y1 + y2
    bx, by = 2 * (x1 - x0), 2 * (y1 - y0)
    best, t = np.float32(1e30), np.float32(0)
    for k in range(7):
        s = np.float32(k / 6.0)
        dx, dy = (ax * s + bx) * s + x0 - px, (ay * s + by) * s + y0 - py
        distance = dx * dx + dy * dy
        if distance < best:
            best, t = distance, s
    for _ in range(3):
        dx, dy = (ax * t + bx) * t + x0 - px, (ay * t + by) * t + y0 - py
        vx, vy = 2 * ax * t + bx, 2 * ay * t + by
        slope = dx * vx + dy * vy
        curvature = vx * vx + vy * vy + 2 * (dx * ax + dy * ay)
        if curvature <= 1e-9:
            curvature = vx * vx + vy * vy + np.float32(1e-9)
        t = min(max(np.float32(t - slope / curvature), np.float32(0)), np.float32(1))
    return t
