"""The Triton kernels behind `cuda.py`. Imports triton, so only `cuda.py` imports it, and only when asked to composite.

One program paints one tile and handles all its pixels at once. Each walks the tile's part of `order`, the list of its
strokes from the bottom up: forward from the last stroke down, backward from the deepest stroke that was seen back up.
Few launches matter as much as fast kernels: a painting's canvas is small, and its steps follow each other.

The kernels are long because a call costs Triton's interpreter milliseconds, and the tests run there.

`geometry` is [N, 7]: centre x and y, cosine and sine of the angle, 1 / half length, 1 / half width, sweep.
"""

# mypy: allow-untyped-defs
# (Triton's types are not Python's: a kernel's arguments are pointers, numbers and compile-time constants.)

import triton
import triton.language as tl

from neural_painter.compositing import constants

NEAREST, STRAIGHT = tl.constexpr(constants.NEAREST), tl.constexpr(constants.STRAIGHT)
A1, A2, A3, A4, A5, A6 = (tl.constexpr(value) for value in constants.ANGLES)
S1, S2 = (tl.constexpr(value) for value in constants.SINE)

SIZES = ("background_channel", "background_row", "background_column", "height", "width", "tiles_across", "count")
"""Triton compiles anew, for seconds, where an integer becomes 1 or divisible by 16; these hardly gain by it."""


@triton.jit
def _pixels(tiles_across, height, width, TILE: tl.constexpr):
    """Row and column of each pixel of this program's tile, and whether it is on the canvas."""
    tile = tl.program_id(0)
    pixel = tl.arange(0, TILE * TILE)
    row = tile // tiles_across * TILE + pixel // TILE
    column = tile % tiles_across * TILE + pixel % TILE
    return row, column, (row < height) & (column < width)


@triton.jit
def _locate(geometry, stroke, x, y, seen, SIDE: tl.constexpr):
    """Where pixels fall on a stroke's stamp; all zero where the stamp does not reach or the pixel is not `seen`.

    Returns p, q, along, across, X, Y and r as `bends` has them; how far down and across the pixel is from the upper
    left of the four texels around it, in texels; the offset of that texel in the stamp; and whether the
    four are within the border: upper left, upper right, lower left, lower right.
    """
    record = geometry + stroke * 7
    dx = x - tl.load(record)
    dy = y - tl.load(record + 1)
    cosine = tl.load(record + 2)
    sine = tl.load(record + 3)
    inverse_a = tl.load(record + 4)
    slim = tl.load(record + 5) / inverse_a
    sweep = tl.load(record + 6)
    p = (dx * cosine + dy * sine) * inverse_a
    q = (dy * cosine - dx * sine) * inverse_a
    near = 1 - q * sweep
    height = p * sweep
    seen = seen & (near > NEAREST)
    near = tl.maximum(near, NEAREST)
    radius = tl.sqrt(near * near + height * height)
    g = 1 - near / radius
    u = p / radius
    u += u * g * (A1 + g * (A2 + g * (A3 + g * (A4 + g * (A5 + g * A6)))))
    depth = (2 * q - sweep * (p * p + q * q)) / (1 + radius)
    v = depth * slim
    across = ((u + 1) * SIDE - 1) * 0.5
    down = ((v + 1) * SIDE - 1) * 0.5
    reached = seen & (across > -1) & (across < SIDE) & (down > -1) & (down < SIDE)
    place = (
        tl.where(reached, p, 0.0),
        tl.where(reached, q, 0.0),
        tl.where(reached, u, 0.0),
        tl.where(reached, depth, 0.0),
        tl.where(reached, near, 1.0),
        tl.where(reached, height, 0.0),
        tl.where(reached, radius, 1.0),
    )
    across = tl.where(reached, across, 0.0)
    down = tl.where(reached, down, 0.0)
    column = tl.floor(across)
    row = tl.floor(down)
    upper = reached & (row >= 0)
    lower = reached & (row < SIDE - 1)
    left = column >= 0
    right = column < SIDE - 1
    offset = (row * SIDE + column).to(tl.int32) * 3
    return place, down - row, across - column, offset, upper & left, upper & right, lower & left, lower & right


