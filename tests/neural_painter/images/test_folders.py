"""The pictures of a folder, and what is left out."""

import os

import pytest
from PIL import Image

from neural_painter.errors import InputError
from neural_painter.images import EXTENSIONS, find_pictures, list_pictures
from tests.neural_painter.images.samples import saved


def test_find_pictures(tmp_path):
    for name in ("b.JPG", "a.png", "C.webp", ".hidden.png", "notes.txt", "png", "d.tiff"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "folder.png" / "inner.png").touch()
    assert [path.name for path in find_pictures(tmp_path)] == ["a.png", "b.JPG", "C.webp", "d.tiff"]
    with pytest.raises(InputError, match="is a file"):
        find_pictures(tmp_path / "a.png")
    with pytest.raises(InputError, match="No such file"):
        find_pictures(tmp_path / "none")


def test_what_is_left_out_is_counted_by_kind(tmp_path):
    picture = saved(Image.new("RGB", (3, 3)), "JPEG")
    contents = {
        "a.png": b"",
        "b.JPG": picture,
        "c.heic": b"",
        "d.HEIF": b"",
        "e.mp4": b"",
        "f": b"\0\0\0\x18ftypisom",
        "g.NEF": b"II*\0",
        "h.jpg_large": picture,
        "i.svg": b"<svg/>",
        "j.jxl": b"",
        "k.bin": b"8BPS",
        "notes.txt": b"JPEG",
        "document.json": b"{}",
        "strokes.npz": b"PK\x03\x04",
        "empty": b"",
        ".hidden.mp4": b"",
    }
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "folder.mp4").mkdir()
    os.mkfifo(tmp_path / "pipe.mp4")
    listing = list_pictures(tmp_path)
    heic = {} if ".heic" in EXTENSIONS else {"HEIC": 2}
    assert [path.name for path in listing.pictures if path.suffix.lower() not in (".heic", ".heif")] == [
        "a.png",
        "b.JPG",
    ]
    assert listing.left_out == heic | {
        "JPEG by another name": 1,
        "SVG": 1,
        "film": 2,
        "other picture": 2,
        "raw photo": 1,
    }
    assert "1 SVG, 2 film" in listing.told()
    assert listing.told().startswith("left out: ")
    assert list(listing.pictures) == find_pictures(tmp_path)
    assert list_pictures(tmp_path / "folder.mp4").told() is None
    with pytest.raises(InputError, match="is a file"):
        list_pictures(tmp_path / "a.png")
