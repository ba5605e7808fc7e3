"""Small ONNX models as others publish them, and networks of every kind of layer."""

import numpy as np
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper

from neural_painter.fast.network import Architecture, Layer, TransformNetwork, johnson

FLOAT = TensorProto.FLOAT


def _residual(channels, border):
    return Layer(channels, border=border), Layer(channels, border=border, relu=False, adds=True)


def _down(border):
    return Layer(4, 9, border=border), Layer(8, stride=2, border=border), Layer(16, stride=2, border=border)


def _up(border):
    return (
        Layer(8, stride=2, transposed=True, border=border),
        Layer(4, stride=2, transposed=True, border=border),
    )


ARCHITECTURES = {
    "ours": johnson(8, 1),
    "torch7": Architecture(
        (
            *_down("zeros"),
            *_residual(16, "none") * 2,
            *_up("zeros"),
            Layer(3, 9, border="zeros", norm=False, relu=False),
        ),
        front=16,
        colors="caffe",
    ),
    "tensorflow": Architecture(
        (*_down("same"), *_residual(16, "same"), *_up("same"), Layer(3, 9, border="same", relu=False)),
        colors="raw",
        epsilon=1e-3,
    ),
    "linear": Architecture(johnson(4, 1).layers, colors="raw", ending="linear"),
    "rest": Architecture(
        (
            Layer(6, 5, stride=2, border="same"),
            Layer(6, 1, norm=False),
            Layer(6, 3, enlarge=2, stride=2, border="none", relu=False, adds=True),
            Layer(3, 5, stride=2, transposed=True, border="zeros"),
            Layer(3, 3, transposed=True, border="same"),
            Layer(3, 1, norm=False, relu=False, adds=True),
        ),
        front=4,
        colors="caffe",
    ),
}
"""Together they hold every kind of layer, of border and of colours."""


def network(name, seed=0):
    """A network with random weights whose pictures are neither flat nor black and white."""
    generator = torch.Generator().manual_seed(seed)
    made = TransformNetwork(ARCHITECTURES[name]).eval().requires_grad_(False)
    for index, layer in enumerate(made.architecture.layers):
        part = made.part(index)
        part.weight.normal_(0, (2 / part.weight[0].numel()) ** 0.5, generator=generator)
        for vector, spread in (("scale", 0.5), ("shift", 0.3), ("bias", 0.3)):
            if hasattr(part, vector):
                getattr(part, vector).normal_(float(vector == "scale"), spread, generator=generator)
        if index == len(made.architecture.layers) - 1 and made.architecture.ending == "linear":
            part.weight.mul_(60)
            part.bias.mul_(60).add_(127.5)
        if index == 0 and not layer.norm:
            part.weight.div_(100)
    return made


