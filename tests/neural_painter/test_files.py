"""What may be read, and outputs that appear whole or not at all."""

import os
import stat

import pytest

from neural_painter.errors import InputError, OutputError
from neural_painter.files import HEAD, check_output, kind_of, opened, read_whole, shown_bytes, written_whole


class OddError(InputError):
    exit_status = 4


def test_what_is_no_regular_file_is_refused_in_one_sentence_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").touch()
    (tmp_path / "large").write_bytes(b"x" * 11)
    expected = {
        "missing": "no such file",
        ".": "is a folder, expected a model",
        "pipe": "is not a regular file, expected a model",
        "empty": "is empty, expected a model",
        "large": "is larger than a model may be (0.011 kB, at most 0.01 kB)",
        "a\0b": "cannot be read (embedded null byte)",
        "n" * 300: "cannot be read (File name too long)",
    }
    for name, sentence in expected.items():
        with pytest.raises(OddError) as caught, opened(tmp_path / name, "a model", most=10, error=OddError):
            pass
        assert str(caught.value) == f"{tmp_path / name}: {sentence}"
    (tmp_path / "fine").write_bytes(b"0123456789")
    assert read_whole(tmp_path / "fine", "a model", most=10) == b"0123456789"


def test_kinds_are_told_by_the_first_bytes():
    expected = {
        b"\xff\xd8\xff\xe0": "JPEG",
        b"\x89PNG\r\n\x1a\n": "PNG",
        b"RIFF\0\0\0\0WEBPVP8 ": "WebP",
        b"RIFF\0\0\0\0AVI LIST": "video/avi",
        b"\0\0\0\x1cftypmif1\0\0\0\0avifmif1": "AVIF",
        b"\0\0\0\x18ftypheic\0\0\0\0": "image/heic",
        b"\0\0\0\x18ftypisom\0\0\0\0": "video/mp4",
        b"\x1aE\xdf\xa3": "video/matroska",
        b'\x10\0\0\0\0\0\0\0{"a": 1}': "safetensors",
        b"\xef\xbb\xbf  <!DOCTYPE html>": "text/html",
        b"<?xml version='1.0'?><svg>": "image/svg+xml",
        b"version https://git-lfs.github.com": "a Git LFS pointer, not the file itself",
        b"just words": "text/plain",
        "é".encode() * (HEAD // 2): "text/plain",
        b"\x81\x82": "unknown data",
        b"a\0b": "unknown data",
        b"": "text/plain",
    }
    for head, kind in expected.items():
        assert kind_of(head) == kind, head[:20]


def test_an_output_of_the_longest_name_is_written_and_a_longer_one_refused_before(tmp_path):
    longest = "é" * 125 + ".png"  # 254 bytes
    with written_whole(tmp_path / longest) as temporary:
        temporary.write_text("whole")
    assert (tmp_path / longest).read_text() == "whole"
    with pytest.raises(OutputError, match="its name has 256 bytes, at most 255 fit"):
        check_output(tmp_path / f"aa{longest}", overwrite=False)


def test_a_user_s_own_files_beside_an_output_stay(tmp_path):
    own = [tmp_path / f"cat.png{end}" for end in (".part", ".tmp", ".unfinished")] + [tmp_path / "cat.part"]
    for path in own:
        path.write_text("mine")
    with pytest.raises(KeyboardInterrupt), written_whole(tmp_path / "cat.png") as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise KeyboardInterrupt
    with written_whole(tmp_path / "cat.png") as temporary:
        temporary.write_text("whole")
    assert {path.name for path in tmp_path.iterdir()} == {"cat.png", *(path.name for path in own)}
    assert all(path.read_text() == "mine" for path in own)


def test_mode_owner_and_link_of_a_file_that_is_replaced_are_kept(tmp_path):
    (tmp_path / "real.png").write_text("old")
    os.chmod(tmp_path / "real.png", 0o640)
    owner = 1234 if os.getuid() == 0 else os.getuid()
    os.chown(tmp_path / "real.png", owner, -1)
    (tmp_path / "link.png").symlink_to("real.png")
    with written_whole(tmp_path / "link.png") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link.png").is_symlink()
    assert (tmp_path / "real.png").read_text() == "new"
    status = (tmp_path / "real.png").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o640, owner)


def test_a_new_file_gets_the_usual_mode(tmp_path):
    before = os.umask(0o027)
    try:
        with written_whole(tmp_path / "new.png") as temporary:
            temporary.write_text("x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new.png").stat().st_mode) == 0o640


def test_what_cannot_be_an_output_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "there").touch()
    for name, sentence in (
        ("pipe", "is not a regular file"),
        ("there", "exists already"),
        (".", "is a folder"),
        ("no/where", "its folder does not exist"),
        ("a\0b", "cannot be written"),
    ):
        with pytest.raises(OutputError, match=sentence):
            check_output(tmp_path / name, overwrite=False)


def test_bytes_are_shown_for_people():
    assert [shown_bytes(n) for n in (312, 65_000, 2**20, 3 * 2**29)] == ["0.312 kB", "65 kB", "1 MiB", "1.5 GiB"]
