import av
import numpy as np
import pytest

from neural_painter.video import Written, transform_video
from tests.neural_painter.video.films import TICKS, click_of, make, packets_of, same, samples_of, times_of


@pytest.mark.parametrize(
    ("name", "sound", "target"),
    [
        ("a.mp4", "aac", ".mp4"),
        ("a.mp4", "aac", ".mov"),
        ("a.mp4", "aac", ".mkv"),
        ("a.mkv", "aac", ".mp4"),
        ("a.mkv", "libopus", ".webm"),
        ("a.mkv", "libopus", ".mp4"),
        ("a.mkv", "flac", ".mp4"),
        ("a.mkv", "ac3", ".mp4"),
        ("a.avi", "libmp3lame", ".mp4"),
        ("a.avi", "pcm_s16le", ".mov"),
        ("a.avi", "pcm_s16le", ".mkv"),
    ],
)
def test_sound_is_copied_packet_by_packet(name, sound, target, tmp_path):
    codec = "mpeg4" if name == "a.avi" else "libx264"
    source, target, notes = make(tmp_path / name, codec=codec, sound=sound), tmp_path / f"b{target}", []
    assert transform_video(source, target, same, notes=notes) == Written(12, True, ("copied",))
    assert not notes
    if sound.startswith("pcm"):  # containers cut it as they like
        assert b"".join(packets_of(target)) == b"".join(packets_of(source))
    else:
        assert packets_of(target) == packets_of(source)
    late = float(times_of(target)[0][0] - times_of(source)[0][0])
    assert 0 <= late < 0.022  # in Matroska, as above
    assert click_of(target) - late == pytest.approx(click_of(source), abs=1.5e-3)


@pytest.mark.parametrize(
    ("name", "sound", "rate", "layout", "target", "codecs"),
    [
        ("a.mp4", "aac", 44_100, "stereo", ".webm", "aac to opus, stereo"),
        ("a.mp4", "aac", 48_000, "mono", ".webm", "aac to opus, mono"),
        ("a.mp4", "aac", 48_000, "5.1", ".webm", "aac to opus, 5.1"),
        ("a.mp4", "aac", 48_000, "4.0", ".webm", "aac to opus, stereo"),
        ("a.avi", "pcm_s16le", 44_100, "stereo", ".mp4", "pcm_s16le to aac, stereo"),
        ("a.mkv", "libopus", 48_000, "stereo", ".mov", "opus to aac, stereo"),
    ],
)
def test_sound_that_the_container_does_not_take_is_encoded_anew(name, sound, rate, layout, target, codecs, tmp_path):
    tone = {"codec": sound, "rate": rate, "layout": layout}
    codec = "mpeg4" if name == "a.avi" else "libx264"
    source, target, notes = make(tmp_path / name, codec=codec, sounds=[tone]), tmp_path / f"b{target}", []
    assert transform_video(source, target, same, notes=notes) == Written(12, True, ("re-encoded",))
    assert notes == [f"{name}: its sound is re-encoded ({codecs})"]
    assert click_of(target) == pytest.approx(click_of(source), abs=2e-3)
    samples = samples_of(target)
    assert len(samples) / 48_000 == pytest.approx(0.48, abs=0.03)
    spectrum = np.abs(np.fft.rfft(samples[: 48_000 // 5]))
    assert spectrum.argmax() * 5 == pytest.approx(440, abs=5)


def test_every_sound_comes_along_with_its_language(tmp_path):
    tones = [{"codec": "aac", "language": "deu"}, {"codec": "libopus", "language": "fra"}]
    source, notes = make(tmp_path / "a.mkv", sounds=tones), []
    assert transform_video(source, tmp_path / "b.mkv", same).audio == ("copied", "copied")
    assert transform_video(source, tmp_path / "b.webm", same, notes=notes).audio == ("re-encoded", "copied")
    assert notes == ["a.mkv: its sound 1 is re-encoded (aac to opus, stereo)"]
    with av.open(tmp_path / "b.webm") as film:
        assert [stream.language for stream in film.streams.audio] == ["deu", "fra"]
    assert packets_of(tmp_path / "b.webm", 1) == packets_of(source, 1)


def test_sound_of_an_unknown_codec_is_dropped_and_said(tmp_path):
    source, notes = make(tmp_path / "a.mov", sound="pcm_s16le"), []
    source.write_bytes(source.read_bytes().replace(b"sowt", b"zzzz"))
    assert transform_video(source, tmp_path / "b.mp4", same, notes=notes) == Written(12, True, ("dropped",))
    assert notes == ["a.mov: its sound is dropped: its codec is unknown"]
    with av.open(tmp_path / "b.mp4") as film:
        assert not film.streams.audio


def test_sound_that_is_longer_than_the_pictures_is_kept(tmp_path):
    source = make(tmp_path / "a.mp4", sound="aac", seconds=1.5)
    transform_video(source, tmp_path / "b.mp4", same)
    assert packets_of(tmp_path / "b.mp4") == packets_of(source)


def test_subtitles_are_left_out_and_said(tmp_path):
    source, notes = make(tmp_path / "a.mkv"), []
    with av.open(source) as film, av.open(tmp_path / "b.mkv", "w") as both:
        stream = both.add_stream_from_template(film.streams.video[0])
        words = both.add_mux_stream("subrip")
        for packet in film.demux(video=0):
            if packet.dts is not None or packet.pts is not None:
                packet.stream = stream
                both.mux(packet)
        packet = av.Packet(b"Hello")
        packet.pts, packet.dts, packet.duration, packet.time_base, packet.stream = 0, 0, 100, TICKS, words
        both.mux(packet)
    transform_video(tmp_path / "b.mkv", tmp_path / "c.mkv", same, notes=notes)
    assert notes == ["b.mkv: subtitles left out"]
    with av.open(tmp_path / "c.mkv") as film:
        assert [stream.type for stream in film.streams] == ["video"]
