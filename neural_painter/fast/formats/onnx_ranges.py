"""From where to where colours go in an ONNX model, as far as its graph tells: 0 to 255, 0 to 1, -1 to 1.

What stands between the picture and the first convolution brings colours into a range that networks like; what stands
after the last, a tanh or a limit, bounds what can come out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

Array = np.ndarray
Range = tuple[float, float]

BYTES, UNIT, SIGNED, CENTRED = (0.0, 255.0), (0.0, 1.0), (-1.0, 1.0), (-127.5, 127.5)

_LIKED = (SIGNED, UNIT, (-0.5, 0.5), BYTES, CENTRED, (-2.1, 2.4))
"""What first convolutions take; the last is what ImageNet's means and deviations give."""

_PASSING = (
    *("Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Slice", "Cast", "Pad", "Gather"),
    *("Resize", "Upsample", "DepthToSpace", "Flatten"),
)
"""Operators that move numbers and leave them as they are."""

_AFFINE: dict[str, Callable[[float, float], float]] = {
    "Mul": lambda a, b: a * b,
    "Add": lambda a, b: a + b,
    "Sub": lambda a, b: a - b,
    "Div": lambda a, b: a / b,
}
_BOUNDED = {"Tanh": SIGNED, "Sigmoid": UNIT, "HardSigmoid": UNIT, "Softsign": SIGNED}

_NORMS = ("InstanceNormalization", "GroupNormalization", "LayerNormalization", "ReduceMean", "GlobalAveragePool")

MOST_STEPS = 30


def is_normed(graph: GraphProto) -> bool:
    """Whether something in it norms a picture by its own mean; then the range of what goes in hardly matters."""
    return any(node.op_type in _NORMS for node in graph.node)


def range_in(graph: GraphProto) -> Range | None:
    """The range of colours that the graph takes; None where nothing tells."""
    constants, name = _constants(graph), graph.input[0].name
    steps: list[Callable[[float], float]] = []
    for _ in range(MOST_STEPS):
        users = [node for node in graph.node if name in node.input and node.op_type != "Shape"]
        if len(users) != 1:
            break
        step = _step(users[0], name, constants)
        if step is None:
            break
        if users[0].op_type in _AFFINE:
            steps.append(step)
        name = users[0].output[0]
    if not steps:
        return None
    fitting = []
    for candidate in (BYTES, UNIT, SIGNED):
        low, high = (_applied(steps, end) for end in candidate)
        if any(_is_near((low, high), liked, 0.2) for liked in _LIKED):
            fitting.append(candidate)
    return fitting[0] if len(fitting) == 1 else None


def range_out(graph: GraphProto) -> Range | None:
    """The range of colours that the graph gives; None where nothing bounds them."""
    constants, name = _constants(graph), graph.output[0].name
    makers = {output: node for node in graph.node for output in node.output}
    steps: list[Callable[[float], float]] = []
    for _ in range(MOST_STEPS):
        node = makers.get(name)
        if node is None:
            return None
        bounds = _limits(node, constants) if node.op_type == "Clip" else _BOUNDED.get(node.op_type)
        if bounds is not None:
            low, high = sorted(_applied(steps[::-1], end) for end in bounds)
            near = (known for known in (BYTES, UNIT, SIGNED, CENTRED) if _is_near((low, high), known, 0.15))
            return next(near, (low, high)) if low < high else None
        before = next((given for given in node.input if given and given not in constants), "")
        step = (lambda x: x) if node.op_type == "Clip" else _step(node, before, constants)
        if step is None:
            return None
        steps.append(step)
        name = before
    return None


def range_of(least: float, most: float) -> Range | None:
    """The range that numbers from least to most seem to have; None where they are of none."""
    if most - least >= 4:
        return BYTES
    if most - least < 0.02 or least < -1.6 or most > 1.6:
        return None
    return SIGNED if least < -0.25 else UNIT


def shown(colours: Range) -> str:
    """A range for people."""
    return f"{colours[0]:.4g} to {colours[1]:.4g}"


def _step(node: NodeProto, name: str, constants: dict[str, Array]) -> Callable[[float], float] | None:
    """What a node makes of a number in the tensor of that name; None where that is not so simple."""
    if node.op_type in _PASSING:
        return (lambda x: x) if node.input[0] == name else None
    combine = _AFFINE.get(node.op_type)
    if combine is None or len(node.input) != 2:
        return None
    first = node.input[0] == name
    other = constants.get(node.input[1] if first else node.input[0])
    if other is None or not 1 <= other.size <= 4 or not np.isfinite(other).all():
        return None
    value = float(other.mean())
    if (node.op_type == "Div" and (value == 0 or not first)) or abs(value) > 1e9:
        return None
    return (lambda x: combine(x, value)) if first else (lambda x: combine(value, x))


def _limits(node: NodeProto, constants: dict[str, Array]) -> Range | None:
    """Both ends of a Clip; None where one is missing or unknown."""
    found: dict[str, Any] = {attribute.name: attribute.f for attribute in node.attribute}
    for end, name in zip(("min", "max"), node.input[1:], strict=False):
        if name in constants and constants[name].size == 1:
            found[end] = float(constants[name].reshape(()))
    low, high = found.get("min"), found.get("max")
    if low is None or high is None or not low < high or max(abs(low), abs(high)) > 1e6:
        return None
    return float(low), float(high)


def _applied(steps: list[Callable[[float], float]], x: float) -> float:
    for step in steps:
        x = step(x)
    return x


def _is_near(found: Range, known: Range, share: float) -> bool:
    """Whether ends lie within a share of the known range's width."""
    span = known[1] - known[0]
    return all(abs(a - b) <= share * span for a, b in zip(found, known, strict=True))


def _constants(graph: GraphProto) -> dict[str, Array]:
    """Small constants by their names."""
    from onnx import numpy_helper

    found = {}
    for tensor in graph.initializer:
        if int(np.prod(tensor.dims)) <= 4:
            found[tensor.name] = numpy_helper.to_array(tensor)
    for node in graph.node:
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.HasField("t") and int(np.prod(attribute.t.dims)) <= 4:
                    found[node.output[0]] = numpy_helper.to_array(attribute.t)
                elif attribute.name == "value_float":
                    found[node.output[0]] = np.asarray(attribute.f)
    return {name: np.asarray(value, np.float64) for name, value in found.items() if value.dtype.kind in "fiu"}