@triton.jit
def _moved(geometry, stroke, place, d_u, d_v):
    """What the gradients of u and v say of the placement, as `frames.moved` has it."""
    p, q, along, depth, near, height, radius = place
    record = geometry + stroke * 7
    sweep = tl.load(record + 6)
    over = 1 / radius
    d_along = d_u * over
    d_across = d_v * (tl.load(record + 5) / tl.load(record + 4))
    d_p = d_along * (near * over) - d_across * (height * over)
    d_q = d_along * (height * over) + d_across * (near * over)
    wider = d_across * depth
    t = along * sweep
    t = t * t
    curve = (1 + t * (S1 + t * S2)) * (sweep / 6)
    swept = d_along * along * (depth - along * along * curve)
    swept += d_across * (depth * depth - p * p - q * q) * (over * 0.5)
    return d_p, d_q, d_p * p + d_q * q - wider, wider, d_p * q - d_q * p, swept


@triton.jit
def _texels(texel, in00, in01, in10, in11, SIDE: tl.constexpr):
    """Matte, first and second weight of the texels upper left, upper right, lower left, lower right; 0 beyond."""
    return (
        tl.load(texel, mask=in00, other=0.0),
        tl.load(texel + 3, mask=in01, other=0.0),
        tl.load(texel + 3 * SIDE, mask=in10, other=0.0),
        tl.load(texel + (3 * SIDE + 3), mask=in11, other=0.0),
        tl.load(texel + 1, mask=in00, other=0.0),
        tl.load(texel + 4, mask=in01, other=0.0),
        tl.load(texel + (3 * SIDE + 1), mask=in10, other=0.0),
        tl.load(texel + (3 * SIDE + 4), mask=in11, other=0.0),
        tl.load(texel + 2, mask=in00, other=0.0),
        tl.load(texel + 5, mask=in01, other=0.0),
        tl.load(texel + (3 * SIDE + 2), mask=in10, other=0.0),
        tl.load(texel + (3 * SIDE + 5), mask=in11, other=0.0),
    )


@triton.jit
def _paint(paint, stroke):
    record = paint + stroke * 7
    return (
        tl.load(record),
        tl.load(record + 1),
        tl.load(record + 2),
        tl.load(record + 3),
        tl.load(record + 4),
        tl.load(record + 5),
        tl.load(record + 6),
    )


@triton.jit(do_not_specialize=SIZES)
def forward_kernel(
    geometry,
    paint,
    stamps,
    background,
    background_channel,
    background_row,
    background_column,
    order,
    starts,
    result,
    transmittance,
    deepest,
    height,
    width,
    tiles_across,
    long_side,
    SIDE: tl.constexpr,
    TILE: tl.constexpr,
    CHUNK: tl.constexpr,
    MAX_ALPHA: tl.constexpr,
    STOP: tl.constexpr,
):
    """Writes the picture, what light is left at each pixel, and the position in `order` of the last stroke it met."""
    row, column, on_canvas = _pixels(tiles_across, height, width, TILE)
    x = tl.div_rn(column + 0.5, long_side)
    y = tl.div_rn(row + 0.5, long_side)
    start = tl.load(starts + tl.program_id(0))
    end = tl.load(starts + tl.program_id(0) + 1)

    light = tl.where(on_canvas, 1.0, 0.0)
    last = tl.zeros_like(row) + end
    red = tl.zeros_like(light)
    green = tl.zeros_like(light)
    blue = tl.zeros_like(light)
    top = end
    # Whether light is left is asked once per CHUNK strokes: the answer takes the whole tile.
    while (top > start) & (tl.max(light, 0) >= STOP):
        for step in range(tl.minimum(CHUNK, top - start)):
            position = top - 1 - step
            stroke = tl.load(order + position).to(tl.int64)
            seen = light >= STOP
            _place, down, across, offset, in00, in01, in10, in11 = _locate(geometry, stroke, x, y, seen, SIDE)
            texel = stamps + stroke * (SIDE * SIDE * 3) + offset
            m00, m01, m10, m11, f00, f01, f10, f11, s00, s01, s10, s11 = _texels(texel, in00, in01, in10, in11, SIDE)
            w11 = down * across
            w10 = down - w11
            w01 = across - w11
            w00 = 1 - down - w01
            matte = w00 * m00 + w01 * m01 + w10 * m10 + w11 * m11
            first = w00 * f00 + w01 * f01 + w10 * f10 + w11 * f11
            second = w00 * s00 + w01 * s01 + w10 * s10 + w11 * s11
            red1, green1, blue1, red2, green2, blue2, opacity = _paint(paint, stroke)

            # Where the stroke does not reach all its texels are zero, and so is alpha.
            alpha = tl.minimum(opacity * matte, MAX_ALPHA)
            amount = light * alpha
            red += amount * (first * red1 + second * red2)
            green += amount * (first * green1 + second * green2)
            blue += amount * (first * blue1 + second * blue2)
            light = light * (1 - alpha)
            last = tl.where(seen, position, last)
        top -= CHUNK

    pixel = row * width + column
    picture = result + pixel
    ground = background + row.to(tl.int64) * background_row + column * background_column
    rest = tl.where(light >= STOP, light, 0.0)
    red += rest * tl.load(ground, mask=on_canvas, other=0.0)
    green += rest * tl.load(ground + background_channel, mask=on_canvas, other=0.0)
    blue += rest * tl.load(ground + 2 * background_channel, mask=on_canvas, other=0.0)
    tl.store(picture, red, mask=on_canvas)
    tl.store(picture + height * width, green, mask=on_canvas)
    tl.store(picture + 2 * height * width, blue, mask=on_canvas)
    tl.store(transmittance + pixel, light, mask=on_canvas)
    tl.store(deepest + pixel, last, mask=on_canvas)


