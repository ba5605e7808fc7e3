import re
import subprocess

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image, ImageSequence

from neural_painter.errors import OutputError, UsageError
from neural_painter.export import animation, raster
from neural_painter.export.animation import write_animation
from neural_painter.export.raster import render
from neural_painter.images import to_uint8
from tests.neural_painter.sample_documents import sample_document

SUFFIXES = [".mp4", ".gif", ".webp"]


def decoded(path) -> tuple[np.ndarray, np.ndarray]:
    """Frames uint8 [N, H, W, 3] and how long each is shown, in seconds."""
    if path.suffix == ".mp4":
        accurate = ["-sws_flags", "accurate_rnd+full_chroma_int", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
        ended = subprocess.run(
            [imageio_ffmpeg.get_ffmpeg_exe(), "-i", path, *accurate], capture_output=True, check=True
        )
        said = ended.stderr.decode()
        width, height = map(int, re.search(r" (\d+)x(\d+)[ ,]", said).groups())
        frames = np.frombuffer(ended.stdout, np.uint8).reshape(-1, height, width, 3)
        return frames, np.full(len(frames), 1 / float(re.search(r"([\d.]+) fps", said)[1]))
    with Image.open(path) as image:
        frames, times = [], []
        for frame in ImageSequence.Iterator(image):
            frames.append(np.asarray(frame.convert("RGB")))
            times.append(frame.info["duration"] / 1000)
    return np.stack(frames), np.array(times)


def error(frame: np.ndarray, picture: np.ndarray) -> float:
    return float(np.abs(frame.astype(int) - to_uint8(picture)).mean())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_plays_all_strokes_in_time(suffix, tmp_path):
    document, size = sample_document(count=40, size=(48, 64)), (96, 128)
    path = tmp_path / f"a{suffix}"
    write_animation(path, document, size, duration=0.8, fps=10, hold=0.5)
    frames, times = decoded(path)
    assert frames.shape[1:] == (96, 128, 3)
    assert times.sum() == pytest.approx(1.3, abs=0.011)
    starts = np.concatenate([[0], np.cumsum(times)])
    for moment in (0, 3, 7):  # tenths of a second; 5 strokes each
        frame = frames[np.searchsorted(starts, moment / 10 + 0.05) - 1]
        # Worst mean error measured, of 255: mp4 2.7, gif 0.4, webp 3.5; mp4 and webp halve the resolution of colour
        assert error(frame, render(document, size, stop=5 * (moment + 1))) < 4.5
    assert error(frames[-1], render(document, size)) < 4.5
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_fewer_strokes_than_frames(suffix, tmp_path):
    document = sample_document(count=2)
    write_animation(tmp_path / f"a{suffix}", document, (48, 64), duration=1, fps=20, hold=0)
    frames, times = decoded(tmp_path / f"a{suffix}")
    assert times.sum() == pytest.approx(1, abs=0.011)
    assert error(frames[0], render(document, (48, 64), stop=0)) < 1
    assert error(frames[-1], render(document, (48, 64))) < 3


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("size", [(33, 47), (1, 1)])
def test_odd_sizes(suffix, size, tmp_path):
    document = sample_document(count=4)
    write_animation(tmp_path / f"a{suffix}", document, size, duration=0.2, fps=10, hold=0.1)
    frames, _ = decoded(tmp_path / f"a{suffix}")
    even = suffix == ".mp4"
    assert frames.shape[1:3] == tuple(side + side % 2 * even for side in size)
    if even:
        assert np.abs(frames[-1, -1].astype(int) - frames[-1, -2]).max() < 12  # the last row, repeated


def test_mp4_is_what_browsers_play(tmp_path):
    path = tmp_path / "a.mp4"
    write_animation(path, sample_document(count=4), (48, 64), duration=0.5, fps=30, hold=0)
    said = subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-i", path], capture_output=True, text=True).stderr
    assert "h264" in said
    assert "yuv420p(tv, bt709" in said
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # playing starts before all has arrived


def test_gif_frames_hold_changes_only(tmp_path):
    """The picture is made of many palettes, and what no stroke touches stays as it is."""
    document = sample_document("oil", count=30, size=(96, 128))
    write_animation(tmp_path / "a.gif", document, (96, 128), duration=1, fps=10, hold=0)
    frames, _ = decoded(tmp_path / "a.gif")
    assert len(np.unique(frames[-1].reshape(-1, 3), axis=0)) > 400
    pictures = [to_uint8(render(document, (96, 128), stop=3 * n)) for n in (9, 10)]
    still = (pictures[0] == pictures[1]).all(axis=2)
    assert still.any()
    np.testing.assert_array_equal(frames[-1][still], frames[-2][still])


def test_gif_holds_longer_than_its_counter(tmp_path):
    write_animation(tmp_path / "a.gif", sample_document(count=2), (8, 8), duration=0.1, fps=10, hold=1000)
    frames, times = decoded(tmp_path / "a.gif")
    assert times.sum() == pytest.approx(1000.1, abs=0.02)
    np.testing.assert_array_equal(frames[-1], frames[0])


@pytest.mark.parametrize("suffix", [".gif", ".mp4"])
def test_same_bytes(suffix, tmp_path):
    for name in "ab":
        write_animation(tmp_path / (name + suffix), sample_document(count=6), (48, 64), duration=0.3, fps=10, hold=0)
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_each_stroke_is_painted_once(monkeypatch, tmp_path):
    painted = []

    def spy(document, size, *, start=0, stop=None, canvas=None):
        painted.extend(range(start, stop))
        return render(document, size, start=start, stop=stop, canvas=canvas)

    monkeypatch.setattr(raster, "render", spy)
    write_animation(tmp_path / "a.gif", sample_document(count=23), (12, 16), duration=0.7, fps=10, hold=0)
    assert painted == list(range(23))


@pytest.mark.parametrize(
    ("name", "how", "message"),
    [
        ("a.avi", {}, r"expected \.mp4, \.gif, \.webp"),
        ("a.mp4", {"duration": 0}, "duration is 0, expected more than 0 to 3600 seconds"),
        ("a.mp4", {"duration": float("nan")}, "duration is nan"),
        ("a.mp4", {"duration": 1e9}, r"duration is 1e\+09"),
        ("a.mp4", {"fps": 0}, "fps is 0, expected more than 0 to 120 frames a second in .mp4"),
        ("a.gif", {"fps": 60}, "fps is 60, expected more than 0 to 50 frames a second in .gif"),
        ("a.webp", {"hold": -1}, "hold is -1, expected 0 to 3600 seconds"),
    ],
)
def test_rejects(name, how, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        write_animation(tmp_path / name, sample_document(count=2), (12, 16), **how)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("failure", [ZeroDivisionError, KeyboardInterrupt])
def test_failure_leaves_nothing(suffix, failure, monkeypatch, tmp_path):
    def failing(document, size, *, start=0, stop=None, canvas=None):
        if start:
            raise failure
        return render(document, size, start=start, stop=stop, canvas=canvas)

    monkeypatch.setattr(raster, "render", failing)
    started = []
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *args, **how: started.append(popen(*args, **how)) or started[-1])
    with pytest.raises(failure):
        write_animation(tmp_path / f"a{suffix}", sample_document(count=9), (12, 16), duration=0.5, fps=10)
    assert not list(tmp_path.iterdir())
    assert all(process.poll() is not None for process in started)


def test_encoder_failure_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setitem(animation.ENCODERS, ".mp4", "-c:v no_such_encoder -f mp4")
    with pytest.raises(OutputError, match=r"a\.mp4: ffmpeg failed \(.*no_such_encoder") as caught:
        write_animation(tmp_path / "a.mp4", sample_document(count=9), (200, 300), duration=3, fps=30)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_no_ffmpeg(monkeypatch, tmp_path):
    def missing():
        raise RuntimeError("No ffmpeg exe could be found.")

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", missing)
    with pytest.raises(OutputError, match=r"a\.mp4: no ffmpeg found"):
        write_animation(tmp_path / "a.mp4", sample_document(count=2), (8, 8))
    assert not list(tmp_path.iterdir())


def test_existing_files_are_kept(tmp_path):
    (tmp_path / "a.mp4").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        write_animation(tmp_path / "a.mp4", sample_document(count=2), (8, 8), overwrite=False)
    assert (tmp_path / "a.mp4").read_text() == "mine"
