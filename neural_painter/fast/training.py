"""Trains a feed-forward network to restyle any photo, on crops of photos.

Source: Johnson, Alahi and Fei-Fei 2016. Departs from it: VGG-19 of any widths, with the layers that our other style
transfers look at; every layer's loss is divided by its target's energy, so weights mean the same for any network. The
content is that of the photo in the style's colours, and its light and dark are held as well: otherwise the two pull at
every colour from both sides. The learning rate falls along a cosine. All this needs a tenth of the steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from neural_painter.descent import Patience
from neural_painter.errors import UsageError
from neural_painter.fast.config import FastConfig
from neural_painter.fast.files import ModelError
from neural_painter.fast.grain import SIDE, grain
from neural_painter.fast.loss import StyleLoss
from neural_painter.fast.network import TransformNetwork, johnson
from neural_painter.fast.patterns import (
    BORDER,
    STRIDE,
    is_plain,
    make_top_plain,
    plain_rows,
    regularity,
    unsteadiness,
)
from neural_painter.fast.photos import Photos
from neural_painter.features import Features
from renderers.trainers import Run

Array = np.ndarray

CLIP = 1.0
"""Largest norm of a step's gradient: the first steps are rough."""


class FastTrainer(Run):
    """One process of a training run.

    Args:
        style: `[h, w, 3]` float32 in [0, 1].
        photos: paths of the photos.
        features: the network that sees, from `load_features`.
        config: how to train.
        device: where to.
        rank, world: this process and how many there are; with more than one, torch.distributed must be initialised.
        start: a trained network of the same layers to begin with; another style is learnt in a third of the steps so.

    Raises:
        InputError: no photos.
        UsageError: the network to begin with has other layers.
    """

    KIND, LOWEST, ERROR, MEASURED = "fast", 0.01, ModelError, ("style",)

    def __init__(
        self,
        style: Array,
        photos: Sequence[Path],
        features: Features,
        config: FastConfig,
        device: torch.device,
        *,
        rank: int = 0,
        world: int = 1,
        start: TransformNetwork | None = None,
    ) -> None:
        self.photos = Photos(photos, config.crop, config.seed)
        self.loss = StyleLoss(features.on(device), style, config)
        torch.manual_seed(config.seed)
        self.model = TransformNetwork(johnson(config.filters, config.residuals, config.grain)).to(device)
        if start is not None:
            if start.architecture.layers != self.model.architecture.layers:
                raise UsageError("the network to begin with has other layers than the one that is asked for")
            self.model.load_state_dict(start.state_dict())
        super().__init__(self.model, config, device, rank=rank, world=world, ahead=True)
        self.patience = Patience(hint="Try a lower --rate or --style-weight.")
        self.terms: dict[str, float] = {}

    def _numbers(self, step: int) -> range:
        """The numbers of a step's crops; what is random about a crop depends on its number, not on its process."""
        first = (step * self.world + self.rank) * self.config.batch
        return range(first, first + self.config.batch)

    def _generator(self, number: int, purpose: int) -> np.random.Generator:
        return np.random.default_rng((self.config.seed, number, purpose))

    def _material(self, step: int) -> Tensor:
        numbers = self._numbers(step)
        photos = self.photos.batch(numbers)
        if self.config.pattern_weight:
            for photo, number in zip(photos, numbers, strict=True):
                if is_plain(number):
                    make_top_plain(photo, self._generator(number, 2))
        return photos

    def _loss(self, material: Tensor) -> Tensor:
        photos, config, numbers = material.to(self.device), self.config, self._numbers(self.step)
        seen = self._grainy(photos, numbers)
        if config.steady_weight:
            down, right = divmod(int(self._generator(self.step, 3).integers(1, STRIDE**2)), STRIDE)
            moved = pad(seen[..., down:, right:], (0, right, 0, down), mode="reflect")
            restyled, again = self.network(torch.cat([seen, moved])).chunk(2)
        else:
            restyled = self.network(seen)
        loss, self.terms = self.loss(restyled, photos)
        if config.steady_weight:
            loss = loss + self._weighed("steady", unsteadiness(restyled, again, down, right))
        if config.pattern_weight:
            plain = restyled[[is_plain(number) for number in numbers], :, : plain_rows(config.crop) - BORDER]
            loss = loss + self._weighed("pattern", regularity(plain))
        return loss

    def _weighed(self, name: str, value: Tensor) -> Tensor:
        """A further term, which is noted, times its weight."""
        self.terms[name] = float(value.detach())
        return getattr(self.config, f"{name}_weight") * value  # type: ignore[no-any-return]

    def _grainy(self, photos: Tensor, numbers: range) -> Tensor:
        """Photos `[N, 3, H, W]` with their grain, each from another place."""
        height, width = photos.shape[2:]
        places = [self._generator(number, 1).integers(SIDE, size=2) for number in numbers]
        noise = [grain(height, width, self.config.grain, (int(down), int(right))) for down, right in places]
        return photos + torch.from_numpy(np.stack(noise))[:, None].to(photos)

    def _learn(self, loss: float) -> None:
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        self.patience.follow(float(norm), f"at step {self.step}")
        if bool(norm.isfinite()):  # of the mean gradient: all processes decide alike
            self.optimiser.step()

    def run_of(self) -> dict[str, object]:
        config = {name: value for name, value in asdict(self.config).items() if name != "device"}
        grams = sum(float(gram.square().sum()) for gram in self.loss.grams.values())
        return {**config, "world": self.world, "photos": len(self.photos.paths), "style": grams}
