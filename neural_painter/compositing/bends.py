"""Strokes whose spine is an arc: where a point of the plane falls in their frame, and how far they reach.

Lengths here are half lengths of the stroke: a point is p along the tangent at the stroke's middle and q across. Its
spine turns by `sweep` radians on either side of the middle, about a centre at q = 1 / sweep. With

    X = 1 - sweep q,    Y = sweep p,    r = √(X² + Y²),    t the angle of (X, Y),

the point lies t / sweep along the spine and (1 - r) / sweep across it, which is (p, q) where sweep is 0. Points with
X below NEAREST, on the centre's height and beyond, are not on a stroke: no spine turns by more than MAX_SWEEP.
"""

import math

import numpy as np

from neural_painter.compositing.constants import MIN_HALF, NEAREST, STRAIGHT
from renderers.brush import ANGLE, HALF_LENGTH, HALF_WIDTH, SWEEP, X, Y
from renderers.kernels import kernel

Array = np.ndarray

_FAR = 1e3  # off any stamp


@kernel()
def bent(p, q, sweep):  # type: ignore[no-untyped-def]
    """Along and across the spine, in half lengths, of one point; far off where it is not on the stroke."""
    x, y = 1 - sweep * q, sweep * p
    if x < NEAREST:
        return _FAR, _FAR
    along = math.atan2(y, x) / sweep
    return along, (2 * q - sweep * (p * p + q * q)) / (1 + math.sqrt(x * x + y * y))


@kernel()
def reach_of(length, width, sweep, grow):  # type: ignore[no-untyped-def]
    """How far a stroke reaches from its middle.

    Args:
        length, width: half length and half width.
        sweep: of the stroke.
        grow: by what factor it is longer and wider than itself, around the same spine.

    Returns:
        by what angle it turns to either end, at most a right one; how far it reaches along the tangent in the middle,
        to either side; and how far across, to the side that it turns to (to the other one it is width * grow).
    """
    turn, width = abs(sweep), width * grow
    if turn < STRAIGHT:
        return 0.0, length * grow, width
    radius, end = length / turn, min(turn * grow, 0.5 * math.pi)
    # The outer side reaches furthest in the middle, the inner one at the ends.
    inwards = min(radius, 2 * radius * math.sin(end / 2) ** 2 + width * math.cos(end))
    return end, (radius + width) * math.sin(end), inwards


@kernel()
def box_of(stroke, grow):  # type: ignore[no-untyped-def]
    """Centre, half length and half width of the box, turned by the stroke's angle, that holds a stroke `[6]`.

    `grow` is as in `reach_of`. Where a number of the stroke is none, so are some of the box's.
    """
    length, width = max(np.float64(stroke[HALF_LENGTH]), MIN_HALF), max(np.float64(stroke[HALF_WIDTH]), MIN_HALF)
    sweep, angle = np.float64(stroke[SWEEP]), np.float64(stroke[ANGLE])
    _, along, inwards = reach_of(length, width, sweep, grow)
    outwards = width * grow
    shift = (inwards - outwards) * (-0.5 if sweep < 0 else 0.5)
    x, y = np.float64(stroke[X]) - shift * math.sin(angle), np.float64(stroke[Y]) + shift * math.cos(angle)
    return x, y, along, 0.5 * (inwards + outwards)


def points_on(placement: Array, u: Array, v: Array | float) -> Array:
    """Points in the boxes of strokes `[N, 6]`, which follow their arcs: `[N, K, 2]` float64, in canvas long sides.

    Args:
        placement: of the strokes.
        u, v: `[K]`, or one v for all: how far along the spine and across it, in half lengths and half widths.
    """
    placement = placement.astype(np.float64)
    sweep, length, width = (placement[:, column, None] for column in (SWEEP, HALF_LENGTH, HALF_WIDTH))
    turn, side = sweep * u, v * width / length
    # With s the sweep and r = 1 - s * side: p = r sin(s u) / s, q = (1 - r cos(s u)) / s; both go on through s = 0.
    p = (1 - sweep * side) * u * np.sinc(turn / np.pi)
    q = u * np.sin(turn / 2) * np.sinc(turn / 2 / np.pi) + side * np.cos(turn)
    cos, sin = np.cos(placement[:, ANGLE, None]), np.sin(placement[:, ANGLE, None])
    x = placement[:, X, None] + length * (cos * p - sin * q)
    y = placement[:, Y, None] + length * (sin * p + cos * q)
    return np.stack([x, y], axis=2)
