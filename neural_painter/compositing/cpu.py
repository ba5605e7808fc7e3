"""The compositor in numba: front to back on the way there, back to front on the way back, nothing stored per stroke and
pixel.

`outlines.py` says which pixels strokes may reach, `frames.py` where on their stamps these fall, `texels.py` what stamps
show there; `cpu_kernels.py` lays strokes over each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from neural_painter.compositing.cpu_kernels import SUMS, backward, forward, worth
from neural_painter.compositing.frames import frames_of, placement_gradient
from neural_painter.compositing.outlines import edges_of
from neural_painter.compositing.sharing import Lists, lists_of, places_of, runs_of
from neural_painter.compositing.texels import stored
from renderers.brush import PAINT_WIDTH
from renderers.threads import in_shares, share_count

Array = np.ndarray


class Seen(NamedTuple):
    """What a painted picture is looked at with again.

    Attributes:
        strokes, lists, runs: as kernels take them.
        ground: the background, `[3, H, W]`.
        left: light that the deepest stroke seen has let through, `[H, W]`.
        deepest: which stroke that is, -1 where the background is seen, `[H, W]`.
    """

    strokes: tuple[Any, ...]
    lists: Lists
    runs: Array
    ground: Array
    left: Array
    deepest: Array


def _painted(arrays: Sequence[Array], size: tuple[int, int], *, again: bool) -> tuple[Array, Seen]:
    """The picture `[3, H, W]` of placement, paint, stamps and ground, and what is needed `again`, if it is."""
    placement, paint, stamps, ground = arrays
    side, shares = stamps.shape[1], share_count(math.prod(size))
    strokes = frames_of(placement), edges_of(placement, size, side), paint, stored(stamps), side
    lists = lists_of(placement, size, side, shares)
    picture = np.empty((3, *size), np.float32)
    kept = size if again else (0, 0)
    left, deepest = np.empty(kept, np.float32), np.empty(kept, np.int32)
    runs = runs_of(lists, shares)
    in_shares(forward, strokes, (*lists, runs), ground, picture, left, deepest, shares=shares)
    return picture, Seen(strokes, lists, runs, ground, left, deepest)


class _Composite(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, placement: Tensor, paint: Tensor, stamps: Tensor, background: Tensor, size: tuple[int, int]
    ) -> Tensor:
        arrays = _arrays(placement, paint, stamps, _full(background, size))
        picture, ctx.seen = _painted(arrays, size, again=any(ctx.needs_input_grad))
        ctx.placement, ctx.flat_background = arrays[0], background.ndim == 1
        return torch.from_numpy(picture)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        strokes, lists, runs, ground, left, deepest = ctx.seen
        count, side, stamps = len(ctx.placement), strokes[-1], None
        texels = max(side, 2) ** 2 * 3 if ctx.needs_input_grad[2] else 0
        runs, places = places_of(lists, runs, count, 4 * texels)
        shares = len(runs) - 1
        sums = np.zeros((shares, count, SUMS), np.float32)
        texel_sums = np.zeros(places.total * texels, np.float32)
        (upstream,) = _arrays(gradient)
        in_shares(
            backward,
            strokes,
            (*lists, runs),
            ground,
            left,
            deepest,
            upstream,
            sums,
            places.table,
            texel_sums,
            shares=shares,
        )
        with np.errstate(over="ignore", invalid="ignore"):  # gradients that are not finite are the caller's to diagnose
            found = sums.sum(axis=0)
            placed = placement_gradient(ctx.placement, strokes[0], found[:, PAINT_WIDTH:])
            if texels:
                whole = places.gathered(texel_sums.reshape(places.total, texels))
                stamps = torch.from_numpy(whole.reshape(count, max(side, 2), max(side, 2), 3)[:, :side, :side])
        behind = None
        if ctx.needs_input_grad[3]:
            behind = gradient * torch.from_numpy(np.where(deepest < 0, left, np.float32(0)))
            behind = behind.sum((1, 2)) if ctx.flat_background else behind
        return torch.from_numpy(placed), torch.from_numpy(found[:, :PAINT_WIDTH]), stamps, behind, None


def composite_cpu(
    placement: Tensor, paint: Tensor, stamps: Tensor, background: Tensor, size: tuple[int, int]
) -> Tensor:
    """Composites strokes over a background; arguments and result as in `neural_painter.compositing`, on the CPU.

    Gradients with respect to the stamps are computed where they are asked for; they are the dearest part. With the
    same number of threads, results and gradients repeat to the bit.
    """
    result: Tensor = _Composite.apply(placement, paint, stamps, background, size)
    return result


def worth_cpu(
    placement: Tensor,
    paint: Tensor,
    stamps: Tensor,
    background: Tensor,
    target: Tensor,
    size: tuple[int, int],
    weight: Tensor | None = None,
) -> Tensor:
    """What strokes are worth; arguments and result as in `backend.worth`, on the CPU."""
    *arrays, wanted = _arrays(placement, paint, stamps, _full(background, size), target)
    weights = np.ones(size, np.float32) if weight is None else _arrays(weight)[0]
    picture, seen = _painted(arrays, size, again=True)
    strokes, lists, runs, *behind = seen
    shares = len(runs) - 1
    sums = np.zeros((shares, len(placement)), np.float32)
    in_shares(worth, strokes, (*lists, runs), *behind, picture - wanted, weights, sums, shares=shares)
    return torch.from_numpy(sums.sum(axis=0))


def _full(background: Tensor, size: tuple[int, int]) -> Tensor:
    return background[:, None, None].expand(3, *size) if background.ndim == 1 else background


def _arrays(*tensors: Tensor) -> list[Array]:
    return [np.ascontiguousarray(tensor.detach().numpy()) for tensor in tensors]
