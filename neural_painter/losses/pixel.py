"""Squared error between pictures, and between their edges at several scales."""

from torch import Tensor
from torch.nn.functional import avg_pool2d, mse_loss


def pixel_loss(canvas: Tensor, target: Tensor, *, edge_weight: float = 0.0, levels: int = 1) -> Tensor:
    """Mean squared error of the pixels, plus `edge_weight` times that of their differences to the next pixel.

    The mean squared error alone trades an edge for a flat area of the same size; the edge term weighs edges higher.

    Args:
        canvas: `[3, H, W]` or `[N, 3, H, W]` in [0, 1].
        target: the same.
        edge_weight: weight of the edge term; 0 leaves it out.
        levels: scales of the edge term: full size, half, quarter ...; those with a side below 2 pixels are left out.

    Returns:
        A scalar. The edge term is the mean, over scales and the two axes, of the squared error of differences between
        neighbours, so for noise (independent pixels) it is twice the pixel term at full size.

    Raises:
        ValueError: shapes differ, or `levels` is below 1.
    """
    if canvas.shape != target.shape:
        raise ValueError(f"pixel_loss: canvas {tuple(canvas.shape)} is not the target's {tuple(target.shape)}")
    if levels < 1:
        raise ValueError(f"pixel_loss: levels must be at least 1, got {levels}")
    loss = mse_loss(canvas, target)
    if not edge_weight:
        return loss
    error, terms = canvas - target, []
    for level in range(levels):
        error = avg_pool2d(error, 2) if level else error
        if min(error.shape[-2:]) >= 2:
            terms += [error.diff(dim=-1).square().mean(), error.diff(dim=-2).square().mean()]
        if min(error.shape[-2:]) < 4:  # half of it would have no neighbours
            break
    return loss + edge_weight * sum(terms) / len(terms) if terms else loss
