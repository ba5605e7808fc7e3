"""`--relief` and its light: what a document says of them, what `render` makes of it, what is refused."""

import os
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from neural_painter.cli import main
from neural_painter.export.finish import Finish
from neural_painter.export.rendering import render
from neural_painter.images import to_uint8
from neural_painter.strokes import read_document, write_document
from tests.each import each
from tests.neural_painter.cli.conftest import FAST, anew, photo
from tests.neural_painter.sample_documents import sample_document


def pixels(path):
    with Image.open(path) as image:
        return np.array(image)


def shown(document, finish):
    return to_uint8(render(document, document.size, finish=finish))


def test_paint_is_lit_and_the_document_says_how(here):
    photo("cat.png")
    assert main(["cat.png", "-o", "a.png", "-o", "a.npz", "--gloss", "1", *FAST]) == 0
    document = read_document("a.npz")
    assert document.options["finish"]["gloss"] == 1
    np.testing.assert_array_equal(pixels("a.png"), shown(document, Finish(gloss=1)))
    assert main(["render", "a.npz", "-o", "b.png", "--quiet"]) == 0
    np.testing.assert_array_equal(pixels("b.png"), pixels("a.png"))


def test_no_relief_is_flat_paint(here):
    photo("cat.png")
    assert main(["cat.png", "-o", "a.png", "-o", "a.npz", "--relief", "0", *FAST]) == 0
    document = read_document("a.npz")
    np.testing.assert_array_equal(pixels("a.png"), to_uint8(render(document, document.size)))


def test_an_older_document_is_rendered_as_it_was(here):
    document = sample_document("oil", count=20)
    write_document("a.npz", document)
    assert main(["render", "a.npz", "-o", "a.png", "-o", "b.npz", "--quiet"]) == 0
    np.testing.assert_array_equal(pixels("a.png"), to_uint8(render(document, document.size)))
    assert (here / "b.npz").read_bytes() == (here / "a.npz").read_bytes()
    assert main(["render", "a.npz", "-o", "c.png", "--relief", "1", "--light", "-45,60", "--quiet"]) == 2  # an option?
    assert main(["render", "a.npz", "-o", "c.png", "--relief", "1", "--light=-45,60", "--quiet"]) == 0
    np.testing.assert_array_equal(pixels("c.png"), shown(document, Finish(1.0, (315.0, 60.0), gloss=0.3, weave=0.5)))


def test_what_was_asked_before_holds_until_it_is_asked_anew(here):
    finish = Finish(relief=2.0, light=(90.0, 30.0), gloss=0.0, weave=0.0)
    document = sample_document("oil", count=20)
    write_document("a.npz", replace(document, options={"finish": finish.told()}))
    assert main(["render", "a.npz", "-o", "a.png", "-o", "b.npz", "--light", "180,45", "--quiet"]) == 0
    asked = replace(finish, light=(180.0, 45.0))
    np.testing.assert_array_equal(pixels("a.png"), shown(document, asked))
    assert read_document("b.npz").options["finish"] == asked.told()


@each(
    "words, message",
    [
        ("--relief -1", "--relief: expected a number from 0 to 5, got -1.0"),
        ("--relief high", "--relief: expected a number, got 'high'"),
        ("--light 45", "--light: expected two angles such as 315,50, got '45'"),
        ("--light 45,0", "--light: expected two angles, the second 5 to 90, got (45.0, 0.0)"),
        ("--light nan,45", "--light: expected two angles, the second 5 to 90"),
        ("--gloss nan", "--gloss: expected a number from 0 to 2, got nan"),
        ("--weave 9", "--weave: expected a number from 0 to 3, got 9.0"),
        ("--brush tape -o a-height.png", "a-height.png: the paint of tape lies flat"),
        ("--brush tape -o a-normal.png", "a-normal.png: the paint of tape lies flat"),
    ],
)
def test_what_is_refused(words, message, here, capsys):
    anew(here)
    photo("cat.png")
    assert main(["cat.png", *words.split(), *FAST]) == 2
    assert capsys.readouterr().err.startswith(f"paint.py: {message}")
    assert os.listdir() == ["cat.png"]


@pytest.mark.parametrize("told", [5, {"relief": "high"}, {"relief": 99}, {"shine": 1}, {"light": [1]}])
def test_a_document_whose_finish_makes_no_sense(told, here, capsys):
    write_document("a.npz", replace(sample_document("oil", count=3), options={"finish": told}))
    assert main(["render", "a.npz", "-o", "a.png", "--quiet"]) == 3
    assert "a.npz: how it is to be shown makes no sense" in capsys.readouterr().err
    assert os.listdir() == ["a.npz"]


def test_a_film_and_maps(here):
    photo("cat.png")
    outputs = [word for name in ("a.gif", "a-height.png", "a-normal.png") for word in ("-o", name)]
    assert main(["cat.png", *outputs, "--duration", "0.5", "--fps", "4", *FAST]) == 0
    assert pixels("a-height.png").dtype == np.uint16
    assert pixels("a-normal.png").shape == (24, 32, 3)
