"""How to paint: one frozen dataclass, whose names, defaults and help texts the command line shares."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from neural_painter.configs import DEVICES, MOST_WEIGHT, OptionError, check, expect, nearest, option
from neural_painter.palettes.sets import SETS
from neural_painter.series import stage_counts
from renderers.brushes import known, project_names

if TYPE_CHECKING:
    from renderers.brush import Brush

MOST_STROKES = 200_000

MASK = "mask"
"""What `importance` says where a mask was given."""

IMPORTANCE = ("auto", "faces", "none", MASK)

ANY, OWN = "none", "own"
"""What `palette` says where any colours may be painted with, and where paints were given."""

FEWEST_FOUND, MOST_FOUND = 2, 256
"""Colours that are looked for in a photo."""

BEFORE = {"importance": "none", "palette": ANY}
"""Options that documents may lack, for they were painted before these were there, and what they would have said."""


@dataclass(frozen=True)
class Stage:
    """One round of seeding and optimising.

    Attributes:
        count: strokes added.
        canvas: long side of the canvas they are optimised on, in pixels.
        iterations: optimiser steps.
        size: half length of a new stroke, in canvas long sides.
        transport: weight of the transport loss against the pixel loss.
        phases: how much finer than the canvas the photo is that its steps look at, in turns.
        renewals: before which steps the least useful strokes are replaced.
        boldness: factor on the optimiser's step sizes.
        finish: from which step on strokes are seen as they will be painted, at the size of the picture; None: never.
    """

    count: int
    canvas: int
    iterations: int
    size: float
    transport: float
    phases: int = 1
    renewals: tuple[int, ...] = ()
    boldness: float = 1.0
    finish: int | None = None


@dataclass(frozen=True)
class Preset:
    """How much work.

    Attributes:
        early, late: factors on the iterations of the early stages and of the last.
        canvas: factor on the canvas.
        renewals: how often the last stage replaces its least useful strokes.
        stages: at most so many; each begins with a look at the whole photo.
        boldness: factor on the optimiser's step sizes; where there are many steps, larger ones find more.
        prefixes: whether the first strokes are to be a painting by themselves.
        finish: part of the last stage's steps after which strokes are seen as they will be painted, and none are
            replaced any more; None: never.
    """

    early: float
    late: float
    canvas: float
    renewals: int = 8
    stages: int = 99
    boldness: float = 1.0
    prefixes: bool = True
    finish: float | None = None


PRESETS = {
    "preview": Preset(0.1, 0.09, 0.42, renewals=2, stages=2, prefixes=False),
    "fast": Preset(0.5, 0.4, 0.8),
    "balanced": Preset(0.8, 1.0, 1.15),
    "best": Preset(1.6, 4.6, 1.7, renewals=30, boldness=1.4, finish=0.5),
}


@dataclass(frozen=True)
class PaintConfig:
    """Options of a painting.

    Raises:
        UsageError: a value is out of range; the message says which and what was expected.
    """

    brush: str = option(
        "oil",
        f"what to paint with: {', '.join(project_names())}, one of your own, or a Python file that defines one",
        choices=known,
    )
    strokes: int = option(1000, "how many strokes", low=1, high=MOST_STROKES)
    preset: str = option(
        "balanced",
        "how long to look for better strokes: preview (a first look), fast, balanced or best",
        choices=tuple(PRESETS),
    )
    seed: int = option(
        0, "chooses textures and breaks ties: same seed, same machine, same painting", low=0, high=2**32 - 1
    )
    canvas: tuple[float, float, float] | tuple[()] = option((), "colour of the bare canvas; own is the brush's")
    device: str = option("auto", "where to compute: auto, cpu or cuda", choices=DEVICES)
    renderer: str = option(
        "auto",
        "what draws strokes while they are looked for: auto (table, where the brush has one), table (filled once by "
        "the networks) or networks",
        choices=("auto", "table", "networks"),
    )
    transport: float = option(
        1.0, "weight of the optimal-transport loss, in the stages that have it", low=0, high=MOST_WEIGHT
    )
    transport_stages: str = option(
        "coarse",
        "stages with the transport loss: off, coarse (all but the last) or all",
        choices=("off", "coarse", "all"),
    )
    edges: float = option(0.1, "weight of edges against flat areas in the pixel loss", low=0, high=MOST_WEIGHT)

    importance: str = option(
        "none",
        "what gets finer strokes: auto (what stands out, and faces), faces, none, or a mask: a picture in which white "
        "matters and black does not",
        choices=IMPORTANCE,
    )

    palette: str = option(
        ANY,
        f"the only paints: so many of the photo's colours, a set ({', '.join(SETS)}), a file of names and colours "
        "(.csv, .gpl, .ase, .aco), or none for any",
    )

    def __post_init__(self) -> None:
        if type(self.palette) is int:
            object.__setattr__(self, "palette", str(self.palette))
        check(self)
        _check_palette(self.palette)
        colour = len(self.canvas) in (0, 3) and all(0 <= c <= 1 for c in self.canvas)
        expect(colour, "canvas", self.canvas, "three numbers of 0 to 1")


def _check_palette(word: object) -> None:
    """Raises OptionError where `palette` is neither a number nor a word that is known."""
    if isinstance(word, str) and re.fullmatch(r"[+-]?\d+", word, re.ASCII):
        fits = word.isdigit() and len(word) < 9 and FEWEST_FOUND <= int(word) <= MOST_FOUND
        expect(fits, "palette", word, f"{FEWEST_FOUND} to {MOST_FOUND} colours")
    elif word not in (ANY, OWN, *SETS):
        known = (ANY, *SETS)
        raise OptionError(
            "palette", f"expected a number or one of {', '.join(known)}, got {word}", hint=nearest(word, known)
        )


def canvas_of(config: PaintConfig, brush: Brush) -> tuple[float, float, float]:
    """The colour of the bare canvas: the brush's own where none was asked for."""
    return config.canvas or brush.ground


