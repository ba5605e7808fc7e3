"""Models of feed-forward styles in our own files: safetensors, with the architecture in the header."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from stat import S_ISREG
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from neural_painter.errors import UserError
from neural_painter.files import written_whole
from neural_painter.style.network import Architecture, TransformNetwork

FORMAT = "neural-painter fast style"
VERSION = 1
SIZE_LIMIT = 512 * 2**20
HEADER_LIMIT = 1 << 20


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
        "version": VERSION,
        "architecture": network.architecture.as_json(),
        "name": card.name,
        "about": card.about,
    }
    tensors = {name: value.detach().cpu().float().contiguous().clone() for name, value in network.state_dict().items()}
    # One entry only: safetensors writes several in random order, and the same model would give other bytes.
    data = save(tensors, metadata={"neural_painter": json.dumps(header)})
    with written_whole(Path(path), overwrite=overwrite) as temporary:
        temporary.write_bytes(data)


def read_model(path: Path | str) -> tuple[TransformNetwork, Card]:
    """The network and the card of a file that `save_model` wrote.

    Raises:
        ModelError: missing, damaged, or not such a file.
    """
    path = Path(path)
    try:
        status = path.stat()
        if not S_ISREG(status.st_mode):
            raise ModelError(f"{path}: not a regular file, expected a model of a style")
        if status.st_size > SIZE_LIMIT:
            raise ModelError(f"{path}: larger than any model of a style")
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("neural_painter", "null"))
            if not isinstance(header, dict) or header.get("format") != FORMAT:
                raise ModelError(f"{path}: holds tensors, but not those of a style model of ours", hint=CONVERT)
            if header.get("version") != VERSION:
                raise ModelError(f"{path}: its version is {header.get('version')!r:.40}, expected {VERSION}")
            network = network_of(header.get("architecture"), path)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or 'damaged'})") from error
    except (SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not a model of a style (damaged safetensors)") from error
    fill(network, tensors, path)
    name, about = header.get("name"), header.get("about")
    return network, Card(name if isinstance(name, str) else "", about if isinstance(about, dict) else {})


CONVERT = "`paint.py convert` makes models of ours out of published ones."


def is_ours(path: Path) -> bool:
    """Whether a file looks like safetensors with a header of ours; False where it cannot be read."""
    if not path.is_file():  # opening a pipe would wait for its writer
        return False
    try:
        with path.open("rb") as file:
            head = file.read(8 + HEADER_LIMIT)
    except OSError:
        return False
    length = int.from_bytes(head[:8], "little")
    return head[8:9] == b"{" and length <= HEADER_LIMIT and b'"neural_painter"' in head[8 : 8 + length]


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
    # Copied: what safetensors gives lies in the file itself, and would change with it.
    kept = {name: value.float().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()}
    network.load_state_dict(kept, assign=True)
    network.eval().requires_grad_(False)


def shipped() -> Path:
    """The model that comes with the project."""
    return Path(str(files("neural_painter.style"))) / "starry-night.safetensors"
