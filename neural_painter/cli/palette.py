"""`--palette`: a number, the name of a set, or a file of paints."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neural_painter.cli.course import Course
from neural_painter.configs import nearest
from neural_painter.errors import InputError
from neural_painter.painter.config import ANY, OWN
from neural_painter.palettes.sets import SETS

if TYPE_CHECKING:
    from neural_painter.painting import Painting
    from neural_painter.palettes.colours import Palette

WORDS = (ANY, *SETS)
"""What is no file; a file of such a name is `./zorn`."""


def palette_file(options: argparse.Namespace) -> Path | None:
    """The file that `--palette` names, where it names one."""
    given = getattr(options, "palette", None)
    return None if given is None or given in WORDS or re.fullmatch(r"[+-]?\d+", given, re.ASCII) else Path(given)


def palette_instead(options: argparse.Namespace) -> dict[str, str]:
    """What the painter's options say where `--palette` names a file."""
    return {"palette": OWN} if palette_file(options) else {}


def read_paints(course: Course) -> Palette | None:
    """The paints of the file that `--palette` names, where it names one.

    Raises:
        InputError: as `read_palette` does; of a file that is not there, with the words that may have been meant.
    """
    path = palette_file(course.options)
    if path is None:
        return None
    from neural_painter.palettes.reading import read_palette

    try:
        return read_palette(path)
    except InputError as error:
        if not path.exists():
            error.hint = (
                nearest(path.name, WORDS) or f"--palette takes a number, {', '.join(WORDS)}, or a file of paints."
            )
        raise


def facts_of_paints(painting: Painting | None) -> dict[str, Any]:
    """What a line of JSON tells of a painting's paints, where they were few."""
    if painting is None or not painting.paints:
        return {}
    return {
        "palette": [
            {
                "number": paint.number,
                "name": paint.name,
                "color": paint.colour,
                "area": round(paint.area, 4),
                "strokes": round(paint.strokes, 4),
            }
            for paint in painting.paints
        ]
    }
