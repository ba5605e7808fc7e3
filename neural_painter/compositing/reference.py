"""The compositor in plain torch: short, obvious, any device, autograd. Every other back end must agree with it."""

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from neural_painter.compositing.constants import MAX_ALPHA, MIN_HALF, STOP
from renderers.brush import FIRST, OPACITY, SECOND


def composite_reference(
    placement: Tensor, paint: Tensor, stamps: Tensor, background: Tensor, size: tuple[int, int]
) -> Tensor:
    """Composites strokes over a background; arguments and result as in `neural_painter.compositing`.

    Every stroke is drawn on the whole canvas, so time and memory grow with strokes times pixels.
    """
    height, width = size
    long_side = max(height, width)
    y = (torch.arange(height, dtype=placement.dtype, device=placement.device) + 0.5) / long_side
    x = (torch.arange(width, dtype=placement.dtype, device=placement.device) + 0.5) / long_side
    canvas = torch.zeros(3, height, width, dtype=placement.dtype, device=placement.device)
    transmittance = torch.ones(height, width, dtype=placement.dtype, device=placement.device)
    for n in range(len(placement) - 1, -1, -1):
        cx, cy, half_length, half_width, angle = placement[n]
        dx, dy = x[None, :] - cx, y[:, None] - cy
        u = (dx * angle.cos() + dy * angle.sin()) / half_length.clamp_min(MIN_HALF)
        v = (dy * angle.cos() - dx * angle.sin()) / half_width.clamp_min(MIN_HALF)
        grid = torch.stack([u, v], dim=-1)[None]
        texel = grid_sample(stamps[n].permute(2, 0, 1)[None], grid, padding_mode="zeros", align_corners=False)[0]
        alpha = (paint[n, OPACITY] * texel[0]).clamp_max(MAX_ALPHA)
        colour = texel[1] * paint[n, FIRST, None, None] + texel[2] * paint[n, SECOND, None, None]
        seen = transmittance * (transmittance >= STOP)
        canvas = canvas + seen * alpha * colour
        transmittance = transmittance * (1 - alpha)
    background = background[:, None, None] if background.ndim == 1 else background
    return canvas + transmittance * (transmittance >= STOP) * background
