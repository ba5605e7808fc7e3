"""ONNX files of strangers: read, looked over, and made ready for pictures of one size, before OpenCV sees them.

OpenCV trusts what it is given. So a graph gets the size of its picture written in, what it computes of sizes is
computed here, and ONNX's own shape inference says how large every tensor will be. What remains unknown, or does not fit
together, is refused. Data outside the file is never followed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neural_painter.fast.files import ModelError, wrong_kind
from neural_painter.fast.formats import check_onnx
from neural_painter.fast.network import MOST_FRONT
from neural_painter.kinds import begins_like_onnx

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

Array = np.ndarray
Size = tuple[int, int]

MOST_NODES = 5000
MOST_BORDER = MOST_FRONT
"""Pixels: a picture must be longer than a border that reflects it, and would be filled up to that."""

DROPPED = (
    *("ATen", "Affine", "ConstantFill", "Crop", "DynamicSlice", "GRUUnit", "GivenTensorFill", "ImageScaler"),
    *("ParametricSoftplus", "Scale", "ScaledTanh"),
)
"""Operators that ONNX once had for trial."""

SMALL = 64
"""Numbers in a tensor that may be a size, or part of one."""

DEFAULT_DOMAINS = ("", "ai.onnx")


class UnfitError(Exception):
    """A graph that makes no sense for pictures of some size; the message says why."""


@dataclass(frozen=True)
class Settled:
    """A graph for pictures of one size.

    Attributes:
        data: ONNX, all sizes numbers.
        takes_last, gives_last: whether colours come last in what it takes, 1xHxWx3, and in what it gives.
        size: `(height, width)` of what comes out.
        memory: bytes of the tensors that are alive at the same time, at most.
        border: pixels of the widest border that it puts around anything.
    """

    data: bytes
    takes_last: bool
    gives_last: bool
    size: Size
    memory: int
    border: int


def read_onnx(data: bytes, path: Path) -> ModelProto:
    """A model of one picture in and one out, of the bytes of a file; `path` is for messages.

    Raises:
        ModelError: not ONNX, damaged, in several files, or of another kind.
    """
    check_onnx(f"{path}: an ONNX model", ModelError)
    from onnx import ModelProto, checker

    model = ModelProto()
    try:
        model.ParseFromString(data)
        if not model.graph.node:
            raise ValueError
    except Exception as error:  # protobuf does not say which errors it raises
        if begins_like_onnx(data):
            raise ModelError(f"{path}: damaged ONNX, or none (it holds no graph)") from error
        raise wrong_kind(data, path) from error
    try:
        _look_over(model, path)
        checker.check_model(model)
        _check_ends(model, path)
        return _simplified(model)
    except (ModelError, MemoryError):
        raise
    except Exception as error:  # the checker raises what it likes
        raise ModelError(f"{path}: damaged ONNX ({_first_line(error)})") from error


def layouts_of(model: ModelProto) -> list[bool]:
    """Whether colours may come last, 1xHxWx3, in what the file takes: False, True, or one after the other."""
    _, second, _, last = (d.dim_value if d.HasField("dim_value") else None for d in _dims(model.graph.input[0]))
    if second is None and last == 3:
        return [True]
    return [found for found, colours in ((False, second), (True, last)) if colours in (3, None)]


def declared_size(model: ModelProto, *, last: bool) -> tuple[int | None, int | None]:
    """Height and width that the file asks for; None where they are free."""
    dims = _dims(model.graph.input[0])[1:3] if last else _dims(model.graph.input[0])[2:]
    height, width = (d.dim_value if d.HasField("dim_value") else None for d in dims)
    return height, width


def taken(model: ModelProto) -> str:
    """The sizes that the file asks for, such as `1x3x?x?`."""
    return _shown([d.dim_value or None for d in _dims(model.graph.input[0])])


def settle(model: ModelProto, size: Size, *, last: bool = False) -> Settled:
    """The model for pictures of `(height, width)`; `last`: colours come last in what it takes.

    Raises:
        UnfitError: sizes do not fit together, or cannot be told beforehand.
    """
    from onnx import ModelProto, shape_inference

    made = ModelProto()
    made.CopyFrom(model)
    graph = made.graph
    for dim, value in zip(_dims(graph.input[0]), (1, *size, 3) if last else (1, 3, *size), strict=True):
        dim.dim_value = value
    del graph.value_info[:]
    graph.output[0].type.tensor_type.ClearField("shape")
    try:
        shapes = _Sizes(made).settle()
        made = shape_inference.infer_shapes(made, check_type=True, strict_mode=True)
    except (UnfitError, MemoryError):
        raise
    except Exception as error:  # whatever the inference of any operator raises
        raise UnfitError(_first_line(error)) from error
    result = shapes.get(graph.output[0].name, ())
    if len(result) != 4 or result[0] != 1 or 3 not in (result[1], result[3]):
        raise UnfitError(f"gives {_shown(result)}, expected a picture 1x3xHxW or 1xHxWx3")
    border = _widest_border(graph)
    if border > MOST_BORDER:
        raise UnfitError(f"lays {border} pixels around a picture, expected {MOST_BORDER} at most")
    gives_last = result[1] != 3 or (last and result[3] == 3)
    sides = (result[1], result[2]) if gives_last else (result[2], result[3])
    return Settled(made.SerializeToString(), last, gives_last, sides, _most_alive(graph, shapes), border)


def _look_over(model: ModelProto, path: Path) -> None:
    """Refuses what no style needs, before anything else touches it."""
    from onnx import TensorProto

    graph = model.graph
    if len(graph.node) > MOST_NODES:
        raise ModelError(f"{path}: {len(graph.node)} operators, expected at most {MOST_NODES}")
    if model.functions or graph.sparse_initializer:
        raise ModelError(f"{path}: functions and sparse tensors in ONNX are not supported")
    for node in graph.node:
        if node.op_type in DROPPED:  # of which ONNX's checker would warn on stdout
            raise ModelError(f"{path}: needs {node.op_type}, an experimental operator that ONNX has dropped")
        if node.domain not in DEFAULT_DOMAINS:
            raise ModelError(f"{path}: needs operators of {node.domain!r:.60}, expected ONNX's own")
        for attribute in node.attribute:
            if attribute.HasField("g") or attribute.graphs or attribute.HasField("sparse_tensor"):
                raise ModelError(f"{path}: branches and loops in ONNX ({node.op_type!r:.40}) are not supported")
    for tensor in _tensors(graph):
        if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
            raise ModelError(
                f"{path}: keeps its weights in another file",
                hint="Save it as one file first: onnx.save(onnx.load('model.onnx'), 'whole.onnx').",
            )


def _tensors(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def _check_ends(model: ModelProto, path: Path) -> None:
    """Refuses all but one picture in, one tensor out."""
    from onnx import TensorProto

    given = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in given]
    if len(inputs) != 1 or len(model.graph.output) != 1:
        raise ModelError(
            f"{path}: takes {len(inputs)} tensors and gives {len(model.graph.output)}, expected one picture each"
        )
    (value,) = inputs
    kind, dims = value.type.tensor_type.elem_type, [d.dim_value or None for d in _dims(value)]
    if kind != TensorProto.FLOAT:
        raise ModelError(f"{path}: takes {TensorProto.DataType.Name(kind).lower()}, expected float")
    if len(dims) != 4 or not {dims[1], dims[3]} & {3, None}:
        raise ModelError(f"{path}: takes {_shown(dims)}, expected pictures 1x3xHxW or 1xHxWx3")


def _simplified(model: ModelProto) -> ModelProto:
    """Without what only says again what is known. Old files list their weights among the inputs."""
    given = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in given]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    del model.training_info[:]
    # Below 4, weights had to be inputs as well, and so might have changed.
    model.ir_version = max(model.ir_version, 4)
    return model


def _dims(value: ValueInfoProto) -> Any:
    return value.type.tensor_type.shape.dim


# --- what a graph computes of sizes ---------------------------------------------------------------------------------

_ARITHMETIC = (
    *("Add", "Sub", "Mul", "Div", "Mod", "Neg", "Max", "Min", "Floor", "Ceil", "Round", "ReduceProd", "Cast"),
    *("Concat", "Gather", "Identity", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"),
    *("Constant", "ConstantOfShape"),
)
"""Operators that sizes are computed with. All but the last give no more numbers than their inputs hold, multiplied."""


class _Sizes:
    """Goes through a graph from first to last: computes what depends on sizes only, and tells the sizes of the rest."""

    def __init__(self, model: ModelProto) -> None:
        from onnx import numpy_helper

        self.model, self.graph = model, model.graph
        self.opsets = {entry.domain: entry.version for entry in model.opset_import}
        self.kinds = {tensor.name: tensor.data_type for tensor in self.graph.initializer}
        self.shapes = {tensor.name: tuple(tensor.dims) for tensor in self.graph.initializer}
        self.small = {tensor.name: tensor for tensor in self.graph.initializer if math.prod(tensor.dims) <= SMALL}
        self.values: dict[str, Array] = {name: numpy_helper.to_array(tensor) for name, tensor in self.small.items()}
        for value in self.graph.input:
            self._know(value)

    def settle(self) -> dict[str, tuple[int, ...]]:
        """Puts results in the place of what could be computed; returns the shapes of all tensors."""
        from onnx import NodeProto, numpy_helper

        kept = []
        ends = {value.name for value in self.graph.output}
        for node in self.graph.node:
            found = None if ends & set(node.output) else self._computed(node)
            if found is None:
                # One by one: inference of several aborts the process where a size below 0 meets a slice.
                for value in self._inferred(node):
                    self._know(value)
                kept.append(NodeProto.FromString(node.SerializeToString()))
                continue
            for name, array in zip(node.output, found, strict=True):
                tensor = numpy_helper.from_array(np.ascontiguousarray(array), name)
                self.kinds[name], self.shapes[name] = tensor.data_type, tuple(tensor.dims)
                self.small[name], self.values[name] = tensor, array
                self.graph.initializer.append(tensor)
        del self.graph.node[:]
        self.graph.node.extend(kept)
        return self.shapes

    def _know(self, value: ValueInfoProto) -> None:
        dims = tuple(dim.dim_value for dim in _dims(value))
        if not value.type.tensor_type.HasField("shape") or any(dim < 1 for dim in dims):
            raise UnfitError(f"{value.name!r:.60} has no size that can be told beforehand")
        self.kinds[value.name], self.shapes[value.name] = value.type.tensor_type.elem_type, dims

    def _inferred(self, node: NodeProto) -> list[ValueInfoProto]:
        """What a node gives."""
        from onnx import helper, shape_inference

        given = [name for name in dict.fromkeys(node.input) if name]
        graph = helper.make_graph(
            [node],
            "node",
            [
                helper.make_tensor_value_info(name, self.kinds[name], self.shapes[name])
                for name in given
                if name not in self.small
            ],
            [helper.make_empty_tensor_value_info(name) for name in node.output if name],
            [self.small[name] for name in given if name in self.small],
        )
        model = helper.make_model(graph, opset_imports=self.model.opset_import, ir_version=self.model.ir_version)
        return list(shape_inference.infer_shapes(model, check_type=True, strict_mode=True).graph.output)

    def _computed(self, node: NodeProto) -> list[Array] | None:
        """What a node gives, where that can be told beforehand and is small."""
        if node.op_type == "Shape":
            bounds = {attribute.name: attribute.i for attribute in node.attribute}
            shape = self.shapes[node.input[0]][bounds.get("start", 0) : bounds.get("end")]
            return [np.array(shape, np.int64)]
        if node.op_type not in _ARITHMETIC or any(name and name not in self.values for name in node.input):
            return None
        if any(attribute.HasField("t") and math.prod(attribute.t.dims) > SMALL for attribute in node.attribute):
            return None
        if node.op_type == "ConstantOfShape" and math.prod(self.values[node.input[0]].tolist()) > SMALL:
            return None
        from onnx import helper
        from onnx.reference import ReferenceEvaluator

        def ends(names: Iterable[str]) -> list[ValueInfoProto]:
            return [helper.make_empty_tensor_value_info(name) for name in names if name]

        graph = helper.make_graph([node], "sizes", ends(dict.fromkeys(node.input)), ends(node.output))
        given = {name: self.values[name] for name in node.input if name}
        with np.errstate(all="ignore"):
            found = ReferenceEvaluator(graph, opsets=self.opsets).run(None, given)
        results = [np.asarray(value) for value in found]
        return results if all(value.size <= SMALL for value in results) else None


def _most_alive(graph: GraphProto, shapes: dict[str, tuple[int, ...]]) -> int:
    """Bytes of the tensors, without the weights, that must be kept at the same time; the most of all moments."""
    last = {name: index for index, node in enumerate(graph.node) for name in node.input}
    ending: dict[int, int] = {}
    alive = most = 4 * math.prod(shapes[graph.input[0].name])
    ending[last.get(graph.input[0].name, 0)] = alive
    for index, node in enumerate(graph.node):
        given = sum(4 * math.prod(shapes[name]) for name in node.output if name)
        alive += given
        most = max(most, alive)
        end = max((last.get(name, index) for name in node.output), default=index)
        ending[end] = ending.get(end, 0) + given
        alive -= ending.get(index, 0)
    return most


def _widest_border(graph: GraphProto) -> int:
    from onnx import numpy_helper

    small = {tensor.name: tensor for tensor in graph.initializer if math.prod(tensor.dims) <= SMALL}
    widest = 0
    for node in graph.node:
        if node.op_type == "Pad":
            pads = [side for attribute in node.attribute if attribute.name == "pads" for side in attribute.ints]
            if len(node.input) > 1 and node.input[1] in small:
                pads += numpy_helper.to_array(small[node.input[1]]).ravel().tolist()
            widest = max(widest, *pads, 0)
    return widest


def _shown(dims: Any) -> str:
    return "x".join("?" if dim is None else str(dim) for dim in dims) or "tensors without a shape"


def _first_line(error: Exception) -> str:
    """The gist of an error of a library, short enough for one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:160].rstrip(".: ")
