"""What a step of the optimiser sees of the photo: one of several grids of pixels, each a part of a pixel off the last.

A canvas is small, since every step pays for its pixels; the photo is finer. So each step looks at every second pixel of
a finer photo, and the next at those in between. Strokes are drawn at points, as exactly there as anywhere: a few steps
together see what a canvas of the finer size would see, at the price of the small one.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from neural_painter.images import fit_long_side, resize
from neural_painter.images.tensors import tensor_of
from neural_painter.painter.emphasis import Emphasis

Array = np.ndarray

WITHIN = 0.06
"""How much longer or shorter than asked for a canvas may be, so that its short side hardly rounds."""


ALIKE, WIDE = 0.02, 0.004
"""How much paper differs from the canvas at most, and how far from anything else it lies, in canvas long sides."""


@dataclass(frozen=True)
class View:
    """A grid of pixels, and what the canvas should show there.

    Attributes:
        goal: `[3, h, w]` in [0, 1].
        background: what strokes are laid over, `[3]` or `[3, h, w]`.
        offset: of the grid against that of a plain canvas, x and y, in canvas long sides.
        weights: `[h, w]`, how much each pixel counts; None where all count alike.
    """

    goal: Tensor
    background: Tensor
    offset: tuple[float, float] = (0.0, 0.0)
    weights: Tensor | None = None

    @property
    def size(self) -> tuple[int, int]:
        """`(height, width)` of the canvas in pixels."""
        return self.goal.shape[1], self.goal.shape[2]


def exact_side(shape: tuple[int, int], side: int, factor: int, *, most: int) -> int:
    """A long side near `side` of which `factor` times as fine a picture's short side hardly rounds.

    Where it rounds, strokes and photo are shifted against each other as soon as the painting is shown at another size.

    Args:
        shape: `(height, width)` of the photo.
        side: about how long.
        factor: how much finer the photo is that the canvas is compared with.
        most: no longer than this.
    """
    aspect = min(shape) / max(shape)

    def cost(candidate: int) -> float:
        short = candidate * factor * aspect
        return abs(short - round(short)) / factor + 0.25 * abs(candidate / side - 1)

    spread = int(WITHIN * side)
    return min(
        range(max(1, side - spread), min(side + spread, max(most, side)) + 1), key=lambda c: (cost(c), abs(c - side), c)
    )


class Phases:
    """The grids of one canvas, made when they are first seen.

    Args:
        image: the photo, `[H, W, 3]`.
        shape: the photo's own size, of which `image` may be a smaller copy.
        side: long side of the canvas in pixels.
        factor: how much finer the photo is than the canvas; there are `factor`² grids.
        background: colour of the bare canvas, `[3]`.
        device: where views are needed.
        emphasis: where error counts more; None where all places are alike.
        covers: whether strokes are laid over what `uncovered` gives instead of the bare canvas.
    """

    def __init__(
        self,
        image: Array,
        shape: tuple[int, int],
        side: int,
        factor: int,
        background: Tensor,
        device: torch.device,
        emphasis: Emphasis | None = None,
        *,
        covers: bool = False,
    ) -> None:
        self.factor, self.device = factor, device
        self.fine = resize(image, size=fit_long_side(*shape, side * factor))
        self.side, self.background = side, background
        self._weights = None if emphasis is None else emphasis.at((self.fine.shape[0], self.fine.shape[1]))
        self._behind = uncovered(self.fine, background.cpu().numpy()) if covers else None
        self._seen: dict[int, View] = {}
        self._order = np.random.default_rng(factor).permutation(factor * factor)

    def view(self, turn: int) -> View:
        """The grid of a step; after `factor`² turns all have been seen once."""
        place = int(self._order[turn % len(self._order)])
        if place not in self._seen:
            self._seen[place] = self._made(*divmod(place, self.factor))
        return self._seen[place]

    def _made(self, row: int, column: int) -> View:
        rows, columns = slice(row, None, self.factor), slice(column, None, self.factor)
        part = self.fine[rows, columns]
        behind = self.background
        if self._behind is not None:
            behind = tensor_of(self._behind[rows, columns], self.device)
        offset = [((place + 0.5) / self.factor - 0.5) / self.side for place in (column, row)]
        weights = None
        if self._weights is not None:
            weights = torch.from_numpy(np.ascontiguousarray(self._weights[rows, columns])).to(self.device)
        return View(tensor_of(part, self.device), behind, (offset[0], offset[1]), weights)


def uncovered(picture: Array, canvas: Array) -> Array:
    """What a brush that covers is laid over while strokes are optimised: far from the picture, an error where it shows.

    So no hole is left, not even where the picture nearly has the colour of the canvas. Only where it has just that
    colour the canvas is bare: paper, which no stroke makes whiter.

    Args:
        picture: `[H, W, 3]` in [0, 1].
        canvas: colour of the bare canvas, `[3]`.
    """
    return np.where(paper_of(picture, canvas)[..., None], canvas, contrast(picture)).astype(np.float32)


def paper_of(picture: Array, canvas: Array) -> Array:
    """Where a picture `[H, W, 3]` is like the bare canvas `[3]`, and so are its surroundings: `[H, W]` bool."""
    red, green, blue = np.moveaxis(np.abs(picture - canvas), 2, 0)  # NumPy is slow along an axis of three
    alike = (np.maximum(np.maximum(red, green), blue) <= ALIKE).astype(np.uint8)
    side = 2 * max(1, round(WIDE * max(alike.shape))) + 1
    return cv2.erode(alike, np.ones((side, side), np.uint8), borderType=cv2.BORDER_REPLICATE) > 0


def contrast(picture: Array) -> Array:
    """A picture of the same shape that is far from it everywhere, in [0, 1]."""
    return np.where(picture > 0.5, picture - 0.5, picture + 0.5)
