"""Our model files: what is written comes back, and what a stranger may have written is refused."""

import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from neural_painter.errors import OutputError
from neural_painter.fast import files
from neural_painter.fast.files import Card, ModelError, fill, is_ours, model_of, network_of, read_file, save_model
from neural_painter.fast.model import FastModel
from neural_painter.fast.network import Architecture, Layer, TransformNetwork, johnson
from tests.neural_painter.fast.network_samples import ARCHITECTURES, filled, noise

CARD = Card("Nuit étoilée 星", {"steps": 3, "licence": "CC0", "rate": 1e-3, "of": [1, None, {"a": True}]})


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "it.safetensors"
    save_model(path, filled(johnson(4, 1)), CARD)
    return path


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_model_comes_back(name, tmp_path):
    original = filled(ARCHITECTURES[name])
    save_model(tmp_path / "it", original, CARD)
    network, card = read_model(tmp_path / "it")
    assert card == CARD
    assert network.architecture == original.architecture
    assert network.state_dict().keys() == original.state_dict().keys()
    assert all(torch.equal(value, original.state_dict()[key]) for key, value in network.state_dict().items())
    assert not network.training
    assert not any(value.requires_grad for value in network.parameters())
    picture = noise(20, 23)
    assert np.array_equal(FastModel(network, device="cpu")(picture), FastModel(original, device="cpu")(picture))


def read_model(path):
    return model_of(read_file(Path(path)), Path(path))


def test_only_networks_that_older_programs_would_run_wrongly_are_of_a_newer_version(tmp_path):
    for ending, grain, version in (("tanh", 0.0, 1), ("linear", 0.0, 2), ("tanh", 0.1, 3)):
        network = filled(Architecture(johnson(4, 0).layers, colors="raw", ending=ending, grain=grain))
        save_model(tmp_path / "it", network, Card())
        assert read_model(tmp_path / "it")[0].architecture == network.architecture
        data = (tmp_path / "it").read_bytes()
        header = json.loads(
            json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]["neural_painter"]
        )
        assert header["version"] == version
        assert ("ending" in header["architecture"]) == (version == 2)
        assert ("grain" in header["architecture"]) == (version == 3)


def test_the_same_model_gives_the_same_bytes(model, tmp_path):
    save_model(tmp_path / "again", *read_model(model))
    assert (tmp_path / "again").read_bytes() == model.read_bytes()
    save_model(str(tmp_path / "other"), read_model(str(model))[0], Card())
    assert (tmp_path / "other").read_bytes() != model.read_bytes()
    assert read_model(tmp_path / "other")[1] == Card("", {})


def test_a_network_in_training_and_of_any_layout_is_saved(model, tmp_path):
    network = filled(johnson(4, 1)).train().requires_grad_(True).to(memory_format=torch.channels_last)
    save_model(tmp_path / "it", network, CARD)
    assert (tmp_path / "it").read_bytes() == model.read_bytes()
    save_model(tmp_path / "half", network.half(), CARD)
    assert read_model(tmp_path / "half")[0].part(0).weight.dtype == torch.float32


def test_a_name_that_is_no_text_can_be_saved(tmp_path):
    """The stem of a file that is called by bytes which are not UTF-8."""
    name = os.fsdecode(b"caf\xe9")
    save_model(tmp_path / "it", filled(johnson(4, 0)), Card(name))
    assert read_model(tmp_path / "it")[1].name == name


def test_a_model_that_is_there_is_kept_where_it_should_be(model):
    before = model.read_bytes()
    with pytest.raises(OutputError, match=r"it\.safetensors: exists already$"):
        save_model(model, filled(johnson(4, 0)), Card(), overwrite=False)
    assert model.read_bytes() == before
    assert [path.name for path in model.parent.iterdir()] == ["it.safetensors"]


def test_a_read_model_is_independent_of_its_file(model, tmp_path):
    path = tmp_path / "it"
    path.write_bytes(model.read_bytes())
    network, _ = read_model(path)
    before = network.part(0).weight.clone()
    with path.open("r+b") as file:  # in place, as `cp` does
        file.write(b"\0" * path.stat().st_size)
    assert torch.equal(network.part(0).weight, before)


# Strangers


