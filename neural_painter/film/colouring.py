"""Few paints in a film: those of a shot are held, and a stroke keeps its paint unless another suits clearly better."""

from __future__ import annotations

import numpy as np

from neural_painter.compositing.visible import visible
from neural_painter.film.bench import Bench
from neural_painter.painter.assigning import Assigning
from neural_painter.painter.choosing import Choice
from neural_painter.painter.paints import Paints
from neural_painter.palettes.carrying import nearest
from neural_painter.palettes.colours import Palette, lab_of
from neural_painter.strokes import Strokes
from renderers.brush import COLOURS

Array = np.ndarray

HOLD = 0.4
"""How much a stroke holds on to its paint: the colour that would suit it must be beyond .7 of the way to another."""


def begun_in(bench: Bench, strokes: Strokes, choice: Choice, *, free: bool) -> tuple[Strokes, Array]:
    """A shot's first strokes, all of paints, and these `[K, 3]`.

    Args:
        bench: of the shot's first frame.
        strokes: of it.
        choice: which paints there may be.
        free: whether the strokes' colours are no paints yet.
    """
    if free:
        shown = bench.canvas(strokes)
        strokes = _coloured(strokes, _assigned(bench, strokes, choice.paints(shown, bench.painter.brush), shown))
    colours = strokes.paint[:, COLOURS].reshape(-1, 3)
    palette = choice.palette or Palette.of_colours(colours)
    return _coloured(strokes, palette.colours[nearest(colours, palette.colours)].reshape(-1, 6)), palette.colours


def repainted(bench: Bench, before: Strokes, fitted: Strokes, free: Array) -> Strokes:
    """Strokes that were fitted again, all of paints: of others than `before` only where these suit clearly better.

    Args:
        bench: of the frame.
        before: the same strokes as they were, all of paints.
        fitted: as they are now, with colours that may be none.
        free: `[N]` bool, those that may change.
    """
    assert bench.paints is not None
    paints, brush = bench.paints, bench.painter.brush
    start = nearest(before.paint[:, COLOURS].reshape(-1, 3), paints).reshape(-1, 2)
    if brush.blend == "over":
        drawn = bench.drawn(_coloured(fitted, before.paint[:, COLOURS]))
        weights = bench.sight.plain.weights
        assigning = Assigning(
            visible(*drawn, bench.size),
            bench.target,
            bench.painter.background.cpu().numpy(),
            None if weights is None else weights.cpu().numpy(),
        )
        chosen = assigning.closest(paints, start, free=free, hold=HOLD)
    else:
        chosen = np.where(free[:, None], _held(fitted.paint[:, COLOURS], paints, start), start)
    if brush.colours == 1:
        chosen[:, 1] = chosen[:, 0]
    return _coloured(fitted, paints[chosen].reshape(-1, 6))


def newly_painted(bench: Bench, strokes: Strokes, over: Array) -> Strokes:
    """Newcomers over a finished canvas `[H, W, 3]`, of paints."""
    if bench.paints is None or not len(strokes):
        return strokes
    paints = Paints(Palette(("",) * len(bench.paints), bench.paints), bench.painter.brush, found=False)
    return _coloured(strokes, _assigned(bench, strokes, paints, bench.target, over))


def _assigned(bench: Bench, strokes: Strokes, paints: Paints, target: Array, over: Array | None = None) -> Array:
    """Colours `[N, 6]` that are paints, for strokes that should show a target over a canvas."""
    behind = bench.painter.background.cpu().numpy() if over is None else over
    return paints.assigned(*bench.drawn(strokes), target, behind)


def _held(colours: Array, paints: Array, start: Array) -> Array:
    """The paint of each colour `[N, 6]`, `[N, 2]`: what it was unless another is clearly nearer in Lab."""
    wished = lab_of(colours.reshape(-1, 3))
    own, others = lab_of(paints[start.ravel()]), lab_of(paints)
    apart = np.square(own[:, None] - others[None]).sum(axis=2)
    cost = np.square(wished[:, None] - others[None]).sum(axis=2) + HOLD * apart
    return cost.argmin(axis=1).reshape(-1, 2)


def _coloured(strokes: Strokes, colours: Array) -> Strokes:
    paint = strokes.paint.copy()
    paint[:, COLOURS] = colours
    return Strokes(strokes.placement, strokes.shape, paint, strokes.ids)
