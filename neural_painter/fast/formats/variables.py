"""The tensors of the TensorFlow family of Johnson's network, named Variable, Variable_1 and so on."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from neural_painter.fast.files import KNOWN, ModelError, fill
from neural_painter.fast.network import Architecture, Layer, TransformNetwork

FAMILY = "TensorFlow's Variables, instance norm"

FRONT = 40
"""Pixels of reflection laid around pictures for networks that lay zeros: those leave a frame of up to 30 pixels."""


def network_of_variables(tensors: dict[str, Tensor], path: Path) -> TransformNetwork:
    """The network of the TensorFlow family: `Variable_{3i}` is the kernel of layer i, then come its shift and scale.

    Kernels are `[height, width, in, out]`, those of transposed convolutions `[height, width, out, in]`. The widths and
    the number of residual blocks are free.

    Args:
        tensors: of a file.
        path: the file, for messages.

    Raises:
        ModelError: they are of another network.
    """
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
    return network


def _outputs(path: Path, name: str, kernel: Tensor, side: int, before: int, *, up: bool) -> int:
    """How many channels a kernel gives; raises ModelError where it does not fit the layer before."""
    shape = list(kernel.shape)
    out, into = (2, 3) if up else (3, 2)
    if len(shape) != 4 or shape[:2] != [side, side] or shape[into] != before:
        wanted = [side, side, "any", before] if up else [side, side, before, "any"]
        raise ModelError(f"{path}: {name} is {shape}, expected [{', '.join(map(str, wanted))}]")
    return shape[out]
