"""Strokes as they will be painted, for the last steps of a careful painting.

Networks draw what strokes of a shape have in common, softly. In the picture each has its own bristles, and edges as
sharp as a pixel: what is the best for soft strokes is not the best for these. So the last steps look at stamps that the
brush itself draws, each with the texture of its stroke and for the pixels of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from neural_painter.strokes import texture_seeds
from renderers.brush import Brush
from renderers.stamps import StampSource

SIDE, MANY_SIDE = 64, 32
"""Of stamps in pixels: a stroke that is one of few has more of the picture's. The second beyond so many strokes:"""

MANY = 2000


class Drawn(Protocol):
    """What draws strokes as they will be painted."""

    def stamps(self, shape: Tensor, half_width: Tensor) -> Tensor:
        """Stamps `[N, S, S, 3]` of all strokes, from shapes `[N, P]` and half widths `[N]` in canvas long sides."""


@dataclass(frozen=True)
class TrueStrokes:
    """Draws stamps with the ground-truth brush.

    Attributes:
        brush: what draws them.
        soft: draws their like with gradients, for the brush itself has none.
        seed: of the painting, from which textures follow.
        pixel: side of a pixel of the picture, in canvas long sides.
    """

    brush: Brush
    soft: StampSource
    seed: int
    pixel: float

    def stamps(self, shape: Tensor, half_width: Tensor) -> Tensor:
        """Stamps `[N, S, S, 3]` of all strokes of a painting, in its order.

        Args:
            shape: `[N, P]`, aspect first; the gradient that it gets is that of `soft`.
            half_width: `[N]`, in canvas long sides.
        """
        side = SIDE if len(shape) <= MANY else MANY_SIDE
        footprints = (self.pixel / half_width.detach()).cpu().numpy()
        seeds = texture_seeds(self.seed, len(shape))
        drawn = torch.from_numpy(
            self.brush.draw(shape.detach().cpu().numpy(), seeds, side, side, footprints=footprints)
        ).to(shape.device)
        if not shape.requires_grad:
            return drawn
        soft = self.soft.stamps(shape)
        if soft.shape[1] != side:
            soft = interpolate(soft.permute(0, 3, 1, 2), (side, side), mode="bilinear").permute(0, 2, 3, 1)
        return drawn + (soft - soft.detach())
