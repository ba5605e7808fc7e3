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

from neural_painter.strokes import read_document, write_document
from tests.neural_painter.cli.conftest import photo
from tests.neural_painter.sample_documents import sample_document

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


SLOWLY = """
import sys, time
from neural_painter import journal
from neural_painter.cli import main

def tick(self, *rest, **more):
    keep(self, *rest, **more)
    time.sleep(0.2)

keep, journal.Keeper.tick, journal.SECONDS = journal.Keeper.tick, tick, 0.0
begin = journal.Keeper.__init__
journal.Keeper.__init__ = lambda self, keep, seconds: begin(self, keep, 0.0)
sys.argv[0] = {script!r}
sys.exit(main())
"""
"""The program, but it keeps its state after every band, frame and strip, and takes its time for each."""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize(
    "words",
    ["render it.npz -o x.png --size 5000", "render it.npz -o x.mp4", "render it.npz -o x.gif", "fast cat.png -o x.png"],
)
def test_a_picture_or_animation_that_ends_early_goes_on_to_the_same_bytes(words, number, here):
    write_document("it.npz", sample_document("oil", count=40, size=(72, 96)))
    words = words.split()
    straight = start(*words)
    _, said = straight.communicate(timeout=120)
    assert straight.returncode == 0, said
    expected = Path(words[3]).read_bytes()
    Path(words[3]).unlink()
    program = SLOWLY.format(script=str(ROOT / "paint.py"))
    process = subprocess.Popen(
        [sys.executable, "-c", program, *words], env=ENVIRONMENT, stderr=subprocess.PIPE, text=True
    )
    wait_for(lambda: any(path.stat().st_size > 1000 for path in Path().glob("x.unfinished.*")), process)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    (kept,) = Path().glob("x.unfinished.*")
    assert not Path(words[3]).exists()
    if number == signal.SIGKILL:
        again = start(*words, "--resume", str(kept), "--quiet")
        assert again.communicate(timeout=120) == ("", "")
    else:
        assert process.returncode == 143, said
        (hint,) = [line for line in said.splitlines() if line.startswith("  To go on: ")]
        done = subprocess.run(["bash", "-c", hint.removeprefix("  To go on: ")], env=ENVIRONMENT, capture_output=True)
        assert done.returncode == 0, done.stderr
    assert Path(words[3]).read_bytes() == expected
    visible = {path.name for path in Path().iterdir() if not path.name.startswith(".")}
    assert visible == {"cat.png", "it.npz", words[3]}


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
