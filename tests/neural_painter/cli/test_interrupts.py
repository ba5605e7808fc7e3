"""Ctrl-C keeps the painting so far and says how to go on."""

import json
import os
import shlex
import signal
from pathlib import Path

import pytest

from neural_painter.cli import main
from neural_painter.cli.interrupts import Interrupts
from neural_painter.painter.work import Work
from neural_painter.strokes import read_document
from tests.neural_painter.cli.conftest import FAST, photo


@pytest.fixture
def at_step(monkeypatch):
    """Does something after a step of the painter; undone by calling it with None."""
    report = Work._report

    def patch(step, action):
        def reported(self, done, loss):
            if done == step:
                action()
            report(self, done, loss)

        monkeypatch.setattr(Work, "_report", report if action is None else reported)

    return patch


def send(number=signal.SIGINT, times=1):
    def action():
        for _ in range(times):
            signal.raise_signal(number)

    return action


def raise_interrupt():
    raise KeyboardInterrupt


ACTIONS = {"raised": raise_interrupt, "SIGINT": send(), "twice": send(times=2)}


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
def test_the_painting_so_far_is_kept_and_goes_on(action, here, at_step, capsys):
    photo("cat.png")
    at_step(3, action)
    assert main(["cat.png", "-o", "a.png", "-o", "a.svg", "--size", "64", "--json", *FAST]) == 130
    said = capsys.readouterr()
    first, hint = said.err.splitlines()
    assert first == "paint.py: interrupted; the painting so far is kept in a.unfinished.npz"
    told = json.loads(said.out)
    assert told["outputs"] == ["a.png", "a.svg", "a.unfinished.npz"]
    assert told["finished"] is False
    place = read_document("a.unfinished.npz").options["unfinished"]
    assert place["stage"] == 0
    assert place["step"] in (2, 3)
    assert hint.startswith("  To go on: ")
    words = shlex.split(hint.partition(" paint.py ")[2])
    begun = "cat.png --strokes 4 --preset fast --output a.png --output a.svg --size 64 --overwrite"
    assert words == [*begun.split(), "--resume", "a.unfinished.npz"]
    at_step(3, None)
    assert main([*words, "-o", "b.npz", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    finished = read_document("b.npz")
    assert "unfinished" not in finished.options
    assert len(finished.strokes) == 4
    assert not Path("a.unfinished.npz").exists()


def test_finished_paintings_and_other_options_do_not_go_on(here, at_step, capsys):
    photo("cat.png")
    at_step(3, raise_interrupt)
    assert main(["cat.png", *FAST]) == 130
    at_step(3, None)
    capsys.readouterr()
    resume = ["--resume", "cat-oil.unfinished.npz", "--quiet"]
    assert main(["cat.png", *resume, "-o", "b.npz", "--strokes", "5"]) == 3
    assert "was painted with strokes 4, now it is 5" in capsys.readouterr().err
    photo("dog.png", width=20)
    assert main(["dog.png", *resume]) == 3
    assert "painted from a photo of 32x24, this one has 20x24" in capsys.readouterr().err
    assert main(["cat.png", *resume, "-o", "b.npz"]) == 0
    assert main(["cat.png", "--resume", "b.npz", "-o", "c.png"]) == 3
    assert "is a finished painting" in capsys.readouterr().err


def test_interrupted_again_while_going_on(here, at_step, capsys):
    photo("cat.png")
    at_step(3, raise_interrupt)
    assert main(["cat.png", *FAST]) == 130
    at_step(5, raise_interrupt)
    command = ["cat.png", "--resume", "cat-oil.unfinished.npz", "-o", "b.png", "--quiet"]
    assert main(command) == 130
    assert Path("b.unfinished.npz").exists()
    at_step(8, raise_interrupt)
    assert main([*command[:2], "b.unfinished.npz", "-o", "b.svg", "--quiet"]) == 130
    assert not Path("b.unfinished-2.npz").exists()  # it holds more of the same painting
    Path("b.png").unlink()
    assert main(["cat.png", "-o", "b.png", *FAST]) == 130
    assert Path("b.unfinished-2.npz").exists()  # another painting


def test_before_the_first_stroke(here, monkeypatch, capsys):
    photo("cat.png")
    monkeypatch.setattr("renderers.weights.read_card", lambda *_: send()())
    assert main(["cat.png", *FAST]) == 130
    assert capsys.readouterr().err == "paint.py: interrupted\n"
    monkeypatch.undo()
    os.chdir(here)
    assert [path.name for path in here.iterdir()] == ["cat.png"]


def test_seeding_is_interrupted(here, monkeypatch, capsys):
    photo("cat.png")
    monkeypatch.setattr("neural_painter.painter.stages.seed_strokes", lambda *_, **__: send()())
    assert main(["cat.png", *FAST]) == 130
    assert capsys.readouterr().err == "paint.py: interrupted before the first step; nothing was written\n"
    assert [path.name for path in Path().iterdir()] == ["cat.png"]


def test_a_second_time_while_saving(here, at_step, monkeypatch, capsys):
    photo("cat.png")
    at_step(3, send())
    monkeypatch.setattr("neural_painter.export.picture.write_image", lambda *_, **__: send()())
    assert main(["cat.png", *FAST]) == 130
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "paint.py: interrupted; the painting so far is kept in cat-oil.unfinished.npz"
    begun = "paint.py cat.png --strokes 4 --preset fast --output cat-oil.png"
    assert lines[1].endswith(f"{begun} --resume cat-oil.unfinished.npz")
    assert sorted(path.name for path in Path().iterdir()) == ["cat-oil.unfinished.npz", "cat.png"]


def test_while_a_finished_painting_is_written(here, monkeypatch, capsys):
    photo("cat.png")
    monkeypatch.setattr("neural_painter.export.picture.write_image", lambda *_, **__: send()())
    assert main(["cat.png", *FAST]) == 130
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "paint.py: the strokes are kept in cat-oil.strokes.npz"
    assert lines[2] == "paint.py: interrupted"


def test_the_rest_of_a_batch_is_left(here, at_step):
    photo("a.png")
    photo("b.png")
    at_step(3, send())
    assert main(["a.png", "b.png", *FAST]) == 130
    assert not Path("b-oil.png").exists()


def test_held_signals_come_after_the_block():
    before = signal.getsignal(signal.SIGINT)
    done = []
    with Interrupts() as interrupts:
        with pytest.raises(KeyboardInterrupt), interrupts.held():  # noqa: PT012
            send(times=2)()
            done.append("saved")
        with pytest.raises(KeyboardInterrupt), interrupts.held():  # noqa: PT012
            send(times=3)()
            done.append("not reached")
        with pytest.raises(KeyboardInterrupt):
            send()()
    assert done == ["saved"]
    assert signal.getsignal(signal.SIGINT) is before
