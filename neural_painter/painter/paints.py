"""Few paints for many strokes: colours drift towards them in the last stage, and for the rest of it are them.

At first every colour of a stroke is painted as a mixture of all paints, weighed by how near they are; what is far
counts less and less. Then each becomes a paint, so that the picture is closest (`assigning.py`), and what else a stroke
can do, it does knowing its paints. Paints that were found in the photo take the colours that suit the picture best.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neural_painter.compositing.visible import Visible, visible
from neural_painter.painter.assigning import Assigning
from neural_painter.painter.optimise import StrokeOptimiser
from neural_painter.palettes.carrying import carried, nearest
from neural_painter.palettes.colours import FROM_XYZ, WHITE, Palette
from renderers.brush import COLOURS, OPACITY, Brush

Array = np.ndarray

SOFT, SHARP = 0.02, 0.0004
"""Temperature of the mixtures when the last stage begins, and when paints are assigned: squared hundredths of Lab."""

HARD = 0.7
"""Part of the last stage's steps after which every colour is a paint."""

TIMES = 4
"""How often paints are assigned, the last time before the last step: strokes have moved since."""

FITS = 3
"""How often paints that were found are suited to the picture, and assigned anew."""


@dataclass(frozen=True)
class Mixing:
    """What strokes are painted with while their colours drift towards paints.

    Attributes:
        paints: `[K, 3]` sRGB.
        temperature: of the mixture.
    """

    paints: Tensor
    temperature: float

    def __call__(self, paint: Tensor) -> Tensor:
        """Paint `[N, 7]` of mixtures, differentiably."""
        colours = paint[:, COLOURS].reshape(-1, 3)
        distances = (hundredths(colours)[:, None] - hundredths(self.paints)[None]).square().sum(dim=2)
        mixed = torch.softmax(-distances / self.temperature, dim=1) @ self.paints
        return torch.cat([mixed.reshape(-1, 6), paint[:, OPACITY:]], dim=1)


