"""Stamps of a film's strokes as they will be painted, each with the texture that goes with it through the film.

The brush itself draws them, and again only where a stroke has changed its proportions or its size in pixels. What is
drawn follows from the stroke as it is, to the bit, not from when it was drawn: a film that is gone on with is the same.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from neural_painter.strokes import Strokes, texture_seeds
from renderers.brush import HALF_LENGTH, HALF_WIDTH, Brush

Array = np.ndarray

SIDE = 48
"""Of stamps in pixels."""
MANY = 5000
"""Strokes beyond which soft stamps have to do: each of these takes 28 kB, and some time."""
GRID = 0.03
"""Proportions and sizes are drawn as the nearest of those that lie so far apart, as a part of themselves."""


class Textures:
    """Stamps by the ids of their strokes; within a frame they stay as they were drawn first.

    Args:
        brush: what draws them.
        seed: of the painting.
        device: where they are kept.
    """

    def __init__(self, brush: Brush, seed: int, device: torch.device) -> None:
        self.brush, self.seed, self.device = brush, seed, device
        self._ids, self._seen = np.zeros(0, np.uint32), np.zeros(0, bool)
        self._drawn_as = np.zeros((0, 2 + len(brush.free_shape)), np.float32)
        self._stamps = torch.zeros(0, SIDE, SIDE, 3, device=device)

    def begin(self, strokes: Strokes) -> None:
        """A new frame, whose strokes are these and those that are born in it."""
        lives = np.isin(self._ids, np.zeros(0, np.uint32) if strokes.ids is None else strokes.ids)
        self._ids, self._drawn_as = self._ids[lives], self._drawn_as[lives]
        self._stamps = self._stamps[torch.from_numpy(np.flatnonzero(lives)).to(self.device)]
        self._seen = np.zeros(len(self._ids), bool)

    def of(self, strokes: Strokes, pixel: float) -> Textured | None:
        """What draws these strokes for pixels of a side; None where they have no ids, or are too many."""
        if strokes.ids is None or len(strokes) > MANY:
            return None
        wanted = self._wanted(strokes, pixel)
        places = self._places(strokes.ids)
        known = places >= 0
        at = places[known]
        stale = np.zeros(len(strokes), bool)
        stale[known] = ~self._seen[at] & (self._drawn_as[at] != wanted[known]).any(axis=1)
        self._seen[at] = True
        if stale.any():
            self._stamps[torch.from_numpy(places[stale]).to(self.device)] = self._draw(
                strokes.ids[stale], wanted[stale]
            )
            self._drawn_as[places[stale]] = wanted[stale]
        if not known.all():
            self._stamps = torch.cat([self._stamps, self._draw(strokes.ids[~known], wanted[~known])])
            self._drawn_as = np.concatenate([self._drawn_as, wanted[~known]])
            self._ids = np.concatenate([self._ids, strokes.ids[~known]])
            self._seen = np.concatenate([self._seen, np.ones(int((~known).sum()), bool)])
            places = self._places(strokes.ids)
        return Textured(self._stamps[torch.from_numpy(places).to(self.device)])

    def _places(self, ids: Array) -> Array:
        """Where stamps are kept, `[N]`; -1 for those that are not."""
        if not len(self._ids):
            return np.full(len(ids), -1)
        order = np.argsort(self._ids, kind="stable")
        at = order[np.searchsorted(self._ids, ids, sorter=order).clip(max=len(order) - 1)]
        return np.where(self._ids[at] == ids, at, -1)

    def _wanted(self, strokes: Strokes, pixel: float) -> Array:
        """Numbers of the grid: aspect and footprint, then the shape as it is, `[N, 2 + F]`."""
        half_width = np.maximum(strokes.placement[:, HALF_WIDTH], 1e-6)
        aspect = (strokes.placement[:, HALF_LENGTH] / half_width).clip(self.brush.aspect.low, self.brush.aspect.high)
        on_grid = np.round(np.log(np.stack([aspect, pixel / half_width], axis=1)) / GRID)
        return np.concatenate([on_grid, strokes.shape], axis=1).astype(np.float32)

    def _draw(self, ids: Array, wanted: Array) -> Tensor:
        aspect, footprints = np.exp(wanted[:, :2] * np.float32(GRID)).T
        shape = np.concatenate(
            [aspect[:, None].clip(self.brush.aspect.low, self.brush.aspect.high), wanted[:, 2:]], axis=1
        )
        seeds = texture_seeds(self.seed, len(ids), ids)
        drawn = self.brush.draw(shape, seeds, SIDE, SIDE, footprints=np.ascontiguousarray(footprints))
        return torch.from_numpy(drawn).to(self.device)


class Textured:
    """Stamps that stay as they are, in the place of a source of stamps.

    Args:
        drawn: `[N, S, S, 3]`.
    """

    def __init__(self, drawn: Tensor) -> None:
        self.drawn = drawn

    def stamps(self, shape: Tensor, half_width: Tensor) -> Tensor:
        """The stamps `[N, S, S, 3]`, whatever the shapes are."""
        return self.drawn
