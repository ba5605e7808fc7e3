"""Writes a GIF frame by frame, with a palette for the changes of each: more colours than the 256 of an encoder."""

from collections.abc import Iterable
from typing import BinaryIO

import numpy as np
from PIL import GifImagePlugin, Image

Array = np.ndarray


def write_gif(file: BinaryIO, pictures: Iterable[Array], size: tuple[int, int], fps: float, held: int) -> None:
    """Writes a GIF frame by frame: each holds the pixels that have changed, with a palette of its own for them.

    So the finished picture has many more than 256 colours, still parts do not shimmer, and nothing is held back.
    """
    height, width = size
    file.write(b"GIF89a" + width.to_bytes(2, "little") + height.to_bytes(2, "little") + b"\x70\0\0")
    file.write(b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0")
    waiting: tuple[Image.Image, tuple[int, int]] | None = None
    shown: Array | None = None
    since = 0
    number = 0
    for number, picture in enumerate(pictures):
        if picture is shown:
            continue
        change = _change(picture, shown)
        shown = picture
        if change is None:
            continue
        if waiting:
            _write_gif_frame(file, *waiting, round(100 * number / fps) - since)
            since = round(100 * number / fps)
        waiting = change
    assert waiting is not None
    _write_gif_frame(file, *waiting, round(100 * (number + 1 + held) / fps) - since)
    file.write(b";")


def _change(picture: Array, shown: Array | None) -> tuple[Image.Image, tuple[int, int]] | None:
    """The smallest rectangle that holds all changed pixels, the others transparent, and its left top corner."""
    changed = np.ones(picture.shape[:2], bool) if shown is None else (picture != shown).any(axis=2)
    if not changed.any():
        return None
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    inside = changed[box]
    strip = Image.fromarray(np.ascontiguousarray(picture[box][inside])[None])
    strip = strip.quantize(255, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    index = np.full(inside.shape, 255, np.uint8)
    index[inside] = np.asarray(strip)[0]
    image = Image.fromarray(index, "L")
    palette = (strip.getpalette() or [])[: 255 * 3]
    image.putpalette(palette + [0] * (768 - len(palette)))
    return image, (int(columns[0]), int(rows[0]))


def _write_gif_frame(file: BinaryIO, image: Image.Image, corner: tuple[int, int], hundredths: int) -> None:
    while True:
        time = min(hundredths, 65535)
        # Pillow cuts milliseconds down to hundredths; the 5 guards against a float just below.
        how = {"duration": 10 * time + 5, "transparency": 255, "disposal": 1, "include_color_table": True}
        file.writelines(GifImagePlugin.getdata(image, corner, **how))
        hundredths -= time
        if hundredths == 0:
            return
        image, corner = Image.new("P", (1, 1), 255), (0, 0)  # a longer wait: one more frame, of nothing
        image.putpalette([0] * 768)
