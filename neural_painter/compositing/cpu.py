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
from neural_painter.compositing.sharing import lists_of, places_of, runs_of
from neural_painter.compositing.texels import stored
from renderers.brush import PAINT_WIDTH
from renderers.threads import core_count, in_shares

Array = np.ndarray


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
        shares = _share_count()
        lists = lists_of(where, size, side, shares)
        picture = np.empty((3, *size), np.float32)
        kept = size if any(ctx.needs_input_grad) else (0, 0)
        left, deepest = np.empty(kept, np.float32), np.empty(kept, np.int32)
        in_shares(forward, strokes, (*lists, runs_of(lists, shares)), ground, picture, left, deepest, shares=shares)
        ctx.saved = where, strokes, lists, ground, left, deepest
        return torch.from_numpy(picture)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        where, strokes, lists, ground, left, deepest = ctx.saved
        count, side, stamps = len(where), strokes[-1], None
        texels = max(side, 2) ** 2 * 3 if ctx.needs_input_grad[2] else 0
        runs, places = places_of(lists, _share_count(), count, 4 * texels)
        shares = len(runs) - 1
        sums = np.zeros((shares, count, SUMS), np.float32)
        texel_sums = np.zeros(places.total * texels, np.float32)
        (upstream,) = _arrays(gradient)
        arguments = strokes, (*lists, runs), ground, left, deepest, upstream, sums, places.table, texel_sums
        in_shares(backward, *arguments, shares=shares)
        with np.errstate(over="ignore", invalid="ignore"):  # gradients that are not finite are the caller's to diagnose
            found = sums.sum(axis=0)
            placed = placement_gradient(where, strokes[0], found[:, PAINT_WIDTH:])
            if texels:
                whole = places.gathered(texel_sums.reshape(places.total, texels))
                stamps = torch.from_numpy(whole.reshape(count, max(side, 2), max(side, 2), 3)[:, :side, :side])
        behind = None
        if ctx.needs_input_grad[3]:
            behind = gradient * torch.from_numpy(np.where(deepest < 0, left, np.float32(0)))
            behind = behind.sum((1, 2)) if ctx.flat_background else behind
        return torch.from_numpy(placed), torch.from_numpy(found[:, :PAINT_WIDTH]), stamps, behind, None


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
