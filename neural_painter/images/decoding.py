"""Decodes pictures: Pillow, and OpenCV where Pillow would cut samples to 8 bits (PNG of 16 bits, deep TIFF)."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
from PIL import Image

from neural_painter.errors import InputError
from neural_painter.images import heif, tiff
from neural_painter.images.endings import ends_early
from neural_painter.images.pixels import Array, fit_long_side
from neural_painter.images.profiles import Convert, to_srgb
from neural_painter.images.stored import Say, Stored, factor_of, of_arrays

JPEG_SIDE = 65535
"""Longest side that a JPEG can state, in pixels."""


def decode(
    path: Path, file: BinaryIO, kind: str, say: Say, *, max_pixels: int, needed: int | None
) -> tuple[Stored, dict[Any, Any]]:
    """Decodes the picture of an open file of a known kind.

    Args:
        path: for messages.
        file: stands anywhere.
        kind: one of the formats of pictures that `files.kind_of` names, or HEIC.
        say: is told of what is changed, dropped or guessed.
        max_pixels: most pixels that may be decoded.
        needed: long side that will be used, in pixels.

    Returns:
        The picture, and what Pillow says of it.

    Raises:
        InputError: it has too many pixels.
        Exception: of nearly any kind, on hostile files.
    """
    if kind == "TIFF":
        tags = tiff.tags_of(file)
        if tags[256] * tags[257] > max_pixels:
            raise too_large(path, tags[256] * tags[257], max_pixels)
        if tags.get(274, 1) in range(2, 9):
            say("turned upright")  # by Pillow and by OpenCV on their own
        if tiff.is_deep(tags, say):
            return _deep_tiff(file, tags, say), {}
    file.seek(24)
    png_depth = file.read(1)[0] if kind == "PNG" else 8  # in the header, which comes first
    file.seek(0)
    image = heif.opened_image(file) if kind == "HEIC" else Image.open(file, formats=[kind.upper()])
    full = (image.height, image.width)
    if kind == "JPEG" and needed and max(full) > needed:
        image.draft(image.mode, fit_long_side(*full, needed)[::-1])
    # A progressive JPEG is held in full before it is reduced.
    decoded = full if image.info.get("progressive") else (image.height, image.width)
    if decoded[0] * decoded[1] > max_pixels:
        raise too_large(path, decoded[0] * decoded[1], max_pixels)
    if kind != "JPEG" and getattr(image, "is_animated", False):
        say("holds several pictures, the first was read")  # of a JPEG the others are previews and depth maps
    image.load()
    if kind in ("TIFF", "HEIC"):
        full = (image.height, image.width)  # turned upright by now, or else than was announced
    info, turn = image.info, _orientation(image, say)
    profile = info.get("icc_profile")
    if png_depth == 16:
        if ends_early(file, kind):
            raise ValueError("it is cut short")  # before libpng complains on its own
        del image  # OpenCV decodes it again
        stored = _in_srgb(_deep_png(file, info.get("transparency")), profile, say)
    else:
        key, reduces = _key(image, kind, png_depth), factor_of((image.height, image.width), needed) > 1
        stored = _shallow(image, profile, key, say, in_bands=reduces)
    return replace(stored, turn=turn, full=full), info


def _orientation(image: Image.Image, say: Say) -> object:
    """EXIF's, of a loaded image: by then Pillow has turned a TIFF, and removed the tag."""
    try:
        return image.getexif().get(274, 1)
    except Exception:  # as of any other hostile data
        say("its EXIF data is broken: ignored")
        return 1


def too_large(path: Path, pixels: int, max_pixels: int) -> InputError:
    """The error for a picture of too many pixels."""
    return InputError(
        f"{path}: {pixels / 1e6:.0f} megapixels, expected at most {max_pixels / 1e6:.0f}",
        hint="Make it smaller, or raise the limit with --max-pixels.",
    )


# --- 8 bits and less ------------------------------------------------------------------------------------------------


