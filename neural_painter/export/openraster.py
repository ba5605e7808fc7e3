"""A painting in layers, from underpainting to details: OpenRaster, which Krita, GIMP and MyPaint open.

Each layer's colours make up for the rounding of those below, so that errors do not add up. What a finish does to the
paint lies on top as two layers of light and shade, one that multiplies and one that adds.

Source: the OpenRaster specification, https://www.openraster.org.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, tostring

import cv2
import numpy as np

from neural_painter.errors import OutputError
from neural_painter.export.easel import Easel
from neural_painter.export.finish import FLAT
from neural_painter.export.rendering import render_bytes, step_of
from neural_painter.export.transparency import Hiding
from neural_painter.export.wishes import Wishes
from neural_painter.files import written_whole
from neural_painter.images import fit_long_side, to_uint8
from neural_painter.series import stage_counts
from neural_painter.strokes import StrokeDocument

Array = np.ndarray

VERSION = "0.0.6"
"""Of OpenRaster."""
THUMBNAIL = 256
"""Long side in pixels, as the format asks."""
OVER, MULTIPLY, PLUS = "svg:src-over", "svg:multiply", "svg:plus"
FAINT = 1 / 510
"""Alpha that is none in eight bits."""
_DAY = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Layer:
    """One layer, bottom first in a list of them.

    Attributes:
        name: what programs call it.
        pixels: `[H, W, 4]` uint8, red first, not multiplied by alpha.
        operator: how it is laid over those below.
    """

    name: str
    pixels: Array
    operator: str = OVER


def export(path: Path, document: StrokeDocument, wishes: Wishes) -> None:
    """Writes the painting in layers, whole or not at all; the same document, size and finish give the same bytes.

    Raises:
        OutputError: it exists and may not be replaced, or cannot be written.
    """
    merged = render_bytes(document, wishes.size, finish=wishes.finish)
    layers, below = painted_layers(document, wishes.size)
    layers += light_layers(below, merged)
    with written_whole(path, overwrite=wishes.overwrite) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        _add(archive, "mimetype", b"image/openraster")
        _add(archive, "stack.xml", _stack(layers, wishes.size))
        for index, layer in enumerate(layers):
            _add(archive, _file(index), _png(layer.pixels))
        _add(archive, "mergedimage.png", _png(merged))
        small = cv2.resize(merged, _thumbnail(wishes.size)[::-1], interpolation=cv2.INTER_AREA)
        _add(archive, "Thumbnails/thumbnail.png", _png(small))


def painted_layers(document: StrokeDocument, size: tuple[int, int]) -> tuple[list[Layer], Array]:
    """The canvas and the paint, a layer for each stage, and what they look like together, `[H, W, 3]` uint8.

    Args:
        document: what to paint.
        size: `(height, width)` in pixels.
    """
    ends = [0, *accumulate(stage_counts(len(document.strokes)))] if len(document.strokes) else [0]
    multiplies = document.find_brush().blend == "multiply"
    below = np.empty((*size, 3), np.uint8)
    below[:] = to_uint8(np.array(document.canvas, np.float32))
    canvas = np.concatenate([below, np.full((*size, 1), 255, np.uint8)], 2)
    layers = [Layer("Canvas", canvas)]
    easel, hiding = Easel(document, size, FLAT), Hiding(document, size, FLAT)
    paints = [np.zeros((*size, 4), np.uint8) for _ in ends[1:]]
    for top, step in _bands(size):
        rows = slice(top, top + step)
        work = easel.bare(step)
        for pixels, (start, stop) in zip(paints, pairwise(ends), strict=True):
            easel.paint(work, start, stop, top=top)
            wanted, under = work.colour, below[rows].astype(np.float32) / 255
            if multiplies:
                pixels[rows] = _shade(wanted, under)
            else:
                pixels[rows] = _paint(wanted, under, hiding(top, step, start, stop))
            below[rows] = laid(below[rows], pixels[rows], MULTIPLY if multiplies else OVER)
    for number, (pixels, (start, stop)) in enumerate(zip(paints, pairwise(ends), strict=True), 1):
        layers.append(Layer(_name(number, len(paints), start, stop), pixels, MULTIPLY if multiplies else OVER))
    return layers, below


def light_layers(below: Array, shown: Array) -> list[Layer]:
    """What turns one picture `[H, W, 3]` uint8 into another: shade that multiplies, and light that is added."""
    if np.abs(shown.astype(np.int16) - below).max(initial=0) <= 1:
        return []
    under = below.astype(np.float32)
    ratio = np.floor(255 * np.minimum(1, shown / np.maximum(under, 1)))
    shade = _opaque(ratio.astype(np.uint8))
    light = np.maximum(0, shown - np.round(under * ratio / 255)).astype(np.uint8)
    return [Layer("Shade and paper", shade, MULTIPLY), Layer("Light", _opaque(light), PLUS)]


def laid(below: Array, pixels: Array, operator: str) -> Array:
    """A layer `[H, W, 4]` laid over an opaque picture `[H, W, 3]`, both uint8; rounded to bytes."""
    colour, alpha = pixels[..., :3].astype(np.float32), pixels[..., 3:].astype(np.float32) / 255
    if operator == PLUS:
        return np.minimum(255, np.round(below + alpha * colour)).astype(np.uint8)
    top = colour * below / 255 if operator == MULTIPLY else colour
    return np.round((1 - alpha) * below + alpha * top).astype(np.uint8)


def _paint(wanted: Array, under: Array, alpha: Array) -> Array:
    """The layer that shows `wanted` where it hides so much of what is below."""
    alpha = to_uint8(np.where(alpha < FAINT, 0, alpha))
    there = np.maximum(alpha, 1)[..., None] / np.float32(255)
    colour = np.clip((wanted - (1 - there) * under) / there, 0, 1)
    return np.dstack([to_uint8(np.where(alpha[..., None] > 0, colour, 0)), alpha])


def _shade(wanted: Array, under: Array) -> Array:
    """The layer that multiplies what is below to what is wanted; as transparent as it can be."""
    ratio = np.clip(wanted / np.maximum(under, FAINT), 0, 1)
    alpha = to_uint8(np.where(ratio.min(2) > 1 - FAINT, 0, 1 - ratio.min(2)))
    there = np.maximum(alpha, 1)[..., None] / np.float32(255)
    colour = np.clip((ratio - (1 - there)) / there, 0, 1)
    return np.dstack([to_uint8(np.where(alpha[..., None] > 0, colour, 0)), alpha])


def _opaque(picture: Array) -> Array:
    return np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])


def _bands(size: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """First row and rows of each band."""
    step = step_of(size)
    for top in range(0, size[0], step):
        yield top, min(step, size[0] - top)


def _name(number: int, layers: int, start: int, stop: int) -> str:
    if layers == 1:
        what = "Paint"
    else:
        what = "Underpainting" if number == 1 else "Details" if number == layers else f"Paint {number}"
    return f"{what}, strokes {start + 1} to {stop}"


def _stack(layers: list[Layer], size: tuple[int, int]) -> bytes:
    """The list of layers, the top one first."""
    image = Element("image", version=VERSION, h=str(size[0]), w=str(size[1]))
    stack = SubElement(image, "stack", name="Painting")
    for index, layer in reversed(list(enumerate(layers))):
        names = {"name": layer.name, "src": _file(index), "x": "0", "y": "0", "opacity": "1.0"}
        SubElement(stack, "layer", names | {"visibility": "visible", "composite-op": layer.operator})
    return b"<?xml version='1.0' encoding='UTF-8'?>\n" + tostring(image)


def _file(index: int) -> str:
    return f"data/layer{index:03}.png"


def _png(pixels: Array) -> bytes:
    order = cv2.COLOR_RGBA2BGRA if pixels.shape[2] == 4 else cv2.COLOR_RGB2BGR
    done, data = cv2.imencode(".png", cv2.cvtColor(pixels, order))
    if not done:
        raise OutputError("a layer cannot be written as PNG")
    return data.tobytes()


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    """Stored as it is: PNG is packed already, and the format wants `mimetype` so."""
    archive.writestr(zipfile.ZipInfo(name, _DAY), data, zipfile.ZIP_STORED)


def _thumbnail(size: tuple[int, int]) -> tuple[int, int]:
    return size if max(size) <= THUMBNAIL else fit_long_side(*size, THUMBNAIL)
