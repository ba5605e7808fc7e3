"""Work that is not finished yet as a file, from which it goes on: safetensors, of which nothing is unpickled.

The file says what it is, which options and pictures it belongs to, and where the work stands; tensors hold the rest. So
a file from elsewhere is refused, or at worst gives a strange picture.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import Tensor

from neural_painter.descent import Standing
from neural_painter.errors import InputError
from neural_painter.files import kind_of, read_whole, written_whole
from renderers.runs import difference

Array = np.ndarray

FORMAT = "neural_painter {kind}, version {version}"
VERSION = 2

PICTURES = "other pictures, masks or features"

COPIES = 64
"""A file holds no more than so many pictures of the work's size: L-BFGS with its memory has thirty."""


@dataclass(frozen=True)
class Unfinished:
    """Work that is not finished yet.

    Attributes:
        kind: of work, such as `photo transfer`.
        config: its options, by name.
        belongs_to: `fingerprint` of what it works on.
        place: where it stands; anything that JSON has.
        tensors: by name.
        version: of the format.
    """

    kind: str
    config: Mapping[str, Any]
    belongs_to: str
    place: Any
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    version: int = VERSION


def fingerprint(*things: Array | str | float | None) -> str:
    """A hash of pictures and whatever else work depends on, by which it knows its own again."""
    found = hashlib.sha256()
    for thing in things:
        if isinstance(thing, np.ndarray):
            found.update(repr(thing.shape).encode())
            found.update(np.ascontiguousarray(thing).data)
        else:
            found.update(b"none" if thing is None else repr(thing).encode())
    return found.hexdigest()


def write_unfinished(path: Path, work: Unfinished, *, overwrite: bool = True) -> None:
    """Writes unfinished work, whole or not at all; raises OutputError where it cannot be written."""
    metadata = {
        "format": FORMAT.format(kind=work.kind, version=work.version),
        "config": json.dumps(work.config),
        "place": json.dumps(work.place),
        "belongs_to": work.belongs_to,
    }
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in work.tensors.items()}
    # What two names share, such as the best picture and the last, is written twice: the format shares nothing.
    places: set[int] = set()
    for name, tensor in tensors.items():
        if (place := tensor.untyped_storage().data_ptr()) in places:
            tensors[name] = tensor.clone()
        places.add(place)
    with written_whole(path, overwrite=overwrite) as temporary:
        save_file(tensors, temporary, metadata)


def read_unfinished(
    path: Path, kind: str, config: Any, belongs_to: str, size: tuple[int, int], *, owned: str = PICTURES
) -> Unfinished:
    """Reads unfinished work.

    Args:
        path: the file.
        kind: of work that it should be.
        config: the dataclass of options to go on with, which must be those it was begun with, the device aside.
        belongs_to: `fingerprint` of what is worked on.
        size: `(height, width)` of the largest picture that the work makes.
        owned: what a file of other work was begun with, for the message.

    Raises:
        InputError: not such a file, or of other pictures or options.
    """
    what = f"an unfinished {kind}"
    data = read_whole(path, what, most=COPIES * 12 * size[0] * size[1] + 2**24)
    if (found := kind_of(data[:4096])) != "safetensors":
        raise InputError(f"{path}: not {what} (found: {found})")
    try:
        metadata = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")]).get("__metadata__") or {}
        versions = {FORMAT.format(kind=kind, version=number): number for number in (1, VERSION)}
        version = versions.get(str(metadata.get("format")))
        if version is None:
            raise InputError(f"{path}: not {what}", hint=_told(metadata.get("format")))
        options, place = json.loads(metadata["config"]), json.loads(metadata["place"])
        theirs = {option.name: options.get(option.name) for option in fields(config)}
        tensors = load(data)
    # A file from elsewhere may hold any JSON, and tensors of kinds that torch lacks.
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path}: not {what}, or damaged") from error
    known = belongs_to if version == VERSION else belongs_to.rpartition("-")[0]  # the first did not tell features
    if metadata.get("belongs_to") != known:
        raise InputError(f"{path}: was begun with {owned}")
    if other := difference(theirs, asdict(config), ignoring=("device",)):
        raise InputError(f"{path}: was begun with {other}")
    if not all(bool(tensor.isfinite().all()) for tensor in tensors.values()):
        raise InputError(f"{path}: its tensors hold numbers that are not finite")
    return Unfinished(kind, options, metadata["belongs_to"], place, tensors, version)


def _told(format: object) -> str | None:
    """What the file is instead, where it says so."""
    return f"It is: {format}." if isinstance(format, str) and format.startswith("neural_painter ") else None


def packed(standing: Standing | None) -> tuple[dict[str, Tensor], dict[str, float] | None]:
    """What an optimiser knows, as tensors with names of their own and numbers."""
    if standing is None:
        return {}, None
    return {f"{OPTIMISER}{name}": tensor for name, tensor in standing.tensors.items()}, dict(standing.numbers)


OPTIMISER = "optimiser."


def unpacked(tensors: Mapping[str, Tensor], numbers: Any) -> Standing | None:
    """What `packed` gave; raises ValueError where the numbers are not numbers."""
    if numbers is None:
        return None
    if not isinstance(numbers, dict) or not all(type(value) in (int, float) for value in numbers.values()):
        raise ValueError("the optimiser makes no sense")
    own = {name.removeprefix(OPTIMISER): one for name, one in tensors.items() if name.startswith(OPTIMISER)}
    return Standing(own, numbers)
