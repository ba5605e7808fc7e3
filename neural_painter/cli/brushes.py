"""Brushes as options name them: the project's, the user's own out of a folder, and those of Python files."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING

from neural_painter.cli.course import Course
from neural_painter.cli.words import named
from neural_painter.configs import nearest
from neural_painter.errors import InputError, UsageError
from renderers import own_brushes
from renderers.brushes import add_brush, names, project_names

if TYPE_CHECKING:
    from neural_painter.cli.jobs import Job
    from neural_painter.strokes import StrokeDocument
    from renderers.brush import Brush

PYTHON = ".py"


def add_brushes(parser: argparse._ActionsContainer) -> None:
    """`--brushes`, of a command whose config has `--brush`."""
    parser.add_argument(
        "--brushes",
        type=Path,
        metavar="FOLDER",
        help=f"where your own brushes lie (default: what {own_brushes.VARIABLE} says, or where train_renderer.py puts "
        "them, your folder of data)",
    )


def add_swap(parser: argparse._ActionsContainer, doing: str) -> None:
    """`--brush` and `--brushes` of a command that takes strokes as they are, unless another brush is asked for."""
    parser.add_argument(
        "--brush",
        metavar="BRUSH",
        help=f"{doing} with another brush: {', '.join(project_names())}, one of your own, or a Python file that "
        "defines one (default: that of the document)",
    )
    add_brushes(parser)


def chosen_brush(course: Course) -> str | None:
    """The name of the brush that the options name, None where they name none; from here on it is known by it.

    Raises:
        InputError: the folder or Python file is not there, or the file defines no brush.
        UsageError: there is no brush of that name.
    """
    options = course.options
    if options.brushes is not None and not options.brushes.is_dir():
        raise InputError(f"{options.brushes}: no such folder of brushes")
    own_brushes.use_folder(options.brushes)
    word: str | None = getattr(options, "brush", None)
    if word is None or word in project_names():
        return word
    if word.endswith(PYTHON):
        return load_file(course, Path(word)).name
    course.tell(*own_brushes.problems())
    if word not in names():
        hint = nearest(word, names()) or f"For one of your own, {own_brushes.missing(word)}"
        raise UsageError(f"--brush: expected one of {', '.join(names())}, got {word}", hint=hint)
    return word


def brush_words(options: argparse.Namespace) -> list[str]:
    """What a command that reads a document of the chosen brush must be told of it."""
    word, place = getattr(options, "brush", None), getattr(options, "brushes", None)
    words = ["--brush", named(word)] if word is not None and word.endswith(PYTHON) else []
    return [*words, *(["--brushes", named(place)] if place is not None else [])]


def load_file(course: Course, path: Path) -> Brush:
    """Runs a Python file, after a warning, and makes the brush known that it defines as BRUSH.

    Its weights lie beside the file, unless it says otherwise.

    Raises:
        InputError: no such file, it fails, or defines no brush that can be added.
    """
    from renderers.brush import Brush

    if not path.is_file():
        raise InputError(f"{path}: no such file")
    course.tell(f"{path}: is a program, and is run; what it does is up to whoever wrote it")
    name = f"brush_in_{path.stem}"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path}: cannot be run as Python")
    module = sys.modules[name] = module_from_spec(spec)  # kernels that are kept ask for it by its name
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise InputError(f"{path}: fails as it is run ({_first_line(error)})") from error
    brush = getattr(module, "BRUSH", None)
    if not isinstance(brush, Brush):
        raise InputError(f"{path}: defines no BRUSH", hint="docs/brushes.md shows what such a file holds.")
    if brush.weights is None:
        brush = replace(brush, weights=path.absolute().parent)
    try:
        add_brush(brush)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    return brush


def swapped(course: Course, job: Job, document: StrokeDocument, brush: str | None) -> StrokeDocument:
    """The document as another brush paints it, where one is asked for; says what changed on the way."""
    from neural_painter.export.swapping import note_on_picture, swap_brush

    if brush is None or brush == document.brush:
        if note := note_on_picture(document):
            course.note(job, f"{job.source.name}: {note}")
        return document
    return swap_brush(document, brush)


def _first_line(error: BaseException) -> str:
    text = ""
    with suppress(Exception):
        text = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
