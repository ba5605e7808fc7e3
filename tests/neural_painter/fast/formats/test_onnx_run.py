"""ONNX: what we write says the same to every reader; what others write runs, in tiles where it must."""

import sys

import cv2
import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from onnx.reference import ReferenceEvaluator

from neural_painter.errors import OutputError, UsageError
from neural_painter.fast.files import ModelError
from neural_painter.fast.formats import onnx_probe, onnx_run
from neural_painter.fast.formats.feathering import run_feathered
from neural_painter.fast.formats.onnx_run import OnnxModel, is_onnx
from neural_painter.fast.formats.onnx_write import export_onnx
from tests.neural_painter.fast.formats.onnx_samples import (
    ARCHITECTURES,
    Stranger,
    colours_last,
    network,
    picture,
    simple,
)

SIZES = ((40, 36), (37, 42), (35, 51))
TOLERANCE = 5e-5  # measured: 3e-6 with OpenCV 5.0 and ONNX's reference, 1.3e-5 with OpenCV 4.11


def expected(made, colours):
    x = torch.from_numpy(colours).permute(2, 0, 1)[None]
    with torch.inference_mode():
        return made(x).clamp(0, 1)[0].permute(1, 2, 0).numpy()


def saved(tmp_path, model, name="stranger.onnx"):
    (tmp_path / name).write_bytes(model.SerializeToString())
    return tmp_path / name


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("size", SIZES)
def test_readers_agree_with_torch_on_every_kind_of_layer(name, size, tmp_path):
    made, colours = network(name), picture(*size)
    wanted = expected(made, colours)
    assert wanted.std() > 0.05
    assert ((wanted > 0) & (wanted < 1)).mean() > 0.5
    blob = np.ascontiguousarray(colours.transpose(2, 0, 1)[None])
    export_onnx(made, tmp_path / "free.onnx")
    export_onnx(made, tmp_path / "fixed.onnx", size=size)
    found = {"reference": ReferenceEvaluator(str(tmp_path / "free.onnx")).run(None, {"input": blob})[0]}
    for file in ("free", "fixed"):
        if file == "free" and cv2.__version__.startswith("4"):
            continue  # OpenCV 4 wants the size fixed
        net = cv2.dnn.readNetFromONNX(str(tmp_path / f"{file}.onnx"))
        net.setInput(blob)
        found[file] = net.forward()
    for reader, result in found.items():
        assert result.shape == (1, 3, *size), reader
        assert np.abs(result[0].transpose(1, 2, 0) - wanted).max() < TOLERANCE, reader


def test_one_file_runs_at_every_size(tmp_path):
    made = network("torch7")
    export_onnx(made, tmp_path / "style.onnx", name="waves")
    model = OnnxModel(tmp_path / "style.onnx")
    assert model.name == "waves"
    for size in SIZES:
        colours = picture(*size)
        before = colours.copy()
        result = model(colours)
        assert result.dtype == np.float32
        assert result.shape == colours.shape
        assert np.abs(result - expected(made, colours)).max() < TOLERANCE
        assert (colours == before).all()


def test_our_file_tells_what_it_is_and_repeats(tmp_path):
    export_onnx(network("ours"), tmp_path / "a.onnx", name="Sternennacht ★")
    export_onnx(network("ours"), tmp_path / "b.onnx", name="Sternennacht ★")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    model = onnx.load(tmp_path / "a.onnx")
    assert {entry.key: entry.value for entry in model.metadata_props} == {
        "producer": "neural-painter",
        "range": "0 to 1",
        "style": "Sternennacht ★",
    }
    dims = [
        [d.dim_param or d.dim_value for d in end[0].type.tensor_type.shape.dim]
        for end in (model.graph.input, model.graph.output)
    ]
    assert dims == [["N", 3, "H", "W"]] * 2
    assert model.opset_import[0].version == 13


def test_the_size_can_be_fixed_in_the_file(tmp_path):
    export_onnx(network("torch7"), tmp_path / "a.onnx", size=(40, 56))
    dims = onnx.load(tmp_path / "a.onnx").graph.output[0].type.tensor_type.shape.dim
    assert [d.dim_value for d in dims][1:] == [3, 40, 56]
    with pytest.raises(ValueError, match="at least 17 pixels a side, got 40x16"):
        export_onnx(network("torch7"), tmp_path / "b.onnx", size=(16, 40))
    assert not (tmp_path / "b.onnx").exists()


