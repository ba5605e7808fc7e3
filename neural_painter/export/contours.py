"""Outlines of a drawing: marching squares with the crossings interpolated, so they are finer than its pixels."""

import numpy as np

from renderers.kernels import kernel

Array = np.ndarray


def contours(matte: Array, level: float) -> list[Array]:
    """Closed outlines of where `matte` is above `level`; outside the drawing it counts as 0.

    Args:
        matte: `[H, W]` float32.
        level: above 0.

    Returns:
        A list of `[M, 2]` float32 points (x, y), pixel centres at +0.5, without a repeated last point. Outer outlines
        turn one way and holes the other, so that both ways of filling leave holes open.
    """
    padded = np.zeros((matte.shape[0] + 2, matte.shape[1] + 2), np.float32)
    padded[1:-1, 1:-1] = matte
    points = np.empty((2 * padded.size, 2), np.float32)
    ends = _trace(padded, np.float32(level), points)
    return [loop - np.float32(0.5) for loop in np.split(points[: ends[-1]], ends[:-1])] if len(ends) else []


@kernel()
def _trace(grid, level, points):  # type: ignore[no-untyped-def]
    """Fills `points` with one outline after the other and returns where each ends.

    Every crossed edge of the lattice is left by one cell and entered by one other: `follow[edge]` is the next edge.
    Edges are numbered row * width + column: first those towards the right neighbour, then those towards the one below.
    """
    height, width = grid.shape
    below = height * width
    follow = np.full(2 * below, -1, np.int64)
    for row in range(height - 1):
        for column in range(width - 1):
            top = row * width + column
            bottom, left, right = top + width, below + top, below + top + 1
            a, b = grid[row, column], grid[row, column + 1]
            d, e = grid[row + 1, column], grid[row + 1, column + 1]
            inside = (a > level) + 2 * (b > level) + 4 * (e > level) + 8 * (d > level)
            if inside in (5, 10):  # two opposite corners: joined where the middle is inside
                joined = (a + b + d + e) / 4 > level
                if inside == 5:
                    follow[left] = bottom if joined else top
                    follow[right] = top if joined else bottom
                else:
                    follow[top] = left if joined else right
                    follow[bottom] = right if joined else left
            # The inside lies to the left of the way.
            elif inside == 1 or inside == 3 or inside == 7:
                follow[left] = top if inside == 1 else (right if inside == 3 else bottom)
            elif inside == 2 or inside == 6 or inside == 14:
                follow[top] = right if inside == 2 else (bottom if inside == 6 else left)
            elif inside == 4 or inside == 12 or inside == 13:
                follow[right] = bottom if inside == 4 else (left if inside == 12 else top)
            elif inside == 8 or inside == 9 or inside == 11:
                follow[bottom] = left if inside == 8 else (top if inside == 9 else right)

    ends = np.empty(below, np.int64)
    loops = count = 0
    for first in range(2 * below):
        edge = first
        while follow[edge] >= 0:
            cell = edge % below
            row, column = cell // width, cell % width
            down = edge >= below
            here = grid[row, column]
            there = grid[row + 1, column] if down else grid[row, column + 1]
            part = (level - here) / (there - here)
            points[count, 0] = column if down else column + part
            points[count, 1] = row + part if down else row
            count += 1
            following = follow[edge]
            follow[edge] = -1
            edge = following
        if count > (ends[loops - 1] if loops else 0):
            ends[loops] = count
            loops += 1
    return ends[:loops]
