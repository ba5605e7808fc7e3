"""How far restyled crops are from a style and from their photos: what the training of a network lowers."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from neural_painter.colour import colour_statistics, transport_map
from neural_painter.fast.config import FastConfig
from neural_painter.features import Features
from neural_painter.images import fit_long_side, resize
from neural_painter.losses.gram import CONTENT_LAYER, STYLE_LAYERS, gram, products

Array = np.ndarray

TONE_SIDE = 8
"""Side in pixels of the blocks whose mean colours are held: finer, it is the style that paints."""

STEEPEST = 2.0
"""No colour direction of a crop is stretched by more on its way to the style's colours: flat ones would show noise."""


class StyleLoss:
    """How far restyled crops are from the style's textures and from their photos' content.

    Args:
        features: the network that sees.
        style: `[h, w, 3]` in [0, 1].
        config: weights, and the size of the style.
    """

    def __init__(self, features: Features, style: Array, config: FastConfig) -> None:
        self.features, self.config = features, config
        small = resize(style, size=fit_long_side(style.shape[0], style.shape[1], config.style_size))
        device = next(features.parameters()).device
        with torch.no_grad():
            picture = torch.from_numpy(small).permute(2, 0, 1)[None].to(device)
            self.grams = {layer: grams_of(found) for layer, found in features(picture, STYLE_LAYERS).items()}
        self.colours = colour_statistics(small.reshape(-1, 3))

    def __call__(self, restyled: Tensor, photos: Tensor) -> tuple[Tensor, dict[str, float]]:
        """The weighted loss, and its terms without weights.

        Args:
            restyled, photos: `[N, 3, H, W]` in [0, 1].
        """
        with torch.no_grad():
            goal = self.recoloured(photos)
            shown = self.features(goal, [CONTENT_LAYER])[CONTENT_LAYER]
        found = self.features(restyled, [*STYLE_LAYERS, CONTENT_LAYER])
        content = (found[CONTENT_LAYER] - shown).square().mean() / shown.square().mean().clamp_min(1e-12)
        style = sum(
            (
                (grams_of(found[layer]) - wanted).square().mean() / wanted.square().mean().clamp_min(1e-12)
                for layer, wanted in self.grams.items()
            ),
            restyled.new_zeros(()),
        ) / len(self.grams)
        smoothness = restyled.diff(dim=3).square().mean() + restyled.diff(dim=2).square().mean()
        tone = avg_pool2d(restyled - goal, TONE_SIDE).square().mean()
        terms = {"content": content, "style": style, "tone": tone, "smoothness": smoothness}
        weights = self.config
        loss = torch.stack([getattr(weights, f"{name}_weight") * value for name, value in terms.items()]).sum()
        return loss, {name: float(value.detach()) for name, value in terms.items()}

    def recoloured(self, photos: Tensor) -> Tensor:
        """Each photo `[3, H, W]` of a batch in the colours of the style."""
        made = []
        for photo in photos:
            pixels = photo.permute(1, 2, 0).reshape(-1, 3).cpu().numpy()
            affine = transport_map(colour_statistics(pixels), self.colours, steepest=STEEPEST)
            matrix = torch.from_numpy(affine.astype(np.float32)).to(photo)
            made.append(torch.einsum("ij,jhw->ihw", matrix[:, :3], photo) + matrix[:, 3, None, None])
        return torch.stack(made).clamp(0, 1)


def grams_of(features: Tensor) -> Tensor:
    """Gram matrices `[N, C, C]` of features `[N, C, H, W]`, over C times H times W."""
    flat = features.flatten(2)
    return gram(products(flat), flat.shape[2])
