"""The kernels behind `cpu_multiply.py`: densities of strokes add up, so there is neither an order nor light to follow.

Tiles and strokes are walked as in `cpu_kernels.py`, where the arguments are told; in place of paint, strokes have
*ink*: the densities of both colours, and the opacity.
"""

import numpy as np

from neural_painter.compositing.cpu_kernels import add_up, following_of, planes_of, tile_of
from neural_painter.compositing.frames import INNER, frame_of, locate, moved
from neural_painter.compositing.lanes import WIDTH, exponential, load, ramp, spread, store, total
from neural_painter.compositing.outlines import rows_of, spans_of
from neural_painter.compositing.texels import fetch, hand_on, look, room, settle, steepness
from renderers.brush import OPACITY
from renderers.kernels import FAST, kernel

_0, _1 = np.float32(0), np.float32(1)


@kernel(fastmath=FAST)
def forward(strokes, tiles, densities, share, shares):  # type: ignore[no-untyped-def]
    """Adds up the `densities` `[3, H, W]` of strokes."""
    frames, edges, ink, stamps, side = strokes
    _, height, width = densities.shape
    scale = np.float32(1.0 / max(height, width))
    planes, pitch = planes_of(tiles, 3)
    red, green, blue = planes[0], planes[1], planes[2]
    size = len(stamps) // max(len(frames), 1)
    spans = np.empty(2 * WIDTH, np.int32)
    for t in range(tiles[4][share], tiles[4][share + 1]):
        top, bottom, start, end, listed, count = tile_of(tiles, t, height, width)
        planes[:] = _0
        for k in range(listed, listed + count):
            n = np.int64(tiles[3][k])
            frame = frame_of(frames, n)
            first_row, end_row = rows_of(edges, n, top, bottom)
            following, part = following_of(tiles[3], min(k + 1, listed + count - 1), size, end_row - first_row)
            for row in range(first_row, end_row):
                fetch(stamps, following, following + part)
                following += part
                of_eight, y = (row - first_row) % WIDTH, np.float32(row + 0.5) * scale
                if of_eight == 0:
                    spans_of(spans, edges, n, row, start, end)
                for column in range(spans[of_eight], spans[WIDTH + of_eight], WIDTH):
                    at = (row - top) * pitch + column - start
                    u, v, _ = locate(frame, (ramp() + np.float32(column + 0.5)) * scale, y)
                    (matte, one, two), _, _, _, _ = look(stamps, n * size, side, u, v)
                    amount = matte * ink[n, OPACITY]
                    one, two = one * amount, two * amount
                    store(red, at, load(red, at) + one * ink[n, 0] + two * ink[n, 3])
                    store(green, at, load(green, at) + one * ink[n, 1] + two * ink[n, 4])
                    store(blue, at, load(blue, at) + one * ink[n, 2] + two * ink[n, 5])
        for row in range(top, bottom):
            for column in range(start, end):
                at = (row - top) * pitch + column - start
                for c in range(3):
                    densities[c, row, column] = planes[c, at]


@kernel(**INNER)
def _begin(planes, first, pitch, tile, pictures):  # type: ignore[no-untyped-def]
    """Fills the planes from `first` on with a tile of `pictures`; what is beside the canvas stays as it is."""
    top, bottom, start, end = tile
    for c in range(len(pictures)):
        for row in range(top, bottom):
            for column in range(start, end):
                planes[first + c, (row - top) * pitch + column - start] = pictures[c, row, column]


