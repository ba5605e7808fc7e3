"""Strokes in the style of a picture: a Gram loss on the whole canvas beside the pixel loss.

The photo that the pixel loss looks at is first carried to the style's colours, or the two losses would pull at every
colour from both sides: what stays of the photo is its light and dark.

Source: Gatys, Ecker and Bethge 2016 for the loss; Zou et al. 2021 for strokes.
Departs from Zou et al. 2021: the whole canvas at once, not block by block; recoloured photo and strokes at the start.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neural_painter.colour import colour_statistics, mapped, transport_map
from neural_painter.features import Features
from neural_painter.images import fit_long_side, resize
from neural_painter.images.tensors import tensor_of
from neural_painter.losses.gram import STYLE_LAYERS, StyleTarget, gram_loss, style_target
from neural_painter.painter.config import PRESETS, PaintConfig, StrokeStyleConfig, canvas_of, plan, typical_size
from neural_painter.painter.objective import Objective
from neural_painter.painter.optimise import LONGEST, Limits, Rates, StrokeOptimiser, refresh_of
from neural_painter.painter.phases import View
from neural_painter.painter.rounds import Place, Round, start_of
from neural_painter.painter.work import Planned
from neural_painter.strokes import Strokes
from renderers.brush import FIRST, HALVES, SECOND, Brush
from renderers.stamps import StampSource

Array = np.ndarray

GRAM_WEIGHT = 0.1
"""Of the Gram loss against the pixel loss at a style weight of 1: a Gram distance of 0.1 counts as an error of 0.1."""

CANVAS = 1.4
"""Long side of the canvas against one just fine enough for strokes: patterns within one want more than its place."""

LEAST_SIDE, MOST_SIDE = 256, 512

COLOURS_SIDE = 256
"""Long side at which colours are counted."""


@dataclass(frozen=True)
class StrokeStyle:
    """What strokes should look like.

    Attributes:
        picture: `[H, W, 3]` float32 in [0, 1].
        features: the network that compares, from `load_features`.
        config: how.
    """

    picture: Array
    features: Features
    config: StrokeStyleConfig = field(default_factory=StrokeStyleConfig)

    def as_options(self) -> dict[str, Any]:
        """What a stroke document tells of it; JSON values. The picture is told by its sha256."""
        data = np.ascontiguousarray(self.picture, np.float32)
        return {**asdict(self.config), "picture": hashlib.sha256(data.tobytes()).hexdigest()}

    def on(self, device: torch.device) -> StrokeStyle:
        """The same with its features on a device; the caller's network stays where it is."""
        return replace(self, features=self.features.on(device))

    def target(self, size: tuple[int, int]) -> StyleTarget:
        """The Grams that a picture of this size should have."""
        device = next(self.features.parameters()).device
        height, width = self.picture.shape[:2]
        side = min(round(max(size) * self.config.style_scale), max(height, width))
        small = resize(self.picture, size=fit_long_side(height, width, max(side, 16)))
        picture = tensor_of(np.clip(small, 0, 1), device)[None]
        everywhere = torch.ones(1, *small.shape[:2], device=device), torch.ones(1, *size, device=device)
        return style_target(self.features, picture, *everywhere)

    def distance(self, picture: Array) -> float:
        """How far the Grams of a picture `[H, W, 3]` are from the style's: 1 is as far as without any feature."""
        device = next(self.features.parameters()).device
        with torch.no_grad():
            found = self.features(tensor_of(np.clip(picture, 0, 1), device)[None], STYLE_LAYERS)
            return float(gram_loss(found, self.target(picture.shape[:2])))  # type: ignore[arg-type]


