"""Pictures of every kind are read as they are meant to be seen."""

import numpy as np
import pytest
from PIL import Image

from neural_painter.errors import InputError
from neural_painter.images import read_picture, resize, write_image
from tests.neural_painter.images.samples import (
    GREY,
    GREY_ALPHA,
    RGB,
    RGBA,
    noise,
    png,
    same,
    saved,
    smooth,
    stored_for,
    tiff,
)


def test_rgb_is_exact(read):
    for size in [(1, 1), (1, 7), (5, 3), (257, 4)]:
        for form in ["PNG", "BMP", "TIFF", "WEBP"]:
            samples = noise(*size, 3).astype(np.uint8)
            same(read(saved(Image.fromarray(samples), form, **({"lossless": True} if form == "WEBP" else {}))), samples)
            assert read.notes == []


def test_content_decides_not_the_name(read):
    for form, name in [("JPEG", "a.jpg"), ("JPEG", "a.png"), ("AVIF", "a.avif"), ("WEBP", "a.jpg")]:
        picture = read(saved(Image.fromarray(smooth()), form, quality=95), name)
        assert np.abs(picture * 255 - smooth()).mean() < 4  # lossy: measured below 2
        assert read.notes == []


def test_grey_one_bit_and_palette(read):
    grey = noise(5, 6, 1).astype(np.uint8)
    same(read(saved(Image.fromarray(grey[..., 0]), "PNG")), np.repeat(grey, 3, 2))
    bits = grey > 127
    same(read(saved(Image.fromarray(bits[..., 0]), "PNG")), np.repeat(bits, 3, 2), top=1)
    same(read(saved(Image.fromarray(bits[..., 0]), "TIFF", compression="group4")), np.repeat(bits, 3, 2), top=1)
    palette = Image.fromarray(smooth()).quantize(16)
    same(read(saved(palette, "GIF")), np.asarray(palette.convert("RGB")))


def test_16_bit_png_is_exact(read):
    for kind in [GREY, GREY_ALPHA, RGB, RGBA]:
        channels = {GREY: 1, GREY_ALPHA: 2, RGB: 3, RGBA: 4}[kind]
        samples = noise(5, 7, channels, 65535)
        if kind in (GREY_ALPHA, RGBA):
            samples[..., -1] = 65535
        colours = samples[..., :3] if channels > 2 else np.repeat(samples[..., :1], 3, 2)
        same(read(png(samples, 16, kind)), colours, 65535)
        assert read.notes == []


def test_16_bit_tiff_is_exact(read):
    for order in ["<", ">"]:
        for photometric, channels, extra in [(1, 1, None), (0, 1, None), (2, 3, None), (2, 4, 2)]:
            samples = noise(5, 7, channels, 65535).astype(np.uint16)
            if channels == 4:
                samples[..., 3] = 65535
            picture = read(tiff(samples, photometric, extra=extra, order=order), "a.tif")
            colours = np.broadcast_to(samples[..., :3], (5, 7, 3))
            same(picture, colours if photometric else 65535 - colours, 65535)


def test_every_16_bit_value_survives(read):
    ramp = np.arange(65536).reshape(256, 256, 1)
    picture = read(png(ramp, 16, GREY))
    np.testing.assert_array_equal(np.rint(picture.astype(np.float64) * 65535), np.repeat(ramp, 3, 2))


def test_float_tiff_is_clipped(read):
    for dtype in [np.float32, np.float64]:
        for channels in [1, 3, 4]:
            samples = np.random.default_rng(0).uniform(-0.5, 1.5, (4, 5, channels)).astype(dtype)
            extra = None if channels < 4 else 0  # a fourth channel of no stated meaning
            picture = read(tiff(samples, 2 if channels > 1 else 1, extra=extra), "a.tif")
            np.testing.assert_array_equal(
                picture, np.broadcast_to(np.clip(samples[..., :3], 0, 1), (4, 5, 3)).astype(np.float32)
            )
            assert any("clipped" in note for note in read.notes)
            assert any("fourth channel" in note for note in read.notes) == (channels == 4)


def test_float_tiff_with_what_is_no_number_is_read_with_a_note(read):
    samples = np.array([[np.nan, np.inf], [-np.inf, 0.5]], np.float32)[..., None]
    same(read(tiff(samples, 1)), np.repeat([[[0], [1]], [[0], [0.5]]], 3, 2), 1)
    assert read.notes == [
        "picture.png: values that are no numbers (NaN) taken for 0",
        "picture.png: values outside 0 to 1 clipped",
    ]
    samples[0, 0] = 0
    read(tiff(np.nan_to_num(samples, posinf=1, neginf=0), 1))
    assert read.notes == []