def rewritten(model, path, header=None, **tensors):
    """A copy with another header, and tensors added, changed, or left out (None); `_` in their names is a dot."""
    data = model.read_bytes()
    length = int.from_bytes(data[:8], "little")
    ours = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["neural_painter"])
    text = header if isinstance(header, str) else json.dumps({**ours, **(header or {})})
    held = {**load(data), **{name.replace("_", "."): value for name, value in tensors.items()}}
    held = {name: value for name, value in held.items() if value is not None}
    path.write_bytes(save(held, metadata={"neural_painter": text}))
    return path


def huge():
    layer = {"channels": 1024, "kernel": 31}
    return {"layers": [*[layer] * 63, {"channels": 3}], "front": 0, "colors": "raw", "epsilon": 1e-5}


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("null", "holds tensors, but not those of a style model of ours"),
        ("[]", "holds tensors, but not those of a style model of ours"),
        ("{}", "holds tensors, but not those of a style model of ours"),
        ({"format": "other"}, "holds tensors, but not those of a style model of ours"),
        ({"format": None}, "holds tensors, but not those of a style model of ours"),
        ("", "not a model of a style (damaged safetensors)"),
        ("{", "not a model of a style (damaged safetensors)"),
        ("[" * 100_000, "not a model of a style (damaged safetensors)"),
        ("1" * 5000, "not a model of a style (damaged safetensors)"),
        ({"version": 4}, "its version is 4, expected 1 to 3"),
        ({"version": None}, "its version is None, expected 1 to 3"),
        ({"version": "1" * 999}, f"its version is '{'1' * 39}, expected 1 to 3"),
        ({"architecture": None}, "not the architecture of a network ('NoneType' object is not subscriptable)"),
        ({"architecture": {}}, "not the architecture of a network ('layers')"),
        (
            {"architecture": {**huge(), "layers": [{"channels": 2**40}]}},
            "layer 0: channels is 1099511627776, expected 1 to 1024",
        ),
        ({"architecture": {**huge(), "layers": [{"channels": 3}] * 65}}, "expected 1 to 64 layers, got 65"),
        (
            {"architecture": {**huge(), "layers": [{"channels": 3}] * 10}},
            "tensor '7.bias' is not part of its architecture",
        ),
        ({"architecture": huge()}, "tensor '10.scale' is missing"),
    ],
)
def test_hostile_headers(model, tmp_path, header, message):
    """The last one asks for 250 GB, which no machine of the tests has: an empty network takes no memory."""
    path = rewritten(model, tmp_path / "it", header)
    with pytest.raises(ModelError) as caught:
        read_model(path)
    assert str(caught.value) == f"{path}: {message}"
    assert caught.value.exit_status == 4


def test_a_foreign_file_is_told_of_convert(tmp_path):
    path = tmp_path / "it"
    path.write_bytes(save({"Variable": torch.zeros(3)}))
    with pytest.raises(ModelError, match=r"holds tensors, but not those of a style model of ours$") as caught:
        read_model(path)
    assert caught.value.hint == "`paint.py convert` makes models of ours out of published ones."


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"0_weight": None}, "tensor '0.weight' is missing"),
        ({"7_bias": None, "3_shift": None}, "tensor '3.shift' is missing"),
        ({"8_weight": torch.zeros(1)}, "tensor '8.weight' is not part of its architecture"),
        ({"0_bias": torch.zeros(4)}, "tensor '0.bias' is not part of its architecture"),
        ({"x" * 500: torch.zeros(1)}, f"tensor '{'x' * 59} is not part of its architecture"),
        ({"0_weight": torch.zeros(4, 3, 9)}, "0.weight is [4, 3, 9], expected [4, 3, 9, 9]"),
        ({"0_weight": torch.zeros(4, 9, 9, 3)}, "0.weight is [4, 9, 9, 3], expected [4, 3, 9, 9]"),
        ({"1_scale": torch.zeros(0)}, "1.scale is [0], expected [8]"),
        ({"1_scale": torch.zeros(8, dtype=torch.int64)}, "1.scale holds torch.int64, expected floats"),
        ({"1_scale": torch.zeros(8, dtype=torch.bool)}, "1.scale holds torch.bool, expected floats"),
        ({"1_scale": torch.zeros(8, dtype=torch.complex64)}, "1.scale holds torch.complex64, expected floats"),
        ({"1_scale": torch.full((8,), torch.nan)}, "1.scale holds numbers that are not finite"),
        ({"1_scale": torch.full((8,), -torch.inf)}, "1.scale holds numbers that are not finite"),
        ({"1_scale": torch.full((8,), 1e300, dtype=torch.float64)}, "1.scale holds numbers that are not finite"),
    ],
)
def test_tensors_that_do_not_fit(model, tmp_path, tensors, message):
    path = rewritten(model, tmp_path / "it", **tensors)
    with pytest.raises(ModelError) as caught:
        read_model(path)
    assert str(caught.value) == f"{path}: {message}"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats_are_read(model, tmp_path, dtype):
    tensors = {name.replace(".", "_"): value.to(dtype) for name, value in load(model.read_bytes()).items()}
    network, card = read_model(rewritten(model, tmp_path / "it", **tensors))
    assert card == CARD
    assert all(value.dtype == torch.float32 for value in network.parameters())
    original = read_model(model)[0]
    assert torch.allclose(network.part(1).weight, original.part(1).weight, atol=2e-3)


