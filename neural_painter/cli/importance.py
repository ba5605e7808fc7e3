"""`--importance`: a word, or the file of a mask."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neural_painter.cli.course import Course
from neural_painter.cli.jobs import Job
from neural_painter.cli.palette import palette_instead
from neural_painter.configs import nearest
from neural_painter.errors import InputError, UsageError
from neural_painter.painter.config import IMPORTANCE, MASK, PaintConfig

if TYPE_CHECKING:
    from neural_painter.images import Array

WORDS = tuple(word for word in IMPORTANCE if word != MASK)
"""What is no file; a mask of such a name is `./auto`."""

NEEDED = 2048
"""Long side in pixels of a mask that is looked at, at most."""


def mask_file(options: argparse.Namespace) -> Path | None:
    """The mask that `--importance` names, where it names one."""
    given = getattr(options, "importance", None)
    return None if given is None or given in WORDS else Path(given)


def paint_config(course: Course, base: dict[str, Any] | None = None, *, brush: str | None = None) -> PaintConfig:
    """The painter's options; of `--importance FILE` and `--palette FILE` they say only that there is one.

    Args:
        course: whose options these are.
        base: what holds where they say nothing.
        brush: name of the brush that `--brush` stands for.

    Raises:
        UsageError: a value is out of range, or `base` was painted with a mask and none is given.
    """
    mask = mask_file(course.options)
    instead = {
        **({"importance": MASK} if mask else {}),
        **({"brush": brush} if brush else {}),
        **palette_instead(course.options),
    }
    config = course.config(PaintConfig, base, **instead)
    if config.importance == MASK and not mask:
        raise UsageError(
            "--importance: the document to resume was painted with a mask", hint="Give it again: --importance MASK"
        )
    return config


def check_importance(config: PaintConfig) -> None:
    """Raises FacesError where faces are asked for and cannot be found, before anything else is loaded."""
    if config.importance == "faces":
        from neural_painter.importance import check_installed

        check_installed()


def read_importance(course: Course, job: Job) -> Array | None:
    """The mask that `--importance` names, `[h, w]`, where it names one; says what was noticed.

    Raises:
        InputError: as `read_mask` does; of a file that is not there, with the words that may have been meant.
    """
    path = mask_file(course.options)
    if path is None:
        return None
    from neural_painter.importance import read_mask

    notes: list[str] = []
    try:
        mask = read_mask(path, notes=notes, max_pixels=course.options.max_pixels, needed=NEEDED)
    except InputError as error:
        if not path.exists():
            error.hint = nearest(path.name, WORDS) or f"--importance takes {', '.join(WORDS)} or a picture."
        raise
    course.note(job, *notes)
    return mask
