import av
import numpy as np
import pytest
from PIL import Image, ImageSequence

from neural_painter.errors import OutputError, UsageError
from neural_painter.export import animation
from neural_painter.export.animation import write_animation
from neural_painter.export.easel import Easel
from neural_painter.export.rendering import render
from neural_painter.images import to_uint8
from neural_painter.video import even, probe, read_frames
from neural_painter.video.even import write_evenly
from tests.neural_painter.sample_documents import sample_document
from tests.neural_painter.video.films import on_cores, psnr, yuv

SUFFIXES = [".mp4", ".gif", ".webp"]


def decoded(path) -> tuple[np.ndarray, np.ndarray]:
    """Frames uint8 [N, H, W, 3] and how long each is shown, in seconds."""
    if path.suffix == ".mp4":
        frames = np.stack(list(read_frames(path)))
        return frames, np.full(len(frames), 1 / float(probe(path).rate))
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
        assert np.abs(frames[-1, -1].astype(int) - frames[-1, -2]).mean() < 3  # the last row, repeated: measured 1.1


def test_mp4_is_what_phones_and_browsers_play(tmp_path):
    path = tmp_path / "a.mp4"
    write_animation(path, sample_document(count=4), (48, 64), duration=0.5, fps=29.97, hold=0)
    with av.open(path) as film:
        (stream,) = film.streams
        context = stream.codec_context
        assert (context.name, context.pix_fmt, context.color_range) == ("h264", "yuv420p", 1)
        assert (context.colorspace, context.color_primaries, context.color_trc) == (1, 1, 1)  # BT.709
        assert stream.average_rate == pytest.approx(29.97)
    data = path.read_bytes()
    assert b"colrnclx" in data
    assert data.index(b"moov") < data.index(b"mdat")  # playing starts before all has arrived


def test_chroma_of_an_mp4_lies_on_the_left(tmp_path):
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:] = np.round(127.5 + 60 * np.stack([np.sin(np.arange(64)), 0 * np.arange(64), np.cos(np.arange(64))], -1))
    write_evenly(tmp_path / "a.mp4", [picture], (48, 64), 10, path=tmp_path / "a.mp4")
    with av.open(tmp_path / "a.mp4") as film:
        found = next(film.decode(video=0)).to_ndarray()
    assert psnr(found, yuv(picture).to_ndarray()) > 40  # measured: 46 dB, 27 dB half a pixel aside


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


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_same_bytes_on_one_core_and_two(suffix, tmp_path):
    for cores in (1, 2):
        with on_cores(cores):
            path = tmp_path / f"{cores}{suffix}"
            write_animation(path, sample_document(count=60), (96, 128), duration=1, fps=30, hold=0.2)
    assert (tmp_path / f"1{suffix}").read_bytes() == (tmp_path / f"2{suffix}").read_bytes()


def test_each_stroke_is_painted_once(monkeypatch, tmp_path):
    painted = []
    original = Easel._painter

    def spy(self, start, stop):
        painted.extend(range(start, stop))
        return original(self, start, stop)

    monkeypatch.setattr(Easel, "_painter", spy)
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
    original = Easel._painter

    def failing(self, start, stop):
        if start:
            raise failure
        return original(self, start, stop)

    monkeypatch.setattr(Easel, "_painter", failing)
    with pytest.raises(failure):
        write_animation(tmp_path / f"a{suffix}", sample_document(count=9), (12, 16), duration=0.5, fps=10)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_size_that_the_format_cannot_hold(suffix, tmp_path):
    most = animation.MOST_SIDE[suffix]
    with pytest.raises(OutputError, match=f"holds at most {most} px a side, got {most + 1}x1") as caught:
        write_animation(tmp_path / f"a{suffix}", sample_document(count=2), (1, most + 1))
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_an_encoder_that_is_not_there(monkeypatch, tmp_path):
    for suffix, kind in even.KINDS.items():
        monkeypatch.setitem(even.KINDS, suffix, kind._replace(encoder="no_such_encoder"))
        with pytest.raises(OutputError, match="PyAV has no encoder no_such_encoder here"):
            write_animation(tmp_path / f"a{suffix}", sample_document(count=9), (20, 30), duration=1, fps=10)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_is_one_sentence(suffix, tmp_path):
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, limits[1]))
    try:
        with pytest.raises(OutputError, match=rf"a\{suffix}: cannot be written \(File too large"):
            write_animation(tmp_path / f"a{suffix}", sample_document(count=60), (96, 128), duration=2, fps=10)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())


def test_existing_files_are_kept(tmp_path):
    (tmp_path / "a.mp4").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        write_animation(tmp_path / "a.mp4", sample_document(count=2), (8, 8), overwrite=False)
    assert (tmp_path / "a.mp4").read_text() == "mine"