def test_tiff_that_would_be_garbled_is_refused(read):
    for data in [
        tiff(noise(3, 4, 3, 65535).astype(np.uint16), 2, planar=2),
        tiff(noise(3, 4, 2, 65535).astype(np.uint16), 1, extra=2),
        tiff(noise(3, 4, 3, 65535).astype(np.uint32), 2),
        tiff(np.zeros((3, 4, 3), np.float16), 2),
    ]:
        with pytest.raises(InputError, match="layout not supported"):
            read(data)


def test_first_frame_of_many(read):
    for form in ["GIF", "WEBP", "PNG", "TIFF"]:
        red, blue = (Image.new("RGB", (6, 5), colour) for colour in ("red", "blue"))
        picture = read(
            saved(red, form, save_all=True, append_images=[blue], **({"lossless": True} if form == "WEBP" else {}))
        )
        same(picture, np.full((5, 6, 3), (255, 0, 0)))
        assert read.notes == ["picture.png: holds several pictures, the first was read"]


def test_orientation(read):
    for turn in range(1, 9):
        for kind in ["png 8", "png 16", "tiff 8", "tiff 16", "tiff float", "webp"]:
            upright = noise(3, 5, 3)
            stored = np.ascontiguousarray(stored_for(upright, turn))
            exif = Image.Exif()
            exif[274] = turn
            top = 255
            if kind == "png 16":
                data, top = png(stored, 16, RGB, (b"eXIf", exif.tobytes()[6:])), 65535
            elif kind.startswith("tiff"):
                dtype, top = {"tiff 8": (np.uint8, 255), "tiff 16": (np.uint16, 65535), "tiff float": (np.float32, 1)}[
                    kind
                ]
                data = tiff((stored / (255 if top == 1 else 1)).astype(dtype), 2, turn=turn)
                upright = upright / 255 if top == 1 else upright
            else:
                form = {"png 8": "PNG", "webp": "WEBP"}[kind]
                data = saved(
                    Image.fromarray(stored.astype(np.uint8)),
                    form,
                    exif=exif,
                    **({"lossless": True} if form == "WEBP" else {}),
                )
            same(read(data), upright, top)
            assert read.notes == ([] if turn == 1 else ["picture.png: turned upright"])


def test_orientation_of_a_photo(read):
    for turn in range(1, 9):
        exif = Image.Exif()
        exif[274] = turn
        data = saved(Image.fromarray(np.ascontiguousarray(stored_for(smooth(), turn))), "JPEG", exif=exif, quality=95)
        assert np.abs(read(data, "a.jpg") * 255 - smooth()).mean() < 4


def test_alpha_turns_with_its_picture(read):
    samples = noise(3, 5, 4)
    exif = Image.Exif()
    exif[274] = 6
    data = saved(Image.fromarray(np.ascontiguousarray(stored_for(samples, 6)).astype(np.uint8)), "PNG", exif=exif)
    alpha = samples[..., 3:] / 255
    np.testing.assert_allclose(read(data), samples[..., :3] / 255 * alpha + 1 - alpha, atol=1e-6)


def test_no_more_is_kept_than_what_is_needed(tmp_path):
    y, x = np.mgrid[0:120, 0:160]
    picture = (np.stack([x / 160, y / 120, 0 * x + 0.5], 2) * 255).astype(np.uint8)
    whole = {form: saved(Image.fromarray(picture), form) for form in ("PNG", "TIFF")}
    whole["JPEG"] = saved(Image.fromarray(picture), "JPEG", quality=98, subsampling=0)
    whole["PNG 16"] = png(picture.astype(int) * 257, 16, RGB)
    for form, data in whole.items():
        (tmp_path / "a").write_bytes(data)
        for needed, size in ((160, (120, 160)), (81, (120, 160)), (80, (60, 80)), (50, (40, 54)), (1, (1, 1))):
            read = read_picture(tmp_path / "a", needed=needed)
            assert read.size == (120, 160)
            assert read.pixels.flags.c_contiguous
            height, width = read.pixels.shape[:2]
            assert (height, width) == size or (form == "JPEG" and width >= needed)
            expected = resize(picture / 255, size=(height, width))
            assert np.abs(read.pixels - expected).max() < 0.02, (form, needed)
    turned = Image.Exif()
    turned[274] = 6
    (tmp_path / "a").write_bytes(saved(Image.fromarray(picture), "JPEG", exif=turned))
    read = read_picture(tmp_path / "a", needed=40)
    assert (read.size, read.pixels.shape) == ((160, 120), (40, 30, 3))


def test_a_row_and_a_column_are_reduced_along_their_length_only(tmp_path):
    for shape in ((1, 640, 3), (640, 1, 3)):
        write_image(tmp_path / "a.png", np.full(shape, 0.5))
        read = read_picture(tmp_path / "a.png", needed=64)
        assert sorted(read.pixels.shape) == [1, 3, 64]
        np.testing.assert_allclose(read.pixels, 128 / 255, atol=1e-6)
