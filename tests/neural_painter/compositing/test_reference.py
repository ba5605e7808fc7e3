"""The reference against a loop written from the contract, values worked by hand, and finite differences."""

import math

import pytest
import torch
from torch import Tensor

from neural_painter.compositing.constants import MAX_ALPHA, MIN_HALF, NEAREST, STOP
from neural_painter.compositing.reference import composite_reference
from renderers.brush import MAX_SWEEP
from tests.each import each
from tests.neural_painter.compositing.cases import Arguments, cases, random_case


def composite_slowly(
    placement: Tensor, paint: Tensor, stamps: Tensor, background: Tensor, size: tuple[int, int]
) -> Tensor:
    """The contract in Python floats: pixel by pixel, each from the deepest stroke that is seen up to the top one."""
    height, width = size
    ground = (background[:, None, None] if background.ndim == 1 else background).expand(3, height, width).tolist()
    strokes = list(zip(placement.tolist(), paint.tolist(), stamps.tolist(), strict=True))
    picture = torch.zeros(3, height, width, dtype=torch.float64)
    for row in range(height):
        for column in range(width):
            x, y = (column + 0.5) / max(size), (row + 0.5) / max(size)
            layers: list[tuple[float, list[float]]] = []
            transmittance = 1.0
            for stroke in reversed(strokes):
                if transmittance < STOP:
                    break
                layers.append(seen_at(x, y, *stroke))
                transmittance *= 1 - layers[-1][0]
            colour = [0.0] * 3 if transmittance < STOP else [channel[row][column] for channel in ground]
            for alpha, own in reversed(layers):
                colour = [alpha * a + (1 - alpha) * b for a, b in zip(own, colour, strict=True)]
            picture[:, row, column] = torch.tensor(colour, dtype=torch.float64)
    return picture


def seen_at(
    x: float, y: float, placement: list[float], paint: list[float], stamp: list[list[list[float]]]
) -> tuple[float, list[float]]:
    """Alpha and colour of one stroke at a point."""
    cx, cy, half_length, half_width, angle, sweep = placement
    half_length, half_width = max(half_length, MIN_HALF), max(half_width, MIN_HALF)
    along = (x - cx) * math.cos(angle) + (y - cy) * math.sin(angle)
    outwards = -(x - cx) * math.sin(angle) + (y - cy) * math.cos(angle)
    if abs(sweep) > 1e-9:
        radius = half_length / sweep
        if 1 - outwards / radius <= NEAREST:
            return 0.0, [0.0] * 3
        turned = math.atan2(along / radius, 1 - outwards / radius)
        outwards = radius * (1 - math.hypot(along / radius, 1 - outwards / radius))
        along = turned * radius
    u, v = along / half_length, outwards / half_width
    side = len(stamp)
    across, down = (u + 1) / 2 * side - 0.5, (v + 1) / 2 * side - 0.5
    matte = first = second = 0.0
    for row in (math.floor(down), math.floor(down) + 1):
        for column in (math.floor(across), math.floor(across) + 1):
            if 0 <= row < side and 0 <= column < side:
                weight = (1 - abs(down - row)) * (1 - abs(across - column))
                matte += weight * stamp[row][column][0]
                first += weight * stamp[row][column][1]
                second += weight * stamp[row][column][2]
    colour = [first * a + second * b for a, b in zip(paint[:3], paint[3:6], strict=True)]
    return min(paint[6] * matte, MAX_ALPHA), colour


def in_double(arguments: Arguments) -> Arguments:
    placement, paint, stamps, background, size = arguments
    return placement.double(), paint.double(), stamps.double(), background.double(), size


@each("name", cases())
def test_agrees_with_the_contract(name: str) -> None:
    arguments = in_double(cases()[name]())
    error = (composite_reference(*arguments) - composite_slowly(*arguments)).abs().max()
    # Measured: 7e-16; 1e-14 at the centre of an arc; where the contract divides by a sweep of 1e-7, 3e-9.
    assert error < (1e-8 if name == "hardly_sweeping" else 1e-13)


