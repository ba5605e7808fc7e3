from fractions import Fraction

import numpy as np
import pytest

from neural_painter.errors import InputError
from neural_painter.video import probe, read_frames, transform_video
from tests.neural_painter.video.films import make, pictures, psnr, same, times_of


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm", "a.avi"])
def test_of_a_film_that_is_cut_short_the_frames_so_far_are_kept(name, tmp_path):
    frames, notes = pictures(50, (48, 64)), []
    source = make(
        tmp_path / name,
        frames=frames,
        times=[40 * k for k in range(50)],
        codec={"a.webm": "libvpx-vp9", "a.avi": "mpeg4"}.get(name, "libx264"),
        container={"movflags": "+faststart"} if name == "a.mp4" else None,
    )
    whole, expected = source.read_bytes(), list(read_frames(source))
    source.write_bytes(whole[: len(whole) * 2 // 3])
    written = transform_video(source, tmp_path / "b.mp4", same, notes=notes)
    assert 10 < written.frames < 45
    assert written.finished
    assert psnr(list(read_frames(tmp_path / "b.mp4")), expected[: written.frames]) > 35
    assert any("is damaged or cut short: its pictures break off at" in note and "of 2.0 s" in note for note in notes)
    assert list(read_frames(source))[-1].shape == (48, 64, 3)


def test_a_film_without_its_index_is_refused(tmp_path):
    source = make(tmp_path / "a.mp4")
    source.write_bytes(source.read_bytes()[:300])
    with pytest.raises(InputError, match=r"a\.mp4: cannot be read as a film: it is damaged, cut short") as caught:
        probe(source)
    assert "MP4" in caught.value.hint


def test_frames_that_cannot_be_decoded_are_left_out_and_said(tmp_path):
    source, notes = make(tmp_path / "a.mov", codec="png", form="rgb24", options={}), []
    data = bytearray(source.read_bytes())
    starts = [k for k in range(len(data)) if data.startswith(b"\x89PNG", k)]
    assert len(starts) == 12
    data[starts[5] : starts[5] + 40] = bytes(40)
    source.write_bytes(data)
    assert transform_video(source, tmp_path / "b.mkv", same, notes=notes).frames == 11
    assert notes == ["a.mov: is damaged (frames missing: 1, incomplete: 0)"]
    found, _ = times_of(tmp_path / "b.mkv")
    assert found == [Fraction(40 * k, 1000) for k in range(12) if k != 5]
    expected = np.delete(pictures(), 5, axis=0)
    assert psnr(list(read_frames(tmp_path / "b.mkv")), expected) > 35
