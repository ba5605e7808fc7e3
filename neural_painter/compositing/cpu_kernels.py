"""The kernels behind `cpu.py`: tiles outside, in each its strokes, of each the rows it reaches, eight pixels at a time.

A tile's pixels are planes of numbers, a few for every pixel, that stay in the processor's cache while strokes come and
go; what is outside the canvas is without light. A stroke's texels are read where they are.

Backward, `left` is the light that the deepest stroke seen has let through, and `deepest` says which stroke that was, or
-1 where the background is seen. From there up, the light before a stroke is that behind it divided by 1 - alpha, which
is at least 1 - MAX_ALPHA, and what lies behind it is carried along: neither loses digits.

Arguments, besides those of `neural_painter.compositing`:

    strokes     frames, edges, paint, stamps (as `stored`), side of a stamp
    tiles       side of a tile; counts, starts, members of `tile_lists`; the first tile of every share, and their end
    share       paints its own run of tiles, of so many `shares`
"""

import numpy as np

from neural_painter.compositing.constants import MAX_ALPHA, STOP
from neural_painter.compositing.frames import INNER, frame_of, locate, moved
from neural_painter.compositing.lanes import WIDTH, any_of, choose, load, ramp, spread, store, total
from neural_painter.compositing.outlines import rows_of, spans_of
from neural_painter.compositing.texels import fetch, hand_on, look, room, settle, steepness
from renderers.brush import OPACITY
from renderers.kernels import FAST, kernel

_0, _1 = np.float32(0), np.float32(1)
_LIMIT, _STOP = np.float32(MAX_ALPHA), np.float32(STOP)
_NOBODY = np.float32(2**30)

SUMS = 13
"""Sums of a stroke's gradients: paint (7), then those that `placement_gradient` takes (6)."""


@kernel(**INNER)
def tile_of(tiles, t, height, width):  # type: ignore[no-untyped-def]
    """Rows from and to, columns from and to, first and number of its strokes in the list."""
    side, counts, starts, _, _ = tiles
    row, column = t // counts.shape[1], t % counts.shape[1]
    top, left = row * side, column * side
    return top, min(top + side, height), left, min(left + side, width), starts[row, column], counts[row, column]


