"""The painter: stage by stage, look at what the canvas lacks, add strokes there, optimise all of them together."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from neural_painter.devices import choose_device
from neural_painter.errors import NumericalError
from neural_painter.images import fit_long_side, resize
from neural_painter.losses.pixel import pixel_loss
from neural_painter.losses.transport import TransportError, TransportLoss
from neural_painter.painter.config import PaintConfig, Stage, plan
from neural_painter.painter.optimise import Limits, StrokeOptimiser
from neural_painter.painter.seeding import join, keep, seed_strokes
from neural_painter.painter.styling import StrokeStyle, Styler
from neural_painter.strokes import Strokes
from renderers.brush import Brush
from renderers.brushes import brush as find_brush
from renderers.networks import NeuralRenderer
from renderers.weights import load_renderer

Array = np.ndarray

HIDDEN = 0.03
"""Strokes of which less than this part of their box is seen are wiped off, and seeded anew where they are needed."""


FAILURES = 10
"""Steps of a painting that may have a loss that is not finite."""

COVERS = 0.8
"""A brush whose opacity never falls below this is expected to leave no canvas bare."""


@dataclass(frozen=True)
class Progress:
    """How far a painting has come; passed to the caller's callback after every step.

    Attributes:
        stage, stages: counted from 1.
        step, steps: of the whole painting.
        strokes: on the canvas now.
        loss: of this step.
        work: fraction of the estimated time, 0 to 1.
    """

    stage: int
    stages: int
    step: int
    steps: int
    strokes: int
    loss: float
    work: float


@dataclass(frozen=True)
class PainterState:
    """Where a painting stands, so that it can go on: the strokes, the next stage, and the steps done in it."""

    strokes: Strokes
    stage: int = 0
    step: int = 0

    @property
    def is_new(self) -> bool:
        return len(self.strokes) == 0


@dataclass
class PainterResult:
    """What the painter made.

    Attributes:
        strokes: in painting order.
        unstyled: the strokes before they took on a style; None where there was none, or they never got so far.
        weights: sha256 of the renderer's weights.
        device: where it was computed.
        seconds: per stage and other phase.
        state: where it stands; `finished` tells whether there is anything left to do.
        recovered: gradients that were not finite, and transport losses that did not converge: both are left out.
    """

    strokes: Strokes
    weights: str
    device: str
    seconds: dict[str, float] = field(default_factory=dict)
    state: PainterState | None = None
    finished: bool = True
    recovered: int = 0
    unstyled: Strokes | None = None


def empty_strokes(brush: Brush) -> Strokes:
    """No strokes at all."""
    return Strokes(np.zeros((0, 5)), np.zeros((0, len(brush.free_shape))), np.zeros((0, 7)))


class Painter:
    """Paints one picture.

    Args:
        image: `[H, W, 3]` float32 in [0, 1].
        config: options.
        on_step: called after every step.
        state: where to go on from; a blank canvas by default.
        style: what the strokes should look like in the end, in a last stage of their own.

    Raises:
        UsageError: the device is not there.
        WeightsError: the brush's weights are missing or damaged.
    """

    def __init__(
        self,
        image: Array,
        config: PaintConfig,
        *,
        on_step: Callable[[Progress], None] | None = None,
        state: PainterState | None = None,
        style: StrokeStyle | None = None,
    ) -> None:
        self.style = style
        self.unstyled: Strokes | None = None
        self.image, self.config, self.on_step = image, config, on_step
        self.brush = find_brush(config.brush)
        self.device = choose_device(config.device)
        renderer, self.weights = load_renderer(self.brush)
        self.renderer: NeuralRenderer = renderer.to(self.device).to(memory_format=torch.channels_last)
        self.background = torch.tensor(config.canvas, dtype=torch.float32, device=self.device)
        height, width = image.shape[:2]
        self.stages = plan(config, min(height, width) / max(height, width))
        self.state = state or PainterState(empty_strokes(self.brush))
        self.recovered = 0
        self.failures = 0

    def run(self) -> PainterResult:
        """Paints all stages that are left. After Ctrl-C the result holds the strokes so far, and `finished` is False.

        Raises:
            NumericalError: the loss stopped being finite and did not recover.
        """
        seconds: dict[str, float] = {}
        finished = True
        try:
            for index in range(self.state.stage, len(self.stages)):
                began = time.perf_counter()
                self._paint_stage(index)
                seconds[f"stage {index + 1}"] = time.perf_counter() - began
            if self.style:
                began = time.perf_counter()
                self._style_strokes(self.style)
                seconds["style"] = time.perf_counter() - began
        except KeyboardInterrupt:
            finished = False
        return PainterResult(
            self.state.strokes,
            self.weights,
            self.device.type,
            seconds,
            self.state,
            finished,
            self.recovered,
            self.unstyled,
        )

    def _background(self, target: Array) -> Tensor:
        """What the strokes are laid over while they are optimised, `[3]` or `[3, H, W]`.

        A translucent brush counts on the canvas. A brush that covers should leave no hole, not even where the photo
        happens to have the canvas' colour: it paints over the photo's contrast, which is an error wherever it shows.
        """
        if self.brush.opacity.low < COVERS:
            return self.background
        contrast = np.where(target > 0.5, target - 0.5, target + 0.5).astype(np.float32)
        return torch.from_numpy(contrast).permute(2, 0, 1).contiguous().to(self.device)

    def _target(self, stage: Stage) -> Array:
        return resize(self.image, size=self._size(stage))

    def _size(self, stage: Stage) -> tuple[int, int]:
        height, width = self.image.shape[:2]
        return fit_long_side(height, width, min(stage.canvas, max(height, width)))

    def _optimiser(self, stage: Stage, target: Array, strokes: Strokes) -> StrokeOptimiser:
        finest = self.stages[-1].size / self.brush.aspect.default
        return StrokeOptimiser(
            self.renderer,
            self.brush,
            strokes,
            self._background(target),
            self._size(stage),
            step=stage.size,
            limits=Limits(half_width=0.3 * finest, half_length=0.6),
            refresh=8 if len(strokes) <= 1000 else 12,
        )

    def _paint_stage(self, index: int) -> None:
        stage, state = self.stages[index], self.state
        target = self._target(stage)
        strokes, done = state.strokes, state.step
        expected = sum(s.count for s in self.stages[: index + 1])
        if state.step == 0:
            before = self._optimiser(stage, target, strokes)
            strokes = keep(strokes, before.visible() >= HIDDEN)
            canvas = before.canvas().permute(1, 2, 0).cpu().numpy()
            generator = np.random.default_rng((self.config.seed, index))
            strokes = join(
                strokes,
                seed_strokes(target, canvas, self.brush, expected - len(strokes), stage.size, generator),
            )
        loss = self._loss(stage, target)
        optimiser = self._optimiser(stage, target, strokes)
        self.state = PainterState(optimiser.strokes(), index, done)
        try:
            while done < stage.iterations:
                # By now nothing is bare; the end of the work sees what will shine through an almost opaque stroke.
                if index == len(self.stages) - 1 and done >= stage.iterations // 2:
                    optimiser.background = self.background
                value = optimiser.step(loss, done / stage.iterations)
                done += 1
                if not np.isfinite(value):
                    self.failures += 1
                    if self.failures > FAILURES:
                        raise NumericalError(f"the loss stopped being finite in stage {index + 1} and did not recover")
                self._report(index, done, len(strokes), value)
        finally:
            self.recovered += optimiser.recovered
            self.state = PainterState(optimiser.strokes(), index, done)
        self.state = PainterState(optimiser.strokes(), index + 1, 0)

    def _style_strokes(self, style: StrokeStyle) -> None:
        """The last stage: no new strokes, and the style's Gram loss beside the others."""
        stage, strokes = len(self.stages), self.state.strokes
        self.unstyled = strokes if self.state.step == 0 else None
        styler = Styler(
            strokes,
            self.image,
            style,
            renderer=self.renderer,
            brush=self.brush,
            config=self.config,
            done=self.state.step,
        )
        try:
            styler.run(lambda done, loss: self._report(stage, done, len(strokes), loss))
        finally:
            self.recovered += styler.recovered + styler.optimiser.recovered
            if styler.done:
                self.state = PainterState(styler.strokes(), stage, styler.done)
        self.state = PainterState(self.state.strokes, stage + 1, 0)

    def _loss(self, stage: Stage, target: Array) -> Callable[[Tensor], Tensor]:
        goal = torch.from_numpy(target).permute(2, 0, 1).contiguous().to(self.device)
        transport = TransportLoss(goal) if stage.transport > 0 else None

        def loss(canvas: Tensor) -> Tensor:
            value = pixel_loss(canvas, goal, edge_weight=self.config.edges)
            if transport is None:
                return value
            try:
                return value + stage.transport * transport(canvas)
            except TransportError:
                self.recovered += 1  # a step without transport does no harm
                return value

        return loss

    def _report(self, index: int, done: int, strokes: int, loss: float) -> None:
        if not self.on_step:
            return
        # Time goes mostly with pixels, and with strokes where the networks draw them.
        cost = [
            s.iterations * (s.canvas**2 / 6e4 + sum(t.count for t in self.stages[: k + 1]) / 500 + 0.3)
            for k, s in enumerate(self.stages)
        ]
        steps = [s.iterations for s in self.stages]
        if self.style:
            steps.append(self.style.config.style_steps)
            # The features of a canvas take several times as long as its strokes.
            cost.append(5 * steps[-1] * cost[-1] / steps[-2])
        work = (sum(cost[:index]) + cost[index] * done / steps[index]) / sum(cost)
        self.on_step(Progress(index + 1, len(steps), sum(steps[:index]) + done, sum(steps), strokes, loss, work))