def picture(height, width, seed=0):
    """`[H, W, 3]` float32 in [0, 1]: waves, and some noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / 10
    waves = np.stack([np.sin(x + y), np.cos(x - y), np.sin(2 * x)], axis=-1) / 4 + 0.5
    return np.clip(waves + rng.normal(0, 0.05, waves.shape), 0, 1).astype(np.float32)


class Stranger:
    """Parts of a model with random weights: convolution, norm, ReLU, half the size, twice the size, convolution.

    Args:
        kernel: of the convolutions, odd.
        norm: whether there is an instance norm.
    """

    def __init__(self, kernel=3, norm=True):
        rng = np.random.default_rng(0)

        def draw(*shape):
            return rng.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape).astype(np.float32)

        self.kernel, self.norm = kernel, norm
        self.weights = {
            "w0": draw(6, 3, kernel, kernel),
            "w1": draw(6, 6, kernel, kernel),
            "w2": draw(3, 6, kernel, kernel),
        }
        self.weights |= {"scale": np.float32([1, 2, 0.5, 1, 1.5, 1]), "shift": rng.normal(0, 0.3, 6).astype(np.float32)}
        self.weights["w2"] *= 30 if norm else 0.5
        self.weights["b2"] = np.float32([100, 120, 140] if norm else [0, 10, 20])

    def reference(self, colours):
        """What it makes of `[H, W, 3]` in [0, 1], in [0, 1] as well."""
        weights = {name: torch.from_numpy(value) for name, value in self.weights.items()}

        def convolved(x, weight, **options):
            return F.conv2d(F.pad(x, (self.kernel // 2,) * 4, mode="reflect"), weights[weight], **options)

        x = convolved(torch.from_numpy(colours).permute(2, 0, 1)[None] * 255, "w0")
        if self.norm:
            x = F.instance_norm(x, weight=weights["scale"], bias=weights["shift"])
        x = convolved(F.relu(x), "w1", stride=2)
        x = convolved(F.interpolate(x, scale_factor=2.0, mode="nearest"), "w2", bias=weights["b2"])
        x = x[0, :, : colours.shape[0], : colours.shape[1]] / 255
        return x.clamp(0, 1).permute(1, 2, 0).numpy()

    def model(self, size=None, *, enlarge="scales", operators=9, old=True):
        """The same as ONNX, `[1, 3, H, W]`, 0 to 255.

        Args:
            size: `(height, width)` that the file asks for; None where it is free.
            enlarge: how the size is doubled: by constant `scales`; `computed` from the tensor's own shape, as old
                versions of PyTorch write it; to constant `sizes`, so that the file works at one size only.
            operators: operator set, 9 or 13; Upsample has become Resize, and pads and axes are inputs.
            old: whether weights are inputs too, as before version 4 of the format.
        """
        nodes, constants = [], dict(self.weights)

        def node(operator, output, *inputs, **attributes):
            nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
            return output

        def convolved(x, weight, *bias, stride=1):
            half = self.kernel // 2
            pads = [0, 0, half, half, 0, 0, half, half]
            if operators < 13:
                x = node("Pad", f"{weight}.pad", x, mode="reflect", pads=pads)
            else:
                constants["pads"] = np.int64(pads)
                x = node("Pad", f"{weight}.pad", x, "pads", mode="reflect")
            return node(
                "Conv", f"{weight}.conv", x, weight, *bias, strides=[stride] * 2, kernel_shape=[self.kernel] * 2
            )

        def enlarged(x):
            resize = "Upsample" if operators < 13 else "Resize"
            options = {"mode": "nearest"} | (
                {} if operators < 13 else {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
            )
            middle = [] if operators < 13 else [""]
            constants["scales"] = np.float32([1, 1, 2, 2])
            if enlarge == "sizes":
                constants["sizes"] = np.int64([1, 6, *(2 * -(-side // 2) for side in size)])
                return node(resize, "up", x, "", "", "sizes", **options)
            if enlarge == "scales":
                return node(resize, "up", x, *middle, "scales", **options)
            constants.update(
                two=np.int64([2]),
                three=np.int64(3),
                second=np.int64(2),
                first=np.int64([0]),
                ones=np.float32([1, 1]),
                double=np.float32(2),
            )
            scales = []
            for name, axis in (("high", "second"), ("wide", "three")):
                side = node("Gather", f"{name}.side", node("Shape", f"{name}.shape", x), axis, axis=0)
                real = node("Cast", f"{name}.real", side, to=FLOAT)
                grown = node("Floor", f"{name}.grown", node("Mul", f"{name}.twice", real, "double"))
                ratio = node("Div", f"{name}.ratio", grown, real)
                axes = ({"axes": [0]}, []) if operators < 13 else ({}, ["first"])
                scales.append(node("Unsqueeze", f"{name}.scale", ratio, *axes[1], **axes[0]))
            return node(resize, "up", x, *middle, node("Concat", "all", "ones", *scales, axis=0), **options)

        x = convolved("picture", "w0")
        if self.norm:
            x = node("InstanceNormalization", "norm", x, "scale", "shift")
        else:
            del constants["scale"], constants["shift"]
        x = enlarged(convolved(node("Relu", "relu", x), "w1", stride=2))
        x = convolved(x, "w2", "b2")
        inputs = [helper.make_tensor_value_info("picture", FLOAT, [1, 3, *(size or ("height", "width"))])]
        if old:
            inputs += [
                helper.make_tensor_value_info(name, _kind(value), value.shape) for name, value in constants.items()
            ]
        return whole(nodes, inputs, [helper.make_tensor_value_info(x, FLOAT, [1, 3, *(size or "hw")])], constants,
                     operators=operators, version=3 if old else 8)  # fmt: skip


def whole(nodes, inputs, outputs, constants, *, operators=13, version=8):
    """A model of its parts."""
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "stranger", inputs, outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", operators)], ir_version=version)


def colours_last(model):
    """The same model, of which pictures 1xHxWx3 go in and come out, as TensorFlow's converters write it."""
    graph = model.graph
    (taken,) = (value for value in graph.input if value.name not in {tensor.name for tensor in graph.initializer})
    names = taken.name, graph.output[0].name
    sides = [
        [dim.dim_param or dim.dim_value for dim in end.type.tensor_type.shape.dim] for end in (taken, graph.output[0])
    ]
    nodes = [
        helper.make_node("Transpose", ["last"], [names[0]], perm=[0, 3, 1, 2]),
        *graph.node,
        helper.make_node("Transpose", [names[1]], ["given"], perm=[0, 2, 3, 1]),
    ]
    ends = [
        helper.make_tensor_value_info(name, FLOAT, [1, *side[2:], 3])
        for name, side in zip(("last", "given"), sides, strict=True)
    ]
    made = helper.make_graph(nodes, "last", ends[:1], ends[1:], list(graph.initializer))
    return helper.make_model(made, opset_imports=model.opset_import, ir_version=8)


def simple(*nodes, takes=(1, 3, "h", "w"), gives=(1, 3, "H", "W"), kind=FLOAT, operators=13, **constants):
    """A model of nodes between `x` and `y`."""
    ends = helper.make_tensor_value_info("x", kind, takes), helper.make_tensor_value_info("y", kind, gives)
    return whole(nodes, ends[:1], ends[1:], constants, operators=operators)


def _kind(value):
    return helper.np_dtype_to_tensor_dtype(value.dtype)
