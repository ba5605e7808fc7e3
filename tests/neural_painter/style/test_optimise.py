"""What the two optimisers take along from size to size, and where they end."""

import math

import pytest
import torch

from neural_painter.style.optimise import AveragedAdam, CarriedLbfgs

SMALL, LARGE = (6, 8), (9, 12)


class Bowl:
    """Half the mean over pixels of the squared distance from a grey, summed over channels."""

    def __init__(self, wanted, damaged=()):
        self.wanted, self.damaged, self.asked = wanted, damaged, []

    def __call__(self, picture):
        self.asked.append(picture.clone())
        distance = picture - self.wanted
        value = 0.5 * distance.square().sum() / picture[0].numel()
        value = value * math.nan if len(self.asked) in self.damaged else value
        return value, distance / picture[0].numel(), {"distance": float(value)}


def start(grey=0.2, size=SMALL):
    noise = torch.rand(3, *size, generator=torch.Generator().manual_seed(0))
    return grey + 0.1 * noise


@pytest.mark.parametrize("kind", [AveragedAdam, CarriedLbfgs])
def test_reaches_what_is_wanted_through_two_sizes(kind):
    optimiser = kind(start())
    for size in (SMALL, LARGE):
        optimiser.enter(size, Bowl(0.7))
        for _ in range(40):
            value = optimiser.step()
    assert optimiser.result().shape == (3, *LARGE)
    assert float((optimiser.result() - 0.7).abs().max()) < 0.01  # measured: 0.003 by Adam, 0 by L-BFGS
    assert value < 1e-5
    assert optimiser.recovered == 0
    assert optimiser.terms["distance"] == pytest.approx(value)


@pytest.mark.parametrize("kind", [AveragedAdam, CarriedLbfgs])
def test_goes_on_from_its_result_and_leaves_the_start_as_it_is(kind):
    begin = start()
    optimiser = kind(begin)
    torch.testing.assert_close(optimiser.result(), start())
    optimiser.enter(SMALL, Bowl(0.5))
    for _ in range(5):
        optimiser.step()
    result = optimiser.result()
    bowl = Bowl(0.5)
    optimiser.enter(SMALL, bowl)
    optimiser.step()
    torch.testing.assert_close(bowl.asked[0], result)
    assert torch.equal(begin, start())


@pytest.mark.parametrize("kind", [AveragedAdam, CarriedLbfgs])
def test_what_is_not_finite_is_counted_and_left_out(kind):
    optimiser = kind(start())
    found = []
    for size in (SMALL, LARGE):
        optimiser.enter(size, Bowl(0.5, damaged=(2,)))
        found += [optimiser.step() for _ in range(6)]
    assert optimiser.recovered == sum(map(math.isinf, found)) == 2
    assert bool(optimiser.result().isfinite().all())
    assert found[-1] < found[0]


def test_adam_stays_in_bounds():
    optimiser = AveragedAdam(start())
    bowl = Bowl(1.5)
    optimiser.enter(SMALL, bowl)
    for _ in range(120):
        optimiser.step()
    assert max(float(picture.max()) for picture in bowl.asked) == 1
    assert float((optimiser.result() - 1).abs().max()) < 2e-4  # measured: 5e-5


def test_lbfgs_is_kept_near_the_bounds():
    """What is half a unit too bright ends a twentieth above 1: (1.5 - x) = 2 * LEAVING * (x - 1); the result, at 1."""
    optimiser = CarriedLbfgs(start())
    optimiser.enter(SMALL, Bowl(1.5))
    for _ in range(20):
        optimiser.step()
    expected = (1.5 + 2 * CarriedLbfgs.LEAVING) / (1 + 2 * CarriedLbfgs.LEAVING)
    torch.testing.assert_close(optimiser.descent.best, torch.full((3, *SMALL), expected), rtol=0, atol=1e-4)
    assert float(optimiser.result().max()) == 1


def test_moments_shrink_with_the_gradients():
    """A gradient that stays what it was, per share of the picture, gives the step that it gave before."""

    def slope(picture):
        share = torch.ones_like(picture) / picture[0].numel()
        return share.sum(), share, {}

    optimiser = AveragedAdam(start(0.9))
    optimiser.enter(SMALL, slope)
    for _ in range(10):
        optimiser.step()
    optimiser.enter(LARGE, slope)
    before = optimiser.picture
    optimiser.step()
    torch.testing.assert_close(
        before - optimiser.picture, torch.full_like(before, AveragedAdam.RATE), rtol=1e-5, atol=1e-7
    )


def test_the_result_of_adam_is_a_mean_of_iterates():
    optimiser, bowl = AveragedAdam(start()), Bowl(0.5)
    optimiser.enter(SMALL, bowl)
    for _ in range(3):
        optimiser.step()
    iterates = torch.stack([*bowl.asked, optimiser.picture])
    weights = AveragedAdam.AVERAGING ** torch.arange(3, -1, -1.0)
    expected = (iterates * weights[:, None, None, None]).sum(0) / weights.sum()
    torch.testing.assert_close(optimiser.result(), expected)


def test_lbfgs_takes_its_memory_along():
    """Of a bowl one pair is all there is to know: at the next size its first step is the last."""
    optimiser = CarriedLbfgs(start())
    optimiser.enter(SMALL, Bowl(0.4))
    for _ in range(3):
        optimiser.step()
    first, again = CarriedLbfgs(start(size=LARGE)), Bowl(0.6)
    first.enter(LARGE, Bowl(0.6))
    optimiser.enter(LARGE, again)
    assert optimiser.step() < 1e-6 < first.step()
    assert len(again.asked) == 2
