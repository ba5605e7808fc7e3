"""How high the paint of a painting lies: a height map for printing and carving, and a normal map for game engines."""

from pathlib import Path

import numpy as np

from neural_painter.errors import UsageError
from neural_painter.export.light import STEEP, normals
from neural_painter.export.rendering import BAND_PIXELS, heights_of
from neural_painter.export.wishes import Wishes
from neural_painter.images import write_heights, write_image
from neural_painter.strokes import StrokeDocument
from renderers.brushes import brush as find_brush

Array = np.ndarray

HIGHEST = 2**16 - 1


def export(path: Path, document: StrokeDocument, wishes: Wishes) -> None:
    """Writes NAME-height.png, 16 bits, or NAME-normal.png, whose green is up, as in OpenGL."""
    check_brush(path, document.brush)
    heights = heights_of(document, wishes.size)
    if path.name.lower().endswith("-height.png"):
        most = float(heights.max())
        about = f"height of the paint; {HIGHEST} is {most:.6g} of the long side"
        write_heights(path, _levels(heights, most), about, overwrite=wishes.overwrite)
    else:
        relief = STEEP * (wishes.finish.relief or 1.0)
        write_image(path, _normal_map(heights, relief), overwrite=wishes.overwrite, metadata=wishes.metadata)


def check_brush(path: Path, brush: str) -> None:
    """Raises UsageError where the paint of a brush has no heights that could be written."""
    if find_brush(brush).relief is None:
        raise UsageError(f"{path}: the paint of {brush} lies flat")


def _levels(heights: Array, most: float) -> Array:
    """The heights as 0 to HIGHEST."""
    levels = np.empty(heights.shape, np.uint16)
    for row, own in zip(levels, heights, strict=True):
        row[:] = np.rint(own * (HIGHEST / most)) if most > 0 else 0
    return levels


def _normal_map(heights: Array, relief: float) -> Array:
    """Normals as colours, `[H, W, 3]` uint8; floats are only ever held of one band."""
    height, width = heights.shape
    made = np.empty((height, width, 3), np.uint8)
    step = max(1, BAND_PIXELS // width)
    for top in range(0, height, step):
        above = max(0, top - 1)
        band = normals(heights[above : top + step + 1], relief, max(height, width))[top - above :][:step]
        made[top : top + step] = np.rint(127.5 + 127.5 * band)
    return made
