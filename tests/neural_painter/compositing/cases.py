"""Cases that every back end is tested on, and the comparison with the reference."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from neural_painter.compositing.reference import composite_reference
from renderers.brush import MAX_SWEEP

Arguments = tuple[Tensor, Tensor, Tensor, Tensor, tuple[int, int]]
"""placement, paint, stamps, background, size, as `neural_painter.compositing` has them."""

Composite = Callable[[Tensor, Tensor, Tensor, Tensor, tuple[int, int]], Tensor]

NAMES = ("placement", "paint", "stamps", "background")


def cases() -> dict[str, Callable[[], Arguments]]:
    """Named cases, float32 on the CPU, small enough for an interpreter; each call draws the same numbers again."""
    return {
        "none": lambda: random_case(0),
        "one": lambda: random_case(1),
        "random": lambda: random_case(10),
        "tall": lambda: random_case(5, size=(40, 24)),
        "whole_tiles": lambda: random_case(5, size=(32, 32)),
        "one_pixel_canvas": one_pixel_canvas,
        "one_row_canvas": lambda: random_case(5, size=(1, 35)),
        "background_picture": lambda: random_case(5, picture=True),
        "odd_stamp": lambda: random_case(5, stamp=5),
        "one_texel_stamp": lambda: random_case(5, stamp=1),
        "turned": turned,
        "nearly_level": nearly_level,
        "sweeping": sweeping,
        "hardly_sweeping": hardly_sweeping,
        "sweeping_off_canvas": sweeping_off_canvas,
        "hair_thin": hair_thin,
        "off_canvas": off_canvas,
        "nothing_visible": nothing_visible,
        "zero_size": zero_size,
        "huge": huge,
        "many_on_one_pixel": many_on_one_pixel,
        "opaque_stack": opaque_stack,
        "nearly_opaque_stack": nearly_opaque_stack,
        "transparent": transparent,
    }


def random_case(
    count: int, *, size: tuple[int, int] = (24, 40), stamp: int = 8, picture: bool = False, seed: int = 0
) -> Arguments:
    """Strokes of many sizes and angles, with their centres on the canvas and noise for stamps."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    height, width = size
    centre = uniform(count, 2) * torch.tensor([width, height]) / max(size)
    half = 0.03 + 0.3 * uniform(count, 2) ** 2
    angle = (2 * uniform(count, 1) - 1) * math.pi
    placement = torch.cat([centre, half, angle, torch.zeros(count, 1)], dim=1)
    background = uniform(3, height, width) if picture else uniform(3)
    return placement, uniform(count, 7), uniform(count, stamp, stamp, 3), background, size


def one_pixel_canvas() -> Arguments:
    """A canvas of 1×1 that every stroke covers."""
    placement, *rest = random_case(5, size=(1, 1))
    placement[:, 2:4] += 0.7
    return placement, *rest


def turned() -> Arguments:
    """Right angles and angles of several turns."""
    placement, *rest = random_case(6, seed=1)
    placement[:, 4] = torch.tensor([0.0, 0.5, 1.0, -0.5, 3.3, -6.7]) * math.pi
    return placement, *rest


def nearly_level() -> Arguments:
    """Angles so small that lines along a stroke leave the canvas millions of pixels away."""
    placement, *rest = random_case(6, seed=12)
    placement[:, 4] = torch.tensor([1e-9, -3e-9, 1e-8, -1e-6, 1e-4, math.pi / 2])
    return placement, *rest


def sweeping() -> Arguments:
    """Strokes along arcs of both directions, some as far round as may be, one as wide as long."""
    placement, *rest = random_case(10, seed=12)
    generator = torch.Generator().manual_seed(12)
    placement[:, 2] = 0.1 + 0.4 * torch.rand(10, generator=generator)
    placement[:, 3] = placement[:, 2] / torch.linspace(1, 8, 10)
    placement[:, 5] = torch.linspace(-MAX_SWEEP, MAX_SWEEP, 10)[torch.randperm(10, generator=generator)]
    return placement, *rest


def hardly_sweeping() -> Arguments:
    """Strokes that turn so little that one may not divide by it, and straight ones between."""
    placement, *rest = random_case(8, seed=13)
    placement[:, 5] = torch.tensor([0.0, 1e-7, -1e-5, 1e-4, 0.0, -2e-3, 3e-2, -1e-20])
    return placement, *rest


def sweeping_off_canvas() -> Arguments:
    """Strokes whose middle lies outside, and whose ends may bend onto the canvas; large ones, around it."""
    placement, *rest = random_case(12, seed=14)
    placement[:6, 0] = torch.tensor([-0.1, 1.1, -0.2, 1.05, -30.0, 0.5])
    placement[6:, 1] = torch.tensor([-0.1, 0.7, -0.2, 0.65, -30.0, 0.3])
    placement[:, 2] = torch.linspace(0.2, 2.0, 12)
    placement[:, 3] = placement[:, 2] / torch.linspace(6, 1.5, 12)
    placement[:, 5] = torch.linspace(-1.2, 1.1, 12)
    return placement, *rest


def hair_thin() -> Arguments:
    """Strokes narrower or shorter than a pixel, some across the whole canvas."""
    placement, *rest = random_case(6, seed=2)
    placement[:, 2] = 0.7
    placement[:, 3] = 0.004
    placement[3:, 2:4] = placement[3:, 2:4].flip(1)
    return placement, *rest


