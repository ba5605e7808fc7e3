"""An unfinished style transfer as a file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from neural_painter import unfinished
from neural_painter.errors import InputError
from neural_painter.features import Features
from neural_painter.style.config import StyleConfig
from neural_painter.style.gatys import StyleState, optimiser_of, plan
from neural_painter.unfinished import Unfinished, packed, read_unfinished, unpacked, write_unfinished

Array = np.ndarray

KIND = "style transfer"


def fingerprint(*pictures: Array, blend: Sequence[float] | None = None, features: Features | None = None) -> str:
    """What an unfinished transfer knows its own by: content, styles and their weights, and the network."""
    weights = None if blend is None else repr([float(weight) for weight in blend])
    return f"{unfinished.fingerprint(*pictures, weights)}-{features.digest if features else 'none'}"


def write_state(path: Path, state: StyleState, config: StyleConfig, belongs_to: str, *, overwrite: bool = True) -> None:
    """Writes an unfinished transfer; raises OutputError where it cannot be written."""
    tensors, numbers = packed(state.optimiser)
    place = {
        "size": state.size,
        "step": state.step,
        "recovered": state.recovered,
        "losses": dict(state.losses),
        "optimiser": numbers,
    }
    picture = torch.from_numpy(np.ascontiguousarray(state.picture, np.float32))
    work = Unfinished(KIND, asdict(config), belongs_to, place, {**tensors, "picture": picture})
    write_unfinished(path, work, overwrite=overwrite)


def read_state(path: Path, config: StyleConfig, belongs_to: str, size: tuple[int, int]) -> StyleState:
    """Reads an unfinished transfer.

    Args:
        path: the file.
        config: options to go on with, which must be those it was begun with, the device aside.
        belongs_to: `fingerprint` of pictures, weights and features.
        size: of the content, `(height, width)`.

    A transfer whose last step was done, but which was not written, counts as unfinished.

    Raises:
        InputError: not such a file, or of other pictures or options.
    """
    work = read_unfinished(path, KIND, config, belongs_to, size)
    sizes = plan(config, *size)
    try:
        number, step, recovered = (work.place[name] for name in ("size", "step", "recovered"))
        losses = {str(name): float(value) for name, value in work.place["losses"].items() if math.isfinite(value)}
        standing = unpacked(work.tensors, work.place["optimiser"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not an unfinished style transfer, or damaged") from error
    if not all(type(one) is int and one >= 0 for one in (number, step, recovered)) or number > len(sizes):
        raise InputError(f"{path}: its place makes no sense")
    wanted, steps = sizes[number] if number < len(sizes) else (sizes[-1][0], 0)
    if step > steps or (standing is None) != (number == len(sizes)):
        raise InputError(f"{path}: its place makes no sense")
    picture = work.tensors.get("picture")
    if picture is None or picture.dtype != torch.float32 or tuple(picture.shape) != (*wanted, 3):
        raise InputError(f"{path}: its picture makes no sense")
    if standing is not None:
        try:
            optimiser = optimiser_of(config, torch.zeros(3, *wanted))
            optimiser.enter(wanted, _no_loss)
            optimiser.restore(standing)
            if optimiser.steps != step:
                raise ValueError("steps makes no sense")
        except ValueError as error:
            raise InputError(f"{path}: damaged ({error})") from error
    return StyleState(number, step, picture.numpy(), standing, recovered, losses)


def _no_loss(picture: Tensor) -> tuple[Tensor, Tensor, dict[str, float]]:
    raise AssertionError("only looked at")