def _key(image: Image.Image, kind: str, depth: int) -> Array | None:
    """The one colour of a PNG of grey or RGB that stands for transparent, as uint8 samples `[1 or 3]`."""
    key = image.info.get("transparency")
    if kind != "PNG" or key is None or image.mode not in ("1", "L", "RGB"):
        return None
    # Stated as a sample of the file's depth in 16 bits, whatever the upper ones hold; Pillow scales it in mode 1 only.
    most = 255 if image.mode == "1" else 2**depth - 1
    return np.array([(value & most) * 255 // most for value in np.atleast_1d(key)], np.uint8)


def _shallow(image: Image.Image, profile: bytes | None, key: Array | None, say: Say, *, in_bands: bool) -> Stored:
    """What Pillow holds in full: 8 bits and less, with the rest of what is mapped to that.

    Args:
        image: loaded.
        profile: its ICC profile.
        key: the colour that stands for transparent, as samples.
        say: is told of what is converted.
        in_bands: whether even an image that needs no conversion is left to Pillow, and not copied as a whole. Pillow
            takes 4 bytes for what an array holds in 3, but while it is copied both are there.
    """
    mode = image.mode
    if mode.startswith(("I", "F")):
        raise ValueError(f"pixels of the kind {mode} are not supported")
    transparent = key is None and image.has_transparency_data
    grey = mode in ("1", "L") or (mode in ("LA", "La") and transparent)
    target = "L" if grey else mode if mode in ("CMYK", "LAB") and not transparent else "RGB"
    convert = to_srgb(target, profile, say)
    if mode == target and convert is None and key is None and not transparent and not in_bands:
        return of_arrays(_as_samples(image), None)
    size = (image.height, image.width)
    return Stored(size, partial(_rows, image, target, convert, key, transparent), size)


def _rows(
    image: Image.Image,
    target: str,
    convert: Convert | None,
    key: Array | None,
    transparent: bool,
    top: int,
    bottom: int,
) -> tuple[Array, Array | None]:
    """Samples and alpha of some rows, in sRGB."""
    band = image.crop((0, top, image.width, bottom))
    alpha = None
    if transparent:
        full = band.convert("LA" if band.mode in ("LA", "La") else "RGBA")
        alpha = np.asarray(full.getchannel("A"))
        band = band if band.mode in ("1", "L") else full
    band.info.pop("transparency", None)  # Pillow warns where it would be lost
    band = band if band.mode == target else band.convert(target)
    if key is not None:
        alpha = (_as_samples(band) != key).any(axis=2).astype(np.uint8) * np.uint8(255)
    return _as_samples(convert(band) if convert else band), alpha


def _as_samples(image: Image.Image) -> Array:
    pixels = np.asarray(image)
    return pixels[..., None] if pixels.ndim == 2 else pixels


# --- more than 8 bits -----------------------------------------------------------------------------------------------


def _deep_png(file: BinaryIO, transparent: int | tuple[int, ...] | None) -> Stored:
    """A 16-bit PNG; one colour may stand for transparent."""
    samples, alpha = _through_opencv(file)
    stored = of_arrays(samples, alpha)
    if alpha is not None or transparent is None:
        return stored
    key = np.array(transparent, np.uint16)

    def rows(top: int, bottom: int) -> tuple[Array, Array | None]:
        some = samples[top:bottom]
        return some, (some != key).any(axis=2).astype(np.uint16) * np.uint16(65535)

    return replace(stored, rows=rows)


def _deep_tiff(file: BinaryIO, tags: Any, say: Say) -> Stored:
    """A TIFF of 16-bit integers or of floats."""
    tiff.check_layout(tags)
    samples, alpha = _through_opencv(file)
    if tags.get(262) == 0:  # 0 is white
        samples = 65535 - samples
    extra = tiff.as_tuple(tags.get(338, 0))[0]
    if extra not in (1, 2):
        if alpha is not None:
            say("its fourth channel is not marked as alpha and was dropped")
        alpha = None
    return _in_srgb(replace(of_arrays(samples, alpha), premultiplied=extra == 1), tags.get(34675), say)


def _through_opencv(file: BinaryIO) -> tuple[Array, Array | None]:
    """Samples `[H, W, 1 or 3]` and alpha at full depth; TIFF comes upright, PNG as stored."""
    file.seek(0)
    pixels = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype == np.uint8:
        raise ValueError("the pixels are cut short or damaged")
    if pixels.ndim == 2:
        return pixels[..., None], None
    return pixels[..., 2::-1], pixels[..., 3] if pixels.shape[2] == 4 else None


def _in_srgb(stored: Stored, profile: bytes | None, say: Say) -> Stored:
    """Converts deep samples by their profile, at 8 bits: Pillow's colour management has no more. sRGB stays deep."""
    if not profile:
        return stored
    first, _ = stored.rows(0, 1)
    if np.issubdtype(first.dtype, np.floating):
        say("its colour profile is ignored: floats are taken for sRGB")
        return stored
    convert = to_srgb("L" if first.shape[2] == 1 else "RGB", profile, say)
    if convert is None:
        return stored
    say("16 bits were cut to 8 to convert its colour profile")

    def rows(top: int, bottom: int) -> tuple[Array, Array | None]:
        samples, alpha = stored.rows(top, bottom)
        shallow = ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)
        image = Image.fromarray(np.ascontiguousarray(shallow[..., 0] if samples.shape[2] == 1 else shallow))
        return _as_samples(convert(image)), alpha

    return replace(stored, rows=rows)
