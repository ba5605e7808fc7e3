import os
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from neural_painter.video import Film, is_video, probe, read_frames, transform_video
from tests.neural_painter.video.films import add_sound, make, pictures, psnr, same, yuv

CONTAINERS = {
    "mp4": "libx264",
    "mov": "libx264",
    "matroska": "libx264",
    "webm": "libvpx-vp9",
    "avi": "mpeg4",
    "mpegts": "libx264",
    "mpeg": "mpeg2video",
    "flv": "flv1",
    "asf": "mpeg4",
    "ogg": "libtheora",
}


def test_the_content_tells_a_film_and_not_the_name(tmp_path):
    for container, codec in CONTAINERS.items():
        if codec == "libtheora" and codec not in av.codecs_available:
            continue
        for name in ("holiday", "a.png"):
            path = tmp_path / name
            with av.open(path, "w", format=container) as film:
                stream = film.add_stream("flv" if codec == "flv1" else codec, rate=25)
                stream.height, stream.width, stream.pix_fmt = 24, 32, "yuv420p"
                for picture in pictures():
                    film.mux(stream.encode(yuv(picture)))
                film.mux(stream.encode(None))
            assert is_video(path), container
            assert is_video(str(path))
            assert len(list(read_frames(path))) == 12, container


def test_what_is_no_film_is_told_quietly(tmp_path):
    moving = [Image.fromarray(picture) for picture in pictures(3)]
    for end in ("gif", "webp", "png", "jpg", "avif"):
        more = {} if end == "jpg" else {"save_all": True, "append_images": moving[1:]}
        moving[0].save(tmp_path / f"picture.{end}", **more)
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("free words, wide and far")
    (tmp_path / "noise.mkv").write_bytes(np.random.default_rng(0).bytes(50_000))
    os.mkfifo(tmp_path / "pipe.mp4")
    for name, container, codec in (
        ("sound.mp4", "mp4", "aac"),
        ("sound.ogg", "ogg", "libopus"),
        ("a.mka", None, "aac"),
    ):
        with av.open(tmp_path / name, "w", format=container) as film:
            add_sound(film, codec, 0.2)()
    found = sorted(tmp_path.iterdir())
    assert len(found) == 13
    for path in (*found, tmp_path / "missing.mp4", "a\0.mp4"):
        assert is_video(path) is False, path


def test_a_damaged_film_is_one_still(tmp_path):
    path = make(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes()[:300])
    assert is_video(path)


def test_titles_in_other_letters_are_read(tmp_path):
    source = make(tmp_path / "a.avi", codec="mpeg4", title="Caf_ am Meer")
    source.write_bytes(source.read_bytes().replace(b"Caf_ ", b"Caf\xe9 "))
    assert is_video(source)
    assert probe(source).frames == 12
    transform_video(source, tmp_path / "b.mp4", same)
    with av.open(tmp_path / "b.mp4") as film:
        assert film.metadata["title"] == "Café am Meer"


@pytest.mark.parametrize(
    ("name", "codec", "sound"),
    [
        ("a.mp4", "libx264", "aac"),
        ("a.mov", "libx264", None),
        ("a.mkv", "libx264", "aac"),
        ("a.webm", "libvpx-vp9", "libopus"),
        ("a.avi", "mpeg4", "pcm_s16le"),
    ],
)
def test_what_a_film_says_about_itself(name, codec, sound, tmp_path):
    path = make(tmp_path / name, codec=codec, sound=sound)
    assert probe(path) == Film(32, 24, Fraction(25), 12, pytest.approx(0.48), sound is not None)


