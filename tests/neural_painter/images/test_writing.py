"""Pictures are written whole or not at all, the same bytes each time."""

import os
import struct

import numpy as np
import pytest
from PIL import Image

from neural_painter.errors import NumericalError, OutputError, UsageError
from neural_painter.images import read_image, to_uint8, write_image
from tests.neural_painter.images.samples import noise


def test_round_trip(tmp_path):
    for name in ["a.png", "a.tif", "a.TIFF", "a.jpg", "a.JPEG", "a.webp"]:
        for size in [(1, 1), (7, 5)]:
            picture = (
                np.full((*size, 3), 0.5) if name.lower().endswith(("jpg", "jpeg", "webp")) else noise(*size, 3) / 255
            )
            notes = []
            write_image(tmp_path / name, picture)
            lossless = name.lower().endswith((".png", ".tif", ".tiff"))
            np.testing.assert_allclose(
                read_image(tmp_path / name, notes=notes), picture, atol=1e-6 if lossless else 0.02
            )
            assert notes == []
            first = (tmp_path / name).read_bytes()
            write_image(tmp_path / name, to_uint8(picture))
            assert (tmp_path / name).read_bytes() == first
            assert name in os.listdir(tmp_path)
    assert len(os.listdir(tmp_path)) == 6  # and nothing temporary


def test_written_files_say_srgb(tmp_path):
    for name in ("a.png", "a.jpg", "a.webp", "a.tif"):
        write_image(tmp_path / name, np.zeros((2, 2, 3)))
        with Image.open(tmp_path / name) as image:
            assert "srgb" in image.info or image.info["icc_profile"][24:36] == struct.pack(">6H", 2000, 1, 1, 0, 0, 0)


def test_write_refuses(tmp_path):
    picture = np.zeros((2, 2, 3), np.float32)
    for name in ("a.xyz", "a", "a.gif"):
        with pytest.raises(UsageError, match="cannot write") as caught:
            write_image(tmp_path / name, picture)
        assert ".png, .jpg, .jpeg, .webp, .tif, .tiff" in caught.value.hint
    with pytest.raises(UsageError, match="quality"):
        write_image(tmp_path / "a.jpg", picture, quality=0)
    with pytest.raises(NumericalError, match="NaN"):
        write_image(tmp_path / "a.png", picture + np.nan)
    with pytest.raises(OutputError, match="WEBP holds at most 16383 px a side, got 16384x1"):
        write_image(tmp_path / "a.webp", np.zeros((1, 16384, 3), np.uint8))
    with pytest.raises(OutputError, match="folder does not exist"):
        write_image(tmp_path / "none" / "a.png", picture)
    for wrong in (picture[0], picture[..., :2], picture[:0], picture.astype(int)):
        with pytest.raises(ValueError, match="picture must be"):
            write_image(tmp_path / "a.png", wrong)
    assert os.listdir(tmp_path) == []
    write_image(tmp_path / "a.png", picture)
    with pytest.raises(OutputError, match="exists already"):
        write_image(tmp_path / "a.png", picture, overwrite=False)
