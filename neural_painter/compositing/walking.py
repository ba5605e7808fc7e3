"""How kernels on the CPU walk over strokes and tiles, and what they add up on the way: alike for all blends."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from neural_painter.compositing.cpu_kernels import SUMS
from neural_painter.compositing.frames import frames_of, placement_gradient
from neural_painter.compositing.outlines import edges_of
from neural_painter.compositing.sharing import Lists, lists_of, places_of, runs_of
from neural_painter.compositing.texels import stored
from renderers.brush import PAINT_WIDTH
from renderers.threads import in_shares, share_count

Array = np.ndarray
Kernel = Callable[..., Any]


class Walk(NamedTuple):
    """Strokes and tiles as kernels take them.

    Attributes:
        strokes: frames, edges, paint (or ink), stamps, side of a stamp.
        lists: from `lists_of`.
        runs: from `runs_of`.
    """

    strokes: tuple[Any, ...]
    lists: Lists
    runs: Array

    def go(self, kernel: Kernel, *arguments: Any) -> None:
        """Calls `kernel(strokes, tiles, *arguments, share, shares)` for every share."""
        in_shares(kernel, self.strokes, (*self.lists, self.runs), *arguments, shares=len(self.runs) - 1)


def walk_of(placement: Array, paint: Array, stamps: Array, size: tuple[int, int]) -> Walk:
    """The walk over strokes on a canvas `(height, width)`."""
    side, shares = stamps.shape[1], share_count(math.prod(size))
    strokes = frames_of(placement), edges_of(placement, size, side), paint, stored(stamps), side
    lists = lists_of(placement, size, side, shares)
    return Walk(strokes, lists, runs_of(lists, shares))


def gradients(
    walk: Walk, kernel: Kernel, placement: Array, *arguments: Any, with_stamps: bool
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Gradients of placement `[N, 6]`, paint `[N, 7]` and, where they are wanted, stamps `[N, S, S, 3]`.

    Args:
        walk: that of the way there.
        kernel: takes `arguments`, then sums, places and sums of texels, as `cpu_kernels.backward` does.
        placement: the strokes' own.
        arguments: what the kernel looks at.
        with_stamps: whether stamps have a gradient; it is the dearest part.
    """
    count, side, stamps = len(placement), walk.strokes[-1], None
    texels = max(side, 2) ** 2 * 3 if with_stamps else 0
    runs, places = places_of(walk.lists, walk.runs, count, 4 * texels)
    sums = np.zeros((len(runs) - 1, count, SUMS), np.float32)
    texel_sums = np.zeros(places.total * texels, np.float32)
    walk._replace(runs=runs).go(kernel, *arguments, sums, places.table, texel_sums)
    with np.errstate(over="ignore", invalid="ignore"):  # gradients that are not finite are the caller's to diagnose
        found = sums.sum(axis=0)
        placed = placement_gradient(placement, walk.strokes[0], found[:, PAINT_WIDTH:])
        if texels:
            whole = places.gathered(texel_sums.reshape(places.total, texels))
            stamps = torch.from_numpy(whole.reshape(count, max(side, 2), max(side, 2), 3)[:, :side, :side])
    return torch.from_numpy(placed), torch.from_numpy(found[:, :PAINT_WIDTH]), stamps


def worths(walk: Walk, kernel: Kernel, count: int, *arguments: Any) -> Tensor:
    """What a kernel adds up for each of so many strokes, `[N]`."""
    sums = np.zeros((len(walk.runs) - 1, count), np.float32)
    walk.go(kernel, *arguments, sums)
    return torch.from_numpy(sums.sum(axis=0))


def arrays_of(*tensors: Tensor) -> list[Array]:
    """As kernels take them."""
    return [np.ascontiguousarray(tensor.detach().numpy()) for tensor in tensors]
