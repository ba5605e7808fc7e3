"""The pixel loss and its gradient in one pass over the pictures, on the CPU: torch makes a dozen of them."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from renderers.kernels import kernel
from renderers.threads import in_shares, share_count

Array = np.ndarray


def takes(canvas: Tensor, target: Tensor, weights: Tensor | None) -> bool:
    """Whether `pixel_loss_fused` can do it: float32 on the CPU, and only the canvas wants a gradient."""
    others = [target] if weights is None else [target, weights]
    usual = all(t.device.type == "cpu" and t.dtype == torch.float32 for t in (canvas, *others))
    return usual and canvas.ndim >= 3 and canvas.numel() > 0 and not any(t.requires_grad for t in others)


def pixel_loss_fused(canvas: Tensor, target: Tensor, edge_weight: float, weights: Tensor | None) -> Tensor:
    """Arguments and result as in `pixel.pixel_loss`; with any number of threads the same to the bit."""
    value: Tensor = _PixelLoss.apply(canvas, target, edge_weight, weights)
    return value


class _PixelLoss(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, canvas: Tensor, target: Tensor, edge_weight: float, weights: Tensor | None
    ) -> Tensor:
        height, width = canvas.shape[-2:]
        pictures = [np.ascontiguousarray(t.detach().numpy()).reshape(-1, height, width) for t in (canvas, target)]
        even = np.ones((height, width), np.float32) if weights is None else np.ascontiguousarray(weights.numpy())
        planes = len(pictures[0])
        edge_weight = edge_weight if min(height, width) >= 2 else 0.0
        # Of the three sums: pixels, differences along the rows, differences down the columns.
        parts = np.array(
            [planes * height * width, 2 * planes * height * (width - 1), 2 * planes * (height - 1) * width]
        )
        factors = np.array([1.0, edge_weight, edge_weight]) / np.maximum(parts, 1)
        gradient = np.empty_like(pictures[0]) if ctx.needs_input_grad[0] else np.empty((0, 0, 0), np.float32)
        sums = np.zeros((height, 3))
        shares = share_count(height * width)
        with np.errstate(over="ignore", invalid="ignore"):
            in_shares(_measure, *pictures, even, (2 * factors).astype(np.float32), gradient, sums, shares=shares)
            value = float(sums.sum(axis=0) @ factors)
        ctx.gradient, ctx.shape = gradient, canvas.shape
        return canvas.new_tensor(value)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        gradient = torch.from_numpy(ctx.gradient).view(ctx.shape)
        # Mostly it is the loss itself that is followed back; a second picture takes longer than all of the above.
        return gradient if float(upstream) == 1 else gradient * upstream, None, None, None


_FAST = {"contract", "reassoc", "nsz"}


@kernel(fastmath=_FAST)
def _row(error, canvas, target, plane, row):  # type: ignore[no-untyped-def]
    """A row of the error."""
    mine, wanted = canvas[plane, row], target[plane, row]
    for c in range(len(mine)):
        error[c] = mine[c] - wanted[c]


@kernel(fastmath=_FAST)
def _flow(flow, first, second, here, there):  # type: ignore[no-untyped-def]
    """Differences of two rows, each times what both pixels count on average; returns the sum of their squares."""
    total = np.float32(0)
    for c in range(len(first)):
        difference = second[c] - first[c]
        flow[c] = np.float32(0.5) * (here[c] + there[c]) * difference
        total += flow[c] * difference
    return total


@kernel(fastmath=_FAST)
def _measure(canvas, target, weights, factors, gradient, sums, share, shares):  # type: ignore[no-untyped-def]
    """Adds up the three sums of each row of this share in `sums`, and writes its gradient unless that is empty.

    A row is measured with the one below it. What the edges ask of a pixel is what flows in less what flows out.
    """
    planes, height, width = canvas.shape
    here, below = np.zeros(width, np.float32), np.zeros(width, np.float32)
    above_flow, below_flow = np.zeros(width, np.float32), np.zeros(width, np.float32)
    side_flow = np.zeros(width + 1, np.float32)  # the last and the first stay zero: there is nothing beyond
    per_pixel, per_across, per_down = factors
    first, end = height * share // shares, height * (share + 1) // shares
    for plane in range(planes):
        above_flow[:] = 0
        if first < end:
            _row(here, canvas, target, plane, first)
        if 0 < first < end:
            _row(below, canvas, target, plane, first - 1)
            _flow(above_flow, below, here, weights[first - 1], weights[first])
        for row in range(first, end):
            own = weights[row]
            below_flow[:] = 0
            if row + 1 < height:
                _row(below, canvas, target, plane, row + 1)
                sums[row, 2] += _flow(below_flow, here, below, own, weights[row + 1])
            sums[row, 1] += _flow(side_flow[1:width], here[:-1], here[1:], own[:-1], own[1:])
            total = np.float32(0)
            for c in range(width):
                total += own[c] * here[c] * here[c]
            sums[row, 0] += total
            if gradient.size > 0:
                made = gradient[plane, row]
                for c in range(width):
                    edges = per_across * (side_flow[c] - side_flow[c + 1]) + per_down * (above_flow[c] - below_flow[c])
                    made[c] = per_pixel * own[c] * here[c] + edges
            here, below = below, here
            above_flow, below_flow = below_flow, above_flow
