"""The compositor in numba: threads over tiles, front to back, nothing stored per stroke and pixel.

The backward pass walks a pixel's strokes front to back once, keeping what it saw in a small stack, then back to front
with what lies behind each. So it needs neither saved images nor a division by what may be zero.
"""

import math
import os
from typing import Any

import numpy as np
import torch
from numba import get_num_threads, njit, prange, set_num_threads
from torch import Tensor

from neural_painter.compositing.constants import MAX_ALPHA, MIN_HALF, STOP, TILE
from neural_painter.compositing.tiles import tile_lists

Array = np.ndarray

_FAST = {"contract", "reassoc", "arcp", "nsz"}
_LIMIT = np.float32(MAX_ALPHA)
_STOP = np.float32(STOP)
_SMALLEST = np.float32(MIN_HALF)
_GRADIENT_MEMORY = 1 << 30
"""Bytes that the threads' own gradients of stamps may take together; fewer threads work where it would be more."""


@njit(cache=True, nogil=True, error_model="numpy")
def _frames(placement):  # type: ignore[no-untyped-def]
    """Per stroke: centre, the two rows of the map to its frame, 1 / half length, 1 / half width, cos, sin."""
    frames = np.empty((len(placement), 8), np.float32)
    for n in range(len(placement)):
        cos, sin = np.float32(math.cos(placement[n, 4])), np.float32(math.sin(placement[n, 4]))
        frames[n, 0], frames[n, 1] = placement[n, 0], placement[n, 1]
        frames[n, 2] = np.float32(1) / max(placement[n, 2], _SMALLEST)
        frames[n, 3] = np.float32(1) / max(placement[n, 3], _SMALLEST)
        frames[n, 4], frames[n, 5] = cos, sin
        frames[n, 6] = np.float32(1 if placement[n, 2] > _SMALLEST else 0)
        frames[n, 7] = np.float32(1 if placement[n, 3] > _SMALLEST else 0)
    return frames


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _locate(frames, n, x, y, side):  # type: ignore[no-untyped-def]
    """Texel coordinates (texel centres at whole numbers) of a canvas point, and whether the stamp reaches it."""
    dx, dy = x - frames[n, 0], y - frames[n, 1]
    u = (dx * frames[n, 4] + dy * frames[n, 5]) * frames[n, 2]
    v = (dy * frames[n, 4] - dx * frames[n, 5]) * frames[n, 3]
    column = (u + 1) * np.float32(0.5 * side) - np.float32(0.5)
    row = (v + 1) * np.float32(0.5 * side) - np.float32(0.5)
    inside = column > -1 and row > -1 and column < side and row < side
    return column, row, inside


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _texel(stamps, n, row, column, channel, side):  # type: ignore[no-untyped-def]
    if row < 0 or column < 0 or row >= side or column >= side:
        return np.float32(0)
    return stamps[n, row, column, channel]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _bilinear(stamps, n, i, j, s, t, channel, side):  # type: ignore[no-untyped-def]
    if i >= 0 and j >= 0 and i < side - 1 and j < side - 1:
        v00, v01 = stamps[n, i, j, channel], stamps[n, i, j + 1, channel]
        v10, v11 = stamps[n, i + 1, j, channel], stamps[n, i + 1, j + 1, channel]
    else:
        v00, v01 = _texel(stamps, n, i, j, channel, side), _texel(stamps, n, i, j + 1, channel, side)
        v10, v11 = _texel(stamps, n, i + 1, j, channel, side), _texel(stamps, n, i + 1, j + 1, channel, side)
    upper, lower = v00 + s * (v01 - v00), v10 + s * (v11 - v10)
    return upper + t * (lower - upper), (v01 - v00) + t * ((v11 - v10) - (v01 - v00)), lower - upper


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST, parallel=True)
def _forward(frames, paint, stamps, background, counts, starts, members, out):  # type: ignore[no-untyped-def]
    _, height, width = out.shape
    side = stamps.shape[1]
    scale = np.float32(1.0 / max(height, width))
    columns = counts.shape[1]
    for tile in prange(counts.size):
        tile_row, tile_column = tile // columns, tile % columns
        count, start = counts[tile_row, tile_column], starts[tile_row, tile_column]
        for py in range(tile_row * TILE, min((tile_row + 1) * TILE, height)):
            y = np.float32(py + 0.5) * scale
            for px in range(tile_column * TILE, min((tile_column + 1) * TILE, width)):
                x = np.float32(px + 0.5) * scale
                transmittance = np.float32(1)
                red, green, blue = np.float32(0), np.float32(0), np.float32(0)
                for k in range(count - 1, -1, -1):
                    n = members[start + k]
                    column, row, inside = _locate(frames, n, x, y, side)
                    if not inside:
                        continue
                    i, j = math.floor(row), math.floor(column)
                    s, t = column - np.float32(j), row - np.float32(i)
                    matte, _, _ = _bilinear(stamps, n, i, j, s, t, 0, side)
                    alpha = min(paint[n, 6] * matte, _LIMIT)
                    if alpha == 0:
                        continue
                    first, _, _ = _bilinear(stamps, n, i, j, s, t, 1, side)
                    second, _, _ = _bilinear(stamps, n, i, j, s, t, 2, side)
                    weight = transmittance * alpha
                    red += weight * (first * paint[n, 0] + second * paint[n, 3])
                    green += weight * (first * paint[n, 1] + second * paint[n, 4])
                    blue += weight * (first * paint[n, 2] + second * paint[n, 5])
                    transmittance *= 1 - alpha
                    if transmittance < _STOP:
                        transmittance = np.float32(0)
                        break
                out[0, py, px] = red + transmittance * background[0, py, px]
                out[1, py, px] = green + transmittance * background[1, py, px]
                out[2, py, px] = blue + transmittance * background[2, py, px]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST, parallel=True)
