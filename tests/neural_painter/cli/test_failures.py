"""What is neither the user's mistake nor an interrupt: memory, numbers, bugs, disks, pipes."""

import errno
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from neural_painter.cli import main
from neural_painter.errors import NumericalError
from neural_painter.fast.files import Card, save_model
from neural_painter.strokes import read_document, write_document
from tests.neural_painter.cli.conftest import FAST, photo
from tests.neural_painter.cli.rows import network
from tests.neural_painter.sample_documents import sample_document


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (MemoryError(), 6, "paint.py: out of memory\n"),
        (torch.OutOfMemoryError("CUDA out of memory."), 6, "paint.py: out of memory\n"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), 6, "paint.py: out of memory\n"),
        (NumericalError("the loss stopped being finite"), 8, "paint.py: the loss stopped being finite\n"),
        (ZeroDivisionError("division"), 1, "Traceback (most recent call last):\n"),
    ],
)
def test_failures_of_the_painter(error, status, message, here, monkeypatch, capsys):
    def fails(*_, **__):
        raise error

    photo("cat.png")
    monkeypatch.setattr("neural_painter.painting.paint", fails)
    assert main(["cat.png", "-o", "out/", *FAST]) == status
    assert capsys.readouterr().err.startswith(message)
    assert [path.name for path in Path().iterdir()] == ["cat.png"]


def test_a_full_disk_does_not_cost_the_strokes(here, monkeypatch, capsys):
    photo("cat.png")
    replace = os.replace

    def full(source, target):
        if Path(target).suffix == ".svg":
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    monkeypatch.setattr("neural_painter.files.os.replace", full)
    assert main(["cat.png", "-o", "a.png", "-o", "a.svg", "--size", "16", *FAST]) == 5
    kept, hint, said = capsys.readouterr().err.splitlines()
    assert kept == "paint.py: the strokes are kept in a.strokes.npz"
    assert said == "paint.py: a.svg: cannot be written (No space left on device)"
    assert len(read_document("a.strokes.npz").strokes) == 4
    assert sorted(path.name for path in Path().iterdir()) == ["a.png", "a.strokes.npz", "cat.png"]
    monkeypatch.setattr("neural_painter.files.os.replace", replace)
    prefix = f"  To write the rest: {sys.orig_argv[0]} paint.py "
    assert hint == f"{prefix}render a.strokes.npz -o a.svg --size 16"
    assert main(shlex.split(hint.removeprefix(prefix))) == 0
    assert Path("a.svg").exists()


def test_recovered_gradients_are_said(here, monkeypatch, capsys):
    from dataclasses import replace

    from neural_painter import painting

    paint = painting.paint
    photo("cat.png")
    monkeypatch.setattr(painting, "paint", lambda *a, **k: replace(paint(*a, **k), recovered=3))
    assert main(["cat.png", *FAST[:-1]]) == 0
    assert "paint.py: cat.png: 3 gradients were not finite and were left out\n" in capsys.readouterr().err


def test_json(here, capsys):
    photo("cat.png")
    assert main(["cat.png", "-o", "a.png", "-o", "a.npz", "--seed", "5", "--json", *FAST]) == 0
    found = json.loads(capsys.readouterr().out)
    seconds = found.pop("seconds")
    assert list(seconds) == ["read", "stage 1", "render", "write", "total"]
    assert all(isinstance(value, float) and value >= 0 for value in seconds.values())
    assert seconds["total"] == max(seconds.values())
    assert isinstance(found.pop("psnr"), float)
    assert -1 <= found.pop("ssim") <= 1
    assert found.pop("device") in ("cpu", "cuda")
    rest = {"input": "cat.png", "outputs": ["a.png", "a.npz"], "brush": "oil", "strokes": 4, "seed": 5}
    rest |= {"notes": [], "finished": True}
    assert found == rest
    assert main(["render", "a.npz", "-o", "b.png", "--json", "--quiet"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found.pop("seconds")) == {"read", "write", "total"}
    rest |= {"input": "a.npz", "outputs": ["b.png"], "device": "cpu", "psnr": None, "ssim": None}
    assert found == rest


def test_a_closed_pipe_is_quiet():
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-c", "import sys; from neural_painter.cli import main; sys.exit(main(['--help']))"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "sentence", "hint"),
    [
        (["rendr", "cat.npz"], "rendr: neither a command nor a file", "Did you mean render?"),
        (["train_fast", "cat.png"], "train_fast: neither a command nor a file", "Did you mean train-fast?"),
        (["cat.png", "--stroks", "3"], "unrecognized arguments: --stroks 3", "Did you mean --strokes?"),
        (["cat.png", "--preset", "balancd"], "--preset: expected one of", "Did you mean balanced?"),
        (["cat.png", "--brush", "water-color"], "--brush: expected one of", "Did you mean watercolor?"),
        (["style", "cat.png", "b.png", "--init", "nois"], "--init: expected one of", "Did you mean noise?"),
    ],
)
def test_what_is_misspelt_is_guessed(words, sentence, hint, here, capsys):
    assert main(words) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"paint.py: {sentence}")
    assert second == f"  {hint}"


def test_files_of_other_commands_are_told_where_they_go(here, capsys):
    write_document("cat.npz", sample_document("oil", count=3, size=(24, 32)))
    save_model("model.dat", network(), Card("Waves"))
    for name, kind, command in (
        ("cat.npz", "a stroke document", "paint.py render"),
        ("model.dat", "a model of a style", "paint.py fast PHOTO model.dat"),
    ):
        assert main([name, "-o", "a.png"]) == 3
        first, hint = capsys.readouterr().err.splitlines()
        assert first == f"paint.py: {name}: is {kind}, expected a picture"
        assert command in hint


def test_losses_of_absurd_weights_are_no_bugs(here, capsys):
    photo("cat.png")
    words = ["cat.png", "--transport-stages", "all", *FAST]
    for option in ("--edges", "--transport"):
        for value in ("1e9", "1e30", "1e300", "inf"):
            assert main([*words, option, value, "--overwrite"]) in (0, 2, 8)
            assert "Traceback" not in capsys.readouterr().err