def test_files_are_not_replaced_unless_asked(tmp_path):
    path = tmp_path / "a.onnx"
    path.write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists already"):
        export_onnx(network("ours"), path)
    assert path.read_bytes() == b"mine"
    export_onnx(network("ours"), path, overwrite=True)
    assert OnnxModel(path).name == "a"


def test_onnx_is_told_by_its_name_or_its_beginning(tmp_path):
    export_onnx(network("ours"), tmp_path / "nameless")
    assert is_onnx((tmp_path / "nameless").read_bytes(), "nameless")
    assert is_onnx(b"any\0thing", "it.ONNX")
    assert not is_onnx(b"\x89PNG\r\n\x1a\n", "it.onnx")
    assert not any(is_onnx(data, "it") for data in (b"torch", b"", b"\x08", b"onnx"))


# --- models of strangers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [
        {"size": (64, 64)},  # ONNX's collection: old format, weights among the inputs, one size
        {"size": (64, 64), "enlarge": "computed"},
        {"operators": 13, "old": False},
        {"operators": 13, "old": False, "enlarge": "computed"},
        {"operators": 13, "old": False, "enlarge": "computed", "size": (32, 96)},
    ],
)
def test_models_of_0_to_255_run_whole_at_any_size(kind, tmp_path):
    stranger = Stranger()
    model = OnnxModel(saved(tmp_path, stranger.model(**kind)))
    assert model.name == "stranger"
    for size in ((64, 64), (63, 90)):
        colours = picture(*size)
        wanted = stranger.reference(colours)
        assert wanted.std() > 0.05
        assert np.abs(model(colours) - wanted).max() < TOLERANCE


def test_a_file_that_works_at_one_size_runs_in_tiles_of_it(tmp_path):
    stranger = Stranger(norm=False)
    model = OnnxModel(saved(tmp_path, stranger.model((48, 64), enlarge="sizes", operators=13, old=False)))
    colours = picture(48, 64)
    assert np.abs(model(colours) - stranger.reference(colours)).max() < TOLERANCE
    colours = picture(100, 171)
    result, wanted = model(colours), stranger.reference(colours)
    assert result.shape == colours.shape
    # Blended are what lies at a tile's border and the whole picture; they differ by little, and only there.
    assert np.median(np.abs(result - wanted)) < 0.01
    small = picture(20, 30)
    assert model(small).shape == small.shape


def test_tiles_leave_no_seam(tmp_path):
    """An instance norm gives every tile of a ramp the same colours: cut hard, they would jump by nearly all of them."""
    sizes = np.int64([1, 3, 64, 64])
    norm = helper.make_node("InstanceNormalization", ["x", "scale", "shift"], ["n"])
    fixed = helper.make_node("Resize", ["n", "", "", "sizes"], ["y"], mode="nearest")
    weights = {"scale": np.full(3, 60, np.float32), "shift": np.full(3, 128, np.float32), "sizes": sizes}
    path = saved(tmp_path, simple(norm, fixed, takes=(1, 3, 64, 64), gives=(1, 3, 64, 64), **weights))
    model = OnnxModel(path)
    ramp = np.linspace(0, 1, 200, dtype=np.float32)[None, :, None].repeat(64, 0).repeat(3, 2)
    hard = run_feathered(ramp, (64, 64), (0, 0), model)
    result = model(ramp)
    assert np.abs(np.diff(hard, axis=1)).max() > 0.25  # measured: 0.28
    assert np.abs(np.diff(result, axis=1)).max() < 0.03  # measured: 0.020
    assert np.abs(np.diff(result, axis=0)).max() < 1e-5