@dataclass(frozen=True)
class StrokeStyleConfig:
    """How strokes take on the style of a picture.

    Raises:
        UsageError: a value is out of range; the message says which and what was expected.
    """

    style_weight: float = option(1.0, "how strong the style is against the photo", low=0, high=MOST_WEIGHT)
    style_mode: str = option(
        "full",
        "what may change: color (the paint alone) or full (place and shape as well)",
        choices=("color", "full"),
    )
    style_scale: float = option(
        1.0, "size of the style against the painting: below 1 gives finer patterns", low=0.05, high=20
    )
    style_steps: int = option(70, "optimiser steps", low=1, high=100_000)

    def __post_init__(self) -> None:
        check(self)


MOST_SIDE = 1024
"""Longest side of a canvas, in pixels."""

FLOOR = 0.4
"""Smallest half width of a stroke, in those of the last stage's brush."""

RENEWED_UNTIL = 0.64
"""Part of the last stage's steps by which its least useful strokes have been replaced for the last time."""


FINER = 0.7
"""Power of the size of the smallest strokes that tells how much finer the canvases are: few strokes are that small."""


def plan(config: PaintConfig, aspect: float, *, smallest: float = 1.0) -> tuple[Stage, ...]:
    """The stages of a painting.

    Early strokes block in the big shapes and are few; each stage has about three times as many as the one before, with
    shorter brushes. So the same plan serves 20 strokes and 20 000.

    Args:
        config: what was asked for.
        aspect: short side / long side of the photo.
        smallest: size of the smallest strokes of a stage against its usual, where strokes are smaller where it matters.
    """
    preset = PRESETS[config.preset]
    counts = stage_counts(config.strokes)
    early = max(0, len(counts) - preset.stages) + 1
    counts = [sum(counts[:early]), *counts[early:]]
    stages = []
    for index, count in enumerate(counts):
        last = index == len(counts) - 1
        size = min(0.33, typical_size(count, aspect) * _size_of(index, len(counts)))
        # A canvas just fine enough for the stage's brush: the half width is then about three pixels.
        finer = preset.canvas * smallest**-FINER * min(max((config.strokes / 512) ** 0.2, 0.8), 1.12)
        canvas = min(MOST_SIDE, max(64, 16 * round(8 / size * finer / 16)))
        # Many strokes start close to where they belong, and each of their steps is dear; few are better moved longer,
        # and many seen finer.
        late = min(190, 158 * (345 / count) ** 0.4)
        iterations = max(1, round(late * preset.late) if last else round(40 * preset.early))
        on = config.transport_stages == "all" or (config.transport_stages == "coarse" and not last)
        until = RENEWED_UNTIL if preset.finish is None else preset.finish
        parts = (until * (k + 1) / preset.renewals for k in range(preset.renewals))
        renewals = sorted({round(part * iterations) for part in parts} - {0}) if last else ()
        weight = config.transport if on else 0.0
        finish = round(preset.finish * iterations) if last and preset.finish is not None else None
        stages.append(Stage(count, canvas, iterations, size, weight, 2, tuple(renewals), preset.boldness, finish))
    return tuple(stages)


def _size_of(stage: int, stages: int) -> float:
    """Half length of a stage's strokes, in those that cover the canvas once: the last ones lie where they matter."""
    if stages == 1:
        return 1.0
    return 0.5 if stage == stages - 1 else 1.36


def typical_size(count: int, aspect: float) -> float:
    """Half length of strokes of aspect 2.5 of which `count` cover a canvas about once, in canvas long sides."""
    return math.sqrt(0.65 * max(aspect, 0.15) / count)
