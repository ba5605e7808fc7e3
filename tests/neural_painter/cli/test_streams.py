"""Sentences and data: visible, and never the reason that a command fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from neural_painter.cli.streams import emit, say, visible

ROOT = str(Path(__file__).parents[3])

PROGRAM = """
import os, sys
from neural_painter.cli.streams import claim_stdout, emit, flush, say
claim_stdout()
if sys.argv[1:]:
    os.write(1, b"a library\\n")
    print("another library")
emit('{"input": "x"}')
say("done")
flush()
"""


def test_what_would_steer_a_terminal_is_made_visible():
    assert visible("a\x1b[31mb\nc\u202ed") == "a\\x1b[31mb\\nc\\u202ed"
    assert visible("дом é 猫.png") == "дом é 猫.png"
    assert visible("bad\udcff") == "bad\\udcff"


@pytest.mark.parametrize("name", ["stdout", "stderr"])
@pytest.mark.parametrize("kind", ["full", "closed", "none", "ended"])
def test_a_broken_stream_is_no_failure(name, kind, monkeypatch):
    stream = {"full": full, "closed": closed, "none": lambda: None, "ended": ended}[kind]()
    with monkeypatch.context() as patch:
        patch.setattr(sys, name, stream)
        emit("data")
        say("sentence", hint="do this")
    if stream is not None and kind != "closed":
        try:
            stream.close()
        except OSError:
            assert name == "stderr"  # stdout was dropped, so that Python does not complain at its end


def full():
    return os.fdopen(os.open("/dev/full", os.O_WRONLY), "w")


def closed():
    stream = full()
    stream.close()
    return stream


def ended():
    read, write = os.pipe()
    os.close(read)
    return os.fdopen(write, "w")


def test_stdout_is_kept_for_our_own_data():
    done = run()
    assert done.stdout == '{"input": "x"}\n'
    assert set(done.stderr.splitlines()) == {"a library", "another library", "paint.py: done"}


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full"])
def test_streams_that_are_closed_or_full_from_the_start(closed, tmp_path):
    script = f'"{sys.executable}" -c \'import runpy; runpy.run_path("program.py")\' {closed}'
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env={**os.environ, "PYTHONPATH": ROOT}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def run():
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, "noise"], env={**os.environ, "PYTHONPATH": ROOT}, capture_output=True, text=True
    )
