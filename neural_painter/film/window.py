"""A part of a canvas as a canvas of its own, so that a few strokes are fitted at the price of their surroundings."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from neural_painter.painter.optimise import Limits
from neural_painter.painter.phases import View
from neural_painter.strokes import Strokes
from renderers.brush import CENTRE, HALF_LENGTH, HALF_WIDTH, HALVES, X, Y

Array = np.ndarray

MARGIN = 8
"""Pixels around the strokes."""
BENT = 1.15
"""Farthest point of an arc's spine from its middle, in half lengths."""


def reach_of(placement: Array) -> Array:
    """How far strokes `[N, 6]` reach from their centres at most, `[N]`, in canvas long sides."""
    return BENT * placement[:, HALF_LENGTH] + placement[:, HALF_WIDTH]  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Window:
    """Some rows and columns of a canvas.

    Attributes:
        top, left, height, width: in pixels.
        long_side: of the canvas, in pixels.
    """

    top: int
    left: int
    height: int
    width: int
    long_side: int

    @classmethod
    def around(cls, placement: Array, size: tuple[int, int]) -> Window:
        """The least that holds strokes `[N, 6]`, as far as they are on a canvas of `(height, width)`."""
        long_side, reach = max(size), reach_of(placement)
        ends = []
        for column, most in ((Y, size[0]), (X, size[1])):
            low = int(np.floor(((placement[:, column] - reach) * long_side).min())) - MARGIN
            high = int(np.ceil(((placement[:, column] + reach) * long_side).max())) + MARGIN
            low = min(max(low, 0), most - 1)
            ends.append((low, max(1, min(high, most) - low)))
        (top, height), (left, width) = ends
        return cls(top, left, height, width, long_side)

    @property
    def ratio(self) -> float:
        """Long side of the canvas in that of the window."""
        return self.long_side / max(self.height, self.width)

    def touches(self, placement: Array) -> Array:
        """Which strokes may reach into it, `[N]` bool."""
        reach = reach_of(placement)
        inside = np.ones(len(placement), bool)
        for column, low, extent in ((Y, self.top, self.height), (X, self.left, self.width)):
            at = placement[:, column]
            inside &= ((at + reach) * self.long_side > low) & ((at - reach) * self.long_side < low + extent)
        return inside

    def into(self, strokes: Strokes) -> Strokes:
        """Strokes of the canvas as strokes of the window."""
        placement = strokes.placement.astype(np.float64)
        placement[:, CENTRE] = (placement[:, CENTRE] - self._corner) * self.ratio
        placement[:, HALVES] *= self.ratio
        return Strokes(placement, strokes.shape, strokes.paint, strokes.ids)

    def back(self, strokes: Strokes) -> Strokes:
        """Strokes of the window as strokes of the canvas."""
        placement = strokes.placement.astype(np.float64)
        placement[:, CENTRE] = placement[:, CENTRE] / self.ratio + self._corner
        placement[:, HALVES] /= self.ratio
        return Strokes(placement, strokes.shape, strokes.paint, strokes.ids)

    @property
    def _corner(self) -> Array:
        return np.array([self.left, self.top]) / self.long_side

    def part(self, pixels: Tensor) -> Tensor:
        """Its part of `[..., H, W]`."""
        rows, columns = slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)
        return pixels[..., rows, columns].contiguous()

    def view(self, view: View) -> View:
        """What it shows of a view of the canvas."""
        behind = view.background if view.background.ndim == 1 else self.part(view.background)
        offset = view.offset[0] * self.ratio, view.offset[1] * self.ratio
        weights = None if view.weights is None else self.part(view.weights)
        return View(self.part(view.goal), behind, offset, weights)

    def limits(self, limits: Limits) -> Limits:
        """Bounds on sizes in its own long sides."""
        return replace(
            limits,
            half_width=limits.half_width * self.ratio,
            half_length=limits.half_length * self.ratio,
            broadest=limits.broadest * self.ratio,
            sizes=None if limits.sizes is None else self.part(limits.sizes),
        )
