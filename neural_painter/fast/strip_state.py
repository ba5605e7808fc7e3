"""A picture that is half way through a network: what is needed to go on as if it had never stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from neural_painter.errors import InputError
from neural_painter.unfinished import Unfinished, read_unfinished, write_unfinished

Array = np.ndarray

KIND = "picture in a fast style"


@dataclass(frozen=True)
class StripState:
    """Where a picture stands.

    Attributes:
        layer: which one is at work, counted from 0; one beyond the last where all are done.
        row: how many of its rows are done.
        arrays: by name: `3.a` and `3.b` are the norm of layer 3, `3.values` what it gave, where that is needed;
            `rows`, `sums` and `origin` are those of the layer at work.
    """

    layer: int
    row: int
    arrays: Mapping[str, Array]

    def array(self, name: str, *shape: int | None, kind: type[np.generic] = np.float32) -> Array:
        """An array of a shape, None for any side; raises InputError where it is another or missing."""
        found = self.arrays.get(name)
        fits = found is not None and found.dtype == kind and found.ndim == len(shape)
        if found is None or not fits or any(w not in (None, s) for s, w in zip(found.shape, shape, strict=True)):
            raise InputError(f"the unfinished picture does not fit its model: {name}")
        return found


@dataclass(frozen=True)
class _Options:
    original_colors: bool


def write_state(path: Path, state: StripState, belongs_to: str, *, original_colors: bool) -> None:
    """Writes where a picture stands; raises OutputError where it cannot be written."""
    tensors = {name: torch.from_numpy(array) for name, array in state.arrays.items()}
    place = {"layer": state.layer, "row": state.row}
    write_unfinished(path, Unfinished(KIND, asdict(_Options(original_colors)), belongs_to, place, tensors))


def read_state(path: Path, belongs_to: str, size: tuple[int, int], *, original_colors: bool) -> StripState:
    """Reads where a picture of that size stands; raises InputError: not such a file, or of another picture or model."""
    work = read_unfinished(path, KIND, _Options(original_colors), belongs_to, size, owned="another picture or model")
    try:
        layer, row = int(work.place["layer"]), int(work.place["row"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not an unfinished {KIND}, or damaged") from error
    return StripState(layer, row, {name: tensor.numpy() for name, tensor in work.tensors.items()})
