"""The Triton kernels behind `cuda_multiply.py`; tiles, lists and what a stroke shows are those of `cuda_kernels.py`.

Densities add up: there is no light to follow, and no deepest stroke. In place of paint, strokes have ink.
"""

# mypy: allow-untyped-defs

import triton
import triton.language as tl

from neural_painter.compositing.cuda_kernels import SIZES, _locate, _moved, _paint, _pixels, _sum16, _texels


@triton.jit(do_not_specialize=SIZES[3:])
def forward_kernel(
    geometry,
    ink,
    stamps,
    order,
    starts,
    densities,
    height,
    width,
    tiles_across,
    long_side,
    SIDE: tl.constexpr,
    TILE: tl.constexpr,
):
    """Writes the densities [3, H, W] of all strokes together."""
    row, column, on_canvas = _pixels(tiles_across, height, width, TILE)
    x = tl.div_rn(column + 0.5, long_side)
    y = tl.div_rn(row + 0.5, long_side)
    red = tl.zeros_like(x)
    green = tl.zeros_like(x)
    blue = tl.zeros_like(x)
    for position in range(tl.load(starts + tl.program_id(0)), tl.load(starts + tl.program_id(0) + 1)):
        stroke = tl.load(order + position).to(tl.int64)
        _place, down, across, offset, in00, in01, in10, in11 = _locate(geometry, stroke, x, y, on_canvas, SIDE)
        texel = stamps + stroke * (SIDE * SIDE * 3) + offset
        m00, m01, m10, m11, f00, f01, f10, f11, s00, s01, s10, s11 = _texels(texel, in00, in01, in10, in11, SIDE)
        w11 = down * across
        w10 = down - w11
        w01 = across - w11
        w00 = 1 - down - w01
        red1, green1, blue1, red2, green2, blue2, opacity = _paint(ink, stroke)
        amount = opacity * (w00 * m00 + w01 * m01 + w10 * m10 + w11 * m11)
        first = amount * (w00 * f00 + w01 * f01 + w10 * f10 + w11 * f11)
        second = amount * (w00 * s00 + w01 * s01 + w10 * s10 + w11 * s11)
        red += first * red1 + second * red2
        green += first * green1 + second * green2
        blue += first * blue1 + second * blue2
    pixel = densities + row * width + column
    tl.store(pixel, red, mask=on_canvas)
    tl.store(pixel + height * width, green, mask=on_canvas)
    tl.store(pixel + 2 * height * width, blue, mask=on_canvas)


@triton.jit(do_not_specialize=SIZES[3:])
def backward_kernel(
    gradient,
    geometry,
    ink,
    stamps,
    order,
    starts,
    sums,
    stamp_gradient,
    height,
    width,
    tiles_across,
    long_side,
    SIDE: tl.constexpr,
    TILE: tl.constexpr,
    WITH_STAMPS: tl.constexpr,
):
    """Adds to `sums` [N, 16], as `cuda_kernels.backward_kernel` does; `gradient` is that of the densities."""
    row, column, on_canvas = _pixels(tiles_across, height, width, TILE)
    x = tl.div_rn(column + 0.5, long_side)
    y = tl.div_rn(row + 0.5, long_side)
    pixel = gradient + row * width + column
    gradient_red = tl.load(pixel, mask=on_canvas, other=0.0)
    gradient_green = tl.load(pixel + height * width, mask=on_canvas, other=0.0)
    gradient_blue = tl.load(pixel + 2 * height * width, mask=on_canvas, other=0.0)
    for position in range(tl.load(starts + tl.program_id(0)), tl.load(starts + tl.program_id(0) + 1)):
        stroke = tl.load(order + position).to(tl.int64)
        place, down, across, offset, in00, in01, in10, in11 = _locate(geometry, stroke, x, y, on_canvas, SIDE)
        texel = stamps + stroke * (SIDE * SIDE * 3) + offset
        m00, m01, m10, m11, f00, f01, f10, f11, s00, s01, s10, s11 = _texels(texel, in00, in01, in10, in11, SIDE)
        w11 = down * across
        w10 = down - w11
        w01 = across - w11
        w00 = 1 - down - w01
        matte = w00 * m00 + w01 * m01 + w10 * m10 + w11 * m11
        first = w00 * f00 + w01 * f01 + w10 * f10 + w11 * f11
        second = w00 * s00 + w01 * s01 + w10 * s10 + w11 * s11
        red1, green1, blue1, red2, green2, blue2, opacity = _paint(ink, stroke)

        # Where the stroke does not reach its texels are zero, and so is all that follows from them.
        amount = opacity * matte
        slope_first = gradient_red * red1 + gradient_green * green1 + gradient_blue * blue1
        slope_second = gradient_red * red2 + gradient_green * green2 + gradient_blue * blue2
        d_first = amount * slope_first
        d_second = amount * slope_second
        d_alpha = first * slope_first + second * slope_second
        d_matte = d_alpha * opacity

        d_column = d_matte * (m01 - m00 + down * (m11 - m10 - m01 + m00))
        d_column += d_first * (f01 - f00 + down * (f11 - f10 - f01 + f00))
        d_column += d_second * (s01 - s00 + down * (s11 - s10 - s01 + s00))
        d_row = d_matte * (m10 - m00 + across * (m11 - m01 - m10 + m00))
        d_row += d_first * (f10 - f00 + across * (f11 - f01 - f10 + f00))
        d_row += d_second * (s10 - s00 + across * (s11 - s01 - s10 + s00))
        d_u = d_column * (SIDE * 0.5)
        d_v = d_row * (SIDE * 0.5)

        p_sum, q_sum, longer, wider, turned, swept = _moved(geometry, stroke, place, d_u, d_v)
        zero = tl.zeros_like(d_u)
        first *= amount
        second *= amount
        total = _sum16(
            gradient_red * first,
            gradient_green * first,
            gradient_blue * first,
            gradient_red * second,
            gradient_green * second,
            gradient_blue * second,
            d_alpha * matte,
            p_sum,
            q_sum,
            longer,
            wider,
            turned,
            swept,
            zero,
            zero,
            zero,
        )
        tl.atomic_add(sums + stroke * 16 + tl.arange(0, 16), total, sem="relaxed")
        if WITH_STAMPS:
            texel = stamp_gradient + stroke * (SIDE * SIDE * 3) + offset
            _hand_on(texel, in00, w00 * d_matte, w00 * d_first, w00 * d_second)
            _hand_on(texel + 3, in01, w01 * d_matte, w01 * d_first, w01 * d_second)
            _hand_on(texel + 3 * SIDE, in10, w10 * d_matte, w10 * d_first, w10 * d_second)
            _hand_on(texel + (3 * SIDE + 3), in11, w11 * d_matte, w11 * d_first, w11 * d_second)


@triton.jit
def _hand_on(texel, there, matte, first, second):
    """Adds to the gradient of a texel, where it is there."""
    tl.atomic_add(texel, matte, mask=there, sem="relaxed")
    tl.atomic_add(texel + 1, first, mask=there, sem="relaxed")
    tl.atomic_add(texel + 2, second, mask=there, sem="relaxed")
