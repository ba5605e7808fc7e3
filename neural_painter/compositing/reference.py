"""The compositor in plain torch: short, obvious, any device, autograd. Every other back end must agree with it."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from neural_painter.compositing.constants import DARKEST, MAX_ALPHA, MIN_HALF, NEAREST, STOP
from neural_painter.compositing.ground import ground_of
from renderers.brush import COLOURS, FIRST, OPACITY, SECOND


def composite_reference(
    placement: Tensor, paint: Tensor, stamps: Tensor, background: Tensor, size: tuple[int, int]
) -> Tensor:
    """Composites strokes over a background; arguments and result as in `neural_painter.compositing`.

    Every stroke is drawn on the whole canvas, so time and memory grow with strokes times pixels.
    """
    canvas = torch.zeros(3, *size, dtype=placement.dtype, device=placement.device)
    transmittance = torch.ones(size, dtype=placement.dtype, device=placement.device)
    for alpha, colour in _layers(placement, paint, stamps, size):
        seen = transmittance * (transmittance >= STOP)
        canvas = canvas + seen * alpha * colour
        transmittance = transmittance * (1 - alpha)
    return canvas + transmittance * (transmittance >= STOP) * ground_of(background, size)


@torch.no_grad()
def worth_reference(
    placement: Tensor,
    paint: Tensor,
    stamps: Tensor,
    background: Tensor,
    target: Tensor,
    size: tuple[int, int],
    weight: Tensor | None = None,
) -> Tensor:
    """What strokes are worth; arguments and result as in `backend.worth`. Keeps a picture for every stroke."""
    kept = []
    transmittance = torch.ones(size, dtype=placement.dtype, device=placement.device)
    behind = ground_of(background, size)
    for alpha, colour in _layers(placement, paint, stamps, size):
        seen = transmittance >= STOP
        kept.append((transmittance * seen, alpha, colour))
        transmittance = transmittance * (1 - alpha)
        behind = torch.where(seen & (transmittance < STOP), colour, behind)
    error = composite_reference(placement, paint, stamps, background, size) - target
    made = placement.new_zeros(len(placement))
    for n, (front, alpha, colour) in enumerate(reversed(kept)):
        change = front * alpha * (behind - colour)
        gain = (change * (2 * error + change)).sum(dim=0)
        made[n] = (gain if weight is None else gain * weight).sum()
        behind = torch.where(front > 0, behind + alpha * (colour - behind), behind)
    return made


def multiply_reference(
    placement: Tensor, paint: Tensor, stamps: Tensor, background: Tensor, size: tuple[int, int]
) -> Tensor:
    """Strokes that multiply, over a background; arguments and result as in `neural_painter.compositing`."""
    total = torch.zeros(3, *size, dtype=placement.dtype, device=placement.device)
    for density in _densities(placement, paint, stamps, size):
        total = total + density
    return ground_of(background, size) * (-total).exp()


@torch.no_grad()
def multiply_worth_reference(
    placement: Tensor,
    paint: Tensor,
    stamps: Tensor,
    background: Tensor,
    target: Tensor,
    size: tuple[int, int],
    weight: Tensor | None = None,
) -> Tensor:
    """What strokes that multiply are worth; arguments and result as in `backend.worth`."""
    picture = multiply_reference(placement, paint, stamps, background, size)
    error = picture - target
    made = placement.new_zeros(len(placement))
    for n, density in enumerate(_densities(placement, paint, stamps, size)):
        change = picture * density.expm1()
        gain = (change * (2 * error + change)).sum(dim=0)
        made[len(made) - 1 - n] = (gain if weight is None else gain * weight).sum()
    return made


def _layers(placement: Tensor, paint: Tensor, stamps: Tensor, size: tuple[int, int]) -> Iterator[tuple[Tensor, Tensor]]:
    """Alpha `[H, W]` and colour `[3, H, W]` of every stroke, the last one first."""
    for n, texel in _seen(placement, stamps, size):
        alpha = (paint[n, OPACITY] * texel[0]).clamp_max(MAX_ALPHA)
        yield alpha, texel[1] * paint[n, FIRST, None, None] + texel[2] * paint[n, SECOND, None, None]


def _densities(placement: Tensor, paint: Tensor, stamps: Tensor, size: tuple[int, int]) -> Iterator[Tensor]:
    """Optical density `[3, H, W]` of every stroke, the last one first."""
    colours = paint[:, COLOURS]
    ink = -torch.where(colours < DARKEST, DARKEST, colours).log()
    for n, texel in _seen(placement, stamps, size):
        dyes = texel[1] * ink[n, FIRST, None, None] + texel[2] * ink[n, SECOND, None, None]
        yield paint[n, OPACITY] * texel[0] * dyes


def _seen(placement: Tensor, stamps: Tensor, size: tuple[int, int]) -> Iterator[tuple[int, Tensor]]:
    """The number of every stroke, the last one first, and what each pixel sees of its stamp, `[3, H, W]`."""
    height, width = size
    long_side = max(height, width)
    y = (torch.arange(height, dtype=placement.dtype, device=placement.device) + 0.5) / long_side
    x = (torch.arange(width, dtype=placement.dtype, device=placement.device) + 0.5) / long_side
    for n in range(len(placement) - 1, -1, -1):
        cx, cy, half_length, half_width, angle, sweep = placement[n]
        dx, dy = x[None, :] - cx, y[:, None] - cy
        half_length, half_width = half_length.clamp_min(MIN_HALF), half_width.clamp_min(MIN_HALF)
        p, q = (dx * angle.cos() + dy * angle.sin()) / half_length, (dy * angle.cos() - dx * angle.sin()) / half_length
        u, across = _bent(p, q, sweep)
        v = across * half_length / half_width
        grid = torch.stack([u, v], dim=-1)[None]
        yield n, grid_sample(stamps[n].permute(2, 0, 1)[None], grid, padding_mode="zeros", align_corners=False)[0]


def _bent(p: Tensor, q: Tensor, sweep: Tensor) -> tuple[Tensor, Tensor]:
    """Along and across the spine of a stroke, as `bends` has them, by half the angle: nothing divides by it."""
    x, y = 1 - sweep * q, sweep * p
    on = x > NEAREST
    x = torch.where(on, x, NEAREST)
    radius = (x * x + y * y).sqrt()
    h = y / (radius + x)
    small = h.abs() < 2e-3
    whole = torch.where(small, 1.0, h)
    ratio = torch.where(small, 1 - h * h / 3 + h.pow(4) / 5, whole.atan() / whole)
    return torch.where(on, 2 * p / (radius + x) * ratio, 1e3), (2 * q - sweep * (p * p + q * q)) / (1 + radius)
