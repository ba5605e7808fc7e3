"""The tensors of PyTorch's example of fast styles, by the names of its modules: conv1.conv2d, in1, res1.conv1 ...

Source: the `fast_neural_style` example of PyTorch for names and layout: reflection before each convolution, nearest
enlargement, RGB from 0 to 255 in and out, no tanh at the end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from neural_painter.fast.files import ModelError, fill
from neural_painter.fast.network import Architecture, Layer, TransformNetwork

FAMILY = "PyTorch's example, instance norm"

FIRST = "conv1.conv2d.weight"
_FIRST = re.compile(r"(?:.*\.)?(?<!res\d\.)(?<!res\d\d\.)conv1\.conv2d\.weight")  # not that of a residual block
_LEFT_OVER = re.compile(r"(?:.*\.)?in\d+\.(?:running_mean|running_var|num_batches_tracked)")
"""Statistics that old instance norms kept, and nothing uses."""


def is_of_pytorch(tensors: Mapping[str, Tensor]) -> bool:
    """Whether tensors have the names of this family, perhaps after a prefix such as `module.`."""
    return any(_FIRST.fullmatch(name) for name in tensors)


def network_of_pytorch(tensors: Mapping[str, Tensor], path: Path) -> TransformNetwork:
    """The network of such tensors; its widths and the number of residual blocks are free.

    Of a file that holds more than the network, only what lies under the network's own prefix is looked at.

    Args:
        tensors: of a file.
        path: the file, for messages.

    Raises:
        ModelError: tensors are missing, too many, or do not fit one another.
    """
    prefix = min((name for name in tensors if _FIRST.fullmatch(name)), key=len).removesuffix(FIRST)
    own = {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix) and not _LEFT_OVER.fullmatch(name)
    }
    blocks = len({name.partition(".")[0] for name in own if re.match(r"res\d+\.", name)})
    plan = [("conv1", "in1", 9, 1, 1), ("conv2", "in2", 3, 2, 1), ("conv3", "in3", 3, 2, 1)]
    for block in range(1, blocks + 1):
        plan += [(f"res{block}.conv{half}", f"res{block}.in{half}", 3, 1, 1) for half in (1, 2)]
    plan += [("deconv1", "in4", 3, 1, 2), ("deconv2", "in5", 3, 1, 2), ("deconv3", "", 9, 1, 1)]
    layers: list[Layer] = []
    weights: dict[str, Tensor] = {}
    before = 3
    for index, (convolution, norm, side, stride, enlarge) in enumerate(plan):
        kernel = _taken(own, f"{convolution}.conv2d.weight", (None, before, side, side), path)
        bias = _taken(own, f"{convolution}.conv2d.bias", (len(kernel),), path)
        before, adds = len(kernel), convolution.startswith("res") and convolution.endswith("2")
        weights[f"{index}.weight"] = kernel
        if norm:  # which takes the bias away again
            weights[f"{index}.scale"] = _taken(own, f"{norm}.weight", (before,), path)
            weights[f"{index}.shift"] = _taken(own, f"{norm}.bias", (before,), path)
        else:
            weights[f"{index}.bias"] = bias
        layers.append(Layer(before, side, stride, enlarge, norm=bool(norm), relu=bool(norm) and not adds, adds=adds))
    if own:
        raise ModelError(f"{path}: tensor {prefix + min(own)!r:.60} is not part of this family ({FAMILY})")
    try:
        network = TransformNetwork(Architecture(tuple(layers), colors="raw", ending="linear"))
    except ValueError as error:
        raise ModelError(f"{path}: {error}") from None
    fill(network, weights, path)
    return network


def _taken(own: dict[str, Tensor], name: str, sizes: tuple[int | None, ...], path: Path) -> Tensor:
    """A tensor, taken out of those that are left; raises ModelError where it is missing or has another shape."""
    value = own.pop(name, None)
    if value is None:
        raise ModelError(f"{path}: tensor {name!r} is missing ({FAMILY})")
    fits = value.ndim == len(sizes) and all(want in (None, have) for want, have in zip(sizes, value.shape, strict=True))
    if not fits:
        wanted = ", ".join("any" if size is None else str(size) for size in sizes)
        raise ModelError(f"{path}: {name} is {list(value.shape)}, expected [{wanted}]")
    return value
