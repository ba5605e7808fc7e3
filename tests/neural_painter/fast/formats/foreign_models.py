"""Small models as others publish them, with random weights, and what they should make of a picture, in float64.

The references follow each family's own conventions, step by step, and know nothing of our network.
"""

import numpy as np
import torch
import torch.nn.functional as F

from neural_painter.fast.formats.torch7 import TorchObject
from tests.neural_painter.fast.formats.torch7_writer import table

JOHNSON = "c9s1-4,d6,d8,R8,R8,R8,R8,R8,u6,u4,c9s1-3"
"""The published layout, but for the widths: convolutions, down, residual blocks, up."""

MEANS = (103.939, 116.779, 123.68)
"""Blue, green, red."""


class Johnson:
    """Makes the tree of modules of a checkpoint of fast-neural-style.

    Args:
        arch: layers, as its `-arch` takes them; `U2` enlarges without a convolution.
        norm: `batch` or `instance`.
        padding: `start`, all reflection at the front; `reflect`, before each convolution; `zero`.
        package: of the modules that cuDNN has as well.
        convolution: class of the convolutions; of `SpatialConvolutionMM` the kernels are matrices.
    """

    def __init__(
        self, arch=JOHNSON, *, norm="batch", padding="start", package="nn", convolution="SpatialConvolution", seed=0
    ):
        self.rng = np.random.default_rng(seed)
        self.norm, self.padding, self.package, self.kind = norm, padding, package, convolution
        words = arch.split(",")
        down, blocks = (sum(word.startswith(kind) for word in words) for kind in "dR")
        modules = [reflection(2 * blocks * 2**down)] if padding == "start" else []
        channels = 3
        for word in words:
            modules += self.layer(word, channels, last=word is words[-1])
            channels = channels if word.startswith("U") else int(word.rpartition("-")[2].lstrip("dRu"))
        modules += [TorchObject(f"{package}.Tanh"), made("MulConstant", constant_scalar=150, inplace=False)]
        self.model = sequential(*modules, made("TotalVariation", strength=1e-6, x_diff=np.zeros(0, "<f4")))
        self.checkpoint = table(model=self.model, opt=table(preprocessing="vgg", arch=arch), history=table(3.5, 2.25))

    def layer(self, word, channels, *, last):
        kind, number = word[0], int(word.rpartition("-")[2].lstrip("dRuU"))
        if kind == "R":
            return [self.block(number)]
        if kind == "U":
            return [made("SpatialUpSamplingNearest", scale_factor=number), *self.after(channels)]
        if kind == "u":
            return [self.full_convolution(channels, number), *self.after(number)]
        side, stride = (3, 2) if kind == "d" else (int(word[1]), int(word[3]))
        return [*self.convolution(channels, number, side, stride), *([] if last else self.after(number))]

    def block(self, channels):
        first, second = (self.convolution(channels, channels, 3, 1, inside=True) for _ in range(2))
        way = sequential(*first, *self.after(channels), *second, self.normalisation(channels))
        past = made("ShaveImage", size=2) if self.padding == "start" else TorchObject("nn.Identity")
        return sequential(made("ConcatTable", modules=table(way, past)), TorchObject("nn.CAddTable"))

    def convolution(self, channels, out, side, stride, *, inside=False):
        half = side // 2
        before = [reflection(half)] if self.padding == "reflect" else []
        zeros = 0 if before or (inside and self.padding == "start") else half
        deviation = (2 / (channels * side * side)) ** 0.5 / (64 if channels == 3 else 1)  # pictures reach 150
        weight = self.random((out, channels, side, side), deviation)
        if self.kind == "SpatialConvolutionMM":
            weight = weight.reshape(out, -1).copy()
        fields = self.square(side, stride, zeros) | {"nInputPlane": channels, "nOutputPlane": out}
        return [*before, made(self.kind, self.package, weight=weight, bias=self.random((out,)), groups=1, **fields)]

    def full_convolution(self, channels, out):
        weight = self.random((channels, out, 3, 3), (1 / (channels * 2)) ** 0.5)
        fields = self.square(3, 2, 1) | {"adjW": 1, "adjH": 1, "nInputPlane": channels, "nOutputPlane": out}
        return made("SpatialFullConvolution", self.package, weight=weight, bias=self.random((out,)), **fields)

    def square(self, side, stride, zeros):
        return {"kW": side, "kH": side, "dW": stride, "dH": stride, "padW": zeros, "padH": zeros}

    def after(self, channels):
        return [self.normalisation(channels), made("ReLU", self.package, inplace=True, threshold=0, val=0)]

    def normalisation(self, channels):
        fields = {"weight": 1 + self.random((channels,), 0.2), "bias": self.random((channels,), 0.2), "eps": 1e-5}
        if self.norm == "instance":
            inner = made("SpatialBatchNormalization", eps=1e-5, running_mean=np.zeros(4 * channels, "<f4"))
            return made("InstanceNormalization", prev_N=4, nOutput=channels, bn=inner, **fields)
        fields |= {"running_mean": self.random((channels,), 0.5), "running_var": 1 + self.random((channels,), 0.2) ** 2}
        return made("SpatialBatchNormalization", self.package, affine=True, momentum=0.1, **fields)

    def random(self, sizes, deviation=0.3):
        return (deviation * self.rng.standard_normal(sizes)).astype("<f4")