def test_pictures_too_large_for_the_memory_run_in_tiles(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_run, "OVERLAP", 16)
    made = network("ours")
    export_onnx(made, tmp_path / "a.onnx")
    model = OnnxModel(tmp_path / "a.onnx")
    sizes = []
    inner = model._run
    monkeypatch.setattr(model, "_run", lambda part: sizes.append(part.shape[:2]) or inner(part))
    colours = picture(90, 140)
    whole = model(colours)
    assert sizes == [(90, 140)]
    assert np.abs(whole - expected(made, colours)).max() < TOLERANCE
    monkeypatch.setattr(onnx_run, "MEMORY", model._bytes_per_pixel * 64 * 64)
    tiled = model(colours)
    assert len(sizes) > 3
    assert max(height * width for height, width in sizes[1:]) <= 64 * 64
    assert tiled.shape == whole.shape
    wanted = run_feathered(colours, model._tile(90, 140), (16, 16), lambda part: expected(made, part))
    assert np.abs(tiled - wanted).max() < TOLERANCE


@pytest.mark.parametrize("size", [(1, 1), (1, 90), (7, 5)])
def test_tiny_pictures(size, tmp_path):
    export_onnx(network("torch7"), tmp_path / "a.onnx")
    result = OnnxModel(tmp_path / "a.onnx")(picture(*size))
    assert result.shape == (*size, 3)
    assert np.isfinite(result).all()


def test_pictures_that_come_out_larger_are_made_as_large_again(tmp_path):
    double = helper.make_node("Resize", ["x", "", "scales"], ["y"], mode="nearest")
    model = OnnxModel(saved(tmp_path, simple(double, scales=np.float32([1, 1, 2, 2]))))
    colours = picture(60, 81)
    assert np.abs(model(colours) - colours).max() < 1e-5


def test_graphs_that_want_multiples_get_them(tmp_path):
    """Halved three times and doubled again, and added to what it was: only sides that are multiples of 8 fit."""
    nodes, last = [], "x"
    for step in range(3):
        nodes.append(helper.make_node("AveragePool", [last], [f"p{step}"], kernel_shape=[2, 2], strides=[2, 2]))
        last = f"p{step}"
    nodes.append(helper.make_node("Resize", [last, "", "scales"], ["up"], mode="nearest"))
    nodes.append(helper.make_node("Add", ["up", "x"], ["y"]))
    model = OnnxModel(saved(tmp_path, simple(*nodes, scales=np.float32([1, 1, 8, 8]))))
    flat = np.full((61, 75, 3), 0.25, np.float32)
    assert np.abs(model(flat) - 0.5).max() < 1e-5


def test_opencv_says_nothing_itself(tmp_path, capfd):
    noise = helper.make_node("RandomUniformLike", ["x"], ["y"])
    with pytest.raises(ModelError, match=r"OpenCV \d+\.\d+\.\d+\S* cannot run it \(operator RandomUniformLike\)"):
        OnnxModel(saved(tmp_path, simple(noise)))
    assert capfd.readouterr() == ("", "")


def test_numbers_that_are_not_finite_are_told(tmp_path):
    root = helper.make_node("Sqrt", ["x"], ["r"])
    bad = helper.make_node("Div", ["r", "zero"], ["y"])
    with pytest.raises(ModelError, match="not finite"):
        OnnxModel(saved(tmp_path, simple(root, bad, zero=np.float32(0))))


def test_a_range_that_is_none_of_colours_is_told(tmp_path):
    faint = helper.make_node("Mul", ["x", "little"], ["y"])
    with pytest.raises(ModelError, match=r"gives numbers from \S+ to 0\.\d+, expected 0 to 255, 0 to 1 or -1 to 1"):
        OnnxModel(saved(tmp_path, simple(faint, little=np.full((1, 3, 1, 1), 1e-6, np.float32))))


def test_what_goes_wrong_happens_elsewhere(tmp_path, monkeypatch):
    path = saved(tmp_path, Stranger().model())
    for program, seconds, why in (
        ("import os; os.abort()", 60, "crashes on it"),
        ("import time; time.sleep(60)", 0.2, r"does not finish it in 0\.2 s"),
        ("import sys; sys.exit(3)", 60, "needs more than 4 GiB of memory for a small picture"),
    ):
        monkeypatch.setattr(onnx_probe, "PROGRAM", program)
        monkeypatch.setattr(onnx_probe, "SECONDS", seconds)
        with pytest.raises(ModelError, match=rf"OpenCV \S+ {why}"):
            OnnxModel(path)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not bound a process's memory so")
def test_memory_is_bounded_elsewhere(tmp_path, monkeypatch):
    path = saved(tmp_path, Stranger(norm=False).model((600, 600), enlarge="sizes", operators=13, old=False))
    monkeypatch.setattr(onnx_probe, "MEMORY", 0)
    with pytest.raises(ModelError, match=r"needs more than 0 GiB of memory for a small picture$"):
        OnnxModel(path)


