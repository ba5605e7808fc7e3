"""How a stroke is laid: where on its stamp a pixel falls, the gradients of that, and sums of those.

A stroke's numbers are worked out once, as rows of *frames*, from the canvas into the stroke's frame.
"""

import numpy as np

from neural_painter.compositing.constants import ANGLES, MIN_HALF, NEAREST, SINE
from neural_painter.compositing.lanes import choose, root
from renderers.brush import ANGLE, CENTRE, HALVES, SWEEP, X, Y
from renderers.kernels import FAST, kernel

Array = np.ndarray

_HALF, _1, _2 = np.float32(0.5), np.float32(1), np.float32(2)

INNER = {"fastmath": FAST, "forceinline": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Options of kernels that are parts of others only: nothing is compiled for calls from elsewhere."""

CX, CY, COS, SIN, PER_LENGTH, PER_WIDTH, SWEPT = range(7)
"""Columns of frames: centre, cosine and sine of the angle, 1 / half length, 1 / half width, sweep."""

_FAR = np.float32(1e3)  # off any stamp
_NEAREST, _SIXTH = np.float32(NEAREST), np.float32(1 / 6)
_A1, _A2, _A3, _A4, _A5, _A6 = (np.float32(value) for value in ANGLES)
_S1, _S2 = (np.float32(value) for value in SINE)


def frames_of(placement: Array) -> Array:
    """Frames `[N, 7]` of placements `[N, 6]`."""
    angle, halves = placement[:, ANGLE], placement[:, HALVES]
    turned = np.cos(angle)[:, None], np.sin(angle)[:, None]
    columns = (placement[:, CENTRE], *turned, 1 / np.maximum(halves, MIN_HALF), placement[:, SWEEP, None])
    return np.concatenate(columns, axis=1, dtype=np.float32)


@kernel(**INNER)
def frame_of(frames, n):  # type: ignore[no-untyped-def]
    """The frame of stroke n: centre, cosine and sine in half lengths, half length / half width, sweep."""
    per_length = frames[n, PER_LENGTH]
    cos, sin = frames[n, COS] * per_length, frames[n, SIN] * per_length
    return frames[n, CX], frames[n, CY], cos, sin, frames[n, PER_WIDTH] / per_length, frames[n, SWEPT]


@kernel(**INNER)
def locate(frame, x, y):  # type: ignore[no-untyped-def]
    """Where on a stroke's stamp canvas points (x, y) fall, x being Lanes, as `bends` has it but without an arc tangent.

    Nothing divides by the sweep.

    Returns:
        u along the stamp, v across it, in [-1, 1]²; and what `moved` takes: p, q, along and across the spine, cosine
        and sine of the angle there, 1 / 2 r, p² + q².
    """
    cx, cy, cos, sin, slim, sweep = frame
    dx, dy = x - cx, y - cy
    p, q = dx * cos + dy * sin, dy * cos - dx * sin
    near, height = _1 - q * sweep, p * sweep
    on = near > _NEAREST
    near, square = choose(on, near, _NEAREST), p * p + q * q
    radius = root(near * near + height * height)
    one = radius + _1
    part = _1 / (one * radius)
    over = part * one
    turned_cos, turned_sin = near * over, height * over
    g = _1 - turned_cos
    along = p * over
    along = along + along * g * (_A1 + g * (_A2 + g * (_A3 + g * (_A4 + g * (_A5 + g * _A6)))))
    along = choose(on, along, _FAR)
    across = (q * _2 - square * sweep) * (part * radius)
    return along, across * slim, (p, q, along, across, turned_cos, turned_sin, over * _HALF, square)


@kernel(**INNER)
def moved(frame, place, gu, gv, sums):  # type: ignore[no-untyped-def]
    """Adds to the sums that `placement_gradient` takes, what the gradients of u and v of some points say.

    At the angle t of a point, d along = (cos t dp + sin t dq) / r and d across = cos t dq - sin t dp; by the sweep they
    change by (along across - (t - sin t) / sweep²) / r and (across² - p² - q²) / 2 r.

    Args:
        frame: of the stroke.
        place: from `locate`.
        gu, gv: gradients.
        sums: Lanes, six.
    """
    p, q, along, across, cos, sin, half_over, square = place
    _, _, _, _, slim, sweep = frame
    ga, gl = gv * slim, gu * (half_over + half_over)
    gp, gq = gl * cos - ga * sin, gl * sin + ga * cos
    wider = ga * across
    longer = gp * p + gq * q - wider
    t = along * sweep
    t = t * t
    curve = (_1 + t * (_S1 + t * _S2)) * (sweep * _SIXTH)
    swept = gl * along * (across - along * along * curve) + ga * half_over * (across * across - square)
    turned = gp * q - gq * p
    return sums[0] + gp, sums[1] + gq, sums[2] + longer, sums[3] + wider, sums[4] + turned, sums[5] + swept


def placement_gradient(placement: Array, frames: Array, sums: Array) -> Array:
    """The gradient of placements `[N, 6]`, from what a kernel has summed over the pixels that `locate` was asked for.

    Args:
        placement, frames: the strokes.
        sums: `[N, 6]`: of the gradients gp and gq of p and q, of gp * p + gq * q - gv * v, of gv * v, of
            gp * q - gq * p, the gradient of the angle, and of the gradient of the sweep.
    """
    cos, sin = frames[:, COS], frames[:, SIN]
    made = np.empty_like(placement)
    along, across = sums[:, 0] * frames[:, PER_LENGTH], sums[:, 1] * frames[:, PER_LENGTH]
    made[:, X], made[:, Y] = across * sin - along * cos, -along * sin - across * cos
    made[:, HALVES] = -sums[:, 2:4] * frames[:, PER_LENGTH : PER_WIDTH + 1] * (placement[:, HALVES] >= MIN_HALF)
    made[:, ANGLE], made[:, SWEEP] = sums[:, 4], sums[:, 5]
    return made
