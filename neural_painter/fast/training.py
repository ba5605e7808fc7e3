"""Trains a feed-forward network to restyle any photo, on crops of photos.

Source: Johnson, Alahi and Fei-Fei 2016. Departs from it: VGG-19 of any widths, with the layers that our other style
transfers look at; every layer's loss is divided by its target's energy, so weights mean the same for any network. The
content is that of the photo in the style's colours, and its light and dark are held as well: otherwise the two pull at
every colour from both sides. The learning rate falls along a cosine. All this needs a tenth of the steps.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
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
from renderers.checkpoints import CheckpointError, read_checkpoint, restore, write_checkpoint

Array = np.ndarray

CLIP = 1.0
"""Largest norm of a step's gradient: the first steps are rough."""


class FastTrainer:
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
        self.config, self.device, self.rank, self.world = config, device, rank, world
        self.photos = Photos(photos, config.crop, config.seed)
        self.loss = StyleLoss(features.on(device), style, config)
        torch.manual_seed(config.seed)
        self.model = TransformNetwork(johnson(config.filters, config.residuals)).to(device)
        self.network: nn.Module = self.model
        if world > 1:
            ids = [device.index] if device.type == "cuda" else None
            self.network = nn.parallel.DistributedDataParallel(self.model, device_ids=ids)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=config.rate, betas=(0.9, 0.99))
        self.step = 0
        self.patience = Patience(hint="Try a lower --rate or --style-weight.")
        self.seconds = 0.0
        self.terms: dict[str, float] = {}

    def _batch(self, step: int) -> Tensor:
        """The crops of a step depend on the step alone, so a resumed run sees what an unbroken one would."""
        first = (step * self.world + self.rank) * self.config.batch
        return self.photos.batch(range(first, first + self.config.batch))

    def _rate(self, step: int) -> float:
        warm = max(1, self.config.steps // 50)
        if step < warm:
            return self.config.rate * (step + 1) / warm
        progress = (step - warm) / max(1, self.config.steps - warm)
        return self.config.rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))

    def run(self, *, stop: int | None = None) -> Iterator[float]:
        """Trains up to step `stop` (default: all), yielding the loss of each step. Stop iterating to pause.

        Raises:
            InputError: no photo can be read.
            NumericalError: the loss stopped being finite, and did not recover.
        """
        stop = self.config.steps if stop is None else min(stop, self.config.steps)
        with ThreadPoolExecutor(1) as pool:
            pending = pool.submit(self._batch, self.step)
            while self.step < stop:
                began = time.perf_counter()
                photos = pending.result().to(self.device)
                if self.step + 1 < stop:
                    pending = pool.submit(self._batch, self.step + 1)
                for group in self.optimiser.param_groups:
                    group["lr"] = self._rate(self.step)
                loss, self.terms = self.loss(self.network(photos), photos)
                self.optimiser.zero_grad(set_to_none=True)
                loss.backward()
                norm = nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
                self.step += 1
                value = float(loss.detach())
                self.patience.follow(float(norm), f"at step {self.step}")
                if bool(norm.isfinite()):  # of the mean gradient: all processes decide alike
                    self.optimiser.step()
                self.seconds += time.perf_counter() - began
                yield value

    def save_checkpoint(self, path: Path) -> None:
        """Writes model, optimiser and progress, whole or not at all."""
        notes = {"step": self.step, "seconds": self.seconds, "run": self._run()}
        write_checkpoint(path, self.model, self.optimiser, {"fast": json.dumps(notes)})

    def load_checkpoint(self, path: Path) -> None:
        """Goes on from a checkpoint of the same run.

        Raises:
            ModelError: not a checkpoint, or of another run; the message says what differs.
        """
        try:
            tensors, meta = read_checkpoint(path)
            notes = json.loads(meta["fast"])
            step, seconds, run = int(notes["step"]), float(notes["seconds"]), dict(notes["run"])
        except (CheckpointError, KeyError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise ModelError(f"{path}: not a checkpoint of this training") from error
        if differing := [name for name, value in self._run().items() if not _same(name, run.get(name), value)]:
            raise ModelError(f"{path}: belongs to another run (differs in {', '.join(differing)})")
        try:
            restore(self.model, self.optimiser, tensors)
        except CheckpointError as error:
            raise ModelError(f"{path}: does not fit this network ({error})") from error
        self.step, self.seconds = step, seconds

    def _run(self) -> dict[str, object]:
        """What must be the same for a run to go on."""
        config = {name: value for name, value in asdict(self.config).items() if name != "device"}
        grams = sum(float(gram.square().sum()) for gram in self.loss.grams.values())
        return {**config, "world": self.world, "photos": len(self.photos.paths), "style": grams}


def _same(name: str, theirs: object, ours: object) -> bool:
    if name == "style" and isinstance(theirs, float) and isinstance(ours, float):
        return math.isclose(theirs, ours, rel_tol=0.01)  # a GPU rounds convolutions to ten bits
    return theirs == ours
