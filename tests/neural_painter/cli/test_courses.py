"""One table: every command against everything that users and machines do to it.

A command that takes the course of `cli/course.py` and has a row in `rows.py` passes all of these; nothing here is
special to one command.
"""

import errno
import json
import os
import re
import shlex
import shutil
import signal
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load

from neural_painter.cli import main, train_renderer
from neural_painter.cli.course import Course
from tests.neural_painter.cli.conftest import photo
from tests.neural_painter.cli.rows import ROWS, prepare

EVERY = pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
STEPPED = pytest.mark.parametrize(
    "row", [row for row in ROWS.values() if row.at_step], ids=[name for name, row in ROWS.items() if row.at_step]
)
PICTURES = pytest.mark.parametrize(
    "row", [row for row in ROWS.values() if row.picture], ids=[name for name, row in ROWS.items() if row.picture]
)


READING = pytest.mark.parametrize(
    "row", [row for row in ROWS.values() if row.source], ids=[name for name, row in ROWS.items() if row.source]
)
KEPT = {name: row for name, row in ROWS.items() if row.keeps or row.lasting}
KEEPING = pytest.mark.parametrize("row", KEPT.values(), ids=KEPT)
"""Not films, whose state is of another kind; their own tests kill and go on with them."""
LASTING = pytest.mark.parametrize(
    "row", [row for row in ROWS.values() if row.lasting], ids=[name for name, row in ROWS.items() if row.lasting]
)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """A folder with everything that the rows read, made once."""
    folder = tmp_path_factory.mktemp("prepared")
    before = Path.cwd()
    os.chdir(folder)
    try:
        prepare()
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def inside(here, prepared):
    """The current folder with everything that the rows read."""
    shutil.copytree(prepared, here, dirs_exist_ok=True)
    return here


PROGRAMS = {"paint.py": main, "train_renderer.py": train_renderer.main}


def call(row, *more):
    return PROGRAMS[row.program]([*row.words.split(), *(["--device", "cpu"] if row.device else []), *more])


def files():
    return {str(path): path.stat().st_size for path in Path().rglob("*") if path.is_file()}


def said(capsys):
    out, err = capsys.readouterr()
    assert "Traceback" not in err, err
    assert "this is a bug" not in err
    return out, [line for line in err.splitlines() if "compiling kernels" not in line]


def send(number):
    """Signals this process. pytest's own handler of SIGINT is not in place while a command runs."""
    return lambda: signal.raise_signal(number)


def paste(row, lines, start):
    """Runs the command that a hint gives; returns its exit status."""
    (hint,) = [line for line in lines if line.startswith(f"  {start}: ")]
    words = shlex.split(hint.removeprefix(f"  {start}: "))
    assert words[1] == row.program
    return PROGRAMS[row.program]([*words[2:], "--quiet"])


@EVERY
def test_ok(row, inside, capsys):
    before = files()
    assert call(row, "--json") == 0
    out, lines = said(capsys)
    assert Path(row.output).stat().st_size > 0
    assert set(files()) - set(before) == {row.output, *row.also}  # no lock, no temporary file, no state
    told = json.loads(out)
    assert told["outputs"] == [row.output, *row.also]
    assert told["finished"] is True
    assert told["seconds"]["total"] > 0
    assert lines[-1].startswith(f"{row.program}: {', '.join([row.output, *row.also])}: ")
    assert lines[-1].endswith(" s")
    assert {name: size for name, size in files().items() if name in before} == before


@EVERY
def test_quiet_is_quiet(row, inside, capfd):
    assert call(row, "--quiet") == 0
    assert capfd.readouterr() == ("", "")


@READING
def test_missing_file(row, inside, capsys):
    Path(row.source).unlink()
    before = files()
    assert call(row) == row.missing
    _, lines = said(capsys)
    assert lines[0] == f"paint.py: {row.source}: no such file"
    assert files() == before


@READING
def test_wrong_type(row, inside, capsys):
    Path(row.source).write_text("<html>404, but with a name that promises more</html>")
    before = files()
    assert call(row) == row.wrong
    _, lines = said(capsys)
    assert lines[0].startswith(f"paint.py: {row.source}: ")
    assert len(lines) <= 2
    assert files() == before


@READING
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(row, inside, capsys):
    Path(row.source).unlink()
    os.mkfifo(row.source)
    assert call(row) == row.missing
    _, lines = said(capsys)
    assert re.match(rf"paint.py: {row.source}: (is )?not a (regular )?file", lines[0])


