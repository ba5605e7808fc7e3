"""Squared error between pictures, and between their edges."""

from torch import Tensor
from torch.nn.functional import mse_loss


def pixel_loss(canvas: Tensor, target: Tensor, *, edge_weight: float = 0.0) -> Tensor:
    """Mean squared error of the pixels, plus `edge_weight` times that of their differences to the next pixel.

    The mean squared error alone trades an edge for a flat area of the same size; the edge term weighs edges higher.

    Args:
        canvas: `[3, H, W]` or `[N, 3, H, W]` in [0, 1].
        target: the same.
        edge_weight: weight of the edge term; 0 leaves it out.

    Returns:
        A scalar. The edge term is the mean, over the two axes, of the squared error of differences between neighbours,
        so for noise (independent pixels) it is twice the pixel term. A side below 2 pixels leaves it out.

    Raises:
        ValueError: shapes differ.
    """
    if canvas.shape != target.shape:
        raise ValueError(f"pixel_loss: canvas {tuple(canvas.shape)} is not the target's {tuple(target.shape)}")
    loss = mse_loss(canvas, target)
    if not edge_weight or min(canvas.shape[-2:]) < 2:
        return loss
    error = canvas - target
    edges = error.diff(dim=-1).square().mean() + error.diff(dim=-2).square().mean()
    return loss + edge_weight * edges / 2
