"""L-BFGS of a picture, and what it takes along to another size."""

import math

import pytest
import torch

from neural_painter.descent import FAILURES, Descent, Memory, Patience
from neural_painter.errors import NumericalError
from tests.each import each

SMALL, LARGE = (8, 12), (11, 17)


def random(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class Valley:
    """A mean over pixels that is steep where the picture changes and flat where it does not, at any size.

    Half the mean of `flat` times the squared distance from a ramp, plus that of the distance's squared second
    difference across.
    """

    def __init__(self, size, flat=0.05):
        self.wanted = torch.linspace(0, 1, size[1], dtype=torch.float64).expand(3, *size)
        self.flat, self.calls = flat, 0

    def __call__(self, picture):
        self.calls += 1
        leaf = picture.detach().requires_grad_()
        distance = leaf - self.wanted
        loss = 0.5 * (self.flat * distance.square().sum() + distance.diff(n=2, dim=2).square().sum()) / leaf[0].numel()
        (gradient,) = torch.autograd.grad(loss, leaf)
        return loss.detach(), gradient, {"call": float(self.calls)}


def learnt(steps=6, size=SMALL):
    descent = Descent(random(3, *size), Valley(size))
    for _ in range(steps):
        descent.step()
    return descent


def test_memory_holds_steps_and_what_they_did_to_the_gradient():
    descent = learnt()
    memory = descent.memory()
    assert len(memory.steps) == len(memory.changes) == 5  # the last step is noted when the next begins
    slope = Valley(SMALL)
    zero = slope(torch.zeros(3, *SMALL, dtype=torch.float64))[1]
    for step, change in zip(memory.steps, memory.changes, strict=True):
        assert step.shape == change.shape == (3, *SMALL)
        torch.testing.assert_close(slope(step)[1] - zero, change, rtol=0, atol=1e-14)


def test_nothing_is_known_before_the_second_step_nor_by_adam():
    for descent in (learnt(0), learnt(1), Descent(random(3, 4, 4), Valley((4, 4)), optimizer=adam)):
        assert descent.memory() == Memory()
        assert descent.memory().resized(LARGE) == Memory()


def adam(picture):
    return torch.optim.Adam([picture], lr=0.01)


def test_the_first_step_follows_the_memory():
    """Against the update of Broyden, Fletcher, Goldfarb and Shanno with its matrix written out."""
    memory = learnt().memory()
    start = random(3, *SMALL, seed=1)
    asked = []

    def evaluate(picture):
        asked.append(picture.clone())
        return Valley(SMALL)(picture)

    Descent(start, evaluate, memory=memory).step()
    last_step, last_change = memory.steps[-1].flatten(), memory.changes[-1].flatten()
    one = torch.eye(start.numel(), dtype=torch.float64)
    inverse = one * (last_step @ last_change) / (last_change @ last_change)
    for step, change in zip(memory.steps, memory.changes, strict=True):
        s, y = step.flatten(), change.flatten()
        left = one - torch.outer(s, y) / (s @ y)
        inverse = left @ inverse @ left.T + torch.outer(s, s) / (s @ y)
    gradient = Valley(SMALL)(start)[1].flatten()
    torch.testing.assert_close(asked[0], start)
    torch.testing.assert_close((asked[1] - start).flatten(), -inverse @ gradient, rtol=1e-9, atol=1e-12)


def test_another_size_keeps_the_curvature_of_a_mean():
    """Of half the mean of squares the change is the step over the number of pixels."""
    step = random(3, *SMALL) - 0.5
    memory = Memory((step,), (step / step[0].numel(),)).resized(LARGE)
    assert memory.steps[0].shape == (3, *LARGE)
    torch.testing.assert_close(memory.changes[0], memory.steps[0] / (LARGE[0] * LARGE[1]))


def test_pairs_without_curvature_are_dropped():
    step = random(3, *SMALL) - 0.5
    memory = Memory((step, step, step), (step, -step, 0 * step)).resized(LARGE)
    assert len(memory.steps) == len(memory.changes) == 1
    # A checkerboard is wiped out by going down to half the size.
    rows, columns = torch.meshgrid(torch.arange(8), torch.arange(12), indexing="ij")
    checks = (1 - 2.0 * ((rows + columns) % 2)).expand(3, 8, 12)
    assert Memory((checks,), (checks,)).resized((4, 6)) == Memory()


def test_what_was_learnt_at_one_size_helps_at_the_next():
    """To a hundredth of the loss; measured: 11 steps without, 6 with."""
    start = random(3, *LARGE, seed=1)

    def steps(memory):
        descent = Descent(start, Valley(LARGE), memory=memory)
        goal = 0.01 * float(Valley(LARGE)(start)[0])
        for count in range(1, 60):
            if descent.step() < goal:
                return count
        return math.inf

    assert steps(learnt(20).memory().resized(LARGE)) < 0.75 * steps(None)


@each("call", [0, 1, 2])
def test_after_numbers_that_are_not_finite_it_begins_without_memory(call):
    valley = Valley(SMALL)

    def now_and_then(picture):
        loss, gradient, terms = valley(picture)
        return (loss * math.nan if valley.calls == call + 1 else loss), gradient, terms

    descent = Descent(random(3, *SMALL, seed=1), now_and_then, memory=learnt().memory())
    found = [descent.step() for _ in range(4)]
    assert descent.recovered == sum(map(math.isinf, found)) == 1
    assert found[-1] == descent.best_loss < float(Valley(SMALL)(random(3, *SMALL, seed=1))[0])
    assert bool(descent.picture.isfinite().all())


def test_patience_ends_after_some_failures_however_many_steps_succeed():
    patience = Patience(2, hint="Try another.")
    for number in range(FAILURES - 2):
        patience.follow(math.inf if number % 2 else math.nan, "here")
        patience.follow(1.0, "here")
    assert patience.failures == FAILURES
    with pytest.raises(
        NumericalError, match=r"^the loss stopped being finite in stage 2 and did not recover$"
    ) as caught:
        patience.follow(math.nan, "in stage 2")
    assert caught.value.hint == "Try another."
    assert patience.failures == FAILURES + 1
