"""How to paint: one frozen dataclass, whose names, defaults and help texts the command line shares."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from numbers import Integral
from typing import Any

from neural_painter.configs import expect, option
from renderers.brushes import names

MOST_STROKES = 200_000


@dataclass(frozen=True)
class Stage:
    """One round of seeding and optimising.

    Attributes:
        count: strokes added.
        canvas: long side of the canvas they are optimised on, in pixels.
        iterations: optimiser steps.
        size: half length of a new stroke, in canvas long sides.
        transport: weight of the transport loss against the pixel loss.
    """

    count: int
    canvas: int
    iterations: int
    size: float
    transport: float


@dataclass(frozen=True)
class PaintConfig:
    """Options of a painting.

    Raises:
        UsageError: a value is out of range; the message says which and what was expected.
    """

    brush: str = option("oil", f"what to paint with: {', '.join(names())}")
    strokes: int = option(1000, "how many strokes")
    preset: str = option("balanced", "how long to look for better strokes: fast, balanced or best")
    seed: int = option(0, "chooses textures and breaks ties: same seed, same machine, same painting")
    canvas: tuple[float, float, float] = option((1.0, 1.0, 1.0), "colour of the bare canvas")
    device: str = option("auto", "where to compute: auto, cpu or cuda")
    transport: float = option(1.0, "weight of the optimal-transport loss, in the stages that have it")
    transport_stages: str = option("off", "stages with the transport loss: off, coarse (all but the last) or all")
    edges: float = option(0.3, "weight of edges against flat areas in the pixel loss")

    def __post_init__(self) -> None:
        expect(self.brush in names(), "brush", self.brush, f"one of {', '.join(names())}")
        for name in ("strokes", "seed"):
            expect(isinstance(getattr(self, name), Integral), name, getattr(self, name), "a whole number")
        expect(1 <= self.strokes <= MOST_STROKES, "strokes", self.strokes, f"1 to {MOST_STROKES}")
        expect(self.preset in PRESETS, "preset", self.preset, f"one of {', '.join(PRESETS)}")
        expect(0 <= self.seed < 2**32, "seed", self.seed, "0 to 4294967295")
        expect(self.device in ("auto", "cpu", "cuda"), "device", self.device, "auto, cpu or cuda")
        colour = len(self.canvas) == 3 and all(0 <= c <= 1 for c in self.canvas)
        expect(colour, "canvas", self.canvas, "three numbers of 0 to 1")
        expect(math.isfinite(self.transport) and self.transport >= 0, "transport", self.transport, "a number >= 0")
        expect(math.isfinite(self.edges) and self.edges >= 0, "edges", self.edges, "a number >= 0")
        stages = ("off", "coarse", "all")
        expect(self.transport_stages in stages, "transport-stages", self.transport_stages, ", ".join(stages))

    def replace(self, **changes: Any) -> PaintConfig:
        """A copy with some options changed."""
        return replace(self, **changes)


@dataclass(frozen=True)
class StrokeStyleConfig:
    """How strokes take on the style of a picture.

    Raises:
        UsageError: a value is out of range; the message says which and what was expected.
    """

    style_weight: float = option(1.0, "how strong the style is against the photo")
    style_mode: str = option("full", "what may change: color (the paint alone) or full (place and shape as well)")
    style_scale: float = option(1.0, "size of the style against the painting: below 1 gives finer patterns")
    style_steps: int = option(70, "optimiser steps")

    def __post_init__(self) -> None:
        weight = self.style_weight
        expect(math.isfinite(weight) and weight >= 0, "style-weight", weight, "a number >= 0")
        expect(self.style_mode in ("color", "full"), "style-mode", self.style_mode, "color or full")
        expect(0.05 <= self.style_scale <= 20, "style-scale", self.style_scale, "0.05 to 20")
        expect(isinstance(self.style_steps, Integral), "style-steps", self.style_steps, "a whole number")
        expect(1 <= self.style_steps <= 100_000, "style-steps", self.style_steps, "1 to 100000")


def help_of(name: str) -> str:
    """The help text of an option."""
    return str(next(f.metadata["help"] for f in fields(PaintConfig) if f.name == name))


@dataclass(frozen=True)
class Preset:
    """How much work: factors on the iterations of the early stages and of the last, and on the canvas."""

    early: float
    late: float
    canvas: float


PRESETS = {"fast": Preset(0.5, 0.4, 0.8), "balanced": Preset(1.0, 1.0, 1.0), "best": Preset(1.6, 2.2, 1.25)}


def plan(config: PaintConfig, aspect: float) -> tuple[Stage, ...]:
    """The stages of a painting.

    Early strokes block in the big shapes and are few; each stage has about three times as many as the one before, with
    shorter brushes. So the same plan serves 20 strokes and 20 000.

    Args:
        config: what was asked for.
        aspect: short side / long side of the photo.
    """
    preset = PRESETS[config.preset]
    counts = _counts(config.strokes)
    stages = []
    for index, count in enumerate(counts):
        last = index == len(counts) - 1
        size = min(0.33, math.sqrt((0.65 if last else 1.2) * max(aspect, 0.15) / count))
        # A canvas just fine enough for the stage's brush: the half width is then about three pixels.
        canvas = min(512, max(64, 16 * round(8 / size * preset.canvas / 16)))
        # Many strokes start close to where they belong, and each of their steps is dear.
        late = 105 * (300 / max(count, 300)) ** 0.2
        iterations = round(late * preset.late) if last else round(40 * preset.early)
        on = config.transport_stages == "all" or (config.transport_stages == "coarse" and not last)
        stages.append(Stage(count, canvas, max(iterations, 1), size, config.transport if on else 0.0))
    return tuple(stages)


def _counts(strokes: int, first: int = 12, ratio: float = 3.1) -> list[int]:
    """Strokes of each stage: a geometric series from about `first`, with about `ratio`, that sums to `strokes`."""
    stages = max(1, math.ceil(math.log(max(strokes / first, 1)) / math.log(ratio)))
    low, high = 1.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if first * sum(middle**k for k in range(stages)) < strokes else (low, middle)
    counts = [min(strokes, first if stages > 1 else strokes)]
    counts += [round(first * low**k) for k in range(1, stages - 1)]
    return [*counts, strokes - sum(counts)] if stages > 1 else counts
