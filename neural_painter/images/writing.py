"""Writes pictures: whole or not at all, marked as sRGB, the same bytes for the same picture."""

import os
import struct
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

from neural_painter.errors import OutputError, UsageError
from neural_painter.files import written_whole
from neural_painter.images.exif import IMAGE, block_of, directories, read_entries
from neural_painter.images.metadata import TEXTS, Metadata
from neural_painter.images.pixels import Array, to_uint8

_WRITERS = {
    ".png": ("PNG", 2**31 - 1),
    ".jpg": ("JPEG", 65500),
    ".jpeg": ("JPEG", 65500),
    ".webp": ("WEBP", 16383),
    ".tif": ("TIFF", 2**31 - 1),
    ".tiff": ("TIFF", 2**31 - 1),
}
"""Extension: format and the longest side that it holds, in pixels."""


def write_image(
    path: str | Path,
    picture: Array,
    *,
    overwrite: bool = True,
    quality: int = 95,
    alpha: Array | None = None,
    metadata: Metadata | None = None,
) -> None:
    """Writes a picture, marked as sRGB; the extension chooses PNG, JPEG, WebP or TIFF. Same input, same bytes.

    Args:
        path: the file; it appears whole or not at all.
        picture: `[H, W, 3]`, floats in [0, 1] (clipped, rounded) or uint8.
        overwrite: whether an existing file may be replaced.
        quality: 1 to 100, of JPEG (full chroma resolution) and WebP; the others lose nothing.
        alpha: `[H, W]`, floats in [0, 1] or uint8; the picture's colours are not multiplied by it. JPEG holds none:
            lay the picture over a canvas first.
        metadata: what the file says of itself: EXIF and resolution; in a PNG its texts as well.

    Raises:
        UsageError: unknown extension or quality.
        OutputError: the file exists, cannot be written, or its format cannot hold a picture of that size.
        NumericalError: the picture holds NaN or infinity.
        ValueError: picture or alpha have another shape or type, or alpha is given for a JPEG.
    """
    path = Path(path)
    extension = path.suffix.lower()
    if extension not in _WRITERS:
        given = f"pictures ending in {path.suffix}" if path.suffix else "a picture without an extension"
        raise UsageError(f"{path}: cannot write {given}", hint="Supported: " + ", ".join(_WRITERS))
    if not 1 <= quality <= 100:
        raise UsageError(f"quality: expected 1 to 100, got {quality}")
    form, most = _WRITERS[extension]
    pixels = _pixels(picture, alpha, form)
    if max(pixels.shape) > most:
        raise OutputError(
            f"{path}: {form} holds at most {most} px a side, got {pixels.shape[1]}x{pixels.shape[0]}",
            hint="Write a PNG or TIFF.",
        )
    options: dict[str, dict[str, Any]] = {
        "PNG": {"pnginfo": _chunks(metadata)},
        "JPEG": {"quality": quality, "subsampling": 0, "icc_profile": _srgb_profile()},
        "WEBP": {"quality": quality, "icc_profile": _srgb_profile()},
        "TIFF": {"compression": "tiff_deflate", "icc_profile": _srgb_profile()},
    }
    with written_whole(path, overwrite=overwrite) as temporary:
        Image.fromarray(pixels).save(temporary, format=form, **options[form], **_about(metadata, form))
        if metadata and form == "TIFF":
            _add_to_tiff(temporary, metadata)


def write_heights(path: str | Path, heights: Array, about: str, *, overwrite: bool = True) -> None:
    """Writes numbers as a grey PNG of 16 bits: what they are, not how bright they look.

    Args:
        path: the file; it appears whole or not at all.
        heights: `[H, W]` uint16.
        about: what the numbers are, for the file itself.
        overwrite: whether an existing file may be replaced.

    Raises:
        OutputError: the file exists, or cannot be written.
        ValueError: the heights have another shape or type.
    """
    if heights.ndim != 2 or heights.dtype != np.uint16:
        raise ValueError(f"heights must be [H, W] uint16, got {list(heights.shape)} {heights.dtype}")
    told = PngImagePlugin.PngInfo()
    told.add_text("Description", about)
    with written_whole(Path(path), overwrite=overwrite) as temporary:
        Image.fromarray(heights).save(temporary, format="PNG", pnginfo=told)


def holds_alpha(path: str | Path) -> bool:
    """Whether the format that the extension chooses holds transparency."""
    return _WRITERS.get(Path(path).suffix.lower(), ("JPEG", 0))[0] != "JPEG"


def _pixels(picture: Array, alpha: Array | None, form: str) -> Array:
    """Picture and alpha as contiguous uint8, `[H, W, 3 or 4]`."""
    if picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise ValueError(f"picture must be [H, W, 3], got {list(picture.shape)}")
    pixels = picture if picture.dtype == np.uint8 else to_uint8(picture)
    if alpha is None:
        return np.ascontiguousarray(pixels)
    if form == "JPEG":
        raise ValueError("JPEG holds no alpha: lay the picture over a canvas first")
    if alpha.shape != picture.shape[:2]:
        raise ValueError(f"alpha must be {list(picture.shape[:2])} as its picture, got {list(alpha.shape)}")
    return np.dstack([pixels, alpha if alpha.dtype == np.uint8 else to_uint8(alpha)])


def _about(metadata: Metadata | None, form: str) -> dict[str, Any]:
    """Pillow's options for what a file says of itself; TIFF has it added afterwards."""
    if not metadata or form == "TIFF":
        return {}
    options: dict[str, Any] = {"exif": b"Exif\0\0" + block_of(metadata.written())}
    if metadata.ppi and form in ("PNG", "JPEG"):
        options["dpi"] = metadata.ppi
    return options


def _chunks(metadata: Metadata | None) -> PngImagePlugin.PngInfo:
    """A PNG's chunks: sRGB, and its texts, which more programs show than its EXIF."""
    chunks = PngImagePlugin.PngInfo()
    chunks.add(b"sRGB", b"\0")  # perceptual intent
    if metadata:
        texts = {keyword: metadata.text(*place) for keyword, place in TEXTS.items()} | {"Software": metadata.software}
        for keyword, text in texts.items():
            if text:
                chunks.add_text(keyword, text)
    return chunks


def _add_to_tiff(path: Path, metadata: Metadata) -> None:
    """Gives a TIFF that Pillow wrote a new first directory at its end, with the metadata beside what was there."""
    with path.open("r+b") as file:
        added = metadata.written()
        tags = {entry.tag for entry in added if entry.folder == IMAGE}
        old = [entry for entry in read_entries(file, most=2**30) if entry.tag not in tags]
        start = file.seek(0, os.SEEK_END)
        start += file.write(b"\0" * (start % 2))
        file.write(directories((*old, *added), start))
        file.seek(4)
        file.write(struct.pack("<I", start))


@cache
def _srgb_profile() -> bytes:
    """An sRGB profile of some 600 bytes; its date of creation is fixed, so that files repeat to the byte."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(profile)