@pytest.mark.parametrize(
    ("name", "codec", "size"),
    [("a.mp4", "libx264", (24, 32)), ("a.webm", "libvpx-vp9", (33, 25)), ("a.mkv", "ffv1", (33, 25))],
)
def test_frames_are_those_that_were_written(name, codec, size, tmp_path):
    expected = pictures(size=size)
    form = "yuv444p" if size[0] % 2 else "yuv420p"
    notes = []
    found = list(read_frames(make(tmp_path / name, frames=expected, codec=codec, form=form), notes=notes))
    assert all(frame.dtype == np.uint8 and frame.flags.writeable and frame.flags.c_contiguous for frame in found)
    assert psnr(found, expected) > 36  # the least that was measured is 38.3 dB
    assert not notes


@pytest.mark.parametrize("codec", ["libx264", "libvpx-vp9"])
@pytest.mark.parametrize(
    ("size", "matrix", "told", "full"),
    [
        ((24, 32), "bt709", True, False),
        ((24, 32), "bt601", True, False),
        ((24, 32), "bt709", True, True),
        ((24, 32), "bt601", False, False),
        ((24, 1280), "bt709", False, False),  # as wide as HD
    ],
)
def test_colours_follow_the_film(codec, size, matrix, told, full, tmp_path):
    expected = pictures(1, size)[0]
    path = tmp_path / "a.mkv"
    with av.open(path, "w") as film:
        options = {"libx264": {"qp": "0"}, "libvpx-vp9": {"lossless": "1"}}.get(codec, {})
        stream = film.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = size
        frame = yuv(expected, matrix, full=full)
        if not told:
            frame.colorspace, frame.color_range = 2, 0
        stream.codec_context.colorspace, stream.codec_context.color_range = frame.colorspace, frame.color_range
        film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    # Measured: 48 dB at least. The wrong matrix gives 26 dB, the wrong range 28 dB, chroma half a pixel aside 44 dB.
    assert psnr(next(read_frames(path)), expected) > 46


def test_frames_that_are_written_follow_the_definition(tmp_path):
    source, target = make(tmp_path / "a.mp4", times=[0]), tmp_path / "b.mkv"
    x = np.arange(64) / 64
    picture = np.empty((48, 64, 3), np.uint8)
    picture[:] = np.round(127.5 + 60 * np.stack([np.sin(50 * x), 0 * x, np.cos(40 * x)], -1))
    transform_video(source, target, lambda _: picture)
    with av.open(target) as film:
        found = next(film.decode(video=0)).to_ndarray()
    assert psnr(found, yuv(picture).to_ndarray()) > 40  # 43 dB was measured, 34 dB with chroma half a pixel aside


TURNS = [(turn, mirrored, False) for turn in (0, 90, 180, 270) for mirrored in (False, True)] + [(90, False, True)]


