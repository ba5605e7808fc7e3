"""What a picture says of itself goes through every format and back; nothing that would no longer be true stays."""

import io
import os
import struct

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from neural_painter.images import Metadata, list_pictures, made_by, read_picture, write_image

OURS = "neural-painter 0.1.0"
WRITTEN = ("a.png", "a.jpg", "a.webp", "a.tif")


def exif_of_a_camera():
    exif = Image.Exif()
    exif.update({270: "Harbour", 271: "Canon", 272: "EOS", 274: 6, 305: "Lightroom", 306: "2024:01:02 03:04:05"})
    exif.update({315: "Anna", 33432: "(c) Anna", 282: 300.0, 283: 240.0, 296: 2, 256: 4000, 257: 3000})
    exif.get_ifd(0x8769).update(
        {36867: "2023:12:31 23:59:59", 37500: b"maker" * 50, 40962: 4000, 40963: 3000, 40961: 65535, 36864: b"0232"}
    )
    exif.get_ifd(0x8825).update({0: b"\2\3\0\0", 1: "N", 2: (48.0, 8.0, 15.0)})
    return exif


def picture(height=6, width=9):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def saved(path, form, **options):
    Image.fromarray(picture()).save(path, form, **options)
    return path


def test_what_a_camera_says_survives_every_format(tmp_path):
    source = saved(tmp_path / "in.jpg", "JPEG", exif=exif_of_a_camera())
    read = read_picture(source)
    metadata = read.metadata
    assert (metadata.author, metadata.copyright, metadata.description) == ("Anna", "(c) Anna", "Harbour")
    assert (metadata.date, metadata.ppi, metadata.software) == ("2023:12:31 23:59:59", (300, 240), "Lightroom")
    for name in WRITTEN:
        write_image(tmp_path / name, read.pixels, metadata=metadata)
        notes = []
        again = read_picture(tmp_path / name, notes=notes)
        assert again.metadata == metadata
        assert hash(again.metadata) == hash(metadata)
        assert again.pixels.shape == (9, 6, 3)  # not turned twice
        assert notes == []
        with Image.open(tmp_path / name) as image:  # as others read it
            exif = image.getexif()
            assert exif[274] == 1
            assert [exif[tag] for tag in (271, 315, 33432, 282)] == ["Canon", "Anna", "(c) Anna", 300]
            photo = exif.get_ifd(0x8769)
            assert photo == {36864: b"0232", 36867: "2023:12:31 23:59:59", 40961: 1}
            assert exif.get_ifd(0x8825) == {0: b"\2\3\0\0", 1: "N", 2: (48, 8, 15)}
            if name != "a.webp":
                assert image.info["dpi"] == pytest.approx((300, 240), abs=0.01)


def test_big_endian_says_the_same(tmp_path):
    exif = exif_of_a_camera()
    exif.endian = ">"
    little, big = exif_of_a_camera().tobytes(), exif.tobytes()
    assert big[6:8] == b"MM"
    found = [read_picture(saved(tmp_path / "a.webp", "WEBP", exif=data)).metadata for data in (little, big)]
    assert found[0] == found[1] != Metadata()


def test_texts_of_a_png(tmp_path):
    texts = {"Title": "Über", "Author": "Anna", "Description": "Harbour", "Copyright": "©", "Comment": "other"}
    for date, expected in (
        ("Sun, 31 Dec 2023 23:59:59 +0100", "2023:12:31 23:59:59"),
        ("2023-12-31T23:59:59Z", "2023:12:31 23:59:59"),
        ("2023:12:31 23:59:59", "2023:12:31 23:59:59"),
        ("last summer", None),
    ):
        info = PngImagePlugin.PngInfo()
        for keyword, text in (texts | {"Creation Time": date}).items():
            info.add_text(keyword, text)
        metadata = read_picture(saved(tmp_path / "a.png", "PNG", pnginfo=info, dpi=(300, 300))).metadata
        assert (metadata.title, metadata.author, metadata.description) == ("Über", "Anna", "Harbour")
        assert (metadata.copyright, metadata.date, metadata.ppi) == ("©", expected, (300, 300))
    for name in WRITTEN:
        write_image(tmp_path / name, picture(), metadata=metadata)
        assert read_picture(tmp_path / name).metadata == metadata
    with Image.open(tmp_path / "a.png") as image:
        assert image.text == {key: text for key, text in texts.items() if key != "Comment"}


def test_tags_of_a_tiff_and_of_a_jpeg_without_exif(tmp_path):
    tags = {270: "Harbour", 315: "Anna", 33432: "(c)", 306: "2024:01:02 03:04:05", 305: "scanner"}
    tags |= {282: 118.11, 283: 118.11, 296: 3}  # per centimetre
    metadata = read_picture(saved(tmp_path / "a.tif", "TIFF", tiffinfo=tags)).metadata
    assert (metadata.description, metadata.author, metadata.date) == ("Harbour", "Anna", "2024:01:02 03:04:05")
    assert metadata.ppi == (300, 300)
    assert read_picture(saved(tmp_path / "a.jpg", "JPEG", dpi=(144, 144))).metadata == Metadata(ppi=(144, 144))
    assert read_picture(saved(tmp_path / "a.jpg", "JPEG")).metadata == Metadata()  # Pillow would say 72


