"""Strokes that multiply: the reference against the contract and finite differences, numba against the reference."""

import math

import pytest
import torch

from neural_painter.compositing import DARKEST, composite, sharing, walking, worth
from neural_painter.compositing.reference import multiply_reference
from tests.each import each
from tests.neural_painter.compositing.cases import cases, errors, random_case
from tests.neural_painter.compositing.test_reference import in_double

CASES = cases()
WHITE = torch.ones(3)

# Measured: 1.4e-6 for the picture, 2e-5 for gradients, 7e-7 for worths; in a hair 4e-6 and 5e-5.
TOLERANCE = {"picture": 5e-6, "placement": 5e-5, "paint": 3e-5, "stamps": 1e-5, "background": 5e-6}
ROUNDED = {"hair_thin": 4.0}


def multiplied(*arguments):
    return composite(*arguments, blend="multiply")


@pytest.fixture
def threads(monkeypatch):
    """Sets how many threads composite, on tiles so small that these canvases have some for each."""

    def set_threads(count):
        monkeypatch.setattr(walking, "share_count", lambda _: count)
        monkeypatch.setattr(sharing, "SIDES", (16, 8))

    return set_threads


def one_stroke(first, second=(1.0, 1.0, 1.0), opacity=1.0, weights=(1.0, 0.0)):
    """A stroke that covers the canvas; its weights are the same all over."""
    placement = torch.tensor([[0.5, 0.5, 4.0, 4.0, 0.3, 0.0]])
    stamps = torch.tensor([1.0, *weights]).expand(1, 2, 2, 3).clone()
    return placement, torch.tensor([[*first, *second, opacity]]), stamps


def joined(*strokes):
    return tuple(torch.cat(parts) for parts in zip(*strokes, strict=True))


@each("backend", ["cpu", "reference"])
def test_light_goes_through_one_stroke_after_the_other(backend):
    """Half of it in red, a quarter of that in red again; the strokes' order does not matter, nor does white."""
    strokes = one_stroke((0.5, 1.0, 0.25)), one_stroke((0.25, 0.8, 1.0)), one_stroke((1.0, 1.0, 1.0))
    background = torch.tensor([0.8, 1.0, 0.4])
    wanted = background * torch.tensor([0.125, 0.8, 0.25])
    for order in ((0, 1, 2), (2, 1, 0), (1, 0)):
        found = composite(*joined(*(strokes[n] for n in order)), background, (1, 2), blend="multiply", backend=backend)
        torch.testing.assert_close(found, wanted[:, None, None].expand(3, 1, 2), rtol=0, atol=1e-6)


@each("backend", ["cpu", "reference"])
def test_opacity_and_weights_thin_the_dye_and_black_is_of_finite_density(backend):
    def seen(*stroke):
        found = composite(*stroke, WHITE, (1, 1), blend="multiply", backend=backend)
        return found.flatten().tolist()

    assert seen(*one_stroke((0.25, 1.0, 0.0))) == pytest.approx([0.25, 1, DARKEST], abs=1e-6)
    assert seen(*one_stroke((0.25, 1.0, 0.0), opacity=0.5)) == pytest.approx([0.5, 1, DARKEST**0.5], abs=1e-6)
    assert seen(*one_stroke((0.25, 1.0, 0.0), weights=(0.5, 0.0))) == pytest.approx([0.5, 1, DARKEST**0.5], abs=1e-6)
    mixed = one_stroke((0.25, 1.0, 1.0), (1.0, 0.25, 1.0), weights=(0.5, 0.5))
    assert seen(*mixed) == pytest.approx([0.5, 0.5, 1], abs=1e-6)


def test_any_order_and_never_brighter_than_the_background():
    placement, paint, stamps, background, size = random_case(40, picture=True)
    picture = multiplied(placement, paint, stamps, background, size)
    assert (picture <= background).all()
    order = torch.randperm(40, generator=torch.Generator().manual_seed(1))
    again = multiplied(placement[order], paint[order], stamps[order], background, size)
    assert (picture - again).abs().max() < 1e-5  # measured: 4e-7, the rounding of sums


def test_agrees_with_a_loop_over_strokes():
    """Each by itself darkens the canvas; together they are the product."""
    placement, paint, stamps, background, size = in_double(random_case(5))
    wanted = background[:, None, None].expand(3, *size)
    for n in range(5):
        alone = multiply_reference(*(part[n : n + 1] for part in (placement, paint, stamps)), WHITE.double(), size)
        wanted = wanted * alone
    assert (multiply_reference(placement, paint, stamps, background, size) - wanted).abs().max() < 1e-14