@pytest.mark.parametrize("turn", TURNS, ids=str)
def test_frames_are_turned_upright_and_stay_so(turn, tmp_path):
    lying = pictures()
    path = make(tmp_path / "a.mp4", frames=lying, turn=turn)
    degrees, mirrored, upended = turn  # counter-clockwise, then left to right, then top to bottom
    expected = np.rot90(lying, degrees // 90, (1, 2))
    expected = expected[:, :: -1 if upended else 1, :: -1 if mirrored else 1]
    assert psnr(list(read_frames(path)), expected) > 36
    assert (probe(path).height, probe(path).width) == expected.shape[1:3]

    transform_video(path, tmp_path / "b.mp4", same)
    assert psnr(list(read_frames(tmp_path / "b.mp4")), expected) > 35
    with av.open(tmp_path / "b.mp4") as film:
        assert next(film.decode(video=0)).side_data.get("DISPLAYMATRIX") is None


def test_transparency_is_dropped_and_said(tmp_path):
    notes = []
    path = tmp_path / "a.mov"
    with av.open(path, "w") as film:
        stream = film.add_stream("qtrle", rate=25)
        stream.height, stream.width, stream.pix_fmt = 24, 32, "argb"
        frame = av.VideoFrame.from_ndarray(pictures(1)[0], format="rgb24")
        film.mux(stream.encode(frame.reformat(format="argb")))
        film.mux(stream.encode(None))
    assert (next(read_frames(path, notes=notes)) == pictures(1)[0]).all()
    assert notes == ["a.mov: its transparency is dropped"]


def test_interlaced_lines_are_left_and_said(tmp_path):
    path, notes = make(tmp_path / "a.mkv", options={"crf": "10", "flags": "+ildct+ilme"}), []
    assert psnr(list(read_frames(path, notes=notes)), pictures()) > 34
    assert notes == ["a.mkv: is interlaced: its lines are left as they are"]


def in_bt2020(linear, code):
    """Colours of BT.709, linear, as 10 bits of BT.2020 that are coded by a curve; `[1, N, 3]` Y, Cb and Cr."""
    wide = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
    r, g, b = np.moveaxis(code(np.asarray(linear) @ wide.T), -1, 0)
    y = 0.2627 * r + 0.678 * g + 0.0593 * b
    planes = 64 + 876 * y, 512 + 896 * (b - y) / 1.8814, 512 + 896 * (r - y) / 1.4746
    return [np.round(plane).astype(np.uint16) for plane in planes]


def pq(light):
    """SMPTE ST 2084, of light in cd/m²."""
    power = (np.maximum(light, 0) / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def test_what_is_as_bright_as_paper_stays_and_what_is_brighter_keeps_its_steps(tmp_path):
    path, notes = tmp_path / "a.mkv", []
    shown = np.array([[0, 0, 0], [64] * 3, [128] * 3, [180, 60, 60], [40, 150, 40], [50, 50, 160], [150, 128, 100]])
    linear = np.where(shown <= 10, shown / 3294.6, ((shown / 255 + 0.055) / 1.055) ** 2.4)
    brighter = np.outer([1, 2, 3, 4, 4.9, 20], [1, 1, 1])
    planes = in_bt2020(np.concatenate([linear, brighter]), lambda light: pq(203 * light))
    with av.open(path, "w") as film:
        stream = film.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = 16, 16 * len(planes[0]), "yuv444p10le"
        frame = av.VideoFrame(stream.width, 16, "yuv444p10le")
        for plane, codes in zip(frame.planes, planes, strict=True):
            np.frombuffer(plane, np.uint16).reshape(16, -1)[:, : stream.width] = np.repeat(codes, 16)
        for told in (stream.codec_context, frame):
            told.colorspace, told.color_primaries, told.color_trc, told.color_range = 9, 9, 16, 1
        film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    found = next(read_frames(path, notes=notes))[8, 8::16].astype(int)
    assert np.abs(found[:7] - shown).max() <= 3
    greys = found[7:, 1]
    assert np.ptp(found[7:], axis=1).max() <= 1
    assert 220 < greys[0] < 235
    assert (np.diff(greys[:5]) >= 2).all()
    assert greys[4:].min() >= 254
    assert notes == ["a.mkv: its HDR colours are converted to sRGB"]


def test_hdr_is_fitted_into_srgb_without_clipping(tmp_path):
    path, notes = tmp_path / "a.mkv", []
    signal_levels = np.linspace(0, 1, 32)  # hybrid log-gamma
    grey = np.full((36, 32), 512 << 6, np.uint16)
    grey[:24] = np.round(64 + 876 * signal_levels).astype(np.uint16) << 6
    with av.open(path, "w") as film:
        stream = film.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = 24, 32, "yuv420p10le"
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = 9, 9, 18, 1
        frame = av.VideoFrame.from_ndarray(grey >> 6, format="yuv420p10le")
        frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range = 9, 9, 18, 1
        film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    found = next(read_frames(path, notes=notes))[12].astype(int)
    assert np.ptp(found, axis=1).max() <= 2  # greys stay grey
    assert (np.diff(found[:, 1]) >= 0).all()
    assert len(np.unique(found[16:, 1])) > 12  # the bright half keeps its steps
    assert found[0].max() <= 2
    assert found[-1].min() >= 253
    assert notes == ["a.mkv: its HDR colours are converted to sRGB"]
