"""Strokes in the style of a picture: a Gram loss on the whole canvas beside the pixel loss.

The photo that the pixel loss looks at is first carried to the style's colours, or the two losses would pull at every
colour from both sides: what stays of the photo is its light and dark.

Source: Gatys, Ecker and Bethge 2016 for the loss; Zou et al. 2021 for strokes.
Departs from Zou et al. 2021: the whole canvas at once, not block by block; recoloured photo and strokes at the start.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neural_painter.colour import colour_statistics, mapped, transport_map
from neural_painter.descent import FAILURES
from neural_painter.errors import NumericalError
from neural_painter.features import Features
from neural_painter.images import fit_long_side, resize
from neural_painter.losses.gram import STYLE_LAYERS, StyleTarget, gram_loss, style_target
from neural_painter.losses.pixel import pixel_loss
from neural_painter.losses.transport import TransportError, TransportLoss
from neural_painter.painter.config import PaintConfig, StrokeStyleConfig, plan
from neural_painter.painter.optimise import Limits, Rates, StrokeOptimiser
from neural_painter.strokes import Strokes
from renderers.brush import Brush
from renderers.networks import NeuralRenderer

Array = np.ndarray

GRAM_WEIGHT = 0.1
"""Of the Gram loss against the pixel loss at a style weight of 1: a Gram distance of 0.1 counts as an error of 0.1."""

CANVAS = 1.4
"""Long side of the canvas against that of the last stage: patterns within a stroke want more pixels than its place."""

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

    def target(self, size: tuple[int, int]) -> StyleTarget:
        """The Grams that a picture of this size should have."""
        device = next(self.features.parameters()).device
        height, width = self.picture.shape[:2]
        side = min(round(max(size) * self.config.style_scale), max(height, width))
        small = _tensor(resize(self.picture, size=fit_long_side(height, width, max(side, 16))), device)[None]
        everywhere = torch.ones(1, *small.shape[2:], device=device), torch.ones(1, *size, device=device)
        return style_target(self.features, small, *everywhere)

    def distance(self, picture: Array) -> float:
        """How far the Grams of a picture `[H, W, 3]` are from the style's: 1 is as far as without any feature."""
        device = next(self.features.parameters()).device
        with torch.no_grad():
            found = self.features(_tensor(picture, device)[None], STYLE_LAYERS)
            return float(gram_loss(found, self.target(picture.shape[:2])))  # type: ignore[arg-type]


class Styler:
    """Optimises strokes that are there already, so that their picture takes on a style.

    Args:
        strokes: where to start.
        goal: what is painted, `[H, W, 3]` float32 in [0, 1], any size.
        style: what it should look like.
        renderer, brush: as for `StrokeOptimiser`.
        config: canvas colour, weights of the other losses.
        done: steps that were done before; the strokes then have the style's colours already.
    """

    def __init__(
        self,
        strokes: Strokes,
        goal: Array,
        style: StrokeStyle,
        *,
        renderer: NeuralRenderer,
        brush: Brush,
        config: PaintConfig,
        done: int = 0,
    ) -> None:
        device = next(renderer.parameters()).device
        self.start, self.style, self.done, self.recovered = strokes, style, done, 0
        style.features.to(device)
        height, width = goal.shape[:2]
        stage = plan(replace(config, strokes=max(len(strokes), 1)), min(height, width) / max(height, width))[-1]
        side = min(MOST_SIDE, max(LEAST_SIDE, 16 * round(CANVAS * stage.canvas / 16)))
        self.size = fit_long_side(height, width, side)
        recoloured, affine = recolour(np.clip(resize(goal, size=self.size), 0, 1), style.picture)
        self.goal = _tensor(recoloured, device)
        if not done:
            paint = strokes.paint.copy()
            for first in (0, 3):
                paint[:, first : first + 3] = _mapped(paint[:, first : first + 3], affine)
            strokes = Strokes(strokes.placement, strokes.shape, paint)
        self.target = style.target(self.size)
        self.transport = TransportLoss(self.goal) if config.transport_stages != "off" and config.transport else None
        self.weights = config.edges, config.transport, GRAM_WEIGHT * style.config.style_weight
        self.paint_only = style.config.style_mode == "color"
        rates = replace(Rates(), move=0.0, turn=0.0, grow=0.0, bend=0.0) if self.paint_only else Rates()
        sizes = strokes.placement[:, 2:4] if len(strokes) else np.array([[0.6, 0.6]], np.float32)
        self.optimiser = StrokeOptimiser(
            renderer,
            brush,
            strokes,
            torch.tensor(config.canvas, dtype=torch.float32, device=device),
            self.size,
            step=stage.size,
            limits=Limits(
                half_width=min(0.3 * stage.size / brush.aspect.default, float(sizes[:, 1].min())),
                half_length=max(0.6, float(sizes[:, 0].max())),
            ),
            rates=rates,
            refresh=8 if len(strokes) <= 1000 else 12,
        )

    def run(self, on_step: Callable[[int, float], None]) -> None:
        """Takes all steps that are left.

        Args:
            on_step: told the steps done and the loss after each.

        Raises:
            NumericalError: the loss stopped being finite and did not recover.
        """
        failures, steps = 0, self.style.config.style_steps
        while self.done < steps:
            value = self.optimiser.step(self._loss, self.done / steps)
            self.done += 1
            if not np.isfinite(value):
                failures += 1
                if failures > FAILURES:
                    raise NumericalError("the loss stopped being finite while styling and did not recover")
            on_step(self.done, value)

    def strokes(self) -> Strokes:
        """The strokes as they stand."""
        found = self.optimiser.strokes()
        return Strokes(self.start.placement, self.start.shape, found.paint) if self.paint_only else found

    def _loss(self, canvas: Tensor) -> Tensor:
        edges, transport, gram = self.weights
        value = pixel_loss(canvas, self.goal, edge_weight=edges)
        if gram:
            value = value + gram * gram_loss(self.style.features(canvas[None], STYLE_LAYERS), self.target)
        if self.transport is None:
            return value
        try:
            return value + transport * self.transport(canvas)
        except TransportError:
            self.recovered += 1  # a step without transport does no harm
            return value


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


def _tensor(picture: Array, device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(np.clip(picture, 0, 1).transpose(2, 0, 1), np.float32)).to(device)
