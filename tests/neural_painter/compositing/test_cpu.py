"""The numba compositor against its readable twin."""

import numpy as np
import pytest
import torch

from neural_painter.compositing import composite, sharing, walking
from renderers.brush import MAX_SWEEP
from tests.each import each
from tests.neural_painter.compositing.cases import cases

CASES = cases()

ROUNDED = {"hair_thin": 1e-4, "sweeping": 5e-5}
"""Where float32 places a pixel less surely: in a hair, by more of its width (2e-5); at the centre of an arc (8e-6)."""


def run(name, backend):
    placement, paint, stamps, background, size = CASES[name]()
    inputs = [t.detach().clone().requires_grad_() for t in (placement, paint, stamps, background)]
    result = composite(*inputs, size, backend=backend)
    generator = torch.Generator().manual_seed(1)
    (result * torch.randn(result.shape, generator=generator)).sum().backward()
    return result.detach(), [t.grad if t.grad is not None else torch.zeros_like(t) for t in inputs]


@pytest.fixture
def threads(monkeypatch):
    """Sets how many threads composite, on tiles so small that these canvases have some for each."""

    def set_threads(count):
        monkeypatch.setattr(walking, "share_count", lambda _: count)
        monkeypatch.setattr(sharing, "SIDES", (16, 8))

    return set_threads


@each("name", CASES)
def test_values_and_gradients_agree_with_the_reference(name):
    check(run(name, "cpu"), run(name, "reference"), name)


@each("name", CASES)
def test_several_threads_agree_with_the_reference(name, threads):
    """Strokes that lie on two threads' tiles get their gradients from both."""
    threads(3)
    check(run(name, "cpu"), run(name, "reference"), name)


def check(found, wanted, name):
    result, gradients = found
    expected, expected_gradients = wanted
    # Measured: values 5e-7; gradients 2e-5 of their largest.
    torch.testing.assert_close(result, expected, rtol=0, atol=ROUNDED.get(name, 5e-6))
    for got, want in zip(gradients, expected_gradients, strict=True):
        scale = max(float(want.abs().max()) if want.numel() else 0.0, 1e-3)
        torch.testing.assert_close(got, want, rtol=0, atol=2e-4 * scale)


@pytest.mark.parametrize("side", [2, 8, 32])
def test_no_pixel_of_a_stroke_that_sweeps_is_left_out(side):
    """Of arcs that turn as far as may be, of any width, in all directions, some almost along rows or columns."""
    generator = np.random.default_rng(side)
    for size in ((60, 90), (97, 64), (3, 80)):
        count = 16
        length = np.exp(generator.uniform(np.log(0.05), np.log(1.0), count))
        angle = generator.choice([0, np.pi / 2, 1e-9, 2.0], count) + generator.choice([0, 1], count) * length
        sweep = generator.uniform(-MAX_SWEEP, MAX_SWEEP, count) * generator.choice([1, 1, 0.1, 0.01], count)
        place = generator.uniform(-0.1, 1.1, (2, count))
        numbers = np.stack([*place, length, length / generator.uniform(1, 8, count), angle, sweep], axis=1)
        paint = generator.uniform(0.3, 0.6, (count, 7))
        arrays = numbers, paint, generator.uniform(0.5, 1, (count, side, side, 3)), generator.uniform(0, 1, 3)
        tensors = [torch.from_numpy(array.astype(np.float32)) for array in arrays]
        found, wanted = (composite(*tensors, size, backend=name) for name in ("cpu", "reference"))
        assert (found - wanted).abs().max() < 2e-4  # measured: 3e-5, float32 at the centres of arcs


@pytest.mark.parametrize("count", [1, 2])
def test_values_and_gradients_repeat_to_the_bit(count, threads):
    """Whichever thread was faster."""
    threads(count)
    (picture, gradients), (again, gradients_again) = run("random", "cpu"), run("random", "cpu")
    assert torch.equal(picture, again)
    assert all(torch.equal(a, b) for a, b in zip(gradients, gradients_again, strict=True))


def test_stamps_without_gradient_leave_the_other_gradients_alone():
    placement, paint, stamps, background, size = CASES["random"]()
    grads = []
    for needed in (True, False):
        inputs = [placement.clone().requires_grad_(), paint.clone().requires_grad_(), stamps.clone()]
        inputs[2].requires_grad_(needed)
        composite(*inputs, background, size, backend="cpu").square().sum().backward()
        grads.append((inputs[0].grad, inputs[1].grad))
    assert torch.equal(grads[0][0], grads[1][0])
    assert torch.equal(grads[0][1], grads[1][1])


@each("argument, shape", [(0, (3, 4)), (1, (3, 6)), (2, (3, 8, 4, 3)), (2, (2, 8, 8, 3)), (3, (4,)), (3, (3, 5, 5))])
def test_rejects_wrong_shapes(argument, shape):
    inputs = [torch.zeros(3, 6), torch.zeros(3, 7), torch.zeros(3, 8, 8, 3), torch.zeros(3)]
    inputs[argument] = torch.zeros(shape)
    with pytest.raises(ValueError, match="expected"):
        composite(*inputs, (16, 16))


def test_rejects_unknown_backends():
    with pytest.raises(ValueError, match="no compositor"):
        composite(torch.zeros(1, 6), torch.zeros(1, 7), torch.zeros(1, 8, 8, 3), torch.zeros(3), (8, 8), backend="gl")
