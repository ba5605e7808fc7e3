from fractions import Fraction

import av
import numpy as np
import pytest

from neural_painter.video import TARGETS, Written, probe, read_frames, transform_video
from tests.neural_painter.video.films import (
    EVEN,
    UNEVEN,
    click_of,
    context_of,
    make,
    on_cores,
    pictures,
    psnr,
    same,
    times_of,
)


@pytest.mark.parametrize("extension", TARGETS)
@pytest.mark.parametrize("size", [(24, 32), (33, 25)])
def test_a_film_that_is_not_changed_stays_the_same(extension, size, tmp_path):
    frames, notes, counted = pictures(size=size), [], []
    source = make(tmp_path / "a.mkv", frames=frames, codec="ffv1", form="yuv444p", options={})
    target = tmp_path / f"b{extension}"
    assert transform_video(source, target, same, notes=notes, on_frame=counted.append) == Written(12, True, ())
    assert counted == list(range(1, 13))
    found = np.stack(list(read_frames(target)))
    assert psnr(found[:, : size[0], : size[1]], frames) > 35  # 37.4 dB was measured
    assert size[0] % 2 == 0 or psnr(found[:, -1], found[:, -2]) > 35  # the last row, again
    assert times_of(target) == (pytest.approx([t / 1000 for t in EVEN], abs=1e-9), pytest.approx(0.04, abs=1e-9))
    found = context_of(target)
    assert (found["height"], found["width"]) == tuple(side + side % 2 for side in size)  # phones refuse odd ones
    assert (found["colorspace"], found["range"], found["curve"], found["primaries"]) == (1, 1, 1, 1)  # BT.709, limited
    assert found["name"] == ("vp9" if extension == ".webm" else "h264")
    assert found["pix_fmt"] == "yuv420p"
    assert notes == (
        []
        if size == (24, 32)
        else ["a.mkv: 25x33 is odd, and players want even sides: its last row or column is repeated"]
    )
    assert (b"colr" in target.read_bytes()) is (extension in (".mp4", ".m4v", ".mov"))


def test_what_people_wrote_comes_along_unless_it_is_not_to(tmp_path):
    source = make(tmp_path / "a.mkv", sounds=[{"codec": "aac", "language": "deu"}], title="Harbour")
    for end in (".mp4", ".mkv", ".webm"):
        for kept in (True, False):
            transform_video(source, tmp_path / f"b{end}", same, metadata=kept)
            with av.open(tmp_path / f"b{end}") as film:
                assert film.metadata.get("title") == ("Harbour" if kept else None)
                assert film.streams.audio[0].language == "deu"


@pytest.mark.parametrize("extension", [".mp4", ".webm"])
def test_one_core_writes_the_same_bytes_as_two(extension, tmp_path):
    source = make(tmp_path / "a.mp4", frames=pictures(40, (96, 128)), times=[40 * k for k in range(40)])
    for cores in (1, 2):  # with threads as many as x264 likes, the files differ
        with on_cores(cores):
            transform_video(source, tmp_path / f"{cores}{extension}", same)
    assert (tmp_path / f"1{extension}").read_bytes() == (tmp_path / f"2{extension}").read_bytes()


@pytest.mark.parametrize("extension", [".mp4", ".mov", ".mkv", ".webm"])
def test_uneven_times_are_kept(extension, tmp_path):
    source, target = make(tmp_path / "a.mp4", times=UNEVEN, sound="aac", seconds=0.74), tmp_path / f"b{extension}"
    transform_video(source, target, same)
    expected, last = times_of(source)
    assert expected == [Fraction(t, 1000) for t in UNEVEN]
    found, last_found = times_of(target)
    late = found[0]
    assert [time - late for time in found] == expected
    assert last_found == last
    assert late == 0 or (
        extension == ".mkv" and late < 0.022
    )  # Matroska has no times below 0, as of AAC's first packet


@pytest.mark.parametrize(("codec", "options"), [("mpeg4", {}), ("libx264", {"bf": "2", "crf": "10"})])
def test_an_avi_has_no_times_of_its_own(codec, options, tmp_path):
    source = make(tmp_path / "a.avi", times=[40 * k for k in range(40)], codec=codec, options=options)
    transform_video(source, tmp_path / "b.mp4", same)
    found, _ = times_of(tmp_path / "b.mp4")
    assert np.diff(found).tolist() == [Fraction(1, 25)] * 39