def made(name, package="nn", **fields):
    return TorchObject(f"{package}.{name}", table(**fields, train=False))


def sequential(*modules):
    return made("Sequential", modules=table(*modules))


def reflection(pixels):
    return made("SpatialReflectionPadding", pad_l=pixels, pad_r=pixels, pad_t=pixels, pad_b=pixels)


def johnson_picture(model, pictures):
    """What a tree of modules makes of `[N, 3, H, W]` in [0, 1]: batch norm with its running mean, nothing folded."""
    means = torch.tensor(MEANS, dtype=torch.float64)[:, None, None]
    height, width = pictures.shape[2:]
    result = run(model, pictures.double()[:, [2, 1, 0]] * 255 - means)
    return ((result + means)[:, [2, 1, 0]] / 255)[:, :, :height, :width]


def run(module, x):
    """What a module gives, after the documentation of Torch7's nn."""
    name, fields = module.class_name.partition(".")[2], module.fields
    get = lambda key: torch.from_numpy(np.array(fields[key])).double() if key in fields else None  # noqa: E731
    if name in ("Sequential", "ConcatTable"):
        modules = fields["modules"].sequence()
        if name == "ConcatTable":
            return [run(each, x) for each in modules]
        for each in modules:
            x = run(each, x)
        return x
    if name == "CAddTable":
        return x[0] + x[1]
    if name == "ShaveImage":
        return x[:, :, fields["size"] : -fields["size"], fields["size"] : -fields["size"]]
    if name == "SpatialReflectionPadding":
        return F.pad(x, [fields[key] for key in ("pad_l", "pad_r", "pad_t", "pad_b")], mode="reflect")
    if name == "SpatialUpSamplingNearest":
        return x.repeat_interleave(fields["scale_factor"], 2).repeat_interleave(fields["scale_factor"], 3)
    if name in ("SpatialConvolution", "SpatialConvolutionMM"):
        weight = get("weight").reshape(-1, x.shape[1], fields["kH"], fields["kW"])
        return F.conv2d(x, weight, get("bias"), fields["dW"], fields.get("padW", fields.get("padding", 0)))
    if name == "SpatialFullConvolution":
        return F.conv_transpose2d(x, get("weight"), get("bias"), fields["dW"], fields["padW"], fields["adjW"])
    if name == "SpatialBatchNormalization":
        column = lambda value: value[:, None, None]  # noqa: E731
        inverse = get("running_std") if "running_std" in fields else (get("running_var") + fields["eps"]) ** -0.5
        x = (x - column(get("running_mean"))) * column(inverse)
        return x if get("weight") is None else x * column(get("weight")) + column(get("bias"))
    if name == "InstanceNormalization":
        mean = x.mean((2, 3), keepdim=True)
        x = (x - mean) / ((x - mean).square().mean((2, 3), keepdim=True) + fields["eps"]).sqrt()
        return x * get("weight")[:, None, None] + get("bias")[:, None, None]
    simple = {
        "ReLU": lambda: x.clamp_min(0),
        "Tanh": lambda: x.tanh(),
        "MulConstant": lambda: fields["constant_scalar"] * x,
    }
    return simple[name]() if name in simple else {"Identity": x, "TotalVariation": x}[name]


