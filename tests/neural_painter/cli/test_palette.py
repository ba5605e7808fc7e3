"""`--palette`: numbers, sets and files, what is said, what is refused, and how it goes on."""

import json
import re
import shlex
from pathlib import Path

import pytest

from neural_painter.cli import main
from neural_painter.strokes import read_document
from tests.neural_painter.cli.conftest import FAST, photo
from tests.neural_painter.cli.rows import after_steps

PAINTS = "Ochre,#c8923c\nInk,#23211f\nWhite,#f7f5ee\n"


def paint(*words):
    return main(["cat.png", *words, *FAST])


def test_what_was_chosen_is_in_the_document_and_told(here, capsys):
    photo("cat.png")
    Path("zorn").write_text(PAINTS)
    for choice, told, count in (("3", "3", 3), ("zorn", "zorn", 4), ("./zorn", "own", 3)):
        assert paint("--palette", choice, "-o", "a.npz", "--json", "--overwrite") == 0
        options = read_document("a.npz").options
        assert options["palette"] == told
        facts = json.loads(capsys.readouterr().out)["palette"]
        assert len(options["paints"]) == len(facts) <= count
        assert [fact["number"] for fact in facts] == [k + 1 for k in range(len(facts))]
        assert [fact["name"] for fact in facts] == [one["name"] for one in options["paints"]]
        assert sum(fact["area"] for fact in facts) == pytest.approx(1, abs=0.01)
    assert facts[0].keys() == {"number", "name", "color", "area", "strokes"}
    assert facts[0]["name"] == "Ochre"


def test_what_is_refused(here, capsys):
    photo("cat.png")
    Path("text.csv").write_text("no colour\nat all\n")
    Path("many.csv").write_text("red\n" * 3000)
    Path("none.csv").write_text("name,colour\n")
    for words, status, message in (
        ("--palette zorm", 3, r"zorm: no such file\n  Did you mean zorn\?\n"),
        (
            "--palette my.csv",
            3,
            r"my.csv: no such file\n  --palette takes a number, none, zorn, .* or a file of paints.\n",
        ),
        ("--palette text.csv", 3, "text.csv: not a palette: line 2 holds no colour\n  Expected lines of a name"),
        ("--palette many.csv", 3, "many.csv: not a palette: expected 1 to 256 paints, got 3000\n"),
        ("--palette none.csv", 3, "none.csv: not a palette: expected 1 to 256 paints, got 0\n"),
        ("--palette cat.png", 3, "cat.png: not a palette: found PNG\n"),
        ("--palette 1", 2, "--palette: expected 2 to 256 colours, got 1\n"),
        ("--palette 300", 2, "--palette: expected 2 to 256 colours, got 300\n"),
        ("--palette", 2, "--palette: expected one argument"),
        ("--palette none.csv -o ./none.csv --overwrite", 2, "none.csv: "),
    ):
        assert paint(*words.split()) == status, words
        assert re.match(f"paint.py: {message}", capsys.readouterr().err), words


def test_it_goes_on_with_the_paints_of_its_document(here, capsys, monkeypatch):
    photo("cat.png")
    Path("my.csv").write_text(PAINTS)
    Path("other.csv").write_text("Red,#ff0000\n")
    assert paint("--palette", "my.csv", "-o", "whole.npz") == 0

    def stop():
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        after_steps(patch, 3, stop)
        assert paint("--palette", "my.csv", "-o", "a.npz") == 130
    words = shlex.split(capsys.readouterr().err.splitlines()[-1].partition(" paint.py ")[2])
    assert words[words.index("--palette") + 1] == "my.csv"
    resume = ["cat.png", "--resume", "a.unfinished.npz", "-o", "b.npz", "--quiet", "--overwrite"]
    assert main([*resume, "--palette", "other.csv"]) == 3
    assert capsys.readouterr().err == "paint.py: the document to resume was painted with other paints\n"
    Path("my.csv").unlink()
    assert main(resume) == 0
    assert Path("b.npz").read_bytes() == Path("whole.npz").read_bytes()
