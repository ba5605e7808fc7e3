"""The Triton kernels that list the strokes of each tile, behind `cuda.tile_lists`. Rules as for `cuda_kernels.py`.

`boxes` is [6, N]: of each stroke the rectangle that holds its stamp's support, half a texel beyond [-1, 1]², in pixels:
its middle's x and y, cosine and sine of its angle, half its length and half its width. Of a stroke that sweeps, it is
the rectangle around it (`bends.box_of`). Boxes are made once and not in every tile, where sines took half of the time.
"""

# mypy: allow-untyped-defs
# (Triton's types are not Python's: a kernel's arguments are pointers, numbers and compile-time constants.)

import triton
import triton.language as tl

from neural_painter.compositing.cuda_kernels import STRAIGHT


@triton.jit(do_not_specialize=("count",))
def box_kernel(geometry, boxes, count, long_side, SIDE: tl.constexpr, BLOCK: tl.constexpr):
    """Fills `boxes`; numbers that are none give boxes that are none."""
    stroke = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    there = stroke < count
    record = geometry + stroke.to(tl.int64) * 7
    cosine = tl.load(record + 2, there, 0.0)
    sine = tl.load(record + 3, there, 0.0)
    a = (1 + 1 / SIDE) * long_side / tl.load(record + 4, there, 1.0)
    b = (1 + 1 / SIDE) * long_side / tl.load(record + 5, there, 1.0)
    sweep = tl.load(record + 6, there, 0.0)
    turn = tl.abs(sweep) * (1 + 1 / SIDE)
    swept = turn >= STRAIGHT
    radius = a / tl.where(swept, turn, 1.0)
    end = tl.minimum(turn, 1.5707963)
    half_sine = tl.sin(end * 0.5)
    high = tl.minimum(radius, 2 * radius * half_sine * half_sine + b * tl.cos(end))
    high = tl.where(swept, high, b) + sweep * 0
    a = tl.where(swept, (radius + b) * tl.sin(end), a)
    shift = tl.where(sweep > 0, high - b, b - high) * 0.5
    box = boxes + stroke
    tl.store(box, tl.load(record, there, 0.0) * long_side - shift * sine, there)
    tl.store(box + count, tl.load(record + 1, there, 0.0) * long_side + shift * cosine, there)
    tl.store(box + 2 * count, cosine, there)
    tl.store(box + 3 * count, sine, there)
    tl.store(box + 4 * count, a, there)
    tl.store(box + 5 * count, (high + b) * 0.5, there)


@triton.jit(do_not_specialize=("count", "tiles_across"))
def list_kernel(
    boxes,
    starts,
    order,
    count,
    tiles_across,
    TILE: tl.constexpr,
    BLOCK: tl.constexpr,
    SLACK: tl.constexpr,
    FILL: tl.constexpr,
):
    """Looks at all strokes for one tile, BLOCK at a time: how many touch it, or, to FILL the lists, which.

    Boxes are tested against the tile's pixel centres by separating axes, in pixels. SLACK and a millionth of what is
    compared make up for rounding.
    """
    tile = tl.program_id(0)
    half = (TILE - 1) * 0.5
    x = (tile % tiles_across) * TILE + TILE * 0.5
    y = (tile // tiles_across) * TILE + TILE * 0.5
    if FILL:
        at = tl.load(starts + tile)
    else:
        at = tile * 0
    for first in range(0, count, BLOCK):
        stroke = first + tl.arange(0, BLOCK)
        there = stroke < count
        box = boxes + stroke
        dx = x - tl.load(box, there, 0.0)
        dy = y - tl.load(box + count, there, 0.0)
        cosine = tl.load(box + 2 * count, there, 0.0)
        sine = tl.load(box + 3 * count, there, 0.0)
        a = tl.load(box + 4 * count, there, 0.0)
        b = tl.load(box + 5 * count, there, 0.0)
        slack = SLACK + 1e-6 * (tl.abs(dx) + tl.abs(dy) + a + b)
        c = tl.abs(cosine)
        s = tl.abs(sine)
        corner = half * (c + s) + slack
        touches = there & (tl.abs(dx * cosine + dy * sine) <= a + corner)
        touches = touches & (tl.abs(dy * cosine - dx * sine) <= b + corner)
        touches = touches & (tl.abs(dx) <= a * c + b * s + half + slack)
        touches = touches & (tl.abs(dy) <= a * s + b * c + half + slack)
        hits = touches.to(tl.int32)
        if FILL:
            tl.store(order + at + tl.cumsum(hits, 0) - 1, stroke, mask=touches)
        at += tl.sum(hits, 0)
    if not FILL:
        tl.store(starts + tile + 1, at)
