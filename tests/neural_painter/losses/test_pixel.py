"""Pixel loss: a loop from the definition, a value by hand, gradients, refusals."""

import pytest
import torch
from torch import Tensor

from neural_painter.losses import pixel_kernel
from neural_painter.losses.pixel import pixel_loss
from neural_painter.losses.pixel_kernel import takes
from tests.each import each


def pixel_loss_loop(canvas: Tensor, target: Tensor, edge_weight: float, weights: Tensor | None = None) -> float:
    error = (canvas - target).double()
    weights = torch.ones(error.shape[1:]) if weights is None else weights.double()
    pixel = float((error**2 * weights).sum()) / error.numel()
    terms = []
    for down, right in ((0, 1), (1, 0)):
        squares = [
            float(error[k, r + down, c + right] - error[k, r, c]) ** 2
            * float(weights[r + down, c + right] + weights[r, c])
            / 2
            for k in range(3)
            for r in range(error.shape[1] - down)
            for c in range(error.shape[2] - right)
        ]
        terms.append(sum(squares) / len(squares))
    return pixel + edge_weight * sum(terms) / len(terms)


@each("edge_weight", [0.0, 0.5, 1e6])
def test_agrees_with_the_definition(edge_weight: float) -> None:
    generator = torch.Generator().manual_seed(0)
    canvas, target = torch.rand(2, 3, 9, 14, generator=generator)
    got = float(pixel_loss(canvas, target, edge_weight=edge_weight))
    assert got == pytest.approx(pixel_loss_loop(canvas, target, edge_weight), rel=1e-5)


@each("edge_weight", [0.0, 0.5, 1e6])
def test_weights_agree_with_the_definition(edge_weight: float) -> None:
    generator = torch.Generator().manual_seed(0)
    canvas, target = torch.rand(2, 3, 9, 14, generator=generator)
    weights = torch.rand(9, 14, generator=generator) + 0.5
    got = float(pixel_loss(canvas, target, edge_weight=edge_weight, weights=weights))
    assert got == pytest.approx(pixel_loss_loop(canvas, target, edge_weight, weights), rel=1e-5)
    same = float(pixel_loss(canvas, target, edge_weight=edge_weight, weights=torch.ones(9, 14)))
    assert same == pytest.approx(float(pixel_loss(canvas, target, edge_weight=edge_weight)), rel=1e-5)


def test_by_hand() -> None:
    canvas, target = torch.zeros(3, 2, 2), torch.zeros(3, 2, 2)
    canvas[0, 0, 0] = 1  # 1 of 12 pixels; 1 of 6 differences along each axis
    assert float(pixel_loss(canvas, target)) == pytest.approx(1 / 12)
    assert float(pixel_loss(canvas, target, edge_weight=3)) == pytest.approx(1 / 12 + 3 / 6)


def test_edges_ignore_a_constant_difference() -> None:
    target = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0)) / 2
    flat = pixel_loss(target + 0.25, target, edge_weight=100)
    assert float(flat) == pytest.approx(0.0625, rel=1e-5)


def test_gradcheck() -> None:
    generator = torch.Generator().manual_seed(0)
    canvas, target = torch.rand(2, 3, 7, 6, generator=generator, dtype=torch.float64)
    canvas.requires_grad_()
    weights = torch.rand(7, 6, generator=generator, dtype=torch.float64)
    for counts in (None, weights):
        assert torch.autograd.gradcheck(
            lambda c, w: pixel_loss(c, target, edge_weight=0.7, weights=w), (canvas, counts)
        )


@each("size", [(1, 1), (1, 5), (2, 2), (5, 3)])
def test_small_pictures(size: tuple[int, int]) -> None:
    canvas = torch.ones(3, *size, requires_grad=True)
    loss = pixel_loss(canvas, torch.zeros(3, *size), edge_weight=1)
    loss.backward()
    assert float(loss.detach()) == 1
    assert canvas.grad is not None
    assert canvas.grad.isfinite().all()


def test_refuses_what_makes_no_sense() -> None:
    with pytest.raises(ValueError, match=r"\(3, 4, 4\) is not the target's \(3, 4, 5\)"):
        pixel_loss(torch.zeros(3, 4, 4), torch.zeros(3, 4, 5))
    with pytest.raises(ValueError, match=r"weights \(4, 5\) are not of the target's \(3, 4, 4\)"):
        pixel_loss(torch.zeros(3, 4, 4), torch.zeros(3, 4, 4), weights=torch.ones(4, 5))


@each("weighted", [False, True])
def test_one_pass_agrees_with_torch(weighted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Value and gradient, of one picture and of several, of rows and columns of one pixel, with threads and without."""
    generator = torch.Generator().manual_seed(0)
    for shape in ((3, 9, 14), (2, 3, 33, 20), (3, 1, 9), (3, 9, 1), (3, 1, 1)):
        canvas, target = torch.rand(2, *shape, generator=generator)
        weights = torch.rand(shape[-2:], generator=generator) + 0.5 if weighted else None
        found = []
        for dtype, threads in ((torch.float64, 1), (torch.float32, 1), (torch.float32, 3)):
            monkeypatch.setattr(pixel_kernel, "share_count", lambda count=threads: count)
            leaf = canvas.to(dtype).requires_grad_()
            assert takes(leaf, target.to(dtype), weights) == (dtype == torch.float32)
            value = pixel_loss(leaf, target.to(dtype), edge_weight=0.5, weights=weights)
            found.append((value.detach(), *torch.autograd.grad(3 * value, leaf)))
        (value, gradient), (one, one_gradient), (several, several_gradient) = found
        assert float(one) == pytest.approx(float(value), rel=1e-6)
        assert (one_gradient - gradient).abs().max() <= 1e-6 * gradient.abs().max()  # measured: 1.4e-7
        assert torch.equal(one, several)
        assert torch.equal(one_gradient, several_gradient)


def test_a_target_gets_its_gradient() -> None:
    canvas, target = torch.rand(2, 3, 9, 14, generator=torch.Generator().manual_seed(0)).requires_grad_()
    of_canvas, of_target = torch.autograd.grad(pixel_loss(canvas, target, edge_weight=0.5), (canvas, target))
    assert of_target.abs().max() > 0
    torch.testing.assert_close(of_canvas, -of_target)
