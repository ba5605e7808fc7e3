import io
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import pytest

from neural_painter import __version__, images
from neural_painter.cli import COMMANDS, main, options, train_renderer
from neural_painter.cli.progress import Bar, kernel_notice
from neural_painter.painter.config import PaintConfig
from neural_painter.painter.work import Progress
from tests.each import each

ROOT = Path(__file__).parents[3]
HEAVY = {"torch", "numba", "cv2", "numpy", "PIL", "torchvision", "imageio", "av", "safetensors", "tqdm", "onnx"}


@each("command", ["paint", *COMMANDS])
@each("columns", ["40", "200"])
def test_help_is_as_expected(command, columns, golden, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", columns)
    assert main([command, "--help"] if command != "paint" else ["--help"]) == 0
    golden(Path(__file__).parent / "goldens" / f"{command}.txt", capsys.readouterr().out)


def test_help_of_the_trainer(golden, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    assert train_renderer.main(["--help"]) == 0
    golden(Path(__file__).parent / "goldens" / "train_renderer.txt", capsys.readouterr().out)


def test_every_option_of_the_config_is_there(capsys):
    main(["--help"])
    shown = " ".join(capsys.readouterr().out.split())
    for option in fields(PaintConfig):
        assert f"--{option.name.replace('_', '-')} " in shown
        assert option.metadata["help"] in shown


def test_the_limit_of_pixels_is_that_of_reading():
    assert options.MOST_PIXELS == images.MOST_PIXELS


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"neural-painter {__version__}\n"


@pytest.mark.parametrize("words", [["--help"], ["render", "--help"], ["cat.png", "--strokes", "none"]])
def test_nothing_heavy_is_loaded(words):
    program = (
        "import sys; from neural_painter.cli import main; main(sys.argv[1:]); print('LOADED', *sys.modules, sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", program, *words], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.partition("LOADED\n")[2].split())
    assert "neural_painter.cli" in loaded
    assert loaded & HEAVY == set()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_bar_shows_stage_strokes_loss_and_time_left(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("COLUMNS", "100")
    with Bar("cat.jpg") as bar:
        for step in range(1, 11):
            bar.show(Progress(1 + step // 6, 2, step, 10, 12 * step, 1 / step, step / 10))
            time.sleep(0.03)
    last = [line for line in terminal.getvalue().split("\r") if "left" in line][-1]
    assert "cat.jpg: stage 2/2" in last
    assert "strokes, loss 0." in last
    assert "00:00 left" in last


@pytest.mark.parametrize(("terminal", "show"), [(Terminal(), False), (io.StringIO(), True)])
def test_no_bar_where_it_is_not_wanted(terminal, show, monkeypatch):
    monkeypatch.setattr("sys.stderr", terminal)
    with Bar("cat.jpg", show=show) as bar:
        bar.show(Progress(1, 1, 1, 1, 1, 1.0, 1.0))
    assert terminal.getvalue() == ""


def test_compiling_is_said_once(capsys, monkeypatch):
    from numba import njit

    from renderers import kernels

    monkeypatch.setattr(kernels, "_unkept", None)

    with kernel_notice():
        njit(lambda x: x + 1)(1)
        njit(lambda x: x + 2)(1)
    said = "paint.py: compiling kernels, which takes some ten seconds; "
    assert capsys.readouterr().err == f"{said}only the first run does\n"
    every = "every run does, for they cannot be kept (Permission denied): NUMBA_CACHE_DIR may name a folder for them\n"
    with kernel_notice():
        njit(lambda x: x + 4)(1)
        monkeypatch.setattr(kernels, "_unkept", "Permission denied")
    assert capsys.readouterr().err == f"{said}only the first run does\npaint.py: kernels: {every}"
    with kernel_notice():
        njit(lambda x: x + 5)(1)
        njit(lambda x: x + 6)(1)
    assert capsys.readouterr().err == said + every
    with kernel_notice(show=False):
        njit(lambda x: x + 3)(1)
    assert capsys.readouterr().err == ""
