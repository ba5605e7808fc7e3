"""VGG-19: layers by name, one pass for all of them.

Weights have torchvision's names, `features.N.weight` and `features.N.bias`, any channel widths, and perhaps a 1x1
convolution `preprocess` that takes the place of the usual normalisation.

Source: Simonyan and Zisserman 2015.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from copy import deepcopy
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neural_painter.errors import UserError

LAYERS = (
    *("relu1_1", "relu1_2"),
    *("relu2_1", "relu2_2"),
    *("relu3_1", "relu3_2", "relu3_3", "relu3_4"),
    *("relu4_1", "relu4_2", "relu4_3", "relu4_4"),
    "relu5_1",
)
"""Up to the deepest that style transfer looks at: block and number, as the paper counts."""


def _places() -> tuple[int, ...]:
    """Places of the convolutions among all steps: each is followed by a ReLU, and each block by a pooling."""
    blocks = [int(layer[4]) for layer in LAYERS]
    return tuple(2 * number + block - 1 for number, block in enumerate(blocks))


KEYS = tuple(f"features.{place}" for place in _places())
"""Names of the layers' convolutions in files, which are torchvision's; a test holds them against it. Its weights are
converted by its own definition; loading that for every file of features would take two seconds of each command."""


class FeaturesError(UserError):
    """Weights of the feature network that are missing, damaged, or of another network."""

    exit_status = 4


class Features(nn.Module):
    """A VGG-19, cut after its last needed layer. Its weights take no gradients; pictures do.

    Args:
        weights: `KEY.weight` and `KEY.bias` for each of `KEYS`; perhaps `preprocess.*`.
        pooling: `max`, as it was trained, or `average`, which style transfer prefers (Gatys et al. 2016).
        name: what it was loaded from.

    Raises:
        FeaturesError: tensors are missing, or their shapes do not follow each other.
    """

    def __init__(self, weights: Mapping[str, Tensor], *, pooling: str = "max", name: str = "features") -> None:
        super().__init__()
        if pooling not in ("max", "average"):
            raise ValueError(f"pooling: expected max or average, got {pooling!r}")
        self.pooling = pooling
        self.reflect = "preprocess.weight" in weights
        self.convolutions = nn.ModuleList()
        channels = 3
        for key in KEYS:
            layer = _convolution(weights, key, channels, 3, name)
            self.convolutions.append(layer)
            channels = layer.out_channels
        self.preprocess = _convolution(weights, "preprocess", 3, 1, name) if self.reflect else _imagenet()
        if self.preprocess.out_channels != 3:
            raise FeaturesError(f"{name}: expected 3 channels after preprocess, got {self.preprocess.out_channels}")
        self.requires_grad_(False).to(memory_format=torch.channels_last)
        self._copies: dict[torch.device, Features] = {}

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each layer."""
        return tuple(layer.out_channels for layer in self.convolutions)  # type: ignore[misc]

    def on(self, device: torch.device) -> Features:
        """The same network on a device: itself where it is there already, else a copy, made once."""
        here = next(self.parameters()).device
        if here.type == device.type and device.index in (None, here.index):
            return self
        if device not in self._copies:
            self._copies[device] = deepcopy(self, {id(self._copies): {}}).to(device)
        return self._copies[device]

    @cached_property
    def digest(self) -> str:
        """Of weights and pooling, hexadecimal: the same for the same features, wherever they came from."""
        found = hashlib.sha256(self.pooling.encode())
        for name, tensor in self.state_dict().items():
            found.update(f"{name} {tuple(tensor.shape)}".encode())
            found.update(tensor.cpu().contiguous().numpy().data)
        return found.hexdigest()

    def forward(self, pictures: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Activations after the ReLUs that are named.

        Args:
            pictures: `[N, 3, H, W]` in [0, 1], sRGB, any size.
            layers: names out of `LAYERS`.

        Returns:
            Name to `[N, C, h, w]`; h and w halve, rounded down, at each new block, never below 1.

        Raises:
            ValueError: no such layer.
        """
        wanted = _known(layers)
        found: dict[str, Tensor] = {}
        # Channels last: the convolutions of narrow layers are faster, and Grams read the features without a copy.
        x = self.preprocess(pictures).contiguous(memory_format=torch.channels_last)
        for depth, (layer, convolution) in enumerate(zip(LAYERS, self.convolutions, strict=True)):
            if len(found) == len(wanted):
                break
            if depth and layer[4] != LAYERS[depth - 1][4]:
                x = self._pool(x)
            x = F.relu(convolution(self._padded(x, first=depth == 0)), inplace=not x.requires_grad)
            if layer in wanted:
                found[layer] = x
        return found

    def walk_masks(self, masks: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """What becomes of soft masks on their way through the network: averaged by convolutions, halved by pooling.

        A position of a deep layer that sees two segments then belongs to both in part.

        Args:
            masks: `[K, H, W]` in [0, 1].
            layers: names out of `LAYERS`.

        Returns:
            Name to `[K, h, w]`, of the sizes that `forward` gives.

        Source: Luan et al. 2017.
        """
        wanted = _known(layers)
        found: dict[str, Tensor] = {}
        x = masks[None]
        for depth, layer in enumerate(LAYERS):
            if len(found) == len(wanted):
                break
            if depth and layer[4] != LAYERS[depth - 1][4]:
                x = _average(x)
            x = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
            if layer in wanted:
                found[layer] = x[0]
        return found

    def _pool(self, x: Tensor) -> Tensor:
        return _average(x) if self.pooling == "average" else F.max_pool2d(x, _window(x), _window(x))

    def _padded(self, x: Tensor, *, first: bool) -> Tensor:
        """The border as the weights were trained for; VGG's own zeros are a dark frame only in the first layer."""
        if self.reflect and min(x.shape[2:]) > 1:
            return F.pad(x, (1, 1, 1, 1), mode="reflect")
        return F.pad(x, (1, 1, 1, 1), mode="replicate" if first or self.reflect else "constant")


def _known(layers: Iterable[str]) -> set[str]:
    wanted = set(layers)
    if strange := wanted - set(LAYERS):
        raise ValueError(f"no layer {', '.join(sorted(strange))}, expected some of {', '.join(LAYERS)}")
    return wanted


def _window(x: Tensor) -> tuple[int, int]:
    """A pooling window of 2, or 1 along a side that cannot be halved any more."""
    return (min(2, x.shape[2]), min(2, x.shape[3]))  # type: ignore[return-value]


def _average(x: Tensor) -> Tensor:
    window = _window(x)
    return F.avg_pool2d(x, window, window)


def _convolution(weights: Mapping[str, Tensor], key: str, channels: int, side: int, name: str) -> nn.Conv2d:
    weight, bias = weights.get(f"{key}.weight"), weights.get(f"{key}.bias")
    if weight is None or bias is None:
        raise FeaturesError(f"{name}: not the weights of a VGG-19: {key} is missing")
    if weight.ndim != 4 or not weight.shape[0] or tuple(weight.shape[1:]) != (channels, side, side):
        raise FeaturesError(f"{name}: {key}.weight is {list(weight.shape)}, expected [any, {channels}, {side}, {side}]")
    if tuple(bias.shape) != (weight.shape[0],):
        raise FeaturesError(f"{name}: {key}.bias is {list(bias.shape)}, expected [{weight.shape[0]}]")
    if not (weight.is_floating_point() and bias.is_floating_point()):
        raise FeaturesError(f"{name}: {key} holds {weight.dtype} and {bias.dtype}, expected floats")
    weight, bias = weight.float(), bias.float()  # first: float64 may be finite and too large
    if not (weight.isfinite().all() and bias.isfinite().all()):
        raise FeaturesError(f"{name}: {key} holds numbers that are not finite")
    layer = nn.Conv2d(channels, weight.shape[0], side)
    layer.weight, layer.bias = nn.Parameter(weight), nn.Parameter(bias)
    return layer


def _imagenet() -> nn.Conv2d:
    """torchvision's normalisation as a convolution: (x - mean) / deviation, per channel."""
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    layer = nn.Conv2d(3, 3, 1)
    layer.weight = nn.Parameter(torch.diag(1 / deviation)[:, :, None, None])
    layer.bias = nn.Parameter(-mean / deviation)
    return layer
