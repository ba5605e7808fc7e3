"""The compositor on a GPU, in Triton: values and gradients of `neural_painter.compositing`, tile by tile.

Imports without triton and without a GPU; `devices.triton_problem` says whether it can run. With TRITON_INTERPRET=1 in
the environment before triton is first imported, it runs on CPU tensors, slowly and without a compiler: its tests do
that.
"""

from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from neural_painter.compositing.constants import MAX_ALPHA, MIN_HALF, STOP, TILE
from renderers.brush import ANGLE, CENTRE, HALVES

CHUNK = 8
"""Strokes drawn between two questions whether a tile has light left."""

SLACK = 0.01
"""Pixels that a stroke's box is enlarged by: float32 places a pixel of a 4000 px canvas within 0.001 of them."""


def composite_cuda(
    placement: Tensor, paint: Tensor, stamps: Tensor, background: Tensor, size: tuple[int, int]
) -> Tensor:
    """Composites strokes over a background; arguments and result as in `neural_painter.compositing`, float32, on a GPU.

    Time and memory grow with the pairs of a stroke and a tile that it touches. Gradients are summed by atomics, so
    that two runs may differ in the last bits.
    """
    return _Composite.apply(placement, paint, stamps, background, size)


def _kernels() -> ModuleType:
    """The kernels, imported when first needed: triton is not everywhere."""
    from neural_painter.compositing import cuda_kernels

    return cuda_kernels


def _intervals(slope: Tensor, offset: Tensor, reach: Tensor) -> tuple[Tensor, Tensor]:
    """Where |slope * x + offset| <= reach: from and to; everywhere if the slope is next to nothing."""
    flat = slope.abs() < 1e-6
    centre = torch.where(flat, 0.0, -offset / slope)
    radius = torch.where(flat, torch.inf, reach / slope.abs())
    return centre - radius, centre + radius


