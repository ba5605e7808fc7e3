"""A short fit of some strokes among many, each tied to where it was: a few steps of the painter's optimiser."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from neural_painter.film.bench import Bench
from neural_painter.film.colouring import repainted
from neural_painter.film.window import Window
from neural_painter.images.tensors import tensor_of
from neural_painter.painter.objective import Objective
from neural_painter.painter.optimise import StrokeOptimiser
from neural_painter.painter.seeding import keep
from neural_painter.strokes import Strokes

Array = np.ndarray

STEPS = 20
"""Of a round."""
RATE = 0.35
"""Step sizes against those of the painter's last stage."""
PULL = 0.06
"""Part of the way back to where it was that a stroke goes after each step."""


def refitted(
    bench: Bench,
    strokes: Strokes,
    free: Array,
    lean: Array | None = None,
    *,
    steps: int = STEPS,
    rate: float = RATE,
) -> Strokes:
    """The strokes after a round in which each moves as it is `free` `[N]`; where that is 0 they stay to the bit.

    Shapes stay, and with them textures: only placement and paint are fitted.

    Args:
        bench: of the frame.
        strokes: all of it.
        free: `[N]`, part of a full step that each takes.
        lean: `[H, W, 3]`, what is added to the frame that the strokes are fitted to; None for nothing.
        steps: of the round.
        rate: full steps, against those of the painter's last stage.
    """
    awake = free > 0
    if not awake.any():
        return strokes
    window = Window.around(strokes.placement[awake], bench.size)
    here = window.touches(strokes.placement) | awake
    freedom = rate * free[here].astype(np.float32)
    leans = None if lean is None else tensor_of(lean, bench.painter.device)
    found = _fitted(bench, keep(strokes, here), window, freedom, steps, PULL, lean=leans)
    made = strokes.table()
    made[awake] = found.table()[awake[here]]
    fitted = Strokes.of(made, strokes.ids)
    return fitted if bench.paints is None else repainted(bench, strokes, fitted, awake)


def fitted_over(bench: Bench, strokes: Strokes, canvas: Array, *, steps: int, rate: float) -> Strokes:
    """New strokes, fitted alone over a finished canvas `[H, W, 3]`."""
    window = Window.around(strokes.placement, bench.size)
    freedom = np.full(len(strokes), rate, np.float32)
    return _fitted(bench, strokes, window, freedom, steps, 0.0, over=tensor_of(canvas, bench.painter.device))


def _fitted(
    bench: Bench,
    strokes: Strokes,
    window: Window,
    freedom: Array,
    steps: int,
    pull: float,
    *,
    over: Tensor | None = None,
    lean: Tensor | None = None,
) -> Strokes:
    """The strokes after so many steps, of `freedom` `[N]` each, towards what a window shows; perhaps over a picture."""
    optimiser = bench.optimiser(window.into(strokes), window)
    plain = window.view(bench.sight.plain)
    objective = Objective(plain.goal, bench.config, weights=plain.weights)
    optimiser.fixed = bench.paints is not None and bench.painter.brush.blend == "over" and over is None
    move = _tied(optimiser, torch.from_numpy(freedom)[:, None].to(optimiser.device), pull, shapes=over is not None)
    for done in range(steps):
        if over is not None:
            view, behind = plain, window.part(over)
        else:
            view = window.view(bench.sight.view(done))
            behind = bench.painter.background if 2 * done >= steps else view.background
        optimiser.look(view, behind)
        objective.goal = view.goal if lean is None else view.goal + _sized(window.part(lean), view.goal)
        objective.weights = view.weights
        before = optimiser.now.values
        optimiser.step(objective, done / steps)
        optimiser.now = replace(optimiser.now, values=move(before, optimiser.now.values))
    found = optimiser.strokes()
    return window.back(Strokes(found.placement, found.shape, found.paint, strokes.ids))


def _sized(lean: Tensor, goal: Tensor) -> Tensor:
    """The lean as far as a goal `[3, h, w]` goes, whose grid may lie between the canvas' pixels and have one less."""
    height, width = goal.shape[1:]
    part = lean[:, :height, :width]
    return pad(part, (0, width - part.shape[2], 0, height - part.shape[1]))


Values = Mapping[str, Tensor]


def _tied(optimiser: StrokeOptimiser, freedom: Tensor, pull: float, shapes: bool) -> Callable[[Values, Values], Values]:
    """What becomes of a step: less of it where freedom `[N, 1]` is less, and a pull home for those that are free."""
    home = optimiser.now.values
    back = torch.where(freedom > 0, pull, 0.0)

    @torch.no_grad()
    def move(before: Values, after: Values) -> Values:
        made = dict(before)
        for name in before if shapes else ("placement", "paint"):
            old = before[name]
            stepped = old + freedom * (after[name] - old)
            made[name] = stepped + back * (home[name] - stepped)
        return made

    return move
