"""`style` against what users do to it: exit status, one sentence, nothing left behind."""

import json
import urllib.error
from pathlib import Path

import pytest
from safetensors.torch import save_file

from neural_painter.cli import main
from neural_painter.images import read_image, write_image
from tests.each import each
from tests.neural_painter.cli.test_commands import listing
from tests.neural_painter.photo.samples import day, night, tiny_weights

HASTE = ["--features", "tiny.safetensors", "--iterations", "1", "--device", "cpu"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a content, two styles and features; no network."""

    def unreachable(*_, **__):
        raise urllib.error.URLError("no network in tests")

    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    monkeypatch.setenv("NEURAL_PAINTER_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    write_image("day.png", day())
    write_image("night.png", night())
    save_file(tiny_weights(), "tiny.safetensors")
    return folder


def test_writes_every_output_and_one_json_object(here, capsys):
    words = ["day.png", "night.png", "day.png", "--style-blend", "2,1", "-o", "a.png", "-o", "a.jpg", "--json"]
    assert main(["style", *words, *HASTE]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["outputs"] == ["a.png", "a.jpg"]
    assert found["styles"] == ["night.png", "day.png"]
    assert found["finished"] is True
    assert found["seconds"]["total"] > 0
    assert "a.png, a.jpg" in err
    assert read_image("a.png").shape == day().shape


def test_the_default_name_and_silence(here, capsys):
    assert main(["style", "day.png", "night.png", "--quiet", *HASTE]) == 0
    assert Path("day-style.png").exists()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("size", "expected"), [("28", (20, 28)), ("112x80", (80, 112))])
def test_size(size, expected, here):
    assert main(["style", "day.png", "night.png", "-o", "a.png", "--size", size, "--quiet", *HASTE]) == 0
    assert read_image("a.png").shape[:2] == expected


@each(
    "words, status, sentence",
    [
        (["none.png", "night.png"], 3, "none.png: no such file"),
        (["day.png", "none.png"], 3, "none.png: no such file"),
        (["day.png", "tiny.safetensors"], 3, "is a network of features, expected a picture"),
        (["day.png"], 2, "STYLE"),
        (["day.png", "night.png", "-o", "a.svg"], 2, "expected the name of a picture"),
        (["day.png", "night.png", "-o", "night.png", "--overwrite"], 2, "would replace an input"),
        (["day.png", "night.png", "-o", "no/a.png"], 5, "folder does not exist"),
        (
            ["day.png", "night.png", "--style-blend", "1,2"],
            2,
            "a weight for each style, got 1 styles and 2",
        ),
        (["day.png", "night.png", "--style-blend", "much"], 2, "expected numbers like 2,1"),
        (["day.png", "night.png", "--style-blend", "0"], 2, "not all 0"),
        (["day.png", "night.png", "--optimizer", "sgd"], 2, "--optimizer: expected one of adam, lbfgs"),
        (["day.png", "night.png", "--size", "100x100"], 2, "does not have the shape"),
        (["day.png", "night.png", "--features", "day.png"], 4, "expected a safetensors file of features"),
        (["day.png", "night.png", "--features", "vgg19"], 4, "could not be downloaded"),
    ],
)
def test_bad_input_gets_one_sentence_and_leaves_nothing(words, status, sentence, here, capsys):
    before = listing()
    assert main(["style", *HASTE, *words]) == status
    err = capsys.readouterr().err
    assert sentence in err
    assert "Traceback" not in err
    assert listing() == before
