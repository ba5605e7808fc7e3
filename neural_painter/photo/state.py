"""An unfinished transfer as a file: the picture so far, where it stands, what it belongs to. Nothing is unpickled."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from neural_painter.errors import InputError
from neural_painter.files import written_whole
from neural_painter.photo.config import PhotoConfig
from neural_painter.photo.transfer import PhotoState, plan

Array = np.ndarray

FORMAT = "neural_painter photo transfer, version 1"


def fingerprint(*pictures: Array | None) -> str:
    """A hash of pictures, by which an unfinished transfer knows its own again."""
    found = hashlib.sha256()
    for picture in pictures:
        found.update(
            b"none" if picture is None else repr(picture.shape).encode() + np.ascontiguousarray(picture).tobytes()
        )
    return found.hexdigest()


def write_state(path: Path, state: PhotoState, config: PhotoConfig, belongs_to: str, *, overwrite: bool) -> None:
    """Writes an unfinished transfer; raises OutputError where it cannot be written."""
    metadata = {
        "format": FORMAT,
        "config": json.dumps(asdict(config)),
        "place": json.dumps([state.round, state.step]),
        "belongs_to": belongs_to,
    }
    data = save({"picture": np.ascontiguousarray(state.picture, np.float32)}, metadata=metadata)
    with written_whole(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(data)


def read_state(path: Path, config: PhotoConfig, belongs_to: str, size: tuple[int, int]) -> PhotoState:
    """Reads an unfinished transfer.

    Args:
        path: the file.
        config: options to go on with, which must be those it was begun with, the device aside.
        belongs_to: `fingerprint` of the pictures and masks.
        size: of the content, `(height, width)`.

    A transfer whose last step was done, but which was not written, counts as unfinished.

    Raises:
        InputError: not such a file, or of other pictures or options.
    """
    try:
        with safe_open(str(path), "np") as file:
            metadata = file.metadata() or {}
            picture = file.get_tensor("picture") if metadata.get("format") == FORMAT else None
        if picture is None:
            raise InputError(f"{path}: not an unfinished photo transfer")
        options, (round_, step) = json.loads(metadata["config"]), json.loads(metadata["place"])
        theirs = {option.name: options.get(option.name) for option in fields(PhotoConfig)}
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    # A file from elsewhere may hold any JSON, and tensors of kinds that NumPy lacks.
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path}: not an unfinished photo transfer, or damaged") from error
    if metadata.get("belongs_to") != belongs_to:
        raise InputError(f"{path}: was begun with other pictures or masks")
    for option in fields(PhotoConfig):
        now, then = getattr(config, option.name), theirs[option.name]
        if option.name != "device" and now != then:
            raise InputError(f"{path}: was begun with {option.name.replace('_', '-')} {then}, now it is {now}")
    rounds = plan(config, *size)
    steps = [one.iterations for one in rounds] + [0]
    whole = isinstance(round_, int) and isinstance(step, int)
    if not (whole and 0 <= round_ < len(steps) and 0 <= step <= steps[round_]):
        raise InputError(f"{path}: its place makes no sense")
    if picture.dtype != np.float32 or picture.shape not in {(*one.size, 3) for one in rounds}:
        raise InputError(f"{path}: its picture makes no sense")
    if not np.isfinite(picture).all():
        raise InputError(f"{path}: its picture holds numbers that are not finite")
    return PhotoState(round_, step, picture)
