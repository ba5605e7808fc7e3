"""The two optimisers of a picture, each of which takes along what it has learnt from size to size."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from neural_painter.descent import TERMS, Descent, Standing

Loss = Callable[[Tensor], tuple[Tensor, Tensor, dict[str, float]]]
"""Of a picture: its loss, the gradient, and the loss's terms without weights."""


class AveragedAdam:
    """Adam with moments that go along from size to size, and the mean of recent iterates as its result.

    Args:
        start: the first picture, `[3, H, W]` in [0, 1].

    Attributes:
        recovered: steps whose loss or gradient was not finite, and which were left out.
        failures: such steps at this size.
        steps: taken or left out at this size.
        terms: of the last step's loss, without weights.

    Source: Kingma and Ba 2015; carried moments and averaging as in Crowson's style-transfer-pytorch.
    Departs from it: moments shrink with the gradients as the picture grows, and the mean is shorter, as steps are fewer
    (0.9 for 0.99; that of a hundred steps would still hold the picture's first, blurred state).
    """

    RATE, FAST, SLOW = 0.02, 0.9, 0.99
    """Length of a step, and what stays at each of the mean gradient and of its mean square."""

    COUNTS = ("taken", "recovered", "failures", "steps")

    AVERAGING = 0.9
    """What stays at each step of the mean of the iterates."""

    def __init__(self, start: Tensor) -> None:
        self.picture, self.first, self.second = start, torch.zeros_like(start), torch.zeros_like(start)
        self.taken = self.recovered = self.failures = self.steps = 0
        self.terms: dict[str, float] = {}
        self._sum, self._norm = start, 1.0

    def enter(self, size: tuple[int, int], loss: Loss) -> None:
        """Goes on at another size, from the present result, with another loss."""
        self.loss = loss
        picture = self.result()
        if tuple(picture.shape[1:]) != size:
            # At each of more pixels the gradient of a mean is smaller.
            share = picture[0].numel() / (size[0] * size[1])
            picture = _enlarged(picture, size)
            self.first = share * interpolate(self.first[None], size, mode="bilinear")[0]
            self.second = share**2 * interpolate(self.second[None], size, mode="bilinear")[0]
        self.picture = picture.contiguous()
        self._sum, self._norm = (1 - self.AVERAGING) * self.picture, 1 - self.AVERAGING
        self.failures = self.steps = 0

    def step(self) -> float:
        """One step; returns the loss before it, `inf` where it was not finite. What interrupts it leaves no trace."""
        before = self.standing()
        try:
            return self._step()
        except BaseException:
            self.restore(before)
            raise

    def _step(self) -> float:
        value, gradient, terms = self.loss(self.picture)
        self.steps += 1
        if not (bool(value.isfinite()) and bool(gradient.isfinite().all())):
            self.recovered += 1
            self.failures += 1
            return math.inf
        self.taken += 1
        self.first = self.first.lerp(gradient, 1 - self.FAST)
        self.second = self.second.lerp(gradient.square(), 1 - self.SLOW)
        first, second = self.first / (1 - self.FAST**self.taken), self.second / (1 - self.SLOW**self.taken)
        self.picture = (self.picture - self.RATE * first / (second.sqrt() + 1e-10)).clamp(0, 1)
        kept = self.AVERAGING
        self._sum, self._norm = torch.lerp(self.picture, self._sum, kept), 1 - kept + kept * self._norm
        self.terms = terms
        return float(value)

    def result(self) -> Tensor:
        """The mean of this size's iterates, recent ones weighing more."""
        return self._sum / self._norm

    def standing(self) -> Standing:
        """All that it knows; no later step changes it."""
        tensors = {"picture": self.picture, "first": self.first, "second": self.second, "sum": self._sum}
        counts = {name: getattr(self, name) for name in self.COUNTS}
        terms = {f"{TERMS}{name}": value for name, value in self.terms.items()}
        return Standing(tensors, {**counts, "norm": self._norm, **terms})

    def restore(self, standing: Standing) -> None:
        """Goes back, or on, to what `standing` gave at this size, here or in another run; ValueError if it cannot."""
        like = self.picture
        picture, first, second, total = (standing.tensor(name, like) for name in ("picture", "first", "second", "sum"))
        counts = [standing.count(name) for name in self.COUNTS]
        norm = standing.number("norm")
        if not norm > 0:
            raise ValueError("norm makes no sense")
        self.picture, self.first, self.second, self._sum, self._norm = picture, first, second, total, norm
        self.taken, self.recovered, self.failures, self.steps = counts
        self.terms = standing.terms()


class CarriedLbfgs:
    """L-BFGS with a strong-Wolfe line search, whose memory of the curvature goes along from size to size.

    It knows no bounds, so leaving [0, 1] costs; else what is clipped in the end would spoil the style.

    Args:
        start: the first picture, `[3, H, W]` in [0, 1].

    Attributes:
        recovered: steps whose loss or gradient was not finite, and which were taken back.
        failures: such steps at this size.
        steps: taken or taken back at this size.
        terms: of the lowest loss at this size, without weights.
    """

    LEAVING = 10.0
    """Weight of the mean square of what lies outside [0, 1]."""

    def __init__(self, start: Tensor) -> None:
        self.start = start
        self._earlier = 0
        self.descent: Descent | None = None

    @property
    def failures(self) -> int:
        return self.descent.recovered if self.descent else 0

    @property
    def recovered(self) -> int:
        return self._earlier + self.failures

    @property
    def steps(self) -> int:
        return self.descent.taken if self.descent else 0

    @property
    def terms(self) -> dict[str, float]:
        return self.descent.terms if self.descent else {}

    def enter(self, size: tuple[int, int], loss: Loss) -> None:
        """Goes on at another size, from the best picture, with another loss."""

        def bounded(picture: Tensor) -> tuple[Tensor, Tensor, dict[str, float]]:
            value, gradient, terms = loss(picture)
            outside = picture - picture.clamp(0, 1)
            weight = self.LEAVING / picture[0].numel()
            return value + weight * outside.square().sum(), gradient + 2 * weight * outside, terms

        memory = self.descent.memory().resized(size) if self.descent else None
        self._earlier += self.failures
        self.descent = Descent(_enlarged(self.result(), size), bounded, memory=memory)

    def step(self) -> float:
        """One iteration; returns the lowest loss so far, `inf` where it was not finite."""
        assert self.descent is not None, "enter a size first"
        return self.descent.step()

    def result(self) -> Tensor:
        """The best picture at this size."""
        return self.descent.best.clamp(0, 1) if self.descent else self.start

    def standing(self) -> Standing:
        """All that it knows; no later step changes it."""
        assert self.descent is not None, "enter a size first"
        known = self.descent.standing()
        return Standing(known.tensors, {**known.numbers, "earlier": self._earlier})

    def restore(self, standing: Standing) -> None:
        """Goes back, or on, to what `standing` gave at this size, here or in another run; ValueError if it cannot."""
        assert self.descent is not None, "enter a size first"
        earlier = standing.count("earlier")
        self.descent.restore(standing)
        self._earlier = earlier


def _enlarged(picture: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(picture.shape[1:]) == size:
        return picture
    return interpolate(picture[None], size, mode="bicubic")[0].clamp(0, 1)
