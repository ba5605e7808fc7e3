"""Artistic style transfer: a picture with the content of one and the textures of others.

Coarse to fine, sizes a factor of sqrt(2) apart. The optimiser's moments are carried from size to size, and the result
is an average of its iterates, which is smoother than the last of them.

Source: Gatys, Ecker and Bethge 2016. Scales, carried moments and averaging: as in Crowson's style-transfer-pytorch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from neural_painter.devices import choose_device
from neural_painter.errors import NumericalError, UsageError
from neural_painter.features import Features
from neural_painter.images import fit_long_side, resize
from neural_painter.style.config import StyleConfig
from neural_painter.style.tiles import TiledLoss, gram_of

Array = np.ndarray

FAILURES = 10
"""Steps that may have a loss that is not finite."""

AVERAGING = 0.99
RATE = 0.02


@dataclass(frozen=True)
class StyleProgress:
    """How far it has come: long side of the present size, steps done and in all, loss."""

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
        losses: of the last step, without weights.
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
        content: `[H, W, 3]` float32 in [0, 1], any size; the result has this size.
        styles: one or more pictures `[h, w, 3]`.
        weights: how much each style counts; alike by default.
        config: options; the defaults by default.
        features: from `load_features(..., pooling="average")`.
        on_step: called after every step.

    Raises:
        UsageError: no styles, weights that do not fit them, or a device that is not there.
        NumericalError: the loss stopped being finite and did not recover.
    """
    config = config or StyleConfig()
    weights = list(weights) if weights else [1.0] * len(styles)
    if not styles or len(weights) != len(styles):
        raise UsageError(f"expected a weight for each style, got {len(styles)} styles and {len(weights)} weights")
    if not (all(math.isfinite(w) and w >= 0 for w in weights) and sum(weights) > 0):
        raise UsageError("weights of styles: expected numbers >= 0 that are not all 0")
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
        state = _State(self._start(self.plan[0][0]))
        try:
            for index, (size, iterations) in enumerate(self.plan):
                entered = time.perf_counter()
                state.resize(size)
                self._optimise(state, index, size, iterations)
                self.result.seconds[f"size {max(size)}"] = time.perf_counter() - entered
        except KeyboardInterrupt:
            self.result.finished = False
        picture = state.average().clamp(0, 1).permute(1, 2, 0).cpu().numpy()
        if picture.shape != self.content.shape:
            picture = np.clip(resize(picture, size=self.content.shape[:2]), 0, 1)
        self.result.picture = with_colors_of(self.content, picture) if self.config.original_colors else picture
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

    def _optimise(self, state: _State, index: int, size: tuple[int, int], iterations: int) -> None:
        loss = TiledLoss(
            self.features,
            self._tensor(resize(self.content, size=size)),
            self._grams(size),
            content_weight=self.config.content_weight,
            style_weight=self.config.style_weight,
            smoothness_weight=self.config.smoothness_weight,
            side=self.config.tile,
        )
        stepper = _Lbfgs(state, loss) if self.config.optimizer == "lbfgs" else _Adam(state, loss)
        failures = 0
        before = sum(steps for _, steps in self.plan[:index])
        total = sum(steps for _, steps in self.plan)
        for step in range(iterations):
            value = stepper.step()
            if not math.isfinite(value):
                failures += 1
                self.result.recovered += 1
                if failures > FAILURES:
                    raise NumericalError(f"the loss stopped being finite at {max(size)} pixels")
            self.result.losses = stepper.terms
            if self.on_step:
                self.on_step(StyleProgress(max(size), before + step + 1, total, value))

    def _tensor(self, picture: Array) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1), np.float32)).to(self.device)


