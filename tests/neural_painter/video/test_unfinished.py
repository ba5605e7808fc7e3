"""A film whose making is broken off, by whatever, is gone on with: nothing is changed twice, and no byte differs."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from neural_painter.errors import InputError
from neural_painter.video import Written, parts, read_frames, transform_video, unfinished, writing
from tests.neural_painter.video.films import make, pictures, psnr, same, times_of

ROOT = Path(__file__).parents[3]
FRAMES = 47


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    """Parts of few frames, and all that comes is written down at once."""
    monkeypatch.setattr(parts, "PART", 20)
    monkeypatch.setattr(writing, "PART", 20)
    monkeypatch.setattr(unfinished, "EVERY", 0.0)


class Broken(Exception):
    pass


def change(picture):
    return np.ascontiguousarray(255 - picture[:, ::-1])


def breaks_at(number, error=Broken):
    """What changes so many frames, and then fails."""
    count = iter(range(number + 1))

    def changed(picture):
        if next(count) == number:
            raise error
        return change(picture)

    return changed


def counted(calls):
    def changed(picture):
        calls.append(1)
        return change(picture)

    return changed


def film(path, count=FRAMES, **settings):
    times = [40 * k + (k % 7) * 3 for k in range(count)]
    return make(path, frames=pictures(count, (48, 64)), times=times, sound="aac", seconds=count * 0.04, **settings)


@pytest.mark.parametrize("extension", [".mp4", ".mkv", ".webm"])
def test_a_film_that_is_gone_on_with_is_equal_to_the_byte(extension, tmp_path):
    source, target, kept = film(tmp_path / "a.mp4"), tmp_path / f"b{extension}", tmp_path / "kept"
    straight = tmp_path / f"straight{extension}"
    transform_video(source, straight, change)
    assert psnr(list(read_frames(straight)), [change(frame) for frame in read_frames(source)]) > 34
    found, expected = times_of(straight)[0], times_of(source)[0]
    assert [time - found[0] for time in found] == [time - expected[0] for time in expected]
    for stops in ([1], [20], [33], [7, 13, 25], [46]):  # frames after which it breaks off, one run after the other
        done = 0
        for stop in stops:
            with pytest.raises(Broken):
                transform_video(source, target, breaks_at(stop), unfinished=kept, resume=True)
            assert kept.exists()
            assert not target.exists()
            done += stop
        calls = []
        written = transform_video(source, target, counted(calls), unfinished=kept, resume=True)
        assert (written.frames, written.finished, written.repeated) == (FRAMES, True, done)
        assert len(calls) == FRAMES - done
        assert target.read_bytes() == straight.read_bytes(), stops
        assert not kept.exists()
        target.unlink()


class Trail:
    """Changes a frame by those before it; what it knows of them is kept with the film."""

    def __init__(self):
        self.sum, self.calls = None, 0

    def __call__(self, picture):
        self.calls += 1
        own = 255 - picture.astype(np.float64)
        self.sum = own if self.sum is None else 0.8 * self.sum + 0.2 * own
        return self.sum.astype(np.uint8)

    def kept(self):
        found = self.sum
        return lambda: found.tobytes()

    def recall(self, state):
        self.sum = np.frombuffer(state).reshape(48, 64, 3)


def test_frames_that_depend_on_those_before_are_gone_on_with_to_the_byte(tmp_path):
    source, target, kept = film(tmp_path / "a.mp4"), tmp_path / "b.mp4", tmp_path / "kept"
    trail = Trail()
    transform_video(source, tmp_path / "straight.mp4", trail, memory=trail)
    straight = (tmp_path / "straight.mp4").read_bytes()

    def begin(stop, resume):
        trail = Trail()

        def broken(picture):
            if trail.calls == stop:
                raise Broken
            return trail(picture)

        with pytest.raises(Broken):
            transform_video(source, target, broken, memory=trail, unfinished=kept, resume=resume)

    def go_on(calls=None):
        trail = Trail()
        written = transform_video(source, target, trail, memory=trail, unfinished=kept, resume=True)
        assert written.repeated + trail.calls == FRAMES
        assert target.read_bytes() == straight
        assert not kept.exists()
        target.unlink()
        return written.repeated

    for stops in ([1], [20], [33], [7, 13, 25]):  # frames after which it breaks off, one run after the other
        for number, stop in enumerate(stops):
            begin(stop, number > 0)
        assert go_on() == sum(stops)
    for stop in (19, 38):
        begin(stop, False)
        whole = kept.read_bytes()
        for part in (0.999, 0.7, 0.4, 0.05):  # cut off: frames behind what was known last are made again
            kept.write_bytes(whole[: int(len(whole) * part)])
            if part > 0.05:
                assert go_on() < stop
            else:
                kept.unlink()


def test_ctrl_c_keeps_the_film_so_far_and_what_is_needed_to_go_on(tmp_path):
    source, target, kept = film(tmp_path / "a.mp4"), tmp_path / "b.mp4", tmp_path / "kept"
    transform_video(source, tmp_path / "straight.mp4", change)
    stopped = transform_video(source, target, breaks_at(30, KeyboardInterrupt), unfinished=kept)
    assert (stopped.frames, stopped.finished) == (30, False)
    assert transform_video(source, target, change, unfinished=kept, resume=True).repeated == 30
    assert target.read_bytes() == (tmp_path / "straight.mp4").read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_run_that_was_killed_is_gone_on_with(tmp_path):
    source, target, kept = film(tmp_path / "a.mp4"), tmp_path / "b.mp4", tmp_path / "kept"
    script = """
