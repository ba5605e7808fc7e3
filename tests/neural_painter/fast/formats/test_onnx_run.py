"""ONNX: what we write says the same to every reader; what others write runs, in tiles where it must."""

import cv2
import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from onnx.reference import ReferenceEvaluator

from neural_painter.errors import OutputError
from neural_painter.fast.files import ModelError
from neural_painter.fast.formats import onnx_run
from neural_painter.fast.formats.feathering import run_feathered
from neural_painter.fast.formats.onnx_run import OnnxModel, is_onnx
from neural_painter.fast.formats.onnx_write import export_onnx
from tests.neural_painter.fast.formats.onnx_samples import ARCHITECTURES, Stranger, network, picture, simple

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
    assert is_onnx(b"anything", "it.ONNX")
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


def test_a_range_that_is_not_0_to_255_is_told(tmp_path):
    with pytest.raises(ModelError, match=r"gives numbers from 0\.\d+ to 1, expected 0 to 255"):
        OnnxModel(saved(tmp_path, simple(helper.make_node("Sigmoid", ["x"], ["y"]))))


def test_a_crash_happens_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr("neural_painter.fast.formats.onnx_probe.PROGRAM", "import os; os.abort()")
    with pytest.raises(ModelError, match="crashes on it"):
        OnnxModel(saved(tmp_path, Stranger().model()))
    monkeypatch.setattr("neural_painter.fast.formats.onnx_probe.PROGRAM", "import time; time.sleep(60)")
    monkeypatch.setattr("neural_painter.fast.formats.onnx_probe.SECONDS", 0.2)
    with pytest.raises(ModelError, match="crashes on it"):
        OnnxModel(saved(tmp_path, Stranger().model()))
