"""Strokes that multiply, in Triton: the sum of their densities and its gradients. Tests and rules as for `cuda.py`."""

from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from neural_painter.compositing.constants import TILE
from neural_painter.compositing.cuda import geometry_of, placement_gradient, tile_lists


def densities_cuda(placement: Tensor, ink: Tensor, stamps: Tensor, size: tuple[int, int]) -> Tensor:
    """The densities of strokes, `[3, H, W]`, float32, on a GPU; `ink` as in `multiply`."""
    return _Densities.apply(placement, ink, stamps, size)


def _kernels() -> ModuleType:
    """The kernels, imported when first needed: triton is not everywhere."""
    from neural_painter.compositing import cuda_multiply_kernels

    return cuda_multiply_kernels


class _Densities(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, placement: Tensor, ink: Tensor, stamps: Tensor, size: tuple[int, int]
    ) -> Tensor:
        height, width = size
        placement, ink, stamps = placement.contiguous(), ink.contiguous(), stamps.contiguous()
        geometry = geometry_of(placement)
        order, starts = tile_lists(geometry, size, stamps.shape[1])
        result = torch.empty(3, height, width, device=placement.device)
        with torch.cuda.device_of(placement):
            _kernels().forward_kernel[(len(starts) - 1,)](
                geometry,
                ink,
                stamps,
                order,
                starts,
                result,
                height,
                width,
                -(-width // TILE),
                float(max(size)),
                SIDE=stamps.shape[1],
                TILE=TILE,
                enable_fp_fusion=True,
            )
        ctx.save_for_backward(placement, geometry, ink, stamps, order, starts)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        placement, geometry, ink, stamps, order, starts = ctx.saved_tensors
        _, height, width = gradient.shape
        sums = torch.zeros(len(placement), 16, device=placement.device)
        stamp_gradient = torch.zeros_like(stamps) if ctx.needs_input_grad[2] else None
        with torch.cuda.device_of(placement):
            _kernels().backward_kernel[(len(starts) - 1,)](
                gradient.contiguous(),
                geometry,
                ink,
                stamps,
                order,
                starts,
                sums,
                sums if stamp_gradient is None else stamp_gradient,
                height,
                width,
                -(-width // TILE),
                float(max(height, width)),
                SIDE=stamps.shape[1],
                TILE=TILE,
                WITH_STAMPS=stamp_gradient is not None,
                enable_fp_fusion=True,
            )
            placed = placement_gradient(sums, geometry, placement)
        return placed, sums[:, :7], stamp_gradient, None