@PICTURES
@pytest.mark.parametrize("kind", ["1x1", "odd", "alpha"])
def test_pictures_of_all_kinds(row, kind, inside, capsys):
    size = {"1x1": (1, 1), "odd": (31, 17), "alpha": (32, 24)}[kind]
    photo(row.source, *size, mode="RGBA" if kind == "alpha" else "RGB")
    assert call(row, "--quiet") == 0
    assert said(capsys) == ("", [])
    if row.output.endswith(".png"):
        with Image.open(row.output) as image:
            assert image.size == size


@EVERY
def test_a_place_that_cannot_be_written_is_found_before_the_work(row, inside, capsys, monkeypatch):
    monkeypatch.setattr(Course, "_conclude", lambda *_: pytest.fail("worked first"))
    before = files()
    for words, status in row.places():
        assert call(row, *words) == status
        _, lines = said(capsys)
        assert (words[1] or "-o: expected the name of an output") in lines[0]
    assert files() == before


@EVERY
def test_an_output_that_exists_is_kept(row, inside, capsys, monkeypatch):
    Path(row.output).write_text("mine")
    if row.also:
        assert call(row, "--quiet") == 0
        assert Path(row.output).read_bytes() != b"mine"
        return
    with monkeypatch.context() as patch:
        patch.setattr(Course, "_conclude", lambda *_: pytest.fail("worked first"))
        assert call(row) == 5
    _, lines = said(capsys)
    assert lines[0] == f"paint.py: {row.output}: exists already"
    assert Path(row.output).read_text() == "mine"
    assert call(row, "--overwrite", "--quiet") == 0
    assert Path(row.output).read_bytes() != b"mine"


@READING
def test_an_output_may_not_be_an_input(row, inside, capsys, monkeypatch):
    monkeypatch.setattr(Course, "_conclude", lambda *_: pytest.fail("worked first"))
    before = files()
    read = [word for word in row.words.split() if word in before]
    assert read
    for name in read:
        output = f"./{name}" if Path(name).suffix == Path(row.output).suffix else name
        assert call(row, "-o", output, "--overwrite") == 2
        _, lines = said(capsys)
        refused = (
            "would replace an input",
            "expected",
            "cannot write",
            "unknown kind",
        )  # by its end, if not by its name
        assert any(word in lines[0] for word in refused)
    assert files() == before


@EVERY
def test_interrupted_before_the_work(row, inside, capsys, monkeypatch):
    one, before = Course._one, files()
    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)):

        def interrupted(self, job, work, number=number):
            send(number)()
            return one(self, job, work)

        monkeypatch.setattr(Course, "_one", interrupted)
        assert call(row) == status
        assert said(capsys)[1] == [f"{row.program}: interrupted"]
        assert files() == before


@STEPPED
@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_interrupted_during_the_work(row, name, status, inside, capsys, monkeypatch):
    with monkeypatch.context() as patch:
        if row.lasting:
            hasten(patch)
        row.at_step(patch, 2, send(getattr(signal, name)))
        assert call(row) == status
    _, lines = said(capsys)
    assert any("interrupted" in line for line in lines)
    assert not list(Path().glob(".neural-painter-*"))
    if row.keeps or row.lasting:
        assert paste(row, lines, "To go on") == 0
        assert not list(Path().glob("*unfinished*")) + list(Path().glob("*checkpoint*"))
    assert Path(row.output).exists()


@EVERY
def test_interrupted_after_the_last_step(row, inside, capsys, monkeypatch):
    conclude = Course._conclude
    with monkeypatch.context() as patch:

        def interrupted(self, job, outcome):
            send(signal.SIGINT)()
            return conclude(self, job, outcome)

        patch.setattr(Course, "_conclude", interrupted)
        assert call(row) == 130
    _, lines = said(capsys)
    assert lines[-1] == f"{row.program}: interrupted"
    if row.keeps and row.keeps != "checkpoint":
        assert not Path(row.output).exists()
        assert paste(row, lines, "To write the rest") == 0
        assert Path(row.output).exists()


@EVERY
def test_a_full_disk(row, inside, capsys, monkeypatch):
    replace = os.replace
    before = files()
    with monkeypatch.context() as patch:

        def full(source, target):
            if Path(target).name == row.output:
                raise OSError(errno.ENOSPC, "No space left on device")
            replace(source, target)

        patch.setattr(os, "replace", full)
        assert call(row) == 5
    _, lines = said(capsys)
    assert any(row.output in line and "cannot be written (No space left on device)" in line for line in lines)
    assert not Path(row.output).exists()
    if not row.keeps:
        assert files() == before
    elif row.keeps == "checkpoint":
        assert paste(row, lines, "To go on") == 0
    else:
        assert paste(row, lines, "To write the rest") == 0
        assert Path(row.output).exists()


