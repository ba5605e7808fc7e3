"""The course of every training: its rate, its loop, its checkpoints, one process or several.

A trainer fills in what a step learns from, the loss of that, and what makes a run the same as another.
"""

from __future__ import annotations

import json
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from renderers.checkpoints import CheckpointError, read_checkpoint, restore, write_checkpoint
from renderers.runs import difference


class Run(ABC):
    """One process of a training run: the model, its optimiser, and how far it has come.

    Args:
        model: on its device.
        config: how to train; has `steps` and `rate`, the peak learning rate.
        device: where to.
        rank, world: this process and how many there are; with more than one, torch.distributed must be initialised.
        ahead: whether the next step's material is made while the model learns.
    """

    KIND: ClassVar[str]
    """The checkpoint's key of what is noted beside the tensors."""
    LOWEST: ClassVar[float]
    """The last learning rate, as a part of the peak."""
    ERROR: ClassVar[type[Exception]]
    """Raised for a checkpoint that is none, or of another run."""
    MEASURED: ClassVar[tuple[str, ...]] = ()
    """As in `difference`, of what `run_of` gives."""

    def __init__(
        self, model: nn.Module, config: Any, device: torch.device, *, rank: int, world: int, ahead: bool
    ) -> None:
        self.config, self.device, self.rank, self.world, self._ahead = config, device, rank, world, ahead
        self.network: nn.Module = model
        if world > 1:
            ids = [device.index] if device.type == "cuda" else None
            self.network = nn.parallel.DistributedDataParallel(model, device_ids=ids)
        self.optimiser = torch.optim.Adam(model.parameters(), lr=config.rate, betas=(0.9, 0.99))
        self.step = 0
        self.seconds = self.cpu_seconds = 0.0
        self._model = model

    @abstractmethod
    def _material(self, step: int) -> Any:
        """What a step learns from; depends on the step alone, so a resumed run sees what an unbroken one would."""

    @abstractmethod
    def _loss(self, material: Any) -> Tensor: ...

    @abstractmethod
    def _learn(self, loss: float) -> None:
        """Takes the optimiser's step, unless something is not finite; `loss` belongs to step `self.step`, from 1."""

    @abstractmethod
    def run_of(self) -> dict[str, Any]:
        """What must be the same for a run to go on; JSON values."""

    def _rate(self, step: int) -> float:
        """Warmed up over 2 % of the steps, then lowered along a cosine."""
        peak, steps = self.config.rate, self.config.steps
        warm = max(1, steps // 50)
        if step < warm:
            return float(peak * (step + 1) / warm)
        progress = (step - warm) / max(1, steps - warm)
        return float(peak * (self.LOWEST + (1 - self.LOWEST) * 0.5 * (1 + math.cos(math.pi * progress))))

    def run(self, *, stop: int | None = None) -> Iterator[float]:
        """Trains up to step `stop` (default: all), yielding the loss of each step. Stop iterating to pause.

        Raises:
            What the trainer raises where the loss is not finite.
        """
        stop = self.config.steps if stop is None else min(stop, self.config.steps)
        materials = self._materials(range(self.step, stop))
        while self.step < stop:
            began, began_cpu = time.perf_counter(), time.process_time()
            material = next(materials)
            for group in self.optimiser.param_groups:
                group["lr"] = self._rate(self.step)
            loss = self._loss(material)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            self.step += 1
            value = float(loss.detach())
            self._learn(value)
            self.seconds += time.perf_counter() - began
            self.cpu_seconds += time.process_time() - began_cpu
            yield value

    def _materials(self, steps: range) -> Iterator[Any]:
        if not self._ahead or not steps:
            yield from map(self._material, steps)
            return
        with ThreadPoolExecutor(1) as pool:
            pending = pool.submit(self._material, steps[0])
            for step in steps:
                material = pending.result()
                if step + 1 in steps:
                    pending = pool.submit(self._material, step + 1)
                yield material

    def save_checkpoint(self, path: Path) -> None:
        """Writes model, optimiser and progress as safetensors, whole or not at all."""
        notes = {"step": self.step, "seconds": self.seconds, "cpu_seconds": self.cpu_seconds, "run": self.run_of()}
        write_checkpoint(path, self._model, self.optimiser, {self.KIND: json.dumps(notes)})

    def load_checkpoint(self, path: Path) -> None:
        """Goes on from a checkpoint of the same run.

        Raises:
            What `ERROR` says: not a checkpoint, or of another run; the message says what differs.
        """
        try:
            tensors, metadata = read_checkpoint(path)
            notes = self._notes(metadata)
            step, seconds, theirs = int(notes["step"]), float(notes["seconds"]), dict(notes["run"])
            cpu_seconds = float(notes.get("cpu_seconds", 0))
        except (CheckpointError, KeyError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise self.ERROR(f"{path}: not a checkpoint of this training") from error
        if found := difference(theirs, self.run_of(), measured=self.MEASURED):
            raise self.ERROR(f"{path}: was begun with {found}")
        try:
            restore(self._model, self.optimiser, tensors)
        except CheckpointError as error:
            raise self.ERROR(f"{path}: does not fit these networks ({error})") from error
        self.step, self.seconds, self.cpu_seconds = step, seconds, cpu_seconds

    def _notes(self, metadata: dict[str, str]) -> dict[str, Any]:
        """What `save_checkpoint` noted."""
        return dict(json.loads(metadata[self.KIND]))
