"""Work that is made of pieces, kept while it lasts."""

import json
import os
from pathlib import Path

import pytest

from neural_painter import journal as module
from neural_painter.errors import InputError, OutputError
from neural_painter.journal import Journal, Keeper, head_of

WORK = {"document": "ab", "size": [3, 4]}
PIECES = [bytes([number]) * (1 + 7 * number) for number in range(9)]


class Killed(Exception):
    pass


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SECONDS", 0.0)
    return tmp_path / "cat.unfinished.render"


def run(path, *, until, old=None, head=WORK):
    """Does pieces up to a number, each with a place after it; gives those that an earlier run had left."""
    with Journal(head, lambda journal: journal.write(path), old=old) as journal:
        left = list(journal.old())
        assert journal.place == (b"place %d" % (len(left) - 1) if left else b"")
        for number in range(len(left), until):
            journal.add(PIECES[number], lambda number=number: b"place %d" % number)
        if until < len(PIECES):
            raise Killed
    return left


def test_pieces_of_any_number_of_runs(path):
    with pytest.raises(Killed):
        run(path, until=3)
    assert head_of(path) == WORK
    with pytest.raises(Killed):
        run(path, until=7, old=path)
    assert run(path, until=9, old=path) == PIECES[:7]
    assert not path.exists()


def test_a_file_that_is_cut_anywhere_gives_pieces_that_are_whole_or_is_refused(path):
    with pytest.raises(Killed):
        run(path, until=5)
    data, counts = path.read_bytes(), set()
    for end in range(len(data)):
        path.write_bytes(data[:end])
        try:
            with Journal(WORK, lambda _: None, old=path) as journal:
                left = list(journal.old())
        except InputError:
            continue
        assert left == PIECES[: len(left)]
        counts.add(len(left))
    assert counts == {0, 4}  # the last piece but one is behind the older place


def test_a_place_that_was_being_written_leaves_the_one_before(path):
    with pytest.raises(Killed):
        run(path, until=4)
    data = path.read_bytes()
    spot = data.index(b"place 3")
    path.write_bytes(data[:spot] + b"!" + data[spot + 1 :])
    assert run(path, until=9, old=path) == PIECES[:3]


def test_other_work_and_other_files_are_refused(path):
    with pytest.raises(Killed):
        run(path, until=2)
    with pytest.raises(InputError, match="belongs to other work"):
        run(path, until=2, old=path, head={**WORK, "size": [4, 3]})
    for data in (b"noise" * 9, module.MAGIC, module.MAGIC + b"noise" * 9, json.dumps(WORK).encode()):
        path.write_bytes(data)
        with pytest.raises(InputError, match="not unfinished work of this command"):
            head_of(path)
    os.mkfifo(path.with_name("pipe"))
    with pytest.raises(InputError, match="is not a regular file"):
        head_of(path.with_name("pipe"))


def test_a_short_work_has_no_file(path, monkeypatch):
    monkeypatch.setattr(module, "SECONDS", 60.0)
    with pytest.raises(Killed):
        run(path, until=8)
    assert not path.exists()
    monkeypatch.setattr(module, "MOST_WAITING", 20)  # but memory has an end
    with pytest.raises(Killed):
        run(path, until=8)
    assert run(path, until=9, old=path)[:4] == PIECES[:4]


def test_where_nothing_can_be_written_the_work_goes_on_without(path):
    said = []

    def keep(journal):
        try:
            journal.write(Path("/proc/x"))
        except OutputError as error:
            said.append(str(error))

    with Journal(WORK, keep) as journal:
        for piece in PIECES:
            journal.add(piece)
    assert len(said) == 1
    assert "cannot be written" in said[0]


def test_work_is_kept_every_ten_seconds_and_less_often_where_that_takes_long(monkeypatch):
    now, kept = [0.0], []
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])

    def keep(state):
        kept.append(state)
        now[0] += 2.0

    keeper = Keeper(keep, 10.0)
    for second in range(120):
        now[0] = max(now[0], float(second))
        keeper.tick(lambda: int(now[0]))
    assert kept == [10, 52, 94]
    Keeper(None, 0.0).tick(lambda: 1 / 0)
