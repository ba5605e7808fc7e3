"""Styles in one pass: pictures of any size, models of any kind, and what a caller may hand in."""

import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import save

import neural_painter
from neural_painter.errors import NumericalError, UsageError
from neural_painter.fast import model as module
from neural_painter.fast.files import Card, ModelError, save_model
from neural_painter.fast.formats.onnx_run import OnnxModel
from neural_painter.fast.formats.onnx_write import export_onnx
from neural_painter.fast.model import FastModel, load_model, style_transfer
from neural_painter.fast.network import Architecture, Layer, johnson
from neural_painter.images import resize
from tests.each import each
from tests.neural_painter.fast.formats.foreign_models import Johnson, johnson_picture, variables, variables_picture
from tests.neural_painter.fast.formats.torch7_writer import torch7_bytes
from tests.neural_painter.fast.network_samples import ARCHITECTURES, filled, forward, noise, torch7_like

DEEP = Architecture(
    (
        Layer(4, 3, stride=2),
        Layer(4, 3, stride=2),
        Layer(4, 31),
        Layer(4, enlarge=2),
        Layer(4, enlarge=2),
        Layer(3, 9, norm=False, relu=False),
    )
)
"""A border that reflects 60 pixels of the picture."""


def model(architecture=None, **options):
    return FastModel(filled(architecture or johnson(4, 1)), Card("Waves"), device="cpu", **options)


@pytest.fixture(scope="module")
def ours():
    return model()


# Sizes


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (200, 1), (3, 50), (31, 32), (32, 32), (33, 47), (64, 65)])
def test_pictures_of_any_size(size, ours):
    """Small ones are continued by reflection, to the right and downwards."""
    picture = noise(*size)
    found = ours(picture)
    assert (found.shape, found.dtype) == ((*size, 3), np.float32)
    assert found.flags.c_contiguous
    assert found.min() >= 0
    assert found.max() <= 1
    more = [(0, max(0, 32 - side)) for side in size]
    continued = np.pad(picture, [*more, (0, 0)], mode="reflect")
    expected = np.clip(forward(ours.network, continued), 0, 1)[: size[0], : size[1]]
    assert np.abs(found - expected).max() < 1e-5  # measured: 2.4e-6


@each("name", [*ARCHITECTURES, "wide front", "deep"])
def test_networks_of_any_kind_take_a_single_pixel(name):
    architecture = {**ARCHITECTURES, "wide front": replace(torch7_like(), front=60), "deep": DEEP}[name]
    made = model(architecture)
    small, slim = noise(1, 1), noise(2, 37)
    found = [made(small), made(slim)]
    made._strips = None  # as on a GPU, where torch refuses what is too small
    assert made(small).shape == found[0].shape == (1, 1, 3)
    assert found[1].shape == (2, 37, 3)
    assert np.abs(made(slim) - found[1]).max() < 1e-5  # measured: 1.1e-6


@each("name", ["ours", "torch7", "variables"])
def test_in_one_pass_as_on_a_gpu(name):
    made, picture = model(ARCHITECTURES[name]), noise(45, 38)
    expected = made(picture)
    made._strips = None
    picture.setflags(write=False)
    for layout in (picture, np.asfortranarray(picture), picture.transpose(2, 0, 1).copy().transpose(1, 2, 0)):
        found = made(layout)
        assert np.abs(found - expected).max() < 1e-5
        assert (found.dtype, found.flags.c_contiguous) == (np.float32, True)


@pytest.mark.gpu
def test_on_a_gpu():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    for name in ("ours", "torch7", "variables"):
        picture = noise(90, 70)
        expected = model(ARCHITECTURES[name])(picture)
        found = FastModel(filled(ARCHITECTURES[name]), device="cuda")(picture)
        assert np.abs(found - expected).max() < 0.03  # convolutions are rounded to ten bits


def test_a_device_that_is_not_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="device cuda: no CUDA device found"):
        FastModel(filled(johnson(4, 0)), device="cuda")
    assert FastModel(filled(johnson(4, 0))).device.type == "cpu"


def test_names_come_from_the_card(ours):
    assert ours.name == "Waves"
    assert FastModel(filled(johnson(4, 0)), device="cpu").name == ""


@pytest.mark.parametrize("whole", [False, True])
def test_numbers_that_are_not_finite_are_told_of(whole):
    made = model()
    made.network.part(2).weight[0, 0] = float("nan")
    made._strips = None if whole else module.Strips(made.network)
    with pytest.raises(NumericalError, match=r"^the model gave numbers that are not finite$"):
        made(noise(40, 40))


# Pictures that are handed in


def test_bytes_are_taken_like_floats(ours, capsys):
    picture = np.round(255 * noise(33, 40)).astype(np.uint8)
    before = picture.copy()
    found = style_transfer(picture, ours)
    assert np.array_equal(found, ours(picture.astype(np.float32) / 255))
    assert np.array_equal(style_transfer(picture / 255, ours), found)
    assert np.array_equal(style_transfer((picture / 255).tolist(), ours), found)
    assert np.array_equal(picture, before)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("width", "size"), [(20, (17, 20)), (80, (66, 80)), (40, (33, 40)), (1, (1, 1)), (np.int64(9), (7, 9))]
)
def test_the_width_decides_the_size(width, size, ours):
    picture = noise(33, 40)
    found = style_transfer(picture, ours, width=width)
    assert found.shape == (*size, 3)
    assert np.array_equal(found, ours(resize(picture, size=size)))


