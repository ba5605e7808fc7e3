"""Writes a painting in whatever form its file name asks for."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from neural_painter.errors import UsageError
from neural_painter.export.finish import FLAT, Finish
from neural_painter.export.wishes import DURATION, FPS, HOLD, Wishes
from neural_painter.files import check_output

if TYPE_CHECKING:
    import numpy as np

    from neural_painter.images import Metadata
    from neural_painter.journal import Journal
    from neural_painter.strokes import StrokeDocument

    Array = np.ndarray

EXPORTERS = {
    ".png": ("picture", "picture"),
    ".jpg": ("picture", "picture"),
    ".jpeg": ("picture", "picture"),
    ".webp": ("picture", "picture"),
    ".tif": ("picture", "picture"),
    ".tiff": ("picture", "picture"),
    "-height.png": ("height map", "heights"),
    "-normal.png": ("normal map", "heights"),
    ".svg": ("vector graphics", "svg"),
    ".ora": ("layers", "openraster"),
    ".mp4": ("animation", "animation"),
    ".gif": ("animation", "animation"),
    ".anim.webp": ("animation", "animation"),
    ".json": ("stroke document", "document"),
    ".json.gz": ("stroke document", "document"),
    ".npz": ("stroke document", "document"),
}
"""What a file name's end asks for, and the module here whose `export(path, document, wishes)` writes it. Modules are
loaded when they are wanted, so that names can be checked without waiting for numba.

A .webp is a still picture, an animation where its name ends in .anim.webp; a .png likewise the heights of the paint or
their normals."""

SUPPORTED = {end: kind for end, (kind, _) in EXPORTERS.items()}
"""What a file name's end asks for."""


def kind(path: Path | str) -> str:
    """What SUPPORTED says of the file name's end; raises UsageError, naming all of them, where it says nothing."""
    return SUPPORTED[_end(path)]


def _end(path: Path | str) -> str:
    name = Path(path).name.lower()
    for end in sorted(EXPORTERS, key=len, reverse=True):
        if name.endswith(end) and name != end:
            return end
    raise UsageError(f"{path}: unknown kind of file", hint=f"Supported: {', '.join(EXPORTERS)}")


def save(
    path: Path | str,
    document: StrokeDocument,
    size: tuple[int, int] | None = None,
    *,
    duration: float = DURATION,
    fps: float = FPS,
    hold: float = HOLD,
    overwrite: bool = True,
    metadata: Metadata | None = None,
    journal: Journal | None = None,
    picture: Array | None = None,
    finish: Finish = FLAT,
    transparent: bool = False,
) -> None:
    """Writes a painting as a picture, vector graphics, animation, relief or stroke document, as the file name asks.

    Args:
        path: its end decides, see SUPPORTED.
        document: the painting.
        size: (height, width) in pixels, the photo's where None. A stroke document has none.
        duration: seconds of painting in an animation.
        fps: frames a second in an animation.
        hold: seconds for which an animation shows the finished painting.
        overwrite: whether a file that exists may be replaced.
        metadata: what a picture tells besides its pixels; left out elsewhere.
        journal: keeps what is painted of a picture or animation while that lasts, and has what an earlier run has left.
        picture: the paint `[H, W, 3]` of this document in this size, flat, where it is there already.
        finish: how pictures and animations show the paint.
        transparent: whether a picture leaves the canvas out; only pictures can, but not JPEG.

    Raises:
        UsageError: an end that is not supported, a number out of its range, or heights where the paint lies flat.
        OutputError: the file exists and `overwrite` is false, or cannot be written.
    """
    path = Path(path)
    _, module = EXPORTERS[_end(path)]
    check_output(path, overwrite=overwrite)
    size = size or document.size
    wishes = Wishes(size, duration, fps, hold, overwrite, metadata, journal, picture, finish, transparent)
    import_module(f"{__name__}.{module}").export(path, document, wishes)
