"""The loss of a transfer, and the two optimisers of a picture."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from neural_painter.features import Features
from neural_painter.losses.gram import CONTENT_LAYER, STYLE_LAYERS, ColorTarget, StyleTarget, color_loss, gram_loss
from neural_painter.photo.laplacian import MattingLaplacian


class Objective:
    """Content, style, photorealism and smoothness of a picture at one size.

    Every term is divided by what it is measured against (the target's own energy, or the number of pixels), so weights
    mean the same for any network and any size.

    Args:
        features: the network.
        content: the photo, `[3, H, W]` in [0, 1].
        target: the style's Grams.
        colors: means and second moments of the style's colours.
        content_weight, style_weight, color_weight, smoothness_weight: weights of the terms.
        photorealism: weight of the matting Laplacian's energy per pixel; 0 leaves it out.
        epsilon: of the matting Laplacian.
    """

    def __init__(
        self,
        features: Features,
        content: Tensor,
        target: StyleTarget,
        colors: ColorTarget,
        *,
        content_weight: float,
        style_weight: float,
        color_weight: float,
        smoothness_weight: float,
        photorealism: float,
        epsilon: float,
    ) -> None:
        self.features, self.target, self.colors = features, target, colors
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
            terms["color"] = color_loss(picture[None], self.colors)
        if self.weights["smoothness"]:
            across, down = picture.diff(dim=2).square(), picture.diff(dim=1).square()
            terms["smoothness"] = 0.5 * (across.sum() + down.sum()) / picture[0].numel()
        if self.laplacian is not None:
            terms["photorealism"] = self.laplacian.energy(picture) / picture[0].numel()
        total = sum((self.weights[name] * term for name, term in terms.items()), picture.new_zeros(()))
        return total, {name: term.detach() for name, term in terms.items()}


class PictureOptimiser:
    """Changes a picture until an objective is low, one step at a time, and remembers the best.

    A step whose loss or gradient is not finite is taken back, and the optimiser starts afresh from the best picture.

    Args:
        picture: where to start, `[3, H, W]`.
        objective: what to lower.
        optimizer: `lbfgs`, with a strong-Wolfe line search, or `adam`.
        steps: how many are meant, for Adam's falling step size.
    """

    def __init__(self, picture: Tensor, objective: Objective, *, optimizer: str, steps: int) -> None:
        self.objective, self.kind, self.steps = objective, optimizer, max(steps, 1)
        self.picture = picture.detach().clone().requires_grad_()
        self.best, self.best_loss = picture.detach().clone(), math.inf
        self.terms: dict[str, float] = {}
        self.recovered = 0
        self.taken = 0
        self._start()

    def _start(self) -> None:
        self._seen: Tensor | None = None
        self._value: Tensor | None = None
        if self.kind == "adam":
            self.optimizer: torch.optim.Optimizer = torch.optim.Adam([self.picture], lr=0.01, betas=(0.9, 0.98))
        else:
            self.optimizer = torch.optim.LBFGS(
                [self.picture],
                max_iter=1,
                max_eval=12,
                history_size=12,
                tolerance_grad=0,
                tolerance_change=0,
                line_search_fn="strong_wolfe",
            )

    def step(self) -> float:
        """One iteration; returns the loss, `inf` where it was not finite and was taken back."""
        if self.kind == "adam":
            falling = 0.5 * (1 + math.cos(math.pi * min(self.taken / self.steps, 1.0)))
            self.optimizer.param_groups[0]["lr"] = 0.01 * (0.05 + 0.95 * falling)
        self.taken += 1
        try:
            loss = float(self.optimizer.step(self._evaluate))  # type: ignore[arg-type]
        except _NotFiniteError:
            loss = math.inf
        if not (math.isfinite(loss) and bool(self.picture.isfinite().all())):
            self.recovered += 1
            with torch.no_grad():
                self.picture.copy_(self.best)
            self._start()
            return math.inf
        return self.best_loss

    def _evaluate(self) -> Tensor:
        # torch's L-BFGS evaluates where it stands at the start of each call; with one iteration a call, that is
        # the point its line search has just left.
        if self._seen is not None and self._value is not None and torch.equal(self._seen, self.picture.detach()):
            return self._value
        loss, terms = self.objective(self.picture)
        (gradient,) = torch.autograd.grad(loss, self.picture)
        if not (bool(loss.isfinite()) and bool(gradient.isfinite().all())):
            raise _NotFiniteError
        self.picture.grad = gradient
        self._seen, self._value = self.picture.detach().clone(), loss.detach()
        value = float(self._value)
        if value < self.best_loss:
            self.best_loss = value
            self.best = self._seen
            self.terms = {name: float(term) for name, term in terms.items()}
        return self._value


class _NotFiniteError(ArithmeticError):
    pass
