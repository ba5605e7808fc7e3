"""The photos of telephones are read where pillow-heif is installed, as it is wherever these tests run."""

import io

import numpy as np
import pytest
from PIL import Image
from pillow_heif import from_bytes

from neural_painter.errors import InputError
from neural_painter.images import find_pictures, heif, list_pictures, read_picture
from tests.neural_painter.images.samples import smooth, stored_for, swapped_profile


def heic(samples, **options):
    buffer = io.BytesIO()
    mode = "RGBA" if samples.shape[2] == 4 else "RGB"
    picture = from_bytes(mode, samples.shape[1::-1], np.ascontiguousarray(samples).tobytes())
    picture.save(buffer, quality=95, **options)
    return buffer.getvalue()


def exif(turn):
    block = Image.Exif()
    block[274], block[315] = turn, "Anna"
    return block.tobytes()


def test_a_photo_of_a_telephone(read, tmp_path):
    upright = smooth(96, 128)
    assert np.abs(read(heic(upright), "a.heic") * 255 - upright).mean() < 2  # lossy: measured 0.8
    assert read.notes == []
    picture = read_picture(tmp_path / "a.heic", needed=64)
    assert (picture.size, picture.pixels.shape, picture.alpha) == ((96, 128), (48, 64, 3), None)
    read(heic(upright), "named.jpg")  # the content decides
    assert [path.name for path in find_pictures(tmp_path)] == ["a.heic", "named.jpg"]


def test_it_is_turned_once(read, tmp_path):
    """As its own boxes say; EXIF, which telephones write as well, says the same."""
    upright = smooth(96, 128)
    for turn in range(1, 9):
        data = heic(stored_for(upright, turn), exif=exif(turn))
        assert (b"irot" in data or b"imir" in data) == (turn > 1)
        assert np.abs(read(data, "a.heic") * 255 - upright).mean() < 2
        picture = read_picture(tmp_path / "a.heic")
        assert (picture.size, picture.metadata.author) == ((96, 128), "Anna")


def test_alpha_and_profile(read, tmp_path):
    alpha = np.full((64, 64, 1), 255, np.uint8)
    alpha[:, :32] = 0
    picture = read(heic(np.dstack([smooth(64, 64), alpha])), canvas=(0, 1, 0))
    assert np.abs(picture[:, :28] - (0, 1, 0)).max() < 0.02
    assert read_picture(tmp_path / "picture.png").alpha[:, 36:].min() > 0.98
    picture = read(heic(smooth(64, 64), icc_profile=swapped_profile()))
    assert np.abs(picture * 255 - smooth(64, 64)[..., [1, 0, 2]]).mean() < 3
    assert "colour profile 'by hand' converted" in read.notes[0]


def test_hostile_files_end_in_a_sentence(read, capfd):
    data = heic(smooth(64, 64), exif=exif(6))
    generator = np.random.default_rng(0)
    for length in (12, 30, 100, 400, len(data) // 2, len(data) - 5):
        with pytest.raises(InputError, match="cannot be read as HEIC"):
            read(data[:length], "a.heic")
    for _ in range(60):
        damaged = bytearray(data)
        for place in generator.integers(12, min(len(data), 900), 4):
            damaged[place] = generator.integers(256)
        try:
            read(bytes(damaged), "a.heic")
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017
    at = data.index(b"ispe") + 8
    for side in (2**15, 2**31 - 1):
        with pytest.raises(InputError):
            read(data[:at] + side.to_bytes(4, "big") * 2 + data[at + 8 :])
    assert capfd.readouterr() == ("", "")


def test_too_many_pixels(tmp_path):
    (tmp_path / "a.heic").write_bytes(heic(smooth(60, 100)))
    with pytest.raises(InputError, match="megapixels"):
        read_picture(tmp_path / "a.heic", max_pixels=5999)
    assert read_picture(tmp_path / "a.heic", max_pixels=6000).size == (60, 100)


def test_where_it_is_not_installed(tmp_path, monkeypatch):
    (tmp_path / "a.heic").write_bytes(heic(smooth(64, 64)))
    monkeypatch.setattr(heif, "find_spec", lambda name: None)
    monkeypatch.setattr("neural_painter.images.folders.EXTENSIONS", (".png",))
    with pytest.raises(InputError, match="is a HEIC picture, and pillow-heif is not installed") as caught:
        read_picture(tmp_path / "a.heic")
    assert caught.value.hint == "pip install 'neural-painter[heif]' makes it readable."
    listing = list_pictures(tmp_path)
    assert listing.pictures == ()
    assert listing.told() == "left out: 1 HEIC (pip install 'neural-painter[heif]' makes HEIC readable)"
