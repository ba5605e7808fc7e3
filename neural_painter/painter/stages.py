"""The painter: stage by stage, look at what the canvas lacks, add strokes there, optimise all of them together."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor

from neural_painter.devices import choose_device
from neural_painter.images import fit_long_side, resize
from neural_painter.images.tensors import picture_of, tensor_of
from neural_painter.painter.config import PaintConfig, Stage, plan
from neural_painter.painter.emphasis import Emphasis
from neural_painter.painter.objective import Objective
from neural_painter.painter.optimise import Limits, StrokeOptimiser, refresh_of
from neural_painter.painter.rounds import Place, Round
from neural_painter.painter.seeding import join, keep, seed_strokes
from neural_painter.painter.work import Planned
from neural_painter.strokes import Strokes
from renderers.brush import Brush
from renderers.brushes import brush as find_brush
from renderers.stamps import load_stamps

Array = np.ndarray

HIDDEN = 0.03
"""Strokes of which less than this part of their box is seen are wiped off, and seeded anew where they are needed."""

COVERS = 0.8
"""A brush whose opacity never falls below this is expected to leave no canvas bare."""


def empty_strokes(brush: Brush) -> Strokes:
    """No strokes at all."""
    return Strokes(np.zeros((0, 5)), np.zeros((0, len(brush.free_shape))), np.zeros((0, 7)))


class Painter:
    """What it takes to paint one picture; `rounds` are the stages.

    Args:
        image: `[H, W, 3]` float32 in [0, 1].
        config: options.
        size: `(height, width)` of the photo, where `image` is a smaller copy of it.
        weights: `[H, W]` of the image, how much each pixel matters, as from `importance_map`; None: all alike.

    Raises:
        UsageError: the device is not there.
        NoTableError: a table of stamps is asked for, and the brush has none.
        WeightsError: the brush's weights are missing or damaged.
    """

    def __init__(
        self,
        image: Array,
        config: PaintConfig,
        *,
        size: tuple[int, int] | None = None,
        weights: Array | None = None,
    ) -> None:
        self.image, self.config = image, config
        self.emphasis = None if weights is None else Emphasis(weights)
        self.brush = find_brush(config.brush)
        self.device = choose_device(config.device)
        self.renderer, self.weights = load_stamps(self.brush, self.device, config.renderer)
        self.background = torch.tensor(config.canvas, dtype=torch.float32, device=self.device)
        self.shape = size or (image.shape[0], image.shape[1])
        self.stages = plan(config, min(self.shape) / max(self.shape))

    def rounds(self) -> list[Planned]:
        """The stages, with strokes counted over all so far; time goes mostly with pixels, and with drawing strokes."""
        counts = np.cumsum([stage.count for stage in self.stages])
        return [
            Planned(
                f"stage {index + 1}",
                stage.iterations,
                stage.iterations * (stage.canvas**2 / 6e4 + int(count) / 500 + 0.3),
                int(count),
                partial(self._round, index, stage, int(count)),
            )
            for index, (stage, count) in enumerate(zip(self.stages, counts, strict=True))
        ]

    def _round(self, index: int, stage: Stage, expected: int, place: Place) -> Round:
        """A stage, with new strokes where it has not begun yet."""
        target, strokes = resize(self.image, size=self._size(stage)), place.strokes
        if not place.step and not place.begun:
            before = self._optimiser(stage, target, strokes)
            strokes = keep(strokes, before.visible() >= HIDDEN)
            canvas = picture_of(before.canvas())
            generator = np.random.default_rng((self.config.seed, index))
            missing = expected - len(strokes)
            new = seed_strokes(target, canvas, self.brush, missing, stage.size, generator, self.emphasis)
            strokes = join(strokes, new)
        optimiser = self._optimiser(stage, target, strokes)
        goal = tensor_of(target, self.device)
        return Round(
            f"in stage {index + 1}",
            optimiser,
            Objective(goal, self.config, weights=self._weights(target.shape[:2]), transport=stage.transport),
            stage.iterations,
            before=self._uncover(optimiser, stage) if stage is self.stages[-1] else None,
        )

    def _uncover(self, optimiser: StrokeOptimiser, stage: Stage) -> Callable[[int], None]:
        """By now nothing is bare; the end of the work sees what will shine through an almost opaque stroke."""

        def before(done: int) -> None:
            if done >= stage.iterations // 2:
                optimiser.background = self.background

        return before

    def _background(self, target: Array) -> Tensor:
        """What the strokes are laid over while they are optimised, `[3]` or `[3, H, W]`.

        A translucent brush counts on the canvas. A brush that covers should leave no hole, not even where the photo
        happens to have the canvas' colour: it paints over the photo's contrast, which is an error wherever it shows.
        """
        if self.brush.opacity.low < COVERS:
            return self.background
        contrast = np.where(target > 0.5, target - 0.5, target + 0.5)
        return tensor_of(contrast, self.device)

    def _weights(self, size: tuple[int, int]) -> Tensor | None:
        return None if self.emphasis is None else torch.from_numpy(self.emphasis.at(size)).to(self.device)

    def _limits(self, size: tuple[int, int]) -> Limits:
        sizes = None if self.emphasis is None else torch.from_numpy(self.emphasis.sizes(size)).to(self.device)
        return Limits.of(self.stages[-1], self.brush, sizes)

    def _size(self, stage: Stage) -> tuple[int, int]:
        height, width = self.shape
        return fit_long_side(height, width, min(stage.canvas, max(self.image.shape[:2])))

    def _optimiser(self, stage: Stage, target: Array, strokes: Strokes) -> StrokeOptimiser:
        return StrokeOptimiser(
            self.renderer,
            self.brush,
            strokes,
            self._background(target),
            self._size(stage),
            step=stage.size,
            limits=self._limits(self._size(stage)),
            refresh=refresh_of(len(strokes)),
        )
