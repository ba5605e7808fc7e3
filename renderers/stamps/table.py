"""Stamps out of a table that the networks fill once: what they would draw, interpolated, in a fraction of the time.

The table holds what the networks draw at the nodes of a grid of shapes. A stamp between the nodes is the multilinear
interpolation of those around it; the gradient that a shape gets is exactly that of this interpolation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from renderers.brush import Brush
from renderers.networks import STAMP, NeuralRenderer
from renderers.stamps.axes import LIGHT, Axes, squashed
from renderers.stamps.networks import NetworkStamps
from renderers.threads import in_shares

Array = np.ndarray

BATCH = 128
"""Nodes that the networks draw at a time."""

SCALE = 32767
"""Largest entry of the table."""

MOST_WEIGHT = 2.0
"""Largest weight of a colour that an entry can stand for; textures lighten by a fifth at most."""

NOTHING = 2e-7
"""Mattes up to here are 0: the rounding of a sigmoid."""

TOGETHER = 4096
"""Strokes looked up at a time on a GPU; bounds the memory."""


@dataclass(frozen=True)
class Coding:
    """What the whole numbers of a table mean.

    A matte is (sigmoid(step * entry + middle) - least) / span, within [0, 1]; a weight is weigh * entry.
    """

    step: float
    middle: float
    least: float
    span: float
    weigh: float = MOST_WEIGHT / SCALE

    @classmethod
    def of(cls, axes: Axes) -> Coding:
        """That of a table with these axes."""
        ends = squashed(torch.tensor([0.0, 1.0], dtype=torch.float64), axes.low, axes.high)
        bottom, top = ends.tolist()
        return cls((top - bottom) / (2 * SCALE), (top + bottom) / 2, axes.low + NOTHING, 1 - axes.low - axes.high)


class StampTable:
    """Draws stamps as `NeuralRenderer.stamps` does, and on its device.

    Args:
        renderer: the networks that fill the table.
        brush: whose they are; of a brush of one colour, the weight of the second is exactly 0.
        axes: where the nodes are.
    """

    def __init__(self, renderer: NeuralRenderer, brush: Brush, axes: Axes) -> None:
        self.device, self.axes, self.coding = renderer.device, axes, Coding.of(axes)
        nodes = [np.array(row, np.float32) for row in axes.nodes]
        grid = np.stack(np.meshgrid(*nodes, indexing="ij"), axis=-1).reshape(-1, len(nodes))
        self.table = self._filled(renderer, torch.from_numpy(grid), 1 + brush.colours)
        nodes[0] = np.log(nodes[0])
        self._counts = np.array([len(row) for row in nodes], np.int64)
        self._places = np.full((len(nodes), self._counts.max()), np.inf, np.float32)
        for places, row in zip(self._places, nodes, strict=True):
            places[: len(row)] = row
        self._on_device = [torch.from_numpy(row).to(self.device) for row in nodes]
        told = self.coding
        self._told = np.array([told.step, told.middle, told.least, told.span, told.weigh], np.float32)

    @torch.no_grad()
    def _filled(self, renderer: NeuralRenderer, grid: Tensor, channels: int) -> Tensor:
        """What the networks draw at all nodes, `[nodes, channels, S * S]` int16."""
        told = self.coding
        table = torch.empty(len(grid), channels, STAMP * STAMP, dtype=torch.int16, device=self.device)
        # Kernels draw faster, but take seconds to compile for the first table of all.
        source = NetworkStamps(renderer) if self.device.type == "cpu" and len(grid) > LIGHT else renderer
        for part, entries in zip(grid.split(BATCH), table.split(BATCH), strict=True):
            drawn = source.stamps(part.to(self.device)).flatten(1, 2).transpose(1, 2)[:, :channels].contiguous()
            drawn[:, 0] = (squashed(drawn[:, 0], self.axes.low, self.axes.high) - told.middle) / told.step
            drawn[:, 1:] /= told.weigh
            entries.copy_(drawn.round_().clamp_(-SCALE, SCALE))
        return table

    def stamps(self, shape: Tensor) -> Tensor:
        """Shape `[N, P]` to stamps `[N, S, S, 3]`: matte, first weight, second weight.

        On the way back a shape gets the gradient of the interpolation; at a node, of that on its upper side.
        """
        stamps: Tensor = _LookUp.apply(shape, self)  # type: ignore[no-untyped-call]
        return stamps

    def draw(self, shape: Tensor) -> Tensor:
        """`stamps` without a way back."""
        if self.device.type != "cpu":
            return torch.cat([self._drawn(part) for part in shape.split(TOGETHER)])
        stamps = np.empty((len(shape), STAMP, STAMP, 3), np.float32)
        self._run("draw", shape, stamps)
        return torch.from_numpy(stamps)

    def pull(self, shape: Tensor, stamps: Tensor, gradient: Tensor) -> Tensor:
        """Gradient of shapes `[N, P]` from that of the stamps that `draw` gave for them."""
        if self.device.type != "cpu":
            parts = zip(shape.split(TOGETHER), stamps.split(TOGETHER), gradient.split(TOGETHER), strict=True)
            return torch.cat([self._pulled(*part) for part in parts])
        pulled = np.empty(tuple(shape.shape), np.float32)
        self._run("pull", shape, stamps.numpy(), gradient.contiguous().numpy(), pulled)
        return torch.from_numpy(pulled)

    def _run(self, kernel: str, shape: Tensor, *arrays: Array) -> None:
        from renderers.stamps import kernels  # compiled when they are first needed: not on a GPU

        shapes = shape.detach().contiguous().numpy()
        flat = [a.reshape(len(a), STAMP * STAMP, 3) if a.ndim == 4 else a for a in arrays]
        table = self.table.numpy()
        in_shares(getattr(kernels, kernel), self._places, self._counts, table, self._told, shapes, *flat)

    # The same in torch, for other devices.

    def _cell(self, shape: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Corners `[N, 2^P]` of the shapes' cells, the weight of each, and of these the derivatives by each number."""
        corner = torch.zeros(len(shape), 1, dtype=torch.int64, device=shape.device)
        weight = torch.ones(len(shape), 1, device=shape.device)
        slopes: list[Tensor] = []
        for axis, nodes in enumerate(self._on_device):
            value = (shape[:, 0].log() if axis == 0 else shape[:, axis]).clamp(nodes[0], nodes[-1])
            lower = (torch.searchsorted(nodes, value.contiguous(), right=True) - 1).clamp(0, len(nodes) - 2)
            width = nodes[lower + 1] - nodes[lower]
            part = ((value - nodes[lower]) / width)[:, None]
            corner = corner * len(nodes) + lower[:, None]
            corner = torch.cat([corner, corner + 1], dim=1)
            by = (1 / (width * shape[:, 0]) if axis == 0 else 1 / width)[:, None]
            slopes = [torch.cat([slope * (1 - part), slope * part], dim=1) for slope in slopes]
            slopes.append(torch.cat([-weight * by, weight * by], dim=1))
            weight = torch.cat([weight * (1 - part), weight * part], dim=1)
        return corner, weight, slopes

    def _drawn(self, shape: Tensor) -> Tensor:
        told = self.coding
        corner, weight, _ = self._cell(shape)
        blend = torch.zeros(len(shape), *self.table.shape[1:], device=shape.device)
        for k in range(corner.shape[1]):
            blend.addcmul_(self.table[corner[:, k]].float(), weight[:, k, None, None])
        stamps = torch.zeros(len(shape), STAMP * STAMP, 3, device=shape.device)
        matte = ((blend[:, 0] * told.step + told.middle).sigmoid() - told.least) / told.span
        stamps[..., 0] = matte.clamp_(0, 1)
        stamps[..., 1 : blend.shape[1]] = blend[:, 1:].transpose(1, 2) * told.weigh
        return stamps.reshape(-1, STAMP, STAMP, 3)

    def _pulled(self, shape: Tensor, stamps: Tensor, gradient: Tensor) -> Tensor:
        told = self.coding
        corner, _, slopes = self._cell(shape)
        matte, *weights = gradient.flatten(1, 2).unbind(2)
        seen = stamps[..., 0].flatten(1)
        risen = told.least + told.span * seen
        slope = torch.where((seen > 0) & (seen < 1), risen * (1 - risen) * told.step / told.span, 0.0)
        coded = torch.stack([matte * slope, *(w * told.weigh for w in weights)][: self.table.shape[1]], dim=1)
        totals = [(self.table[corner[:, k]].float() * coded).sum(dim=(1, 2)) for k in range(corner.shape[1])]
        total = torch.stack(totals, dim=1)
        return torch.stack([(slope * total).sum(dim=1) for slope in slopes], dim=1)


class _LookUp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, shape: Tensor, table: StampTable) -> Tensor:
        stamps = table.draw(shape)
        ctx.table = table
        ctx.save_for_backward(shape, stamps)
        return stamps

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.table.pull(*ctx.saved_tensors, gradient), None