def test_the_width_of_a_slim_picture(ours):
    assert style_transfer(noise(2, 90), ours, width=10).shape == (1, 10, 3)
    assert style_transfer(noise(90, 2), ours, width=1).shape == (45, 1, 3)


@pytest.mark.parametrize("width", [0, -3, 2.5, "20", float("nan")])
def test_what_is_no_width(width, ours):
    with pytest.raises(ValueError, match=r"^width: expected a whole number of at least 1, got "):
        style_transfer(noise(4, 5), ours, width=width)


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (noise(4, 5)[..., 0], "picture: expected a picture [H, W, 3], got [4, 5]"),
        (noise(4, 5)[..., :2], "picture: expected a picture [H, W, 3], got [4, 5, 2]"),
        (np.zeros((4, 5, 4), np.uint8), "picture: expected a picture [H, W, 3], got [4, 5, 4]"),
        (noise(4, 5)[None], "picture: expected a picture [H, W, 3], got [1, 4, 5, 3]"),
        (noise(4, 5)[:0], "picture: expected a picture [H, W, 3], got [0, 5, 3]"),
        (255 * noise(4, 5), "picture: expected finite numbers in [0, 1]"),
        (noise(4, 5) - 1, "picture: expected finite numbers in [0, 1]"),
        (np.full((4, 5, 3), np.nan), "picture: expected finite numbers in [0, 1]"),
    ],
)
def test_what_is_no_picture(picture, message, ours):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        style_transfer(picture, ours)
    assert str(caught.value) == message


def test_anything_that_restyles_is_a_model():
    class Negative:
        name = "negative"

        def __call__(self, picture):
            return 1 - picture

    assert np.array_equal(style_transfer(noise(4, 5), Negative()), 1 - noise(4, 5))


# Files of models


def our_file(path):
    save_model(path, filled(johnson(4, 1)), Card("Waves"))


def torch7_file(path):
    path.write_bytes(torch7_bytes(Johnson().checkpoint))


def variables_file(path):
    path.write_bytes(save(variables()))


@pytest.mark.parametrize("name", ["it.safetensors", "it.t7", "it", "it.jpg"])
@pytest.mark.parametrize("make", [our_file, torch7_file, variables_file])
def test_the_content_of_a_file_decides(make, name, tmp_path):
    make(tmp_path / name)
    made = load_model(tmp_path / name, device="cpu")
    picture = noise(48, 50)
    found = made(picture)
    if make is our_file:
        expected, called = np.clip(forward(filled(johnson(4, 1)), picture), 0, 1), "Waves"
    elif make is torch7_file:
        expected, called = johnson_picture(Johnson().model, torch.from_numpy(picture).permute(2, 0, 1)[None]), "it"
        expected = expected[0].permute(1, 2, 0).clamp(0, 1).numpy()
    else:
        expected, called = np.clip(variables_picture(variables(), picture), 0, 1), "it"
    assert made.name == called
    assert np.abs(found - expected).max() < 5e-5  # measured: 7.2e-6
    assert np.array_equal(style_transfer(picture, tmp_path / name), found)
    assert np.array_equal(style_transfer(picture, str(tmp_path / name)), found)


@pytest.mark.parametrize("name", ["it.onnx", "it.safetensors"])
def test_onnx_is_run_by_opencv(name, tmp_path):
    export_onnx(filled(johnson(4, 1)), tmp_path / name, name="Waves")
    made = load_model(tmp_path / name, device="cpu")
    assert isinstance(made, OnnxModel)
    assert made.name == "Waves"
    picture = noise(50, 61)
    assert np.abs(style_transfer(picture, made) - model()(picture)).max() < 1e-4


def test_without_a_model_it_is_that_of_the_project(tmp_path, monkeypatch):
    our_file(tmp_path / "style.safetensors")
    monkeypatch.setattr(module, "shipped", lambda: tmp_path / "style.safetensors")
    assert load_model(device="cpu").name == "Waves"
    picture = noise(33, 34)
    assert np.array_equal(neural_painter.style_transfer(picture), model()(picture))


def cut(path):
    our_file(path)
    path.write_bytes(path.read_bytes()[:-5])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.mkdir(), "is a folder, expected a model of a style"),
        (lambda path: path.touch(), "is empty, expected a model of a style"),
        (os.mkfifo, "is not a regular file, expected a model of a style"),
        (lambda path: path.write_text("<!DOCTYPE html>"), "is a web page (HTML), expected a model of a style"),
        (lambda path: path.write_bytes(b"\x80\x02}q\x00."), "is a pickle, expected a model of a style"),
        (cut, "not a model of a style (damaged safetensors)"),
        (
            lambda path: path.write_bytes(save({"a": np.zeros(3)})),
            "is a file of tensors (safetensors), expected a model of a style",
        ),
    ],
)
def test_files_that_are_no_models(make, message, tmp_path):
    make(tmp_path / "it")
    for run in (load_model, lambda path: style_transfer(noise(4, 5), path)):
        with pytest.raises(ModelError) as caught:
            run(tmp_path / "it")
        assert str(caught.value) == f"{tmp_path / 'it'}: {message}"
        assert caught.value.exit_status == 4
