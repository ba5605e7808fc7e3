"""`restyle` and `--style` against what users do to them: exit status, one sentence, nothing left behind."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file

from neural_painter.cli import main
from neural_painter.images import read_image, write_image
from neural_painter.strokes import read_document, write_document
from tests.each import each
from tests.neural_painter.cli.conftest import FAST, photo
from tests.neural_painter.cli.test_commands import listing
from tests.neural_painter.photo.samples import night, tiny_weights
from tests.neural_painter.sample_documents import sample_document

STYLED = ["--style", "night.png", "--features", "tiny.safetensors", "--style-steps", "3"]


@pytest.fixture
def folder(here):
    """A photo, a painting of it, a style and features."""
    photo("cat.png")
    write_document("cat.npz", sample_document("oil", count=5, size=(24, 32)))
    write_image("night.png", night())
    save_file(tiny_weights(), "tiny.safetensors")
    return here


def test_a_document_is_restyled_with_all_exports(folder, capsys):
    outputs = ["a.png", "a.svg", "a.npz", "a.gif"]
    words = [word for path in outputs for word in ("-o", path)]
    assert main(["restyle", "cat.npz", *STYLED, *words, "--json", "--duration", "1", "--hold", "0"]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert told["outputs"] == outputs
    assert told["finished"] is True
    assert told["style_distance"] < told["style_distance_before"]
    assert told["psnr"] is None
    assert "a.png, a.svg, a.npz, a.gif: 5 strokes, style distance" in err
    document = read_document("a.npz")
    assert len(document.strokes) == 5
    assert document.options["style"]["style_steps"] == 3
    assert read_image("a.png").shape == (24, 32, 3)


def test_the_default_name_the_photo_and_silence(folder, capsys):
    assert main(["restyle", "cat.npz", *STYLED, "--photo", "cat.png", "--quiet"]) == 0
    assert Path("cat-styled.png").exists()
    assert capsys.readouterr() == ("", "")


def test_colour_mode_leaves_the_strokes_in_their_places(folder):
    assert main(["restyle", "cat.npz", *STYLED, "--style-mode", "color", "-o", "a.npz", "--quiet"]) == 0
    before, after = (read_document(name).strokes for name in ("cat.npz", "a.npz"))
    assert np.array_equal(before.placement, after.placement)
    assert np.array_equal(before.shape, after.shape)
    assert not np.array_equal(before.paint, after.paint)


def test_painted_in_a_style(folder, capsys):
    assert main(["cat.png", *FAST[:-1], *STYLED, "-o", "a.npz", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["style_distance"] > 0
    assert "style distance" in err
    assert read_document("a.npz").options["style"]["style_mode"] == "full"


@each(
    "words, status, sentence",
    [
        (["restyle", "none.npz", *STYLED], 3, "none.npz: no such file"),
        (["restyle", "cat.png", *STYLED], 2, "cat.png"),
        (["restyle", "cat.npz"], 2, "--style"),
        (["restyle", "cat.npz", *STYLED, "--style", "none.png"], 3, "none.png: no such file"),
        (
            ["restyle", "cat.npz", *STYLED, "--style", "tiny.safetensors"],
            3,
            "is a network of features, expected a picture",
        ),
        (["restyle", "cat.npz", *STYLED, "--features", "none"], 4, "none"),
        (["restyle", "cat.npz", *STYLED, "--features", "night.png"], 4, "expected a safetensors file of features"),
        (["restyle", "cat.npz", *STYLED, "--photo", "night.png"], 3, "another shape"),
        (["restyle", "cat.npz", *STYLED, "-o", "no/a.png"], 5, "its folder does not exist"),
        (["restyle", "cat.npz", *STYLED, "-o", "cat.npz", "--overwrite"], 2, "would replace an input"),
        (["restyle", "cat.npz", *STYLED, "-o", "night.png", "--overwrite"], 2, "would replace an input"),
        (["restyle", "cat.npz", *STYLED, "-o", "cat.xyz"], 2, "cat.xyz"),
        (["restyle", "cat.npz", *STYLED, "--style-mode", "paint"], 2, "--style-mode: expected one of color, full"),
        (
            ["restyle", "cat.npz", *STYLED, "--style-steps", "0"],
            2,
            "--style-steps: expected a whole number from 1 to 100000, got 0",
        ),
        (
            ["restyle", "cat.npz", *STYLED, "--style-weight", "-2"],
            2,
            "--style-weight: expected a number from 0 to 1000000000",
        ),
        (["cat.png", "--style-weight", "2"], 2, "--style-weight: no style to be painted in"),
        (["cat.png", "--features", "tiny.safetensors"], 2, "--features: no style to be painted in"),
        (["cat.png", *STYLED, "--style", "none.png"], 3, "none.png: no such file"),
        (["cat.png", *STYLED, "-o", "night.png", "--overwrite"], 2, "would replace an input"),
        (["cat.png", *STYLED, "--style-scale", "0"], 2, "--style-scale: expected a number from 0.05 to 20"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(words, status, sentence, folder, capsys):
    before = listing()
    assert main(words) == status
    err = capsys.readouterr().err
    assert sentence in err
    assert "Traceback" not in err
    assert listing() == before