def one_stroke(placement: list[float], matte: list[list[float]], opacity: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    """A white stroke with the given alpha matte."""
    stamp = torch.tensor(matte)[None, :, :, None].expand(-1, -1, -1, 3).clone()
    stamp[..., 1], stamp[..., 2] = 1, 0
    return torch.tensor([placement]), torch.tensor([[1.0, 1.0, 1.0, 0.0, 0.0, 0.0, opacity]]), stamp


def test_source_over() -> None:
    """Alpha 0.8 × 0.5 of red and green in equal parts, over blue."""
    placement = torch.tensor([[0.5, 0.5, 1.0, 1.0, 0.3, 0.0]])
    paint = torch.tensor([[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.8]])
    stamp = torch.tensor([0.5, 0.5, 0.5]).reshape(1, 1, 1, 3)
    result = composite_reference(placement, paint, stamp, torch.tensor([0.0, 0.0, 1.0]), (1, 1))
    torch.testing.assert_close(result.flatten(), torch.tensor([0.2, 0.2, 0.6]))


def test_fades_over_half_a_texel_beyond_the_border() -> None:
    """One texel, half length and width half a canvas: at u = 1 half of it is left, at u = 2 nothing."""
    placement, paint, stamp = one_stroke([0.125, 0.125, 0.25, 1.0, 0.0, 0.0], [[0.8]])
    result = composite_reference(placement, paint, stamp, torch.zeros(3), (1, 4))
    # v = 0 and u = 0, 1, 2, 3; off the border colour fades with alpha.
    torch.testing.assert_close(result[0, 0], torch.tensor([0.8, 0.4 * 0.5, 0.0, 0.0]))


def test_turns_from_x_to_y() -> None:
    """Turned by a right angle, the stamp's right end points down the canvas: u is 2/3 there, 5/6 of the way in."""
    placement, paint, stamp = one_stroke([0.5, 0.5, 0.5, 0.5, math.pi / 2, 0.0], [[0.0, 0.6], [0.0, 0.6]])
    stamp[..., 1] = torch.tensor([0.0, 1.0])
    result = composite_reference(placement, paint, stamp, torch.zeros(3), (3, 3))
    torch.testing.assert_close(result[0, :, 1], torch.tensor([0.0, 0.6 / 4, 0.6 * 25 / 36]))


def test_opaque_stroke_lets_a_little_through() -> None:
    placement, paint, stamp = one_stroke([0.5, 0.5, 1.0, 1.0, 0.0, 0.0], [[1.0]])
    result = composite_reference(placement, paint, stamp, torch.tensor([0.0, 0.5, 1.0]), (1, 1))
    torch.testing.assert_close(result.flatten(), torch.tensor([0.999, 0.9995, 1.0]))


def test_ignores_what_lies_behind_stop() -> None:
    """Two opaque strokes leave 1e-6 of the light: a third and the background get neither value nor gradient."""
    placement, _, stamp = (tensor.expand(3, *tensor.shape[1:]) for tensor in one_stroke([0.5] * 4 + [0.0] * 2, [[1.0]]))
    colours = torch.tensor([[9.0, 9.0, 9.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    paint = torch.cat([colours, torch.zeros(3, 3), torch.ones(3, 1)], dim=1).requires_grad_()
    background = torch.full((3,), 9.0, requires_grad=True)
    result = composite_reference(placement, paint, stamp, background, (1, 1))
    torch.testing.assert_close(result.detach().flatten(), torch.tensor([0.999, 0.000999, 0.0]), rtol=1e-4, atol=0)
    result.sum().backward()
    assert paint.grad is not None
    assert background.grad is not None
    assert paint.grad[0].abs().max() == 0
    assert paint.grad[1, 1] > 0
    assert background.grad.abs().max() == 0


def test_no_gradient_past_the_clamps() -> None:
    """Neither for an alpha above MAX_ALPHA nor for half lengths and widths below MIN_HALF."""
    placement, paint, stamp = one_stroke([0.5, 0.5, 0.0, 0.0, 0.0, 0.0], [[1.0]])
    leaves = [tensor.requires_grad_() for tensor in (placement, paint, stamp)]
    result = composite_reference(placement, paint, stamp, torch.zeros(3), (1, 1))
    gradients = torch.autograd.grad(result.sum(), leaves)
    assert result.min() > 0
    assert gradients[0][0, 2:4].abs().max() == 0
    assert gradients[1][0, 6] == 0
    assert gradients[2][..., 0] == 0


@pytest.mark.parametrize("picture", [False, True])
def test_gradients_by_finite_differences(picture: bool) -> None:
    placement, paint, stamps, background, size = in_double(random_case(3, size=(5, 6), stamp=3, picture=picture))
    placement[:, 2:4] += 0.3
    leaves = [tensor.requires_grad_() for tensor in (placement, paint, stamps, background)]
    assert torch.autograd.gradcheck(lambda *tensors: composite_reference(*tensors, size), leaves)


def test_gradients_of_strokes_that_sweep_by_finite_differences() -> None:
    """Those that hardly turn, and those that turn as far as may be, to either side."""
    placement, paint, stamps, background, size = in_double(random_case(8, size=(5, 6), stamp=3))
    placement[:, 2] += 0.3
    placement[:, 3] = placement[:, 2] / 2
    paint[:, 6] *= 0.5  # so that the deepest are seen
    placement[:, 5] = torch.tensor([0.0, 1e-7, 1e-4, -1e-4, 0.3, -0.6, 0.999 * MAX_SWEEP, -0.999 * MAX_SWEEP])
    leaves = [tensor.requires_grad_() for tensor in (placement, paint, stamps, background)]
    assert torch.autograd.gradcheck(lambda *tensors: composite_reference(*tensors, size), leaves)
    (found,) = torch.autograd.grad(composite_reference(*leaves, size).square().sum(), placement)
    assert (found[:, 5].abs() > 1e-4).all()
