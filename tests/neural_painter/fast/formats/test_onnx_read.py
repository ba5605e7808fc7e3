"""Hostile and foreign ONNX files: one sentence, never a traceback, never a crash."""

import re

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from neural_painter.fast.files import SIZE_LIMIT, ModelError
from neural_painter.fast.formats.onnx_read import read_onnx, settle
from neural_painter.fast.formats.onnx_run import OnnxModel
from tests.neural_painter.fast.formats.onnx_samples import FLOAT, Stranger, picture, simple, whole

RELU = helper.make_node("Relu", ["x"], ["y"])


def refusal(tmp_path, data):
    """The sentence that a file gets."""
    path = tmp_path / "bad.onnx"
    path.write_bytes(data if isinstance(data, bytes) else data.SerializeToString())
    with pytest.raises(ModelError) as caught:
        OnnxModel(path)
    assert caught.value.exit_status == 4
    sentence = str(caught.value)
    assert sentence.startswith(f"{path}: ")
    assert "\n" not in sentence
    assert len(sentence) < len(str(path)) + 250
    return sentence.removeprefix(f"{path}: ")


def test_other_files_are_told_by_what_they_are(tmp_path):
    for data, sentence in (
        (b"PK\x03\x04" + bytes(100), "is a ZIP archive, expected a model of a style"),
        (b"\n<!DOCTYPE html><html></html>", "is a web page (HTML), expected a model of a style"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "is a Git LFS pointer, not the file itself, "),
        (b'{"message": "not found"}', "is a text, expected a model of a style"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "is a picture (PNG), expected a model of a style"),
        (np.random.default_rng(0).bytes(5000), "not a model of a style (unknown data)"),
        (b"\x0a\xff\xff\xff\xff\x7f", "not a model of a style (unknown data)"),
        (b"\x08\x08\x10", "damaged ONNX, or none (it holds no graph)"),
    ):
        assert refusal(tmp_path, data).startswith(sentence)


def test_missing_and_unreadable_files(tmp_path):
    with pytest.raises(ModelError, match="no such file"):
        OnnxModel(tmp_path / "none.onnx")
    with pytest.raises(ModelError, match="is a folder"):
        OnnxModel(tmp_path)
    (tmp_path / "empty.onnx").touch()
    with pytest.raises(ModelError, match="is empty"):
        OnnxModel(tmp_path / "empty.onnx")
    with pytest.raises(ModelError, match="null"):
        OnnxModel(tmp_path / "a\0b.onnx")
    with (tmp_path / "huge.onnx").open("wb") as file:
        file.truncate(SIZE_LIMIT + 1)  # sparse
    with pytest.raises(ModelError, match="larger than a model of a style may be"):
        OnnxModel(tmp_path / "huge.onnx")


def test_cut_short_anywhere(tmp_path):
    data = Stranger().model().SerializeToString()
    for part in (10, 100, len(data) // 3, len(data) // 2, len(data) - 1):
        refusal(tmp_path, data[:part])


def test_data_outside_the_file_is_not_followed(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(3 * 3 * 4))
    model = simple(helper.make_node("Conv", ["x", "w"], ["y"]), w=np.eye(3, dtype=np.float32)[:, :, None, None])
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for place in ("secret", "../secret", "/etc/passwd"):
        del tensor.external_data[:]
        tensor.external_data.add(key="location", value=place)
        assert refusal(tmp_path, model) == "keeps its weights in another file"


def ends(*shapes, kind=FLOAT):
    return [helper.make_tensor_value_info(name, kind, shape) for name, shape in shapes]


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (simple(RELU, takes=(1, 1, 64, 4), gives=(1, 1, 64, 4)), "takes 1x1x64x4, expected pictures 1x3xHxW or "),
        (simple(RELU, takes=(3, 64, 64), gives=(3, 64, 64)), "takes 3x64x64, expected pictures 1x3xHxW or 1xHxWx3"),
        (
            simple(helper.make_node("Identity", ["x"], ["y"]), kind=TensorProto.UINT8),
            "takes uint8, expected float",
        ),
        (
            simple(helper.make_node("Conv", ["x", "w"], ["y"]), w=np.ones((1, 3, 1, 1), np.float32)),
            "its graph makes no sense (gives 1x1x67x69, expected a picture 1x3xHxW or 1xHxWx3; it takes 1x3x?x?)",
        ),
        (
            whole(
                [helper.make_node("Add", ["x", "z"], ["y"])],
                ends(("x", (1, 3, 8, 8)), ("z", (1, 3, 8, 8))),
                ends(("y", (1, 3, 8, 8))),
                {},
            ),
            "takes 2 tensors and gives 1, expected one picture each",
        ),
        (
            simple(helper.make_node("Stylise", ["x"], ["y"], domain="com.stranger")),
            "needs operators of 'com.stranger', expected ONNX's own",
        ),
        (
            simple(
                helper.make_node(
                    "If", ["yes"], ["y"],
                    **dict.fromkeys(
                        ("then_branch", "else_branch"),
                        helper.make_graph(
                            [helper.make_node("Relu", ["x"], ["z"])], "branch", [], ends(("z", (1, 3, "h", "w")))
                        ),
                    ),
                ),
                yes=np.array(True),
            ),
            "branches and loops in ONNX ('If') are not supported",
        ),
        (
            simple(helper.make_node("Stylise", ["x"], ["y"])),
            "damaged ONNX (No Op registered for Stylise",
        ),
    ],
)  # fmt: skip
def test_models_of_another_kind_get_one_sentence(model, sentence, tmp_path):
    assert refusal(tmp_path, model).startswith(sentence)


