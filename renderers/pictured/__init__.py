"""Brushes made from pictures: a stroke whose body stretches, or a dab that is swept along."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from renderers import own_brushes
from renderers.brush import Brush, Parameter
from renderers.pictured.looks import aspect_of, compiled_look
from renderers.pictured.preparing import LEAST_SIDE
from renderers.pictured.pyramids import MOST_COLUMNS, MOST_ROWS, Picture, pyramid

STROKE_RATIO = 1.6
"""Length / width of a picture from which it is one stroke; below, it is a dab."""

SHORTEST, LONGEST = 6.0, 10.0
"""Aspect up to which strokes of a picture may be drawn: its own length / width, within these."""

MOST_BYTES = 16 * 2**20
"""Of a card and of a picture that is kept; it has four megabytes unpacked at most."""


class BrushError(Exception):
    """A brush of the user's own that is damaged.

    Attributes:
        exit_status: how the command line leaves.
        hint: what to do.
    """

    exit_status = 3

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def is_stroke(picture: Picture) -> bool:
    """Whether a picture is taken for a stroke, or for a dab."""
    return picture.shape[1] >= STROKE_RATIO * picture.shape[0]


def picture_bytes(picture: Picture) -> bytes:
    """The picture as a PNG of grey and alpha."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture[..., ::-1]), "LA").save(file, "PNG", optimize=True)
    return file.getvalue()


def brush_of(name: str, data: bytes, weights: Path | None = None) -> Brush:
    """The brush of a picture as `picture_bytes` writes it.

    Args:
        name: what the command line calls it.
        data: of the picture's file.
        weights: the folder of the trained weights.

    Raises:
        BrushError: the file holds no such picture.
    """
    made = _made(name, data, hashlib.sha256(data).hexdigest())
    return replace(made, weights=weights)


def read_brush(name: str) -> Brush:
    """The user's own brush of that name.

    Raises:
        BrushError: its files are not there, or damaged, or do not belong together.
    """
    place = own_brushes.place(name)
    card = _read(name, place / f"{name}.json")
    try:
        digest = json.loads(card)["picture"]["sha256"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise _damaged(name, f"{name}.json is not the card of a brush") from None
    data = _read(name, place / f"{name}.png")
    if hashlib.sha256(data).hexdigest() != digest:
        raise _damaged(name, f"{name}.png is not the picture that its card describes (sha256 differs)")
    return brush_of(name, data, place)


def _read(name: str, path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise _damaged(name, f"{path.name} cannot be read ({error.strerror})") from error
    if len(data) > MOST_BYTES:
        raise _damaged(name, f"{path.name} is larger than any of ours")
    return data


def _damaged(name: str, problem: str) -> BrushError:
    return BrushError(f"brush {name} is damaged: {problem}", hint=f"To mend it, {own_brushes.missing(name)}")


@lru_cache(maxsize=8)
def _made(name: str, data: bytes, digest: str) -> Brush:
    """Compiled once for each picture: exports ask for a brush again and again."""
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            width, height = image.size
            fits = LEAST_SIDE <= height <= MOST_ROWS and height <= width <= MOST_COLUMNS
            if image.mode != "LA" or not fits:
                raise ValueError(f"{width}x{height} pixels of {image.mode}")
            picture = np.asarray(image)[..., ::-1]
    except Exception as error:  # on hostile files decoders raise nearly anything
        raise _damaged(name, f"{name}.png is not the picture of a brush") from error
    return _pictured(name, picture, digest)


def _pictured(name: str, picture: Picture, digest: str) -> Brush:
    ratio = picture.shape[1] / picture.shape[0]
    # Rounded as a card holds them, whose ranges must be those of the brush.
    low = 1.0 if is_stroke(picture) else round(max(1.0, aspect_of(ratio)), 3)
    high = round(min(max(ratio, SHORTEST), LONGEST), 3)
    point, relief = compiled_look(pyramid(picture), ratio, is_stroke(picture))
    return Brush(
        name=name,
        shape=(
            Parameter("aspect", low, high, "half length / half width", max(2.5, low), "follows from the placement"),
            Parameter("bend", -0.35, 0.35, "half widths", 0.0, "how far the middle of the stroke bows out"),
        ),
        colours=2,
        opacity=Parameter("opacity", 0.7, 1.0, "1", 1.0, "scales the picture's own alpha"),
        point=point,
        relief=relief,
        about=f"your own: {'a stroke' if is_stroke(picture) else 'a dab'} out of a picture",
        picture=digest,
    )