def test_signed(tmp_path):
    command = "paint.py 'Größe & Maß.jpg' -o a.png: \"quoted\"\nand more"
    metadata = Metadata(ppi=(72, 72)).signed(OURS, "an older one").signed(OURS, command, made_by="train-fast")
    assert (metadata.software, metadata.command, metadata.made_by) == (OURS, command, "train-fast")
    for name in WRITTEN:
        first = None
        for _ in range(2):  # the same bytes
            write_image(tmp_path / name, picture(), metadata=metadata)
            first = first or (tmp_path / name).read_bytes()
            assert (tmp_path / name).read_bytes() == first
        assert made_by(tmp_path / name) == "train-fast"
        assert read_picture(tmp_path / name).metadata == metadata
    with Image.open(tmp_path / "a.png") as image:
        assert image.text == {"Software": OURS}
    assert len(Metadata().signed(OURS, "ü" * 10_000).command.encode()) < 4096
    for software, name in (("gimp 2", "paint"), (OURS, "Paint now"), (OURS, "")):
        with pytest.raises(ValueError, match="expected our name"):
            Metadata().signed(software, "x", name)


def test_made_by_of_what_is_not_ours(tmp_path):
    write_image(tmp_path / "plain.png", picture())
    saved(tmp_path / "other.jpg", "JPEG", exif=exif_of_a_camera())
    (tmp_path / "text.png").write_text(f"{OURS} paint: paint.py cat.jpg")
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    for name in (*os.listdir(tmp_path), "missing.png"):
        assert made_by(tmp_path / name) is None, name
    assert list_pictures(tmp_path).told() is None


def test_too_much_is_left_out(tmp_path):
    entries = Image.Exif()
    entries[315] = "Anna"
    entries.get_ifd(0x8769).update({50000 + tag: b"x" * (3000 if tag % 2 else 30_000) for tag in range(30)})
    saved(tmp_path / "a.webp", "WEBP", exif=entries)
    metadata = read_picture(tmp_path / "a.webp").metadata
    assert metadata.author == "Anna"
    write_image(tmp_path / "a.jpg", picture(), metadata=metadata)
    assert read_picture(tmp_path / "a.jpg").metadata == metadata


def test_hostile_metadata_never_harms(tmp_path):
    generator = np.random.default_rng(0)
    write_image(tmp_path / "a.tif", picture(), metadata=Metadata().signed(OURS, "x"))
    whole = exif_of_a_camera().tobytes()
    for _ in range(40):
        damaged = bytearray(whole)
        for place in generator.integers(6, len(damaged), 6):
            damaged[place] = generator.integers(256)
        saved(tmp_path / "b.webp", "WEBP", exif=bytes(damaged))
        metadata = read_picture(tmp_path / "b.webp").metadata
        write_image(tmp_path / "b.jpg", picture(), metadata=metadata)
        assert made_by(tmp_path / "b.webp") is None
    loop = b"II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, 0x8769, 4, 1, 8) + b"\0" * 4  # a directory that is its own
    saved(tmp_path / "b.webp", "WEBP", exif=b"Exif\0\0" + loop)
    assert made_by(tmp_path / "b.webp") is None
    head = io.BytesIO((tmp_path / "a.tif").read_bytes())
    for cut in range(8, 400, 7):
        (tmp_path / "c.tif").write_bytes(head.getvalue()[:cut])
        assert made_by(tmp_path / "c.tif") is None


def test_alpha_is_written_where_the_format_holds_it(tmp_path):
    generator = np.random.default_rng(0)
    pixels, alpha = generator.random((5, 7, 3), np.float32), generator.random((5, 7), np.float32)
    alpha[0] = 1
    for name in ("a.png", "a.tif", "a.webp"):
        write_image(tmp_path / name, pixels, alpha=alpha)
        read = read_picture(tmp_path / name, canvas=(0, 0, 0))
        np.testing.assert_allclose(read.alpha, alpha, atol=0.51 / 255)
        if name != "a.webp":
            np.testing.assert_allclose(read.pixels, pixels * alpha[..., None], atol=1.1 / 255)
    with pytest.raises(ValueError, match="JPEG holds no alpha"):
        write_image(tmp_path / "a.jpg", pixels, alpha=alpha)
    with pytest.raises(ValueError, match="alpha must be"):
        write_image(tmp_path / "b.png", pixels, alpha=alpha.T)
    assert not (tmp_path / "a.jpg").exists()
    assert not (tmp_path / "b.png").exists()
    write_image(tmp_path / "a.png", pixels)
    assert read_picture(tmp_path / "a.png").alpha is None