@pytest.mark.parametrize("picture", [False, True])
def test_gradients_by_finite_differences(picture):
    placement, paint, stamps, background, size = in_double(random_case(4, size=(5, 6), stamp=3, picture=picture))
    placement[:, 2:4] += 0.3
    placement[:, 5] = torch.tensor([0.0, 1e-4, -0.6, 1.1])
    paint[:, :6] = 0.1 + 0.9 * paint[:, :6]
    leaves = [tensor.requires_grad_() for tensor in (placement, paint, stamps, background)]
    assert torch.autograd.gradcheck(lambda *tensors: multiply_reference(*tensors, size), leaves)


def test_a_colour_below_the_darkest_has_no_gradient_and_the_darkest_has_one():
    placement, paint, stamps = one_stroke((0.01, DARKEST, 0.5))
    paint.requires_grad_()
    multiplied(placement, paint, stamps, WHITE, (2, 2)).sum().backward()
    assert paint.grad[0, 0] == 0
    assert (paint.grad[0, 1:3] > 0.5).all()


@each("name", CASES)
def test_values_and_gradients_agree_with_the_reference(name, threads):
    for count in (1, 3):
        threads(count)
        for tensor, error in errors(multiplied, CASES[name](), reference=multiply_reference).items():
            assert error <= TOLERANCE[tensor] * ROUNDED.get(name, 1.0), (count, tensor, error)


@pytest.mark.parametrize("count", [1, 2])
def test_values_and_gradients_repeat_to_the_bit(count, threads):
    """Whichever thread was faster; and gradients of stamps, asked for or not, leave the others alone."""
    threads(count)
    found = []
    for with_stamps in (True, True, False):
        placement, paint, stamps, background, size = CASES["random"]()
        leaves = [tensor.requires_grad_() for tensor in (placement, paint)]
        picture = multiplied(*leaves, stamps.requires_grad_(with_stamps), background, size)
        picture.square().sum().backward()
        found.append((picture.detach(), placement.grad, paint.grad))
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


@pytest.mark.parametrize("weighted", [False, True])
def test_worth_is_the_error_that_a_stroke_takes_away(weighted):
    placement, paint, stamps, background, size = in_double(random_case(8, picture=True))
    target = multiply_reference(placement[:4], paint[:4], stamps[:4], background, size)
    weight = target[0] if weighted else torch.ones(size).double()

    def error(kept):
        picture = multiply_reference(placement[kept], paint[kept], stamps[kept], background, size)
        return ((picture - target).square() * weight).sum()

    everything = torch.arange(8)
    wanted = torch.stack([error(everything != n) - error(everything) for n in range(8)])
    found = worth(
        *(placement, paint, stamps, background, target, size),
        weight=weight if weighted else None,
        blend="multiply",
        backend="reference",
    )
    assert (found - wanted).abs().max() < 1e-12
    assert found.min() < 0 < found.max()


@each("name", CASES)
def test_worth_agrees_with_the_reference(name, threads):
    *arguments, size = CASES[name]()
    generator = torch.Generator().manual_seed(20)
    target, weight = torch.rand(3, *size, generator=generator), torch.rand(size, generator=generator)
    exact = [tensor.double() for tensor in (*arguments, target)]
    expected = worth(*exact, size, weight=weight.double(), blend="multiply", backend="reference")
    scale = max(float(expected.abs().max()), 1.0) if len(expected) else 1.0
    for count in (1, 3):
        threads(count)
        found = worth(*arguments, target, size, weight=weight, blend="multiply")
        assert found.dtype == torch.float32
        assert ((found - expected).abs() <= 1e-5 * scale).all()
        assert torch.equal(found, worth(*arguments, target, size, weight=weight, blend="multiply"))


def test_rejects_an_unknown_blend():
    *arguments, size = random_case(2)
    for call in (composite, lambda *a, **k: worth(*a[:4], torch.zeros(3, *size), size, **k)):
        with pytest.raises(ValueError, match="no blend 'screen', expected over or multiply"):
            call(*arguments, size, blend="screen")


def test_density_is_what_a_logarithm_says():
    """Worked by hand: opacity 0.5 of a stroke whose green is 1/e, on paper of 0.8."""
    placement, paint, stamps = one_stroke((1.0, math.exp(-1), 1.0), opacity=0.5)
    found = multiplied(placement, paint, stamps, torch.full((3,), 0.8), (1, 1)).flatten()
    assert found.tolist() == pytest.approx([0.8, 0.8 * math.exp(-0.5), 0.8], abs=1e-6)