def test_a_card_of_other_things_is_left_out(model, tmp_path):
    path = rewritten(model, tmp_path / "it", {"name": 7, "about": ["steps"]})
    assert read_model(path)[1] == Card("", {})


def test_damaged_files(model, tmp_path):
    path, data = tmp_path / "it", model.read_bytes()
    lengths = [struct.pack("<Q", n) for n in (0, 2, len(data), 2**40, 2**64 - 1)]
    for spoiled in (
        b"",
        data[:1],
        data[:8],
        data[:500],
        data[:-1],
        data + b"\0",
        data[8:],
        *(length + data[8:] for length in lengths),
        b"<!DOCTYPE html><html><title>Not found</title></html>",
        b"\x80\x02}q\x00.",
        bytes(100),
        b"\xff" * 100,
    ):
        path.write_bytes(spoiled)
        with pytest.raises(ModelError, match=r"it: (not a model of a style|holds tensors|is empty)"):
            read_model(path)


def test_what_is_no_file(tmp_path):
    with pytest.raises(ModelError, match=r"it: no such file$"):
        read_model(tmp_path / "it")
    with pytest.raises(ModelError, match=r"is a folder, expected a model of a style$"):
        read_model(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelError, match=r"is not a regular file, expected a model of a style$"):
        read_model(tmp_path / "pipe")
    with pytest.raises(ModelError):
        read_model("with a \0 in it")


def test_a_file_that_is_too_large_is_not_read(model, monkeypatch):
    monkeypatch.setattr(files, "SIZE_LIMIT", 1000)
    with pytest.raises(ModelError, match=r"is larger than a model of a style may be"):
        read_model(model)


def test_what_looks_like_ours(model):
    data = model.read_bytes()
    assert is_ours(data)
    assert is_ours(data[:-1] + b"!")
    for other in (
        b"",
        b"\x10",
        save({"Variable": torch.zeros(3)}),
        b"\0" * 8 + data[8:],
        struct.pack("<Q", 2**40) + data[8:],
        b'{"neural_painter": 1}',
        b"<html>" + b'"neural_painter"' * 9,
        # The words among the weights are not a header.
        save({"a": torch.frombuffer(bytearray(b'"neural_painter"'), dtype=torch.uint8)}),
    ):
        assert not is_ours(other)


# Filling


def test_an_empty_network_takes_no_memory(tmp_path):
    network = network_of(Architecture((*[Layer(1024, 31)] * 63, Layer(3))).as_json(), tmp_path / "it")
    assert sum(value.numel() for value in network.parameters()) > 6e10
    assert all(value.is_meta for value in network.parameters())


def test_filling_copies_and_leaves_what_was_handed_in(tmp_path):
    network = TransformNetwork(Architecture((Layer(3, 1),)))
    tensors = {"0.weight": torch.ones(3, 3, 1, 1), "0.scale": torch.ones(3), "0.shift": torch.zeros(3)}
    fill(network, tensors, tmp_path / "it")
    tensors["0.weight"].zero_()
    assert (network.part(0).weight == 1).all()
    assert network.part(0).weight.is_contiguous()
    assert isinstance(network.part(0).weight, torch.nn.Parameter)
