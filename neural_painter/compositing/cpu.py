"""The compositor in numba: front to back on the way there, back to front on the way back, nothing stored per stroke and
pixel.

`frames.py` says where strokes lie, `texels.py` what their stamps show, `cpu_kernels.py` lays them over each other.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from neural_painter.compositing.cpu_kernels import SUMS, backward, forward
from neural_painter.compositing.frames import edges_of, frames_of, placement_gradient
from neural_painter.compositing.texels import stored
from neural_painter.compositing.tiles import tile_lists
from renderers.brush import PAINT_WIDTH
from renderers.threads import core_count, in_shares

Array = np.ndarray

SIDES = (64, 32)
"""Sides of tiles, in pixels: the first of which every share has some; large ones are quicker."""

SOME = 6
"""Tiles that a share should have, so that shares are about equal."""

_GRADIENT_MEMORY = 1 << 30
"""Bytes that the threads' own gradients of stamps may take together; fewer threads work where it would be more."""


def _tiles(placement: Array, size: tuple[int, int], side: int, shares: int) -> tuple[Any, ...]:
    """What kernels want of tiles; those of many strokes come first, so that shares are about equal."""
    for tile in SIDES:
        if -(-size[0] // tile) * -(-size[1] // tile) >= shares * SOME:
            break
    if shares == 1:
        tile = SIDES[0]
    counts, starts, members = tile_lists(placement, size, side, tile)
    order = np.argsort(-counts.ravel(), kind="stable")
    return (tile, tile), order, counts, starts, members


def _arrays(*tensors: Tensor) -> list[Array]:
    return [np.ascontiguousarray(tensor.detach().numpy()) for tensor in tensors]


class _Composite(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, placement: Tensor, paint: Tensor, stamps: Tensor, background: Tensor, size: tuple[int, int]
    ) -> Tensor:
        ctx.flat_background = background.ndim == 1
        full = background[:, None, None].expand(3, *size) if ctx.flat_background else background
        where, colours, texels, ground = _arrays(placement, paint, stamps, full)
        side = texels.shape[1]
        strokes = frames_of(where), edges_of(where, size, side), colours, stored(texels), side
        tiles = _tiles(where, size, side, _share_count())
        picture = np.empty((3, *size), np.float32)
        kept = size if any(ctx.needs_input_grad) else (0, 0)
        left, deepest = np.empty(kept, np.float32), np.empty(kept, np.int32)
        in_shares(forward, strokes, tiles, ground, picture, left, deepest, shares=_share_count())
        ctx.saved = where, strokes, tiles, ground, left, deepest
        return torch.from_numpy(picture)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        where, strokes, tiles, ground, left, deepest = ctx.saved
        frames, _, _, texels, side = strokes
        count = len(where)
        with_stamps = ctx.needs_input_grad[2]
        shares = _share_count()
        if with_stamps:
            shares = max(1, min(shares, _GRADIENT_MEMORY // max(1, texels.nbytes)))
        sums = torch.zeros(shares, count, SUMS)
        texel_sums = torch.zeros(shares, len(texels) if with_stamps else 0)
        arrays = _arrays(gradient, sums, texel_sums)
        in_shares(backward, strokes, tiles, ground, left, deepest, *arrays, shares=shares)
        found = _summed(sums)
        placed = placement_gradient(where, frames, found[:, PAINT_WIDTH:].numpy())
        stamps = None
        if with_stamps:
            stamps = _summed(texel_sums).view(count, max(side, 2), max(side, 2), 3)[:, :side, :side]
        behind = None
        if ctx.needs_input_grad[3]:
            behind = gradient * torch.from_numpy(np.where(deepest < 0, left, np.float32(0)))
            behind = behind.sum((1, 2)) if ctx.flat_background else behind
        return torch.from_numpy(placed), found[:, :PAINT_WIDTH], stamps, behind, None


def _summed(gradients: Tensor) -> Tensor:
    """The sum over the first axis, in the first entry's memory."""
    total = gradients[0]
    for other in gradients[1:]:
        total += other
    return total


def _share_count() -> int:
    """As many threads as torch uses, so that one setting rules both."""
    return max(1, min(torch.get_num_threads(), core_count()))


def composite_cpu(
    placement: Tensor, paint: Tensor, stamps: Tensor, background: Tensor, size: tuple[int, int]
) -> Tensor:
    """Composites strokes over a background; arguments and result as in `neural_painter.compositing`, on the CPU.

    Gradients with respect to the stamps are computed where they are asked for; they are the dearest part. With the
    same number of threads, results and gradients repeat to the bit.
    """
    result: Tensor = _Composite.apply(placement, paint, stamps, background, size)
    return result
