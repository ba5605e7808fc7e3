"""Writes a painting in whatever form its file name asks for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from neural_painter.errors import UsageError
from neural_painter.files import check_output

if TYPE_CHECKING:
    from neural_painter.strokes import StrokeDocument

SUPPORTED = {
    ".png": "picture",
    ".jpg": "picture",
    ".jpeg": "picture",
    ".webp": "picture",
    ".tif": "picture",
    ".tiff": "picture",
    ".svg": "vector graphics",
    ".mp4": "animation",
    ".gif": "animation",
    ".anim.webp": "animation",
    ".json": "stroke document",
    ".json.gz": "stroke document",
    ".npz": "stroke document",
}
"""What a file name's end asks for. A .webp is a still picture, an animation where its name ends in .anim.webp."""


def kind(path: Path | str) -> str:
    """What SUPPORTED says of the file name's end; raises UsageError, naming all of them, where it says nothing."""
    name = Path(path).name.lower()
    for end in sorted(SUPPORTED, key=len, reverse=True):
        if name.endswith(end) and name != end:
            return SUPPORTED[end]
    raise UsageError(f"{path}: unknown kind of file", hint=f"Supported: {', '.join(SUPPORTED)}")


def save(
    path: Path | str,
    document: StrokeDocument,
    size: tuple[int, int] | None = None,
    *,
    duration: float = 10.0,
    fps: float = 30.0,
    hold: float = 2.0,
    overwrite: bool = True,
) -> None:
    """Writes a painting as a picture, vector graphics, animation or stroke document, as the file name asks.

    Args:
        path: its end decides, see SUPPORTED.
        document: the painting.
        size: (height, width) in pixels, the photo's where None. A stroke document has none.
        duration: seconds of painting in an animation.
        fps: frames a second in an animation.
        hold: seconds for which an animation shows the finished painting.
        overwrite: whether a file that exists may be replaced.

    Raises:
        UsageError: an end that is not supported, or a number out of its range.
        OutputError: the file exists and `overwrite` is false, or cannot be written.
    """
    # Loaded here, so that the command line can check names without waiting for numba and torch.
    from neural_painter.export.animation import write_animation
    from neural_painter.export.raster import render
    from neural_painter.export.svg import write_svg
    from neural_painter.images import write_image
    from neural_painter.strokes import write_document

    path = Path(path)
    what = kind(path)
    check_output(path, overwrite=overwrite)
    size = size or document.size
    if what == "picture":
        write_image(path, render(document, size), overwrite=overwrite)
    elif what == "vector graphics":
        write_svg(path, document, size, overwrite=overwrite)
    elif what == "animation":
        write_animation(path, document, size, duration=duration, fps=fps, hold=hold, overwrite=overwrite)
    else:
        write_document(path, document, overwrite=overwrite)
