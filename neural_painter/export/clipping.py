"""Cuts outlines at the edges of the page, so that a drawing is nowhere larger than its page."""

import numpy as np

Array = np.ndarray


def clipped(loop: Array, page: tuple[float, float]) -> Array:
    """The part of a closed outline that lies on the page, as one outline.

    What lies outside is laid flat on the nearest edge, where it encloses nothing. So the winding number of every point
    on the page stays as it is, also where an outline falls apart into several, turns on itself, or is a hole.

    Args:
        loop: `[M, 2]` points (x, y), without a repeated last point.
        page: (width, height); its corner is at 0.

    Returns:
        `[K, 2]` float64; the very same points where all are on the page. What was cut lies on the edge exactly, its
        other coordinate rounded to a tenth. Empty where nothing is left.

    Source: Sutherland and Hodgman 1974, one edge after the other.
    """
    points = np.asarray(loop, np.float64)
    limits = np.array(page)
    if (points >= 0).all() and (points <= limits).all():
        return points
    for axis in (0, 1):
        for limit, sign in ((0.0, 1), (limits[axis], -1)):
            if len(points):
                points = _cut(points, axis, limit, sign)
    return _without_detours(points, limits)


def _cut(points: Array, axis: int, limit: float, sign: int) -> Array:
    """The part of an outline where a coordinate is above `limit` (`sign` 1) or below it (-1)."""
    distance = sign * (points[:, axis] - limit)
    following, beyond = np.roll(points, -1, axis=0), np.roll(distance, -1)
    inside = distance >= 0
    crossing = inside != (beyond >= 0)
    part = np.divide(distance, distance - beyond, out=np.zeros_like(distance), where=crossing)
    cuts = np.round(points + part[:, None] * (following - points), 1)
    cuts[:, axis] = limit
    return np.stack([points, cuts], axis=1).reshape(-1, 2)[np.stack([inside, crossing], axis=1).ravel()]


def _without_detours(points: Array, limits: Array) -> Array:
    """Leaves out points in the middle of a way along one edge, which would be drawn to and fro."""
    while len(points):
        before, after = np.roll(points, 1, axis=0), np.roll(points, -1, axis=0)
        needless = np.zeros(len(points), bool)
        for axis in (0, 1):
            for limit in (0.0, limits[axis]):
                needless |= (before[:, axis] == limit) & (points[:, axis] == limit) & (after[:, axis] == limit)
        needless |= (points == after).all(axis=1)
        needless[1:] &= ~needless[:-1]  # of two neighbours, one at a time
        if not needless.any():
            break
        points = points[~needless]
    return points if len(points) > 2 else points[:0]
