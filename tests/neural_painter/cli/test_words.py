"""Options turned back into words, and commands that can be pasted."""

import subprocess
import sys
from pathlib import Path

from neural_painter.cli.options import Parser, add_manners, add_output, add_pictures
from neural_painter.cli.words import command, quoted, signature, words_of


def parser():
    made = Parser("test")
    made.add_argument("photo", type=Path)
    made.add_argument("more", type=Path, nargs="*")
    made.add_argument("--weight", type=float, default=1.0)
    made.add_argument("--flag", action="store_true")
    made.add_argument("--resume", type=Path)
    add_output(made, "help")
    add_pictures(made)
    add_manners(made)
    return made


def test_words_that_are_read_again_give_the_same_options():
    given = [
        ["cat.png"],
        ["cat.png", "b.png", "c d.png", "--weight", "1e-07", "--flag", "-o", "a.png", "-o", "b'.svg", "--overwrite"],
        ["--canvas", "12,34,255", "--size", "30x20", "--", "-a.png", "-b.png"],
        ["x", "--size", "99", "--weight", "-2.5", "--resume", "r.npz"],
    ]
    for words in given:
        options = parser().read(words)
        assert parser().read(words_of(parser(), options)) == options


def test_defaults_and_what_is_left_out_are_not_repeated():
    options = parser().read(["cat.png", "--weight", "1", "--quiet", "--json"])
    assert words_of(parser(), options, without=("quiet", "json")) == ["cat.png"]


def test_any_name_can_be_pasted():
    names = ["a b.png", "it's.png", "a\x1b[31m.png", "новый.png", "a\nb", "$(x)`y`\\", "\udcff.png"]
    for name in names:
        word = quoted(name)
        assert word.isprintable()
        done = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, check=True)
        assert done.stdout == name.encode(errors="surrogateescape")


def test_the_interpreter_and_script_that_were_called_are_named(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["../the project/paint.py", "cat.png"])
    monkeypatch.setattr(sys, "orig_argv", ["python3.11", "-X", "dev", "../the project/paint.py", "cat.png"])
    assert command("render", "a b") == "python3.11 -X dev '../the project/paint.py' render 'a b'"
    monkeypatch.setattr(sys, "argv", ["/somewhere/neural_painter/__main__.py", "cat.png"])
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "neural_painter", "cat.png"])
    assert command("x") == "python -m neural_painter x"
    monkeypatch.setattr(sys, "argv", ["/nowhere/bin/neural-painter", "cat.png"])
    assert command("x") == "/nowhere/bin/neural-painter x"


def test_a_signature_names_files_without_their_folders():
    options = parser().read(["/home/me/cat.png", "--weight", "2", "-o", "/tmp/x.png", "--overwrite"])
    assert signature(parser(), options) == "paint.py test cat.png --weight 2"
