"""The neural renderer: two small networks that draw the stamp of a stroke from its parameters.

The *rasterisation net* maps shape to the alpha matte and never sees colour. The *shading net* maps shape and paint to
colour: it predicts, for every pixel, the weights of the stroke's colours. So colour is exactly linear in the paint,
which neither has to be learnt nor can be got wrong, and a stamp serves any paint until its shape changes.

Source: Zou et al. 2021 for the two pathways. Departs from it: the stroke's own frame; colour linear in the paint.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from renderers.brush import COLOURS, OPACITY, Brush

STAMP = 32
"""Side of a stamp, in pixels."""

CHUNK = 512
"""Stamps drawn at a time; bounds the memory."""

KEPT = 1024
"""Up to so many stamps the networks' activations are kept for the way back; beyond, chunks are drawn again."""


class ShapeEncoding(nn.Module):
    """Shape parameters scaled to [-1, 1] (the aspect by its logarithm), with a few harmonics of each."""

    low: Tensor
    high: Tensor

    def __init__(self, low: Tensor, high: Tensor, harmonics: int = 3) -> None:
        super().__init__()
        self.register_buffer("low", low.float())
        self.register_buffer("high", high.float())
        self.harmonics = harmonics
        self.features = len(low) * (1 + 2 * harmonics)

    def forward(self, shape: Tensor) -> Tensor:
        aspect = (shape[:, :1] / self.low[0]).log() / math.log(float(self.high[0] / self.low[0]))
        free = (shape[:, 1:] - self.low[1:]) / (self.high[1:] - self.low[1:])
        unit = torch.cat([aspect, free], dim=1) * 2 - 1
        waves = [f(unit * (math.pi / 2 * 2**k)) for k in range(self.harmonics) for f in (torch.sin, torch.cos)]
        return torch.cat([unit, *waves], dim=1)


def _pathway(features: int, hidden: int, coarse: int, middle: int, fine: int, channels: int) -> nn.Sequential:
    """Fully connected layers to an 8x8 grid, then twice a convolution and pixel shuffle to `[N, channels, 32, 32]`."""
    side = STAMP // 4
    return nn.Sequential(
        nn.Linear(features, hidden),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, hidden),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, coarse * side * side),
        nn.ReLU(inplace=True),
        nn.Unflatten(1, (coarse, side, side)),
        nn.Conv2d(coarse, middle * 4, 3, padding=1),
        nn.PixelShuffle(2),
        nn.ReLU(inplace=True),
        nn.Conv2d(middle, fine * 4, 3, padding=1),
        nn.PixelShuffle(2),
        nn.ReLU(inplace=True),
        nn.Conv2d(fine, channels, 3, padding=1),
    )


class RasterisationNet(nn.Module):
    """Shape `[N, P]` to alpha matte `[N, 1, 32, 32]` in [0, 1]."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.layers = _pathway(features, hidden=192, coarse=16, middle=10, fine=6, channels=1)

    def forward(self, encoded: Tensor) -> Tensor:
        return torch.sigmoid(self.layers(encoded))


class ShadingNet(nn.Module):
    """Shape `[N, P]` to colour weights `[N, 2, 32, 32]`; with the paint they are the colour."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.layers = _pathway(features, hidden=96, coarse=8, middle=6, fine=3, channels=2)

    def forward(self, encoded: Tensor) -> Tensor:
        weights: Tensor = self.layers(encoded)
        return weights

    @staticmethod
    def colour(weights: Tensor, paint: Tensor) -> Tensor:
        """Colour `[N, 3, 32, 32]` from weights `[N, 2, 32, 32]` and paint `[N, 7]`."""
        return torch.einsum("nkhw,nkc->nchw", weights, paint[:, COLOURS].reshape(-1, 2, 3))


class NeuralRenderer(nn.Module):
    """Both networks behind one shape encoding.

    Args:
        brush: the ground-truth brush that the networks imitate; gives the parameter space.
    """

    def __init__(self, brush: Brush) -> None:
        super().__init__()
        self.encoding = ShapeEncoding(torch.from_numpy(brush.shape_low), torch.from_numpy(brush.shape_high))
        self.rasterisation = RasterisationNet(self.encoding.features)
        self.shading = ShadingNet(self.encoding.features)

    def forward(self, shape: Tensor) -> tuple[Tensor, Tensor]:
        """Shape `[N, P]`, aspect first, to alpha matte `[N, 1, S, S]` and colour weights `[N, 2, S, S]`."""
        encoded = self.encoding(shape)
        return self.rasterisation(encoded), self.shading(encoded)

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.encoding.low.device

    def stamps(self, shape: Tensor) -> Tensor:
        """Shape `[N, P]` to stamps `[N, S, S, 3]` as the compositor takes them: matte, first weight, second weight.

        Any number of them: memory is bounded, on the way back as well, where the shape alone may ask for a gradient
        when there are more than `KEPT`. The bytes do not depend on whether there is a way back.
        """
        if torch.is_grad_enabled() and shape.requires_grad:
            if len(shape) <= KEPT:
                return self.draw_stamps(shape)
            stamps: Tensor = DrawnAgain.apply(shape, self, CHUNK)  # type: ignore[no-untyped-call]
            return stamps
        return torch.cat([self.draw_stamps(part) for part in shape.split(CHUNK)])

    def draw_stamps(self, shape: Tensor) -> Tensor:
        """`stamps`, all at once."""
        alpha, weights = self(shape)
        return torch.cat([alpha, weights], dim=1).permute(0, 2, 3, 1).contiguous()

    def draw(self, shape: Tensor, paint: Tensor) -> tuple[Tensor, Tensor]:
        """Shape `[N, P]` and paint `[N, 7]` to colour `[N, 3, S, S]` and alpha `[N, 1, S, S]`, opacity included."""
        alpha, weights = self(shape)
        return ShadingNet.colour(weights, paint), alpha * paint[:, OPACITY, None, None, None]


class DrawnAgain(torch.autograd.Function):
    """Stamps of many shapes, which are drawn again, chunk by chunk, on the way back."""

    @staticmethod
    def forward(ctx: Any, shape: Tensor, renderer: Any, chunk: int) -> Tensor:
        ctx.renderer, ctx.chunk = renderer, chunk
        ctx.save_for_backward(shape)
        stamps: Tensor = renderer.stamps(shape)
        return stamps

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (shape,) = ctx.saved_tensors
        parts = []
        for part, upstream in zip(shape.split(ctx.chunk), gradient.split(ctx.chunk), strict=True):
            leaf = part.detach().requires_grad_()
            with torch.enable_grad():
                parts.extend(torch.autograd.grad(ctx.renderer.draw_stamps(leaf), leaf, upstream))
        return torch.cat(parts), None, None
