"""Trains a neural renderer on strokes drawn on the fly by its ground-truth brush."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from renderers.brush import OPACITY, Brush
from renderers.checkpoints import CheckpointError, read_checkpoint, restore, write_checkpoint
from renderers.networks import STAMP, NeuralRenderer
from renderers.weights import WeightsError

HELD_OUT_SEED = 2**31 - 1


@dataclass(frozen=True)
class TrainingConfig:
    """How to train.

    Attributes:
        steps: optimiser steps.
        batch: strokes a step and process.
        rate: peak learning rate; warmed up over 2 % of the steps, then lowered along a cosine.
        supersample: ground-truth samples per stamp pixel and axis.
        seed: of the initial weights and of every sample.
        held_out: strokes that the score is measured on; they come from a generator that training never uses.
    """

    steps: int = 2200
    batch: int = 128
    rate: float = 4e-3
    supersample: int = 3
    seed: int = 0
    held_out: int = 2000


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


class Trainer:
    """One process of a training run: the model, its optimiser, and how far it has come.

    Args:
        brush: ground truth.
        config: how to train.
        device: where the networks live; samples are always drawn on the CPU.
        rank, world: this process and how many there are; with more than one, torch.distributed must be initialised.
    """

    def __init__(
        self, brush: Brush, config: TrainingConfig, device: torch.device, *, rank: int = 0, world: int = 1
    ) -> None:
        self.brush, self.config, self.device, self.rank, self.world = brush, config, device, rank, world
        torch.manual_seed(config.seed)
        self.model = NeuralRenderer(brush).to(device).to(memory_format=torch.channels_last)
        self.network: nn.Module = self.model
        if world > 1:
            ids = [device.index] if device.type == "cuda" else None
            self.network = nn.parallel.DistributedDataParallel(self.model, device_ids=ids)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=config.rate, betas=(0.9, 0.99))
        self.step = 0
        self.seconds = 0.0
        self.cpu_seconds = 0.0

    def _samples(self, step: int) -> tuple[Tensor, Tensor]:
        """The samples of a step depend on the step alone, so a resumed run sees what an unbroken one would."""
        generator = np.random.default_rng((self.config.seed, step, self.rank))
        return draw_samples(self.brush, self.config.batch, self.config.supersample, generator)

    def _rate(self, step: int) -> float:
        warm = max(1, self.config.steps // 50)
        if step < warm:
            return self.config.rate * (step + 1) / warm
        progress = (step - warm) / max(1, self.config.steps - warm)
        return self.config.rate * (0.002 + 0.998 * 0.5 * (1 + math.cos(math.pi * progress)))

    def run(self, *, stop: int | None = None) -> Iterator[float]:
        """Trains up to step `stop` (default: all), yielding the loss of each step. Stop iterating to pause.

        Raises:
            FloatingPointError: the loss stopped being finite.
        """
        stop = self.config.steps if stop is None else min(stop, self.config.steps)
        # On a GPU the next samples are drawn while the networks learn; on a CPU there is no core to spare for it.
        with ThreadPoolExecutor(1) as pool:
            ahead = self.device.type == "cuda"
            pending = pool.submit(self._samples, self.step) if ahead else None
            while self.step < stop:
                began, began_cpu = time.perf_counter(), time.process_time()
                shape, truth = pending.result() if pending else self._samples(self.step)
                if ahead:
                    pending = pool.submit(self._samples, self.step + 1)
                for group in self.optimiser.param_groups:
                    group["lr"] = self._rate(self.step)
                alpha, weights = self.network(shape.to(self.device))
                loss = stroke_loss(alpha, weights, truth.to(self.device))
                self.optimiser.zero_grad(set_to_none=True)
                loss.backward()
                self.optimiser.step()
                self.step += 1
                value = float(loss.detach())
                if not math.isfinite(value):
                    raise FloatingPointError(f"the loss became {value} at step {self.step}; try a lower --rate")
                self.seconds += time.perf_counter() - began
                self.cpu_seconds += time.process_time() - began_cpu
                yield value

    def save_checkpoint(self, path: Path) -> None:
        """Writes model, optimiser and progress as safetensors, whole or not at all."""
        progress = {
            "step": self.step,
            "seconds": self.seconds,
            "cpu_seconds": self.cpu_seconds,
            "world": self.world,
            "brush": self.brush.name,
        }
        write_checkpoint(
            path, self.model, self.optimiser, {"config": json.dumps(asdict(self.config)), **_strings(progress)}
        )

    def load_checkpoint(self, path: Path) -> None:
        """Goes on from a checkpoint of the same brush and configuration.

        Raises:
            WeightsError: not a checkpoint, or of another run; the message says what differs.
        """
        try:
            tensors, meta = read_checkpoint(path)
            config = json.loads(meta["config"])
            step, world, brush = int(meta["step"]), int(meta["world"]), meta["brush"]
            seconds, cpu_seconds = float(meta["seconds"]), float(meta["cpu_seconds"])
        except (CheckpointError, KeyError, ValueError) as error:
            raise WeightsError(f"{path}: not a training checkpoint ({type(error).__name__})") from error
        ours = {**asdict(self.config), "world": self.world, "brush": self.brush.name}
        differing = [k for k, v in {**config, "world": world, "brush": brush}.items() if ours.get(k) != v]
        if differing:
            raise WeightsError(f"{path}: belongs to another run (differs in {', '.join(differing)})")
        try:
            restore(self.model, self.optimiser, tensors)
        except CheckpointError as error:
            raise WeightsError(f"{path}: does not fit these networks ({error})") from error
        self.step, self.seconds, self.cpu_seconds = step, seconds, cpu_seconds


def _strings(values: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items()}


def every(seconds: float) -> Callable[[], bool]:
    """A clock that says yes once every so many seconds."""
    last = time.monotonic()

    def due() -> bool:
        nonlocal last
        if time.monotonic() - last < seconds:
            return False
        last = time.monotonic()
        return True

    return due
