"""What a stamp shows between its texels, for eight points at once, without a test whether they are on the stamp.

Beyond the border there is nothing. So a point there takes the nearest two texels of its row and column that are on the
stamp, with the weights that they have as far away as they are: none, from one texel on.
"""

import numpy as np

from neural_painter.compositing.frames import INNER
from neural_painter.compositing.lanes import WIDTH, choose, drain, floor, gather, magnitude, prefetch, scatter, spread
from renderers.kernels import kernel

Array = np.ndarray

_0, _1, _HALF = np.float32(0), np.float32(1), np.float32(0.5)


def stored(stamps: Array) -> Array:
    """Stamps as kernels take them: flat, and of two texels a side at least, the second being empty."""
    if stamps.shape[1] == 1:
        stamps = np.pad(stamps, ((0, 0), (0, 1), (0, 1), (0, 0)))
    return np.ascontiguousarray(stamps).reshape(-1)


@kernel(**INNER)
def neighbours(position, last):  # type: ignore[no-untyped-def]
    """The texels around points on one axis.

    Args:
        position: Lanes, in texels, whose centres are at whole numbers.
        last: the last texel but one, as float32.

    Returns:
        the first of two texels, the weights of both, and how many texels the point is before the first or behind it.
    """
    whole = floor(position)
    # A number that is none becomes 0 here: it must not be an address.
    near = choose(whole > _0, whole, _0)
    near = choose(near < last, near, last)
    part = position - near
    here, there = _1 - magnitude(part), _1 - magnitude(part - _1)
    return near, choose(here > _0, here, _0), choose(there > _0, there, _0), whole - near


@kernel(**INNER)
def slopes(apart):  # type: ignore[no-untyped-def]
    """How fast the weights of both texels grow with the position, from the last number of `neighbours`."""
    here = choose(apart == _0, -_1, choose(apart == -_1, _1, _0))
    there = choose(apart == _0, _1, choose(apart == _1, -_1, _0))
    return here, there


@kernel(**INNER)
def look(stamps, start, side, u, v):  # type: ignore[no-untyped-def]
    """A stamp at eight points.

    Args:
        stamps: flat, from `stored`.
        start: where the stamp begins.
        side: of the stamp.
        u, v: Lanes, from `locate`.

    Returns:
        matte and the two weights; the four texels, as these three each; the number of the upper left one;
        `neighbours` along the columns, then along the rows.
    """
    texels = max(side, 2)
    half, last = np.float32(0.5 * side), np.float32(texels - 2)
    columns = neighbours((u + _1) * half - _HALF, last)
    rows = neighbours((v + _1) * half - _HALF, last)
    texel = rows[0] * np.float32(texels) + columns[0]
    offset = texel * np.float32(3)
    below = start + 3 * texels
    # Four numbers are read where three are wanted: of the right texels the one before, which is never before the array.
    a0, a1, a2, _ = gather(stamps, start, offset)
    _, b0, b1, b2 = gather(stamps, start + 2, offset)
    c0, c1, c2, _ = gather(stamps, below, offset)
    _, d0, d1, d2 = gather(stamps, below + 2, offset)
    a, b, c, d = (a0, a1, a2), (b0, b1, b2), (c0, c1, c2), (d0, d1, d2)
    left, right, up, down = columns[1], columns[2], rows[1], rows[2]
    matte = (a0 * left + b0 * right) * up + (c0 * left + d0 * right) * down
    first = (a1 * left + b1 * right) * up + (c1 * left + d1 * right) * down
    second = (a2 * left + b2 * right) * up + (c2 * left + d2 * right) * down
    return (matte, first, second), (a, b, c, d), texel, columns, rows


@kernel(**INNER)
def steepness(gradient, corners, columns, rows):  # type: ignore[no-untyped-def]
    """How fast what is seen grows along the columns and along the rows, per texel.

    Args:
        gradient: of matte and weights.
        corners, columns, rows: from `look`.
    """
    g0, g1, g2 = gradient
    a, b, c, d = corners
    qa = g0 * a[0] + g1 * a[1] + g2 * a[2]
    qb = g0 * b[0] + g1 * b[1] + g2 * b[2]
    qc = g0 * c[0] + g1 * c[1] + g2 * c[2]
    qd = g0 * d[0] + g1 * d[1] + g2 * d[2]
    here, there = slopes(columns[3])
    along = (qa * here + qb * there) * rows[1] + (qc * here + qd * there) * rows[2]
    here, there = slopes(rows[3])
    across = (qa * columns[1] + qb * columns[2]) * here + (qc * columns[1] + qd * columns[2]) * there
    return along, across


@kernel(**INNER)
def hand_on(fours, side, gradient, texel, columns, rows):  # type: ignore[no-untyped-def]
    """The transpose of `look`: adds the gradient of what was seen to that of four texels, in `room`."""
    g0, g1, g2 = gradient
    none, offset, below = spread(_0), texel * np.float32(4), 4 * max(side, 2)
    for start, up in ((0, rows[1]), (below, rows[2])):
        weight = columns[1] * up
        scatter(fours, start, offset, (g0 * weight, g1 * weight, g2 * weight, none))
        weight = columns[2] * up
        scatter(fours, start + 4, offset, (g0 * weight, g1 * weight, g2 * weight, none))


@kernel(**INNER)
def room(side):  # type: ignore[no-untyped-def]
    """An empty stamp of four numbers for `hand_on`: what is added there often is aligned, and soon at hand again."""
    return np.zeros(4 * max(side, 2) ** 2, np.float32)


@kernel(**INNER)
def settle(fours, gradients, start):  # type: ignore[no-untyped-def]
    """Adds what `hand_on` has gathered to a stamp of three numbers that begins at `start`, and empties it."""
    count = len(fours) // 4
    whole = count // WIDTH * WIDTH
    for texel in range(0, whole, WIDTH):
        drain(gradients, start + 3 * texel, fours, 4 * texel)
    for texel in range(whole, count):
        for k in range(3):
            gradients[start + 3 * texel + k] += fours[4 * texel + k]
            fours[4 * texel + k] = 0


@kernel(**INNER)
def fetch(stamps, start, end):  # type: ignore[no-untyped-def]
    """Has a part of a stamp fetched that will be looked at soon."""
    for line in range(start, end, 16):
        prefetch(stamps, line)