def off_canvas() -> Arguments:
    """Centres outside: some strokes reach in, some are far away."""
    placement, *rest = random_case(12, seed=3)
    placement[:6, 0] = torch.tensor([-0.1, 1.1, -0.2, 1.05, -30.0, 1e6])
    placement[6:, 1] = torch.tensor([-0.1, 0.7, -0.2, 0.65, -30.0, 1e6])
    placement[:, 2:4] += 0.1
    return placement, *rest


def nothing_visible() -> Arguments:
    """Every stroke lies off the canvas: no tile has a stroke."""
    placement, *rest = random_case(4, seed=4)
    placement[:, :2] += 5
    return placement, *rest


def zero_size() -> Arguments:
    """Half lengths and widths of zero, on pixel centres (which see them) and between; coordinates are exact here."""
    placement, paint, stamps, background, _ = random_case(8, size=(20, 32), seed=5)
    centres = torch.tensor([[3.5, 3.5], [16.5, 10.5], [8.0, 8.0], [20.5, 15.5], [9.5, 17.5], [30.0, 2.0]]) / 32
    placement[:6, :2] = centres
    placement[:6, 2:4] = torch.tensor([[0, 0], [0.33, 0], [0, 0], [0, 0.21], [0, 1e-6], [0.0, 0.2]])
    placement[:4, 4] = 0
    return placement, paint, stamps, background, (20, 32)


def huge() -> Arguments:
    """Strokes much larger than the canvas, in both directions or in one."""
    placement, *rest = random_case(6, seed=6)
    placement[:, 2:4] = torch.tensor([[3.0, 4.0], [50.0, 60.0], [900.0, 0.05], [0.04, 700.0], [2.0, 2.0], [1.0, 5.0]])
    return placement, *rest


def many_on_one_pixel() -> Arguments:
    """Many faint strokes in one place, so that the deepest still show; most tiles have none."""
    placement, paint, *rest = random_case(60, stamp=4, seed=7)
    placement[:, :2] = 0.2 + 0.03 * (placement[:, :2] - 0.3)
    placement[:, 2:4] = 0.01 + 0.3 * placement[:, 2:4]
    paint[:, 6] *= 0.1
    return placement, paint, *rest


def opaque_stack() -> Arguments:
    """Opaque strokes over each other: alpha is clamped and the light is spent after two of them."""
    placement, paint, stamps, *rest = random_case(6, seed=8)
    placement[:, 2:4] = 0.2 + placement[:, 2:4]
    paint[:, 6] = 1
    stamps[..., 0] = 1
    return placement, paint, stamps, *rest


def nearly_opaque_stack() -> Arguments:
    """As above with alphas of 0.9 and more: the light is spent after two to four strokes, one pixel unlike another."""
    placement, paint, stamps, *rest = random_case(6, seed=11)
    placement[:, 2:4] = 0.4 + placement[:, 2:4]
    paint[:, 6] = 0.998
    stamps[..., 0] = 1 - 0.1 * stamps[..., 0]
    return placement, paint, stamps, *rest


def transparent() -> Arguments:
    """Opacities of zero, or stamps with no alpha: nothing shows, and yet there are gradients."""
    placement, paint, stamps, *rest = random_case(4, seed=9)
    paint[:2, 6] = 0
    stamps[2:, :, :, 0] = 0
    return placement, paint, stamps, *rest


def value_and_gradients(
    composite: Composite, arguments: Arguments, *, dtype: torch.dtype = torch.float32, device: str = "cpu"
) -> list[Tensor]:
    """The picture, then the gradients of a fixed random projection of it, in the order of NAMES; float64 on the CPU."""
    tensors = [tensor.to(device=device, dtype=dtype).requires_grad_() for tensor in arguments[:4]]
    size = arguments[4]
    result = composite(tensors[0], tensors[1], tensors[2], tensors[3], size)
    weight = torch.randn(3, *size, generator=torch.Generator().manual_seed(10)).to(result)
    gradients = torch.autograd.grad((result * weight).sum(), tensors, allow_unused=True)
    whole = [
        torch.zeros_like(tensor) if gradient is None else gradient
        for tensor, gradient in zip(tensors, gradients, strict=True)
    ]
    return [tensor.detach().double().cpu() for tensor in (result, *whole)]


def errors(
    composite: Composite, arguments: Arguments, *, device: str = "cpu", reference: Composite = composite_reference
) -> dict[str, float]:
    """Largest error against the reference in float64: of the picture, and of each gradient.

    A gradient's errors are divided, per column of placement and paint, by the largest gradient there (at least 1): the
    columns differ by orders of magnitude.
    """
    expected = value_and_gradients(reference, arguments, dtype=torch.float64)
    got = value_and_gradients(composite, arguments, device=device)
    found = {}
    for name, truth, tensor in zip(("picture", *NAMES), expected, got, strict=True):
        assert tensor.shape == truth.shape, name
        if not truth.numel():
            continue
        scale = truth.abs().amax(dim=0, keepdim=True) if name in ("placement", "paint") else truth.abs().max()
        scale = torch.ones(()) if name == "picture" else scale.clamp_min(1)
        found[name] = float(((tensor - truth).abs() / scale).max())
        assert math.isfinite(found[name]), name
    return found
