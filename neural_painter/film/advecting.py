"""Strokes that go with what they paint: carried, turned and stretched by the flow under them.

A stroke looks at the flow at points in its box. Those count most that show its own colour, that are seen in both
frames, and that move as most of the others do: a stroke that reaches beyond an edge goes with its own side of it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neural_painter.film.spots import inside, shown_at, spots, stations
from neural_painter.motion import Motion
from neural_painter.strokes import Strokes
from renderers.brush import ANGLE, CENTRE, FIRST, HALVES, SECOND

Array = np.ndarray

LIKE = 0.2
"""Difference to the stroke's colour, root mean square over channels, at which a point counts 0.6 as much."""
LOST = 0.02
"""How much a point counts that is not seen in both frames."""
COVERED = 0.10
"""A stroke that is seen less than this goes with the camera, not with what covers it."""

RIDGE = 4.0
"""Variance of points about their mean, in pixels², that counts as much as the prior that nothing turns or grows."""
MOST_TURN = 0.15
"""Radians a frame."""
MOST_GROWTH = 0.07
"""Part of half length and half width a frame."""

NEAR = 1.0
"""Pixels off the median flow, and
NEAR_OF a part of the points' reach, at which a point counts 0.6 as much."""
NEAR_OF = 0.05

STRIDE, ROUNDS = 6, 8
"""Of the camera's motion: pixels between those that are looked at, and how often outliers are weighed anew."""
STEADY = 0.05
"""Pixels that a camera moves at least."""


class Advected(NamedTuple):
    """Strokes as the flow has carried them.

    Attributes:
        strokes: the same, in their order.
        moved: `[N]` bool, the others are as they were, to the bit.
        covered: `[N]` bool, those that went with the camera.
    """

    strokes: Strokes
    moved: Array
    covered: Array


def advected(strokes: Strokes, picture: Array, motion: Motion) -> Advected:
    """Strokes of a frame as the motion to the next one carries them.

    Args:
        strokes: any.
        picture: the frame that they paint, `[H, W, 3]`.
        motion: from it to the next.
    """
    count, size = len(strokes), (picture.shape[0], picture.shape[1])
    if not count or motion.still.all():
        return Advected(strokes, np.zeros(count, bool), np.zeros(count, bool))
    long_side = max(size)
    placement = strokes.placement.astype(np.float64)
    points = spots(placement)
    flow = shown_at(motion.forth, points).astype(np.float64)
    like = _likeness(strokes, shown_at(picture, points))
    seen = shown_at(motion.kept.astype(np.float32), points) * inside(points, size)
    covered = (like * seen).mean(axis=1) < COVERED
    weights = like * np.maximum(seen, LOST) + 1e-6
    middle = np.stack([_median(flow[..., axis], weights) for axis in (0, 1)], axis=1)
    points = points * long_side - 0.5
    reach = np.sqrt(((points - points.mean(axis=1, keepdims=True)) ** 2).sum(axis=2).mean(axis=1))
    off = ((flow - middle[:, None]) ** 2).sum(axis=2)
    weights *= np.exp(-off / (2 * (NEAR + NEAR_OF * reach[:, None]) ** 2))
    centre = placement[:, CENTRE] * long_side - 0.5
    shift, bend = _affine(points, flow, weights, centre)
    moved = (middle != 0).any(axis=1)
    if covered.any():
        camera_shift, camera_bend = camera(motion)
        moves = (flow != 0).any(axis=(1, 2)) & (camera_shift[0] != 0)
        shift[covered] = camera_shift + centre[covered] @ camera_bend.T
        bend[covered] = camera_bend
        moved = np.where(covered, moves, moved)
    placed = _carried(placement, shift / long_side, bend)
    made = strokes.placement.copy()
    made[moved] = placed[moved]
    return Advected(Strokes(made, strokes.shape, strokes.paint, strokes.ids), moved, covered)


