"""The compositor in numba: front to back on the way there, back to front on the way back, nothing stored per stroke and
pixel.

`outlines.py` says which pixels strokes may reach, `frames.py` where on their stamps these fall, `texels.py` what stamps
show there; `walking.py` goes over them, and `cpu_kernels.py` lays strokes over each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from neural_painter.compositing.cpu_kernels import backward, forward, worth
from neural_painter.compositing.ground import ground_of
from neural_painter.compositing.walking import Walk, arrays_of, gradients, walk_of, worths

Array = np.ndarray


class Seen(NamedTuple):
    """What a painted picture is looked at with again.

    Attributes:
        ground: the background, `[3, H, W]`.
        left: light that the deepest stroke seen has let through, `[H, W]`.
        deepest: which stroke that is, -1 where the background is seen, `[H, W]`.
    """

    ground: Array
    left: Array
    deepest: Array


def _painted(arrays: Sequence[Array], size: tuple[int, int], *, again: bool) -> tuple[Array, Walk, Seen]:
    """The picture `[3, H, W]` of placement, paint, stamps and ground, and what is needed `again`, if it is."""
    placement, paint, stamps, ground = arrays
    walk = walk_of(placement, paint, stamps, size)
    picture = np.empty((3, *size), np.float32)
    kept = size if again else (0, 0)
    seen = Seen(ground, np.empty(kept, np.float32), np.empty(kept, np.int32))
    walk.go(forward, ground, picture, seen.left, seen.deepest)
    return picture, walk, seen


class _Composite(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, placement: Tensor, paint: Tensor, stamps: Tensor, background: Tensor, size: tuple[int, int]
    ) -> Tensor:
        arrays = arrays_of(placement, paint, stamps, ground_of(background, size))
        picture, ctx.walk, ctx.seen = _painted(arrays, size, again=any(ctx.needs_input_grad))
        ctx.placement, ctx.flat_background = arrays[0], background.ndim == 1
        return torch.from_numpy(picture)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        seen, with_stamps = ctx.seen, ctx.needs_input_grad[2]
        found = gradients(ctx.walk, backward, ctx.placement, *seen, *arrays_of(gradient), with_stamps=with_stamps)
        behind = None
        if ctx.needs_input_grad[3]:
            behind = gradient * torch.from_numpy(np.where(seen.deepest < 0, seen.left, np.float32(0)))
            behind = behind.sum((1, 2)) if ctx.flat_background else behind
        return *found, behind, None


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
    *arrays, wanted = arrays_of(placement, paint, stamps, ground_of(background, size), target)
    weights = np.ones(size, np.float32) if weight is None else arrays_of(weight)[0]
    picture, walk, seen = _painted(arrays, size, again=True)
    return worths(walk, worth, len(placement), *seen, picture - wanted, weights)
