"""Strokes that multiply, in numba: the sum of their densities, its gradients, and what each stroke is worth."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from neural_painter.compositing.cpu_multiply_kernels import backward, forward, worth
from neural_painter.compositing.ground import ground_of
from neural_painter.compositing.walking import Walk, arrays_of, gradients, walk_of, worths

Array = np.ndarray


def _added(placement: Array, ink: Array, stamps: Array, size: tuple[int, int]) -> tuple[Array, Walk]:
    """The densities `[3, H, W]`, and the walk that added them up."""
    walk, densities = walk_of(placement, ink, stamps, size), np.empty((3, *size), np.float32)
    walk.go(forward, densities)
    return densities, walk


class _Densities(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, placement: Tensor, ink: Tensor, stamps: Tensor, size: tuple[int, int]
    ) -> Tensor:
        ctx.placement, inked, drawn = arrays_of(placement, ink, stamps)
        densities, ctx.walk = _added(ctx.placement, inked, drawn, size)
        return torch.from_numpy(densities)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        with_stamps = ctx.needs_input_grad[2]
        return *gradients(ctx.walk, backward, ctx.placement, *arrays_of(gradient), with_stamps=with_stamps), None


def densities_cpu(placement: Tensor, ink: Tensor, stamps: Tensor, size: tuple[int, int]) -> Tensor:
    """The densities of strokes, `[3, H, W]`, on the CPU; `ink` as in `multiply`. Repeats as `composite_cpu` does."""
    result: Tensor = _Densities.apply(placement, ink, stamps, size)
    return result


def multiply_worth_cpu(
    placement: Tensor, ink: Tensor, stamps: Tensor, background: Tensor, target: Tensor, weight: Tensor | None = None
) -> Tensor:
    """What strokes that multiply are worth; as in `backend.worth`, but ink for paint, on the CPU."""
    size = (target.shape[1], target.shape[2])
    placed, inked, drawn, ground, wanted = arrays_of(placement, ink, stamps, ground_of(background, size), target)
    densities, walk = _added(placed, inked, drawn, size)
    picture = ground * np.exp(-densities)
    weights = np.ones((1, *size), np.float32) if weight is None else arrays_of(weight)[0][None]
    return worths(walk, worth, len(placement), picture, picture - wanted, weights)
