"""What it takes to work on the strokes of one frame: its painter, what its last stage sees, and its errors."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import torch
from torch import Tensor

from neural_painter.compositing import worth
from neural_painter.film.textures import Textures
from neural_painter.film.window import Window
from neural_painter.images.tensors import picture_of, tensor_of
from neural_painter.painter.choosing import Choice
from neural_painter.painter.config import PaintConfig
from neural_painter.painter.optimise import Rates, StrokeOptimiser, refresh_of
from neural_painter.painter.rounds import place_between
from neural_painter.painter.stages import Painter, Sight, empty_strokes
from neural_painter.painter.work import Work
from neural_painter.strokes import Strokes

Array = np.ndarray

NEVER = 1 << 30
"""Steps until stamps are drawn anew, where shapes stay as they are."""


class Bench:
    """One frame, and tools for its strokes.

    Args:
        picture: the frame, `[H, W, 3]` float32 in [0, 1], or what is to be painted of it.
        config: as the whole film is painted.
        weights: how much each pixel matters, `[h, w]` of mean 1; None: all alike.
        choice: which paints a frame that is painted afresh may have in the end; None: any colours.
        paints: `[K, 3]` that strokes have already, and keep to; None: any colours.
        smallest: size of the smallest strokes, which holds through a shot; None: as the weights have it.
        textures: of the film's strokes so far; None before the first frame.

    Attributes:
        size: `(height, width)` at which errors are looked at, which is that of the last stage's canvas.
        target: the frame in that size.
        textures: what strokes that have ids look like when they are painted.
        width: half width of the last stage's brush there, in pixels.
    """

    def __init__(
        self,
        picture: Array,
        config: PaintConfig,
        *,
        weights: Array | None = None,
        choice: Choice | None = None,
        paints: Array | None = None,
        smallest: float | None = None,
        textures: Textures | None = None,
    ) -> None:
        self.config, self.paints = config, paints
        self.painter = Painter(picture, config, weights=weights, choice=choice, smallest=smallest)
        self.stage = self.painter.stages[-1]
        self.sight = Sight(self.painter, self.stage)
        self.target, self.size = self.sight.target, self.sight.plain.size
        painter = self.painter
        self.textures = textures or Textures(painter.brush, config.seed, painter.device)
        self.width = self.stage.size / self.painter.brush.aspect.default * max(self.size)

    def painted(self) -> Strokes:
        """The frame, painted afresh; raises NumericalError, and KeyboardInterrupt where it was interrupted."""
        work = Work(self.painter.rounds(), place_between(empty_strokes(self.painter.brush)))
        if not work.run():
            raise KeyboardInterrupt
        return work.strokes

    def optimiser(self, strokes: Strokes, window: Window | None = None) -> StrokeOptimiser:
        """Of these strokes, in the numbers of a window if there is one; they keep those that are beyond bounds."""
        painter, stage, view = self.painter, self.stage, self.sight.plain
        ratio, limits = 1.0, painter.limits(view.size)
        if window:
            ratio, limits, view = window.ratio, window.limits(limits), window.view(view)
        made = StrokeOptimiser(
            painter.renderer,
            painter.brush,
            strokes,
            view,
            step=stage.size * ratio,
            limits=limits,
            rates=Rates.of(painter.brush).times(stage.boldness),
            refresh=refresh_of(len(strokes)),
        )
        made.now = replace(made.now, values=made.values_of(strokes))
        made.true = self.textures.of(strokes, ratio * self.sight.pixel)
        if made.true is not None:
            halves = torch.zeros(len(strokes), device=made.device)
            made.now = replace(made.now, taken=1, drawn=made.full_shape(), halves=halves)
            made.stamps, made.refresh = made.true.drawn, NEVER
        return made

    @torch.no_grad()
    def canvas(self, strokes: Strokes, over: Array | None = None) -> Array:
        """What strokes look like, `[H, W, 3]`, over a picture or the bare canvas."""
        optimiser = self.optimiser(strokes)
        behind = self.painter.background if over is None else tensor_of(over, self.painter.device)
        optimiser.look(self.sight.plain, behind)
        return picture_of(optimiser.canvas())

    def error(self, canvas: Array) -> Array:
        """Squared error `[H, W]`, mean over channels, as it matters, spread by half the width of a brush."""
        error, weights = ((canvas - self.target) ** 2).mean(axis=2), self.sight.plain.weights
        if weights is not None:
            error = error * weights.cpu().numpy()
        return cv2.GaussianBlur(error, (0, 0), max(0.8, self.width))

    def drawn(self, strokes: Strokes) -> tuple[Tensor, Tensor, Tensor]:
        """Placement, paint and stamps of strokes, as the compositor takes them."""
        optimiser = self.optimiser(strokes)
        return optimiser.placement(), optimiser.paint(), optimiser.draw_stamps()

    @torch.no_grad()
    def worth(self, strokes: Strokes, over: Array | None = None) -> Array:
        """By how much the squared error would grow without a stroke, `[N]` float64: summed over pixels and channels."""
        plain = self.sight.plain
        behind = self.painter.background if over is None else tensor_of(over, self.painter.device)
        found = worth(
            *self.drawn(strokes), behind, plain.goal, plain.size, weight=plain.weights, blend=self.painter.brush.blend
        )
        return found.cpu().numpy().astype(np.float64)
