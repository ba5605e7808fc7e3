"""Models of others turned into ours: the two published families of Johnson's network."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from neural_painter.style.models import Card, ModelError, fill, is_ours, read_model
from neural_painter.style.network import Architecture, Layer, TransformNetwork
from neural_painter.style.torch7 import Table, TorchObject, contents, describe, is_ascii, is_torch7, read_torch7
from neural_painter.style.torch7_modules import gather

KNOWN = "Known: checkpoints of fast-neural-style (.t7), and safetensors of Variable, Variable_1 and so on."
PICKLED = "Loading a pickle may run any program; have its tensors saved as safetensors."


FRONT = 40
"""Pixels of reflection laid around pictures for networks that lay zeros: those leave a frame of up to 30 pixels."""


def read_network(path: Path) -> tuple[TransformNetwork, Card]:
    """The network and card of a model of ours, or of a family that `convert` knows; raises ModelError as they do."""
    return read_model(path) if is_ours(path) else convert(path)


def convert(path: Path | str) -> tuple[TransformNetwork, Card]:
    """The network and a card of a model of any known family; the content decides which, not the name.

    Raises:
        ModelError: missing, of no known family, damaged, a pickle, or ours already.
    """
    path = Path(path)
    data = contents(path)
    if data[8:9] == b"{" and int.from_bytes(data[:8], "little") <= len(data) - 8:
        return network_of_tensors(path)
    if is_torch7(data) or is_ascii(data):
        return network_of_torch7(path)
    if re.match(rb"\x80[\x01-\x05]", data) or (data.startswith(b"PK\x03\x04") and b"data.pkl" in data[:1024]):
        raise ModelError(f"{path}: a pickle, which is not read", hint=PICKLED)
    raise ModelError(f"{path}: not a model of a known family (found: {describe(data)})", hint=KNOWN)


def network_of_torch7(path: Path | str) -> tuple[TransformNetwork, Card]:
    """The network of a checkpoint of fast-neural-style, or of another `nn.Sequential` of the modules that it uses.

    Batch norm is folded into the convolutions before it, which changes nothing but the last digits.

    Raises:
        ModelError: missing, damaged, or of another network; the message names the module.
    """
    path = Path(path)
    value = read_torch7(path)
    checkpoint = value if isinstance(value, Table) else Table(model=value)
    model, options = checkpoint.get("model"), checkpoint.get("opt")
    if not isinstance(model, TorchObject) or model.class_name != "nn.Sequential":
        raise ModelError(f"{path}: a Torch7 file without a model of a style (`model`, an nn.Sequential)", hint=KNOWN)
    prepared = options.get("preprocessing") if isinstance(options, Table) else None
    if prepared not in (None, "vgg"):
        raise ModelError(f"{path}: takes pictures prepared as {prepared!r:.40}, expected 'vgg'")
    architecture, weights, norm = gather(model, path)
    network = TransformNetwork(architecture)
    fill(network, weights, path)
    return network, _card(path, f"fast-neural-style, {norm}")


def network_of_tensors(path: Path | str) -> tuple[TransformNetwork, Card]:
    """The network of the TensorFlow family: `Variable_{3i}` is the kernel of layer i, then come its shift and scale.

    Kernels are `[height, width, in, out]`, those of transposed convolutions `[height, width, out, in]`. The widths and
    the number of residual blocks are free.

    Raises:
        ModelError: missing, damaged, or of another network.
    """
    path = Path(path)
    tensors = _tensors(path)
    count = len(tensors) // 3
    names = ["Variable", *(f"Variable_{index}" for index in range(1, len(tensors)))]
    if set(names) != tensors.keys() or len(names) % 3 or count < 6 or count % 2:
        raise ModelError(f"{path}: holds tensors, but not those of a known family", hint=KNOWN)
    layers: list[Layer] = []
    weights: dict[str, Tensor] = {}
    for index in range(count):
        first, last = index == 0, index == count - 1
        up = count - 3 <= index < count - 1
        adds = index % 2 == 0 and 3 <= index < count - 3
        kernel, shift, scale = names[3 * index : 3 * index + 3]
        before, side = (3 if first else layers[-1].channels), (9 if first or last else 3)
        out = _outputs(path, kernel, tensors[kernel], side, before, up=up)
        for name in (shift, scale):
            if list(tensors[name].shape) != [out]:
                raise ModelError(f"{path}: {name} is {list(tensors[name].shape)}, expected [{out}]")
        stride = 2 if up or index in (1, 2) else 1
        layers.append(Layer(out, side, stride, transposed=up, border="same", relu=not (adds or last), adds=adds))
        weights[f"{index}.weight"] = tensors[kernel].permute(3, 2, 0, 1)
        weights[f"{index}.shift"], weights[f"{index}.scale"] = tensors[shift], tensors[scale]
    try:
        network = TransformNetwork(Architecture(tuple(layers), front=FRONT, colors="raw", epsilon=1e-3))
    except ValueError as error:
        raise ModelError(f"{path}: {error}") from None
    fill(network, weights, path)
    return network, _card(path, "TensorFlow's Variables, instance norm")


def _tensors(path: Path) -> dict[str, Tensor]:
    contents(path)
    try:
        with safe_open(path, framework="pt") as file:
            if "neural_painter" in (file.metadata() or {}):
                raise ModelError(f"{path}: is a model of ours already, and needs no converting")
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or 'damaged'})") from error
    except (SafetensorError, KeyError, ValueError) as error:
        raise ModelError(f"{path}: not a readable safetensors file") from error


def _outputs(path: Path, name: str, kernel: Tensor, side: int, before: int, *, up: bool) -> int:
    """How many channels a kernel gives; raises ModelError where it does not fit the layer before."""
    shape = list(kernel.shape)
    out, into = (2, 3) if up else (3, 2)
    if len(shape) != 4 or shape[:2] != [side, side] or shape[into] != before:
        wanted = [side, side, "any", before] if up else [side, side, before, "any"]
        raise ModelError(f"{path}: {name} is {shape}, expected [{', '.join(map(str, wanted))}]")
    return shape[out]


def _card(path: Path, family: str) -> Card:
    return Card(path.stem, {"from": path.name, "family": family, "sha256": hashlib.sha256(contents(path)).hexdigest()})
