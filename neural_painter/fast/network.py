"""The feed-forward network that restyles a picture in one pass, in all its published families.

Source: Johnson, Alahi and Fei-Fei 2016; instance norm: Ulyanov et al. 2016; nearest upsampling before a convolution in
place of transposed convolutions, which leave checkerboards: Odena et al. 2016.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neural_painter.fast.config import MOST_GRAIN
from neural_painter.fast.norms import HeldNorms

AMPLITUDE = 150.0
"""The last tanh is multiplied by it, in all families that end in one; in steps of 255."""

ENDINGS = ("tanh", "linear")

MEANS = {"centred": (127.5, 127.5, 127.5), "raw": (127.5, 127.5, 127.5), "caffe": (123.68, 116.779, 103.939)}
"""Added to what the network gives, in steps of 255, red first; of a linear one that takes `raw` colours, nothing."""

BORDERS = ("reflect", "zeros", "same", "none")
"""What a convolution finds beyond the edge; `Layer` says what each is."""

FEW = 8
"""Layers that give fewer channels are computed channels last."""

QUIET = 0.05
"""Factor on the last layer's random weights, where it has no norm."""

MOST_LAYERS, MOST_CHANNELS, MOST_KERNEL, MOST_FRONT = 64, 1024, 31, 512
"""Limits of what a stranger's file may ask for; no published network comes near them. Front and kernel in pixels."""

MOST_STRIDE, MOST_SCALE = 64, 4
"""A layer may have so many times fewer or more pixels a side than the picture."""


@dataclass(frozen=True)
class Layer:
    """One convolution and what belongs to it, in this order: enlarge, pad, convolve, normalise, ReLU, add.

    Attributes:
        channels: how many it gives.
        kernel: side in pixels, odd.
        stride: 1 or 2; of a transposed convolution, how much it enlarges.
        enlarge: 1, or 2 for nearest upsampling before it.
        transposed: whether it is a transposed convolution.
        border: `reflect` or `zeros` of half a kernel; `same`, zeros as TensorFlow lays them; `none`.
        norm: instance norm with scale and shift; otherwise it has a bias.
        relu: whether a ReLU follows.
        adds: adds what went into the layer before this one, cropped where borders were lost.
    """

    channels: int
    kernel: int = 3
    stride: int = 1
    enlarge: int = 1
    transposed: bool = False
    border: str = "reflect"
    norm: bool = True
    relu: bool = True
    adds: bool = False


