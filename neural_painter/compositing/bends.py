"""Strokes whose spine is an arc: where a point of the plane falls in their frame, and boxes that hold them.

Lengths here are half lengths of the stroke: a point is p along the tangent at the stroke's middle and q across. Its
spine turns by `sweep` radians on either side of the middle, about a centre at q = 1 / sweep. With

    X = 1 - sweep q,    Y = sweep p,    r = √(X² + Y²),    t the angle of (X, Y),

the point lies t / sweep along the spine and (1 - r) / sweep across it, which is (p, q) where sweep is 0. Points with
X below NEAREST, on the centre's height and beyond, are not on a stroke: no spine turns by more than MAX_SWEEP.
"""

import math

import numpy as np

from neural_painter.compositing.constants import MIN_HALF, NEAREST, STRAIGHT
from renderers.brush import ANGLE, HALVES, SWEEP, X, Y
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


def boxes_of(placement: Array, texels: int = 0) -> Array:
    """Placements `[N, 5]` of straight strokes that hold those of `placement` `[N, 6]`.

    Straight strokes are their own boxes; where a number is none, so are the box's.

    Args:
        placement: the strokes.
        texels: side of the stamps, whose interpolation reaches half a texel beyond the stroke; 0: the stroke alone.
    """
    straight, sweep = placement[:, :SWEEP], placement[:, SWEEP].astype(np.float64)
    if not sweep.any():
        return straight
    boxes = straight.astype(np.float64)
    turn = np.abs(sweep)
    (swept,) = np.nonzero(~(turn < STRAIGHT))
    turn, side = turn[swept], np.sign(sweep[swept])
    length, width = np.maximum(boxes[swept][:, HALVES], MIN_HALF).T
    grow = 1 + (1.0 / texels if texels > 0 else 0.0)
    radius, width, end = length / turn, width * grow, np.minimum(turn * grow, np.pi / 2)
    # Across, the outer side reaches furthest in the middle, the inner one at the ends.
    high = np.minimum(radius, 2 * radius * np.sin(end / 2) ** 2 + width * np.cos(end))
    shift, angle = side * (high - width) / 2 + 0 * sweep[swept], boxes[swept, ANGLE]
    boxes[swept, X] -= shift * np.sin(angle)
    boxes[swept, Y] += shift * np.cos(angle)
    boxes[swept, HALVES] = np.stack([(radius + width) * np.sin(end), (high + width) / 2], axis=1)
    return boxes
