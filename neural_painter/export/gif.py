"""Writes a GIF frame by frame, with a palette for the changes of each: more colours than the 256 of an encoder."""

from collections.abc import Iterable, Iterator
from typing import BinaryIO

import numpy as np
from PIL import GifImagePlugin, Image

Array = np.ndarray


SHORTEST = 2
"""Hundredths of a second for which a picture stays; browsers slow down what is shorter."""


def write_gif(file: BinaryIO, pictures: Iterable[Array], size: tuple[int, int], fps: float, held: int) -> None:
    """Writes a GIF of pictures that follow each other evenly; the last is held for so many more of them."""

    def timed() -> Iterator[tuple[Array, int]]:
        number, picture = 0, None
        for number, picture in enumerate(pictures, 1):
            yield picture, round(100 * number / fps)
        assert picture is not None
        yield picture, round(100 * (number + held) / fps)

    write_timed_gif(file, timed(), size)


def write_timed_gif(file: BinaryIO, pictures: Iterable[tuple[Array, int]], size: tuple[int, int]) -> int:
    """Writes a GIF frame by frame: each holds the pixels that have changed, with a palette of its own for them.

    So the finished picture has many more than 256 colours, still parts do not shimmer, and nothing is held back.

    Args:
        file: where to.
        pictures: `[H, W, 3]` uint8, and when each ends, in hundredths of a second from the beginning.
        size: `(height, width)`.

    Returns:
        How many were left out, because they come too soon behind the one before.
    """
    height, width = size
    file.write(b"GIF89a" + width.to_bytes(2, "little") + height.to_bytes(2, "little") + b"\x70\0\0")
    file.write(b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0")
    waiting: tuple[Image.Image, tuple[int, int]] | None = None
    shown: Array | None = None
    since = end = left_out = 0
    for picture, ends in pictures:
        start, end = end, ends
        if picture is shown:
            continue
        if waiting and start - since < SHORTEST:
            left_out += 1
            continue
        change = _change(picture, shown)
        shown = picture
        if change is None:
            continue
        if waiting:
            _write_gif_frame(file, *waiting, start - since)
            since = start
        waiting = change
    assert waiting is not None
    _write_gif_frame(file, *waiting, max(end - since, SHORTEST))
    file.write(b";")
    return left_out


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
