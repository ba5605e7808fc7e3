"""Pictures of every kind are read as they are meant to be seen; files that are not pictures are refused in a sentence.

All files are made here. PNG, TIFF and ICC profiles that Pillow cannot write are put together by hand.
"""

import io
import os
import struct
import warnings
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, features

from neural_painter.errors import InputError, NumericalError, OutputError, UsageError
from neural_painter.images import (
    checked_picture,
    find_pictures,
    fit_long_side,
    parse_colour,
    read_image,
    resize,
    to_uint8,
    write_image,
)

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6  # PNG colour types


def noise(height, width, channels, top=255, seed=0):
    return np.random.default_rng(seed).integers(0, top + 1, (height, width, channels))


def smooth(height=48, width=64):
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([255 * x / width, 255 * y / height, 128 + 0 * x], -1).astype(np.uint8)


def png(samples, depth, kind, *extra):
    """A PNG of `[H, W, C]` samples of 8 or 16 bits; `extra` are (name, data) chunks before the pixels."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height, width = samples.shape[:2]
    rows = samples.astype(">u2" if depth == 16 else "u1").reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    middle = b"".join(chunk(name, data) for name, data in extra)
    pixels = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + middle + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def tiff(samples, photometric, *, extra=None, turn=1, planar=1, order="<", profile=None):
    """An uncompressed TIFF of `[H, W, C]` samples of any type, in one strip."""
    height, width, channels = samples.shape
    bits, form = samples.dtype.itemsize * 8, 3 if samples.dtype.kind == "f" else 1
    pixels = (
        (np.moveaxis(samples, 2, 0) if planar == 2 else samples).astype(samples.dtype.newbyteorder(order)).tobytes()
    )
    strips = channels if planar == 2 else 1
    tags = {256: [width], 257: [height], 258: [bits] * channels, 259: [1], 262: [photometric], 273: [0] * strips}
    tags |= {274: [turn], 277: [channels], 278: [height], 279: [len(pixels) // strips] * strips, 284: [planar]}
    tags |= {339: [form] * channels} | ({} if extra is None else {338: [extra]})
    tags |= {} if profile is None else {34675: profile}
    data = 8 + 2 + 12 * len(tags) + 4
    tags[273] = [8 + 0] * strips
    bodies, entries = b"", b""
    long_values = {tag: v for tag, v in tags.items() if len(v) * (1 if isinstance(v, bytes) else 4) > 4}
    start = data + sum(len(v) if isinstance(v, bytes) else 4 * len(v) for v in long_values.values())
    tags[273] = [start + i * (len(pixels) // strips) for i in range(strips)]
    for tag in sorted(tags):
        value = tags[tag]
        packed = value if isinstance(value, bytes) else struct.pack(f"{order}{len(value)}I", *value)
        kind = 7 if isinstance(value, bytes) else 4
        entries += struct.pack(f"{order}HHI", tag, kind, len(value))
        entries += packed if len(packed) == 4 else struct.pack(f"{order}I", data + len(bodies))
        bodies += packed if len(packed) != 4 else b""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    header = mark + struct.pack(f"{order}I", 8) + struct.pack(f"{order}H", len(tags)) + entries + b"\0\0\0\0"
    assert len(header) == data
    return header + bodies + pixels


def icc(device_class, space, connection, tags):
    """An ICC profile, version 4.2, from named tags."""
    tags = {b"wtpt": xyz(0.9642, 1, 0.8249), b"cprt": text("none"), b"desc": text("by hand"), **tags}
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", 128 + 4 + 12 * len(tags) + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    head = struct.pack(
        ">I4sI4s4s4s", 128 + len(table) + len(body), b"\0" * 4, 0x04200000, device_class, space, connection
    )
    head += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28 + struct.pack(">3I", 0xF6D6, 0x10000, 0xD32D)
    return head.ljust(128, b"\0") + table + body


def xyz(*values):
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def text(words):
    encoded = words.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(encoded), 28) + encoded


def swapped_profile(curve=(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)):
    """sRGB with red and green exchanged: the exact conversion swaps two channels."""
    curve = b"para\0\0\0\0\0\x03\0\0" + struct.pack(">5i", *(round(value * 65536) for value in curve))
    red, green, blue = xyz(0.43607, 0.22249, 0.01392), xyz(0.38515, 0.71687, 0.09708), xyz(0.14307, 0.06061, 0.7141)
    curves = {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    return icc(b"mntr", b"RGB ", b"XYZ ", {b"rXYZ": green, b"gXYZ": red, b"bXYZ": blue, **curves})


def red_cyan_profile():
    """CMYK whose first ink is red; any other ink is black."""
    ramp = bytes(range(256))
    corners = [(255, 128, 128)] + [(0, 128, 128)] * 7 + [(136, 208, 195)] + [(0, 128, 128)] * 7  # Lab of 16 ink corners
    identity = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + ramp * 4 + bytes(sum(corners, ())) + ramp * 3
    return icc(b"prtr", b"CMYK", b"Lab ", {b"A2B0": table, b"A2B1": table})


def saved(image, form, **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


@pytest.fixture
def read(tmp_path):
    """Writes bytes to a file and reads it; `notes` of the last call are kept beside."""

    def call(data, name="picture.png", **options):
        (tmp_path / name).write_bytes(data)
        call.notes = []
        picture = read_image(tmp_path / name, notes=call.notes, **options)
        assert picture.dtype == np.float32
        assert picture.ndim == 3
        assert picture.shape[2] == 3
        assert picture.flags.c_contiguous
        assert picture.min() >= 0
        assert picture.max() <= 1
        return picture

    return call


def same(picture, expected, top=255):
    np.testing.assert_array_equal(picture, np.asarray(expected, np.float32) / np.float32(top))


# --- kinds of pictures


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 3), (257, 4)])
@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "WEBP"])
def test_rgb_is_exact(read, size, form):
    samples = noise(*size, 3).astype(np.uint8)
    same(read(saved(Image.fromarray(samples), form, **({"lossless": True} if form == "WEBP" else {}))), samples)
    assert read.notes == []


@pytest.mark.parametrize(
    ("form", "name"), [("JPEG", "a.jpg"), ("JPEG", "a.png"), ("AVIF", "a.avif"), ("WEBP", "a.jpg")]
)
def test_content_decides_not_the_name(read, form, name):
    if form == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
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


@pytest.mark.parametrize("kind", [GREY, GREY_ALPHA, RGB, RGBA])
def test_16_bit_png_is_exact(read, kind):
    channels = {GREY: 1, GREY_ALPHA: 2, RGB: 3, RGBA: 4}[kind]
    samples = noise(5, 7, channels, 65535)
    if kind in (GREY_ALPHA, RGBA):
        samples[..., -1] = 65535
    colours = samples[..., :3] if channels > 2 else np.repeat(samples[..., :1], 3, 2)
    same(read(png(samples, 16, kind)), colours, 65535)
    assert read.notes == []


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("photometric", "channels", "extra"), [(1, 1, None), (0, 1, None), (2, 3, None), (2, 4, 2)])
def test_16_bit_tiff_is_exact(read, order, photometric, channels, extra):
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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_float_tiff_is_clipped(read, dtype, channels):
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


@pytest.mark.parametrize(
    "data",
    [
        tiff(noise(3, 4, 3, 65535).astype(np.uint16), 2, planar=2),
        tiff(noise(3, 4, 2, 65535).astype(np.uint16), 1, extra=2),
        tiff(noise(3, 4, 3, 65535).astype(np.uint32), 2),
        tiff(np.zeros((3, 4, 3), np.float16), 2),
    ],
    ids=["planes", "grey and alpha", "32-bit integers", "16-bit floats"],
)
def test_tiff_that_would_be_garbled_is_refused(read, data):
    with pytest.raises(InputError, match="layout not supported"):
        read(data)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF"])
def test_first_frame_of_many(read, form):
    red, blue = (Image.new("RGB", (6, 5), colour) for colour in ("red", "blue"))
    picture = read(
        saved(red, form, save_all=True, append_images=[blue], **({"lossless": True} if form == "WEBP" else {}))
    )
    same(picture, np.full((5, 6, 3), (255, 0, 0)))
    assert read.notes == ["picture.png: holds several pictures, the first was read"]


# --- transparency

CANVAS = (0.2, 0.4, 0.6)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("kind", [GREY_ALPHA, RGBA])
def test_alpha_over_the_canvas(read, depth, kind):
    top = 2**depth - 1
    samples = noise(9, 4, 2 if kind == GREY_ALPHA else 4, top)
    picture = read(png(samples, depth, kind), canvas=CANVAS)
    alpha = samples[..., -1:] / top
    expected = samples[..., :-1] / top * alpha + (1 - alpha) * np.array(CANVAS)
    np.testing.assert_allclose(picture, expected, atol=2e-7)  # measured: 9e-8
    assert read.notes == ["picture.png: transparent parts laid over the canvas colour"]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("extra", [1, 2])
def test_tiff_alpha_premultiplied_or_not(read, dtype, extra):
    top = np.iinfo(dtype).max
    colour, alpha = np.array([1, 0.5, 0.25]), 0.4
    stored = np.append(colour * (alpha if extra == 1 else 1), alpha) * top
    picture = read(tiff(np.full((3, 2, 4), np.rint(stored), dtype), 2, extra=extra), canvas=CANVAS)
    expected = colour * alpha + (1 - alpha) * np.array(CANVAS)
    np.testing.assert_allclose(picture, np.broadcast_to(expected, (3, 2, 3)), atol=1.5 / top + 1e-6)


@pytest.mark.parametrize(("depth", "kind"), [(8, GREY), (8, RGB), (16, GREY), (16, RGB)])
def test_one_transparent_colour(read, depth, kind):
    samples = noise(4, 5, 1 if kind == GREY else 3, 2**depth - 1)
    chosen = samples[2, 3].astype(">u2").tobytes()
    picture = read(png(samples, depth, kind, (b"tRNS", chosen)), canvas=CANVAS)
    expected = np.broadcast_to(samples / (2**depth - 1), (4, 5, 3)).copy()
    expected[(samples == samples[2, 3]).all(2)] = CANVAS
    np.testing.assert_allclose(picture, expected, atol=1e-6)


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


# --- orientation


def stored_for(upright, turn):
    """How a picture that should be seen as `upright` lies in a file of that EXIF orientation."""
    return {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[turn]


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("kind", ["png 8", "png 16", "tiff 8", "tiff 16", "tiff float", "webp"])
def test_orientation(read, turn, kind):
    upright = noise(3, 5, 3)
    stored = np.ascontiguousarray(stored_for(upright, turn))
    exif = Image.Exif()
    exif[274] = turn
    top = 255
    if kind == "png 16":
        data, top = png(stored, 16, RGB, (b"eXIf", exif.tobytes()[6:])), 65535
    elif kind.startswith("tiff"):
        dtype, top = {"tiff 8": (np.uint8, 255), "tiff 16": (np.uint16, 65535), "tiff float": (np.float32, 1)}[kind]
        data = tiff((stored / (255 if top == 1 else 1)).astype(dtype), 2, turn=turn)
        upright = upright / 255 if top == 1 else upright
    else:
        form = {"png 8": "PNG", "webp": "WEBP"}[kind]
        data = saved(
            Image.fromarray(stored.astype(np.uint8)), form, exif=exif, **({"lossless": True} if form == "WEBP" else {})
        )
    same(read(data), upright, top)
    assert read.notes == ([] if turn == 1 else ["picture.png: turned upright"])


@pytest.mark.parametrize("turn", range(1, 9))
def test_orientation_of_a_photo(read, turn):
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


# --- colour profiles


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


@pytest.mark.parametrize(
    ("profile", "sentence"),
    [(b"nonsense" * 40, "is broken"), (swapped_profile()[:300], "is broken"), (red_cyan_profile(), "is for CMYK")],
)
def test_useless_profile_is_ignored_and_said(read, profile, sentence):
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


# --- hostile files


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


@pytest.mark.parametrize("form", ["png", "gif", "bmp", "tiff", "float tiff"])
def test_bomb_is_refused_before_decoding(read, form):
    limit, level = Image.MAX_IMAGE_PIXELS, cv2.utils.logging.getLogLevel()
    with pytest.raises(InputError, match=r"\.png: 3600 megapixels, expected at most 200$"):
        read(header_only(60000, 60000, form))
    assert limit == Image.MAX_IMAGE_PIXELS
    assert level == cv2.utils.logging.getLogLevel()


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


@pytest.mark.parametrize("name", list(pictures_to_cut()))
def test_cut_short(read, name, capfd):
    data = pictures_to_cut()[name]
    read(data)
    for part in (0.003, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95):
        cut = data[: max(1, int(len(data) * part))]
        with pytest.raises(InputError) as caught:
            read(cut)
        assert caught.value.exit_status == 3
        assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")  # neither OpenCV nor libtiff speaks


@pytest.mark.parametrize("name", list(pictures_to_cut()))
def test_damaged_bytes_never_surprise(read, name):
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


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"<!DOCTYPE html><html><body>404", "text/html"),
        (b"\xef\xbb\xbf\n  <HTML>", "text/html"),
        (b"Not found\n", "text/plain"),
        ("Äpfel und Öl ".encode() * 400, "text/plain"),
        (b"<?xml version='1.0'?><svg xmlns=''/>", r"image/svg\+xml"),
        (b"%PDF-1.7", "application/pdf"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"\0\0\0\x18ftypheic", "image/heic"),
        (b"PK\x03\x04....", "application/zip"),
        (bytes(range(1, 256)), "unknown data"),
        (np.random.default_rng(3).bytes(5000), "unknown data"),
        (b"\0" * 100, "unknown data"),
    ],
)
def test_not_a_picture(read, data, found):
    with pytest.raises(InputError, match=rf"apple\.jpg: not a picture \(found: {found}") as caught:
        read(data, "apple.jpg")
    assert caught.value.hint == "Supported: JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF"


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


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_broken_exif_is_ignored(read, form):
    read(saved(Image.fromarray(smooth()), form, exif=b"Exif\0\0complete nonsense"))
    said = ["picture.png: its EXIF data is broken: ignored"]
    assert read.notes == said or (form == "JPEG" and not read.notes)  # Pillow hides it in a JPEG


# --- writing


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.TIFF", "a.jpg", "a.JPEG", "a.webp"])
@pytest.mark.parametrize("size", [(1, 1), (7, 5)])
def test_round_trip(tmp_path, name, size):
    picture = np.full((*size, 3), 0.5) if name.lower().endswith(("jpg", "jpeg", "webp")) else noise(*size, 3) / 255
    notes = []
    write_image(tmp_path / name, picture)
    lossless = name.lower().endswith((".png", ".tif", ".tiff"))
    np.testing.assert_allclose(read_image(tmp_path / name, notes=notes), picture, atol=1e-6 if lossless else 0.02)
    assert notes == []
    first = (tmp_path / name).read_bytes()
    write_image(tmp_path / name, to_uint8(picture))
    assert (tmp_path / name).read_bytes() == first
    assert os.listdir(tmp_path) == [name]


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


def test_to_uint8_rounds_half_up():
    values = np.array([-1, 0, 0.5 / 255 - 1e-9, 0.5 / 255 + 1e-9, 1.5 / 255 + 1e-9, 0.5, 1, 2])
    assert to_uint8(values).tolist() == [0, 0, 0, 1, 2, 128, 255, 255]
    every = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_uint8(every.astype(np.float32) / np.float32(255)), every)


# --- pictures that callers hand in


def test_a_picture_of_any_layout_comes_back_as_contiguous_floats():
    picture = np.random.default_rng(0).random((4, 3, 5)).transpose(0, 2, 1)
    found = checked_picture(picture)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, picture.astype(np.float32))
    every = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    np.testing.assert_array_equal(to_uint8(checked_picture(every)), every)
    assert checked_picture(np.ones((1, 1, 3), int)).tolist() == [[[1.0, 1.0, 1.0]]]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 5), np.float32), r"expected a picture \[H, W, 3\], got \[4, 5\]"),
        (np.zeros((4, 5, 4), np.uint8), r"expected a picture \[H, W, 3\], got \[4, 5, 4\]"),
        (np.zeros((1, 4, 5, 3)), r"expected a picture \[H, W, 3\], got \[1, 4, 5, 3\]"),
        (np.zeros((4, 0, 3)), r"expected a picture \[H, W, 3\], got \[4, 0, 3\]"),
        (np.full((4, 5, 3), np.nan), r"expected finite numbers in \[0, 1\]"),
        (np.full((4, 5, 3), np.inf), r"expected finite numbers in \[0, 1\]"),
        (np.full((4, 5, 3), -0.01), r"expected finite numbers in \[0, 1\]"),
        (np.full((4, 5, 3), 255), r"expected finite numbers in \[0, 1\]"),
    ],
)
def test_what_is_no_picture_is_refused_by_name(array, message):
    with pytest.raises(ValueError, match=f"^the left one: {message}"):
        checked_picture(array, "the left one")


# --- sizes, colours, folders


def test_resize_down_is_by_area():
    picture = np.random.default_rng(0).random((12, 20, 3))
    expected = picture.reshape(4, 3, 5, 4, 3).mean((1, 3))
    np.testing.assert_allclose(resize(picture, size=(4, 5)), expected, atol=3e-7)  # measured: 1e-7
    halves = resize(np.array([[0.0, 1.0, 0.5]]), size=(1, 2))  # pixels of 1.5: (0 + 1/2) / 1.5, (1/2 + 1/2) / 1.5
    np.testing.assert_allclose(halves, [[1 / 3, 2 / 3]], atol=1e-6)


def test_resize_shrinks_one_axis_by_area_while_the_other_grows():
    picture = np.random.default_rng(0).random((12, 1, 3)).astype(np.float32)
    expected = np.repeat(picture.reshape(3, 4, 1, 3).mean(1), 8, axis=1)
    np.testing.assert_allclose(resize(picture, size=(3, 8)), expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 5, 3), (7, 3), (7, 3, 1), (6, 5, 4)])
@pytest.mark.parametrize("size", [(1, 1), (13, 2), (30, 31)])
def test_resize_shapes_and_range(shape, size):
    picture = (np.random.default_rng(0).random(shape) > 0.5).astype(np.float32)
    result = resize(picture, size=size)
    assert result.shape == size + shape[2:]
    assert result.dtype == np.float32
    assert result.min() >= 0
    assert result.max() <= 1
    np.testing.assert_allclose(resize(np.full(shape, 0.3), size=size), 0.3, atol=1e-6)


def test_resize_to_the_same_size_is_a_copy_and_rejects():
    picture = np.random.default_rng(0).random((4, 5, 3)).astype(np.float32)
    result = resize(picture, size=(4, 5))
    np.testing.assert_array_equal(result, picture)
    assert not np.shares_memory(result, picture)
    with pytest.raises(ValueError, match="at least 1x1"):
        resize(picture, size=(0, 5))
    with pytest.raises(ValueError, match="floats"):
        resize(to_uint8(picture), size=(2, 2))


def test_fit_long_side():
    assert fit_long_side(3000, 4000, 512) == (384, 512)
    assert fit_long_side(1, 1000, 100) == (1, 100)
    assert fit_long_side(3, 2, 3) == (3, 2)
    assert fit_long_side(5, 2, 1) == (1, 1)
    assert fit_long_side(10, 20, 41) == (21, 41)  # 20.5 rounds up
    with pytest.raises(UsageError, match="long side"):
        fit_long_side(3, 4, 0)
    with pytest.raises(ValueError, match="aspect"):
        fit_long_side(0, 4, 5)


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("white", (255, 255, 255)),
        (" RebeccaPurple ", (102, 51, 153)),
        ("#102030", (16, 32, 48)),
        ("#FaB", (255, 170, 187)),
        ("1, 2,3", (1, 2, 3)),
        ("255,255,255", (255, 255, 255)),
    ],
)
def test_parse_colour(text, colour):
    assert parse_colour(text) == tuple(channel / 255 for channel in colour)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whit",
        "#12",
        "#12345",
        "#gggggg",
        "#11223344",
        "256,0,0",
        "1,2",
        "1,2,3,4",
        "0.5,0,0",
        "-1,0,0",
        "hsl(0,0%,0%)",
    ],
)
def test_parse_colour_refuses(text):
    with pytest.raises(UsageError, match="not a colour") as caught:
        parse_colour(text)
    assert caught.value.hint


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
