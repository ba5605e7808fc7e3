"""Opens and writes pictures: the only module that does. What comes in leaves as sRGB floats, upright, opaque.

Pillow opens the files. OpenCV decodes what Pillow would cut to 8 bits (PNG and TIFF of 16 bits, TIFF of floats).
"""

import io
import re
import stat
import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
from PIL import Image, ImageCms, ImageColor, PngImagePlugin, TiffImagePlugin

from neural_painter.errors import InputError, NumericalError, OutputError, UsageError
from neural_painter.files import written_whole

Array = np.ndarray
Say = Callable[[str], None]

EXTENSIONS = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif")
"""What `find_pictures` takes for a picture. `read_image` looks at the content only."""

MOST_PIXELS = 200_000_000
"""Pictures of more pixels are refused before they are decoded: at 12 bytes a pixel they would need 2.4 GB."""

MOST_BYTES = 2**30
"""Larger files are refused unread."""

SUPPORTED = "Supported: JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF"

_BAND = 256  # rows converted to float at a time, so that the only large float array is the result
_LOCK = threading.RLock()  # warning filters, Pillow's pixel limit and OpenCV's log level are global


def read_image(
    path: str | Path, *, canvas: tuple[float, float, float] = (1.0, 1.0, 1.0), notes: list[str] | None = None
) -> Array:
    """Reads a picture as it is meant to be seen: upright, in sRGB, transparent parts laid over the canvas colour.

    16-bit PNG and TIFF keep their depth unless a colour profile has to be converted. Of an animation the first frame is
    read. PNG's gAMA and cHRM are ignored, as most viewers do; floats are taken for sRGB; AVIF is read at 8 bits.

    Args:
        path: the file; its content decides what it is, not its name.
        canvas: colour under transparent parts, sRGB in [0, 1].
        notes: one sentence is appended for each thing that was changed, dropped or guessed.

    Returns:
        `[H, W, 3]` float32 in [0, 1], C-contiguous.

    Raises:
        InputError: missing, a folder, empty, not a picture, damaged, of an unsupported kind, or beyond `MOST_PIXELS`
            or `MOST_BYTES`.
    """
    path = Path(path)

    def say(sentence: str) -> None:
        line = f"{path.name}: {sentence}"
        if notes is not None and line not in notes:
            notes.append(line)

    with _opened(path) as file:
        head = file.read(4096)
        kind = _kind(head)
        if kind not in _PICTURES:
            raise InputError(f"{path}: not a picture (found: {kind})", hint=SUPPORTED)
        try:
            with _quiet(say):
                return _finished(_decode(path, file, kind, say), canvas, say)
        except (InputError, MemoryError):
            raise
        except Image.DecompressionBombError as error:
            pixels = re.search(r"\d+", str(error))  # Pillow states how many
            raise _too_large(path, int(pixels[0]) if pixels else MOST_PIXELS + 1) from error
        except Exception as error:  # on hostile files decoders raise nearly anything
            reason = "its header makes no sense" if isinstance(error, Image.UnidentifiedImageError) else f"{error}"
            reason = reason.strip().splitlines()[0] if reason.strip() else type(error).__name__
            raise InputError(
                f"{path}: cannot be read as {kind} ({reason})",
                hint="The file is damaged, cut short or of a rare kind; if other programs open it, save it as PNG.",
            ) from error


