"""What the first strokes of a painting show by themselves: every prefix is to be a painting.

Strokes lie in order, and an animation shows them in that order. As long as only the finished canvas counts, strokes
that come to lie under others drift: nothing holds them. So in every step the loss of a canvas with the first strokes
alone joins that of all. What is covered in the end has no other gradient, and Adam makes full steps of the smallest; of
what is seen, the finished canvas decides, the more so the longer a stage goes on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from neural_painter.painter.config import PRESETS, PaintConfig, typical_size
from neural_painter.painter.emphasis import Emphasis
from neural_painter.painter.objective import Objective
from neural_painter.painter.phases import Phases, View, exact_side

Array = np.ndarray

SHARE = (2.0, 0.04)
"""Weight of a prefix against all strokes, each relative to its own loss, when a stage begins and when it ends."""

PARTS = (0.04, 0.5)
"""The shortest and the longest prefix, as parts of the strokes there are."""

FEWEST = 5
"""Strokes that are looked at by themselves."""

LEAST_SIDE = 48
"""Of a prefix' canvas, in pixels."""

_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class Prefix:
    """The first strokes by themselves.

    Attributes:
        count: how many.
        view: the grid of their canvas, over the bare canvas.
        loss: of it.
        share: weight of that loss against the loss of all strokes, each relative to its value.
    """

    count: int
    view: View
    loss: Objective
    share: float

    def weighed(self, canvas: Tensor, whole: Tensor) -> Tensor:
        """The loss of the strokes' canvas `[3, h, w]`, scaled to its share of that of `whole`, which is detached."""
        own = self.loss(canvas)
        return own * (self.share * whole / own.detach().clamp_min(1e-12))


class Prefixes:
    """The prefixes that the steps of one stage look at, one each, short and long ones in turns.

    Which one a step looks at follows from its number, so that a painting that is gone on with looks at the same.

    Args:
        image: the photo, `[H, W, 3]`.
        shape: the photo's own size, of which `image` may be a smaller copy.
        canvas: long side of the stage's canvas in pixels; a prefix has one as much smaller as its strokes are larger.
        steps: of the stage.
        background: colour of the bare canvas, `[3]`, where the canvases are needed.
        config: options of the painting.
        emphasis: where error counts more; None where all places are alike.
    """

    def __init__(
        self,
        image: Array,
        shape: tuple[int, int],
        canvas: int,
        steps: int,
        *,
        background: Tensor,
        config: PaintConfig,
        emphasis: Emphasis | None = None,
    ) -> None:
        self.image, self.shape, self.steps, self.background = image, shape, steps, background
        self.config, self.emphasis = config, emphasis
        self._most = min(canvas, max(image.shape[:2]))
        self._seen: dict[int, tuple[View, Objective]] = {}

    def at(self, done: int, strokes: int) -> Prefix | None:
        """That of the step after so many, out of so many strokes; None where the step looks at none."""
        if not PRESETS[self.config.preset].prefixes:
            return None
        shortest, longest = PARTS
        # The golden ratio spreads any few steps in a row evenly from short to long.
        count = round(strokes * shortest * (longest / shortest) ** (done * _GOLDEN % 1))
        if count < FEWEST:
            return None
        view, loss = self._canvas(count)
        first, last = SHARE
        return Prefix(count, view, loss, first * (last / first) ** (done / self.steps))

    def _canvas(self, count: int) -> tuple[View, Objective]:
        """As fine as the brush of a painting of so many strokes wants it."""
        aspect = min(self.shape) / max(self.shape)
        side = 16 * round(PRESETS[self.config.preset].canvas * 8 / typical_size(count, aspect) / 16)
        side = min(self._most, max(LEAST_SIDE, side))
        if side not in self._seen:
            self._seen[side] = self._made(exact_side(self.shape, side, 1, most=self._most))
        return self._seen[side]

    def _made(self, side: int) -> tuple[View, Objective]:
        background = self.background
        view = Phases(self.image, self.shape, side, 1, background, background.device, self.emphasis).view(0)
        return view, Objective(view.goal, self.config, weights=view.weights)
