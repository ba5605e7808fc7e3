"""`export-onnx` against what users do to it: exit status, one sentence, nothing left behind."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors.numpy import save_file

from neural_painter.cli import main
from neural_painter.fast.files import Card, save_model
from neural_painter.fast.formats.onnx_run import OnnxModel
from neural_painter.fast.model import convert
from neural_painter.fast.network import TransformNetwork, johnson
from tests.each import each
from tests.neural_painter.cli.test_commands import listing
from tests.neural_painter.fast.formats.foreign_models import variables
from tests.neural_painter.fast.formats.onnx_samples import picture


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a model, and a file that is none."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    network = TransformNetwork(johnson(4, 1)).eval().requires_grad_(False)
    save_model("waves.safetensors", network, Card("high waves"))
    Path("text.safetensors").write_text("no tensors in here")
    return network


def test_writes_a_file_that_does_what_the_model_does(here, capsys):
    assert main(["export-onnx", "waves.safetensors"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("paint.py: waves.onnx: style 'high waves', any size, 0.")
    model = OnnxModel("waves.onnx")
    assert model.name == "high waves"
    colours = picture(45, 50)
    wanted = here(torch.from_numpy(colours).permute(2, 0, 1)[None]).clamp(0, 1)[0].permute(1, 2, 0).numpy()
    assert np.abs(model(colours) - wanted).max() < 5e-5


def test_size_output_and_silence(here, capsys):
    Path("web").mkdir()
    assert main(["export-onnx", "waves.safetensors", "-o", "web", "--size", "64x48", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    dims = onnx.load("web/waves.onnx").graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_value for dim in dims][2:] == [48, 64]
    assert main(["export-onnx", "-o", "{name}-2.onnx", "waves.safetensors"]) == 0
    assert Path("waves-2.onnx").exists()


def test_without_a_model_it_takes_the_one_that_comes_with_the_project(here, capsys, monkeypatch):
    monkeypatch.setattr("neural_painter.cli.export_onnx.shipped", lambda: Path("waves.safetensors"))
    assert main(["export-onnx", "-o", "a.onnx"]) == 0
    assert OnnxModel("a.onnx").name == "high waves"


def test_published_models_are_exported_as_they_are(here, capsys):
    save_file(variables((2, 3, 4), blocks=1), "wave.safetensors")
    assert main(["export-onnx", "wave.safetensors"]) == 0
    network, _ = convert("wave.safetensors")
    colours = picture(50, 53)
    wanted = network(torch.from_numpy(colours).permute(2, 0, 1)[None]).clamp(0, 1)[0].permute(1, 2, 0).numpy()
    assert np.abs(OnnxModel("wave.onnx")(colours) - wanted).max() < 5e-5


@each(
    "words, status, sentence",
    [
        (["none.safetensors"], 4, "none.safetensors: no such file"),
        (["text.safetensors"], 4, "text.safetensors: is a text, expected a model of a style"),
        (["waves.safetensors", "-o", "waves.png"], 2, "waves.png: expected a name ending in .onnx"),
        (["waves.safetensors", "-o", "no/a.onnx"], 5, "folder does not exist"),
        (["waves.safetensors", "--size", "512"], 2, "--size: expected WIDTHxHEIGHT in pixels, got '512'"),
        (["waves.safetensors", "--size", "4x90"], 2, "--size: this network takes pictures of at least 5 pixels a side"),
        (["waves.safetensors", "more.safetensors"], 2, "more.safetensors"),
        (["waves.safetensors", "-o", "new/"], 0, "new/waves.onnx"),
    ],
)
def test_bad_input_gets_one_sentence_and_leaves_nothing(words, status, sentence, here, capsys):
    before = listing()
    assert main(["export-onnx", *words]) == status
    err = capsys.readouterr().err
    assert sentence in err
    assert "Traceback" not in err
    assert status == 0 or listing() == before


def test_outputs_are_not_replaced_unless_asked(here, capsys):
    Path("a.onnx").write_text("mine")
    words = ["export-onnx", "waves.safetensors", "-o", "a.onnx"]
    assert main(words) == 5
    assert "exists already" in capsys.readouterr().err
    assert Path("a.onnx").read_text() == "mine"
    assert main([*words, "--overwrite"]) == 0
    assert OnnxModel("a.onnx").name == "high waves"