def test_sizes_that_do_not_fit_together_are_found_before_opencv_sees_them(tmp_path):
    # Of a size below 0 a slice would abort the process, in ONNX's own inference.
    less = helper.make_node("Pad", ["x", "pads"], ["p"])
    cut = helper.make_node("Slice", ["p", "starts", "ends", "axes", "steps"], ["y"])
    numbers = {"pads": [0, 0, -200, -200, 0, 0, 0, 0], "starts": [3], "ends": [0], "axes": [2], "steps": [-1]}
    model = simple(less, cut, **{name: np.int64(value) for name, value in numbers.items()})
    assert "makes no sense" in refusal(tmp_path, model)
    add = helper.make_node("Add", ["x", "w"], ["y"])
    assert "makes no sense" in refusal(tmp_path, simple(add, w=np.ones((1, 3, 5, 6), np.float32)))


@pytest.mark.parametrize(
    ("nodes", "constants"),
    [
        ([helper.make_node("Resize", ["x", "", "s"], ["y"], mode="nearest")], {"s": np.float32([1, 1, 3000, 3000])}),
        (
            [
                helper.make_node("Expand", ["one", "s"], ["z"]),
                helper.make_node("ReduceSum", ["z"], ["r"]),
                helper.make_node("Add", ["x", "r"], ["y"]),
            ],
            {"one": np.float32(1), "s": np.int64([10**6, 10**6])},
        ),
        (
            [
                helper.make_node("ConstantOfShape", ["s"], ["z"]),
                helper.make_node("ReduceSum", ["z"], ["r"]),
                helper.make_node("Add", ["x", "r"], ["y"]),
            ],
            {"s": np.int64([10**6, 10**6])},
        ),
    ],
)
def test_graphs_that_would_eat_the_memory_are_not_run(nodes, constants, tmp_path):
    assert re.match(r"needs \d+ GB a megapixel", refusal(tmp_path, simple(*nodes, **constants)))


def test_sizes_that_are_computed_are_numbers_afterwards(tmp_path):
    path = tmp_path / "a.onnx"
    path.write_bytes(Stranger().model(enlarge="computed", operators=13, old=False).SerializeToString())
    settled = settle(read_onnx(path.read_bytes(), path), (33, 50))
    assert settled.size == (34, 50)
    from onnx import ModelProto

    graph = ModelProto.FromString(settled.data).graph
    assert [node.op_type for node in graph.node if node.op_type in ("Shape", "Gather", "Floor", "Concat")] == []
    (scales,) = (t for t in graph.initializer if t.name == "all")
    assert numpy_helper.to_array(scales).tolist() == [1, 1, 2, 2]
    # Two tensors of 6 channels are alive at once, at least; four at most.
    assert 2 * 6 * 4 * 33 * 50 <= settled.memory <= 4 * 6 * 4 * 35 * 52


def test_damaged_files_never_crash(tmp_path):
    data = Stranger().model(operators=13, old=False, enlarge="computed").SerializeToString()
    rng = np.random.default_rng(1)
    colours = picture(50, 50)
    refused = 0
    for _ in range(24):
        bad = bytearray(data)
        for place in rng.integers(len(bad), size=rng.integers(1, 30)):
            bad[place] = rng.integers(256)
        path = tmp_path / "bad.onnx"
        path.write_bytes(bytes(bad))
        try:
            result = OnnxModel(path)(colours)
        except ModelError:
            refused += 1
        else:
            assert np.isfinite(result).all()
    assert refused > 5