@kernel(**INNER)
def following_of(members, k, size, rows):  # type: ignore[no-untyped-def]
    """Where the stamp of a stroke in the list begins, and how much of it each of so many rows should have fetched."""
    return np.int64(members[k]) * size, (size // max(rows, 1)) // 16 * 16 + 16


@kernel(**INNER)
def planes_of(tiles, count):  # type: ignore[no-untyped-def]
    """Numbers of a tile's pixels, and how many there are in a row: eight may be taken at its last pixel."""
    side = tiles[0]
    return np.empty((count, side * (side + WIDTH)), np.float32), side + WIDTH


@kernel(**INNER)
def add_up(sums, n, painted, placed, per_texel):  # type: ignore[no-untyped-def]
    """Adds to `sums` what pixels say of a stroke's paint (seven Lanes) and, per texel, of its placement (six)."""
    sums[n, 0] += total(painted[0])
    sums[n, 1] += total(painted[1])
    sums[n, 2] += total(painted[2])
    sums[n, 3] += total(painted[3])
    sums[n, 4] += total(painted[4])
    sums[n, 5] += total(painted[5])
    sums[n, 6] += total(painted[6])
    sums[n, 7] += total(placed[0]) * per_texel
    sums[n, 8] += total(placed[1]) * per_texel
    sums[n, 9] += total(placed[2]) * per_texel
    sums[n, 10] += total(placed[3]) * per_texel
    sums[n, 11] += total(placed[4]) * per_texel
    sums[n, 12] += total(placed[5]) * per_texel


@kernel(fastmath=FAST)
def forward(strokes, tiles, background, picture, left, deepest, share, shares):  # type: ignore[no-untyped-def]
    """Paints `picture`; fills `left` and `deepest`, unless they are empty."""
    frames, edges, paint, stamps, side = strokes
    _, height, width = picture.shape
    scale = np.float32(1.0 / max(height, width))
    planes, pitch = planes_of(tiles, 6)
    red, green, blue, light, rest, last = planes[0], planes[1], planes[2], planes[3], planes[4], planes[5]
    size = len(stamps) // max(len(frames), 1)
    spans = np.empty(2 * WIDTH, np.int32)
    for t in range(tiles[4][share], tiles[4][share + 1]):
        top, bottom, start, end, listed, count = tile_of(tiles, t, height, width)
        planes[:4], planes[4], planes[5] = _0, _1, -_1
        for row in range(bottom - top):
            light[row * pitch : row * pitch + end - start] = _1
        for k in range(listed + count - 1, listed - 1, -1):
            n = np.int64(tiles[3][k])
            frame = frame_of(frames, n)
            first_row, end_row = rows_of(edges, n, top, bottom)
            following, part = following_of(tiles[3], max(k - 1, listed), size, end_row - first_row)
            for row in range(first_row, end_row):
                fetch(stamps, following, following + part)
                following += part
                of_eight, y = (row - first_row) % WIDTH, np.float32(row + 0.5) * scale
                if of_eight == 0:
                    spans_of(spans, edges, n, row, start, end)
                for column in range(spans[of_eight], spans[WIDTH + of_eight], WIDTH):
                    at = (row - top) * pitch + column - start
                    before = load(light, at)
                    if not any_of(before > _0):
                        continue
                    u, v, _ = locate(frame, (ramp() + np.float32(column + 0.5)) * scale, y)
                    (matte, one, two), _, _, _, _ = look(stamps, n * size, side, u, v)
                    alpha = matte * paint[n, OPACITY]
                    alpha = choose(alpha < _LIMIT, alpha, _LIMIT)
                    weight = before * alpha
                    store(red, at, load(red, at) + weight * (one * paint[n, 0] + two * paint[n, 3]))
                    store(green, at, load(green, at) + weight * (one * paint[n, 1] + two * paint[n, 4]))
                    store(blue, at, load(blue, at) + weight * (one * paint[n, 2] + two * paint[n, 5]))
                    after = before * (_1 - alpha)
                    store(light, at, choose(after < _STOP, _0, after))
                    spent = choose(after < _STOP, after, _0)
                    if any_of(spent > _0):
                        store(rest, at, choose(spent > _0, spent, load(rest, at)))
                        store(last, at, choose(spent > _0, np.float32(n), load(last, at)))
        for row in range(top, bottom):
            for column in range(start, end):
                at = (row - top) * pitch + column - start
                seen = light[at]
                picture[0, row, column] = red[at] + seen * background[0, row, column]
                picture[1, row, column] = green[at] + seen * background[1, row, column]
                picture[2, row, column] = blue[at] + seen * background[2, row, column]
                if left.size > 0:
                    left[row, column] = seen if seen > 0 else rest[at]
                    deepest[row, column] = np.int32(last[at])


@kernel(fastmath=FAST)
def backward(strokes, tiles, background, left, deepest, gradient, every_sum, places, texel_sums, share, shares):  # type: ignore[no-untyped-def]
    """Adds up gradients.

    Args:
        every_sum: `[shares, N, 13]`, of each share its own, so that sums do not depend on which thread was faster.
        places: `[shares, N]`, which of the stamps in `texel_sums` a share adds a stroke's to.
        texel_sums: flat, gradients of stamps; empty: they are not wanted.
    """
    frames, edges, paint, stamps, side = strokes
    _, height, width = gradient.shape
    scale, per_texel = np.float32(1.0 / max(height, width)), np.float32(0.5 * side)
    planes, pitch = planes_of(tiles, 6)
    red, green, blue, light, behind, last = planes[0], planes[1], planes[2], planes[3], planes[4], planes[5]
    size = len(stamps) // max(len(frames), 1)
    spans = np.empty(2 * WIDTH, np.int32)
    sums, fours = every_sum[share], room(side)
    for t in range(tiles[4][share], tiles[4][share + 1]):
        top, bottom, start, end, listed, count = tile_of(tiles, t, height, width)
        lowest = _begin(planes, pitch, (top, bottom, start, end), background, left, deepest, gradient)
        for k in range(listed, listed + count):
            n = np.int64(tiles[3][k])
            if n < lowest:
                continue
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
                    seen = load(last, at) <= np.float32(n)
                    if not any_of(seen):
                        continue
                    x = (ramp() + np.float32(column + 0.5)) * scale
                    u, v, place = locate(frame, x, y)
                    (matte, one, two), corners, texel, columns, rows = look(stamps, n * size, side, u, v)
                    full = matte * paint[n, OPACITY]
                    alpha = choose(full < _LIMIT, full, _LIMIT)
                    after, under = load(light, at), load(behind, at)
                    g0, g1, g2 = load(red, at), load(green, at), load(blue, at)
                    slope_one = g0 * paint[n, 0] + g1 * paint[n, 1] + g2 * paint[n, 2]
                    slope_two = g0 * paint[n, 3] + g1 * paint[n, 4] + g2 * paint[n, 5]
                    difference = one * slope_one + two * slope_two - under
                    before = after / (_1 - alpha)
                    store(behind, at, choose(seen, under + alpha * difference, under))
                    store(light, at, choose(seen, before, after))
                    before = choose(seen, before, _0)
                    weight = before * alpha
                    of_alpha = choose(full <= _LIMIT, before * difference, _0)
                    opaque += of_alpha * matte
                    weight_one, weight_two = weight * one, weight * two
                    r0 += weight_one * g0
                    r1 += weight_one * g1
                    r2 += weight_one * g2
                    s0 += weight_two * g0
                    s1 += weight_two * g1
                    s2 += weight_two * g2
                    of_texel = of_alpha * paint[n, OPACITY], weight * slope_one, weight * slope_two
                    gu, gv = steepness(of_texel, corners, columns, rows)
                    placed = moved(frame, place, gu, gv, placed)
                    if len(texel_sums) > 0:
                        hand_on(fours, side, of_texel, texel, columns, rows)
            if len(texel_sums) > 0:
                settle(fours, texel_sums, places[share, n] * size)
            add_up(sums, n, (r0, r1, r2, s0, s1, s2, opaque), placed, per_texel)


@kernel(**INNER)
def _begin(planes, pitch, tile, background, left, deepest, gradient):  # type: ignore[no-untyped-def]
    """Fills a tile's planes for the way back; returns the deepest stroke that any of its pixels sees."""
    top, bottom, start, end = tile
    planes[:5], planes[5] = _0, _NOBODY
    lowest = np.int32(2**30)
    for row in range(top, bottom):
        for column in range(start, end):
            at = (row - top) * pitch + column - start
            n = deepest[row, column]
            lowest = min(lowest, n)
            g0, g1, g2 = gradient[0, row, column], gradient[1, row, column], gradient[2, row, column]
            planes[0, at], planes[1, at], planes[2, at] = g0, g1, g2
            planes[3, at], planes[5, at] = left[row, column], np.float32(n)
            if n < 0:
                ground = g0 * background[0, row, column] + g1 * background[1, row, column]
                planes[4, at] = ground + g2 * background[2, row, column]
    return np.int64(lowest)


@kernel(fastmath=FAST)
def worth(strokes, tiles, background, left, deepest, error, weight, sums, share, shares):  # type: ignore[no-untyped-def]
    """Adds up what strokes are worth, in `sums[share]` `[N]`.

    Args:
        error: the finished picture less the target.
        weight: of pixels, `[H, W]`.
    """
    frames, edges, paint, stamps, side = strokes
    _, height, width = error.shape
    scale = np.float32(1.0 / max(height, width))
    planes, pitch = planes_of(tiles, 9)
    size = len(stamps) // max(len(frames), 1)
    spans = np.empty(2 * WIDTH, np.int32)
    for t in range(tiles[4][share], tiles[4][share + 1]):
        top, bottom, start, end, listed, count = tile_of(tiles, t, height, width)
        planes[:8], planes[8] = _0, _NOBODY
        for row in range(top, bottom):
            for column in range(start, end):
                at = (row - top) * pitch + column - start
                planes[6, at], planes[7, at] = weight[row, column], left[row, column]
                planes[8, at] = np.float32(deepest[row, column])
                for c in range(3):
                    planes[c, at], planes[3 + c, at] = error[c, row, column], background[c, row, column]
        light, last = planes[7], planes[8]
        for k in range(listed, listed + count):
            n = np.int64(tiles[3][k])
            found = spread(_0)
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
                    seen = load(last, at) <= np.float32(n)
                    if not any_of(seen):
                        continue
                    x = (ramp() + np.float32(column + 0.5)) * scale
                    u, v, _ = locate(frame, x, y)
                    (matte, one, two), _, _, _, _ = look(stamps, n * size, side, u, v)
                    alpha = matte * paint[n, OPACITY]
                    alpha = choose(alpha < _LIMIT, alpha, _LIMIT)
                    after, the_last = load(light, at), load(last, at) == np.float32(n)
                    before = after / (_1 - alpha)
                    store(light, at, choose(seen, before, after))
                    amount = choose(seen, before * alpha, _0)
                    gain = spread(_0)
                    for c in range(3):
                        own = one * paint[n, c] + two * paint[n, 3 + c]
                        under = load(planes[3 + c], at)
                        under = choose(the_last, own, under)
                        store(planes[3 + c], at, choose(seen, under + alpha * (own - under), under))
                        change = amount * (under - own)
                        gain += change * (load(planes[c], at) * np.float32(2) + change)
                    found += gain * load(planes[6], at)
            sums[share, n] += total(found)
