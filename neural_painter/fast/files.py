"""Models of feed-forward styles in our own files: safetensors, with the architecture in the header."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from neural_painter.errors import UserError
from neural_painter.fast.network import Architecture, TransformNetwork
from neural_painter.files import read_whole, written_whole
from neural_painter.kinds import begins_like_onnx, recognised

FORMAT = "neural-painter fast style"
VERSION, LINEAR, NEWEST = 1, 2, 3
"""Of the format. Older programs would run networks that do not end in a tanh (2) as if they did, and those that want
grain (3) without it."""

SIZE_LIMIT = 512 * 2**20
HEADER_LIMIT = 1 << 20
OURS = "neural_painter"
"""The entry of the header that holds the architecture and the card."""

CONVERT = "`paint.py convert` makes models of ours out of published ones."
KNOWN = (
    "Known: .t7 of fast-neural-style, safetensors of its families in TensorFlow (Variable_1 and so on) and PyTorch "
    "(conv1.conv2d.weight and so on), ONNX."
)


class ModelError(UserError):
    """A file that holds no model of a style, a damaged one, or one that this program cannot run."""

    exit_status = 4


@dataclass(frozen=True)
class Card:
    """What a model tells of itself; JSON values only.

    Attributes:
        name: of the style.
        about: how it came to be: command, steps, features, licence and the like.
    """

    name: str = ""
    about: dict[str, Any] = field(default_factory=dict)


def save_model(path: Path | str, network: TransformNetwork, card: Card, *, overwrite: bool = True) -> None:
    """Writes a model, whole or not at all.

    Raises:
        OutputError: the file exists and `overwrite` is false, or cannot be written.
    """
    header = {
        "format": FORMAT,
        "version": _version(network.architecture),
        "architecture": network.architecture.as_json(),
        "name": card.name,
        "about": card.about,
    }
    tensors = {name: value.detach().cpu().float().contiguous().clone() for name, value in network.state_dict().items()}
    # One entry only: safetensors writes several in random order, and the same model would give other bytes.
    data = save(tensors, metadata={OURS: json.dumps(header)})
    with written_whole(Path(path), overwrite=overwrite) as temporary:
        temporary.write_bytes(data)


def _version(architecture: Architecture) -> int:
    """The oldest version that can say what a network is."""
    return NEWEST if architecture.grain else VERSION if architecture.ending == "tanh" else LINEAR


def read_file(path: Path) -> bytes:
    """The bytes of a file that may be a model; raises ModelError where there is none, or a far too large one."""
    return read_whole(path, "a model of a style", most=SIZE_LIMIT, error=ModelError)


def wrong_kind(data: bytes, path: Path) -> ModelError:
    """The error for a file that is no model of a style: what it is instead, and which command takes it."""
    kind = recognised(data, path)
    if begins_like_onnx(data):
        return ModelError(f"{path}: is a model in ONNX, which is run as it is, and not converted")
    if kind is None:
        return ModelError(f"{path}: not a model of a style (unknown data)", hint=KNOWN)
    return ModelError(f"{path}: is {kind.what}, expected a model of a style", hint=kind.hint or KNOWN)


def model_of(data: bytes, path: Path) -> tuple[TransformNetwork, Card]:
    """The network and the card of the bytes of a file of ours; `path` is for messages."""
    tensors, notes = tensors_of(data, path)
    try:
        header = json.loads(notes.get(OURS, "null"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not a model of a style (damaged safetensors)") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ModelError(f"{path}: holds tensors, but not those of a style model of ours", hint=CONVERT)
    if header.get("version") not in (VERSION, LINEAR, NEWEST):
        raise ModelError(f"{path}: its version is {header.get('version')!r:.40}, expected {VERSION} to {NEWEST}")
    network = network_of(header.get("architecture"), path)
    fill(network, tensors, path)
    name, about = header.get("name"), header.get("about")
    return network, Card(name if isinstance(name, str) else "", about if isinstance(about, dict) else {})


def is_safetensors(data: bytes) -> bool:
    """Whether a file of these bytes looks like safetensors."""
    return data[8:9] == b"{" and int.from_bytes(data[:8], "little") <= len(data) - 8


def is_ours(data: bytes) -> bool:
    """Whether a file of these bytes looks like safetensors with a header of ours."""
    length = int.from_bytes(data[:8], "little")
    return is_safetensors(data) and f'"{OURS}"'.encode() in data[8 : 8 + min(length, HEADER_LIMIT)]


def tensors_of(data: bytes, path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The tensors and notes of the bytes of a safetensors file; raises ModelError where they are none."""
    try:
        tensors = load(data)  # checks the header as well
        notes = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")]).get("__metadata__")
    except (SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not a model of a style (damaged safetensors)") from error
    return tensors, notes or {}


def network_of(architecture: Any, path: Path) -> TransformNetwork:
    """An empty network; raises ModelError where its description makes no sense."""
    try:
        with torch.device("meta"):  # takes no memory yet, whatever a stranger's header says
            return TransformNetwork(Architecture.from_json(architecture))
    except ValueError as error:
        raise ModelError(f"{path}: {error}") from None


def fill(network: TransformNetwork, tensors: dict[str, torch.Tensor], path: Path) -> None:
    """Puts weights into a network, ready to run; raises ModelError where they do not fit it."""
    expected = network.state_dict()
    if strange := sorted(expected.keys() ^ tensors.keys()):
        where = "missing" if strange[0] in expected else "not part of its architecture"
        raise ModelError(f"{path}: tensor {strange[0]!r:.60} is {where}")
    for name, value in tensors.items():
        if value.shape != expected[name].shape:
            raise ModelError(f"{path}: {name} is {list(value.shape)}, expected {list(expected[name].shape)}")
        if not value.is_floating_point():
            raise ModelError(f"{path}: {name} holds {value.dtype}, expected floats")
        if not value.float().isfinite().all():
            raise ModelError(f"{path}: {name} holds numbers that are not finite")
    # Copied: what was handed in stays its owner's.
    kept = {name: value.float().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()}
    network.load_state_dict(kept, assign=True)
    network.eval().requires_grad_(False)
