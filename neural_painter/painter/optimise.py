"""Moves, bends and colours all strokes at once so that the canvas comes closer to the photo."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neural_painter.compositing import composite
from neural_painter.strokes import Strokes
from renderers.brush import Brush
from renderers.networks import NeuralRenderer

Array = np.ndarray
Loss = Callable[[Tensor], Tensor]

CHUNK = 512
"""Strokes drawn by the networks at a time; bounds their memory."""

KEPT = 1024
"""Up to so many strokes the networks' activations are kept for the way back; beyond, chunks are drawn again."""


@dataclass(frozen=True)
class Rates:
    """Step sizes of Adam at the start of a stage.

    Attributes:
        move: of the centre, in half lengths of the stage's brush.
        turn: of the angle, radians.
        grow: of the logarithm of half length and half width.
        bend: of shape parameters, in their ranges.
        colour: of colours.
        opacity: of the opacity.
    """

    move: float = 0.08
    turn: float = 0.06
    grow: float = 0.05
    bend: float = 0.05
    colour: float = 0.04
    opacity: float = 0.02


@dataclass(frozen=True)
class Limits:
    """How small and how large a stroke may become: half widths and half lengths in canvas long sides."""

    half_width: float
    half_length: float


class StrokeOptimiser:
    """Adam on strokes, with a cache of their stamps.

    Networks draw stamps only every few steps: between these, placement and paint move freely over the stamps drawn
    last, which change little. That is what makes thousands of strokes affordable.

    Args:
        renderer: trained networks of the brush.
        brush: gives ranges.
        strokes: where to start.
        background: what the strokes are laid over, `[3]` or `[3, H, W]`.
        size: canvas `(height, width)` in pixels.
        step: typical half length, in canvas long sides; step sizes scale with it.
        limits: bounds on sizes.
        rates: step sizes.
        refresh: draw stamps anew every so many steps.
    """

    def __init__(
        self,
        renderer: NeuralRenderer,
        brush: Brush,
        strokes: Strokes,
        background: Tensor,
        size: tuple[int, int],
        *,
        step: float,
        limits: Limits,
        rates: Rates = Rates(),
        refresh: int = 5,
    ) -> None:
        device = next(renderer.parameters()).device
        self.renderer, self.brush, self.background, self.size = renderer, brush, background, size
        self.limits, self.refresh = limits, refresh
        placement = torch.from_numpy(strokes.placement.copy()).to(device)
        placement[:, 2:4] = placement[:, 2:4].clamp_min(1e-6).log()
        self.values = {
            "placement": placement,  # half length and half width by their logarithms
            "shape": torch.from_numpy(strokes.shape.copy()).to(device),
            "paint": torch.from_numpy(strokes.paint.copy()).to(device),
        }
        span = [p.high - p.low for p in brush.free_shape]
        self.rates = {
            "placement": torch.tensor([rates.move * step] * 2 + [rates.grow] * 2 + [rates.turn], device=device),
            "shape": torch.tensor([rates.bend * s for s in span], device=device),
            "paint": torch.tensor([rates.colour] * 6 + [rates.opacity], device=device),
        }
        self.moments = {name: (torch.zeros_like(v), torch.zeros_like(v)) for name, v in self.values.items()}
        self.steps = dict.fromkeys(self.values, 0)
        self.taken = 0
        self.recovered = 0
        self.stamps: Tensor | None = None
        self._project()

    def placement(self) -> Tensor:
        """Placements as the compositor takes them, `[N, 5]`."""
        value = self.values["placement"]
        return torch.cat([value[:, :2], value[:, 2:4].exp(), value[:, 4:]], dim=1)

    def full_shape(self) -> Tensor:
        """Shapes as the networks take them, `[N, P]`, aspect first."""
        value = self.values["placement"]
        aspect = (value[:, 2] - value[:, 3]).exp().clamp(self.brush.aspect.low, self.brush.aspect.high)
        return torch.cat([aspect[:, None], self.values["shape"]], dim=1)

    @torch.no_grad()
    def draw_stamps(self) -> Tensor:
        """All stamps `[N, S, S, 3]`, drawn by the networks a chunk at a time."""
        parts = [self.renderer.stamps(part) for part in self.full_shape().split(CHUNK)]
        return torch.cat(parts) if parts else torch.zeros(0, 2, 2, 3, device=self.background.device)

    @torch.no_grad()
    def canvas(self) -> Tensor:
        """The canvas as it stands, `[3, H, W]`."""
        return composite(self.placement(), self.values["paint"], self.draw_stamps(), self.background, self.size)

    def visible(self) -> Array:
        """How much of each stroke is seen, `[N]`: the part of its box that it colours and nothing covers."""
        paint = self.values["paint"].clone().requires_grad_()
        with torch.no_grad():
            placement, stamps = self.placement(), self.draw_stamps()
        composite(placement, paint, stamps, self.background, self.size)[0].sum().backward()  # type: ignore[no-untyped-call]
        assert paint.grad is not None
        pixels = 4 * placement[:, 2] * placement[:, 3] * max(self.size) ** 2
        return ((paint.grad[:, 0] + paint.grad[:, 3]) / pixels.clamp_min(1e-6)).cpu().numpy()

    def strokes(self) -> Strokes:
        """The strokes as they stand."""
        placement = self.placement().cpu().numpy()
        # Two turns of the brush look alike; keep angles small.
        placement[:, 4] = np.remainder(placement[:, 4] + math.pi, 2 * math.pi) - math.pi
        # Copies, since on the CPU these arrays would go on changing with the tensors.
        return Strokes(placement, self.values["shape"].cpu().numpy().copy(), self.values["paint"].cpu().numpy().copy())

    def step(self, loss: Loss, progress: float) -> float:
        """One step; `progress` in [0, 1] through the stage sets the decay of the step sizes. Returns the loss."""
        draw = self.stamps is None or self.taken % self.refresh == 0
        few = len(self.values["paint"]) <= KEPT
        shape = self.full_shape().requires_grad_(draw and few)
        if draw:
            self.stamps = self.renderer.stamps(shape) if few else self.draw_stamps()
        assert self.stamps is not None
        placement = self.values["placement"].clone().requires_grad_()
        paint = self.values["paint"].clone().requires_grad_()
        stamps = self.stamps.detach().requires_grad_(draw)
        placed = torch.cat([placement[:, :2], placement[:, 2:4].exp(), placement[:, 4:]], dim=1)
        value = loss(composite(placed, paint, stamps, self.background, self.size))
        value.backward()  # type: ignore[no-untyped-call]
        gradients = {"placement": placement.grad, "paint": paint.grad}
        if stamps.grad is not None and len(stamps):
            if few:
                (found,) = torch.autograd.grad(self.stamps, shape, stamps.grad)
                gradients["shape"] = found[:, 1:]
            else:
                gradients["shape"] = self._through_networks(stamps.grad)
            self.stamps = self.stamps.detach()
        self._update(gradients, _decay(progress))
        self.taken += 1
        return float(value.detach())

    def _through_networks(self, gradient: Tensor) -> Tensor:
        """Gradient of the free shape parameters from that of the stamps, a chunk at a time."""
        parts = []
        for shape, upstream in zip(self.full_shape().split(CHUNK), gradient.split(CHUNK), strict=True):
            leaf = shape.clone().requires_grad_()
            with torch.enable_grad():
                (found,) = torch.autograd.grad(self.renderer.stamps(leaf), leaf, upstream)
            parts.append(found[:, 1:])
        return torch.cat(parts)

    @torch.no_grad()
    def _update(self, gradients: dict[str, Tensor | None], decay: float) -> None:
        """Adam with a step size for each column; strokes whose gradient is not finite stay as they are."""
        fast, slow, tiny = 0.9, 0.98, 1e-12
        for name, gradient in gradients.items():
            if gradient is None or not gradient.numel():
                continue
            # Squares as well: a second moment that overflows would stop its stroke for the rest of the stage.
            finite = gradient.square().isfinite().all(dim=1, keepdim=True)
            if not bool(finite.all()):
                self.recovered += int((~finite).sum())
                gradient = torch.where(finite, gradient, torch.zeros_like(gradient))
            self.steps[name] += 1
            first, second = self.moments[name]
            first.lerp_(gradient, 1 - fast)
            second.mul_(slow).addcmul_(gradient, gradient, value=1 - slow)
            rise, calm = 1 - fast ** self.steps[name], 1 - slow ** self.steps[name]
            move = (first / rise) / ((second / calm).sqrt() + tiny)
            # A moment that is rounding noise says nothing; unscaled, Adam would take a full step along it.
            move = torch.where(finite & (second / calm > 1e-20), move, torch.zeros_like(move))
            self.values[name] -= move * self.rates[name] * decay
        self._project()

    @torch.no_grad()
    def _project(self) -> None:
        """Brings every number back into its range."""
        placement, brush = self.values["placement"], self.brush
        height, width = self.size
        long_side = max(height, width)
        placement[:, 0].clamp_(0, width / long_side)
        placement[:, 1].clamp_(0, height / long_side)
        placement[:, 2].clamp_(math.log(self.limits.half_width * brush.aspect.low), math.log(self.limits.half_length))
        aspect = (placement[:, 2] - placement[:, 3]).clamp_(math.log(brush.aspect.low), math.log(brush.aspect.high))
        placement[:, 3] = (placement[:, 2] - aspect).clamp_min_(math.log(self.limits.half_width))
        placement[:, 2] = torch.maximum(placement[:, 2], placement[:, 3] + math.log(brush.aspect.low))
        shape = self.values["shape"]
        low = torch.from_numpy(brush.shape_low[1:]).to(shape)
        high = torch.from_numpy(brush.shape_high[1:]).to(shape)
        torch.minimum(torch.maximum(shape, low, out=shape), high, out=shape)
        paint = self.values["paint"]
        paint[:, :6].clamp_(0, 1)
        paint[:, 6].clamp_(brush.opacity.low, brush.opacity.high)


def _decay(progress: float) -> float:
    """Full steps for the first third of a stage, then down to a twentieth along a cosine."""
    turned = max(0.0, progress - 0.35) / 0.65
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * turned))
