"""What of a picture each stroke paints: how much of both its colours every pixel shows. On the CPU, source-over only.

A canvas is linear in its paint: with these amounts it is the sum of amounts times colours, and the light that is left
times the background. So what other colours would make of it is known without compositing again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from neural_painter.compositing.constants import MAX_ALPHA, STOP
from neural_painter.compositing.frames import frame_of, frames_of, locate
from neural_painter.compositing.lanes import WIDTH, any_of, choose, load, ramp, store
from neural_painter.compositing.outlines import edges_of, rows_of, spans_of
from neural_painter.compositing.texels import look, stored
from renderers.brush import OPACITY
from renderers.kernels import FAST, kernel

Array = np.ndarray

_0, _1 = np.float32(0), np.float32(1)
_LIMIT, _STOP = np.float32(MAX_ALPHA), np.float32(STOP)
FAINT = np.float32(1e-3)
"""An amount below it is left out."""


@dataclass(frozen=True)
class Visible:
    """What of a picture strokes paint.

    Attributes:
        first, end: `[N]` int64, which of the entries are a stroke's.
        place: of each entry, int32: the pixel, row by row.
        amounts: `[E, 2]` float32, how much of a stroke's first and second colour is seen there.
        left: `[H, W]` float32, how much of the background is seen.
    """

    first: Array
    end: Array
    place: Array
    amounts: Array
    left: Array

    def areas(self) -> Array:
        """How many pixels' worth of each colour of each stroke is seen, `[N, 2]` float64."""
        sums = np.concatenate([np.zeros((1, 2)), np.cumsum(self.amounts, axis=0, dtype=np.float64)])
        found: Array = sums[self.end] - sums[self.first]
        return found


def visible(placement: Tensor, paint: Tensor, stamps: Tensor, size: tuple[int, int]) -> Visible:
    """What is seen of strokes; arguments as in `neural_painter.compositing`. Of `paint` the opacity alone counts."""
    placed, painted, drawn = (np.ascontiguousarray(t.detach().cpu().numpy()) for t in (placement, paint, stamps))
    side = drawn.shape[1]
    edges = edges_of(placed, size, side)
    first, end, left = np.zeros(len(placed), np.int64), np.zeros(len(placed), np.int64), np.empty(size, np.float32)
    room = int(_reached(edges, *size)) + WIDTH
    place, amounts = np.empty(room, np.int32), np.empty((room, 2), np.float32)
    strokes = frames_of(placed), edges, painted, stored(drawn), side
    used = int(_see(strokes, size[0], size[1], left, first, end, place, amounts))
    return Visible(first, end, place[:used].copy(), amounts[:used].copy(), left)


@kernel()
def _reached(edges, height, width):  # type: ignore[no-untyped-def]
    """How many pixels strokes may reach, counted for each."""
    spans = np.empty(2 * WIDTH, np.int32)
    count = 0
    for n in range(len(edges)):
        first_row, end_row = rows_of(edges, n, 0, height)
        for row in range(first_row, end_row):
            of_eight = (row - first_row) % WIDTH
            if of_eight == 0:
                spans_of(spans, edges, n, row, 0, width)
            count += max(0, spans[WIDTH + of_eight] - spans[of_eight])
    return count


@kernel(fastmath=FAST)
def _see(strokes, height, width, left, first, end, place, amounts):  # type: ignore[no-untyped-def]
    """Fills what `Visible` holds, from the topmost stroke down; returns how many entries there are."""
    frames, edges, paint, stamps, side = strokes
    scale = np.float32(1.0 / max(height, width))
    pitch = width + WIDTH
    light = np.zeros(height * pitch, np.float32)
    for row in range(height):
        light[row * pitch : row * pitch + width] = _1
    size = len(stamps) // max(len(frames), 1)
    spans = np.empty(2 * WIDTH, np.int32)
    ones, twos = np.empty(WIDTH, np.float32), np.empty(WIDTH, np.float32)
    used = 0
    for n in range(len(frames) - 1, -1, -1):
        first[n] = used
        frame = frame_of(frames, n)
        first_row, end_row = rows_of(edges, n, 0, height)
        for row in range(first_row, end_row):
            of_eight, y = (row - first_row) % WIDTH, np.float32(row + 0.5) * scale
            if of_eight == 0:
                spans_of(spans, edges, n, row, 0, width)
            for column in range(spans[of_eight], spans[WIDTH + of_eight], WIDTH):
                at = row * pitch + column
                before = load(light, at)
                if not any_of(before > _0):
                    continue
                u, v, _ = locate(frame, (ramp() + np.float32(column + 0.5)) * scale, y)
                (matte, one, two), _, _, _, _ = look(stamps, n * size, side, u, v)
                alpha = matte * paint[n, OPACITY]
                alpha = choose(alpha < _LIMIT, alpha, _LIMIT)
                store(ones, 0, before * alpha * one)
                store(twos, 0, before * alpha * two)
                after = before * (_1 - alpha)
                store(light, at, choose(after < _STOP, _0, after))
                for k in range(min(WIDTH, width - column)):
                    if ones[k] + twos[k] > FAINT:
                        place[used] = row * width + column + k
                        amounts[used, 0], amounts[used, 1] = ones[k], twos[k]
                        used += 1
        end[n] = used
    for row in range(height):
        for column in range(width):
            left[row, column] = light[row * pitch + column]
    return used
