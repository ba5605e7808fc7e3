import signal
import sys
import threading
import time

import pytest

from neural_painter.video import (
    Written,
    making,
    read_frames,
    transform_video,
)
from tests.neural_painter.video.films import (
    make,
    pictures,
    psnr,
    same,
    samples_of,
)


def stop_at(number):
    """A counter that raises KeyboardInterrupt when it is called that often."""
    calls = iter(range(1, number + 1))

    def count(_):
        if next(calls) == number:
            raise KeyboardInterrupt

    return count


@pytest.mark.parametrize("extension", [".mp4", ".mkv", ".webm"])
@pytest.mark.parametrize("where", ["change", "on_frame"])
def test_ctrl_c_keeps_the_frames_so_far_and_their_sound(where, extension, tmp_path):
    frames = pictures(50)
    source = make(tmp_path / "a.mp4", frames=frames, times=[40 * k for k in range(50)], sound="aac", seconds=2.0)
    target, stop = tmp_path / f"b{extension}", stop_at(20)

    def change(picture):
        if where == "change":
            stop(None)
        return picture

    written = transform_video(source, target, change, on_frame=stop if where == "on_frame" else None)
    kept = 20 if where == "on_frame" else 19
    assert written == Written(kept, False, ("re-encoded" if extension == ".webm" else "copied",))
    assert psnr(list(read_frames(target)), frames[:kept]) > 34
    assert len(samples_of(target)) / 48_000 == pytest.approx(kept * 0.04, abs=0.045)  # two packets


def test_ctrl_c_before_the_first_frame_leaves_nothing(tmp_path):
    source = make(tmp_path / "a.mp4")

    def change(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        transform_video(source, tmp_path / "b.mp4", change)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.skipif(sys.platform == "win32", reason="no pthread_kill")
@pytest.mark.parametrize("moment", ["while a frame is written", "while the film is ended"])
def test_a_signal_never_tears_a_frame(moment, tmp_path, monkeypatch):
    source, target = make(tmp_path / "a.mp4", sound="aac"), tmp_path / "b.mp4"
    name = "_finish" if moment == "while the film is ended" else "_write"
    original, calls = getattr(making.Maker, name), []

    def interrupted(self, *arguments):
        calls.append(1)
        if len(calls) == (1 if name == "_finish" else 5):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            time.sleep(0.05)
        return original(self, *arguments)

    monkeypatch.setattr(making.Maker, name, interrupted)
    written = transform_video(source, target, same)
    assert not written.finished
    assert written.frames == 12 if name == "_finish" else 5 <= written.frames <= 6
    assert psnr(list(read_frames(target)), pictures()[: written.frames]) > 35
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]