def write_image(path: str | Path, picture: Array, *, overwrite: bool = True, quality: int = 95) -> None:
    """Writes a picture, marked as sRGB; the extension chooses PNG, JPEG, WebP or TIFF. Same pixels, same bytes.

    Args:
        path: the file; it appears whole or not at all.
        picture: `[H, W, 3]`, floats in [0, 1] (clipped, rounded) or uint8.
        overwrite: whether an existing file may be replaced.
        quality: 1 to 100, of JPEG (full chroma resolution) and WebP; the others lose nothing.

    Raises:
        UsageError: unknown extension or quality.
        OutputError: the file exists, cannot be written, or its format cannot hold a picture of that size.
        NumericalError: the picture holds NaN or infinity.
        ValueError: the picture has another shape or type.
    """
    path = Path(path)
    extension = path.suffix.lower()
    if extension not in _WRITERS:
        given = f"pictures ending in {path.suffix}" if path.suffix else "a picture without an extension"
        raise UsageError(f"{path}: cannot write {given}", hint="Supported: " + ", ".join(_WRITERS))
    if not 1 <= quality <= 100:
        raise UsageError(f"quality: expected 1 to 100, got {quality}")
    if picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise ValueError(f"picture must be [H, W, 3], got {list(picture.shape)}")
    pixels = picture if picture.dtype == np.uint8 else to_uint8(picture)
    form, most = _WRITERS[extension]
    if max(pixels.shape) > most:
        raise OutputError(
            f"{path}: {form} holds at most {most} px a side, got {pixels.shape[1]}x{pixels.shape[0]}",
            hint="Write a PNG or TIFF.",
        )
    options: dict[str, dict[str, Any]] = {
        "PNG": {"pnginfo": _srgb_chunk()},
        "JPEG": {"quality": quality, "subsampling": 0, "icc_profile": _srgb_profile()},
        "WEBP": {"quality": quality, "icc_profile": _srgb_profile()},
        "TIFF": {"compression": "tiff_deflate", "icc_profile": _srgb_profile()},
    }
    with written_whole(path, overwrite=overwrite) as temporary:
        Image.fromarray(np.ascontiguousarray(pixels)).save(temporary, format=form, **options[form])


def checked_picture(picture: Array, name: str = "picture") -> Array:
    """What a caller hands in as a picture, as contiguous float32.

    Args:
        picture: `[H, W, 3]`, floats in [0, 1] or uint8.
        name: of the picture, for the message.

    Raises:
        ValueError: another shape, or numbers that are not finite or not in [0, 1].
    """
    array = np.asarray(picture)
    if array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise ValueError(f"{name}: expected a picture [H, W, 3], got {list(array.shape)}")
    if array.dtype == np.uint8:
        return array.astype(np.float32) / 255
    array = np.ascontiguousarray(array, np.float32)
    if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
        raise ValueError(f"{name}: expected finite numbers in [0, 1]")
    return array


def to_uint8(picture: Array) -> Array:
    """Rounds floats in [0, 1] of any shape to uint8, half up; values outside are clipped.

    Raises:
        NumericalError: NaN or infinity.
        ValueError: the picture is not of floats.
    """
    if not np.issubdtype(picture.dtype, np.floating):
        raise ValueError(f"picture must be of floats, got {picture.dtype}")
    if not np.isfinite(picture).all():
        raise NumericalError("the picture holds NaN or infinity, expected numbers in [0, 1]")
    scaled = picture * 255
    scaled += 0.5
    return np.clip(scaled, 0, 255, out=scaled).astype(np.uint8)


def resize(picture: Array, *, size: tuple[int, int]) -> Array:
    """Resizes along each axis by area when it shrinks (each pixel is the mean of what it covers), cubic when it grows.

    Args:
        picture: `[H, W]` or `[H, W, C]` floats in [0, 1].
        size: `(height, width)` in pixels.

    Returns:
        float32 of the new size, clipped to [0, 1]; a copy.

    Raises:
        ValueError: another shape or type, or a side below 1 px.
    """
    if picture.ndim not in (2, 3) or 0 in picture.shape or not np.issubdtype(picture.dtype, np.floating):
        raise ValueError(f"picture must be floats [H, W] or [H, W, C], got {picture.dtype} {list(picture.shape)}")
    if min(size) < 1:
        raise ValueError(f"size must be at least 1x1 px, got {size}")
    result: Array = np.ascontiguousarray(picture, np.float32)
    smaller = (min(size[0], picture.shape[0]), min(size[1], picture.shape[1]))
    for step, method in ((smaller, cv2.INTER_AREA), (tuple(size), cv2.INTER_CUBIC)):
        if step != result.shape[:2]:  # in two steps, for INTER_AREA is bilinear as soon as one axis grows
            result = cv2.resize(result, (step[1], step[0]), interpolation=method)
    return np.clip(result, 0, 1).reshape(*size, *picture.shape[2:])


