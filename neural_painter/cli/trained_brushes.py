"""The brush that `train_renderer.py` is to train: one that is known, that of a Python file, or of a picture."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neural_painter.cli.brushes import chosen_brush
from neural_painter.cli.course import Course
from neural_painter.cli.options import MOST_PIXELS
from neural_painter.configs import expect
from neural_painter.errors import InputError, OutputError, UsageError
from renderers import own_brushes
from renderers.brushes import project_names

if TYPE_CHECKING:
    import numpy as np

    from renderers.brush import Brush

NEEDED = 4096
"""Long side in pixels of a picture that is looked at, at most."""

LAID_OVER = "laid over the canvas"
"""Part of a note that says nothing of a brush: what it was laid over is taken off again."""

PICTURED = {"steps": 600, "supersample": 2}
"""How brushes of pictures are trained unless asked otherwise: they are smooth already, and nobody waits long."""


@dataclass(frozen=True)
class Wanted:
    """What is to be trained.

    Attributes:
        name: of the brush.
        folder: where weights and card go.
        load: gives the brush; slow.
        base: how it is trained unless asked otherwise.
        picture: the picture that is kept, and what the card says of it; None where there is none.
    """

    name: str
    folder: Path
    load: Callable[[], Brush]
    base: dict[str, Any] = field(default_factory=dict)
    picture: tuple[bytes, dict[str, Any]] | None = None


def add_wanted(parser: argparse.ArgumentParser) -> None:
    """Which brush."""
    known = ", ".join(project_names())
    parser.add_argument(
        "--brush", metavar="BRUSH", help=f"which to imitate: {known}, or a Python file that defines one"
    )
    parser.add_argument(
        "--brush-image",
        type=Path,
        metavar="PICTURE",
        help="make a brush of your own: of a dab or a stroke with transparency, or a scan of a dark one on white paper",
    )
    parser.add_argument("--name", metavar="NAME", help="what a brush of your own is called; a plain word")
    parser.add_argument(
        "--brushes",
        type=Path,
        metavar="FOLDER",
        help=f"where your own brushes are kept (default: what {own_brushes.VARIABLE} says, or your folder of data)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a brush of your own of that name")


def wanted(course: Course) -> Wanted:
    """Which brush the options ask for.

    Raises:
        UsageError: none, two, or a name that no brush of one's own may have.
        InputError: a file that is not there, or holds no brush.
        OutputError: there is a brush of that name.
    """
    options = course.options
    if options.brush_image is None:
        return _known(course)
    if options.brush is not None:
        raise UsageError("--brush-image: makes a brush of its own, which --name names; --brush is one that is there")
    name = options.name
    if name is None:
        raise UsageError("--name: what is the brush to be called?", hint="Add --name WORD")
    expect(own_brushes.is_plain(name), "--name", name, "a plain word: letters, digits and underscores")
    if name in project_names():
        raise UsageError(f"--name: {name} is a brush of the project", hint="Choose another name.")
    own_brushes.use_folder(options.brushes)
    place = own_brushes.place(name)
    if name in own_brushes.names() and not options.overwrite:
        raise OutputError(f"{place}: there is a brush of that name", hint="Choose another name, or pass --overwrite.")
    return _pictured(course, name, place)


def _known(course: Course) -> Wanted:
    from renderers.brushes import brush

    options = course.options
    if options.brush is None:
        raise UsageError("the following arguments are required: --brush, or --brush-image with --name")
    if options.name is not None:
        raise UsageError("--name: goes with --brush-image")
    name = chosen_brush(course)
    assert name is not None
    if name in project_names():
        from renderers.weights import folder

        return Wanted(name, options.output or folder(), lambda: brush(name))
    if name in own_brushes.names():
        raise UsageError(f"--brush: {name} is made of a picture", hint="--brush-image makes it anew, with --overwrite.")
    return Wanted(name, options.output or brush(name).weights or Path(), lambda: brush(name))


def _pictured(course: Course, name: str, place: Path) -> Wanted:
    from renderers.pictured import brush_of, is_stroke, picture_bytes
    from renderers.pictured.preparing import PictureError, prepared

    path, notes = course.options.brush_image, list[str]()
    pixels, alpha = _read(path, notes)
    try:
        picture, changed = prepared(pixels, alpha)
    except PictureError as error:
        raise InputError(f"{path}: {error}") from None
    kind = "stroke" if is_stroke(picture) else "dab"
    height, width = picture.shape[:2]
    notes = [note for note in notes if LAID_OVER not in note]
    course.tell(*notes, *(f"{path.name}: {words}" for words in changed))
    course.tell(f"{path.name}: {width}x{height} pixels of it are seen, and make a {kind}")
    data = picture_bytes(picture)
    brush = brush_of(name, data)
    about = {"sha256": brush.picture, "kind": kind, "width": width, "height": height, "made_of": path.name}
    return Wanted(name, course.options.output or place, lambda: brush, PICTURED, (data, about))


def _read(path: Path, notes: list[str]) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels that are not multiplied by alpha, and alpha where there is any."""
    import numpy as np

    from neural_painter.images import read_picture

    found = read_picture(path, notes=notes, max_pixels=MOST_PIXELS, needed=NEEDED)
    if found.alpha is None:
        return found.pixels, None
    alpha = found.alpha[..., None]
    return (found.pixels - (1 - alpha)) / np.maximum(alpha, 1e-3), found.alpha
