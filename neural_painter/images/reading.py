"""Reads pictures: checks what a file is, has it decoded within limits, and lays it over the canvas."""

import io
import logging
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import cv2
from PIL import Image

from neural_painter.errors import InputError
from neural_painter.files import HEAD, kind_of, opened
from neural_painter.images import heif
from neural_painter.images.decoding import JPEG_SIDE, decode, too_large
from neural_painter.images.endings import CUT_SHORT, completed, ends_early
from neural_painter.images.metadata import Metadata, metadata_of
from neural_painter.images.pixels import Array
from neural_painter.images.stored import Say, Stored, laid_over
from neural_painter.kinds import recognised

Colour = tuple[float, float, float]

MOST_PIXELS = 200_000_000
"""Pictures of more pixels are refused before they are decoded: at 12 bytes a pixel they would need 2.4 GB."""

MOST_BYTES = 2**30
"""Larger files are refused unread."""

SUPPORTED = "Supported: JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF, HEIC"

_KINDS = frozenset({"JPEG", "PNG", "WebP", "TIFF", "BMP", "GIF", "AVIF"})
_LOCK = threading.RLock()  # warning filters, Pillow's pixel limit and OpenCV's log level are global


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture that was read.

    Attributes:
        pixels: `[H, W, 3]` float32 in [0, 1], sRGB, upright, laid over the canvas.
        alpha: `[H, W]` float32 in [0, 1], or None where everything is opaque.
        size: `(height, width)` of the picture in the file, upright, in pixels; `pixels` may be a reduction.
        metadata: what it says of itself and is worth keeping.
    """

    pixels: Array
    alpha: Array | None
    size: tuple[int, int]
    metadata: Metadata


def read_picture(
    path: str | Path,
    *,
    canvas: Colour = (1.0, 1.0, 1.0),
    notes: list[str] | None = None,
    max_pixels: int = MOST_PIXELS,
    needed: int | None = None,
) -> Picture:
    """Reads a picture as it is meant to be seen: upright, in sRGB, transparent parts laid over the canvas colour.

    16-bit PNG and TIFF keep their depth unless a colour profile has to be converted. Of an animation the first frame is
    read. PNG's gAMA and cHRM are ignored, as most viewers do; floats are taken for sRGB; AVIF and HEIC are read at
    8 bits.

    Args:
        path: the file; its content decides what it is, not its name.
        canvas: colour under transparent parts, sRGB in [0, 1].
        notes: one sentence is appended for each thing that was changed, dropped or guessed.
        max_pixels: pictures of more pixels are refused before they are decoded.
        needed: long side in pixels that will be used; a picture of at least twice that is reduced while it is read, to
            no less than that. A JPEG is decoded at the reduced size, and it is that size which `max_pixels` limits.

    Raises:
        InputError: missing, a folder, empty, not a picture, damaged, of an unsupported kind, or beyond `max_pixels` or
            `MOST_BYTES`.
    """
    return _read(Path(path), canvas, notes, max_pixels, needed, keep=True)


def read_image(
    path: str | Path,
    *,
    canvas: Colour = (1.0, 1.0, 1.0),
    notes: list[str] | None = None,
    max_pixels: int = MOST_PIXELS,
) -> Array:
    """Reads a picture as `read_picture` does, at full size, and gives its pixels only.

    Args:
        path: the file; its content decides what it is, not its name.
        canvas: colour under transparent parts, sRGB in [0, 1].
        notes: one sentence is appended for each thing that was changed, dropped or guessed.
        max_pixels: pictures of more pixels are refused before they are decoded.

    Returns:
        `[H, W, 3]` float32 in [0, 1], C-contiguous.

    Raises:
        InputError: missing, a folder, empty, not a picture, damaged, of an unsupported kind, or beyond `max_pixels` or
            `MOST_BYTES`.
    """
    return _read(Path(path), canvas, notes, max_pixels, None, keep=False).pixels


def _read(
    path: Path, canvas: Colour, notes: list[str] | None, max_pixels: int, needed: int | None, *, keep: bool
) -> Picture:
    def say(sentence: str) -> None:
        line = f"{path.name}: {sentence}"
        if notes is not None and line not in notes:
            notes.append(line)

    with opened(path, "a picture", most=MOST_BYTES) as file:
        head = file.read(HEAD)
        kind = kind_of(head)
        if kind in heif.KINDS:
            heif.check_installed(path)
            kind = "HEIC"
        elif kind not in _KINDS:
            other = None if kind.startswith("image/") else recognised(head, path)
            if other and other.hint:
                raise InputError(f"{path}: is {other.what}, expected a picture", hint=other.hint)
            raise InputError(f"{path}: not a picture (found: {kind})", hint=SUPPORTED)
        try:
            with _quiet(say, most=JPEG_SIDE**2 if kind == "JPEG" and needed else max_pixels):
                stored, info = _decoded(path, file, kind, say, max_pixels, needed)
                pixels, alpha = laid_over(stored, canvas, needed, say, keep_alpha=keep)
                return Picture(
                    pixels, alpha, stored.upright_size, _metadata(file, kind, info, say) if keep else Metadata()
                )
        except (InputError, MemoryError):
            raise
        except Image.DecompressionBombError as error:
            pixels_stated = re.search(r"\d+", str(error))  # Pillow states how many
            raise too_large(path, int(pixels_stated[0]) if pixels_stated else max_pixels + 1, max_pixels) from error
        except Exception as error:  # on hostile files decoders raise nearly anything
            reason = "its header makes no sense" if isinstance(error, Image.UnidentifiedImageError) else f"{error}"
            reason = reason.strip().splitlines()[0] if reason.strip() else type(error).__name__
            raise InputError(
                f"{path}: cannot be read as {kind} ({reason})",
                hint="The file is damaged, cut short or of a rare kind; if other programs open it, save it as PNG.",
            ) from error


def _decoded(
    path: Path, file: BinaryIO, kind: str, say: Say, max_pixels: int, needed: int | None
) -> tuple[Stored, dict[Any, Any]]:
    """Decodes a file; if it lacks no more than its last bytes, with a note."""
    try:
        stored = decode(path, file, kind, say, max_pixels=max_pixels, needed=needed)
        early = ends_early(file, kind)
    except (InputError, MemoryError, Image.DecompressionBombError):
        raise
    except Exception:
        whole = completed(file, kind, max_pixels)
        if whole is None:
            raise
        stored, early = decode(path, io.BytesIO(whole), kind, say, max_pixels=max_pixels, needed=needed), True
    if early:
        say(CUT_SHORT)
    return stored


def _metadata(file: BinaryIO, kind: str, info: dict[Any, Any], say: Say) -> Metadata:
    """What a picture says of itself; it never keeps the picture from being read."""
    try:
        return metadata_of(file, kind, info)
    except Exception:
        say("what it says of itself is broken: ignored")
        return Metadata()


@contextmanager
def _quiet(say: Say, *, most: int) -> Iterator[None]:
    """Turns the decoders' warnings into notes, sets Pillow's own limit of pixels to ours, hushes its log and OpenCV."""
    log = logging.getLogger("PIL")
    with _LOCK, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        limit, level, loud = Image.MAX_IMAGE_PIXELS, cv2.utils.logging.getLogLevel(), log.level
        Image.MAX_IMAGE_PIXELS = -(-most // 2)  # it refuses twice that, in headers, frames and tiles
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        log.setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit
            cv2.utils.logging.setLogLevel(level)
            log.setLevel(loud)
            for warning in caught:
                say(f"the decoder warns: {str(warning.message).strip().splitlines()[0]}")
