"""A file that lacks only its last bytes is read, with one note; one that lacks pixels is refused."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from neural_painter.errors import InputError
from tests.neural_painter.images.samples import GREY, RGB, noise, png, saved, smooth

NOTE = "picture.png: its last bytes are missing, but all its pixels are there"


def whole_files():
    """Name, bytes, and how many of the last ones can be missing."""
    for words, picture in (("noise", noise(40, 50, 3).astype(np.uint8)), ("smooth", smooth(43, 57))):
        image = Image.fromarray(picture)
        yield f"{words} JPEG", saved(image, "JPEG"), 2
        yield f"{words} progressive", saved(image, "JPEG", progressive=True), 2
        yield f"{words} grey", saved(image.convert("L"), "JPEG", optimize=True), 2
        yield f"{words} CMYK", saved(image.convert("CMYK"), "JPEG"), 2
        yield f"{words} restarts", saved(image, "JPEG", restart_marker_blocks=2), 2
        yield f"{words} PNG", saved(image, "PNG"), 20  # end, checksum, and that of the pixels
        yield f"{words} palette", saved(image.quantize(16), "PNG", bits=4), 20
        yield f"{words} GIF", saved(image, "GIF"), 2
    yield "PNG 16", png(noise(20, 30, 3, 65535), 16, RGB), 20
    yield "BMP", saved(Image.fromarray(noise(9, 14, 3).astype(np.uint8)), "BMP"), 2  # a row is filled up to 44 bytes


def test_what_lacks_only_its_end_is_read_with_one_note(read, capfd):
    for name, data, most in whole_files():
        whole = read(data)
        assert NOTE not in read.notes, name
        others = read.notes
        for missing in (*range(1, most + 6), most + 17, most + 40):
            try:
                picture = read(data[:-missing])
            except InputError as error:
                assert missing > most, (name, missing)
                assert "cannot be read as" in str(error)  # noqa: PT017
                continue
            assert read.notes in ([*others, NOTE], [NOTE, *others]), (name, missing)
            np.testing.assert_array_equal(picture, whole, err_msg=f"{name} {missing}")
    assert capfd.readouterr() == ("", "")


def test_an_interlaced_png(read):
    """Pillow writes none: the seven passes are put together here."""
    grey = noise(11, 13, 1)[..., 0].astype(np.uint8)
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    rows = b"".join(b"\0" + row.tobytes() for x, y, across, down in passes for row in grey[y::down, x::across])
    import zlib

    straight = png(grey[..., None], 8, GREY)
    header = straight[16:28] + b"\1"
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    data = straight[:8]
    for kind, body in parts:
        data += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    whole = read(data)
    np.testing.assert_array_equal(whole[..., 0], grey / np.float32(255))
    for missing in (1, 12, 20):
        np.testing.assert_array_equal(read(data[:-missing]), whole)
        assert read.notes == [NOTE]
    with pytest.raises(InputError):
        read(data[:-40])


def test_a_progressive_jpeg_without_its_last_scans_is_refused(read):
    data = saved(Image.fromarray(smooth()), "JPEG", progressive=True)
    scans = [place for place in range(len(data) - 1) if data[place : place + 2] == b"\xff\xda"]
    assert len(scans) == 10
    assert read(data[:-2]).shape == smooth().shape
    for scan in scans[1:]:
        for end in (b"", b"\xff"):
            with pytest.raises(InputError, match="cannot be read as JPEG"):
                read(data[:scan] + end)


def test_only_the_first_picture_of_many_has_to_be_there(read):
    red, blue = (Image.new("RGB", (60, 50), colour) for colour in ("red", "blue"))
    data = saved(red, "GIF", save_all=True, append_images=[blue])
    picture = read(data[:-20])
    np.testing.assert_array_equal(picture, np.broadcast_to(np.float32([1, 0, 0]), (50, 60, 3)))
    assert NOTE not in read.notes


def test_webp_without_what_only_fills_it_up(read):
    for seed in range(20):  # some are of odd length, and end with a byte that says nothing
        buffer = io.BytesIO()
        Image.fromarray(noise(9, 8, 3, seed=seed).astype(np.uint8)).save(buffer, "WEBP")
        data = buffer.getvalue()
        length = int.from_bytes(data[16:20], "little")
        if length % 2:
            break
    whole = read(data)
    np.testing.assert_array_equal(read(data[:-1]), whole)
    assert read.notes == [NOTE]
    with pytest.raises(InputError):
        read(data[:-20])
