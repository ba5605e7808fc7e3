import av
import numpy as np
import pytest
from PIL import Image

from neural_painter.errors import InputError, OutputError, UsageError
from neural_painter.video import check_target, probe, read_frames, transform_video
from tests.neural_painter.video.films import add_sound, make, pictures, psnr, same


def no_frames(path):
    with av.open(path, "w") as film:
        stream = film.add_stream("libx264", rate=25)
        stream.height, stream.width = 24, 32
        film.start_encoding()


def sound_only(path):
    with av.open(path, "w") as film:
        add_sound(film, "aac", 0.2)()


def picture_of(kind):
    def write(path):
        Image.new("RGB", (32, 24)).save(path, format=kind)

    return write


def playlist(path):
    make(path.with_name("other.mkv"))
    path.write_text("ffconcat version 1.0\nfile other.mkv\n")


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.mkdir(), "is a folder, expected a film"),
        (lambda path: path.touch(), "is empty, expected a film"),
        (
            lambda path: path.write_text("<!DOCTYPE html>\n<html><body>404</body></html>"),
            "not a film (found: text/html)",
        ),
        (lambda path: path.write_bytes(np.random.default_rng(0).bytes(5000)), "not a film"),
        (picture_of("PNG"), "not a film (found: PNG)"),
        (picture_of("JPEG"), "not a film (found: JPEG)"),
        (picture_of("GIF"), "not a film (found: GIF)"),
        (playlist, "not a film"),
        (no_frames, "holds no frames"),
        (sound_only, "holds no frames (found: sound only)"),
    ],
)
def test_what_is_no_film_is_refused_in_a_sentence(write, sentence, tmp_path):
    path = tmp_path / "a.mp4"
    write(path)
    before = sorted(tmp_path.iterdir())
    for read in (probe, lambda p: next(read_frames(p)), lambda p: transform_video(p, tmp_path / "b.mp4", same)):
        with pytest.raises(InputError) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: {sentence}")
    assert sorted(tmp_path.iterdir()) == before


def test_a_matroska_film_of_no_frames(tmp_path):
    no_frames(tmp_path / "a.mkv")
    with pytest.raises(InputError, match="holds no frames"):
        next(read_frames(tmp_path / "a.mkv"))


def test_an_impossible_name():
    with pytest.raises(InputError, match="cannot be read"):
        probe("a\0.mp4")


@pytest.mark.parametrize(
    ("name", "error", "sentence"),
    [
        ("b.avi", UsageError, "cannot write films ending in .avi"),
        ("b.gif", UsageError, "cannot write films ending in .gif"),
        ("b", UsageError, "cannot write a film without an extension"),
        ("old.mp4", OutputError, "exists already"),
        ("no/b.mp4", OutputError, "its folder does not exist"),
        ("folder.mp4", OutputError, "is a folder"),
    ],
)
def test_a_target_that_cannot_be_written(name, error, sentence, tmp_path):
    source = make(tmp_path / "a.mp4")
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "old.mp4").write_bytes(b"old")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(error, match=sentence) as caught:
        transform_video(source, tmp_path / name, pytest.fail, overwrite=False)
    assert caught.value.exit_status == (2 if error is UsageError else 5)
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "old.mp4").read_bytes() == b"old"


def test_targets_can_be_checked_beforehand():
    check_target("a.MP4")
    with pytest.raises(UsageError) as caught:
        check_target("a.avi")
    assert caught.value.hint == "Supported: .mp4, .m4v, .mov, .mkv, .webm"


def test_names_that_look_like_addresses_are_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "a.mp4").rename("concat:a%d.mp4")
    transform_video("concat:a%d.mp4", "http:b.mp4", same)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["concat:a%d.mp4", "http:b.mp4"]
    assert psnr(list(read_frames("http:b.mp4")), pictures()) > 35


def test_a_film_may_replace_itself(tmp_path):
    source = make(tmp_path / "a.mp4", sound="aac")
    transform_video(source, source, lambda picture: 255 - picture)
    assert psnr(list(read_frames(source)), 255 - pictures()) > 34
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_pictures_that_the_encoder_refuses(tmp_path):
    source = make(tmp_path / "a.mp4", times=[0])
    with pytest.raises(OutputError, match=r"b\.mp4: cannot be encoded"):
        transform_video(source, tmp_path / "b.mp4", lambda _: np.zeros((2, 20_000, 3), np.uint8))
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path):
    resource = pytest.importorskip("resource")
    noise = np.random.default_rng(0).integers(0, 256, (12, 96, 128, 3), dtype=np.uint8)
    source = make(tmp_path / "a.mp4", frames=noise)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(OutputError, match=r"b\.mkv: cannot be written"):
            transform_video(source, tmp_path / "b.mkv", same)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_the_encoders_own_output_is_quiet(tmp_path, capfd):
    transform_video(make(tmp_path / "a.mp4", sound="aac"), tmp_path / "b.webm", same)
    assert capfd.readouterr() == ("", "")