def test_a_time_that_is_told_twice_is_moved_on(tmp_path):
    source, told = make(tmp_path / "a.mkv", codec="ffv1", options={}), iter([*EVEN[:4], *EVEN[3:-1]])
    with av.open(source) as film, av.open(tmp_path / "b.mkv", "w") as twice:
        stream = twice.add_stream_from_template(film.streams.video[0], opaque=True)
        for packet in film.demux(video=0):
            if packet.size:
                packet.pts = packet.dts = next(told)
                packet.stream = stream
                twice.mux(packet)
    assert transform_video(tmp_path / "b.mkv", tmp_path / "c.mkv", same) == Written(12, True, ())
    assert times_of(tmp_path / "c.mkv")[0] == [Fraction(t, 1000) for t in (*EVEN[:4], 121, *EVEN[4:-1])]


@pytest.mark.parametrize("extension", [".mp4", ".webm"])
def test_a_film_that_begins_late_begins_at_once(extension, tmp_path):
    source, target = make(tmp_path / "a.mkv", begin=5000, sound="aac"), tmp_path / f"b{extension}"
    transform_video(source, target, same)
    found, _ = times_of(target)
    assert 0 <= found[0] < 0.03  # the encoder's delay of the sound comes first
    assert np.allclose(np.diff(np.array(found, float)), 0.04, atol=1e-3)
    clicks = click_of(source) - 5, click_of(target) - float(found[0])
    assert clicks[0] == pytest.approx(clicks[1], abs=2e-3)


def test_changed_frames_arrive_in_their_own_size(tmp_path):
    source, target, seen = make(tmp_path / "a.mp4"), tmp_path / "b.mp4", []

    def change(picture):
        seen.append(picture)
        return np.ascontiguousarray(255 - picture[:12, ::-1])

    transform_video(source, target, change)
    assert psnr(list(read_frames(target)), [255 - picture[:12, ::-1] for picture in seen]) > 34
    assert (probe(target).height, probe(target).width) == (12, 32)


def test_one_array_may_be_returned_for_all_frames(tmp_path):
    source, target = make(tmp_path / "a.mp4"), tmp_path / "b.mp4"
    own = np.zeros((24, 32, 3), np.uint8)

    def change(picture):
        own[:] = picture
        return own

    transform_video(source, target, change)
    assert psnr(list(read_frames(target)), pictures()) > 35


def test_frames_of_another_size_are_scaled_to_the_first(tmp_path):
    source, target, notes, sizes = make(tmp_path / "a.mp4"), tmp_path / "b.mp4", [], iter([24, *[12] * 11])
    transform_video(source, target, lambda picture: picture[: next(sizes)], notes=notes)
    assert {frame.shape for frame in read_frames(target)} == {(24, 32, 3)}
    assert notes == ["a.mp4: its frames change size: all are scaled to 32x24"]


@pytest.mark.parametrize("turn", [None, (90,)], ids=["lying", "turned"])
def test_pixels_that_are_not_square_stay_so(turn, tmp_path):
    source, notes = make(tmp_path / "a.mp4", aspect=Fraction(3, 2), turn=turn), []
    for name in ("b.mp4", "b.mkv", "b.webm"):
        transform_video(source, tmp_path / name, same, notes=notes)
    for name in ("b.mp4", "b.mkv"):
        with av.open(tmp_path / name) as film:
            assert film.streams.video[0].sample_aspect_ratio == (Fraction(2, 3) if turn else Fraction(3, 2))
    assert (probe(tmp_path / "b.webm").width, probe(tmp_path / "b.webm").height) == ((48, 24) if not turn else (24, 48))
    assert notes == [f"a.mp4: its pixels were not square: it is scaled to {'24x48' if turn else '48x24'}"]


@pytest.mark.parametrize("bad", [np.zeros((24, 32, 3)), np.zeros((24, 32), np.uint8), np.zeros((0, 32, 3), np.uint8)])
def test_what_is_no_picture_is_refused(bad, tmp_path):
    source = make(tmp_path / "a.mp4")
    with pytest.raises(ValueError, match="expected a changed frame"):
        transform_video(source, tmp_path / "b.mp4", lambda _: bad)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_the_same_frames_give_the_same_file(tmp_path):
    source = make(tmp_path / "a.mp4", sound="aac")
    for name in ("b.mkv", "c.mkv", "b.mp4", "c.mp4"):
        transform_video(source, tmp_path / name, same)
    for kind in ("mkv", "mp4"):
        assert (tmp_path / f"b.{kind}").read_bytes() == (tmp_path / f"c.{kind}").read_bytes()
