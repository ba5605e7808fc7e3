"""A picture as it lies in its file, and how it is laid over the canvas: in bands, so that the only large array of
floats is the result, and that only as large as what will be used of it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from neural_painter.images.pixels import Array

Say = Callable[[str], None]

BAND = 256
"""Rows that are converted to floats at a time, about."""


@dataclass(frozen=True)
class Stored:
    """A picture as stored, decoded.

    Attributes:
        size: `(height, width)` of what `rows` yields, in pixels.
        rows: samples `[n, W, 1 or 3]` of rows from the first to before the second number, grey or RGB, as uint8, uint16
            or floats; and alpha `[n, W]` of the same kind, or None.
        full: `(height, width)` of the picture in the file, where `size` is a reduction.
        premultiplied: whether the samples have been multiplied by alpha.
        turn: EXIF's orientation; anything but 2 to 8 is upright.
    """

    size: tuple[int, int]
    rows: Callable[[int, int], tuple[Array, Array | None]]
    full: tuple[int, int]
    premultiplied: bool = False
    turn: object = 1

    @property
    def upright_size(self) -> tuple[int, int]:
        """`(height, width)` of the full picture as it is seen."""
        return self.full[::-1] if self.turn in (5, 6, 7, 8) else self.full


def of_arrays(samples: Array, alpha: Array | None) -> Stored:
    """What is wholly in memory: samples `[H, W, 1 or 3]`, alpha `[H, W]` or None."""
    size = samples.shape[:2]

    def rows(top: int, bottom: int) -> tuple[Array, Array | None]:
        return samples[top:bottom], None if alpha is None else alpha[top:bottom]

    return Stored(size, rows, size)


def factor_of(size: tuple[int, int], needed: int | None) -> int:
    """How many pixels a side become one, so that the long side keeps at least `needed`."""
    return max(1, max(size) // needed) if needed else 1


def laid_over(
    stored: Stored, canvas: tuple[float, float, float], needed: int | None, say: Say, *, keep_alpha: bool
) -> tuple[Array, Array | None]:
    """Lays a picture over the canvas colour.

    Args:
        stored: the picture.
        canvas: sRGB in [0, 1].
        needed: the long side that will be used, in pixels: where there are at least twice as many, each square of
            them becomes its mean.
        say: is told of what is changed.
        keep_alpha: whether alpha is wanted.

    Returns:
        `[H, W, 3]` and, where it is wanted and anything is transparent, `[H, W]`, float32 in [0, 1], C-contiguous.
    """
    height, width = stored.size
    factor = factor_of(stored.size, needed)
    small = (-(-height // factor), -(-width // factor))
    out, fill = _upright_array((*small, 3), stored.turn, say)
    alpha_out, alpha_fill = None, None
    under = np.asarray(canvas, np.float32)
    band = max(1, BAND // factor) * factor
    for top in range(0, height, band):
        samples, alpha = stored.rows(top, min(height, top + band))
        place = slice(top // factor, -(-min(height, top + band) // factor))
        colour = fill[place] if factor == 1 else np.empty((*samples.shape[:2], 3), np.float32)
        colour[...] = _unit(samples, say)
        if alpha is not None:
            alpha = _unit(alpha, say)
            if alpha.min() < 1:
                say("transparent parts laid over the canvas colour")
                _blend(colour, alpha, under, stored.premultiplied)
                if keep_alpha and alpha_fill is None:  # only now is it known that there is any
                    alpha_out, alpha_fill = _upright_array(small, stored.turn)
                    alpha_fill[...] = 1
            if alpha_fill is not None:
                alpha_fill[place] = _reduced(alpha, factor, small[1])
        if factor > 1:
            fill[place] = _reduced(colour, factor, small[1])
    return out, alpha_out


def _blend(colour: Array, alpha: Array, under: Array, premultiplied: bool) -> None:
    """Lays a band over a colour, in place."""
    if not premultiplied:
        colour *= alpha[..., None]
    colour += (1 - alpha[..., None]) * under
    np.clip(colour, 0, 1, out=colour)


def _reduced(band: Array, factor: int, width: int) -> Array:
    """The means of a band's squares; the last ones may be cut by the picture's border."""
    if factor == 1:
        return band
    return cv2.resize(band, (width, -(-band.shape[0] // factor)), interpolation=cv2.INTER_AREA)


def _upright_array(shape: tuple[int, ...], turn: object, say: Say | None = None) -> tuple[Array, Array]:
    """An array for the picture as it is seen, and a view of it that is filled with the picture as it is stored."""
    if turn not in _TURNS:
        out = np.empty(shape, np.float32)
        return out, out
    if say:
        say("turned upright")
    out = np.empty((*(shape[1::-1] if turn in (5, 6, 7, 8) else shape[:2]), *shape[2:]), np.float32)
    return out, _TURNS[turn](out)


_TURNS: dict[object, Callable[[Array], Array]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, -1),
}
"""From upright to stored, by EXIF's orientation; all are views."""


def _unit(values: Array, say: Say) -> Array:
    """Integers over their range, or floats as they are, as float32 in [0, 1]."""
    if np.issubdtype(values.dtype, np.integer):
        return values.astype(np.float32) / np.float32(np.iinfo(values.dtype).max)
    empty = np.isnan(values)
    if empty.any():
        say("values that are no numbers (NaN) taken for 0")
        values = np.where(empty, 0, values)
    if values.min() < 0 or values.max() > 1:
        say("values outside 0 to 1 clipped")
    return np.clip(values, 0, 1).astype(np.float32)
