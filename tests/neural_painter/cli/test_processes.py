"""The program as a process of its own: real signals, real limits, real streams."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from neural_painter.strokes import read_document
from tests.neural_painter.cli.conftest import photo

ROOT = Path(__file__).parents[3]
PAINT = [sys.executable, str(ROOT / "paint.py")]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}

pytestmark = pytest.mark.slow


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photo("cat.png", 96, 72)
    return tmp_path


def start(*words, **settings):
    return subprocess.Popen(
        [*PAINT, *words], env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **settings
    )


def wait_for(condition, process, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)


PATIENT = """
import functools, sys, time
from neural_painter import painting
from neural_painter.cli import main
from neural_painter.painter.work import Work

def slow(self, *rest):
    told(self, *rest)
    time.sleep(0.02)

told, Work._report = Work._report, slow
painting.paint = functools.partial(painting.paint, state_seconds=0.0)
sys.argv[0] = {script!r}
sys.exit(main())
"""
"""The program, but it keeps its state after every step, and takes its time for each."""


def painting(*words):
    """Begins a painting, and waits until some of it is kept."""
    program = PATIENT.format(script=str(ROOT / "paint.py"))
    words = ("cat.png", "--strokes", "60", "--preset", "fast", "--device", "cpu", *words)
    process = subprocess.Popen(
        [sys.executable, "-c", program, *words], env=ENVIRONMENT, stderr=subprocess.PIPE, text=True
    )
    wait_for(lambda: list(Path().glob("*.unfinished.npz")), process)
    return process


@pytest.mark.parametrize("delay", [0.35, 0.6, 1.2, 2.0])  # sooner, Python itself may still be loading
def test_ctrl_c_while_loading_is_quiet(delay, here):
    process = start("cat.png", "-o", "out.png", "--strokes", "900", "--preset", "best")
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=60)
    assert process.returncode in (130, -signal.SIGINT)  # before our handlers are in place the signal itself ends it
    assert out == ""
    assert said in ("", "paint.py: interrupted\n") or "interrupted" in said.splitlines()[-1]
    assert "Traceback" not in said
    assert not list(Path().glob(".neural*"))


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_signals_keep_the_painting_and_the_printed_command_goes_on(number, status, here):
    process = painting("-o", "out.png")
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == status, said
    hint = said.splitlines()[-1].removeprefix("  To go on: ")
    (kept,) = Path().glob("*.unfinished.npz")
    assert len(read_document(kept).strokes) > 0
    done = subprocess.run(["bash", "-c", hint], env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in Path().iterdir()} == {"cat.png", "out.png"}


def test_an_ignored_ctrl_c_stays_ignored(here):
    process = subprocess.Popen(
        ["sh", "-c", 'trap "" INT HUP; exec "$@"', "sh", *PAINT, "cat.png", "--strokes", "20", "-o", "out.png"],
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
    )
    wait_for(lambda: list(Path().glob(".neural-painter-*.lock")), process)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGHUP)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert Path("out.png").exists()


def test_a_killed_painting_goes_on_and_equals_the_straight_run(here):
    process = painting("-o", "killed.npz")
    time.sleep(0.3)
    process.kill()
    process.communicate()
    assert not Path("killed.npz").exists()
    words = ("cat.png", "--strokes", "60", "--preset", "fast", "--device", "cpu", "--quiet")
    again = start(*words, "-o", "killed.npz", "--resume", "killed.unfinished.npz")
    straight = start(*words, "-o", "straight.npz")
    for process in (again, straight):
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said
    assert Path("killed.npz").read_bytes() == Path("straight.npz").read_bytes()
    assert {path.name for path in Path().iterdir()} == {"cat.png", "killed.npz", "straight.npz"}


def test_a_limit_on_memory_is_one_sentence(here):
    for limit in (400 << 20, 2500 << 20):
        process = start(
            "cat.png",
            "-o",
            "out.png",
            preexec_fn=lambda limit=limit: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
        )
        _, said = process.communicate(timeout=120)
        assert process.returncode == 6, said
        assert said.startswith("paint.py: out of memory\n")
        assert len(said.splitlines()) == 2


def test_names_that_stdout_cannot_encode(here):
    os.rename("cat.png", "дом\x1b[31m.png")
    words = ["./дом\x1b[31m.png", "-o", "out.png", "--json", "--strokes", "5", "--preset", "fast"]
    for encoding in ("cp1252", "utf-8"):
        done = subprocess.run(
            [*PAINT, *words, "--overwrite"], env={**ENVIRONMENT, "PYTHONIOENCODING": encoding}, capture_output=True
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["input"] == "дом\x1b[31m.png"
        assert b"\x1b" not in done.stderr


def test_python_m_neural_painter(here):
    done = subprocess.run(
        [sys.executable, "-m", "neural_painter", "--version"], env=ENVIRONMENT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("neural-painter ")
