"""Gram matrices: which features occur together, and where they do not matter. Per segment where there are masks.

Source: Gatys, Ecker and Bethge 2016; with segments, Luan et al. 2017.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from neural_painter.features import Features

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT_LAYER = "relu4_2"

LEAST = 1e-3
"""Of a soft mask, what is below this is taken for zero."""


def products(features: Tensor) -> Tensor:
    """Sums over all positions of one feature times another, `[..., C, C]`, of features `[..., C, P]`."""
    return features @ features.transpose(-2, -1)


def gram(sums: Tensor, positions: float | Tensor) -> Tensor:
    """The Gram matrix of sums of products `[..., C, C]`, over C times as many positions as they are of."""
    return sums / (sums.shape[-1] * positions)


class SegmentMasks:
    """Soft masks of one layer, by the pixels where they are not zero: a segment costs what it covers, and no more.

    Args:
        masks: `[K, H, W]` in [0, 1].
    """

    def __init__(self, masks: Tensor) -> None:
        self.size = (masks.shape[1], masks.shape[2])
        self.areas = masks.mean((1, 2))
        self.sums = masks.sum((1, 2)).clamp_min(1e-6)
        self.pixels: list[Tensor | None] = []
        self.weights: list[Tensor] = []
        for mask in masks.flatten(1):
            found = (mask > LEAST).nonzero()[:, 0]
            everywhere = len(found) == len(mask)
            self.pixels.append(None if everywhere else found)
            self.weights.append(mask[:, None] if everywhere else mask[found][:, None])


def segment_grams(features: Tensor, masks: SegmentMasks) -> Tensor:
    """Gram matrices of features under soft masks.

    Args:
        features: `[C, H, W]`.
        masks: of the same size.

    Returns:
        `[K, C, C]`: sums of mask² times feature times feature, over C times the sum of the mask. Zero under an empty
        mask.
    """
    if tuple(features.shape[1:]) != masks.size:
        raise ValueError(f"expected features of the masks' size {list(masks.size)}, got {list(features.shape)}")
    grams: Tensor = _Grams.apply(features.permute(1, 2, 0).flatten(0, 1), masks)
    return grams


class _Grams(torch.autograd.Function):
    """Features `[H * W, C]` to Grams; of the features under a mask only those are kept for the way back."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, masks: SegmentMasks) -> Tensor:
        ctx.masks, ctx.rows = masks, len(features)
        parts = [
            (features if pixels is None else features[pixels]) * weight
            for pixels, weight in zip(masks.pixels, masks.weights, strict=True)
        ]
        ctx.save_for_backward(*parts)
        return torch.stack([gram(products(p.T), total) for p, total in zip(parts, masks.sums, strict=True)])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        masks, channels = ctx.masks, gradient.shape[1]
        out = gradient.new_zeros(ctx.rows, channels)
        for k, part in enumerate(ctx.saved_tensors):
            symmetric = (gradient[k] + gradient[k].T) / (channels * masks.sums[k])
            mine = part @ symmetric * masks.weights[k]
            if masks.pixels[k] is None:
                out += mine
            else:
                out.index_add_(0, masks.pixels[k], mine)
        return out, None


@dataclass(frozen=True)
class StyleTarget:
    """Grams of a style, per layer `[K, C, C]`, masks of the content, and the energy of each layer under them."""

    grams: Mapping[str, Tensor]
    masks: Mapping[str, SegmentMasks]
    energies: Mapping[str, Tensor]


def style_target(
    features: Features,
    style: Tensor,
    style_masks: Tensor,
    content_masks: Tensor,
    layers: Sequence[str] = STYLE_LAYERS,
) -> StyleTarget:
    """What the Grams of a picture should be.

    Args:
        features: the network.
        style: `[1, 3, H, W]` in [0, 1].
        style_masks: `[K, H, W]`, the segments of the style.
        content_masks: `[K, h, w]`, the same segments in the picture that is to be changed.
        layers: which layers count.
    """
    with torch.no_grad():
        found = features(style, layers)
        walked = features.walk_masks(style_masks, layers)
        grams = {layer: segment_grams(found[layer][0], SegmentMasks(walked[layer])) for layer in layers}
        masks = {layer: SegmentMasks(mask) for layer, mask in features.walk_masks(content_masks, layers).items()}
        energies = {
            layer: (masks[layer].areas * grams[layer].square().mean((1, 2))).sum().clamp_min(1e-12) for layer in layers
        }
    return StyleTarget(grams, masks, energies)


@dataclass(frozen=True)
class ColourTarget:
    """Colours of each segment of a style as Gaussians: means `[K, 3]`, roots of the covariances `[K, 3, 3]`."""

    means: Tensor
    roots: Tensor
    masks: SegmentMasks


def colour_target(style: Tensor, style_masks: Tensor, content_masks: Tensor) -> ColourTarget:
    """What the colours of each segment should be.

    Args:
        style: `[1, 3, H, W]` in [0, 1].
        style_masks, content_masks: as in `style_target`.
    """
    means, covariances = _moments(style, SegmentMasks(style_masks))
    values, vectors = torch.linalg.eigh(covariances)
    roots = vectors * values.clamp_min(0).sqrt()[:, None] @ vectors.transpose(1, 2)
    return ColourTarget(means, roots, SegmentMasks(content_masks))


def colour_loss(picture: Tensor, target: ColourTarget) -> Tensor:
    """Squared Wasserstein-2 distance of Gaussians of colours, the mean over segments by their area; a scalar.

    A Gram of features hardly feels how far colours spread around their mean. This does: 0.01 is a tenth off.

    Args:
        picture: `[1, 3, H, W]`.
        target: from `colour_target`.
    """
    means, covariances = _moments(picture, target.masks)
    cross = target.roots @ covariances @ target.roots
    spread = torch.linalg.eigvalsh(cross).clamp_min(1e-12).sqrt().sum(1)
    own = covariances.diagonal(dim1=1, dim2=2).sum(1) + target.roots.square().sum((1, 2))
    distance = (means - target.means).square().sum(1) + own - 2 * spread
    return (target.masks.areas * distance).sum() / target.masks.areas.sum().clamp_min(1e-12)


def _moments(picture: Tensor, masks: SegmentMasks) -> tuple[Tensor, Tensor]:
    """Means and covariances of the colours of each segment, out of the Gram of (1, red, green, blue)."""
    one = torch.ones_like(picture[:, :1])
    grams = segment_grams(torch.cat([one, picture], 1).contiguous(memory_format=torch.channels_last)[0], masks)
    grams = grams / grams[:, :1, :1].clamp_min(1e-12)
    means = grams[:, 0, 1:]
    return means, grams[:, 1:, 1:] - means[:, :, None] * means[:, None]


def gram_loss(found: Mapping[str, Tensor], target: StyleTarget) -> Tensor:
    """Distance of a picture's Grams from those wanted, a scalar: 1 is as far as a picture without any feature.

    Each layer counts as its mean squared difference over the target's own mean square, segments by their area in the
    picture. So no layer outweighs another, whatever the network's magnitudes, and the layers' mean is comparable
    between networks.

    Args:
        found: layers of the picture, `[1, C, h, w]` each; more than needed do no harm.
        target: from `style_target`.
    """
    total = torch.zeros((), device=next(iter(target.grams.values())).device)
    for layer, wanted in target.grams.items():
        grams = segment_grams(found[layer][0], target.masks[layer])
        difference = (target.masks[layer].areas * (grams - wanted).square().mean((1, 2))).sum()
        total = total + difference / target.energies[layer]
    return total / len(target.grams)
