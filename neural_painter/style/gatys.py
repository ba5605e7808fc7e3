"""Artistic style transfer: a picture with the content of one and the textures of others.

Coarse to fine, sizes a factor of sqrt(2) apart. What the optimiser has learnt is carried from size to size.

Source: Gatys, Ecker and Bethge 2016. Scales: as in Crowson's style-transfer-pytorch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from neural_painter.colour import with_colors_of
from neural_painter.descent import Patience
from neural_painter.devices import choose_device
from neural_painter.errors import UsageError
from neural_painter.features import Features
from neural_painter.images import checked_picture, fit_long_side, resize
from neural_painter.style.config import StyleConfig
from neural_painter.style.optimise import AveragedAdam, CarriedLbfgs
from neural_painter.style.tiles import TiledLoss, gram_of

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
    """

    picture: Array
    device: str
    seconds: dict[str, float] = field(default_factory=dict)
    finished: bool = True
    recovered: int = 0
    losses: dict[str, float] = field(default_factory=dict)


def plan(config: StyleConfig, height: int, width: int) -> tuple[tuple[tuple[int, int], int], ...]:
    """Sizes `(height, width)` and their iterations, coarse to fine; the first gets three times as many."""
    long_side = max(height, width)
    more = max(0, math.ceil(2 * math.log2(long_side / config.first_size) - 1e-6))
    sides = [round(long_side / math.sqrt(2) ** k) for k in range(more, -1, -1)]
    return tuple(
        (fit_long_side(height, width, side), config.iterations * (3 if k == 0 else 1)) for k, side in enumerate(sides)
    )


def style_picture(
    content: Array,
    styles: Sequence[Array],
    *,
    weights: Sequence[float] | None = None,
    config: StyleConfig | None = None,
    features: Features,
    on_step: Callable[[StyleProgress], None] | None = None,
) -> StyleResult:
    """Paints the content in the manner of the styles. Prints nothing.

    Args:
        content: `[H, W, 3]`, floats in [0, 1] or uint8, any size; the result has this size.
        styles: one or more such pictures.
        weights: how much each style counts; alike by default.
        config: options; the defaults by default.
        features: from `load_features(..., pooling="average")`.
        on_step: called after every step.

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
    if not styles or len(weights) != len(styles):
        raise UsageError(f"expected a weight for each style, got {len(styles)} styles and {len(weights)} weights")
    if not (all(math.isfinite(w) and w >= 0 for w in weights) and sum(weights) > 0):
        raise UsageError("weights of styles: expected numbers >= 0 that are not all 0")
    content = checked_picture(content, "content")
    styles = [checked_picture(style, f"style {number}") for number, style in enumerate(styles, 1)]
    return _Transfer(content, styles, weights, config, features, on_step).run()


class _Transfer:
    def __init__(
        self,
        content: Array,
        styles: Sequence[Array],
        weights: Sequence[float],
        config: StyleConfig,
        features: Features,
        on_step: Callable[[StyleProgress], None] | None,
    ) -> None:
        self.device = choose_device(config.device)
        self.content, self.styles, self.config = content, styles, config
        self.weights = [weight / sum(weights) for weight in weights]
        self.features, self.on_step = features.to(self.device), on_step
        self.plan = plan(config, *content.shape[:2])
        self.result = StyleResult(content, self.device.type)

    def run(self) -> StyleResult:
        began = time.perf_counter()
        made = CarriedLbfgs if self.config.optimizer == "lbfgs" else AveragedAdam
        optimiser = made(self._start(self.plan[0][0]))
        try:
            for index, (size, _) in enumerate(self.plan):
                entered = time.perf_counter()
                self._optimise(optimiser, index)
                self.result.seconds[f"size {max(size)}"] = time.perf_counter() - entered
        except KeyboardInterrupt:
            self.result.finished = False
        picture = optimiser.result().clamp(0, 1).permute(1, 2, 0).cpu().numpy()
        if picture.shape != self.content.shape:
            picture = resize(picture, size=self.content.shape[:2])
        self.result.picture = with_colors_of(self.content, picture) if self.config.original_colors else picture
        self.result.recovered, self.result.losses = optimiser.recovered, optimiser.terms
        self.result.seconds["total"] = time.perf_counter() - began
        return self.result

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
        patience = Patience()
        before, total = (sum(steps for _, steps in part) for part in (self.plan[:index], self.plan))
        for step in range(iterations):
            value = optimiser.step()
            patience.follow(value, f"at {max(size)} pixels")
            if self.on_step:
                self.on_step(StyleProgress(max(size), before + step + 1, total, value))

    def _tensor(self, picture: Array) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1), np.float32)).to(self.device)
