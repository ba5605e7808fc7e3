"""Networks of styles as ONNX graphs.

What goes in and comes out are plain pictures: float32 `[N, 3, H, W]`, RGB in [0, 1]; the network's own colours, borders
and cropping are part of the graph. Only operators are used that OpenCV and onnxruntime both know, in the forms that
OpenCV 4.11 and 5.0 get right.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neural_painter.fast.formats import check_onnx
from neural_painter.fast.network import MEANS, Architecture, Layer, TransformNetwork, transposed_first
from neural_painter.files import written_whole

if TYPE_CHECKING:
    from onnx import ModelProto

Array = np.ndarray

PRODUCER = "neural-painter"
RANGE, UNIT_RANGE = "range", "0 to 1"
STYLE = "style"
GRAIN = "grain"
"""Entries of the metadata: colours go from 0 to 1 in a file of ours, its style is called so, and who runs it lays grain
of that strength over pictures first."""

OPERATORS, FORMAT = 13, 8
"""Operator set and version of the format: old ones that hold all that is needed, for the sake of old readers."""

FURTHEST = 2**31 - 1
"""Where a slice ends that leaves nothing out."""

LEAST_SIDE = 5
"""Pixels; the last reflections need that many."""


def export_onnx(
    network: TransformNetwork,
    path: Path | str,
    *,
    name: str = "",
    size: tuple[int, int] | None = None,
    overwrite: bool = False,
) -> None:
    """Writes a network as ONNX, whole or not at all; the same network gives the same bytes.

    The file takes and gives float32 `[N, 3, H, W]`, RGB in [0, 1], clipped. Any size can be run, in onnxruntime and
    in OpenCV from version 5 on; OpenCV 4 wants it fixed.

    Args:
        network: of any architecture.
        path: the file; `.onnx` by custom.
        name: of the style, kept in the metadata.
        size: `(height, width)` in pixels, fixed in the file; by default both are free.
        overwrite: whether an existing file may be replaced.

    Raises:
        OutputError: the file exists and `overwrite` is false, or cannot be written.
        UsageError: the package onnx is not installed.
        ValueError: the network cannot run at that size.
    """
    with written_whole(Path(path), overwrite=overwrite) as temporary:
        temporary.write_bytes(onnx_of(network, name=name, size=size).SerializeToString(deterministic=True))


def onnx_of(network: TransformNetwork, *, name: str = "", size: tuple[int, int] | None = None) -> ModelProto:
    """A network as an ONNX model, checked; the same network gives the same bytes.

    Args:
        network: of any architecture.
        name: of the style, kept in the metadata.
        size: `(height, width)` in pixels, fixed in the file; by default both are free.

    Raises:
        UsageError: the package onnx is not installed.
        ValueError: the network cannot run at that size.
    """
    check_onnx("writing ONNX")
    from onnx import TensorProto, checker, helper

    architecture = network.architecture
    least = max(LEAST_SIDE, architecture.front + 1)
    if size is not None and min(size) < least:
        raise ValueError(f"this network takes pictures of at least {least} pixels a side, got {size[1]}x{size[0]}")
    graph = _Graph(network)
    result = graph.colours_out(graph.layers(graph.colours_in("input")))
    shape = ["N", 3, *(size or ("H", "W"))]
    ends = [helper.make_tensor_value_info(end, TensorProto.FLOAT, shape) for end in ("input", result)]
    model = helper.make_model(
        helper.make_graph(graph.nodes, "style", ends[:1], ends[1:], graph.constants),
        opset_imports=[helper.make_opsetid("", OPERATORS)],
        ir_version=FORMAT,
        producer_name=PRODUCER,
        doc_string="Restyles RGB pictures in [0, 1].",
    )
    told = {"producer": PRODUCER, RANGE: UNIT_RANGE, STYLE: name}
    if architecture.grain:
        told[GRAIN] = repr(architecture.grain)
    helper.set_model_props(model, told)
    checker.check_model(model, full_check=True)
    return model


class _Graph:
    """Nodes and constants of a network, in the order in which they run."""

    def __init__(self, network: TransformNetwork) -> None:
        self.network = network
        self.architecture: Architecture = network.architecture
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def node(self, operator: str, name: str, *inputs: str, **attributes: Any) -> str:
        """Adds an operator with one output, and returns the output's name."""
        from onnx import helper

        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, name: str, values: Any) -> str:
        """Adds a constant of the type of the array, and returns its name."""
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def colours_in(self, picture: str) -> str:
        """What the first layer takes. A convolution of one pixel puts BGR in order as well."""
        colors, front = self.architecture.colors, self.architecture.front
        order = _order(colors)
        shift = np.zeros(3, np.float32) if colors == "raw" else -order @ np.array(MEANS[colors], np.float32)
        x = self._mixed("colors_in", picture, 255 * order, shift)
        if front:
            x = self.node("Pad", "front", x, self.constant("front.pads", _four(front, front)), mode="reflect")
        return x

    def colours_out(self, x: str) -> str:
        """The picture of what the last layer gives, clipped, and cropped to the size that went in."""
        architecture = self.architecture
        if architecture.ending == "tanh":
            x = self.node("Tanh", "tanh", x)
        shift = np.array(architecture.means, np.float32) / 255
        x = self._mixed("colors_out", x, architecture.amplitude / 255 * _order(architecture.colors), shift)
        size = self._side_lengths("size", "input")
        edge = self.architecture.offset
        if edge:
            size = self.node("Add", "crop.ends", size, self.constant("crop.offset", _whole(edge, edge)))
        start, axes = self.constant("crop.starts", _whole(edge, edge)), self.constant("crop.axes", _whole(2, 3))
        x = self.node("Slice", "crop", x, start, size, axes)
        least, most = (self.constant(f"clip.{end}", np.float32(value)) for end, value in (("least", 0), ("most", 1)))
        return self.node("Clip", "output", x, least, most)

    def layers(self, x: str) -> str:
        """All layers."""
        before, lost_before = x, 0
        for index, layer in enumerate(self.architecture.layers):
            name = f"layer{index}"
            y, lost = self._convolved(name, index, layer, x), _lost(layer)
            if layer.norm:
                y = self._normalised(name, index, y)
            if layer.relu:
                y = self.node("Relu", f"{name}.relu", y)
            if layer.adds:
                gone = lost_before + lost
                y = self.node(
                    "Add", f"{name}.sum", y, self._trimmed(f"{name}.middle", before, gone // 2, -(-gone // 2))
                )
            before, x, lost_before = x, y, lost
        return x

    def _convolved(self, name: str, index: int, layer: Layer, x: str) -> str:
        """Enlarged, padded and convolved, as `network.convolve` does."""
        part = self.network.part(index)
        weights = [self.constant(f"{name}.weight", _numbers(part.weight))]
        if not layer.norm:
            weights.append(self.constant(f"{name}.bias", _numbers(part.bias)))
        shape: dict[str, Any] = {"kernel_shape": [layer.kernel] * 2, "strides": [layer.stride] * 2}
        if layer.transposed:
            first = transposed_first(layer)
            last = layer.kernel - layer.stride - first
            # OpenCV 4 wants as much cut off before as after; the rest is trimmed.
            common = min(first, last)
            y = self.node("ConvTranspose", f"{name}.conv", x, *weights, pads=[common] * 4, **shape)
            return self._trimmed(f"{name}.trim", y, first - common, last - common)
        if layer.enlarge > 1:
            scales = self.constant(f"{name}.scales", np.array([1, 1, layer.enlarge, layer.enlarge], np.float32))
            x = self.node(
                "Resize", f"{name}.enlarge", x, "", scales,
                mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor",
            )  # fmt: skip
        half = layer.kernel // 2
        zeros = half if layer.border == "zeros" else 0
        if layer.border == "reflect" and half:
            x = self.node("Pad", f"{name}.pad", x, self.constant(f"{name}.pads", _four(half, half)), mode="reflect")
        elif layer.border == "same" and layer.stride == 1:
            zeros = half
        elif layer.border == "same" and half:
            x = self._padded_same(name, layer, x)
        return self.node("Conv", f"{name}.conv", x, *weights, pads=[zeros] * 4, **shape)

    def _padded_same(self, name: str, layer: Layer, x: str) -> str:
        """Zeros as TensorFlow lays them where the stride is 2: an odd side gets one more in front than an even one.

        `auto_pad` would say the same, but OpenCV 5.0 lays the zeros of even sides on the wrong end.
        """
        half = layer.kernel // 2
        two = self.constant(f"{name}.two", _whole(2))
        odd = self.node("Mod", f"{name}.odd", self._side_lengths(f"{name}.size", x), two)
        first = self.node("Add", f"{name}.first", odd, self.constant(f"{name}.less", _whole(half - 1, half - 1)))
        none, last = (
            self.constant(f"{name}.{end}", _whole(value, value)) for end, value in (("none", 0), ("last", half))
        )
        pads = self.node("Concat", f"{name}.pads", none, first, none, last, axis=0)
        return self.node("Pad", f"{name}.pad", x, pads)

    def _normalised(self, name: str, index: int, x: str) -> str:
        part = self.network.part(index)
        scale = self.constant(f"{name}.scale", _numbers(part.scale))
        shift = self.constant(f"{name}.shift", _numbers(part.shift))
        return self.node("InstanceNormalization", f"{name}.norm", x, scale, shift, epsilon=self.architecture.epsilon)

    def _mixed(self, name: str, x: str, matrix: Array, shift: Array) -> str:
        """Every pixel's colour times a matrix, plus a shift."""
        weight = self.constant(f"{name}.weight", matrix[:, :, None, None].astype(np.float32))
        bias = self.constant(f"{name}.bias", shift.astype(np.float32))
        return self.node("Conv", name, x, weight, bias, kernel_shape=[1, 1])

    def _trimmed(self, name: str, x: str, first: int, last: int) -> str:
        """Without so many rows and columns before and after."""
        if not first and not last:
            return x
        starts = self.constant(f"{name}.starts", _whole(first, first))
        ends = self.constant(f"{name}.ends", _whole(*[-last if last else FURTHEST] * 2))
        return self.node("Slice", name, x, starts, ends, self.constant(f"{name}.axes", _whole(2, 3)))

    def _side_lengths(self, name: str, x: str) -> str:
        """Height and width, int64."""
        bounds = (self.constant(f"{name}.{end}", _whole(value)) for end, value in (("from", 2), ("to", 4)))
        return self.node("Slice", name, self.node("Shape", f"{name}.shape", x), *bounds)


def _order(colors: str) -> Array:
    """The matrix that turns RGB into what the network takes, and back."""
    order = np.eye(3, dtype=np.float32)
    return order[::-1] if colors == "caffe" else order


def _whole(*numbers: int) -> Array:
    return np.array(numbers, np.int64)


def _numbers(parameter: Any) -> Array:
    values: Array = parameter.detach().cpu().float().numpy()
    return values


def _four(first: int, last: int) -> Array:
    """Pads of height and width, before and after."""
    return _whole(0, 0, first, first, 0, 0, last, last)


def _lost(layer: Layer) -> int:
    """Rows and columns that a layer whose scale is 1 gives fewer than it takes."""
    if layer.transposed or layer.border != "none":
        return 0
    return (layer.kernel - 1) // layer.stride
