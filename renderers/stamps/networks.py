"""Stamps drawn by the networks on a CPU: what `NeuralRenderer` draws, in half the time. Training has no use for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from renderers.networks import CHUNK, STAMP, DrawnAgain, NeuralRenderer
from renderers.threads import core_count, in_shares

Array = np.ndarray

KEPT = 4096
"""Up to so many stamps it is kept for the way back which numbers a ReLU has left, 13 KiB each; beyond, they are drawn
again, so many at a time."""


class NetworkStamps:
    """Draws stamps as `NeuralRenderer.stamps` does, to rounding, on the CPU.

    Args:
        renderer: trained networks.
    """

    def __init__(self, renderer: NeuralRenderer) -> None:
        self.device, self.encoding = renderer.device, renderer.encoding
        self.decoders = (_Decoder(renderer.rasterisation.layers, 0), _Decoder(renderer.shading.layers, 1))

    def stamps(self, shape: Tensor) -> Tensor:
        """Shape `[N, P]` to stamps `[N, S, S, 3]`: matte, first weight, second weight."""
        if torch.is_grad_enabled() and shape.requires_grad and len(shape) > KEPT:
            stamps: Tensor = DrawnAgain.apply(shape, self, KEPT)  # type: ignore[no-untyped-call]
            return stamps
        return self.draw_stamps(shape)

    def draw_stamps(self, shape: Tensor) -> Tensor:
        """`stamps`, all at once."""
        encoded = [self.encoding(part) for part in shape.split(CHUNK)]
        grids = [torch.cat([decoder.before(part) for part in encoded]) for decoder in self.decoders]
        stamps: Tensor = _Decode.apply(self.decoders, *grids)  # type: ignore[no-untyped-call]
        return stamps


class _Decoder:
    """One network: its layers `before` the grid, and the kernels after it.

    Args:
        layers: of the network, frozen.
        first: channel of a stamp that it begins with.
    """

    def __init__(self, layers: nn.Sequential, first: int) -> None:
        grid = next(i for i, layer in enumerate(layers) if isinstance(layer, nn.Unflatten))
        self.before, self.first = layers[:grid], first
        convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
        self.forth: list[Array] = []
        self.back: list[Array] = []
        for layer in convolutions:
            weight = layer.weight.detach().float().contiguous().flatten(2)
            assert layer.bias is not None
            self.forth += [weight.numpy(), layer.bias.detach().float().numpy()]
            self.back.append(weight.flip(2).transpose(0, 1).contiguous().numpy())
        self.marks = sum(layer.out_channels * (STAMP // 4 * 2**i) ** 2 for i, layer in enumerate(convolutions[:2]))


class _Decode(torch.autograd.Function):
    """Grids of both networks to stamps."""

    @staticmethod
    def forward(ctx: Any, decoders: tuple[_Decoder, ...], *grids: Tensor) -> Tensor:
        from renderers.stamps.decoding import decode  # compiled when it is first needed

        count = len(grids[0])
        stamps = np.empty((count, STAMP * STAMP, 3), np.float32)
        kept = [np.empty((count if any(ctx.needs_input_grad) else core_count(), d.marks), np.uint8) for d in decoders]
        for decoder, grid, marks in zip(decoders, grids, kept, strict=True):
            in_shares(decode, grid.contiguous().numpy(), *decoder.forth, decoder.first, marks, stamps)
        found = torch.from_numpy(stamps.reshape(count, STAMP, STAMP, 3))
        ctx.decoders, ctx.kept = decoders, kept
        ctx.save_for_backward(found)
        return found

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        from renderers.stamps.decoding import decode_back

        flat = [x.detach().contiguous().numpy().reshape(-1, STAMP * STAMP, 3) for x in (*ctx.saved_tensors, gradient)]
        grids = []
        for decoder, marks in zip(ctx.decoders, ctx.kept, strict=True):
            grid = np.empty((len(gradient), len(decoder.back[0]) * (STAMP // 4) ** 2), np.float32)
            in_shares(decode_back, grid, *decoder.back, decoder.first, marks, *flat)
            grids.append(torch.from_numpy(grid))
        return (None, *grids)