class Paints:
    """The paints of a painting.

    Args:
        palette: to begin with.
        brush: what paints them.
        found: whether they were found in the photo, and may change.
    """

    def __init__(self, palette: Palette, brush: Brush, *, found: bool) -> None:
        self.palette, self.brush, self.found = palette, brush, found

    def mix(self, optimiser: StrokeOptimiser, done: int, steps: int) -> None:
        """What a step paints with, after so many of the stage."""
        hard = hard_from(steps)
        optimiser.fixed, optimiser.mixing = done >= hard, None
        if done < hard:
            paints = torch.from_numpy(self.palette.colours).to(optimiser.device)
            optimiser.mixing = Mixing(paints, SOFT * (SHARP / SOFT) ** (done / hard))

    def are_assigned(self, done: int, steps: int) -> bool:
        """Whether it is time to, before a step of the last stage."""
        hard = hard_from(steps)
        return done in {hard + round((steps - 1 - hard) * k / (TIMES - 1)) for k in range(TIMES)}

    def assign(
        self,
        optimiser: StrokeOptimiser,
        target: Array,
        background: Array,
        weights: Tensor | None,
        done: int,
        steps: int,
    ) -> None:
        """Has all colours of an optimiser's strokes be paints.

        Args:
            optimiser: looks at the canvas' own grid.
            target: what is painted, on that grid, `[H, W, 3]`.
            background: of the canvas, `[3]`.
            weights: `[H, W]`, how much each pixel counts; None: all alike.
            done, steps: as for `mix`.
        """
        strokes = optimiser.placement(), optimiser.paint(), optimiser.draw_stamps()
        weight = None if weights is None else weights.cpu().numpy()
        colours = self.assigned(*strokes, target, background, weight, first=done == hard_from(steps))
        optimiser.colour(torch.from_numpy(colours))

    def assigned(
        self,
        placement: Tensor,
        paint: Tensor,
        stamps: Tensor,
        target: Array,
        background: Array,
        weights: Array | None = None,
        *,
        first: bool = True,
    ) -> Array:
        """Colours `[N, 6]` of strokes that are all paints.

        Args:
            placement, paint, stamps: the strokes, as in `neural_painter.compositing`.
            target, background: as for `assign`.
            weights: `[H, W]`, or None.
            first: they have none yet; else paints that were found are those that they have.
        """
        colours = np.ascontiguousarray(paint[:, COLOURS].detach().cpu().numpy()).reshape(-1, 3)
        paints = self.palette.colours
        if self.found and not first and len(known := np.unique(colours, axis=0)) <= len(paints):
            paints = known
        if not len(colours):
            return colours.reshape(-1, 6)
        if self.brush.blend != "over":  # such canvases are not linear in their colours
            chosen = nearest(colours, paints).reshape(-1, 2)
        else:
            seen = visible(placement, paint, stamps, (target.shape[0], target.shape[1]))
            chosen = self._begun(seen, colours, paints, target) if first else nearest(colours, paints).reshape(-1, 2)
            assigning = Assigning(seen, target, background, weights)
            for _ in range(FITS if self.found else 0):
                chosen = assigning.closest(paints, chosen)
                suited = assigning.suited(paints, chosen)
                paints = np.round(255 * suited).astype(np.float32) / np.float32(255)
            chosen = assigning.closest(paints, chosen)
        if self.brush.colours == 1:
            chosen[:, 1] = chosen[:, 0]
        return paints[chosen].reshape(-1, 6)

    def _begun(self, seen: Visible, colours: Array, paints: Array, target: Array) -> Array:
        wanted = target.reshape(-1, 3)[:: max(1, target.size // 12000)]
        return carried(colours, seen.areas().reshape(-1), paints, wanted).reshape(-1, 2)


@dataclass(frozen=True)
class PaintShare:
    """How much of a painting one paint is.

    Attributes:
        number: of the paint, from 1, by its place in the palette.
        name: of the paint.
        colour: `#rrggbb`, sRGB.
        area: part of the painted area that shows it, as far as strokes are seen; of all paints these sum to 1.
        strokes: part of the strokes that carry it; of two colours either counts half.
    """

    number: int
    name: str
    colour: str
    area: float
    strokes: float


def shares_of(palette: Palette, paint: Array, seen: Visible | None) -> tuple[PaintShare, ...]:
    """How much each paint of a palette has in strokes of this paint `[N, 7]`, which are all of it."""
    which = nearest(paint[:, COLOURS].reshape(-1, 3), palette.colours)
    areas = np.zeros(len(which)) if seen is None else seen.areas().reshape(-1)
    area, count = (np.bincount(which, mass, len(palette)) for mass in (areas, np.ones(len(which))))
    area, count = area / max(area.sum(), 1e-12), count / max(count.sum(), 1)
    return tuple(
        PaintShare(k + 1, told["name"], told["colour"], float(area[k]), float(count[k]))
        for k, told in enumerate(palette.as_options())
    )


def hard_from(steps: int) -> int:
    """The step of a last stage of so many from which colours are paints."""
    return min(steps - 1, int(HARD * steps))


def hundredths(colours: Tensor) -> Tensor:
    """CIE L*a*b* / 100 of sRGB colours `[..., 3]`, as `palettes.lab_of`, differentiably."""
    linear = torch.where(colours <= 0.04045, colours / 12.92, ((colours.clamp_min(0.04) + 0.055) / 1.055) ** 2.4)
    matrix = torch.from_numpy(np.linalg.inv(FROM_XYZ).T / WHITE).to(colours)
    ratio = linear @ matrix
    f = torch.where(ratio > (6 / 29) ** 3, ratio.clamp_min(0.008) ** (1 / 3), ratio * ((29 / 6) ** 2 / 3) + 4 / 29)
    x, y, z = f.unbind(dim=-1)
    return torch.stack([1.16 * y - 0.16, 5 * (x - y), 2 * (y - z)], dim=-1)