def test_what_opencv_cannot_allocate_is_out_of_memory(tmp_path, monkeypatch):
    model = OnnxModel(saved(tmp_path, Stranger().model()))

    def refuse(*_):
        raise cv2.error("std::bad_alloc")

    monkeypatch.setattr(cv2.dnn, "readNetFromONNX", refuse)
    with pytest.raises(MemoryError):
        model(picture(50, 60))


# --- layouts and ranges of other families ---------------------------------------------------------------------------


def test_colours_may_come_last(tmp_path):
    stranger = Stranger()
    for kind in ({}, {"enlarge": "computed"}, {"size": (64, 80)}):
        model = colours_last(stranger.model(operators=13, old=False, **kind))
        made = OnnxModel(saved(tmp_path, model))
        assert made.notes == []
        for size in ((64, 80), (43, 66)):
            assert np.abs(made(picture(*size)) - stranger.reference(picture(*size))).max() < TOLERANCE


def test_colours_may_come_last_on_one_side_only(tmp_path):
    last = helper.make_node("Transpose", ["x"], ["y"], perm=[0, 2, 3, 1])
    first = helper.make_node("Transpose", ["x"], ["y"], perm=[0, 3, 1, 2])
    for number, (node, takes, gives) in enumerate(
        (
            (last, (1, 3, "h", "w"), (1, "h", "w", 3)),
            (first, (1, "h", "w", 3), (1, 3, "h", "w")),
            (first, ("n", "a", "b", 3), ("n", 3, "a", "b")),
            (first, ("n", "a", "b", "c"), ("n", "c", "a", "b")),
        )
    ):
        made = OnnxModel(saved(tmp_path, simple(node, takes=takes, gives=gives), f"{number}.onnx"))
        assert np.abs(made(picture(45, 60)) - picture(45, 60)).max() < 1e-5


def family(ends, before=(), *, spread=0.3, **constants):
    """A convolution without norm, between nodes that bring colours into its range, and those that end the graph."""
    weight = np.random.default_rng(0).normal(0, spread, (3, 3, 3, 3)).astype(np.float32)
    pads = np.int64([0, 0, 1, 1, 0, 0, 1, 1])
    last = before[-1].output[0] if before else "x"
    nodes = [
        *before,
        helper.make_node("Pad", [last, "pads"], ["p"], mode="reflect"),
        helper.make_node("Conv", ["p", "w"], ["c"]),
        *ends,
    ]
    return simple(*nodes, w=weight, pads=pads, **constants)


def node(operator, *names):
    return helper.make_node(operator, list(names[:-1]), [names[-1]])


NUMBERS = {
    "two": np.float32(2), "one": np.float32(1), "half": np.float32(0.5), "zero": np.float32(0),
    "middle": np.float32(127.5), "top": np.float32(255), "means": np.float32([123.68, 116.78, 103.94])[:, None, None],
}  # fmt: skip

TANH, SIGMOID = (node("Tanh", "c", "y"),), (node("Sigmoid", "c", "y"),)
BYTES_IN = (node("Div", "x", "middle", "b0"), node("Sub", "b0", "one", "b1"))
UNIT_IN = (node("Mul", "x", "two", "b0"), node("Sub", "b0", "one", "b1"))
SIGNED_IN = (node("Add", "x", "one", "b0"), node("Mul", "b0", "half", "b1"))

FAMILIES = {
    "tanh alone": (TANH, (), (-1, 1), (-1, 1)),
    "sigmoid alone": (SIGMOID, (), (0, 1), (0, 1)),
    "tanh to bytes": (
        (node("Tanh", "c", "t"), node("Add", "t", "one", "u"), node("Mul", "u", "middle", "y")),
        BYTES_IN, (0, 255), (0, 255),
    ),
    "two sigmoids less one": (
        (node("Sigmoid", "c", "t"), node("Mul", "t", "two", "u"), node("Sub", "u", "one", "y")),
        (), (-1, 1), (-1, 1),
    ),
    "a limit": ((node("Clip", "c", "zero", "one", "y"),), UNIT_IN, (0, 1), (0, 1)),
    "bytes in, tanh out": (TANH, BYTES_IN, (0, 255), (-1, 1)),
    "one in, tanh out": (TANH, UNIT_IN, (0, 1), (-1, 1)),
    "signed in, one out": (SIGMOID, SIGNED_IN, (-1, 1), (0, 1)),
    "means taken away": (SIGMOID, (node("Sub", "x", "means", "b0"),), (0, 255), (0, 1)),
    "halved": ((node("Tanh", "c", "t"), node("Mul", "t", "half", "y")), UNIT_IN, (0, 1), (-0.5, 0.5)),
}  # fmt: skip
"""Ends and beginnings of graphs, and from where to where colours go in and out of them."""


