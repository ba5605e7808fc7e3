"""Files that are not pictures, damaged or too large are refused in a sentence."""

import os
import struct
import subprocess
import sys
import warnings
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from neural_painter.errors import InputError
from neural_painter.images import Metadata, read_image, read_picture
from tests.neural_painter.images.samples import RGB, noise, png, saved, smooth, tiff


def header_only(width, height, form):
    if form == "png":
        body = struct.pack(">IIBBBBB", width, height, 8, RGB, 0, 0, 0)
        head = struct.pack(">I", 13) + b"IHDR" + body + struct.pack(">I", zlib.crc32(b"IHDR" + body))
        return b"\x89PNG\r\n\x1a\n" + head + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    if form == "gif":
        return (
            b"GIF89a"
            + struct.pack("<HHBBB", width, height, 0, 0, 0)
            + b","
            + struct.pack("<HHHHBBB", 0, 0, width, height, 0, 8, 0)
        )
    if form == "bmp":
        return b"BM" + struct.pack("<IHHIIiiHHIIIIII", 1000, 0, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    huge = tiff(np.zeros((1, 1, 3), np.uint8 if form == "tiff" else np.float32), 2)
    return huge.replace(struct.pack("<HHII", 256, 4, 1, 1), struct.pack("<HHII", 256, 4, 1, width)).replace(
        struct.pack("<HHII", 257, 4, 1, 1), struct.pack("<HHII", 257, 4, 1, height)
    )


def test_bomb_is_refused_before_decoding(read):
    for form in ["png", "gif", "bmp", "tiff", "float tiff"]:
        limit, level = Image.MAX_IMAGE_PIXELS, cv2.utils.logging.getLogLevel()
        with pytest.raises(InputError, match=r"\.png: 3600 megapixels, expected at most 200$"):
            read(header_only(60000, 60000, form))
        assert limit == Image.MAX_IMAGE_PIXELS
        assert level == cv2.utils.logging.getLogLevel()


def test_the_limit_of_pixels_is_the_callers(tmp_path):
    for form, name in (("PNG", "a.png"), ("JPEG", "a.jpg"), ("TIFF", "a.tif")):
        (tmp_path / name).write_bytes(saved(Image.fromarray(smooth(60, 100)), form))
        for most, passes in ((6000, True), (5999, False)):
            if passes:
                assert read_image(tmp_path / name, max_pixels=most).shape == (60, 100, 3)
                continue
            with pytest.raises(InputError, match="megapixels, expected at most") as caught:
                read_image(tmp_path / name, max_pixels=most)
            assert "--max-pixels" in caught.value.hint
    for needed in (None, 25):
        with pytest.raises(InputError, match="megapixels"):
            read_picture(tmp_path / "a.png", max_pixels=5000, needed=needed)
    # Of a JPEG what is decoded counts; a progressive one is decoded in full before it is reduced.
    assert read_picture(tmp_path / "a.jpg", max_pixels=400, needed=25).pixels.shape == (15, 25, 3)
    with pytest.raises(InputError, match="megapixels"):
        read_picture(tmp_path / "a.jpg", max_pixels=300, needed=25)
    (tmp_path / "a.jpg").write_bytes(saved(Image.fromarray(smooth(60, 100)), "JPEG", progressive=True))
    with pytest.raises(InputError, match="megapixels"):
        read_picture(tmp_path / "a.jpg", max_pixels=5000, needed=25)


def test_a_small_file_of_many_pixels_takes_little_memory_where_little_is_needed(tmp_path):
    with open(tmp_path / "huge.jpg", "wb") as file:
        Image.new("L", (8000, 8000)).save(file, "JPEG")
    code = f"""if True:
        import resource
        from neural_painter.images import read_picture
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert read_picture({str(tmp_path / "huge.jpg")!r}, needed=500).pixels.shape == (500, 500, 3)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 100_000  # kB; measured: 13,000, where the whole picture takes 950,000


def test_frame_larger_than_its_header_is_refused(read):
    data = header_only(60000, 60000, "gif")
    with pytest.raises(InputError, match="3600 megapixels"):
        read(data[:6] + struct.pack("<HH", 2, 2) + data[10:])


def pictures_to_cut():
    photo = Image.fromarray(noise(40, 50, 3).astype(np.uint8))
    exact = {form: saved(photo, form) for form in ("JPEG", "PNG", "TIFF", "BMP", "GIF", "WEBP")}
    exact["progressive"] = saved(photo, "JPEG", progressive=True)
    exact["PNG 16"] = png(noise(40, 50, 3, 65535), 16, RGB)
    exact["TIFF 16"] = tiff(noise(40, 50, 3, 65535).astype(np.uint16), 2)
    exact["TIFF float"] = tiff(np.zeros((40, 50, 3), np.float32), 2)
    return exact


def test_cut_short(read, capfd):
    for name in list(pictures_to_cut()):
        data = pictures_to_cut()[name]
        read(data)
        for part in (0.003, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95):
            cut = data[: max(1, int(len(data) * part))]
            with pytest.raises(InputError) as caught:
                read(cut)
            assert caught.value.exit_status == 3
            assert "\n" not in str(caught.value)
        assert capfd.readouterr() == ("", "")  # neither OpenCV nor libtiff speaks


def test_damaged_bytes_never_surprise(read):
    for name in list(pictures_to_cut()):
        data = pictures_to_cut()[name]
        generator = np.random.default_rng(0)
        for _ in range(25):
            damaged = bytearray(data)
            for place in generator.integers(8, min(len(data), 600), 4):
                damaged[place] = generator.integers(256)
            try:
                read(bytes(damaged))
            except InputError as error:
                assert "\n" not in str(error)  # noqa: PT017


def test_not_a_picture(read):
    for data, found in [
        (b"<!DOCTYPE html><html><body>404", "text/html"),
        (b"\xef\xbb\xbf\n  <HTML>", "text/html"),
        (b"Not found\n", "text/plain"),
        ("Äpfel und Öl ".encode() * 400, "text/plain"),
        (b"<?xml version='1.0'?><svg xmlns=''/>", r"image/svg\+xml"),
        (b"%PDF-1.7", "application/pdf"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"PK\x03\x04....", "application/zip"),
        (bytes(range(1, 256)), "unknown data"),
        (np.random.default_rng(3).bytes(5000), "unknown data"),
        (b"\0" * 100, "unknown data"),
    ]:
        with pytest.raises(InputError, match=rf"apple\.jpg: not a picture \(found: {found}") as caught:
            read(data, "apple.jpg")
        assert caught.value.hint == "Supported: JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF, HEIC"


def test_no_file_folder_empty_and_special(tmp_path):
    (tmp_path / "empty.jpg").touch()
    os.mkfifo(tmp_path / "pipe.jpg")
    for name, sentence in (
        ("missing.jpg", "no such file"),
        ("", "is a folder"),
        ("empty.jpg", "is empty"),
        ("pipe.jpg", "not a regular file"),
        ("nul\0.jpg", "cannot be read"),
        ("long" * 100, "cannot be read"),
    ):
        with pytest.raises(InputError, match=sentence) as caught:
            read_image(str(tmp_path / name))
        assert caught.value.exit_status == 3


def test_huge_file_is_refused_unread(tmp_path):
    with open(tmp_path / "huge.png", "wb") as file:
        file.truncate(2**30 + 1)  # sparse
    with pytest.raises(InputError, match=r"larger than a picture may be \(1 GiB, at most 1 GiB\)"):
        read_image(tmp_path / "huge.png")


def test_decoder_warnings_become_notes(read):
    exif = b"Exif\0\0II*\0\x08\0\0\0\x05\0" + struct.pack("<HHII", 0x010E, 2, 100, 5000)  # points beyond its end
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(saved(Image.fromarray(smooth()), "JPEG", exif=exif), "a.jpg")
    assert [note for note in read.notes if note.startswith("a.jpg: the decoder warns: ")]


def test_pillow_does_not_speak(tmp_path):
    """Its log goes to stderr where nobody listens, which under pytest somebody does."""
    data = tiff(noise(3, 3, 3).astype(np.uint8), 2).replace(
        struct.pack("<HHII", 277, 4, 1, 3), b"\x15\1\4\0\1\0\0\0\x10\0\0\0"
    )
    (tmp_path / "a.tif").write_bytes(data)
    code = "import sys; from neural_painter.images import read_image; read_image(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "a.tif"], capture_output=True, text=True, check=False)
    assert "InputError" in done.stderr.splitlines()[-1]
    assert done.stderr.startswith("Traceback")


def test_what_a_picture_says_never_keeps_it_from_being_read(tmp_path, monkeypatch):
    def broken(*_):
        raise OverflowError

    monkeypatch.setattr("neural_painter.images.reading.metadata_of", broken)
    (tmp_path / "a.jpg").write_bytes(saved(Image.fromarray(smooth()), "JPEG"))
    notes = []
    assert read_picture(tmp_path / "a.jpg", notes=notes).metadata == Metadata()
    assert notes == ["a.jpg: what it says of itself is broken: ignored"]


def test_broken_exif_is_ignored(read):
    for form in ["JPEG", "PNG", "WEBP"]:
        read(saved(Image.fromarray(smooth()), form, exif=b"Exif\0\0complete nonsense"))
        said = ["picture.png: its EXIF data is broken: ignored"]
        assert read.notes == said or (form == "JPEG" and not read.notes)  # Pillow hides it in a JPEG


def test_what_belongs_elsewhere_is_said(read):
    for data, what, hint in (
        (b"\x08\x08\x12\x10neural-painter\0", "is a model in ONNX", "`paint.py fast PHOTO "),
        (b"\x80\x04\x95", "is a pickle", "safetensors"),
        (b"PK\x03\x04" + bytes(26) + b"header.npy", "is a stroke document", "`paint.py render "),
        (b"\0\0\0\x20ftypisom" + bytes(30), r"is a film \(mp4\)", "`paint.py fast "),
    ):
        with pytest.raises(InputError, match=rf"apple\.jpg: {what}, expected a picture$") as caught:
            read(data, "apple.jpg")
        assert hint in caught.value.hint
