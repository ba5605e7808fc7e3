"""Moves, bends and colours all strokes at once so that the canvas comes closer to the photo."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from neural_painter.compositing import DARKEST, composite
from neural_painter.painter.adam import adam_step
from neural_painter.painter.config import FLOOR, Stage
from neural_painter.painter.phases import View
from neural_painter.painter.prefixes import Prefix
from neural_painter.painter.true_strokes import Drawn
from neural_painter.strokes import Strokes
from renderers.brush import (
    ANGLE,
    CENTRE,
    COLOURS,
    FIRST,
    HALF_LENGTH,
    HALF_WIDTH,
    HALVES,
    MAX_SWEEP,
    OPACITY,
    PLACEMENT_WIDTH,
    SECOND,
    SWEEP,
    Brush,
)
from renderers.stamps import StampSource

Array = np.ndarray
Loss = Callable[[Tensor], Tensor]
Mixing = Callable[[Tensor], Tensor]
"""What paint `[N, 7]` is painted with, where the strokes' own is that."""

MANY = 1000
"""Strokes beyond which stamps are drawn less often."""

STRETCH = 2.0
"""How much more slender a stroke may become than the most slender one of its brush, which is then drawn out."""

ROUNDEST = 0.7
"""Largest sweep against the aspect: the radius of an arc is 1 / ROUNDEST half widths at least."""

LONGEST = 0.6
"""Largest half length of a stroke, in canvas long sides."""


@dataclass(frozen=True)
class Rates:
    """Step sizes of Adam at the start of a stage.

    Attributes:
        move: of the centre, in half lengths of the stage's brush.
        turn: of the angle, radians.
        sweep: of the sweep, radians.
        grow: of the logarithm of half length and half width.
        bend: of shape parameters, in their ranges.
        colour: of colours.
        opacity: of the opacity.
    """

    move: float = 0.08
    turn: float = 0.06
    sweep: float = 0.06
    grow: float = 0.05
    bend: float = 0.05
    colour: float = 0.04
    opacity: float = 0.02

    @classmethod
    def of(cls, brush: Brush) -> Rates:
        """Those for a brush: where strokes multiply, a pixel feels the steps of all that lie on it."""
        return cls(colour=0.015, opacity=0.0075) if brush.blend == "multiply" else cls()

    def times(self, factor: float) -> Rates:
        """All of them so much larger."""
        return Rates(**{field.name: factor * getattr(self, field.name) for field in fields(self)})


@dataclass(frozen=True)
class Limits:
    """How small and how large a stroke may become: half widths and half lengths in canvas long sides.

    Attributes:
        half_width: the smallest.
        half_length: the largest.
        sizes: `[H, W]`, by what the smallest is multiplied where a stroke's centre lies; None where it is the same
            everywhere.
        broadest: the largest half width.
    """

    half_width: float
    half_length: float
    sizes: Tensor | None = None
    broadest: float = math.inf

    @classmethod
    def of(cls, finest: Stage, brush: Brush, sizes: Tensor | None = None) -> Limits:
        """Those of a painting whose last stage is `finest`."""
        finest_width = finest.size / brush.aspect.default
        broadest = brush.broadest * finest_width
        return cls(FLOOR * finest_width, min(LONGEST, STRETCH * brush.aspect.high * broadest), sizes, broadest)

    def slimmest(self, placement: Tensor) -> Tensor | float:
        """Logarithm of the smallest half width that strokes `[N, 6]` may have: `[N]`, or one for all."""
        least = math.log(self.half_width)
        if self.sizes is None:
            return least
        height, width = self.sizes.shape
        cells = (placement[:, CENTRE] * max(height, width)).long()
        return least + self.sizes[cells[:, 1].clamp(0, height - 1), cells[:, 0].clamp(0, width - 1)].log()


def refresh_of(count: int) -> int:
    """Steps between two drawings of the stamps of so many strokes."""
    return 8 if count <= MANY else 12


@dataclass(frozen=True)
class Standing:
    """All that a step of the optimiser changes. A step makes a new one and leaves the old as it is.

    Attributes:
        values: placement `[N, 6]` (half length and half width by their logarithms), shape `[N, F]`, paint `[N, 7]`.
        first, second: Adam's moments of each.
        steps: `[N, 1]` float32 of each: steps that a stroke has taken, which counts for Adam; shapes move only where
            stamps are drawn.
        taken: steps of all.
        recovered: gradients that were not finite and were left out.
        drawn: full shapes `[N, P]` that the stamps were drawn from; None before the first.
        halves: half widths `[N]` that true strokes were drawn with; None where stamps are not those of true strokes.
    """

    values: Mapping[str, Tensor]
    first: Mapping[str, Tensor]
    second: Mapping[str, Tensor]
    steps: Mapping[str, Tensor]
    taken: int = 0
    recovered: int = 0
    drawn: Tensor | None = None
    halves: Tensor | None = None


