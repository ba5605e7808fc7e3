"""Pictures as arrays: sizes, numbers, colours. Nothing here opens a file."""

import math
import re

import cv2
import numpy as np
from PIL import ImageColor

from neural_painter.errors import NumericalError, UsageError

Array = np.ndarray


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


LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""How much a colour's channels count for its lightness; Rec. 601."""


def in_greys(picture: Array) -> Array:
    """A picture `[H, W, 3]` float32 without its colours, as light as it is: luma, three times."""
    return cv2.merge([cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)] * 3)  # type: ignore[no-any-return]


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


def pyramid(long_side: int, *, first: int | None = None, scales: int | None = None, least: int = 1) -> tuple[int, ...]:
    """Long sides from coarse to fine, each the square root of two times the one before; the last is `long_side`.

    Either `first` or `scales` says how many.

    Args:
        long_side: of the finest, in pixels.
        first: the coarsest is the largest that does not exceed this.
        scales: how many there are.
        least: coarser ones below this are left out.

    Raises:
        ValueError: both or neither of `first` and `scales` are given, or one is below 1.
    """
    if (first is None) == (scales is None) or min(
        long_side, *(number for number in (first, scales) if number is not None)
    ) < 1:
        raise ValueError(f"expected one of first and scales, at least 1; got {first}, {scales} for {long_side} px")
    if first is not None:  # a hair less, so that a power of the root itself is not taken for more
        scales = 1 + max(0, math.ceil(2 * math.log2(long_side / first) - 1e-6))
    sides = [round(long_side / math.sqrt(2) ** k) for k in range((scales or 1) - 1, 0, -1)]
    return (*(side for side in sides if side >= least), long_side)


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
