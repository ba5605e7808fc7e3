"""An unfinished photo transfer as a file. One of version 1 holds the picture only, and goes on from that."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neural_painter import unfinished
from neural_painter.descent import Standing
from neural_painter.errors import InputError
from neural_painter.features import Features
from neural_painter.photo.config import PhotoConfig
from neural_painter.photo.optimise import PictureOptimiser
from neural_painter.photo.plan import plan
from neural_painter.photo.transfer import PhotoState
from neural_painter.unfinished import Unfinished, packed, read_unfinished, unpacked, write_unfinished

Array = np.ndarray

KIND = "photo transfer"


def fingerprint(*pictures: Array | None, auto_mask: int = 0, features: Features | None = None) -> str:
    """What an unfinished transfer knows its own by: pictures and masks, and the network that looked at them."""
    return f"{unfinished.fingerprint(*pictures)}-{auto_mask}-{features.digest if features else 'none'}"


def write_state(path: Path, state: PhotoState, config: PhotoConfig, belongs_to: str, *, overwrite: bool = True) -> None:
    """Writes an unfinished transfer; raises OutputError where it cannot be written."""
    tensors, numbers = packed(state.optimiser)
    place = {
        "round": state.round,
        "step": state.step,
        "recovered": state.recovered,
        "losses": dict(state.losses),
        "optimiser": numbers,
    }
    picture = torch.from_numpy(np.ascontiguousarray(state.picture, np.float32))
    work = Unfinished(KIND, asdict(config), belongs_to, place, {**tensors, "picture": picture})
    write_unfinished(path, work, overwrite=overwrite)


def read_state(path: Path, config: PhotoConfig, belongs_to: str, size: tuple[int, int]) -> PhotoState:
    """Reads an unfinished transfer.

    Args:
        path: the file.
        config: options to go on with, which must be those it was begun with, the device aside.
        belongs_to: `fingerprint` of the pictures, masks and features.
        size: of the content, `(height, width)`.

    A transfer whose last step was done, but which was not written, counts as unfinished.

    Raises:
        InputError: not such a file, or of other pictures or options.
    """
    work = read_unfinished(path, KIND, config, belongs_to, size)
    try:
        round_, step, recovered, losses = _place(work)
        standing = unpacked(work.tensors, work.place["optimiser"]) if work.version > 1 else None
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not an unfinished photo transfer, or damaged") from error
    rounds = plan(config, *size)
    steps = [one.iterations for one in rounds] + [0]
    if not (all(isinstance(n, int) and n >= 0 for n in (round_, step, recovered)) and round_ < len(steps)):
        raise InputError(f"{path}: its place makes no sense")
    if step > steps[round_]:
        raise InputError(f"{path}: its place makes no sense")
    picture = work.tensors.get("picture")
    if picture is None or picture.dtype != torch.float32 or tuple(picture.shape) not in {(*r.size, 3) for r in rounds}:
        raise InputError(f"{path}: its picture makes no sense")
    if standing is not None:
        _check(path, standing, config, rounds[min(round_, len(rounds) - 1)].size, step)
    return PhotoState(round_, step, picture.numpy(), standing, recovered, losses)


def _place(work: Unfinished) -> tuple[Any, Any, Any, dict[str, float]]:
    """Round, step, steps taken back and losses, of any version."""
    if work.version == 1:
        round_, step = work.place
        return round_, step, 0, {}
    losses = {str(name): float(value) for name, value in work.place["losses"].items() if math.isfinite(value)}
    return work.place["round"], work.place["step"], work.place["recovered"], losses


def _check(path: Path, standing: Standing, config: PhotoConfig, size: tuple[int, int], step: int) -> None:
    """Raises InputError where the optimiser would not go on from here."""
    nothing: Any = None
    try:
        optimiser = PictureOptimiser(torch.zeros(3, *size), nothing, optimizer=config.optimizer, steps=1)
        optimiser.restore(standing)
        if optimiser.taken != step:
            raise ValueError("taken makes no sense")
    except ValueError as error:
        raise InputError(f"{path}: damaged ({error})") from error
