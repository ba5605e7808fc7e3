"""Squared error between pictures, and between their edges."""

from torch import Tensor
from torch.nn.functional import mse_loss

from neural_painter.losses.pixel_kernel import pixel_loss_fused, takes


def pixel_loss(canvas: Tensor, target: Tensor, *, edge_weight: float = 0.0, weights: Tensor | None = None) -> Tensor:
    """Mean squared error of the pixels, plus `edge_weight` times that of their differences to the next pixel.

    The mean squared error alone trades an edge for a flat area of the same size; the edge term weighs edges higher.

    Args:
        canvas: `[3, H, W]` or `[N, 3, H, W]` in [0, 1].
        target: the same.
        edge_weight: weight of the edge term; 0 leaves it out.
        weights: `[H, W]`, how much each pixel counts, of mean 1; None where all count alike. A difference between two
            pixels counts as much as they do on average.

    Returns:
        A scalar. The edge term is the mean, over the two axes, of the squared error of differences between neighbours,
        so for noise (independent pixels) it is twice the pixel term. A side below 2 pixels leaves it out.

    Raises:
        ValueError: shapes differ.
    """
    if weights is not None and weights.shape != target.shape[-2:]:
        raise ValueError(f"pixel_loss: weights {tuple(weights.shape)} are not of the target's {tuple(target.shape)}")
    if canvas.shape != target.shape:
        raise ValueError(f"pixel_loss: canvas {tuple(canvas.shape)} is not the target's {tuple(target.shape)}")
    if takes(canvas, target, weights):
        return pixel_loss_fused(canvas, target, edge_weight, weights)
    if weights is not None:
        return _weighted(canvas - target, edge_weight, weights)
    loss = mse_loss(canvas, target)
    if not edge_weight or min(canvas.shape[-2:]) < 2:
        return loss
    error = canvas - target
    edges = error.diff(dim=-1).square().mean() + error.diff(dim=-2).square().mean()
    return loss + edge_weight * edges / 2


def _weighted(error: Tensor, edge_weight: float, weights: Tensor) -> Tensor:
    loss = (error.square() * weights).mean()
    if not edge_weight or min(error.shape[-2:]) < 2:
        return loss
    across, down = (weights[:, 1:] + weights[:, :-1]) / 2, (weights[1:] + weights[:-1]) / 2
    edges = (error.diff(dim=-1).square() * across).mean() + (error.diff(dim=-2).square() * down).mean()
    return loss + edge_weight * edges / 2
