"""The compositor in numba: threads over tiles, front to back, nothing stored per stroke and pixel.

The backward pass walks a pixel's strokes front to back once, keeping what it saw in a small stack, then back to front
with what lies behind each. So it needs neither saved images nor a division by what may be zero.
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neural_painter.compositing.constants import MAX_ALPHA, MIN_HALF, STOP, TILE
from neural_painter.compositing.tiles import tile_lists
from renderers.brush import ANGLE, CENTRE, HALF_LENGTH, HALF_WIDTH, HALVES, OPACITY, PAINT_WIDTH, PLACEMENT_WIDTH, X, Y
from renderers.kernels import kernel
from renderers.threads import core_count, in_shares

Array = np.ndarray

_FAST = {"contract", "reassoc", "arcp", "nsz"}
_LIMIT = np.float32(MAX_ALPHA)
_STOP = np.float32(STOP)
_SMALLEST = np.float32(MIN_HALF)
_0, _1, _2 = np.uint64(0), np.uint64(1), np.uint64(2)
_GRADIENT_MEMORY = 1 << 30
"""Bytes that the threads' own gradients of stamps may take together; fewer threads work where it would be more."""


def _frames(placement: Array) -> Array:
    """Per stroke: centre, 1 / half length, 1 / half width, cos, sin, and whether each half was above the smallest."""
    frames = np.empty((len(placement), 8), np.float32)
    frames[:, 0:2] = placement[:, CENTRE]
    frames[:, 2:4] = 1 / np.maximum(placement[:, HALVES], _SMALLEST)
    frames[:, 4], frames[:, 5] = np.cos(placement[:, ANGLE]), np.sin(placement[:, ANGLE])
    frames[:, 6:8] = placement[:, HALVES] > _SMALLEST
    return frames


@kernel(fastmath=_FAST)
def _locate(frames, n, x, y, side):  # type: ignore[no-untyped-def]
    """Texel coordinates (texel centres at whole numbers) of a canvas point, and whether the stamp reaches it."""
    dx, dy = x - frames[n, 0], y - frames[n, 1]
    u = (dx * frames[n, 4] + dy * frames[n, 5]) * frames[n, 2]
    v = (dy * frames[n, 4] - dx * frames[n, 5]) * frames[n, 3]
    column = (u + 1) * np.float32(0.5 * side) - np.float32(0.5)
    row = (v + 1) * np.float32(0.5 * side) - np.float32(0.5)
    inside = column > -1 and row > -1 and column < side and row < side
    return column, row, inside


@kernel(fastmath=_FAST)
def _sample(stamps, n, i, j, s, t):  # type: ignore[no-untyped-def]
    """A stamp between four texels: matte and both weights, then their slopes along columns, then along rows."""
    side = np.uint64(stamps.shape[1])
    n = np.uint64(n)
    # Unsigned, what lies before the stamp lies far behind it, and indices need no test for being negative.
    i0, j0, i1, j1 = np.uint64(i), np.uint64(j), np.uint64(i + 1), np.uint64(j + 1)
    a0 = a1 = a2 = b0 = b1 = b2 = c0 = c1 = c2 = d0 = d1 = d2 = np.float32(0)
    if i0 < side:
        if j0 < side:
            a0, a1, a2 = stamps[n, i0, j0, _0], stamps[n, i0, j0, _1], stamps[n, i0, j0, _2]
        if j1 < side:
            b0, b1, b2 = stamps[n, i0, j1, _0], stamps[n, i0, j1, _1], stamps[n, i0, j1, _2]
    if i1 < side:
        if j0 < side:
            c0, c1, c2 = stamps[n, i1, j0, _0], stamps[n, i1, j0, _1], stamps[n, i1, j0, _2]
        if j1 < side:
            d0, d1, d2 = stamps[n, i1, j1, _0], stamps[n, i1, j1, _1], stamps[n, i1, j1, _2]
    u0, u1, u2 = a0 + s * (b0 - a0), a1 + s * (b1 - a1), a2 + s * (b2 - a2)
    r0, r1, r2 = c0 + s * (d0 - c0) - u0, c1 + s * (d1 - c1) - u1, c2 + s * (d2 - c2) - u2
    x0, x1, x2 = b0 - a0, b1 - a1, b2 - a2
    x0, x1, x2 = x0 + t * (d0 - c0 - x0), x1 + t * (d1 - c1 - x1), x2 + t * (d2 - c2 - x2)
    return u0 + t * r0, u1 + t * r1, u2 + t * r2, x0, x1, x2, r0, r1, r2


@kernel(fastmath=_FAST)
def _scatter(gradient, n, i, j, s, t, matte, first, second):  # type: ignore[no-untyped-def]
    """The transpose of `_sample`: hands the gradients of a point on to its four texels."""
    side = np.uint64(gradient.shape[1])
    n = np.uint64(n)
    for row in range(2):
        at_row = np.uint64(i + row)
        if at_row >= side:
            continue
        share = t if row else 1 - t
        for column in range(2):
            at_column = np.uint64(j + column)
            if at_column < side:
                part = share * (s if column else 1 - s)
                gradient[n, at_row, at_column, _0] += part * matte
                gradient[n, at_row, at_column, _1] += part * first
                gradient[n, at_row, at_column, _2] += part * second


@kernel(fastmath=_FAST)
def _forward(frames, paint, stamps, background, counts, starts, members, out, share, shares):  # type: ignore[no-untyped-def]
    _, height, width = out.shape
    side = stamps.shape[1]
    scale = np.float32(1.0 / max(height, width))
    columns = counts.shape[1]
    for tile in range(share, counts.size, shares):
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
                    matte, first, second, _, _, _, _, _, _ = _sample(stamps, n, i, j, s, t)
                    alpha = min(paint[n, OPACITY] * matte, _LIMIT)
                    if alpha == 0:
                        continue
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


