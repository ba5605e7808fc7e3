"""Lowers a function of a picture step by step, keeps the best, and takes back what is not finite."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torch.optim import LBFGS, Optimizer

from neural_painter.errors import NumericalError

Evaluate = Callable[[Tensor], tuple[Tensor, Tensor, Mapping[str, float | Tensor]]]
"""Of a picture: its loss, the gradient, of the picture's shape, and terms of the loss that are worth telling."""

FAILURES = 10
"""Steps that `Patience` lets pass whose loss is not finite."""


class Patience:
    """Lets some steps pass whose loss is not finite, then gives up.

    Args:
        failures: such steps that were met before.
        hint: what the user may do.

    Attributes:
        failures: such steps so far.
    """

    def __init__(self, failures: int = 0, *, hint: str | None = None) -> None:
        self.failures, self.hint = failures, hint

    def follow(self, loss: float, where: str) -> None:
        """Looks at the loss of a step; `where` it was taken, such as `in stage 2`, is for the message.

        Raises:
            NumericalError: this was one failure too many.
        """
        if math.isfinite(loss):
            return
        self.failures += 1
        if self.failures > FAILURES:
            raise NumericalError(f"the loss stopped being finite {where} and did not recover", hint=self.hint)


@dataclass(frozen=True)
class Memory:
    """What L-BFGS knows of a function's curvature: pairs of a step and the gradient's change along it, oldest first.

    Attributes:
        steps, changes: `[C, H, W]` each; a step times its change is above 0.
    """

    steps: tuple[Tensor, ...] = ()
    changes: tuple[Tensor, ...] = ()

    def resized(self, size: tuple[int, int]) -> Memory:
        """What it is worth for the same function of a picture of another size `(height, width)`.

        Of a loss that is a mean over pixels the gradient at each pixel shrinks as pixels become more, and so do its
        changes. Pairs without positive curvature are dropped.
        """
        steps, changes = [], []
        for step, change in zip(self.steps, self.changes, strict=True):
            share = change[0].numel() / (size[0] * size[1])
            step, change = _resized(step, size), share * _resized(change, size)
            if float(step.flatten() @ change.flatten()) > LEAST_CURVATURE:
                steps.append(step)
                changes.append(change)
        return Memory(tuple(steps), tuple(changes))


LEAST_CURVATURE = 1e-10
"""Of a pair that is kept; torch's own bound."""


def _resized(field: Tensor, size: tuple[int, int]) -> Tensor:
    return interpolate(field[None], size, mode="bilinear", align_corners=False)[0]


class Descent:
    """Changes a picture until a function of it is low, one step at a time, and remembers the best.

    A step whose loss or gradient is not finite is taken back, and the optimiser starts afresh from the best picture.

    Args:
        start: the picture to start from, `[C, H, W]`; left as it is.
        evaluate: what to lower.
        optimizer: makes torch's optimiser of a picture; L-BFGS with a strong-Wolfe line search by default.
        memory: of an earlier L-BFGS, of `start`'s size.

    Attributes:
        picture: where it stands.
        best, best_loss, terms: the best picture so far, its loss and that loss's terms.
        recovered: steps that were taken back.
    """

    def __init__(
        self,
        start: Tensor,
        evaluate: Evaluate,
        *,
        optimizer: Callable[[Tensor], Optimizer] | None = None,
        memory: Memory | None = None,
    ) -> None:
        self.evaluate, self._make = evaluate, optimizer or _lbfgs
        self.picture = start.detach().clone().requires_grad_()
        self.best, self.best_loss = start.detach().clone(), math.inf
        self.terms: dict[str, float] = {}
        self.recovered = 0
        self._begin()
        if memory and memory.steps:
            _remember(self.optimizer, self.picture, memory)

    def _begin(self) -> None:
        self._seen: tuple[Tensor, Tensor] | None = None
        self.optimizer = self._make(self.picture)

    def step(self) -> float:
        """One iteration; returns the lowest loss so far, `inf` where the step was not finite and was taken back."""
        try:
            loss = float(self.optimizer.step(self._evaluate))  # type: ignore[arg-type]
        except _NotFiniteError:
            loss = math.inf
        if math.isfinite(loss) and bool(self.picture.isfinite().all()):
            return self.best_loss
        self.recovered += 1
        with torch.no_grad():
            self.picture.copy_(self.best)
        self._begin()
        return math.inf

    def memory(self) -> Memory:
        """What L-BFGS has learnt; nothing of another optimiser, and nothing before its second step."""
        state = self.optimizer.state.get(self.picture, {})
        shaped = (
            tuple(field.view_as(self.picture) for field in state.get(name) or ()) for name in ("old_stps", "old_dirs")
        )
        return Memory(*shaped)

    def _evaluate(self) -> Tensor:
        # torch's L-BFGS evaluates where it stands at the start of each call; with one iteration a call, that is
        # the point its line search has just left.
        here = self.picture.detach()
        if self._seen is not None and torch.equal(self._seen[0], here):
            return self._seen[1]
        loss, gradient, terms = self.evaluate(here)
        if not (bool(loss.isfinite()) and bool(gradient.isfinite().all())):
            raise _NotFiniteError
        self.picture.grad = gradient
        self._seen = here.clone(), loss
        if float(loss) < self.best_loss:
            self.best, self.best_loss = self._seen[0], float(loss)
            self.terms = {name: float(term) for name, term in terms.items()}
        return loss


def _lbfgs(picture: Tensor) -> Optimizer:
    return LBFGS(
        [picture],
        max_iter=1,
        max_eval=12,
        history_size=12,
        tolerance_grad=0,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )


def _remember(optimizer: Optimizer, picture: Tensor, memory: Memory) -> None:
    """Gives torch's L-BFGS a memory, under the names that its `state_dict` has, as after a step of no length."""
    steps, changes = ([field.flatten() for field in fields] for fields in (memory.steps, memory.changes))
    curvatures = [step @ change for step, change in zip(steps, changes, strict=True)]
    nothing = torch.zeros_like(steps[0])
    optimizer.state[picture].update(
        n_iter=1,
        func_evals=0,
        d=nothing,
        t=0.0,
        old_stps=steps,
        old_dirs=changes,
        ro=[1 / curvature for curvature in curvatures],
        H_diag=curvatures[-1] / changes[-1].square().sum(),
        prev_flat_grad=nothing.clone(),
        prev_loss=math.inf,
    )


class _NotFiniteError(ArithmeticError):
    pass