@triton.jit
def _sum16(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p):
    """The sums of 16 vectors, as one vector: one reduction over the tile's threads, not 16."""
    left = tl.join(tl.join(tl.join(a, i), tl.join(e, m)), tl.join(tl.join(c, k), tl.join(g, o)))
    right = tl.join(tl.join(tl.join(b, j), tl.join(f, n)), tl.join(tl.join(d, l), tl.join(h, p)))
    return tl.reshape(tl.sum(tl.join(left, right), 0), (16,))


@triton.jit(do_not_specialize=SIZES)
def backward_kernel(
    gradient,
    geometry,
    paint,
    stamps,
    background,
    background_channel,
    background_row,
    background_column,
    order,
    starts,
    transmittance,
    deepest,
    sums,
    stamp_gradient,
    height,
    width,
    tiles_across,
    long_side,
    SIDE: tl.constexpr,
    TILE: tl.constexpr,
    MAX_ALPHA: tl.constexpr,
    STOP: tl.constexpr,
    WITH_STAMPS: tl.constexpr,
):
    """Adds to `sums` [N, 16]: the gradients of paint (7), then the sums that `frames.placement_gradient` takes (6).

    From the deepest stroke up, with L the light before a stroke and B the colour of all that lies behind it:
    d picture / d alpha = L (colour - B). Both are carried along without cancellation: L by dividing by 1 - alpha, which
    is at least 1 - MAX_ALPHA, and B by laying the stroke over it.
    """
    row, column, on_canvas = _pixels(tiles_across, height, width, TILE)
    x = tl.div_rn(column + 0.5, long_side)
    y = tl.div_rn(row + 0.5, long_side)
    end = tl.load(starts + tl.program_id(0) + 1)
    pixel = row * width + column
    gradient_red = tl.load(gradient + pixel, mask=on_canvas, other=0.0)
    gradient_green = tl.load(gradient + height * width + pixel, mask=on_canvas, other=0.0)
    gradient_blue = tl.load(gradient + 2 * height * width + pixel, mask=on_canvas, other=0.0)

    light = tl.load(transmittance + pixel, mask=on_canvas, other=0.0)
    last = tl.load(deepest + pixel, mask=on_canvas, other=0)
    last = tl.where(on_canvas, last, end)
    ground = background + row.to(tl.int64) * background_row + column * background_column
    visible = on_canvas & (light >= STOP)
    red = tl.load(ground, mask=visible, other=0.0)
    green = tl.load(ground + background_channel, mask=visible, other=0.0)
    blue = tl.load(ground + 2 * background_channel, mask=visible, other=0.0)

    for position in range(tl.min(last, 0), end):
        stroke = tl.load(order + position).to(tl.int64)
        seen = position >= last
        place, down, across, offset, in00, in01, in10, in11 = _locate(geometry, stroke, x, y, seen, SIDE)
        texel = stamps + stroke * (SIDE * SIDE * 3) + offset
        m00, m01, m10, m11, f00, f01, f10, f11, s00, s01, s10, s11 = _texels(texel, in00, in01, in10, in11, SIDE)
        w11 = down * across
        w10 = down - w11
        w01 = across - w11
        w00 = 1 - down - w01
        matte = w00 * m00 + w01 * m01 + w10 * m10 + w11 * m11
        first = w00 * f00 + w01 * f01 + w10 * f10 + w11 * f11
        second = w00 * s00 + w01 * s01 + w10 * s10 + w11 * s11
        red1, green1, blue1, red2, green2, blue2, opacity = _paint(paint, stroke)

        # Where the stroke does not reach its texels are zero, and so are alpha and every product below but d_alpha,
        # which counts only together with matte or with the texels' differences.
        alpha = tl.minimum(opacity * matte, MAX_ALPHA)
        light = light / (1 - alpha)
        amount = light * alpha
        stroke_red = first * red1 + second * red2
        stroke_green = first * green1 + second * green2
        stroke_blue = first * blue1 + second * blue2
        d_red = gradient_red * amount
        d_green = gradient_green * amount
        d_blue = gradient_blue * amount
        d_first = d_red * red1 + d_green * green1 + d_blue * blue1
        d_second = d_red * red2 + d_green * green2 + d_blue * blue2
        difference = gradient_red * (stroke_red - red)
        difference += gradient_green * (stroke_green - green)
        difference += gradient_blue * (stroke_blue - blue)
        d_alpha = tl.where(seen & (opacity * matte <= MAX_ALPHA), light * difference, 0.0)
        d_matte = d_alpha * opacity
        red += alpha * (stroke_red - red)
        green += alpha * (stroke_green - green)
        blue += alpha * (stroke_blue - blue)

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
        total = _sum16(
            d_red * first,
            d_green * first,
            d_blue * first,
            d_red * second,
            d_green * second,
            d_blue * second,
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
            tl.atomic_add(texel, w00 * d_matte, mask=in00, sem="relaxed")
            tl.atomic_add(texel + 1, w00 * d_first, mask=in00, sem="relaxed")
            tl.atomic_add(texel + 2, w00 * d_second, mask=in00, sem="relaxed")
            tl.atomic_add(texel + 3, w01 * d_matte, mask=in01, sem="relaxed")
            tl.atomic_add(texel + 4, w01 * d_first, mask=in01, sem="relaxed")
            tl.atomic_add(texel + 5, w01 * d_second, mask=in01, sem="relaxed")
            below = texel + 3 * SIDE
            tl.atomic_add(below, w10 * d_matte, mask=in10, sem="relaxed")
            tl.atomic_add(below + 1, w10 * d_first, mask=in10, sem="relaxed")
            tl.atomic_add(below + 2, w10 * d_second, mask=in10, sem="relaxed")
            tl.atomic_add(below + 3, w11 * d_matte, mask=in11, sem="relaxed")
            tl.atomic_add(below + 4, w11 * d_first, mask=in11, sem="relaxed")
            tl.atomic_add(below + 5, w11 * d_second, mask=in11, sem="relaxed")


@triton.jit(do_not_specialize=("count",))
def placement_kernel(sums, geometry, placement, gradient, count, MIN_HALF: tl.constexpr, BLOCK: tl.constexpr):
    """From the sums of `_moved` to the gradients of placement [N, 6]."""
    stroke = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    there = stroke < count
    record = geometry + stroke * 7
    cosine = tl.load(record + 2, there, 0.0)
    sine = tl.load(record + 3, there, 0.0)
    inverse_a = tl.load(record + 4, there, 1.0)
    inverse_b = tl.load(record + 5, there, 1.0)
    total = sums + stroke * 16 + 7
    along = tl.load(total, there, 0.0) * inverse_a
    across = tl.load(total + 1, there, 0.0) * inverse_a
    d_a = -tl.load(total + 2, there, 0.0) * inverse_a
    d_b = -tl.load(total + 3, there, 0.0) * inverse_b
    half = placement + stroke * 6 + 2
    made = gradient + stroke * 6
    tl.store(made, sine * across - cosine * along, there)
    tl.store(made + 1, -sine * along - cosine * across, there)
    tl.store(made + 2, tl.where(tl.load(half, there, 0.0) >= MIN_HALF, d_a, 0.0), there)
    tl.store(made + 3, tl.where(tl.load(half + 1, there, 0.0) >= MIN_HALF, d_b, 0.0), there)
    tl.store(made + 4, tl.load(total + 4, there, 0.0), there)
    tl.store(made + 5, tl.load(total + 5, there, 0.0), there)
