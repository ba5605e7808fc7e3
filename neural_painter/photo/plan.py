"""The rounds of a transfer: which stage at which size, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

from neural_painter.images import fit_long_side, pyramid
from neural_painter.photo.config import PhotoConfig


@dataclass(frozen=True)
class Round:
    """One picture size of one stage.

    Attributes:
        stage: `style` or `photorealism`.
        size: `(height, width)` of the picture.
        iterations: optimiser steps.
    """

    stage: str
    size: tuple[int, int]
    iterations: int


def plan(config: PhotoConfig, height: int, width: int) -> tuple[Round, ...]:
    """The rounds of a transfer: coarse to fine, sizes a factor of sqrt(2) apart, half the steps at all but the finest.

    Args:
        config: what was asked for.
        height, width: of the content.
    """
    settings = config.settings()
    if not settings.optimize:
        return ()
    long_side = min(settings.working_size or max(height, width), max(height, width))
    sizes = [fit_long_side(height, width, side) for side in pyramid(long_side, scales=settings.scales, least=32)]
    stages = ("style", "photorealism") if config.stages == "both" else (config.stages,)
    rounds = []
    for stage in stages:
        # Of two stages the first blocks in at the coarser sizes, and the second takes over at the finer.
        some = sizes if len(stages) == 1 or len(sizes) == 1 else sizes[:1] if stage == "style" else sizes[1:]
        for size in some:
            steps = settings.iterations if size == sizes[-1] else max(1, settings.iterations // 2)
            rounds.append(Round(stage, size, steps))
    return tuple(rounds)
