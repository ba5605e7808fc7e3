"""Colour profiles are converted, or it is said why not."""

import zlib

import numpy as np
from PIL import Image, ImageCms

from tests.neural_painter.images.samples import (
    CANVAS,
    RGB,
    icc,
    noise,
    png,
    red_cyan_profile,
    same,
    saved,
    swapped_profile,
    tiff,
)


def test_profile_is_converted(read):
    samples = noise(8, 9, 3).astype(np.uint8)
    picture = read(saved(Image.fromarray(samples), "PNG", icc_profile=swapped_profile()))
    assert np.abs(picture * 255 - samples[..., [1, 0, 2]]).max() <= 1.01
    assert read.notes == ["picture.png: colour profile 'by hand' converted to sRGB"]


def test_profile_keeps_alpha(read):
    samples = noise(8, 9, 4).astype(np.uint8)
    picture = read(saved(Image.fromarray(samples), "PNG", icc_profile=swapped_profile()), canvas=CANVAS)
    alpha = samples[..., 3:] / 255
    expected = samples[..., [1, 0, 2]] / 255 * alpha + (1 - alpha) * np.array(CANVAS)
    assert np.abs(picture - expected).max() <= 1.01 / 255


def test_16_bit_with_a_profile_says_that_depth_is_lost(read):
    samples = noise(8, 9, 3, 65535)
    chunk = (b"iCCP", b"x\0\0" + zlib.compress(swapped_profile()))
    picture = read(png(samples, 16, RGB, chunk))
    assert np.abs(picture - samples[..., [1, 0, 2]] / 65535).max() <= 1.5 / 255
    assert any("16 bits were cut to 8" in note for note in read.notes)
    samples = samples.astype(np.uint16)
    picture = read(tiff(samples, 2, profile=swapped_profile()))
    assert np.abs(picture - samples[..., [1, 0, 2]] / 65535).max() <= 1.5 / 255


def test_srgb_profile_changes_nothing(read):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    samples = noise(8, 9, 3).astype(np.uint8)
    same(read(saved(Image.fromarray(samples), "PNG", icc_profile=profile)), samples)
    assert read.notes == []
    deep = noise(8, 9, 3, 65535)
    same(read(png(deep, 16, RGB, (b"iCCP", b"x\0\0" + zlib.compress(profile)))), deep, 65535)
    assert read.notes == []
    grey = samples[..., 0].copy()  # a grey picture with a profile for RGB is common
    same(read(saved(Image.fromarray(grey), "PNG", icc_profile=profile)), np.repeat(grey[..., None], 3, 2))


def test_grey_profile_is_converted(read):
    linear = b"curv\0\0\0\0\0\0\0\0"
    grey = np.arange(256, dtype=np.uint8)[None]
    picture = read(saved(Image.fromarray(grey), "PNG", icc_profile=icc(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": linear})))
    light = grey / 255
    expected = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(picture, np.repeat(expected[..., None], 3, 2), atol=1.01 / 255)


def test_useless_profile_is_ignored_and_said(read):
    for profile, sentence in [
        (b"nonsense" * 40, "is broken"),
        (swapped_profile()[:300], "is broken"),
        (red_cyan_profile(), "is for CMYK"),
    ]:
        samples = noise(4, 5, 3).astype(np.uint8)
        same(read(saved(Image.fromarray(samples), "PNG", icc_profile=profile)), samples)
        assert len(read.notes) == 1
        assert sentence in read.notes[0]


def test_cmyk_with_and_without_profile(read):
    inks = np.zeros((8, 8, 4), np.uint8)
    inks[:, :4, 0] = 255
    image = Image.fromarray(inks, "CMYK")
    for form, options in (("TIFF", {}), ("JPEG", {"quality": 100})):
        picture = read(saved(image, form, **options))
        assert np.abs(picture[:, :4] - (0, 1, 1)).max() < 0.02
        assert np.abs(picture[:, 4:] - 1).max() < 0.02
        assert read.notes == ["picture.png: CMYK without a usable colour profile: colours are approximate"]
        picture = read(saved(image, form, icc_profile=red_cyan_profile(), **options))
        assert np.abs(picture[:, :4] - (1, 0, 0)).max() < 0.05
        assert np.abs(picture[:, 4:] - 1).max() < 0.02
    deep = (inks.astype(np.uint16)) * 257
    assert np.abs(read(tiff(deep, 5))[:, :4] - (0, 1, 1)).max() < 0.02
    assert any("16-bit CMYK" in note for note in read.notes)


def test_lab(read):
    white = Image.new("LAB", (2, 2), (255, 128, 128))
    assert read(saved(white, "TIFF")).min() > 0.98
