"""Adam on rows: torch's own is the measure, and both ways of one step agree."""

import pytest
import torch

from neural_painter.painter.adam import adam_step, by_torch

STEPS = {"here": adam_step, "by torch": by_torch}


def _started(values: torch.Tensor) -> list[torch.Tensor]:
    return [values, torch.zeros_like(values), torch.zeros_like(values), torch.zeros(len(values), 1)]


@pytest.mark.parametrize("name", STEPS)
def test_it_goes_where_torch_goes(name):
    generator = torch.Generator().manual_seed(0)
    start, sizes = torch.randn(5, 1, generator=generator), 0.1
    gradients = torch.randn(12, 5, 1, generator=generator)
    known = start.clone().requires_grad_()
    torchs = torch.optim.Adam([known], lr=sizes, betas=(0.9, 0.98), eps=1e-12)
    values, first, second, steps = _started(start)
    for gradient in gradients:
        known.grad = gradient.clone()
        torchs.step()
        values, first, second, steps, left_out = STEPS[name](
            values, gradient, first, second, steps, torch.tensor([sizes])
        )
        assert left_out == 0
    torch.testing.assert_close(values, known.detach(), atol=1e-5, rtol=1e-5)
    assert (steps == 12).all()


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e30])
def test_a_row_whose_gradient_is_not_finite_stays(name, bad):
    start = torch.ones(3, 2)
    gradient = torch.full((3, 2), 0.5)
    gradient[1, 0] = bad
    values, first, second, steps, left_out = STEPS[name](*_in_order(start, gradient), torch.ones(2))
    assert left_out == 1
    assert (values[1] == start[1]).all()
    assert not first[1].any()
    assert not second[1].any()
    assert (values[::2] < start[::2]).all()
    assert (steps == 1).all()


@pytest.mark.parametrize("name", STEPS)
def test_rounding_noise_moves_nothing(name):
    start = torch.ones(2, 1)
    values = STEPS[name](*_in_order(start, torch.tensor([[1e-12], [1e-6]])), torch.ones(1)).values
    assert values[0] == 1
    assert values[1] == pytest.approx(0, abs=1e-4)


def test_both_ways_agree_on_rows_of_different_ages():
    generator = torch.Generator().manual_seed(1)
    values, gradient, first = torch.randn(3, 40, 7, generator=generator)
    second = gradient.square() * torch.rand(40, 7, generator=generator)
    steps = torch.randint(1, 300, (40, 1), generator=generator).float()
    sizes = torch.rand(7, generator=generator)
    made = [step(values, gradient, 0.1 * first, second, steps, sizes) for step in STEPS.values()]
    for own, known in zip(made[0][:4], made[1][:4], strict=True):
        torch.testing.assert_close(own, known, atol=1e-5, rtol=1e-5)


def _in_order(start: torch.Tensor, gradient: torch.Tensor) -> list[torch.Tensor]:
    values, *moments = _started(start)
    return [values, gradient, *moments]
