"""Trains a neural renderer on strokes drawn on the fly by its ground-truth brush."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from renderers.brush import OPACITY, Brush
from renderers.networks import STAMP, NeuralRenderer
from renderers.runs import every as every
from renderers.trainers import Run
from renderers.training_config import TrainingConfig as TrainingConfig
from renderers.weights import WeightsError

HELD_OUT_SEED = 2**31 - 1


class Diverged(FloatingPointError):
    """The loss stopped being finite.

    Attributes:
        exit_status: how the command line leaves.
    """

    exit_status = 8


@dataclass(frozen=True)
class Score:
    """PSNR in dB on held-out strokes: alpha matte, colour where there is any, stroke over random canvas colours."""

    alpha: float
    colour: float
    composited: float


def draw_samples(brush: Brush, count: int, supersample: int, generator: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Random shapes `[count, P]` and their ground-truth stamps `[count, 3, S, S]`."""
    shape = brush.sample_shape(count, generator)
    seeds = generator.integers(0, 2**32, count, dtype=np.uint32)
    drawn = brush.draw(shape, seeds, STAMP, STAMP, supersample=supersample)
    return torch.from_numpy(shape), torch.from_numpy(drawn).permute(0, 3, 1, 2)


def stroke_loss(alpha: Tensor, weights: Tensor, truth: Tensor) -> Tensor:
    """Squared error of the matte, plus that of the colour weights where the true matte is."""
    matte = truth[:, :1]
    return (alpha - matte).square().mean() + ((weights - truth[:, 1:]).square() * matte).mean()


@torch.no_grad()
def score(model: NeuralRenderer, brush: Brush, count: int, *, supersample: int = 4, batch: int = 250) -> Score:
    """Compares the renderer with the ground truth on `count` held-out strokes over random canvas colours."""
    device = next(model.parameters()).device
    generator = np.random.default_rng(HELD_OUT_SEED)
    squared, weight = np.zeros(3), np.zeros(3)
    for start in range(0, count, batch):
        size = min(batch, count - start)
        shape, truth = draw_samples(brush, size, supersample, generator)
        paint = torch.from_numpy(brush.sample_paint(size, generator)).to(device)
        canvas = torch.from_numpy(generator.uniform(0, 1, (size, 3, 1, 1)).astype(np.float32)).to(device)
        truth = truth.to(device)
        true_alpha = truth[:, :1] * paint[:, OPACITY, None, None, None]
        true_colour = model.shading.colour(truth[:, 1:], paint)
        colour, alpha = model.draw(shape.to(device), paint)
        composite = canvas + alpha * (colour - canvas) - (canvas + true_alpha * (true_colour - canvas))
        opacity = paint[:, OPACITY, None, None, None]
        errors = (
            ((alpha - true_alpha) / opacity).square().sum(),
            ((colour - true_colour).square().mean(1, keepdim=True) * truth[:, :1]).sum(),
            composite.square().mean(1).sum(),
        )
        squared += [float(e) for e in errors]
        weight += [truth[:, 0].numel(), float(truth[:, 0].sum()), truth[:, 0].numel()]
    return Score(*(round(-10 * math.log10(max(float(e), 1e-12)), 2) for e in squared / weight))


class Trainer(Run):
    """One process of a training run: the renderer, its optimiser, and how far it has come.

    Args:
        brush: ground truth.
        config: how to train.
        device: where the networks live; samples are always drawn on the CPU.
        rank, world: this process and how many there are; with more than one, torch.distributed must be initialised.
    """

    KIND, LOWEST, ERROR, MEASURED = "renderer", 0.002, WeightsError, ("picture",)

    def __init__(
        self, brush: Brush, config: TrainingConfig, device: torch.device, *, rank: int = 0, world: int = 1
    ) -> None:
        self.brush = brush
        torch.manual_seed(config.seed)
        self.model = NeuralRenderer(brush).to(device).to(memory_format=torch.channels_last)
        # On a GPU the next samples are drawn while the networks learn; on a CPU there is no core to spare for it.
        super().__init__(self.model, config, device, rank=rank, world=world, ahead=device.type == "cuda")

    def _material(self, step: int) -> tuple[Tensor, Tensor]:
        generator = np.random.default_rng((self.config.seed, step, self.rank))
        return draw_samples(self.brush, self.config.batch, self.config.supersample, generator)

    def _loss(self, material: tuple[Tensor, Tensor]) -> Tensor:
        shape, truth = material
        alpha, weights = self.network(shape.to(self.device))
        return stroke_loss(alpha, weights, truth.to(self.device))

    def _learn(self, loss: float) -> None:
        if not math.isfinite(loss):
            raise Diverged(f"the loss became {loss} at step {self.step}; try a lower --rate")
        self.optimiser.step()

    def run_of(self) -> dict[str, Any]:
        picture = {"picture": self.brush.picture} if self.brush.picture else {}
        return {**asdict(self.config), "world": self.world, "brush": self.brush.name, **picture}

    def _notes(self, metadata: dict[str, str]) -> dict[str, Any]:
        if self.KIND in metadata:
            return super()._notes(metadata)
        run = {**json.loads(metadata["config"]), "world": int(metadata["world"]), "brush": metadata["brush"]}
        return {**metadata, "run": run}  # as checkpoints were at first
