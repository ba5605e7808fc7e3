"""The compositor on a GPU, in Triton: values and gradients of `neural_painter.compositing`, tile by tile.

Imports without triton and without a GPU; `devices.triton_problem` says whether it can run. With TRITON_INTERPRET=1 in
the environment before triton is first imported, it runs on CPU tensors, slowly and without a compiler: its tests do
that.

Timed on an H200 (`benchmarks/cuda.py`): 1000 strokes at 512², forward and backward, 1.3 ms, nearly all of it the host's
launches; 10 000 at 2048² 2.6 ms, of them 1.5 for the lists, 0.3 forward and 0.8 backward.
"""

from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from neural_painter.compositing.constants import MAX_ALPHA, MIN_HALF, STOP, TILE
from neural_painter.compositing.ground import ground_of
from renderers.brush import ANGLE, CENTRE, HALVES, SWEEP

CHUNK = 8
"""Strokes drawn between two questions whether a tile has light left."""

BLOCK = 128
"""Strokes that a tile looks at together, and that get their gradients together."""

SLACK = 0.01
"""Pixels that a stroke's box is enlarged by: float32 places a pixel of a 4000 px canvas within 0.001 of them."""


def composite_cuda(
    placement: Tensor, paint: Tensor, stamps: Tensor, background: Tensor, size: tuple[int, int]
) -> Tensor:
    """Composites strokes over a background; arguments and result as in `neural_painter.compositing`, float32, on a GPU.

    Memory grows with the pairs of a stroke and a tile that it touches, and so does time, but for a look at all pairs.
    Gradients are summed by atomics, so that two runs may differ in the last bits.
    """
    return _Composite.apply(placement, paint, stamps, background, size)


def _kernels() -> ModuleType:
    """The kernels, imported when first needed: triton is not everywhere."""
    from neural_painter.compositing import cuda_kernels

    return cuda_kernels


def _list_kernels() -> ModuleType:
    from neural_painter.compositing import cuda_list_kernels

    return cuda_list_kernels


def geometry_of(placement: Tensor) -> Tensor:
    """What the kernels want of placements `[N, 6]`: `[N, 7]`, columns as in `cuda_kernels`."""
    angle, sizes = placement[:, ANGLE, None], placement[:, HALVES].clamp_min(MIN_HALF).reciprocal()
    return torch.cat([placement[:, CENTRE], angle.cos(), angle.sin(), sizes, placement[:, SWEEP, None]], dim=1)


def tile_lists(geometry: Tensor, size: tuple[int, int], side: int) -> tuple[Tensor, Tensor]:
    """Which strokes touch which tile.

    Every tile looks at every stroke, twice: to count, and to list. On a GPU that is faster than to sort pairs.

    Args:
        geometry: `[N, 7]`, from `geometry_of`. Strokes with numbers that are none touch nothing.
        size: height and width of the canvas.
        side: of a stamp, in texels.

    Returns:
        order: `[pairs]`, int32: strokes, tile after tile (row by row), in stroke order within a tile.
        starts: `[tiles + 1]`, int32: where each tile's strokes start in `order`; the last one is `pairs`.
    """
    height, width = size
    down, across = -(-height // TILE), -(-width // TILE)

    kernels, count = _list_kernels(), len(geometry)
    boxes = torch.empty(6, count, device=geometry.device)

    def look(starts: Tensor, order: Tensor, *, fill: bool) -> None:
        kernels.list_kernel[(down * across,)](
            boxes, starts, order, count, across, TILE=TILE, BLOCK=BLOCK, SLACK=SLACK, FILL=fill, num_warps=1
        )

    starts = torch.zeros(down * across + 1, dtype=torch.int32, device=geometry.device)
    with torch.cuda.device_of(geometry):
        if count:
            kernels.box_kernel[(-(-count // BLOCK),)](
                geometry, boxes, count, float(max(size)), SIDE=side, BLOCK=BLOCK, num_warps=1
            )
        look(starts, starts, fill=False)
        starts = starts.cumsum(0, dtype=torch.int32)
        order = torch.empty(int(starts[-1]), dtype=torch.int32, device=geometry.device)
        look(starts, order, fill=True)
    return order, starts


def placement_gradient(sums: Tensor, geometry: Tensor, placement: Tensor) -> Tensor:
    """The gradient of placements `[N, 6]` from the sums `[N, 16]` of a backward kernel."""
    made, count = torch.empty_like(placement), len(placement)
    _kernels().placement_kernel[(-(-count // BLOCK),)](
        sums, geometry, placement, made, count, MIN_HALF=MIN_HALF, BLOCK=BLOCK
    )
    return made


class _Composite(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, placement: Tensor, paint: Tensor, stamps: Tensor, background: Tensor, size: tuple[int, int]
    ) -> Tensor:
        height, width = size
        paint, stamps = paint.contiguous(), stamps.contiguous()
        placement = placement.contiguous()
        geometry = geometry_of(placement)
        ground = ground_of(background, (height, width))
        order, starts = tile_lists(geometry, size, stamps.shape[1])
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
        ground = ground_of(background, (height, width))
        count = len(placement)
        sums = torch.zeros(count, 16, device=placement.device)
        placed = None
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
                placed = placement_gradient(sums, geometry, placement)
        rest = None
        if ctx.needs_input_grad[3]:
            rest = gradient * (transmittance * (transmittance >= STOP))
            rest = rest.sum(dim=(1, 2)) if background.ndim == 1 else rest
        return placed, sums[:, :7], stamp_gradient, rest, None
