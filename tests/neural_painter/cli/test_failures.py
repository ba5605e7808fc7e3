"""What is neither the user's mistake nor an interrupt: memory, numbers, bugs, disks, pipes."""

import builtins
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
from neural_painter.strokes import read_document
from tests.neural_painter.cli.conftest import FAST, photo


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
    prefix = "  To write the rest: python paint.py "
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
    rest |= {"finished": True}
    assert found == rest
    assert main(["render", "a.npz", "-o", "b.png", "--json", "--quiet"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found.pop("seconds")) == {"read", "write", "total"}
    rest |= {"input": "a.npz", "outputs": ["b.png"], "device": "cpu", "psnr": None, "ssim": None}
    assert found == rest


def test_json_that_nobody_reads(here, monkeypatch, capsys):
    def closed(*words, file=None, **settings):
        if file is None:
            raise BrokenPipeError
        printed(*words, file=file, **settings)

    photo("cat.png")
    printed = builtins.print
    monkeypatch.setattr(builtins, "print", closed)
    monkeypatch.setattr("neural_painter.cli.failures._drop_stdout", lambda: None)
    assert main(["cat.png", "--json", *FAST]) == 0
    assert capsys.readouterr() == ("", "")
    assert Path("cat-oil.png").exists()


def test_a_closed_pipe_is_quiet():
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-c", "import sys; from neural_painter.cli import main; sys.exit(main(['--help']))"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")