def camera(motion: Motion) -> tuple[Array, Array]:
    """The motion of most of the picture: shift `[2]` at its first pixel, in pixels, and how it changes `[2, 2]`.

    Both are zero where the camera stands still. Outliers count less and less (Geman and McClure 1985).
    """
    flow = motion.forth[::STRIDE, ::STRIDE].reshape(-1, 2).astype(np.float64)
    rows, columns = motion.kept[::STRIDE, ::STRIDE].shape
    y, x = (grid.ravel() * float(STRIDE) for grid in np.mgrid[:rows, :columns])
    known = motion.kept[::STRIDE, ::STRIDE].ravel().astype(np.float64) + 1e-6
    terms = np.stack([np.ones_like(x), x, y], axis=1)
    middle = np.array([_median(flow[None, :, axis], known[None])[0] for axis in (0, 1)])
    found = np.stack([middle, np.zeros(2), np.zeros(2)])
    for _ in range(ROUNDS):
        off = ((flow - terms @ found) ** 2).sum(axis=1)
        weights = known / (1 + off / NEAR**2) ** 2
        normal = (terms * weights[:, None]).T @ terms + np.diag([1e-6, 1e-3, 1e-3])
        found = np.linalg.solve(normal, (terms * weights[:, None]).T @ flow)
    if np.linalg.norm(terms @ found, axis=1).max() < STEADY:
        return np.zeros(2), np.zeros((2, 2))
    return found[0], found[1:].T


def _likeness(strokes: Strokes, shown: Array) -> Array:
    """How like a stroke's colour the picture is at its points, `[N, K]` in [0, 1]."""
    part = (stations()[0][None, :, None] + 1) / 2
    own = (1 - part) * strokes.paint[:, None, FIRST] + part * strokes.paint[:, None, SECOND]
    apart = ((shown - own) ** 2).mean(axis=2)
    return np.exp(-apart / (2 * LIKE**2))  # type: ignore[no-any-return]


def _median(values: Array, weights: Array) -> Array:
    """Weighted median of each row, one of its own values: `[N]`."""
    order = np.argsort(values, axis=1, kind="stable")
    summed = np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1)
    at = (summed < summed[:, -1:] / 2).sum(axis=1, keepdims=True)
    return np.take_along_axis(np.take_along_axis(values, order, axis=1), at, axis=1)[:, 0]


def _affine(points: Array, flow: Array, weights: Array, centre: Array) -> tuple[Array, Array]:
    """The flow at the centres `[N, 2]`, and how it changes about them `[N, 2, 2]`, in pixels; ridge regression."""
    weights = weights / weights.sum(axis=1, keepdims=True)
    middle = (weights[..., None] * points).sum(axis=1)
    shift = (weights[..., None] * flow).sum(axis=1)
    about, differs = points - middle[:, None], flow - shift[:, None]
    spread = np.einsum("nk,nki,nkj->nij", weights, about, about) + RIDGE * np.eye(2)
    together = np.einsum("nk,nki,nkj->nij", weights, differs, about)
    bend = together @ np.linalg.inv(spread)
    return shift + np.einsum("nij,nj->ni", bend, centre - middle), bend


def _carried(placement: Array, shift: Array, bend: Array) -> Array:
    """Placements `[N, 6]` after a shift `[N, 2]` of the centre and a change `[N, 2, 2]` about it; arcs stay arcs."""
    made = placement.copy()
    made[:, CENTRE] += shift
    cos, sin = np.cos(placement[:, ANGLE]), np.sin(placement[:, ANGLE])
    change = np.eye(2) + bend
    along = np.einsum("nij,nj->ni", change, np.stack([cos, sin], axis=1))
    stretch = np.maximum(np.linalg.norm(along, axis=1), 1e-3)
    turn = np.arctan2(along[:, 1] * cos - along[:, 0] * sin, along[:, 0] * cos + along[:, 1] * sin)
    made[:, ANGLE] += np.clip(turn, -MOST_TURN, MOST_TURN)
    growth = np.stack([stretch, np.linalg.det(change) / stretch], axis=1)
    made[:, HALVES] *= np.clip(growth, 1 - MOST_GROWTH, 1 + MOST_GROWTH)
    return made
