"""Runs something tile by tile where it cannot run on the whole picture, and blends the tiles over their overlaps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Array = np.ndarray
Size = tuple[int, int]


def starts_of(length: int, side: int, overlap: int) -> list[int]:
    """Where tiles begin: as few as cover the length, evenly spread, the last flush with the end."""
    if length <= side:
        return [0]
    count = -(-(length - overlap) // (side - overlap))
    return [round(k * (length - side) / (count - 1)) for k in range(count)]


def even_side(length: int, side: int, overlap: int) -> int:
    """The shortest tiles that cover the length in no greater number than tiles of `side` would."""
    count = len(starts_of(length, side, overlap))
    return -(-(length + (count - 1) * overlap) // count)


def shares_of(length: int, side: int, starts: list[int], overlap: int) -> list[Array]:
    """How much each tile counts, `[side]` each: it fades in and out over the overlap; shares of a pixel add to 1."""
    shares = []
    total = np.zeros(length)
    for start in starts:
        share = np.ones(side)
        fading = (np.arange(overlap) + 0.5) / overlap
        if start > 0:
            share[:overlap] = fading
        if start + side < length:
            share[side - overlap :] = np.minimum(share[side - overlap :], fading[::-1])
        total[start : start + side] += share
        shares.append(share)
    return [share / total[start : start + side] for start, share in zip(starts, shares, strict=True)]


def run_feathered(picture: Array, tile: Size, overlap: Size, run: Callable[[Array], Array]) -> Array:
    """Runs tiles of a picture and blends them, linearly from one to the next.

    Args:
        picture: `[H, W, 3]` float32.
        tile: their `(height, width)`; where the picture is smaller, `run` gets less.
        overlap: rows and columns that neighbours share at least, at most half a tile.
        run: gives a picture of the size that it gets.

    Returns:
        `[H, W, 3]` float32.
    """
    height, width = picture.shape[:2]
    tall, wide = min(tile[0], height), min(tile[1], width)
    tops, lefts = starts_of(height, tall, overlap[0]), starts_of(width, wide, overlap[1])
    rows, columns = shares_of(height, tall, tops, overlap[0]), shares_of(width, wide, lefts, overlap[1])
    result = np.zeros(picture.shape, np.float32)
    for top, row in zip(tops, rows, strict=True):
        for left, column in zip(lefts, columns, strict=True):
            place = slice(top, top + tall), slice(left, left + wide)
            share = np.outer(row, column)[..., None].astype(np.float32)
            result[place] += share * run(np.ascontiguousarray(picture[place]))
    return result