def _spans(low: Tensor, high: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Tiles, of `count`, with a centre between low and high (pixels): each one's index, and whose span it is in."""
    first = ((low - TILE / 2) / TILE).ceil().clamp(0, count).long()
    past = ((high - TILE / 2) / TILE).floor().clamp(-1, count - 1).long() + 1
    length = (past - first).clamp_min(0)
    owner = torch.arange(len(length), device=length.device).repeat_interleave(length)
    before = length.cumsum(0) - length
    return first[owner] + torch.arange(len(owner), device=length.device) - before[owner], owner


def tile_lists(placement: Tensor, size: tuple[int, int], side: int) -> tuple[Tensor, Tensor]:
    """Which strokes touch which tile.

    A stroke's box is its stamp's support, half a texel beyond [-1, 1]². It is tested against a tile's pixel centres by
    separating axes, solved for the columns of each row of tiles that the box crosses: nothing is made that is larger
    than the lists.

    Args:
        placement: `[N, 5]`, as in `neural_painter.compositing`.
        size: height and width of the canvas.
        side: of a stamp, in texels.

    Returns:
        order: `[pairs]`, int32: strokes, tile after tile (row by row), in stroke order within a tile.
        starts: `[tiles + 1]`, int32: where each tile's strokes start in `order`; the last one is `pairs`.
    """
    height, width = size
    down, across = -(-height // TILE), -(-width // TILE)
    finite = placement.detach().double().nan_to_num(0.0).clamp(-1e9, 1e9)
    cx, cy = (finite[:, CENTRE] * max(size)).unbind(1)
    a, b = (finite[:, HALVES].clamp_min(MIN_HALF) * (1 + 1 / side) * max(size) + SLACK).unbind(1)
    cos, sin = finite[:, ANGLE].cos(), finite[:, ANGLE].sin()
    half_tile = (TILE - 1) / 2

    reach = a * sin.abs() + b * cos.abs() + half_tile
    row, stroke = _spans(cy - reach, cy + reach, down)
    cx, cy, a, b, cos, sin = (tensor[stroke] for tensor in (cx, cy, a, b, cos, sin))
    dy = (row + 0.5) * TILE - cy
    reach = a * cos.abs() + b * sin.abs() + half_tile
    corner = half_tile * (cos.abs() + sin.abs())
    low_u, high_u = _intervals(cos, dy * sin, a + corner)
    low_v, high_v = _intervals(-sin, dy * cos, b + corner)
    low = torch.maximum(torch.maximum(low_u, low_v), -reach)
    high = torch.minimum(torch.minimum(high_u, high_v), reach)
    column, span = _spans(cx + low, cx + high, across)

    tile, ranks = (row[span] * across + column).sort(stable=True)
    starts = torch.searchsorted(tile, torch.arange(down * across + 1, device=tile.device))
    return stroke[span][ranks].int(), starts.int()


class _Composite(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, placement: Tensor, paint: Tensor, stamps: Tensor, background: Tensor, size: tuple[int, int]
    ) -> Tensor:
        height, width = size
        paint, stamps = paint.contiguous(), stamps.contiguous()
        cos, sin = placement[:, ANGLE].cos(), placement[:, ANGLE].sin()
        inverse = 1 / placement[:, HALVES].clamp_min(MIN_HALF)
        geometry = torch.cat([placement[:, CENTRE], cos[:, None], sin[:, None], inverse], dim=1)
        ground = (background[:, None, None] if background.ndim == 1 else background).expand(3, height, width)
        order, starts = tile_lists(placement, size, stamps.shape[1])
        result = torch.empty(3, height, width, device=placement.device)
        transmittance = torch.empty(height, width, device=placement.device)
        deepest = torch.empty(height, width, dtype=torch.int32, device=placement.device)
        with torch.cuda.device_of(placement):
            _kernels().forward_kernel[(len(starts) - 1,)](
                geometry,
                paint,
                stamps,
                ground,
                *ground.stride(),
                order,
                starts,
                result,
                transmittance,
                deepest,
                height,
                width,
                -(-width // TILE),
                float(max(size)),
                SIDE=stamps.shape[1],
                TILE=TILE,
                CHUNK=CHUNK,
                MAX_ALPHA=MAX_ALPHA,
                STOP=STOP,
                enable_fp_fusion=True,
            )
        ctx.save_for_backward(placement, geometry, paint, stamps, background, order, starts, transmittance, deepest)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        placement, geometry, paint, stamps, background, order, starts, transmittance, deepest = ctx.saved_tensors
        _, height, width = gradient.shape
        gradient = gradient.contiguous()
        ground = (background[:, None, None] if background.ndim == 1 else background).expand(3, height, width)
        sums = torch.zeros(len(placement), 16, device=placement.device)
        with_stamps = ctx.needs_input_grad[2]
        stamp_gradient = torch.zeros_like(stamps) if with_stamps else None
        if any(ctx.needs_input_grad[:3]):
            with torch.cuda.device_of(placement):
                _kernels().backward_kernel[(len(starts) - 1,)](
                    gradient,
                    geometry,
                    paint,
                    stamps,
                    ground,
                    *ground.stride(),
                    order,
                    starts,
                    transmittance,
                    deepest,
                    sums,
                    stamp_gradient if with_stamps else sums,
                    height,
                    width,
                    -(-width // TILE),
                    float(max(height, width)),
                    SIDE=stamps.shape[1],
                    TILE=TILE,
                    MAX_ALPHA=MAX_ALPHA,
                    STOP=STOP,
                    WITH_STAMPS=with_stamps,
                    enable_fp_fusion=True,
                )
        rest = gradient * (transmittance * (transmittance >= STOP))
        if background.ndim == 1:
            rest = rest.sum(dim=(1, 2))
        return _placement_gradient(placement, geometry, sums[:, 7:13]), sums[:, :7], stamp_gradient, rest, None


def _placement_gradient(placement: Tensor, geometry: Tensor, sums: Tensor) -> Tensor:
    """From the sums of the gradients of u and v, as they are and times u and v, to those of placement."""
    cos, sin, inverse_a, inverse_b = geometry[:, 2:].unbind(1)
    d_u, d_v, d_u_u, d_u_v, d_v_u, d_v_v = sums.unbind(1)
    x = sin * inverse_b * d_v - cos * inverse_a * d_u
    y = -sin * inverse_a * d_u - cos * inverse_b * d_v
    a, b = -inverse_a * d_u_u, -inverse_b * d_v_v
    # Turning the stroke moves u by v b / a and v by -u a / b.
    angle = d_u_v * inverse_a / inverse_b - d_v_u * inverse_b / inverse_a
    free = placement[:, HALVES] >= MIN_HALF
    return torch.stack([x, y, a * free[:, 0], b * free[:, 1], angle], dim=1)
