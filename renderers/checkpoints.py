"""What a training run leaves to go on from: model, optimiser and notes, as safetensors."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from renderers.runs import write_whole

SIZE_LIMIT = 1 << 30
"""Bytes; the largest networks that can be asked for need less with their optimiser."""


class CheckpointError(Exception):
    """A file that is no checkpoint, or one of another model."""


def write_checkpoint(path: Path, model: nn.Module, optimiser: torch.optim.Optimizer, notes: Mapping[str, str]) -> None:
    """Writes model, optimiser and notes, whole or not at all; makes the folder where it is missing."""
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        for key, value in optimiser.state.get(parameter, {}).items():
            tensors[f"optimiser.{name}.{key}"] = torch.as_tensor(value)
    # Convolutions are kept channels last; safetensors wants plain strides.
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, save(tensors, metadata=dict(notes)))


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and notes of a checkpoint; raises CheckpointError where it is none."""
    try:
        if not stat.S_ISREG((found := path.stat()).st_mode) or found.st_size > SIZE_LIMIT:
            raise CheckpointError("not a regular file of a checkpoint's size")
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise CheckpointError(type(error).__name__) from error


def restore(model: nn.Module, optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Puts model and optimiser where the checkpoint was.

    Raises:
        CheckpointError: it does not fit them; then nothing has changed.
    """
    weights, own = _under("model.", tensors), model.state_dict()
    if strange := sorted(weights.keys() ^ own.keys()):
        raise CheckpointError(f"{strange[0]} is {'missing' if strange[0] in own else 'too many'}")
    states = {name: _under(f"optimiser.{name}.", tensors) for name, _ in model.named_parameters()}
    for name, wanted in own.items():
        if weights[name].shape != wanted.shape:
            raise CheckpointError(f"{name} is {list(weights[name].shape)}, expected {list(wanted.shape)}")
        if any(value.ndim and value.shape != wanted.shape for value in states.get(name, {}).values()):
            raise CheckpointError(f"optimiser state of {name} has another shape")
    model.load_state_dict(weights)
    for name, parameter in model.named_parameters():
        optimiser.state[parameter] = {key: _placed(value, parameter) for key, value in states[name].items()}


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _placed(value: Tensor, parameter: nn.Parameter) -> Tensor:
    """A copy, laid out like the parameter; what is read from a file lies in the file itself."""
    if not value.ndim:
        return value.cpu().clone()
    last = value.ndim == 4 and parameter.is_contiguous(memory_format=torch.channels_last)
    kind = torch.channels_last if last else torch.contiguous_format
    return value.to(parameter.device).clone(memory_format=kind)
