"""Where a table of stamps has its nodes: few, and where they matter most.

Along one axis of the shapes, the others held, stamps are drawn at many places, and for every pair of places the error
of interpolating between them is measured. Dynamic programming then gives the best nodes for any number of them. Errors
of different axes add up in squares, so the smallest table of a given error is found by trying numbers of nodes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from renderers.brush import Brush
from renderers.networks import STAMP, NeuralRenderer

Array = np.ndarray

MOST_AXES = 3
"""Shape numbers of a brush that has a table: with each more, nodes multiply."""

WANTED, ALLOWED = 0.0065, 0.012
"""Error of the matte (rms against the networks): what is enough, and what is allowed. What is foretold is a little less
than what is measured in the end: marker's 0.012 becomes 0.0137."""

LIGHT, MOST_NODES = 800, 6000
"""Nodes: a table so small is filled in a tenth of a second; the largest."""

PLACES, REACH, SAMPLES = 41, 12, 20
"""Places along an axis, the widest gap between nodes in these, and shapes that are moved along it."""

TEXELS = [633 * i % STAMP**2 for i in range(STAMP**2 // 8)]
"""That are compared, all over a stamp."""

SQUASHES = ((1e-4, 1e-4), (0.003, 0.003), (0.03, 0.01))
"""Of the matte before its logit is taken, at 0 and at 1: see `Axes`."""


class AxesError(ValueError):
    """What is said of a table makes no sense."""


@dataclass(frozen=True)
class Axes:
    """Nodes of a table, and how mattes are interpolated in it.

    Between nodes an edge of the matte moves. Mattes interpolated as they are would fade it out here and in there; their
    logits, which run on beside the edge, move it. Of a matte m the table has the logit of low + (1 - low - high) m,
    which is finite.

    Attributes:
        nodes: of each shape parameter, rising, from its lowest to its highest value.
        low, high: how far the matte is kept from 0 and from 1.
    """

    nodes: tuple[tuple[float, ...], ...]
    low: float
    high: float

    @property
    def size(self) -> int:
        """Nodes of the whole table."""
        return math.prod(len(nodes) for nodes in self.nodes)

    def as_card(self) -> dict[str, Any]:
        """As it stands in the card of the weights."""
        return {"nodes": [list(nodes) for nodes in self.nodes], "low": self.low, "high": self.high}

    @classmethod
    def of_card(cls, told: Any, brush: Brush) -> Axes:
        """Out of a card.

        Raises:
            AxesError: it is not of this brush, or makes no sense.
        """
        try:
            nodes = tuple(tuple(float(value) for value in row) for row in told["nodes"])
            axes = cls(nodes, float(told["low"]), float(told["high"]))
        except (KeyError, TypeError, ValueError) as error:
            raise AxesError("not the axes of a table") from error
        fits = len(nodes) == len(brush.shape) <= MOST_AXES
        for row, parameter in zip(nodes, brush.shape, strict=False):
            fits = fits and len(row) >= 2 and all(a < b for a, b in itertools.pairwise(row))
            fits = fits and math.isclose(row[0], parameter.low, abs_tol=1e-6)
            fits = fits and math.isclose(row[-1], parameter.high, abs_tol=1e-6)
        if not (fits and axes.size <= MOST_NODES and 0 < axes.low < 0.25 and 0 < axes.high < 0.25):
            raise AxesError("not the axes of a table of this brush")
        return axes


def squashed(matte: Tensor, low: float, high: float) -> Tensor:
    """Mattes as a table has them, see `Axes`."""
    risen = low + (1 - low - high) * matte
    return (risen / (1 - risen)).log()


def unsquashed(value: Tensor, low: float, high: float) -> Tensor:
    """The inverse of `squashed`."""
    return (value.sigmoid() - low) / (1 - low - high)


@torch.no_grad()
def fitted_axes(renderer: NeuralRenderer, brush: Brush, *, in_passing: bool = False) -> Axes | None:
    """The nodes of a brush's table, measured on its networks; None where a table would be too large or too coarse.

    Takes some seconds; `in_passing`, one: on fewer shapes.
    """
    if len(brush.shape) > MOST_AXES:
        return None
    samples, squashes = (6, SQUASHES[1:2]) if in_passing else (SAMPLES, SQUASHES)
    drawn = [_along(renderer, brush, axis, samples) for axis in range(len(brush.shape))]
    found = []
    for low, high in squashes:
        ways = [_ways(_costs(mattes, low, high)) for _, mattes in drawn]
        if (best := _counts([errors for errors, _ in ways])) is not None:
            counts, error = best
            chosen = ((places, knots[n]) for n, (places, _), (_, knots) in zip(counts, drawn, ways, strict=True))
            nodes = (tuple(float(f"{x:.7g}") for x in places[which]) for places, which in chosen)
            axes = Axes(tuple(nodes), low, high)
            found.append((round(error, 3), axes.size, error, axes))
    return min(found, key=lambda one: one[:3])[3] if found else None


def _along(renderer: NeuralRenderer, brush: Brush, axis: int, samples: int) -> tuple[Array, Tensor]:
    """Places along an axis, and mattes `[places, samples * texels]` there, of shapes that differ in it alone.

    An eighth of a stamp's texels tell as much as all.
    """
    low, high = float(brush.shape_low[axis]), float(brush.shape_high[axis])
    places = np.geomspace(low, high, PLACES) if axis == 0 else np.linspace(low, high, PLACES)
    places[0], places[-1] = low, high
    shapes = np.tile(brush.sample_shape(samples, np.random.default_rng(axis)), (PLACES, 1, 1))
    shapes[..., axis] = places[:, None]
    rows = torch.from_numpy(shapes.reshape(-1, len(brush.shape)))
    parts = (renderer.encoding(part) for part in rows.to(renderer.device).split(128))
    mattes = torch.cat([renderer.rasterisation(part).flatten(1)[:, TEXELS] for part in parts])
    return places, mattes.cpu().reshape(PLACES, -1)


def _costs(mattes: Tensor, low: float, high: float) -> Array:
    """Summed mean squared errors of interpolating between places i < j, `[places, places]`; infinite where far."""
    count = len(mattes)
    coded = squashed(mattes, low, high)
    costs = np.full((count, count), np.inf)
    costs[np.arange(count - 1), np.arange(1, count)] = 0
    room = torch.empty_like(coded)
    for gap in range(2, REACH + 1):
        found = torch.zeros(count - gap)
        for step in range(1, gap):
            error = torch.lerp(coded[:-gap], coded[gap:], step / gap, out=room[:-gap]).sigmoid_().sub_(low)
            error.div_(1 - low - high).sub_(mattes[step : step + count - gap]).square_()
            found += error.mean(dim=1)
        costs[np.arange(count - gap), np.arange(gap, count)] = found.numpy()
    return costs


def _ways(costs: Array) -> tuple[dict[int, float], dict[int, list[int]]]:
    """For every number of nodes the least mean squared error, and the places of the nodes that have it."""
    count = len(costs)
    reached, before = np.full(count, np.inf), []
    reached[0] = 0
    errors, knots = {}, {}
    for nodes in range(2, count + 1):
        table = reached[:, None] + costs
        before.append(table.argmin(axis=0))
        reached = table.min(axis=0)
        if np.isfinite(reached[-1]):
            way = [count - 1]
            for previous in reversed(before):
                way.append(int(previous[way[-1]]))
            # Between two places the error is about that at them.
            errors[nodes], knots[nodes] = float(reached[-1]) / count, way[::-1]
    return errors, knots


def _counts(errors: Sequence[Mapping[int, float]]) -> tuple[tuple[int, ...], float] | None:
    """Nodes of each axis and their error: as good as is wanted, or as a light table can be, or as is allowed."""
    best: tuple[tuple[int, ...], float] | None = None
    for counts in sorted(itertools.product(*errors), key=math.prod):
        if math.prod(counts) > LIGHT and best and best[1] <= ALLOWED:
            return best
        if math.prod(counts) > MOST_NODES:
            return None
        error = math.sqrt(sum(axis[count] for axis, count in zip(errors, counts, strict=True)))
        if best is None or error < best[1]:
            best = counts, max(error, WANTED)
        if best[1] <= WANTED:
            return best
    return None