def _backward(  # type: ignore[no-untyped-def]
    frames,
    paint,
    stamps,
    background,
    counts,
    starts,
    members,
    deepest,
    gradient,
    placement_gradient,
    paint_gradient,
    stamps_gradient,
    background_gradient,
):
    _, height, width = gradient.shape
    side = stamps.shape[1]
    half_side = np.float32(0.5 * side)
    scale = np.float32(1.0 / max(height, width))
    columns = counts.shape[1]
    with_stamps = stamps_gradient.shape[1] > 0
    # Each share of the tiles has gradients of its own, so that sums do not depend on which thread was faster.
    shares = len(placement_gradient)
    for thread in prange(shares):
        for tile in range(thread, counts.size, shares):
            tile_row, tile_column = tile // columns, tile % columns
            count, start = counts[tile_row, tile_column], starts[tile_row, tile_column]
            # What the front-to-back pass saw, for the pass back: 0 transmittance in front, 1 alpha, 2-4 colour,
            # 5 matte, 6 its slope along columns, 7 along rows, 8-9 colour weights, 10-11 offsets in the texel.
            seen = np.empty((min(count, deepest), 12), np.float32)
            who = np.empty((min(count, deepest), 3), np.int32)
            for py in range(tile_row * TILE, min((tile_row + 1) * TILE, height)):
                y = np.float32(py + 0.5) * scale
                for px in range(tile_column * TILE, min((tile_column + 1) * TILE, width)):
                    x = np.float32(px + 0.5) * scale
                    g0, g1, g2 = gradient[0, py, px], gradient[1, py, px], gradient[2, py, px]
                    transmittance = np.float32(1)
                    depth = 0
                    for k in range(count - 1, -1, -1):
                        n = members[start + k]
                        column, row, inside = _locate(frames, n, x, y, side)
                        if not inside:
                            continue
                        i, j = math.floor(row), math.floor(column)
                        s, t = column - np.float32(j), row - np.float32(i)
                        matte, along_column, along_row = _bilinear(stamps, n, i, j, s, t, 0, side)
                        first, _, _ = _bilinear(stamps, n, i, j, s, t, 1, side)
                        second, _, _ = _bilinear(stamps, n, i, j, s, t, 2, side)
                        alpha = min(paint[n, 6] * matte, _LIMIT)
                        seen[depth, 0], seen[depth, 1] = transmittance, alpha
                        for c in range(3):
                            seen[depth, 2 + c] = first * paint[n, c] + second * paint[n, 3 + c]
                        seen[depth, 5], seen[depth, 6], seen[depth, 7] = matte, along_column, along_row
                        seen[depth, 8], seen[depth, 9], seen[depth, 10], seen[depth, 11] = first, second, s, t
                        who[depth, 0], who[depth, 1], who[depth, 2] = n, i, j
                        depth += 1
                        transmittance *= 1 - alpha
                        if transmittance < _STOP:
                            transmittance = np.float32(0)
                            break
                    background_gradient[0, py, px] = g0 * transmittance
                    background_gradient[1, py, px] = g1 * transmittance
                    background_gradient[2, py, px] = g2 * transmittance
                    if transmittance > 0:
                        b0, b1, b2 = background[0, py, px], background[1, py, px], background[2, py, px]
                    else:
                        b0, b1, b2 = np.float32(0), np.float32(0), np.float32(0)
                    for d in range(depth - 1, -1, -1):
                        n, i, j = who[d, 0], who[d, 1], who[d, 2]
                        front, alpha = seen[d, 0], seen[d, 1]
                        c0, c1, c2 = seen[d, 2], seen[d, 3], seen[d, 4]
                        alpha_gradient = front * (g0 * (c0 - b0) + g1 * (c1 - b1) + g2 * (c2 - b2))
                        b0, b1, b2 = b0 + alpha * (c0 - b0), b1 + alpha * (c1 - b1), b2 + alpha * (c2 - b2)
                        weight = front * alpha
                        w0, w1, w2 = weight * g0, weight * g1, weight * g2
                        matte, first, second, s, t = seen[d, 5], seen[d, 8], seen[d, 9], seen[d, 10], seen[d, 11]
                        paint_gradient[thread, n, 0] += w0 * first
                        paint_gradient[thread, n, 1] += w1 * first
                        paint_gradient[thread, n, 2] += w2 * first
                        paint_gradient[thread, n, 3] += w0 * second
                        paint_gradient[thread, n, 4] += w1 * second
                        paint_gradient[thread, n, 5] += w2 * second
                        first_gradient = w0 * paint[n, 0] + w1 * paint[n, 1] + w2 * paint[n, 2]
                        second_gradient = w0 * paint[n, 3] + w1 * paint[n, 4] + w2 * paint[n, 5]
                        matte_gradient = np.float32(0)
                        if paint[n, 6] * matte <= _LIMIT:
                            matte_gradient = alpha_gradient * paint[n, 6]
                            paint_gradient[thread, n, 6] += alpha_gradient * matte
                        _, first_column, first_row = _bilinear(stamps, n, i, j, s, t, 1, side)
                        _, second_column, second_row = _bilinear(stamps, n, i, j, s, t, 2, side)
                        u_gradient = first_gradient * first_column + second_gradient * second_column
                        v_gradient = first_gradient * first_row + second_gradient * second_row
                        u_gradient = half_side * (u_gradient + matte_gradient * seen[d, 6])
                        v_gradient = half_side * (v_gradient + matte_gradient * seen[d, 7])
                        cos, sin, per_length, per_width = frames[n, 4], frames[n, 5], frames[n, 2], frames[n, 3]
                        dx, dy = x - frames[n, 0], y - frames[n, 1]
                        along, across = dx * cos + dy * sin, dy * cos - dx * sin
                        gu, gv = u_gradient * per_length, v_gradient * per_width
                        placement_gradient[thread, n, 0] += gv * sin - gu * cos
                        placement_gradient[thread, n, 1] -= gu * sin + gv * cos
                        placement_gradient[thread, n, 2] -= gu * along * per_length * frames[n, 6]
                        placement_gradient[thread, n, 3] -= gv * across * per_width * frames[n, 7]
                        placement_gradient[thread, n, 4] += gu * across - gv * along
                        if with_stamps:
                            for corner in range(4):
                                row, column = i + corner // 2, j + corner % 2
                                if row >= 0 and column >= 0 and row < side and column < side:
                                    share = (t if corner // 2 else 1 - t) * (s if corner % 2 else 1 - s)
                                    stamps_gradient[thread, n, row, column, 0] += share * matte_gradient
                                    stamps_gradient[thread, n, row, column, 1] += share * first_gradient
                                    stamps_gradient[thread, n, row, column, 2] += share * second_gradient


def _arrays(*tensors: Tensor) -> list[Array]:
    return [np.ascontiguousarray(tensor.detach().numpy()) for tensor in tensors]


class _Composite(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, placement: Tensor, paint: Tensor, stamps: Tensor, background: Tensor, size: tuple[int, int]
    ) -> Tensor:
        ctx.flat_background = background.ndim == 1
        full = background[:, None, None].expand(3, *size) if ctx.flat_background else background
        arrays = _arrays(placement, paint, stamps, full)
        lists = tile_lists(arrays[0], size, stamps.shape[1])
        frames = _frames(arrays[0])
        out = np.empty((3, *size), np.float32)
        with _Threads():
            _forward(frames, *arrays[1:], *lists, out)  # type: ignore[call-arg]
        ctx.saved = (frames, *arrays[1:], *lists)
        return torch.from_numpy(out)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        frames, paint, stamps, background, counts, starts, members = ctx.saved
        with_stamps = ctx.needs_input_grad[2]
        count = len(paint)
        threads = _thread_count()
        if with_stamps:
            threads = max(1, min(threads, _GRADIENT_MEMORY // max(1, stamps.nbytes)))
        placement_gradient = np.zeros((threads, count, 5), np.float32)
        paint_gradient = np.zeros((threads, count, 7), np.float32)
        stamps_gradient = np.zeros((threads, *(stamps.shape if with_stamps else (0, 0, 0, 0))), np.float32)
        background_gradient = np.empty_like(background)
        with _Threads(threads):
            _backward(  # type: ignore[call-arg]
                frames,
                paint,
                stamps,
                background,
                counts,
                starts,
                members,
                int(counts.max(initial=0)),
                *_arrays(gradient),
                placement_gradient,
                paint_gradient,
                stamps_gradient,
                background_gradient,
            )
        behind = torch.from_numpy(background_gradient)
        return (
            torch.from_numpy(placement_gradient.sum(0)),
            torch.from_numpy(paint_gradient.sum(0)),
            torch.from_numpy(stamps_gradient.sum(0) if threads > 1 else stamps_gradient[0]) if with_stamps else None,
            behind.sum((1, 2)) if ctx.flat_background else behind,
            None,
        )


def _thread_count() -> int:
    """As many threads as torch uses, so that one setting rules both."""
    return max(1, min(torch.get_num_threads(), os.cpu_count() or 1, _MOST_THREADS))


_MOST_THREADS = get_num_threads()


class _Threads:
    """Sets numba's threads for a block."""

    def __init__(self, count: int | None = None) -> None:
        self.count = count or _thread_count()

    def __enter__(self) -> None:
        self.before = get_num_threads()
        set_num_threads(self.count)

    def __exit__(self, *_: object) -> None:
        set_num_threads(self.before)


def composite_cpu(
    placement: Tensor, paint: Tensor, stamps: Tensor, background: Tensor, size: tuple[int, int]
) -> Tensor:
    """Composites strokes over a background; arguments and result as in `neural_painter.compositing`, on the CPU.

    Gradients with respect to the stamps are computed where they are asked for; they are the dearest part. With the
    same number of threads, results and gradients repeat to the bit.
    """
    result: Tensor = _Composite.apply(placement, paint, stamps, background, size)
    return result
