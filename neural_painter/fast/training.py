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

from neural_painter.descent import Patience
from neural_painter.fast.config import FastConfig
from neural_painter.fast.files import ModelError
from neural_painter.fast.loss import StyleLoss
from neural_painter.fast.network import TransformNetwork, johnson
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

    Raises:
        InputError: no photos.
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
    ) -> None:
        self.photos = Photos(photos, config.crop, config.seed)
        self.loss = StyleLoss(features.on(device), style, config)
        torch.manual_seed(config.seed)
        self.model = TransformNetwork(johnson(config.filters, config.residuals)).to(device)
        super().__init__(self.model, config, device, rank=rank, world=world, ahead=True)
        self.patience = Patience(hint="Try a lower --rate or --style-weight.")
        self.terms: dict[str, float] = {}

    def _material(self, step: int) -> Tensor:
        first = (step * self.world + self.rank) * self.config.batch
        return self.photos.batch(range(first, first + self.config.batch))

    def _loss(self, material: Tensor) -> Tensor:
        photos = material.to(self.device)
        loss, self.terms = self.loss(self.network(photos), photos)
        return loss

    def _learn(self, loss: float) -> None:
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        self.patience.follow(float(norm), f"at step {self.step}")
        if bool(norm.isfinite()):  # of the mean gradient: all processes decide alike
            self.optimiser.step()

    def run_of(self) -> dict[str, object]:
        config = {name: value for name, value in asdict(self.config).items() if name != "device"}
        grams = sum(float(gram.square().sum()) for gram in self.loss.grams.values())
        return {**config, "world": self.world, "photos": len(self.photos.paths), "style": grams}
