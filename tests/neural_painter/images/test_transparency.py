"""Transparent parts show the canvas, however a file says that they are transparent."""

import numpy as np
from PIL import Image

from neural_painter.images import read_picture
from tests.neural_painter.images.samples import (
    CANVAS,
    GREY,
    GREY_ALPHA,
    PALETTE,
    RGB,
    RGBA,
    noise,
    png,
    same,
    saved,
    tiff,
)


def test_alpha_over_the_canvas(read):
    for depth in [8, 16]:
        for kind in [GREY_ALPHA, RGBA]:
            top = 2**depth - 1
            samples = noise(9, 4, 2 if kind == GREY_ALPHA else 4, top)
            picture = read(png(samples, depth, kind), canvas=CANVAS)
            alpha = samples[..., -1:] / top
            expected = samples[..., :-1] / top * alpha + (1 - alpha) * np.array(CANVAS)
            np.testing.assert_allclose(picture, expected, atol=2e-7)  # measured: 9e-8
            assert read.notes == ["picture.png: transparent parts laid over the canvas colour"]


def test_tiff_alpha_premultiplied_or_not(read):
    for dtype in [np.uint8, np.uint16]:
        for extra in [1, 2]:
            top = np.iinfo(dtype).max
            colour, alpha = np.array([1, 0.5, 0.25]), 0.4
            stored = np.append(colour * (alpha if extra == 1 else 1), alpha) * top
            picture = read(tiff(np.full((3, 2, 4), np.rint(stored), dtype), 2, extra=extra), canvas=CANVAS)
            expected = colour * alpha + (1 - alpha) * np.array(CANVAS)
            np.testing.assert_allclose(picture, np.broadcast_to(expected, (3, 2, 3)), atol=1.5 / top + 1e-6)


def test_one_transparent_colour(read):
    for depth, kind in ((1, GREY), (2, GREY), (4, GREY), (8, GREY), (16, GREY), (8, RGB), (16, RGB)):
        top = 2**depth - 1
        samples = noise(4, 5, 1 if kind == GREY else 3, top)
        chosen = samples[2, 3].astype(">u2").tobytes()
        picture = read(png(samples, depth, kind, (b"tRNS", chosen)), canvas=CANVAS)
        expected = np.broadcast_to(samples / top, (4, 5, 3)).copy()
        expected[(samples == samples[2, 3]).all(2)] = CANVAS
        np.testing.assert_allclose(picture, expected, atol=1e-6)
        assert read.notes == ["picture.png: transparent parts laid over the canvas colour"]
        if 1 < depth < 16:  # the upper bits of what is stated mean nothing
            upper = bytes(value | 0x40 if number % 2 == 0 else value for number, value in enumerate(chosen))
            np.testing.assert_array_equal(read(png(samples, depth, kind, (b"tRNS", upper)), canvas=CANVAS), picture)


def test_a_palette_of_any_depth_with_transparency(read):
    for depth in (1, 2, 4, 8):
        colours, alpha = noise(2**depth, 1, 3)[:, 0], noise(2**depth, 1, 1)[:, 0, 0]
        index = noise(5, 7, 1, 2**depth - 1)
        chunks = ((b"PLTE", colours.astype(np.uint8).tobytes()), (b"tRNS", alpha.astype(np.uint8).tobytes()))
        picture = read(png(index, depth, PALETTE, *chunks), canvas=CANVAS)
        opaque = alpha[index] / 255
        expected = colours[index[..., 0]] / 255 * opaque + (1 - opaque) * np.array(CANVAS)
        np.testing.assert_allclose(picture, expected, atol=1e-6)


def test_grey_and_palette_of_a_tiff_with_alpha(read):
    grey, alpha = noise(4, 5, 1)[..., 0], noise(4, 5, 1, seed=1)[..., 0]
    opaque = alpha[..., None] / 255
    expected = grey[..., None] / 255 * opaque + (1 - opaque) * np.array(CANVAS)
    samples = np.dstack([grey, alpha]).astype(np.uint8)
    np.testing.assert_allclose(read(tiff(samples, 1, extra=2), canvas=CANVAS), expected, atol=1e-6)
    multiplied = np.dstack([np.rint(grey * opaque[..., 0]), alpha]).astype(np.uint8)
    picture = read(tiff(multiplied, 1, extra=1), canvas=CANVAS)
    # Pillow divides by alpha and cuts: the less is there, the less is known of it.
    assert np.abs(picture - expected).max() <= 1.1 / 255
    palette = Image.fromarray(samples[..., 0]).convert("PA")
    palette.putalpha(Image.fromarray(samples[..., 1]))
    np.testing.assert_allclose(read(saved(palette, "TIFF"), canvas=CANVAS), expected, atol=1e-6)


def test_alpha_is_given_beside_the_pixels(tmp_path):
    samples = noise(6, 8, 4)
    turned = Image.Exif()
    turned[274] = 6
    for exif, upright in ((Image.Exif(), samples), (turned, np.rot90(samples, -1))):
        (tmp_path / "a.png").write_bytes(saved(Image.fromarray(samples.astype(np.uint8)), "PNG", exif=exif))
        picture = read_picture(tmp_path / "a.png")
        same(picture.alpha, upright[..., 3])
        assert picture.alpha.flags.c_contiguous
        half = read_picture(tmp_path / "a.png", needed=4)
        means = upright[..., 3].reshape(upright.shape[0] // 2, 2, upright.shape[1] // 2, 2).mean((1, 3)) / 255
        np.testing.assert_allclose(half.alpha, means, atol=1e-6)
    for opaque in (noise(6, 8, 3), np.dstack([noise(6, 8, 3), np.full((6, 8), 255)])):
        (tmp_path / "a.png").write_bytes(saved(Image.fromarray(opaque.astype(np.uint8)), "PNG"))
        assert read_picture(tmp_path / "a.png").alpha is None
    deep = noise(600, 3, 2, 65535)  # only the last band is transparent
    deep[:550, :, 1] = 65535
    (tmp_path / "a.png").write_bytes(png(deep, 16, GREY_ALPHA))
    same(read_picture(tmp_path / "a.png").alpha, deep[..., 1], 65535)


def test_palette_with_transparency(read):
    index = np.array([[0, 1, 2], [2, 1, 0]])[..., None]
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]])
    data = png(index, 8, PALETTE, (b"PLTE", colours.astype(np.uint8).tobytes()), (b"tRNS", bytes([0, 51])))
    alpha = np.array([0, 0.2, 1])[index]
    expected = colours[index[..., 0]] / 255 * alpha + (1 - alpha) * np.array(CANVAS)
    np.testing.assert_allclose(read(data, canvas=CANVAS), expected, atol=1e-6)


def test_gif_with_transparency(read):
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((1, 0), 1)
    picture = read(saved(image, "GIF", transparency=0), canvas=CANVAS)
    np.testing.assert_allclose(picture, [[CANVAS, (0, 0, 1)]], atol=1e-6)