@dataclass(frozen=True)
class Architecture:
    """A network: its layers, and how colours go in and come out.

    Attributes:
        layers: first to last; the last gives three channels.
        front: pixels of reflection around the picture before the first layer. What no layer takes with it is cut off
            again in the end, with whatever zeros at the border did there.
        colors: what the network takes, out of 0 to 255: `centred` is RGB less 127.5, `raw` RGB, `caffe` BGR less the
            mean colour. Out comes the same, `raw` less 127.5.
        epsilon: of instance norm.
        ending: `tanh`, 150 times that of what the last layer gives; `linear`, that itself, and `raw` comes out as RGB.
        grain: strength of the `grain` that is laid over a picture before it goes in, which is not done here.

    Raises:
        ValueError: no network can be made of it; the message says why.
    """

    layers: tuple[Layer, ...]
    front: int = 0
    colors: str = "centred"
    epsilon: float = 1e-5
    ending: str = "tanh"
    grain: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= len(self.layers) <= MOST_LAYERS:
            raise ValueError(f"expected 1 to {MOST_LAYERS} layers, got {len(self.layers)}")
        if not isinstance(self.colors, str) or self.colors not in MEANS:
            raise ValueError(f"colors are {self.colors!r:.40}, expected one of {', '.join(MEANS)}")
        if type(self.front) is not int or not 0 <= self.front <= MOST_FRONT:
            raise ValueError(f"front is {self.front!r:.40}, expected 0 to {MOST_FRONT}")
        if not isinstance(self.epsilon, float) or not 1e-12 <= self.epsilon <= 1:
            raise ValueError(f"epsilon is {self.epsilon!r:.40}, expected 1e-12 to 1")
        if not isinstance(self.ending, str) or self.ending not in ENDINGS:
            raise ValueError(f"ending is {self.ending!r:.40}, expected one of {', '.join(ENDINGS)}")
        if not isinstance(self.grain, float) or not 0 <= self.grain <= MOST_GRAIN:
            raise ValueError(f"grain is {self.grain!r:.40}, expected 0 to {MOST_GRAIN}")
        scale, before = 1.0, 3
        for index, layer in enumerate(self.layers):
            _check(index, layer)
            if layer.adds and (index == 0 or layer.channels != before or _scale(layer) != 1):
                raise ValueError(f"layer {index} cannot add what went into the layer before it")
            if layer.adds and _scale(self.layers[index - 1]) != 1:
                raise ValueError(f"layer {index} adds across a layer that changes the size")
            before = self.layers[index - 1].channels if index else 3
            scale *= _scale(layer)
            if not 1 / MOST_STRIDE <= scale <= MOST_SCALE:
                expected = f"1/{MOST_STRIDE} to {MOST_SCALE}"
                raise ValueError(f"layer {index} is {scale:g} times as large as the picture, expected {expected}")
        if self.layers[-1].channels != 3 or scale != 1:
            raise ValueError("a picture must come out: three channels, of the size that went in")
        if self._lost % 1:
            raise ValueError(f"the layers take {self._lost:g} pixels of the border with them, expected whole ones")
        if self.offset < 0:
            raise ValueError(f"the layers take {-self.offset} pixels of the picture's border with them")

    @property
    def amplitude(self) -> float:
        """What the last layer gives, or its tanh, is multiplied by this; in steps of 255."""
        return AMPLITUDE if self.ending == "tanh" else 1.0

    @property
    def means(self) -> tuple[float, ...]:
        """Added to that, red first; in steps of 255."""
        return (0.0, 0.0, 0.0) if self.ending == "linear" and self.colors == "raw" else MEANS[self.colors]

    @property
    def stride(self) -> int:
        """Pixels that one position of the coarsest layer stands for."""
        scale, most = 1.0, 1.0
        for layer in self.layers:
            scale /= _scale(layer)
            most = max(most, scale)
        return round(most)

    @property
    def offset(self) -> int:
        """Pixels on each side of what comes out that were not part of the picture: `front`, less what layers lose."""
        return self.front - round(self._lost)

    @property
    def _lost(self) -> float:
        """Pixels of the picture on each side that layers without a border take with them."""
        lost, scale = 0.0, 1.0
        for layer in self.layers:
            lost += (layer.kernel // 2 if layer.border == "none" else 0) / (scale * layer.enlarge)
            scale *= _scale(layer)
        return lost

    @property
    def least(self) -> int:
        """Pixels that each side of a picture must have: no border reflects more than there is, no norm sees one value.

        No layer loses more than `front` has added, so there is always as much as of the picture alone.
        """
        least, scale = 1 + max(self.front, self.stride), 1.0
        for layer in self.layers:
            if layer.border == "reflect":
                least = max(least, 1 + int(layer.kernel // 2 / (scale * layer.enlarge)))
            scale *= _scale(layer)
        return least

    def as_json(self) -> dict[str, Any]:
        """A JSON object of it; without what older programs do not know, where they need not know it."""
        found = asdict(self)
        if self.ending == "tanh":
            del found["ending"]
        if not self.grain:
            del found["grain"]
        return found

    @classmethod
    def from_json(cls, value: Any) -> Architecture:
        """The architecture of a JSON object of a stranger; raises ValueError where it is none."""
        try:
            layers = tuple(Layer(**layer) for layer in value["layers"])
            front, colors, epsilon = (value[name] for name in ("front", "colors", "epsilon"))
            return cls(layers, front, colors, epsilon, value.get("ending", "tanh"), value.get("grain", 0.0))
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not the architecture of a network ({error!s:.120})") from None


def _scale(layer: Layer) -> float:
    return layer.enlarge * layer.stride if layer.transposed else layer.enlarge / layer.stride


def _check(index: int, layer: Layer) -> None:
    whole = {"channels": MOST_CHANNELS, "kernel": MOST_KERNEL, "stride": 2, "enlarge": 2}
    for name, most in whole.items():
        value = getattr(layer, name)
        if type(value) is not int or not 1 <= value <= most:
            raise ValueError(f"layer {index}: {name} is {value!r:.40}, expected 1 to {most}")
    if not layer.kernel % 2:
        raise ValueError(f"layer {index}: kernel is {layer.kernel}, expected an odd number")
    if layer.border not in BORDERS:
        raise ValueError(f"layer {index}: border is {layer.border!r:.40}, expected one of {', '.join(BORDERS)}")
    for name in ("transposed", "norm", "relu", "adds"):
        if type(getattr(layer, name)) is not bool:
            raise ValueError(f"layer {index}: {name} is {getattr(layer, name)!r:.40}, expected true or false")
    if layer.transposed and (layer.border not in ("zeros", "same") or layer.enlarge > 1 or layer.kernel < layer.stride):
        raise ValueError(f"layer {index}: a transposed convolution of this kind is not known")


def johnson(filters: int = 32, residuals: int = 5, grain: float = 0.0) -> Architecture:
    """The network that we train: instance norm, reflected borders, nearest upsampling.

    Args:
        filters: of the first layer; the next have twice and four times as many. 32 in the paper; 16 is four times
            faster, and what the authors' instance-norm models have.
        residuals: blocks in the middle.
        grain: strength of the grain, of colours of 0 to 1.
    """
    down = (Layer(filters, 9), Layer(2 * filters, stride=2), Layer(4 * filters, stride=2))
    block = (Layer(4 * filters), Layer(4 * filters, relu=False, adds=True))
    up = (Layer(2 * filters, enlarge=2), Layer(filters, enlarge=2))
    return Architecture((*down, *block * residuals, *up, Layer(3, 9, norm=False, relu=False)), grain=grain)


class TransformNetwork(nn.Module):
    """Johnson's network after an architecture.

    Parameters are called `N.weight`, and `N.scale`, `N.shift` or `N.bias`. Convolutions before a norm have no bias, for
    the norm would take it away again.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        channels = 3
        part: Any = None
        for index, layer in enumerate(architecture.layers):
            part = nn.Module()
            ends = (channels, layer.channels) if layer.transposed else (layer.channels, channels)
            weight = torch.empty(*ends, layer.kernel, layer.kernel)
            if not weight.is_meta:  # nothing to fill; and there random numbers load SymPy, which takes two seconds
                nn.init.kaiming_normal_(weight, mode="fan_in")
            part.register_parameter("weight", nn.Parameter(weight))
            if layer.norm:
                part.register_parameter("scale", nn.Parameter(torch.ones(layer.channels)))
                part.register_parameter("shift", nn.Parameter(torch.zeros(layer.channels)))
            else:
                part.register_parameter("bias", nn.Parameter(torch.zeros(layer.channels)))
            self.add_module(str(index), part)
            channels = layer.channels
        if not layer.norm:
            with torch.no_grad():  # begins with grey: a tanh that is full has no gradient to leave by
                part.weight.mul_(QUIET)

    def part(self, index: int) -> Any:
        """The parameters of a layer."""
        return self.get_submodule(str(index))

    def forward(self, pictures: Tensor, norms: HeldNorms | None = None) -> Tensor:
        """Restyled pictures.

        Args:
            pictures: `[N, 3, H, W]` in [0, 1], sRGB; sides of at least `architecture.least` pixels.
            norms: statistics of the frames before, which are told those of this one, of one picture.

        Returns:
            `[N, 3, H, W]`, not clipped: after a tanh within 150/255 of the middle of the range.
        """
        height, width = pictures.shape[2:]
        architecture = self.architecture
        x = colours_in(pictures, architecture.colors)
        if architecture.front:
            x = F.pad(x, (architecture.front,) * 4, mode="reflect")
        before = x
        for index, layer in enumerate(architecture.layers):
            y = convolve(self.part(index), layer, x)
            if layer.norm:
                y = _normed(self.part(index), y, architecture.epsilon, index, norms)
            if layer.relu:
                y = F.relu(y, inplace=not y.requires_grad or layer.norm)
            if layer.adds:
                y = y + cropped(before, y.shape[2], y.shape[3])
            before, x = x, y
        edge = architecture.offset
        return colours_out(x, architecture)[:, :, edge : edge + height, edge : edge + width]


def _normed(part: Any, y: Tensor, epsilon: float, index: int, norms: HeldNorms | None) -> Tensor:
    """Instance norm of what layer `index` gives."""
    if norms is None:
        return F.instance_norm(y, weight=part.scale, bias=part.shift, eps=epsilon)
    own = torch.stack(torch.var_mean(y[0], (1, 2), correction=0)).double().cpu().numpy()
    mean, variance = (y.new_tensor(held) for held in norms.hold(index, own[1], own[0]))
    factor = part.scale / torch.sqrt(variance + epsilon)
    return y * factor[:, None, None] + (part.shift - factor * mean)[:, None, None]


def colours_in(pictures: Tensor, colors: str) -> Tensor:
    """Pictures in [0, 1] as the network takes them."""
    if colors == "raw":
        return pictures * 255
    means = pictures.new_tensor(MEANS[colors])[:, None, None]
    centred = pictures * 255 - means
    return centred.flip(1) if colors == "caffe" else centred


def colours_out(x: Tensor, architecture: Architecture) -> Tensor:
    """What the last layer gives, as pictures."""
    x = architecture.amplitude * (x.tanh() if architecture.ending == "tanh" else x)
    x = x.flip(1) if architecture.colors == "caffe" else x
    return (x + x.new_tensor(architecture.means)[:, None, None]) / 255


def cropped(x: Tensor, height: int, width: int) -> Tensor:
    """The middle of it."""
    top, left = (x.shape[2] - height) // 2, (x.shape[3] - width) // 2
    return x[:, :, top : top + height, left : left + width]


def same_zeros(size: int, layer: Layer) -> tuple[int, int]:
    """Zeros before and after a side of `size` pixels as TensorFlow lays them: an odd one goes to the end."""
    total = max(0, (-(-size // layer.stride) - 1) * layer.stride + layer.kernel - size)
    return total // 2, total - total // 2


def transposed_first(layer: Layer) -> int:
    """Where in all that a transposed convolution gives the picture begins."""
    return (layer.kernel - layer.stride) // 2 if layer.border == "same" else (layer.kernel - 1) // 2


def convolve(part: Any, layer: Layer, x: Tensor) -> Tensor:
    """Enlarges, pads and convolves; nothing more."""
    bias = None if layer.norm else part.bias
    if layer.transposed:
        # All that a transposed convolution gives; the border tells where in it the picture lies.
        y = F.conv_transpose2d(x, part.weight, bias, layer.stride)
        first = transposed_first(layer)
        return y[:, :, first : first + layer.stride * x.shape[2], first : first + layer.stride * x.shape[3]]
    if layer.enlarge > 1:
        x = F.interpolate(x, scale_factor=float(layer.enlarge), mode="nearest")
    half = layer.kernel // 2
    if layer.border == "reflect" and half:
        x = F.pad(x, (half,) * 4, mode="reflect")
    elif layer.border == "same":
        x = F.pad(x, (*same_zeros(x.shape[3], layer), *same_zeros(x.shape[2], layer)))
    zeros = half if layer.border == "zeros" else 0
    if layer.channels < FEW:
        # oneDNN is slower for few channels, above all on the way back, unless they lie last.
        last = torch.channels_last
        rows, weight = x.contiguous(memory_format=last), part.weight.contiguous(memory_format=last)
        return F.conv2d(rows, weight, bias, layer.stride, zeros).contiguous()
    return F.conv2d(x, part.weight, bias, layer.stride, zeros)
