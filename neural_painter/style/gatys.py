"""Artistic style transfer: a picture with the content of one and the textures of others.

Coarse to fine, sizes a factor of sqrt(2) apart. What the optimiser has learnt is carried from size to size.

Source: Gatys, Ecker and Bethge 2016. Scales: as in Crowson's style-transfer-pytorch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from torch import Tensor

from neural_painter.colour import with_colors_of
from neural_painter.descent import Patience, Standing
from neural_painter.devices import all_digits, choose_device
from neural_painter.features import Features
from neural_painter.images import checked_picture, fit_long_side, pyramid, resize
from neural_painter.images.tensors import picture_of, tensor_of
from neural_painter.journal import Keeper
from neural_painter.losses.tiled import TiledLoss, gram_of
from neural_painter.style.config import StyleConfig, check_blend
from neural_painter.style.optimise import AveragedAdam, CarriedLbfgs

Array = np.ndarray


@dataclass(frozen=True)
class StyleProgress:
    """How far a transfer has come; passed to the caller's callback after every step.

    Attributes:
        size: long side of the picture that is optimised, in pixels.
        step, steps: done, and in all sizes together.
        loss: of this step.
    """

    size: int
    step: int
    steps: int
    loss: float


@dataclass(frozen=True)
class StyleState:
    """Where a transfer stands, so that it can go on.

    Attributes:
        size: number of the size it is at; as many as there are when all is done.
        step: steps done at this size.
        picture: so far, `[h, w, 3]`.
        optimiser: what it knows; None when all is done.
        recovered: steps that were taken back.
        losses: of the picture, without weights.
    """

    size: int
    step: int
    picture: Array
    optimiser: Standing | None = None
    recovered: int = 0
    losses: Mapping[str, float] = field(default_factory=dict)


@dataclass
class StyleResult:
    """What came out.

    Attributes:
        picture: `[H, W, 3]` float32 in [0, 1], of the content's size, or of the size reached where it was interrupted,
            enlarged to it.
        device: where it was computed.
        seconds: per size and `total`.
        finished: False after Ctrl-C.
        recovered: steps that were not finite, and were taken back.
        losses: of the last step of Adam, of the best of L-BFGS; without weights.
        state: where it stands; None before the first step.
    """

    picture: Array
    device: str
    seconds: dict[str, float] = field(default_factory=dict)
    finished: bool = True
    recovered: int = 0
    losses: dict[str, float] = field(default_factory=dict)
    state: StyleState | None = None


def plan(config: StyleConfig, height: int, width: int) -> tuple[tuple[tuple[int, int], int], ...]:
    """Sizes `(height, width)` and their iterations, coarse to fine; the first gets three times as many."""
    return tuple(
        (fit_long_side(height, width, side), config.iterations * (3 if k == 0 else 1))
        for k, side in enumerate(pyramid(max(height, width), first=config.first_size))
    )


def style_picture(
    content: Array,
    styles: Sequence[Array],
    *,
    weights: Sequence[float] | None = None,
    config: StyleConfig | None = None,
    features: Features,
    on_step: Callable[[StyleProgress], None] | None = None,
    on_state: Callable[[StyleState], object] | None = None,
    state_seconds: float = 10.0,
    state: StyleState | None = None,
) -> StyleResult:
    """Paints the content in the manner of the styles. Prints nothing.

    Args:
        content: `[H, W, 3]`, floats in [0, 1] or uint8, any size; the result has this size.
        styles: one or more such pictures.
        weights: how much each style counts; alike by default.
        config: options; the defaults by default.
        features: from `load_features(..., pooling="average")`.
        on_step: called after every step.
        on_state: called between steps with where the transfer stands, to be kept.
        state_seconds: about how often; less often where it takes long.
        state: of an unfinished transfer of the same pictures, options and features, to go on from: on the same
            machine, the result is that of a whole run, to the byte.

    Returns:
        The picture and how it came to be. After Ctrl-C (KeyboardInterrupt) it is the picture so far, and `finished` is
        False.

    Raises:
        ValueError: a picture is not `[H, W, 3]` of finite numbers in [0, 1].
        UsageError: no styles, weights that do not fit them, or a device that is not there.
        NumericalError: the loss stopped being finite and did not recover.
    """
    config = config or StyleConfig()
    weights = list(weights) if weights else [1.0] * len(styles)
    check_blend(weights, len(styles))
    content = checked_picture(content, "content")
    styles = [checked_picture(style, f"style {number}") for number, style in enumerate(styles, 1)]
    keeper = Keeper(on_state, state_seconds)
    return _Transfer(content, styles, weights, config, features, on_step, keeper, state).run()


class _Transfer:
    def __init__(
        self,
        content: Array,
        styles: Sequence[Array],
        weights: Sequence[float],
        config: StyleConfig,
        features: Features,
        on_step: Callable[[StyleProgress], None] | None,
        keeper: Keeper,
        state: StyleState | None,
    ) -> None:
        self.device = choose_device(config.device)
        self.content, self.styles, self.config = content, styles, config
        self.weights = [weight / sum(weights) for weight in weights]
        self.features, self.on_step = features.on(self.device), on_step
        self.plan = plan(config, *content.shape[:2])
        self.keeper, self.state = keeper, state
        self.result = StyleResult(content, self.device.type)

    @all_digits()
    def run(self) -> StyleResult:
        began = time.perf_counter()
        first = self.state.size if self.state else 0
        try:
            if first < len(self.plan):
                self._go_through(first)
        except KeyboardInterrupt:
            self.result.finished = False
        if self.state:
            picture = self.state.picture
            self.result.recovered, self.result.losses = self.state.recovered, dict(self.state.losses)
        else:
            picture = picture_of(self._start(self.plan[0][0]))
        if picture.shape != self.content.shape:
            picture = resize(picture, size=self.content.shape[:2])
        self.result.picture = with_colors_of(self.content, picture) if self.config.original_colors else picture
        self.result.state = self.state
        self.result.seconds["total"] = time.perf_counter() - began
        return self.result

    def _go_through(self, first: int) -> None:
        """Works at all sizes from the one with this number on; `self.state` tells how far it came."""
        start = self._tensor(self.state.picture) if self.state else self._start(self.plan[0][0])
        optimiser = optimiser_of(self.config, start)
        for index in range(first, len(self.plan)):
            entered = time.perf_counter()
            self._optimise(optimiser, index)
            self.result.seconds[f"size {max(self.plan[index][0])}"] = time.perf_counter() - entered
        assert self.state is not None
        self.state = replace(self.state, size=len(self.plan), step=0, optimiser=None)

    def _start(self, size: tuple[int, int]) -> Tensor:
        if self.config.init == "content":
            return self._tensor(resize(self.content, size=size))
        noise = np.random.default_rng(self.config.seed).standard_normal((*size, 3)).astype(np.float32)
        return self._tensor(0.5 + (0.25 if self.config.init == "noise" else 1e-3) * noise).clamp(0, 1)

    def _grams(self, size: tuple[int, int]) -> dict[str, Tensor]:
        """The weighted mean of the styles' Grams, at the scale of the picture."""
        total: dict[str, Tensor] = {}
        for style, weight in zip(self.styles, self.weights, strict=True):
            height, width = style.shape[:2]
            side = min(round(max(size) * self.config.style_scale), max(height, width))
            small = self._tensor(resize(style, size=fit_long_side(height, width, max(side, 16))))
            for layer, gram in gram_of(self.features, small, self.config.tile).items():
                total[layer] = total[layer] + weight * gram if layer in total else weight * gram
        return total

    def _optimise(self, optimiser: AveragedAdam | CarriedLbfgs, index: int) -> None:
        size, iterations = self.plan[index]
        loss = TiledLoss(
            self.features,
            self._tensor(resize(self.content, size=size)),
            self._grams(size),
            content_weight=self.config.content_weight,
            style_weight=self.config.style_weight,
            smoothness_weight=self.config.smoothness_weight,
            side=self.config.tile,
        )
        optimiser.enter(size, loss)
        if self.state and self.state.size == index and self.state.optimiser:
            optimiser.restore(self.state.optimiser)
        patience = Patience(optimiser.failures)
        before, total = (sum(steps for _, steps in part) for part in (self.plan[:index], self.plan))

        def state() -> StyleState:
            picture = picture_of(optimiser.result().clamp(0, 1))
            known = optimiser.standing()
            return StyleState(index, optimiser.steps, picture, known, optimiser.recovered, optimiser.terms)

        try:
            while optimiser.steps < iterations:
                value = optimiser.step()
                patience.follow(value, f"at {max(size)} pixels")
                if self.on_step:
                    self.on_step(StyleProgress(max(size), before + optimiser.steps, total, value))
                self.keeper.tick(state)
        finally:
            if before or optimiser.steps:
                self.state = state()

    def _tensor(self, picture: Array) -> Tensor:
        return tensor_of(picture, self.device)


def optimiser_of(config: StyleConfig, start: Tensor) -> AveragedAdam | CarriedLbfgs:
    """The optimiser that was asked for, of a picture `[3, H, W]`."""
    return CarriedLbfgs(start) if config.optimizer == "lbfgs" else AveragedAdam(start)
