"""Strokes that multiply, in numba: the sum of their densities, its gradients, and what each stroke is worth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from neural_painter.compositing.cpu_kernels import SUMS
from neural_painter.compositing.cpu_multiply_kernels import backward, forward, worth
from neural_painter.compositing.frames import frames_of, placement_gradient
from neural_painter.compositing.outlines import edges_of
from neural_painter.compositing.sharing import Lists, lists_of, places_of, runs_of
from neural_painter.compositing.texels import stored
from renderers.brush import PAINT_WIDTH
from renderers.threads import in_shares, share_count

Array = np.ndarray


def _added(
    placement: Array, ink: Array, stamps: Array, size: tuple[int, int]
) -> tuple[Array, tuple[Any, ...], Lists, Array]:
    """The densities `[3, H, W]`; strokes, lists and runs as kernels take them."""
    side, shares = stamps.shape[1], share_count(math.prod(size))
    strokes = frames_of(placement), edges_of(placement, size, side), ink, stored(stamps), side
    lists = lists_of(placement, size, side, shares)
    densities, runs = np.empty((3, *size), np.float32), runs_of(lists, shares)
    in_shares(forward, strokes, (*lists, runs), densities, shares=shares)
    return densities, strokes, lists, runs


class _Densities(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, placement: Tensor, ink: Tensor, stamps: Tensor, size: tuple[int, int]
    ) -> Tensor:
        ctx.placement = _array(placement)
        densities, *ctx.seen = _added(ctx.placement, _array(ink), _array(stamps), size)
        return torch.from_numpy(densities)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        strokes, lists, runs = ctx.seen
        count, side, stamps = len(ctx.placement), strokes[-1], None
        texels = max(side, 2) ** 2 * 3 if ctx.needs_input_grad[2] else 0
        runs, places = places_of(lists, runs, count, 4 * texels)
        shares = len(runs) - 1
        sums = np.zeros((shares, count, SUMS), np.float32)
        texel_sums = np.zeros(places.total * texels, np.float32)
        upstream, tiles = _array(gradient), (*lists, runs)
        in_shares(backward, strokes, tiles, upstream, sums, places.table, texel_sums, shares=shares)
        with np.errstate(over="ignore", invalid="ignore"):  # gradients that are not finite are the caller's to diagnose
            found = sums.sum(axis=0)
            placed = placement_gradient(ctx.placement, strokes[0], found[:, PAINT_WIDTH:])
            if texels:
                whole = places.gathered(texel_sums.reshape(places.total, texels))
                stamps = torch.from_numpy(whole.reshape(count, max(side, 2), max(side, 2), 3)[:, :side, :side])
        return torch.from_numpy(placed), torch.from_numpy(found[:, :PAINT_WIDTH]), stamps, None


def densities_cpu(placement: Tensor, ink: Tensor, stamps: Tensor, size: tuple[int, int]) -> Tensor:
    """The densities of strokes, `[3, H, W]`, on the CPU; `ink` as in `multiply`. Repeats as `composite_cpu` does."""
    result: Tensor = _Densities.apply(placement, ink, stamps, size)
    return result


def multiply_worth_cpu(
    placement: Tensor, ink: Tensor, stamps: Tensor, background: Tensor, target: Tensor, weight: Tensor | None = None
) -> Tensor:
    """What strokes that multiply are worth; as in `backend.worth`, but ink for paint, on the CPU."""
    size = (target.shape[1], target.shape[2])
    densities, strokes, lists, runs = _added(_array(placement), _array(ink), _array(stamps), size)
    ground = _array(background[:, None, None] if background.ndim == 1 else background)
    picture = ground * np.exp(-densities)
    weights = np.ones((1, *size), np.float32) if weight is None else _array(weight)[None]
    shares = len(runs) - 1
    sums = np.zeros((shares, len(placement)), np.float32)
    in_shares(worth, strokes, (*lists, runs), picture, picture - _array(target), weights, sums, shares=shares)
    return torch.from_numpy(sums.sum(axis=0))


def _array(tensor: Tensor) -> Array:
    return np.ascontiguousarray(tensor.detach().numpy())