class Styler:
    """Optimises strokes that are there already, so that their picture takes on a style; `rounds` is that one round.

    Args:
        goal: what is painted, `[H, W, 3]` float32 in [0, 1].
        style: what it should look like.
        renderer, brush: as for `StrokeOptimiser`.
        config: canvas colour, weights of the other losses.
        size: `(height, width)` of the painting, where `goal` is a smaller copy.
        cost: time of a step against that of the other rounds.

    Attributes:
        start: the strokes before they took on the style; None where it is not known, or has not begun.
    """

    def __init__(
        self,
        goal: Array,
        style: StrokeStyle,
        *,
        renderer: StampSource,
        brush: Brush,
        config: PaintConfig,
        size: tuple[int, int] | None = None,
        cost: float = 1.0,
    ) -> None:
        self.goal, self.renderer, self.brush, self.config, self.cost = goal, renderer, brush, config, cost
        self.device = renderer.device
        self.style = style.on(self.device)
        self.shape = size or (goal.shape[0], goal.shape[1])
        self.start: Strokes | None = None

    def rounds(self, strokes: int) -> list[Planned]:
        """What is to be done with so many strokes."""
        steps = self.style.config.style_steps
        return [Planned("style", steps, steps * self.cost, strokes, self.round)]

    def round(self, place: Place) -> Round:
        """The round: from the strokes as they were painted, or from where it was interrupted."""
        start, fresh = start_of(place)
        self.start = start if fresh else None
        height, width = self.shape
        aspect = min(height, width) / max(height, width)
        stage = plan(replace(self.config, strokes=max(len(start), 1)), aspect)[-1]
        step = typical_size(stage.count, aspect)
        side = 16 * round(CANVAS * PRESETS[self.config.preset].canvas * 8 / step / 16)
        size = fit_long_side(height, width, min(MOST_SIDE, max(LEAST_SIDE, side)))
        recoloured, affine = recolour(np.clip(resize(self.goal, size=size), 0, 1), self.style.picture)
        # Of strokes that multiply a pixel's colour is no mean of theirs, so that no map of colours is one of paint.
        strokes = _in_colours(start, affine) if fresh and self.brush.blend == "over" else start
        goal = tensor_of(recoloured, self.device)
        limits, sizes = Limits.of(stage, self.brush), strokes.placement[:, HALVES]
        if not len(strokes):
            sizes = np.array([[LONGEST, LONGEST]], np.float32)
        rates = Rates.of(self.brush)
        optimiser = StrokeOptimiser(
            self.renderer,
            self.brush,
            strokes,
            View(goal, torch.tensor(canvas_of(self.config, self.brush), dtype=torch.float32, device=self.device)),
            step=step,
            limits=Limits(
                half_width=min(limits.half_width, float(sizes[:, 1].min())),
                half_length=max(limits.half_length, float(sizes[:, 0].max())),
            ),
            rates=replace(rates, move=0.0, turn=0.0, sweep=0.0, grow=0.0, bend=0.0) if self._paint_only else rates,
            refresh=refresh_of(len(strokes)),
        )
        steps, held = self.style.config.style_steps, self._paint_only
        objective = self._objective(goal, size)
        return Round("while styling", optimiser, objective, steps, start=start, restarted=not fresh, held=held)

    @property
    def _paint_only(self) -> bool:
        return self.style.config.style_mode == "color"

    def _objective(self, goal: Tensor, size: tuple[int, int]) -> Objective:
        """The painter's losses towards the recoloured photo, and the style's."""
        config, weight = self.config, GRAM_WEIGHT * self.style.config.style_weight
        features, target = self.style.features, self.style.target(size)

        def style(canvas: Tensor) -> Tensor:
            return weight * gram_loss(features(canvas[None], STYLE_LAYERS), target)

        transport = config.transport if config.transport_stages == "all" else 0.0  # not a coarse stage
        return Objective(goal, config, transport=transport, style=style if weight else None)


def _in_colours(strokes: Strokes, affine: Array) -> Strokes:
    """The strokes with both colours carried by an affine map `[3, 4]`."""
    paint = strokes.paint.copy()
    for colour in (FIRST, SECOND):
        paint[:, colour] = _mapped(paint[:, colour], affine)
    return Strokes(strokes.placement, strokes.shape, paint, strokes.ids)


def recolour(picture: Array, style: Array) -> tuple[Array, Array]:
    """A picture in the colours of another, as Gaussians, and the affine map `[3, 4]` that does it.

    Args:
        picture, style: `[H, W, 3]` in [0, 1].
    """
    height, width = style.shape[:2]
    small = np.clip(resize(style, size=fit_long_side(height, width, min(COLOURS_SIDE, max(height, width)))), 0, 1)
    statistics = colour_statistics(picture.reshape(-1, 3)), colour_statistics(small.reshape(-1, 3))
    affine = transport_map(*statistics).astype(np.float32)
    return _mapped(picture, affine), affine


def _mapped(colours: Array, affine: Array) -> Array:
    return np.clip(mapped(colours, affine), 0, 1)