class StrokeOptimiser:
    """Adam on strokes, with a cache of their stamps.

    Networks draw stamps only every few steps: between these, placement and paint move freely over the stamps drawn
    last, which change little. That is what makes thousands of strokes affordable.

    Args:
        renderer: what draws the brush's stamps.
        brush: gives ranges.
        strokes: where to start.
        view: the grid of pixels to begin with, and what the strokes are laid over there.
        step: typical half length, in canvas long sides; step sizes scale with it.
        limits: bounds on sizes.
        rates: step sizes.
        refresh: draw stamps anew every so many steps.

    Attributes:
        prefix: what the next steps look at beside the whole canvas; None for nothing.
        mixing: what is painted with where paints are few; None: with the strokes' own colours.
        fixed: whether colours stay as they are from now on.
        true: draws the stamps from now on; None: the renderer does.
        composited: the canvas `[3, H, W]` that the last step saw, in the step's own view; None before the first.
    """

    def __init__(
        self,
        renderer: StampSource,
        brush: Brush,
        strokes: Strokes,
        view: View,
        *,
        step: float,
        limits: Limits,
        rates: Rates = Rates(),
        refresh: int = 5,
    ) -> None:
        device = renderer.device
        self.renderer, self.brush, self.device = renderer, brush, device
        self.look(view)
        long_side = max(view.size)
        self.limits, self.refresh = limits, refresh
        values = self.values_of(strokes)
        span = [0.0 if p.settled else p.high - p.low for p in brush.free_shape]
        self.rates = {
            "placement": torch.tensor(
                [*[rates.move * step] * 2, *[rates.grow] * 2, rates.turn, rates.sweep], device=device
            ),
            "shape": torch.tensor([rates.bend * s for s in span], device=device),
            "paint": torch.tensor([rates.colour] * 6 + [rates.opacity], device=device),
        }
        self.bounds = _bounds(brush, (view.size[1] / long_side, view.size[0] / long_side), device)
        first, second = ({name: torch.zeros_like(v) for name, v in values.items()} for _ in range(2))
        steps = {name: torch.zeros(len(strokes), 1, device=device) for name in values}
        self.now = Standing(self._projected(values), first, second, steps)
        self.stamps: Tensor | None = None
        self.composited: Tensor | None = None
        self.prefix: Prefix | None = None
        self.mixing: Mixing | None = None
        self.fixed = False
        self.true: Drawn | None = None

    def look(self, view: View, background: Tensor | None = None) -> None:
        """From now on canvases are of this grid, and over another background where one is given."""
        self.view, self.background = view, view.background if background is None else background
        self.offset = torch.tensor([*view.offset, 0, 0, 0, 0], device=self.device)

    def values_of(self, strokes: Strokes) -> dict[str, Tensor]:
        """Their numbers as `Standing` holds them, whether or not they are within bounds."""
        device = self.device
        placement = torch.from_numpy(strokes.placement.copy()).to(device)
        placement[:, HALVES] = placement[:, HALVES].clamp_min(1e-6).log()
        shape, paint = (torch.from_numpy(array.copy()).to(device) for array in (strokes.shape, strokes.paint))
        return {"placement": placement, "shape": shape, "paint": paint}

    def go_on(self, standing: Standing) -> None:
        """Goes on from an earlier standing of the same strokes as if there had been nothing in between."""
        self.now = standing
        self.stamps = None  # the next step draws those again

    def placement(self) -> Tensor:
        """Placements as the compositor takes them, `[N, 6]`."""
        return _placed(self.now.values["placement"])

    def paint(self) -> Tensor:
        """Paint as the compositor takes it, `[N, 7]`."""
        paint = self.now.values["paint"]
        return paint if self.mixing is None else self.mixing(paint)

    def full_shape(self) -> Tensor:
        """Shapes as the networks take them, `[N, P]`, aspect first."""
        value = self.now.values["placement"]
        aspect = (
            (value[:, HALF_LENGTH] - value[:, HALF_WIDTH]).exp().clamp(self.brush.aspect.low, self.brush.aspect.high)
        )
        return torch.cat([aspect[:, None], self.now.values["shape"]], dim=1)

    @torch.no_grad()
    def renew(self, kept: Array, new: Strokes) -> None:
        """Lays new strokes on top in place of those that are not `kept` `[N]`; the others keep what Adam knows of them.

        Stamps are drawn anew in the next step.
        """
        now, device = self.now, self.device
        chosen = torch.from_numpy(np.flatnonzero(kept)).to(device)
        fresh = self.values_of(new)

        def joined(old: Mapping[str, Tensor], added: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return {name: torch.cat([value[chosen], added[name].to(value)]) for name, value in old.items()}

        nothing = {name: torch.zeros_like(value) for name, value in fresh.items()}
        ages = {name: torch.zeros(len(new), 1) for name in fresh}
        values = self._projected(joined(now.values, fresh))
        moments = joined(now.first, nothing), joined(now.second, nothing)
        self.now = Standing(values, *moments, joined(now.steps, ages), now.taken, now.recovered)
        self.stamps = None

    @torch.no_grad()
    def colour(self, colours: Tensor) -> None:
        """Gives all strokes other colours, `[N, 6]`, as they are painted with."""
        paint = torch.cat([colours.to(self.device), self.now.values["paint"][:, OPACITY:]], dim=1)
        self.now = replace(self.now, values={**self.now.values, "paint": paint})

    @torch.no_grad()
    def draw_stamps(self, shape: Tensor | None = None) -> Tensor:
        """All stamps `[N, S, S, 3]`; by default of the strokes as they stand.

        The bytes are those that `step` draws with gradients; a test holds the networks to it.
        """
        halves = self.now.values["placement"][:, HALF_WIDTH].exp()
        return self._stamps(self.full_shape() if shape is None else shape, halves)

    def _stamps(self, shape: Tensor, halves: Tensor | None) -> Tensor:
        if self.true is None or halves is None:
            return self.renderer.stamps(shape)
        return self.true.stamps(shape, halves)

    def _known(self) -> Tensor | None:
        """The stamps that were drawn last; None where there are none, or they are not what is looked at now."""
        now = self.now
        if now.drawn is None or (now.halves is None) != (self.true is None):
            return None
        if self.stamps is None:
            with torch.no_grad():
                self.stamps = self._stamps(now.drawn, now.halves)
        return self.stamps

    @torch.no_grad()
    def canvas(self) -> Tensor:
        """The canvas as it stands, `[3, H, W]`."""
        return composite(
            self.placement(),
            self.paint(),
            self.draw_stamps(),
            self.background,
            self.view.size,
            blend=self.brush.blend,
        )

    def strokes(self, standing: Standing | None = None) -> Strokes:
        """The strokes as they stand, or stood."""
        standing = standing or self.now
        placement = _placed(standing.values["placement"]).cpu().numpy()
        # Two turns of the brush look alike; keep angles small.
        placement[:, ANGLE] = np.remainder(placement[:, ANGLE] + math.pi, 2 * math.pi) - math.pi
        # Copies, since on the CPU these arrays are the tensors'.
        return Strokes(placement, *(standing.values[name].cpu().numpy().copy() for name in ("shape", "paint")))

    def step(self, loss: Loss, progress: float) -> float:
        """One step; `progress` in [0, 1] through the stage sets the decay of the step sizes. Returns the loss."""
        now = self.now
        draw = now.taken % self.refresh == 0 or self._known() is None
        shape = self.full_shape().requires_grad_(draw)
        if draw:
            halves = now.values["placement"][:, HALF_WIDTH].exp()
            self.stamps = self._stamps(shape, halves)
            now = replace(now, drawn=shape.detach(), halves=halves if self.true else None)
        assert self.stamps is not None
        placed = _placed(now.values["placement"]).requires_grad_()
        own = now.values["paint"].clone().requires_grad_()
        mixed = own if self.mixing is None else self.mixing(own)
        paint = own if mixed is own else mixed.detach().requires_grad_()
        stamps = self.stamps.detach().requires_grad_(draw)
        blend = self.brush.blend
        canvas = composite(placed - self.offset, paint, stamps, self.background, self.view.size, blend=blend)
        value = loss(canvas)
        self.composited = canvas.detach()
        if self.prefix is not None:
            n, view = self.prefix.count, self.prefix.view
            alone = composite(placed[:n], paint[:n], stamps[:n], view.background, view.size, blend=blend)
            self.prefix.weighed(alone, value.detach()).backward()  # type: ignore[no-untyped-call]
        value.backward()  # type: ignore[no-untyped-call]
        if mixed is not own and paint.grad is not None:
            mixed.backward(paint.grad)  # type: ignore[no-untyped-call]
        gradients = {"placement": placed.grad, "paint": own.grad}
        if placed.grad is not None:
            placed.grad[:, HALVES] *= placed.detach()[:, HALVES]  # of logarithms; autograd would launch a dozen kernels
        if stamps.grad is not None and len(stamps):
            (found,) = torch.autograd.grad(self.stamps, shape, stamps.grad)
            gradients["shape"] = found[:, 1:]
        if draw:
            self.stamps = self.stamps.detach()
        self.now = self._moved(now, gradients, _decay(progress))
        return float(value.detach())

    @torch.no_grad()
    def _moved(self, now: Standing, gradients: Mapping[str, Tensor | None], decay: float) -> Standing:
        """A step of Adam; strokes whose gradient is not finite stay as they are."""
        values, firsts, seconds, steps = dict(now.values), dict(now.first), dict(now.second), dict(now.steps)
        recovered = now.recovered
        for name, gradient in gradients.items():
            if gradient is None or not gradient.numel():
                continue
            rates = self.rates[name] * decay
            if self.fixed and name == "paint":
                rates[COLOURS] = 0
            moved = adam_step(values[name], gradient, firsts[name], seconds[name], steps[name], rates)
            values[name], firsts[name], seconds[name], steps[name], left_out = moved
            recovered += left_out
        return Standing(
            self._projected(values), firsts, seconds, steps, now.taken + 1, recovered, now.drawn, now.halves
        )

    @torch.no_grad()
    def _projected(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Copies of the values with every number brought back into its range."""
        aspect = self.brush.aspect
        placement, shape, paint = (torch.clamp(values[name], *bounds) for name, bounds in self.bounds.items())
        if self.brush.greys:
            for colour in (FIRST, SECOND):
                paint[:, colour] = paint[:, colour].mean(dim=1, keepdim=True)
        half_length, half_width = placement[:, HALF_LENGTH], placement[:, HALF_WIDTH]  # their logarithms, in place
        slimmest = self.limits.slimmest(placement)
        half_length.clamp_min_(slimmest + math.log(aspect.low)).clamp_max_(math.log(self.limits.half_length))
        slenderness = (half_length - half_width).clamp_(math.log(aspect.low), math.log(STRETCH * aspect.high))
        half_width.copy_(half_length - slenderness).clamp_min_(slimmest).clamp_max_(math.log(self.limits.broadest))
        half_length.copy_(torch.maximum(half_length, half_width + math.log(aspect.low)))
        # Of a stroke that turned faster the inner side would run into itself.
        most = (ROUNDEST * (half_length - half_width).exp()).clamp_max(MAX_SWEEP)
        placement[:, SWEEP].clamp_(-most, most)
        return {"placement": placement, "shape": shape, "paint": paint}


def _bounds(brush: Brush, extent: tuple[float, float], device: torch.device) -> dict[str, tuple[Tensor, Tensor]]:
    """The lowest and the highest value of each column, as far as they do not hang on others."""
    free = [math.inf] * (PLACEMENT_WIDTH - len(extent))
    opacity, (dark, light) = brush.opacity, brush.greys or (0.0, 1.0)
    # Below, a dye is as dark, and its gradient is none.
    darkest = DARKEST if brush.blend == "multiply" else 0.0
    pairs = {
        "placement": ([0.0, 0.0, *(-end for end in free)], [*extent, *free]),
        "shape": (brush.shape_low[1:], brush.shape_high[1:]),
        "paint": ([max(dark, darkest)] * OPACITY + [opacity.low], [light] * OPACITY + [opacity.high]),
    }
    made = partial(torch.as_tensor, dtype=torch.float32, device=device)
    return {name: (made(low), made(high)) for name, (low, high) in pairs.items()}


def _placed(value: Tensor) -> Tensor:
    """Placements as the compositor takes them, out of those with logarithms."""
    return torch.cat([value[:, CENTRE], value[:, HALVES].exp(), value[:, ANGLE:]], dim=1)


def _decay(progress: float) -> float:
    """Full steps for the first half of a stage, then down to a thirtieth along a cosine."""
    turned = max(0.0, progress - 0.5) / 0.5
    return 0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * turned))