def variables(widths=(4, 6, 8), blocks=5, seed=0):
    """The tensors of the TensorFlow family."""
    rng = np.random.default_rng(seed)
    first, second, third = widths
    shapes = [(9, 3, first), (3, first, second), (3, second, third), *[(3, third, third)] * 2 * blocks]
    shapes += [(3, third, second), (3, second, first), (9, first, 3)]
    found = []
    for index, (side, into, out) in enumerate(shapes):
        ends = (out, into) if len(shapes) - 3 <= index < len(shapes) - 1 else (into, out)
        found.append((2 / (into * side * side)) ** 0.5 * rng.standard_normal((side, side, *ends)))
        found += [0.3 * rng.standard_normal(out), 1 + 0.2 * rng.standard_normal(out)]
    names = ["Variable", *(f"Variable_{index}" for index in range(1, len(found)))]
    return {name: np.ascontiguousarray(value, np.float32) for name, value in zip(names, found, strict=True)}


def variables_picture(tensors, picture):
    """What they make of `[H, W, 3]` in [0, 1], in NumPy, with borders after TensorFlow's definition of SAME.

    Those leave a frame in what comes out. So 40 pixels of reflection are laid around the picture, and cut off again.
    """
    values = [tensors["Variable"], *(tensors[f"Variable_{index}"] for index in range(1, len(tensors)))]
    layers = [[np.float64(value) for value in values[index : index + 3]] for index in range(0, len(values), 3)]
    height, width = picture.shape[:2]
    x = np.pad(np.float64(picture) * 255, [(40, 40), (40, 40), (0, 0)], mode="reflect")
    for index in range(3):
        x = np.maximum(normalised(same_convolution(x, layers[index][0], 1 + (index > 0)), layers[index]), 0)
    for index in range(3, len(layers) - 3, 2):
        inner = np.maximum(normalised(same_convolution(x, layers[index][0], 1), layers[index]), 0)
        x = x + normalised(same_convolution(inner, layers[index + 1][0], 1), layers[index + 1])
    for index in (-3, -2):
        x = np.maximum(normalised(same_transposed(x, layers[index][0]), layers[index]), 0)
    x = normalised(same_convolution(x, layers[-1][0], 1), layers[-1])
    return ((150 * np.tanh(x) + 127.5) / 255)[40 : 40 + height, 40 : 40 + width]


def same_convolution(x, kernel, stride):
    """SAME: as many outputs as steps begin inside, and half the zeros before, an odd one after."""
    side, sizes = kernel.shape[0], [-(-size // stride) for size in x.shape[:2]]
    totals = [max((out - 1) * stride + side - size, 0) for out, size in zip(sizes, x.shape[:2], strict=True)]
    x = np.pad(x, [*((total // 2, total - total // 2) for total in totals), (0, 0)])
    result = np.zeros((*sizes, kernel.shape[3]))
    for row in range(side):
        for column in range(side):
            seen = x[row : row + (sizes[0] - 1) * stride + 1 : stride, column:][
                :, : (sizes[1] - 1) * stride + 1 : stride
            ]
            result += seen @ kernel[row, column]
    return result


def same_transposed(x, kernel):
    """The transpose of a SAME convolution of stride 2 that takes twice the size: it lays no zeros before, one after."""
    height, width = x.shape[:2]
    result = np.zeros((2 * height + 1, 2 * width + 1, kernel.shape[2]))
    for row in range(3):
        for column in range(3):
            result[row : row + 2 * height : 2, column : column + 2 * width : 2] += x @ kernel[row, column].T
    return result[:-1, :-1]


def normalised(x, layer):
    mean = x.mean((0, 1))
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean((0, 1)) + 1e-3) * layer[2] + layer[1]