@EVERY
def test_a_stdout_that_is_full_or_closed_is_no_failure(row, inside, monkeypatch, capsys):
    with monkeypatch.context() as patch, os.fdopen(os.open("/dev/full", os.O_WRONLY), "w") as full:
        patch.setattr(sys, "stdout", full)
        assert call(row, "--json", "--quiet") == 0
    assert Path(row.output).exists()


@EVERY
def test_json_is_ascii_whatever_the_names(row, inside, capsys):
    output = "дом" if row.also else f"дом{Path(row.output).suffix}"
    assert call(row, "--output", output, "--json", "--quiet") == 0
    out, _ = said(capsys)
    assert out.isascii()
    assert json.loads(out)["outputs"] == (
        [f"{output}/{name}" for name in (row.output, *row.also)] if row.also else [output]
    )


@EVERY
def test_a_second_run_is_kept_off(row, inside, capsys, monkeypatch):
    one, statuses = Course._one, []

    def twice(self, job, work):
        def also(job):
            monkeypatch.setattr(Course, "_one", one)
            statuses.append(call(row))
            return work(job)

        return one(self, job, also)

    monkeypatch.setattr(Course, "_one", twice)
    assert call(row) == 0
    assert statuses == [5]
    assert "another run is writing it" in said(capsys)[1][0]


@KEEPING
def test_state_is_kept_while_the_work_lasts_and_goes_on_after_a_kill(row, inside, capsys, monkeypatch):
    """A kill leaves what was kept every so often: as if the process ended there, it is copied away."""
    killed = []

    def look():
        for path in (*Path().glob("*.unfinished*"), *Path().glob("*.checkpoint*")):
            killed.append(Path(shutil.copy(path, f"killed.unfinished{path.suffix}")))

    with monkeypatch.context() as patch:
        hasten(patch)
        row.at_step(patch, 3, look)
        assert call(row, "--quiet") == 0
    (kept,) = killed
    assert kept.suffix == (row.lasting or row.keeps).replace("checkpoint", ".safetensors")
    assert list(Path().glob("*.unfinished*")) + list(Path().glob("*.checkpoint*")) == [kept]
    straight = Path(row.output).read_bytes()
    Path(row.output).unlink()
    resume = ["--resume", "--checkpoint", str(kept)] if row.keeps == "checkpoint" else ["--resume", str(kept)]
    assert call(row, "--quiet", *resume) == 0
    assert same(Path(row.output).read_bytes(), straight)
    assert not kept.exists()


def same(one, other):
    """Whether results are equal to the byte; models tell how long their training took, so their tensors count."""
    if one[8:10] != b'{"':
        return one == other
    tensors, others = load(one), load(other)
    return tensors.keys() == others.keys() and all(torch.equal(tensors[name], others[name]) for name in tensors)


@LASTING
def test_a_short_work_keeps_nothing_and_that_of_another_is_refused(row, inside, capsys, monkeypatch):
    seen = []
    with monkeypatch.context() as patch:
        row.at_step(patch, 3, lambda: seen.extend(Path().glob("*.unfinished*")))
        assert call(row, "--quiet") == 0
    assert not seen
    Path(row.output).unlink()
    with monkeypatch.context() as patch:
        hasten(patch)
        row.at_step(patch, 2, send(signal.SIGTERM))
        assert call(row) == 143
    said(capsys)
    (kept,) = Path().glob("*.unfinished*")
    data = kept.read_bytes()
    for words in (["--size", "31x23"], ["--size", "64"]):
        assert call(row, "--resume", str(kept), *words) in (2, 3)
        assert len(said(capsys)[1]) <= 2
        assert kept.read_bytes() == data
    for damage in (b"", b"noise" * 99, data[:40], data[: len(data) // 2]):
        kept.write_bytes(damage)
        assert call(row, "--resume", str(kept), "--quiet") in (0, 3)
        (*lines,) = said(capsys)[1]
        assert len(lines) <= 2
        Path(row.output).unlink(missing_ok=True)


def hasten(patch):
    """Has state kept after every step."""
    from neural_painter import painting
    from neural_painter.journal import Keeper

    for name in ("paint", "restyle"):
        work = getattr(painting, name)
        patch.setattr(painting, name, lambda *a, work=work, **k: work(*a, **k, state_seconds=0))
    begin = Keeper.__init__
    patch.setattr(Keeper, "__init__", lambda self, keep, seconds: begin(self, keep, 0.0))
    patch.setattr("neural_painter.cli.training.CHECKPOINT_SECONDS", 0)
    patch.setattr("neural_painter.export.rendering.BAND_PIXELS", 1)
