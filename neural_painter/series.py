"""How many strokes each stage of a painting has: few and large first, then about three times as many in each."""

from __future__ import annotations

import math

FIRST, FEW = 30, 12
"""About how many strokes the first stage has; the second where there are few in all."""

RATIO = 3.1
"""Strokes of a stage against those of the one before."""


def stage_counts(strokes: int) -> list[int]:
    """Strokes of each stage: a geometric series from about `FIRST`, or `FEW`, that sums to `strokes`."""
    first = FIRST if strokes > FIRST * RATIO else FEW
    stages = max(1, math.ceil(math.log(max(strokes / first, 1)) / math.log(RATIO)))
    low, high = 1.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if first * sum(middle**k for k in range(stages)) < strokes else (low, middle)
    counts = [min(strokes, first if stages > 1 else strokes)]
    counts += [round(first * low**k) for k in range(1, stages - 1)]
    return [*counts, strokes - sum(counts)] if stages > 1 else counts