@pytest.mark.parametrize("last", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_ranges_of_colours_are_read_off_the_graph(last, tmp_path):
    for name, (ends, before, takes, gives) in FAMILIES.items():
        model = family(ends, before, spread=0.003 if name == "means taken away" else 0.3, **NUMBERS)
        made = OnnxModel(saved(tmp_path, colours_last(model) if last else model))
        colours = picture(40, 52)
        blob = (takes[0] + colours * (takes[1] - takes[0])).astype(np.float32).transpose(2, 0, 1)[None]
        (raw,) = ReferenceEvaluator(model).run(None, {"x": blob})
        wanted = np.clip((raw[0].transpose(1, 2, 0) - gives[0]) / (gives[1] - gives[0]), 0, 1)
        assert np.abs(made(colours) - wanted).max() < TOLERANCE, name
        assert made.notes == [], name


def test_a_range_that_only_a_trial_tells_is_said(tmp_path):
    never_below_zero = (node("Sin", "c", "s"), node("Abs", "s", "y"))
    for ends, takes in (((node("Sin", "c", "y"),), "-1 to 1"), (never_below_zero, "0 to 1")):
        model = family(ends)
        made = OnnxModel(saved(tmp_path, model))
        assert made.notes == [
            f"{tmp_path / 'stranger.onnx'}: its graph does not tell the range of colours; {takes} is assumed"
        ]


# --- small files that grow ------------------------------------------------------------------------------------------


def test_a_border_that_no_picture_has_is_refused(tmp_path):
    """A picture would be filled up to twenty thousand pixels a side, 14.7 GB, for a border that is cut off again."""
    for pads, mode in (([0, 0, 19969, 0, 0, 0, 0, 0], "constant"), ([0, 0, 19969, 19969, 0, 0, 0, 0], "reflect")):
        wide = helper.make_node("Pad", ["x", "pads"], ["p"], mode=mode)
        cut = helper.make_node("Slice", ["p", "starts", "ends", "axes"], ["y"])
        numbers = {"pads": pads, "starts": [pads[2], pads[3]], "ends": [2**31 - 1] * 2, "axes": [2, 3]}
        model = simple(wide, cut, **{name: np.int64(value) for name, value in numbers.items()})
        with pytest.raises(ModelError, match=r"lays 19969 pixels around a picture, expected 512 at most"):
            OnnxModel(saved(tmp_path, model))


# --- what others print, and what is not installed -------------------------------------------------------------------


def test_operators_of_which_the_checker_would_warn_on_stdout_are_refused(tmp_path, capfd):
    old = helper.make_node("ImageScaler", ["x"], ["y"], bias=[0.0, 0.0, 0.0], scale=1.0)
    with pytest.raises(ModelError, match="needs ImageScaler, an experimental operator that ONNX has dropped"):
        OnnxModel(saved(tmp_path, simple(old, operators=7)))
    assert capfd.readouterr() == ("", "")


def test_without_the_package_onnx_one_sentence_says_how_to_get_it(tmp_path, monkeypatch):
    path = saved(tmp_path, Stranger().model())
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ModelError, match=r"stranger\.onnx: an ONNX model needs the package onnx") as caught:
        OnnxModel(path)
    assert caught.value.hint == "pip install 'neural-painter[onnx]'"
    with pytest.raises(UsageError, match=r"^writing ONNX needs the package onnx, which is not installed$") as caught:
        export_onnx(network("ours"), tmp_path / "a.onnx")
    assert caught.value.hint == "pip install 'neural-painter[onnx]'"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["stranger.onnx"]
