"""The loss of a transfer, and the two optimisers of a picture."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from neural_painter.descent import Descent
from neural_painter.features import Features
from neural_painter.losses.gram import CONTENT_LAYER, STYLE_LAYERS, ColourTarget, StyleTarget, colour_loss, gram_loss
from neural_painter.photo.laplacian import MattingLaplacian


class Objective:
    """Content, style, photorealism and smoothness of a picture at one size.

    Every term is divided by what it is measured against (the target's own energy, or the number of pixels), so weights
    mean the same for any network and any size.

    Args:
        features: the network.
        content: the photo, `[3, H, W]` in [0, 1].
        target: the style's Grams.
        colours: means and second moments of the style's colours.
        content_weight, style_weight, color_weight, smoothness_weight: weights of the terms.
        photorealism: weight of the matting Laplacian's energy per pixel; 0 leaves it out.
        epsilon: of the matting Laplacian.
    """

    def __init__(
        self,
        features: Features,
        content: Tensor,
        target: StyleTarget,
        colours: ColourTarget,
        *,
        content_weight: float,
        style_weight: float,
        color_weight: float,
        smoothness_weight: float,
        photorealism: float,
        epsilon: float,
    ) -> None:
        self.features, self.target, self.colours = features, target, colours
        self.layers = {*STYLE_LAYERS, CONTENT_LAYER}
        self.weights = {
            "content": content_weight,
            "style": style_weight,
            "color": color_weight,
            "smoothness": smoothness_weight,
        }
        self.laplacian = MattingLaplacian(content, epsilon=epsilon) if photorealism else None
        self.weights["photorealism"] = photorealism
        with torch.no_grad():
            self.wanted = features(content[None], [CONTENT_LAYER])[CONTENT_LAYER]
        self.energy = self.wanted.square().mean().clamp_min(1e-12)

    def __call__(self, picture: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, a scalar with a gradient, and its terms without their weights."""
        found = self.features(picture[None], self.layers)
        terms = {
            "content": (found[CONTENT_LAYER] - self.wanted).square().mean() / self.energy,
            "style": gram_loss(found, self.target),
        }
        if self.weights["color"]:
            terms["color"] = colour_loss(picture[None], self.colours)
        if self.weights["smoothness"]:
            across, down = picture.diff(dim=2).square(), picture.diff(dim=1).square()
            terms["smoothness"] = 0.5 * (across.sum() + down.sum()) / picture[0].numel()
        if self.laplacian is not None:
            terms["photorealism"] = self.laplacian.energy(picture) / picture[0].numel()
        total = sum((self.weights[name] * term for name, term in terms.items()), picture.new_zeros(()))
        return total, {name: term.detach() for name, term in terms.items()}


class PictureOptimiser(Descent):
    """Changes a picture until an objective is low, one step at a time, and remembers the best.

    Args:
        picture: where to start, `[3, H, W]`.
        objective: what to lower.
        optimizer: `lbfgs`, with a strong-Wolfe line search, or `adam`.
        steps: how many are meant, for Adam's falling step size.
    """

    def __init__(self, picture: Tensor, objective: Objective, *, optimizer: str, steps: int) -> None:
        self.objective, self.kind, self.steps = objective, optimizer, max(steps, 1)
        super().__init__(picture, self._differentiated, optimizer=_adam if optimizer == "adam" else None)

    def step(self) -> float:
        """One iteration; returns the lowest loss so far, `inf` where the step was not finite and was taken back."""
        if self.kind == "adam":
            falling = 0.5 * (1 + math.cos(math.pi * min(self.taken / self.steps, 1.0)))
            self.optimizer.param_groups[0]["lr"] = 0.01 * (0.05 + 0.95 * falling)
        return super().step()

    def _differentiated(self, picture: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        leaf = picture.detach().requires_grad_()
        loss, terms = self.objective(leaf)
        (gradient,) = torch.autograd.grad(loss, leaf)
        return loss.detach(), gradient, terms


def _adam(picture: Tensor) -> torch.optim.Optimizer:
    return torch.optim.Adam([picture], lr=0.01, betas=(0.9, 0.98))