import sys, time
from neural_painter.video import parts, unfinished, writing, transform_video
from tests.neural_painter.video.test_unfinished import change
parts.PART = writing.PART = 20
unfinished.EVERY = 0.0
def slow(picture):
    time.sleep(0.02)
    return change(picture)
transform_video(sys.argv[1], sys.argv[2], slow, unfinished=__import__("pathlib").Path(sys.argv[3]),
                on_frame=lambda number: print(number, flush=True))
"""
    command = [sys.executable, "-c", script, source, target, kept]
    run = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        while int(run.stdout.readline()) < 29:
            pass
    finally:
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
        run.stdout.close()
    written = transform_video(source, target, change, unfinished=kept, resume=True)
    assert 20 <= written.repeated <= 35
    transform_video(source, tmp_path / "straight.mp4", change)
    assert target.read_bytes() == (tmp_path / "straight.mp4").read_bytes()


def test_of_a_file_that_is_cut_off_anywhere_what_is_whole_is_used(tmp_path):
    source, target, kept = film(tmp_path / "a.mp4"), tmp_path / "b.mkv", tmp_path / "kept"
    transform_video(source, tmp_path / "straight.mkv", change)
    with pytest.raises(Broken):
        transform_video(source, target, breaks_at(45), unfinished=kept)
    whole, repeated = kept.read_bytes(), []
    for part in (0.999, 0.9, 0.5, 0.2):
        kept.write_bytes(whole[: int(len(whole) * part)])
        repeated.append(transform_video(source, target, change, unfinished=kept, resume=True).repeated)
        assert target.read_bytes() == (tmp_path / "straight.mkv").read_bytes()
        target.unlink()
    assert repeated == sorted(repeated, reverse=True)
    assert repeated[0] == 44
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 255
    kept.write_bytes(damaged)
    assert transform_video(source, target, change, unfinished=kept, resume=True).repeated < 45
    assert target.read_bytes() == (tmp_path / "straight.mkv").read_bytes()


def test_a_move_that_was_broken_off_is_finished(tmp_path, monkeypatch):
    """Packets of a part take the place of its frames; the program may be killed at any step of that."""
    source, target, kept = film(tmp_path / "a.mp4"), tmp_path / "b.mkv", tmp_path / "kept"
    transform_video(source, tmp_path / "straight.mkv", change)
    states, original = [], unfinished._move

    def move(file):
        states.append(kept.read_bytes())  # before the first step
        return original(file)

    monkeypatch.setattr(unfinished, "_move", move)
    with pytest.raises(Broken):
        transform_video(source, target, breaks_at(20), unfinished=kept)
    assert len(states) == 1
    assert len(kept.read_bytes()) < len(states[0])
    assert states[0].startswith(unfinished.MAGIC)
    place, to, length = unfinished._MOVE.unpack_from(states[0], len(unfinished.MAGIC))
    half = bytearray(states[0])
    half[to : to + length // 2] = states[0][place : place + length // 2]
    copied = bytearray(states[0])
    copied[to : to + length] = states[0][place : place + length]
    for state in (states[0], half, copied, copied[: to + length]):
        kept.write_bytes(state)
        assert transform_video(source, target, change, unfinished=kept, resume=True).repeated == 20
        assert target.read_bytes() == (tmp_path / "straight.mkv").read_bytes()
        target.unlink()


def test_what_belongs_to_another_film_is_refused(tmp_path):
    source, target, kept = film(tmp_path / "a.mp4"), tmp_path / "b.mp4", tmp_path / "kept"
    other = film(tmp_path / "other.mp4", FRAMES + 1)
    with pytest.raises(Broken):
        transform_video(source, target, breaks_at(5), unfinished=kept, fingerprint="candy")
    before = kept.read_bytes()
    for film_, name, fingerprint in (
        (other, "b.mp4", "candy"),
        (source, "b.mp4", "mosaic"),
        (source, "c.mkv", "candy"),
    ):
        with pytest.raises(InputError, match=r"kept: belongs to another film, other settings or another version"):
            transform_video(film_, tmp_path / name, same, unfinished=kept, resume=True, fingerprint=fingerprint)
    assert kept.read_bytes() == before
    kept.write_text("mine")
    with pytest.raises(InputError, match="kept: not an unfinished film"):
        transform_video(source, target, same, unfinished=kept, resume=True)
    kept.unlink()
    kept.mkdir()
    with pytest.raises(InputError, match="kept: is a folder"):
        transform_video(source, target, same, unfinished=kept, resume=True)


def test_without_resuming_an_older_file_is_replaced(tmp_path):
    source, target, kept = film(tmp_path / "a.mp4"), tmp_path / "b.mp4", tmp_path / "kept"
    with pytest.raises(Broken):
        transform_video(source, target, breaks_at(30), unfinished=kept)
    assert transform_video(source, target, same, unfinished=kept).repeated == 0
    assert not kept.exists()


def test_a_film_that_is_made_quickly_has_no_such_file(tmp_path, monkeypatch):
    monkeypatch.setattr(unfinished, "EVERY", 10.0)
    source, target, kept = film(tmp_path / "a.mp4"), tmp_path / "b.mp4", tmp_path / "kept"
    seen = []
    transform_video(source, target, same, unfinished=kept, on_frame=lambda _: seen.append(kept.exists()))
    assert not any(seen)
    with pytest.raises(Broken):
        transform_video(source, target, breaks_at(5), unfinished=kept)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]


def test_it_is_written_down_every_ten_seconds(tmp_path, monkeypatch):
    monkeypatch.setattr(unfinished, "EVERY", 10.0)
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    source, target, kept = film(tmp_path / "a.mp4"), tmp_path / "b.mp4", tmp_path / "kept"
    sizes = []

    def slow(picture):
        sizes.append(kept.stat().st_size if kept.exists() else 0)
        now[0] += 1.0
        return picture

    transform_video(source, target, slow, unfinished=kept)
    assert sizes[9] == 0
    assert sizes[13] > 0
    assert 5 <= len(set(sizes)) <= 7  # none, after about 10, 20, 30 and 40 frames, and where a part ends
    assert not kept.exists()
    assert Written(FRAMES, True, ("copied",)) == transform_video(source, target, same)