def fit_long_side(height: int, width: int, long_side: int) -> tuple[int, int]:
    """Returns the `(height, width)` whose longer side is `long_side`, rounded half up, each at least 1 px.

    Raises:
        UsageError: `long_side` is below 1.
        ValueError: the picture is empty.
    """
    if long_side < 1:
        raise UsageError(f"long side: expected at least 1 px, got {long_side}")
    if min(height, width) < 1:
        raise ValueError(f"a picture of {height}x{width} px has no aspect ratio")
    longer = max(height, width)
    return (
        max(1, (2 * height * long_side + longer) // (2 * longer)),
        max(1, (2 * width * long_side + longer) // (2 * longer)),
    )


def parse_colour(text: str) -> tuple[float, float, float]:
    """Reads `white` (a CSS name), `#rrggbb`, `#rgb` or `r,g,b` (whole numbers, 0 to 255) as sRGB in [0, 1].

    Raises:
        UsageError: it is none of these.
    """
    word = text.strip().lower()
    numbers = re.fullmatch(r"(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})", word, re.ASCII)
    channels: tuple[int, ...] = ()
    if numbers:
        channels = tuple(int(number) for number in numbers.groups())
    elif word in ImageColor.colormap or re.fullmatch(r"#([0-9a-f]{3}|[0-9a-f]{6})", word):
        channels = ImageColor.getrgb(word)[:3]
    if not channels or max(channels) > 255:
        raise UsageError(
            f"{text!r}: not a colour", hint="Expected a name such as white, #rrggbb, #rgb, or r,g,b from 0 to 255."
        )
    return channels[0] / 255, channels[1] / 255, channels[2] / 255


def find_pictures(path: str | Path) -> list[Path]:
    """Lists the files of a folder that end in one of `EXTENSIONS`, sorted by name; not in subfolders, none hidden.

    Args:
        path: the folder.

    Returns:
        Their paths, each with `path` in front. They are not opened.

    Raises:
        InputError: the folder is missing, is a file or cannot be read.
    """
    path = Path(path)
    try:
        entries = list(path.iterdir())
    except NotADirectoryError:
        raise InputError(f"{path}: is a file, expected a folder") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    found = [
        entry
        for entry in entries
        if entry.suffix.lower() in EXTENSIONS and not entry.name.startswith(".") and entry.is_file()
    ]
    return sorted(found, key=lambda entry: (entry.name.casefold(), entry.name))


# --- what a file is -------------------------------------------------------------------------------------------------

_PICTURES = frozenset({"JPEG", "PNG", "WebP", "TIFF", "BMP", "GIF", "AVIF"})

# (offset, bytes, what it is); the first match counts
_SIGNATURES = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (8, b"WEBP", "WebP"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),
    (0, b"MM\0+", "TIFF"),
    (0, b"BM", "BMP"),
    (0, b"GIF8", "GIF"),
    (4, b"ftypavis", "AVIF"),
    (4, b"ftyphei", "image/heic"),
    (4, b"ftypmif1", "image/heif"),
    (4, b"ftyp", "video/mp4"),
    (4, b"JXL ", "image/jxl"),
    (0, b"\xff\x0a", "image/jxl"),
    (4, b"jP  ", "image/jp2"),
    (0, b"8BPS", "image/vnd.adobe.photoshop"),
    (0, b"\x76\x2f\x31\x01", "image/x-exr"),
    (0, b"%PDF", "application/pdf"),
    (0, b"%!PS", "application/postscript"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
)


def _kind(head: bytes) -> str:
    """Names what a file is from its first bytes: one of `_PICTURES`, or a media type."""
    if head[4:8] == b"ftyp" and b"avif" in head[8:40]:  # the main brand, or one that it is compatible with
        return "AVIF"
    for offset, signature, name in _SIGNATURES:
        if head[offset : offset + len(signature)] == signature:
            return name
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "text/html"
    if text.startswith((b"<svg", b"<?xml")):
        return "image/svg+xml" if b"<svg" in text else "text/xml"
    try:
        head[:-3].decode() if len(head) == 4096 else head.decode()  # a full head may end inside a character
    except UnicodeDecodeError:
        return "unknown data"
    return "unknown data" if b"\0" in head else "text/plain"


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Opens a regular file of a bearable size, or raises InputError."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise InputError(f"{path}: is a folder, expected a picture")
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{path}: is not a regular file, expected a picture")
        if status.st_size == 0:
            raise InputError(f"{path}: is empty, expected a picture")
        if status.st_size > MOST_BYTES:
            raise InputError(f"{path}: {status.st_size / 2**30:.1f} GiB, expected at most {MOST_BYTES / 2**30:g} GiB")
        file = path.open("rb")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise InputError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    with file:
        yield file


@contextmanager
def _quiet(say: Say) -> Iterator[None]:
    """Turns the decoders' warnings into notes, lifts Pillow's own pixel limit to ours and hushes OpenCV."""
    with _LOCK, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        limit, level = Image.MAX_IMAGE_PIXELS, cv2.utils.logging.getLogLevel()
        Image.MAX_IMAGE_PIXELS = MOST_PIXELS // 2  # it refuses twice that, in headers, frames and tiles
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit
            cv2.utils.logging.setLogLevel(level)
            for warning in caught:
                say(f"the decoder warns: {str(warning.message).strip().splitlines()[0]}")


def _too_large(path: Path, pixels: int) -> InputError:
    return InputError(f"{path}: {pixels / 1e6:.0f} megapixels, expected at most {MOST_PIXELS / 1e6:.0f}")


# --- decoding -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Decoded:
    """A picture as stored, turned upright.

    Attributes:
        samples: `[H, W, 1 or 3]` uint8, uint16 or floats; grey or RGB.
        alpha: `[H, W]`, same kind, or None.
        premultiplied: whether the samples have been multiplied by alpha.
    """

    samples: Array
    alpha: Array | None = None
    premultiplied: bool = False


def _decode(path: Path, file: BinaryIO, kind: str, say: Say) -> _Decoded:
    if kind == "TIFF":
        tags = _tiff_tags(file)
        if tags[256] * tags[257] > MOST_PIXELS:
            raise _too_large(path, tags[256] * tags[257])
        if tags.get(274, 1) in range(2, 9):
            say("turned upright")  # by Pillow and by OpenCV on their own
        bits, photometric, planes = max(_as_tuple(tags.get(258, 1))), tags.get(262), tags.get(284, 1)
        if (bits, photometric, planes) == (16, 5, 1):
            say("16-bit CMYK, read at 8 bits")  # by Pillow; converting CMYK has no more anyway
        elif bits > 8:
            return _decode_deep_tiff(file, tags, say)
    file.seek(24)
    png_depth = file.read(1)  # in the header, which comes first
    file.seek(0)
    with Image.open(file, formats=[kind.upper()]) as image:
        if kind != "JPEG" and getattr(image, "is_animated", False):
            say("holds several pictures, the first was read")  # of a JPEG the others are previews and depth maps
        image.load()
        profile = image.info.get("icc_profile")
        if kind == "PNG" and png_depth == b"\x10":
            decoded = _in_srgb(_deep_png(file, image.info.get("transparency")), profile, say)
        else:
            decoded = _decode_shallow(image, profile, say)
        try:
            turn = image.getexif().get(274, 1)  # after loading: Pillow has turned TIFF by then, and removed the tag
        except Exception:  # as of any other hostile data
            say("its EXIF data is broken: ignored")
            turn = 1
    return _upright(decoded, turn, say)


def _decode_shallow(image: Image.Image, profile: bytes | None, say: Say) -> _Decoded:
    """What Pillow holds in full: 8 bits and less, with the rest of what is mapped to that."""
    if image.mode.startswith(("I", "F")):
        raise ValueError(f"pixels of the kind {image.mode} are not supported")
    alpha = None
    if image.has_transparency_data:
        if image.mode in ("LA", "La"):
            image = image.convert("LA")
            alpha, image = np.asarray(image.getchannel("A")), image.getchannel("L")
        else:
            full = image if image.mode == "RGBA" else image.convert("RGBA")
            alpha = np.asarray(full.getchannel("A"))
            image = image if image.mode in ("1", "L") else full
    if image.mode not in ("L", "CMYK", "LAB"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    return _Decoded(_as_samples(_converted(image, profile, say)), alpha)


def _deep_png(file: BinaryIO, transparent: int | tuple[int, ...] | None) -> _Decoded:
    """Samples of a 16-bit PNG; one colour may stand for transparent."""
    decoded = _through_opencv(file)
    if decoded.alpha is None and transparent is not None:
        differs = (decoded.samples != np.array(transparent, np.uint16)).any(axis=2)
        decoded = replace(decoded, alpha=differs.astype(np.uint16) * np.uint16(65535))
    return decoded


def _decode_deep_tiff(file: BinaryIO, tags: Any, say: Say) -> _Decoded:
    bits = set(_as_tuple(tags.get(258, 1)))
    floats = set(_as_tuple(tags.get(339, 1))) == {3}
    integers = set(_as_tuple(tags.get(339, 1))) == {1}
    layout = (tags.get(262), tags.get(277, 1))  # photometric interpretation, samples per pixel
    known = layout in ((1, 1), (2, 3), (2, 4)) or (layout == (0, 1) and integers)
    depth = (integers and bits == {16}) or (floats and bits in ({32}, {64}))
    if not known or not depth or tags.get(284, 1) != 1:  # OpenCV garbles separate planes
        kind = "floats" if floats else "integers"
        raise ValueError(f"TIFF of {tags.get(277, 1)} channels of {max(bits)}-bit {kind} in this layout not supported")
    decoded = _through_opencv(file)
    extra = _as_tuple(tags.get(338, 0))[0]
    if tags.get(262) == 0:  # 0 is white
        decoded = replace(decoded, samples=65535 - decoded.samples)
    if extra not in (1, 2):
        if decoded.alpha is not None:
            say("its fourth channel is not marked as alpha and was dropped")
        decoded = replace(decoded, alpha=None)
    return _in_srgb(replace(decoded, premultiplied=extra == 1), tags.get(34675), say)


def _through_opencv(file: BinaryIO) -> _Decoded:
    """Samples at full depth; TIFF comes upright, PNG as stored."""
    file.seek(0)
    pixels = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype == np.uint8:
        raise ValueError("the pixels are cut short or damaged")
    if pixels.ndim == 2:
        return _Decoded(pixels[..., None])
    return _Decoded(pixels[..., 2::-1], pixels[..., 3] if pixels.shape[2] == 4 else None)


def _tiff_tags(file: BinaryIO) -> Any:
    """The tags of the first page: Pillow does not open TIFF of RGB floats, so its tags have to be read before."""
    file.seek(0)
    header = file.read(8)
    if header[2] == 43 or header[3] == 43:  # BigTIFF
        header += file.read(8)
    tags = TiffImagePlugin.ImageFileDirectory_v2(header)
    file.seek(tags.next)
    tags.load(file)
    if 256 not in tags or 257 not in tags:
        raise struct.error("it states no size")
    return tags


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _as_samples(image: Image.Image) -> Array:
    pixels = np.asarray(image)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _upright(decoded: _Decoded, turn: object, say: Say) -> _Decoded:
    """Undoes the EXIF orientation `turn`, 1 to 8, by views."""
    turned: dict[object, Callable[[Array], Array]] = {
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: np.rot90(a, 1),
    }
    if turn not in turned:
        return decoded
    say("turned upright")
    alpha = None if decoded.alpha is None else turned[turn](decoded.alpha)
    return replace(decoded, samples=turned[turn](decoded.samples), alpha=alpha)


# --- colour ---------------------------------------------------------------------------------------------------------


def _converted(image: Image.Image, profile: bytes | None, say: Say) -> Image.Image:
    """Converts L, RGB, CMYK or LAB by its ICC profile; returns sRGB, or L where grey needs no conversion."""
    plain = image if image.mode in ("L", "RGB") else None
    if image.mode == "LAB":
        return _applied(_transform(ImageCms.createProfile("LAB"), "LAB"), image)
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            space = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}.get(source.profile.xcolor_space.strip())
            if image.mode == "L" and space == "RGB":
                image = image.convert("RGB")
            if space != image.mode:
                say(f"its colour profile is for {source.profile.xcolor_space.strip()}, not {image.mode}: ignored")
            else:
                transform = _transform(source, image.mode)
                if plain and _changes_nothing(transform, image.mode):
                    return plain
                say(f"colour profile {ImageCms.getProfileDescription(source).strip()!r} converted to sRGB")
                return _applied(transform, image)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            say("its colour profile is broken: ignored")
    if plain:
        return plain
    say("CMYK without a usable colour profile: colours are approximate")
    return image.convert("RGB")


def _transform(source: ImageCms.ImageCmsProfile | ImageCms.core.CmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
    if mode == "L":  # optimised tables are off by up to 10/255 in dark greys; 256 values need none
        flags |= ImageCms.Flags.NOOPTIMIZE
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB", intent, flags)


def _applied(transform: ImageCms.ImageCmsTransform, image: Image.Image) -> Image.Image:
    if image.mode == "L":
        ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
        table = np.asarray(ImageCms.applyTransform(ramp, transform))[0]
        return Image.fromarray(table[np.asarray(image)])
    return ImageCms.applyTransform(image, transform) or image  # None only when it works in place


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether a transform of L or RGB moves no colour by more than 1/255, as other makers' sRGB profiles do."""
    steps = np.arange(0, 256, 15, dtype=np.uint8)
    probe = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    image = Image.fromarray(probe if mode == "RGB" else probe[..., 0].copy())
    before = np.asarray(image.convert("RGB")).astype(int)
    return bool(np.abs(np.asarray(_applied(transform, image)) - before).max() <= 1)


def _in_srgb(decoded: _Decoded, profile: bytes | None, say: Say) -> _Decoded:
    """Converts deep samples by their profile, at 8 bits: Pillow's colour management has no more. sRGB stays deep."""
    if not profile:
        return decoded
    samples = decoded.samples
    if np.issubdtype(samples.dtype, np.floating):
        say("its colour profile is ignored: floats are taken for sRGB")
        return decoded
    shallow = ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(shallow[..., 0] if samples.shape[2] == 1 else shallow))
    converted = _converted(image, profile, say)
    if converted is image:
        return decoded
    say("16 bits were cut to 8 to convert its colour profile")
    return replace(decoded, samples=_as_samples(converted))


def _finished(decoded: _Decoded, canvas: tuple[float, float, float], say: Say) -> Array:
    """Lays a picture over the canvas colour; `[H, W, 3]` float32."""
    height, width = decoded.samples.shape[:2]
    out = np.empty((height, width, 3), np.float32)
    under = np.asarray(canvas, np.float32)
    laid = False
    for top in range(0, height, _BAND):
        band = slice(top, top + _BAND)
        out[band] = _unit(decoded.samples[band], say)
        if decoded.alpha is None:
            continue
        alpha = _unit(decoded.alpha[band], say)[..., None]
        if alpha.min() < 1:
            laid = True
            if not decoded.premultiplied:
                out[band] *= alpha
            out[band] += (1 - alpha) * under
            np.clip(out[band], 0, 1, out=out[band])
    if laid:
        say("transparent parts laid over the canvas colour")
    return out


def _unit(values: Array, say: Say) -> Array:
    """Integers over their range, or floats as they are, as float32 in [0, 1]."""
    if np.issubdtype(values.dtype, np.integer):
        return values.astype(np.float32) / np.float32(np.iinfo(values.dtype).max)
    if not np.isfinite(values).all():
        raise ValueError("it holds NaN or infinity")
    if values.min() < 0 or values.max() > 1:
        say("values outside 0 to 1 clipped")
    return np.clip(values, 0, 1).astype(np.float32)


# --- writing --------------------------------------------------------------------------------------------------------

_WRITERS = {
    ".png": ("PNG", 2**31 - 1),
    ".jpg": ("JPEG", 65500),
    ".jpeg": ("JPEG", 65500),
    ".webp": ("WEBP", 16383),
    ".tif": ("TIFF", 2**31 - 1),
    ".tiff": ("TIFF", 2**31 - 1),
}
"""Extension: format and the longest side that it holds, in pixels."""


@cache
def _srgb_profile() -> bytes:
    """An sRGB profile of some 600 bytes; its date of creation is fixed, so that files repeat to the byte."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(profile)


def _srgb_chunk() -> PngImagePlugin.PngInfo:
    chunks = PngImagePlugin.PngInfo()
    chunks.add(b"sRGB", b"\0")  # perceptual intent
    return chunks
