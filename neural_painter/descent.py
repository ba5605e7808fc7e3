"""Lowers a function of a picture step by step, keeps the best, and takes back what is not finite.

What it knows at any time can be taken out and put back: the steps that follow are then the same to the byte.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True)
class Standing:
    """All that an optimiser of a picture knows between two steps.

    Attributes:
        tensors: by name; none of them changes any more.
        numbers: by name, the terms of the loss as `terms.NAME`.
    """

    tensors: Mapping[str, Tensor]
    numbers: Mapping[str, float]

    def tensor(self, name: str, like: Tensor) -> Tensor:
        """A tensor on the device of `like`; raises ValueError where it is missing, or of another shape or type."""
        found = self.tensors.get(name)
        if found is None or found.shape != like.shape or found.dtype != like.dtype:
            raise ValueError(f"{name} makes no sense")
        return found.to(like.device)

    def number(self, name: str) -> float:
        """A number; raises ValueError where it is missing."""
        if name not in self.numbers:
            raise ValueError(f"{name} is missing")
        return self.numbers[name]

    def count(self, name: str) -> int:
        """A whole number >= 0; raises ValueError where it is another, or missing."""
        found = self.number(name)
        if not isinstance(found, int) or found < 0:
            raise ValueError(f"{name} makes no sense")
        return found

    def terms(self) -> dict[str, float]:
        """The terms of the loss."""
        return {name.removeprefix(TERMS): value for name, value in self.numbers.items() if name.startswith(TERMS)}


TERMS = "terms."

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
        taken: steps in all.
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
        self.recovered = self.taken = 0
        self._begin()
        if memory and memory.steps:
            _remember(self.optimizer, self.picture, memory)

    def _begin(self) -> None:
        self._seen: tuple[Tensor, Tensor] | None = None
        self.optimizer = self._make(self.picture)

    def step(self) -> float:
        """One iteration; returns the lowest loss so far, `inf` where the step was not finite and was taken back.

        What interrupts it leaves everything as it was before.
        """
        before = self.standing()
        try:
            return self._step()
        except BaseException:
            self.restore(before)
            raise

    def _step(self) -> float:
        try:
            loss = float(self.optimizer.step(self._evaluate))  # type: ignore[arg-type]
        except _NotFiniteError:
            loss = math.inf
        self.taken += 1
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

    def standing(self) -> Standing:
        """All that it knows; what later steps would change in place is copied."""
        tensors = {"picture": self.picture.detach().clone(), "best": self.best}
        numbers: dict[str, float] = {"best_loss": self.best_loss, "recovered": self.recovered, "taken": self.taken}
        numbers |= {f"{TERMS}{name}": value for name, value in self.terms.items()}
        if self._seen is not None and self.picture.grad is not None:
            tensors |= {"seen": self._seen[0], "seen_gradient": self.picture.grad}
            numbers["seen_loss"] = float(self._seen[1])
        for name, value in self.optimizer.state.get(self.picture, {}).items():
            if isinstance(value, Tensor):
                tensors[f"{INNER}{name}"] = value.clone()
            elif isinstance(value, int | float):
                numbers[f"{INNER}{name}"] = value
            elif name in HISTORIES:
                numbers[f"{INNER}{name}"] = len(value)
                tensors |= {f"{INNER}{name}.{index}": one for index, one in enumerate(value)}
        return Standing(tensors, numbers)

    def restore(self, standing: Standing) -> None:
        """Goes back, or on, to what `standing` gave, here or in another run.

        Raises:
            ValueError: it is of a picture of another size, of another optimiser, or damaged.
        """
        picture, best = (standing.tensor(name, self.picture) for name in ("picture", "best"))
        inner = _inner(standing, self.picture, isinstance(self.optimizer, LBFGS))
        counts = standing.count("recovered"), standing.count("taken")
        best_loss, seen, gradient = standing.number("best_loss"), None, None
        if "seen" in standing.tensors:
            seen = standing.tensor("seen", self.picture), self.picture.new_tensor(standing.number("seen_loss"))
            gradient = standing.tensor("seen_gradient", self.picture)
        with torch.no_grad():
            self.picture.copy_(picture)
        self._begin()
        if inner:
            self.optimizer.state[self.picture].update(inner)
        self._seen, self.picture.grad = seen, gradient
        self.best, self.best_loss, self.terms = best, best_loss, standing.terms()
        self.recovered, self.taken = counts

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


INNER = "optimizer."
"""Before the names of what torch's optimiser keeps."""

HISTORIES = ("old_dirs", "old_stps", "ro")
"""What L-BFGS has a list of."""

LBFGS_NAMES = ("d", "t", *HISTORIES, "H_diag", "prev_flat_grad", "prev_loss", "n_iter", "func_evals")
ADAM_NAMES = ("step", "exp_avg", "exp_avg_sq")


def _inner(standing: Standing, picture: Tensor, lbfgs: bool) -> dict[str, Any]:
    """What torch's optimiser keeps, under its own names; raises ValueError where it is not that of this picture."""
    single, flat = picture.new_zeros(()), picture.detach().flatten()
    likes = {"d": flat, "prev_flat_grad": flat, "old_dirs": flat, "old_stps": flat}
    likes |= {"exp_avg": picture.detach(), "exp_avg_sq": picture.detach()}
    found: dict[str, Any] = {}
    for name in LBFGS_NAMES if lbfgs else ADAM_NAMES:
        key, like = f"{INNER}{name}", likes.get(name, single)
        if name in HISTORIES and key in standing.numbers:
            found[name] = [standing.tensor(f"{key}.{index}", like) for index in range(standing.count(key))]
        elif key in standing.tensors:
            wanted = single.float().cpu() if name == "step" else like  # Adam counts on the CPU
            found[name] = standing.tensor(key, wanted).clone()
        elif key in standing.numbers and name not in likes:
            found[name] = standing.numbers[key]
    lengths = {len(found[name]) for name in HISTORIES if name in found}
    if found and (len(found) < len(LBFGS_NAMES if lbfgs else ADAM_NAMES) or len(lengths) > 1):
        raise ValueError("the optimiser makes no sense")
    return found


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