@kernel(fastmath=_FAST)
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
    placement_gradients,
    paint_gradients,
    stamps_gradients,
    background_gradient,
    share,
    shares,
):
    _, height, width = gradient.shape
    side = stamps.shape[1]
    half_side = np.float32(0.5 * side)
    scale = np.float32(1.0 / max(height, width))
    columns = counts.shape[1]
    with_stamps = stamps_gradients.shape[1] > 0
    # Each share of the tiles has gradients of its own, so that sums do not depend on which thread was faster.
    placement_gradient, paint_gradient = placement_gradients[share], paint_gradients[share]
    stamps_gradient = stamps_gradients[share]
    for tile in range(share, counts.size, shares):
        tile_row, tile_column = tile // columns, tile % columns
        count, start = counts[tile_row, tile_column], starts[tile_row, tile_column]
        # What the front-to-back pass saw, for the pass back: 0 transmittance in front, 1 alpha, 2-4 colour,
        # 5-7 matte and colour weights, 8-10 their slopes along columns, 11-13 along rows, 14-15 offsets in the texel.
        seen = np.empty((min(count, deepest), 16), np.float32)
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
                    matte, first, second, x0, x1, x2, y0, y1, y2 = _sample(stamps, n, i, j, s, t)
                    alpha = min(paint[n, OPACITY] * matte, _LIMIT)
                    seen[depth, 0], seen[depth, 1] = transmittance, alpha
                    for c in range(3):
                        seen[depth, 2 + c] = first * paint[n, c] + second * paint[n, 3 + c]
                    seen[depth, 5], seen[depth, 6], seen[depth, 7] = matte, first, second
                    seen[depth, 8], seen[depth, 9], seen[depth, 10] = x0, x1, x2
                    seen[depth, 11], seen[depth, 12], seen[depth, 13] = y0, y1, y2
                    seen[depth, 14], seen[depth, 15] = s, t
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
                    matte, first, second = seen[d, 5], seen[d, 6], seen[d, 7]
                    paint_gradient[n, 0] += w0 * first
                    paint_gradient[n, 1] += w1 * first
                    paint_gradient[n, 2] += w2 * first
                    paint_gradient[n, 3] += w0 * second
                    paint_gradient[n, 4] += w1 * second
                    paint_gradient[n, 5] += w2 * second
                    first_gradient = w0 * paint[n, 0] + w1 * paint[n, 1] + w2 * paint[n, 2]
                    second_gradient = w0 * paint[n, 3] + w1 * paint[n, 4] + w2 * paint[n, 5]
                    matte_gradient = np.float32(0)
                    if paint[n, OPACITY] * matte <= _LIMIT:
                        matte_gradient = alpha_gradient * paint[n, OPACITY]
                        paint_gradient[n, OPACITY] += alpha_gradient * matte
                    u_gradient = first_gradient * seen[d, 9] + second_gradient * seen[d, 10]
                    v_gradient = first_gradient * seen[d, 12] + second_gradient * seen[d, 13]
                    u_gradient = half_side * (u_gradient + matte_gradient * seen[d, 8])
                    v_gradient = half_side * (v_gradient + matte_gradient * seen[d, 11])
                    cos, sin, per_length, per_width = frames[n, 4], frames[n, 5], frames[n, 2], frames[n, 3]
                    dx, dy = x - frames[n, 0], y - frames[n, 1]
                    along, across = dx * cos + dy * sin, dy * cos - dx * sin
                    gu, gv = u_gradient * per_length, v_gradient * per_width
                    placement_gradient[n, X] += gv * sin - gu * cos
                    placement_gradient[n, Y] -= gu * sin + gv * cos
                    placement_gradient[n, HALF_LENGTH] -= gu * along * per_length * frames[n, 6]
                    placement_gradient[n, HALF_WIDTH] -= gv * across * per_width * frames[n, 7]
                    placement_gradient[n, ANGLE] += gu * across - gv * along
                    if with_stamps:
                        _scatter(
                            stamps_gradient,
                            n,
                            i,
                            j,
                            seen[d, 14],
                            seen[d, 15],
                            matte_gradient,
                            first_gradient,
                            second_gradient,
                        )


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
        in_shares(_forward, frames, *arrays[1:], *lists, out, shares=_share_count())
        ctx.saved = (frames, *arrays[1:], *lists)
        return torch.from_numpy(out)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        frames, paint, stamps, background, counts, starts, members = ctx.saved
        with_stamps = ctx.needs_input_grad[2]
        count = len(paint)
        shares = _share_count()
        if with_stamps:
            shares = max(1, min(shares, _GRADIENT_MEMORY // max(1, stamps.nbytes)))
        placement_gradients = torch.zeros(shares, count, PLACEMENT_WIDTH)
        paint_gradients = torch.zeros(shares, count, PAINT_WIDTH)
        stamps_gradients = torch.zeros(shares, *(stamps.shape if with_stamps else (0, 0, 0, 0)))
        background_gradient = np.empty_like(background)
        in_shares(
            _backward,
            frames,
            paint,
            stamps,
            background,
            counts,
            starts,
            members,
            int(counts.max(initial=0)),
            *_arrays(gradient, placement_gradients, paint_gradients, stamps_gradients),
            background_gradient,
            shares=shares,
        )
        behind = torch.from_numpy(background_gradient)
        return (
            _summed(placement_gradients),
            _summed(paint_gradients),
            _summed(stamps_gradients) if with_stamps else None,
            behind.sum((1, 2)) if ctx.flat_background else behind,
            None,
        )


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
