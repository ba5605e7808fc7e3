"""A shot's first frame: painted as a picture is, with all that it asks for."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from neural_painter.film import mattering
from neural_painter.film.bench import Bench
from neural_painter.film.colouring import begun_in
from neural_painter.film.living import named
from neural_painter.film.look import Look
from neural_painter.film.refitting import refitted
from neural_painter.film.shots import Shot, is_blank
from neural_painter.painter.choosing import Choice
from neural_painter.painter.config import PaintConfig
from neural_painter.painter.rounds import place_between
from neural_painter.painter.styling import StrokeStyle, Styler, recolour
from neural_painter.painter.work import Work
from neural_painter.palettes.colours import Palette
from neural_painter.strokes import Strokes

Array = np.ndarray

LEAST = 255.0**-2
"""Of a shot's mean error, which is 0 where all is black: less than a level of 8 bits is not seen."""
ROUNDS = 2
"""Of the fit of a shot's first strokes with their textures."""


class Begun(NamedTuple):
    """A shot that has begun.

    Attributes:
        strokes: of its first frame.
        shot: what holds through it.
        bench: of the frame.
        source: the frame itself, in the bench's size.
        level: mean error that so many strokes leave.
    """

    strokes: Strokes
    shot: Shot
    bench: Bench
    source: Array
    level: float


def begun(picture: Array, config: PaintConfig, look: Look) -> Begun:
    """A shot's first frame `[H, W, 3]`, painted afresh.

    Raises:
        NumericalError: the loss stopped being finite and did not recover.
        KeyboardInterrupt: it was interrupted.
    """
    matters = mattering.begun(picture, config.importance, look.mask)
    weights, style = None if matters is None else matters.weights, look.style
    bench = Bench(picture, config, weights=weights, choice=None if style else look.choice)
    strokes, source = named(bench.painted()), bench.target
    level = _level(bench, strokes)
    shot = Shot(bench.painter.smallest, mattering.fitted(matters, bench.size), blank=is_blank(picture))
    if style is not None:
        strokes, colours = _styled(bench, strokes, picture, style)
        shot = replace(shot, colours=colours)
    if look.choice is not None:
        strokes, paints = begun_in(bench, strokes, look.choice, free=style is not None)
        shot = replace(shot, paints=paints)
    if style is not None:
        shot = shot.showing(bench.canvas(strokes), source)
    if style is not None or look.choice is not None:
        bench = shot.bench(picture, config)
    if style is None:
        strokes = _settled(bench, strokes)
        level = _level(bench, strokes)
    return Begun(strokes, shot, bench, source, level)


def taken_over(
    picture: Array,
    config: PaintConfig,
    look: Look,
    strokes: Strokes,
    shot: Shot | None = None,
    level: float | None = None,
) -> Begun:
    """A frame `[H, W, 3]` in which other strokes take over; what they show beside it is carried on from there.

    Args:
        picture, config, look: as for `begun`.
        strokes: they, with ids.
        shot, level: of the frame without them; None: another shot begins.
    """
    if shot is None:
        matters = mattering.begun(picture, config.importance, look.mask)
        colours = None if look.style is None else recolour(picture, look.style.picture)[1]
        bench = Bench(picture, config, weights=None if matters is None else matters.weights)
        fitted = mattering.fitted(matters, bench.size)
        shot = Shot(bench.painter.smallest, fitted, colours=colours, blank=is_blank(picture))
    shot = replace(shot, beside=None)
    plain = Shot(shot.smallest, shot.matters).bench(picture, config)
    if look.choice is not None:
        choice = look.choice if shot.paints is None else Choice(Palette(("",) * len(shot.paints), shot.paints))
        strokes, paints = begun_in(plain, strokes, choice, free=True)
        shot = replace(shot, paints=paints)
    canvas = plain.canvas(strokes)
    if level is None:
        level = max(float(shot.bench(picture, config).error(canvas).mean()), LEAST)
    shot = shot.showing(canvas, plain.target)
    return Begun(strokes, shot, shot.bench(picture, config), plain.target, level)


def _level(bench: Bench, strokes: Strokes) -> float:
    return max(float(bench.error(bench.canvas(strokes)).mean()), LEAST)


def _settled(bench: Bench, strokes: Strokes) -> Strokes:
    """The strokes, fitted once more with the textures that they will have: the frames that follow are to be as good."""
    for _ in range(ROUNDS):
        strokes = refitted(bench, strokes, np.ones(len(strokes), np.float32))
    return strokes


def _styled(bench: Bench, strokes: Strokes, picture: Array, style: StrokeStyle) -> tuple[Strokes, Array]:
    """The strokes in a style, and the map `[3, 4]` to its colours."""
    painter = bench.painter
    styler = Styler(picture, style, renderer=painter.renderer, brush=painter.brush, config=bench.config)
    work = Work(styler.rounds(len(strokes)), place_between(strokes))
    if not work.run():
        raise KeyboardInterrupt
    return named(work.strokes), recolour(picture, style.picture)[1]
