"""Layers out of Torch7 modules: those of fast-neural-style's networks, and of networks made of the same modules.

Source: Torch7's nn and fast-neural-style (Johnson) for what the modules do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from neural_painter.fast.files import KNOWN, ModelError, fill
from neural_painter.fast.formats.torch7 import Table, TorchObject, value_of
from neural_painter.fast.network import AMPLITUDE, MOST_CHANNELS, Architecture, Layer, TransformNetwork

Array = np.ndarray

MOST_MODULES = 1000
MOST_WEIGHTS = 2**26
"""Numbers in all kernels together; published models have two million."""


def network_of_torch7(data: bytes, path: Path) -> tuple[TransformNetwork, str]:
    """The network of a checkpoint of fast-neural-style, or of another `nn.Sequential` of the modules that it uses.

    Batch norm is folded into the convolutions before it, which changes nothing but the last digits.

    Args:
        data: of the file.
        path: the file, for messages.

    Returns:
        The network, and what its family is called.

    Raises:
        ModelError: damaged, or of another network; the message names the module.
    """
    value = value_of(data, path)
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
    return network, f"fast-neural-style, {norm}"


def gather(model: TorchObject, path: Path) -> tuple[Architecture, dict[str, Tensor], str]:
    """The architecture and weights of an `nn.Sequential`, and which norm it has.

    Args:
        model: as `value_of` gives it.
        path: the file, for messages.

    Raises:
        ModelError: a module is not known, or stands where it cannot be followed; the message names it.
    """
    walk = _Walk(path)
    walk.follow(walk.flat(model))
    return walk.finished()


@dataclass(eq=False)
class _Part:
    """A layer that is being gathered: its convolution in float64, and what came after it so far.

    Attributes:
        closed: whether what it gives is used elsewhere, so that nothing may be put into it any more.
    """

    weight: Array
    bias: Array
    border: str = "none"
    stride: int = 1
    enlarge: int = 1
    transposed: bool = False
    scale: Array | None = None
    shift: Array | None = None
    relu: bool = False
    adds: bool = False
    closed: bool = False

    @property
    def side(self) -> int:
        return int(self.weight.shape[2])

    def layer(self) -> Layer:
        return Layer(
            len(self.bias), self.side, self.stride, self.enlarge, self.transposed, self.border,
            norm=self.scale is not None, relu=self.relu, adds=self.adds,
        )  # fmt: skip

    def tensors(self) -> dict[str, Tensor]:
        # A bias before a norm is left out: the norm takes it away.
        named = {"weight": self.weight, "scale": self.scale, "shift": self.shift}
        if self.scale is None:
            named = {"weight": self.weight, "bias": self.bias}
        with np.errstate(all="ignore"):  # what is not finite is refused later, by name
            return {name: torch.from_numpy(np.array(value, np.float32)) for name, value in named.items()}


class _Walk:
    """Goes through the modules of a network, one after the other."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.parts: list[_Part] = []
        self.front = 0
        self.padding = 0  # reflection and enlargement that the next convolution takes with it
        self.enlarge = 1
        self.epsilon: float | None = None
        self.norms: set[str] = set()
        self.inside = False
        self.ended: list[str] = []
        self.count = 0
        self.module = TorchObject("")

    def error(self, sentence: str) -> ModelError:
        return ModelError(f"{self.path}: {self.module.class_name}: {sentence}")

    # What modules hold.

    def flat(self, module: TorchObject) -> list[TorchObject]:
        """The modules of a Sequential, those of inner Sequentials in their places."""
        found, left = [], [module]
        while left:
            module = left.pop()
            self.count += 1
            if self.count > MOST_MODULES:
                raise ModelError(f"{self.path}: holds more than {MOST_MODULES} modules")
            if module.class_name == "nn.Sequential":
                left.extend(reversed(self.modules(module)))
            else:
                found.append(module)
        return found

    def modules(self, module: TorchObject) -> list[TorchObject]:
        self.module = module
        table = module.fields.get("modules")
        found = table.sequence() if isinstance(table, Table) else []
        if not found or not all(isinstance(each, TorchObject) for each in found):
            raise self.error("holds no modules")
        return found

    def whole(self, name: str, default: int | None = None) -> int:
        value = self.module.fields.get(name)
        value = default if value is None else value
        if type(value) is not int or not 0 <= value < 10_000:
            raise self.error(f"{name} is {value!r:.40}, expected a small whole number")
        return value

    def alike(self, names: tuple[str, ...], default: int | None = None) -> int:
        """A number that stands under several names, and is the same in all of them."""
        values = [self.whole(name, default) for name in names]
        if len(set(values)) > 1:
            raise self.error(f"{', '.join(names)} are {', '.join(map(str, values))}, expected the same in all")
        return values[0]

    def array(self, name: str, sizes: tuple[int, ...], default: float | None = None) -> Array:
        value = self.module.fields.get(name)
        if value is None and default is not None:
            return np.full(sizes, default)
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            raise self.error(f"{name} is missing or holds no floats")
        if value.shape != sizes:
            raise self.error(f"{name} is {list(value.shape)}, expected {list(sizes)}")
        if value.size > MOST_WEIGHTS:
            raise self.error(f"{name} is larger than any model of a style")
        with np.errstate(all="ignore"):
            return value.astype(np.float64)

    def epsilons(self) -> float:
        value = self.module.fields.get("eps", 1e-5)
        if not isinstance(value, float) or not 0 < value < 1:
            raise self.error(f"eps is {value!r:.40}, expected a small number")
        return value

    # What becomes of them.

    @property
    def channels(self) -> int:
        return len(self.parts[-1].bias) if self.parts else 3

    def follow(self, modules: list[TorchObject]) -> None:
        left = iter(modules)
        for module in left:
            self.module = module
            package, _, name = module.class_name.partition(".")
            if package not in ("nn", "cudnn") or (name not in _MODULES and name != "ConcatTable"):
                raise self.error("a module that is not known")
            if self.ended and name not in ("Identity", "TotalVariation", "MulConstant"):
                raise self.error(f"comes after {self.ended[-1]}, expected the end")
            if name == "ConcatTable":
                self.block(module)
                self.module = next(left, TorchObject("nothing"))
                if self.module.class_name != "nn.CAddTable":
                    raise self.error("comes after nn.ConcatTable, expected nn.CAddTable")
            else:
                _MODULES[name](self)

    def nothing(self) -> None:
        pass

    def reflection(self) -> None:
        self.settle()
        if self.enlarge > 1 and not self.parts:
            raise self.error("comes after an enlargement of the picture")
        self.padding = self.alike(("pad_l", "pad_r", "pad_t", "pad_b"))

    def enlargement(self) -> None:
        self.settle()
        if self.enlarge > 1:
            self.identity()
        self.enlarge = self.whole("scale_factor")

    def settle(self) -> None:
        """Makes reflection that no convolution takes with it that of the front; only there may it stand alone."""
        if self.padding and (self.parts or self.front):
            raise self.error(f"comes after a padding of {self.padding}, expected a convolution that needs it")
        self.front, self.padding = self.front + self.padding, 0

    def add(self, part: _Part) -> None:
        if not 0 < len(part.bias) <= MOST_CHANNELS:
            raise self.error(f"gives {len(part.bias)} channels, expected 1 to {MOST_CHANNELS}")
        part.enlarge, self.enlarge = self.enlarge, 1
        self.parts.append(part)
        if sum(each.weight.size for each in self.parts) > MOST_WEIGHTS:
            raise ModelError(f"{self.path}: larger than any model of a style")

    def identity(self) -> None:
        """A convolution that changes nothing, for what follows no convolution of its own."""
        channels = self.channels
        self.add(_Part(np.eye(channels)[:, :, None, None], np.zeros(channels)))

    def convolution(self) -> None:
        side, stride = self.alike(("kW", "kH")), self.alike(("dW", "dH"), 1)
        zeros = self.alike(("padW", "padH"), self.whole("padding", 0))
        if self.whole("groups", 1) != 1:
            raise self.error("its channels are in groups, expected one group")
        given = self.module.fields.get("weight")
        out = len(given) if isinstance(given, np.ndarray) and given.ndim else 0
        sizes = (out, self.channels, side, side)
        flat = isinstance(given, np.ndarray) and given.ndim == 2
        weight = self.array("weight", (out, self.channels * side * side) if flat else sizes).reshape(sizes)
        if self.padding and not (zeros == 0 and self.padding == side // 2):
            self.settle()
        border = "reflect" if self.padding else "zeros" if zeros else "none"
        if zeros not in (0, side // 2):
            raise self.error(f"lays {zeros} zeros around, expected 0 or {side // 2}")
        self.padding = 0
        self.add(_Part(weight, self.array("bias", (out,), 0.0), border, stride))

    def full_convolution(self) -> None:
        self.settle()
        if self.enlarge > 1:
            self.identity()
        side, stride = self.alike(("kW", "kH")), self.alike(("dW", "dH"), 1)
        zeros, more = self.alike(("padW", "padH"), 0), self.alike(("adjW", "adjH"), 0)
        if (zeros, more) != ((side - 1) // 2, stride - 1):
            raise self.error(f"pads {zeros} and adjusts {more}, expected {(side - 1) // 2} and {stride - 1}")
        given = self.module.fields.get("weight")
        out = given.shape[1] if isinstance(given, np.ndarray) and given.ndim > 1 else 0
        weight = self.array("weight", (self.channels, out, side, side))
        self.add(_Part(weight, self.array("bias", (out,), 0.0), "zeros", stride, transposed=True))

    def open(self, *, norm: bool) -> _Part:
        """The layer that a norm or a ReLU belongs to; a new one where the last cannot take it."""
        self.settle()
        last = self.parts[-1] if self.parts else None
        full = last is None or last.closed or self.enlarge > 1 or (norm and (last.relu or last.scale is not None))
        if full:
            self.identity()
        return self.parts[-1]

    def batch_norm(self) -> None:
        part = self.open(norm=True)
        sizes = (self.channels,)
        self.norms.add("batch norm")
        with np.errstate(all="ignore"):
            if "running_std" in self.module.fields:  # of old files: one over the deviation
                factor = self.array("running_std", sizes)
            else:
                factor = 1 / np.sqrt(self.array("running_var", sizes) + self.epsilons())
            factor = factor * self.array("weight", sizes, 1.0)
            along = factor[None, :, None, None] if part.transposed else factor[:, None, None, None]
            part.weight = part.weight * along
            part.bias = (part.bias - self.array("running_mean", sizes)) * factor + self.array("bias", sizes, 0.0)

    def instance_norm(self) -> None:
        part = self.open(norm=True)
        sizes, epsilon = (self.channels,), self.epsilons()
        if self.epsilon not in (None, epsilon):
            raise self.error(f"eps is {epsilon:g}, expected {self.epsilon:g} as in the norms before")
        self.epsilon = epsilon
        self.norms.add("instance norm")
        part.scale, part.shift = self.array("weight", sizes, 1.0), self.array("bias", sizes, 0.0)

    def relu(self) -> None:
        self.open(norm=False).relu = True

    def block(self, concat: TorchObject) -> None:
        """Two convolutions, and what went into them added to what they give."""
        self.settle()
        if self.inside:
            raise self.error("lies inside another, expected none there")
        if self.enlarge > 1 or not self.parts:
            self.identity()
        branches = self.modules(concat)
        ways = [branch for branch in branches if branch.class_name == "nn.Sequential"]
        past = [branch for branch in branches if branch.class_name in ("nn.Identity", "nn.ShaveImage")]
        if len(ways) != 1 or len(past) != 1 or len(branches) != 2:
            raise self.error("expected an nn.Sequential beside an nn.Identity or nn.ShaveImage")
        before, self.inside = len(self.parts), True
        self.parts[-1].closed = True
        self.follow(self.flat(ways[0]))
        self.inside, self.module = False, concat
        added = self.parts[before:]
        if self.padding or self.enlarge > 1 or len(added) != 2:
            raise self.error(f"holds {len(added)} convolutions, expected 2")
        self.module = past[0]
        shaved = self.whole("size") if self.module.class_name == "nn.ShaveImage" else 0
        lost = sum(part.side // 2 for part in added if part.border == "none")
        if shaved != lost:
            raise self.error(f"takes {shaved} pixels away, expected {lost} as the convolutions beside it do")
        added[1].adds = added[1].closed = True

    def tanh(self) -> None:
        self.settle()
        if self.inside:
            raise self.error("lies inside a block, expected the end")
        if self.enlarge > 1 or not self.parts:
            self.identity()
        self.ended.append(self.module.class_name)

    def multiply(self) -> None:
        constant = self.module.fields.get("constant_scalar")
        if len(self.ended) != 1:
            raise self.error("expected once, after nn.Tanh")
        if constant != AMPLITUDE:
            raise self.error(f"multiplies by {constant!r:.40}, expected {AMPLITUDE:g}")
        self.ended.append(self.module.class_name)

    def finished(self) -> tuple[Architecture, dict[str, Tensor], str]:
        if len(self.ended) != 2:
            raise ModelError(f"{self.path}: ends in {self.module.class_name}, expected nn.Tanh and nn.MulConstant")
        layers = tuple(part.layer() for part in self.parts)
        try:
            architecture = Architecture(layers, self.front, "caffe", self.epsilon or 1e-5)
        except ValueError as error:
            raise ModelError(f"{self.path}: {error}") from None
        tensors = {
            f"{index}.{name}": value for index, part in enumerate(self.parts) for name, value in part.tensors().items()
        }
        return architecture, tensors, " and ".join(sorted(self.norms)) or "no norm"


_MODULES: dict[str, Callable[[_Walk], None]] = {
    "Identity": _Walk.nothing,
    "TotalVariation": _Walk.nothing,  # counts in training only
    "SpatialReflectionPadding": _Walk.reflection,
    "SpatialUpSamplingNearest": _Walk.enlargement,
    "SpatialConvolution": _Walk.convolution,
    "SpatialConvolutionMM": _Walk.convolution,
    "SpatialFullConvolution": _Walk.full_convolution,
    "SpatialBatchNormalization": _Walk.batch_norm,
    "InstanceNormalization": _Walk.instance_norm,
    "ReLU": _Walk.relu,
    "Tanh": _Walk.tanh,
    "MulConstant": _Walk.multiply,
}