@kernel(fastmath=FAST)
def backward(strokes, tiles, gradient, every_sum, places, texel_sums, share, shares):  # type: ignore[no-untyped-def]
    """Adds up gradients; `gradient` is that of the densities, the other arguments as in `cpu_kernels.backward`."""
    frames, edges, ink, stamps, side = strokes
    _, height, width = gradient.shape
    scale, per_texel = np.float32(1.0 / max(height, width)), np.float32(0.5 * side)
    planes, pitch = planes_of(tiles, 3)
    red, green, blue = planes[0], planes[1], planes[2]
    size = len(stamps) // max(len(frames), 1)
    spans = np.empty(2 * WIDTH, np.int32)
    sums, fours = every_sum[share], room(side)
    for t in range(tiles[4][share], tiles[4][share + 1]):
        top, bottom, start, end, listed, count = tile_of(tiles, t, height, width)
        planes[:] = _0
        _begin(planes, 0, pitch, (top, bottom, start, end), gradient)
        for k in range(listed, listed + count):
            n = np.int64(tiles[3][k])
            r0 = r1 = r2 = s0 = s1 = s2 = opaque = spread(_0)
            placed = spread(_0), spread(_0), spread(_0), spread(_0), spread(_0), spread(_0)
            frame = frame_of(frames, n)
            first_row, end_row = rows_of(edges, n, top, bottom)
            following, part = following_of(tiles[3], min(k + 1, listed + count - 1), size, end_row - first_row)
            for row in range(first_row, end_row):
                fetch(stamps, following, following + part)
                following += part
                of_eight, y = (row - first_row) % WIDTH, np.float32(row + 0.5) * scale
                if of_eight == 0:
                    spans_of(spans, edges, n, row, start, end)
                for column in range(spans[of_eight], spans[WIDTH + of_eight], WIDTH):
                    at = (row - top) * pitch + column - start
                    u, v, place = locate(frame, (ramp() + np.float32(column + 0.5)) * scale, y)
                    (matte, one, two), corners, texel, columns, rows = look(stamps, n * size, side, u, v)
                    g0, g1, g2 = load(red, at), load(green, at), load(blue, at)
                    slope_one = g0 * ink[n, 0] + g1 * ink[n, 1] + g2 * ink[n, 2]
                    slope_two = g0 * ink[n, 3] + g1 * ink[n, 4] + g2 * ink[n, 5]
                    of_alpha, amount = one * slope_one + two * slope_two, matte * ink[n, OPACITY]
                    opaque += of_alpha * matte
                    weight_one, weight_two = amount * one, amount * two
                    r0 += weight_one * g0
                    r1 += weight_one * g1
                    r2 += weight_one * g2
                    s0 += weight_two * g0
                    s1 += weight_two * g1
                    s2 += weight_two * g2
                    of_texel = of_alpha * ink[n, OPACITY], amount * slope_one, amount * slope_two
                    gu, gv = steepness(of_texel, corners, columns, rows)
                    placed = moved(frame, place, gu, gv, placed)
                    if len(texel_sums) > 0:
                        hand_on(fours, side, of_texel, texel, columns, rows)
            if len(texel_sums) > 0:
                settle(fours, texel_sums, places[share, n] * size)
            add_up(sums, n, (r0, r1, r2, s0, s1, s2, opaque), placed, per_texel)


@kernel(fastmath=FAST)
def worth(strokes, tiles, picture, error, weight, sums, share, shares):  # type: ignore[no-untyped-def]
    """Adds up what strokes are worth, in `sums[share]` `[N]`.

    Args:
        picture: the finished one.
        error: that less the target.
        weight: of pixels, `[1, H, W]`.
    """
    frames, edges, ink, stamps, side = strokes
    _, height, width = picture.shape
    scale = np.float32(1.0 / max(height, width))
    planes, pitch = planes_of(tiles, 7)
    size = len(stamps) // max(len(frames), 1)
    spans = np.empty(2 * WIDTH, np.int32)
    for t in range(tiles[4][share], tiles[4][share + 1]):
        top, bottom, start, end, listed, count = tile_of(tiles, t, height, width)
        planes[:] = _0
        _begin(planes, 0, pitch, (top, bottom, start, end), picture)
        _begin(planes, 3, pitch, (top, bottom, start, end), error)
        _begin(planes, 6, pitch, (top, bottom, start, end), weight)
        for k in range(listed, listed + count):
            n = np.int64(tiles[3][k])
            found = spread(_0)
            frame = frame_of(frames, n)
            first_row, end_row = rows_of(edges, n, top, bottom)
            for row in range(first_row, end_row):
                of_eight, y = (row - first_row) % WIDTH, np.float32(row + 0.5) * scale
                if of_eight == 0:
                    spans_of(spans, edges, n, row, start, end)
                for column in range(spans[of_eight], spans[WIDTH + of_eight], WIDTH):
                    at = (row - top) * pitch + column - start
                    u, v, _ = locate(frame, (ramp() + np.float32(column + 0.5)) * scale, y)
                    (matte, one, two), _, _, _, _ = look(stamps, n * size, side, u, v)
                    amount, gain = matte * ink[n, OPACITY], spread(_0)
                    for c in range(3):
                        density = amount * (one * ink[n, c] + two * ink[n, 3 + c])
                        change = load(planes[c], at) * (exponential(density) - _1)
                        gain += change * (load(planes[3 + c], at) * np.float32(2) + change)
                    found += gain * load(planes[6], at)
            sums[share, n] += total(found)