class _State:
    """The picture, Adam's moments and the running average, which all go along from size to size."""

    def __init__(self, picture: Tensor) -> None:
        self.picture = picture
        self.first, self.second = torch.zeros_like(picture), torch.zeros_like(picture)
        self.steps = 0
        self.sum, self.norm = picture.clone(), 1.0

    def average(self) -> Tensor:
        """The mean of the iterates, recent ones weighing more."""
        return self.sum / self.norm

    def count(self) -> None:
        """Takes the present picture into the average."""
        self.sum.mul_(AVERAGING).add_(self.picture, alpha=1 - AVERAGING)
        self.norm = self.norm * AVERAGING + 1 - AVERAGING

    def resize(self, size: tuple[int, int]) -> None:
        """Everything at another size. The next size starts from the average, and averages anew."""
        picture = self.average()
        if tuple(picture.shape[1:]) != size:
            picture, self.first = _scaled(picture, size, "bicubic").clamp(0, 1), _scaled(self.first, size, "bilinear")
            self.second = _scaled(self.second, size, "bilinear").clamp_min(0)
        self.picture = picture.contiguous()
        self.sum, self.norm = torch.zeros_like(picture), 0.0
        self.count()


def _scaled(picture: Tensor, size: tuple[int, int], mode: str) -> Tensor:
    return interpolate(picture[None], size, mode=mode, align_corners=False)[0]


class _Adam:
    """Adam whose moments come from the size before."""

    def __init__(self, state: _State, loss: TiledLoss) -> None:
        self.state, self.loss = state, loss
        self.terms: dict[str, float] = {}

    def step(self) -> float:
        state = self.state
        value, gradient, terms = self.loss(state.picture)
        if not (bool(value.isfinite()) and bool(gradient.isfinite().all())):
            return math.inf
        fast, slow = 0.9, 0.99
        state.steps += 1
        state.first.lerp_(gradient, 1 - fast)
        state.second.mul_(slow).addcmul_(gradient, gradient, value=1 - slow)
        rise, calm = 1 - fast**state.steps, 1 - slow**state.steps
        state.picture = (state.picture - RATE * (state.first / rise) / ((state.second / calm).sqrt() + 1e-10)).clamp(
            0, 1
        )
        state.count()
        self.terms = terms
        return float(value)


class _Lbfgs:
    """torch's L-BFGS with a strong-Wolfe line search; its memory begins anew at each size, and nothing is averaged."""

    def __init__(self, state: _State, loss: TiledLoss) -> None:
        self.state, self.loss = state, loss
        self.leaf = state.picture.clone().requires_grad_()
        self.terms: dict[str, float] = {}
        self.best = math.inf
        self._begin()

    def _begin(self) -> None:
        self.seen: tuple[Tensor, Tensor] | None = None
        self.optimizer = torch.optim.LBFGS(
            [self.leaf], max_iter=1, max_eval=12, history_size=12, tolerance_grad=0, tolerance_change=0,
            line_search_fn="strong_wolfe",
        )  # fmt: skip

    def step(self) -> float:
        try:
            self.optimizer.step(self._evaluate)  # type: ignore[arg-type]
        except ArithmeticError:
            with torch.no_grad():
                self.leaf.copy_(self.state.picture)
            self._begin()
            return math.inf
        return self.best

    def _evaluate(self) -> Tensor:
        here = self.leaf.detach()
        # torch evaluates anew where its line search has just left off.
        if self.seen is not None and torch.equal(self.seen[0], here):
            return self.seen[1]
        value, gradient, terms = self.loss(here)
        if not (bool(value.isfinite()) and bool(gradient.isfinite().all())):
            raise ArithmeticError
        self.leaf.grad = gradient
        self.seen = here.clone(), value
        if float(value) < self.best:
            self.best, self.terms = float(value), terms
            self.state.picture = self.seen[0]
            self.state.sum, self.state.norm = self.seen[0], 1.0
        return value


def with_colors_of(content: Array, picture: Array) -> Array:
    """The picture's luminance in the content's colours, `[H, W, 3]` in [0, 1]."""
    colors, made = (cv2.cvtColor(p, cv2.COLOR_RGB2Lab) for p in (content, np.ascontiguousarray(picture, np.float32)))
    colors[..., 0] = made[..., 0]
    return np.clip(cv2.cvtColor(colors, cv2.COLOR_Lab2RGB), 0, 1)
