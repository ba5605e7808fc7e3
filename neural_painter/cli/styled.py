"""`--style`: a picture whose style strokes take on; `paint` of photos and of films share this."""

from __future__ import annotations

from dataclasses import fields as fields_of
from typing import TYPE_CHECKING

from neural_painter.cli.course import Course
from neural_painter.cli.features import FEATURES, read_features
from neural_painter.cli.jobs import Job
from neural_painter.cli.pictures import WHITE, read_photo
from neural_painter.errors import UsageError
from neural_painter.painter.config import StrokeStyleConfig

if TYPE_CHECKING:
    from neural_painter.painter.styling import StrokeStyle

NEEDED = 2048
"""Long side in pixels of a style's picture that is looked at, at most."""


def check_style(course: Course) -> None:
    """Complains of the style's options before anything is loaded."""
    options = course.options
    course.config(StrokeStyleConfig)
    given = [option.name for option in fields_of(StrokeStyleConfig) if hasattr(options, option.name)]
    given += ["features"] if options.features != FEATURES else []
    if given and not options.style:
        raise UsageError(f"--{given[0].replace('_', '-')}: no style to be painted in", hint="Add --style PICTURE")


def read_style(course: Course, job: Job) -> StrokeStyle | None:
    """The style that is asked for, where one is."""
    if not course.options.style:
        return None
    picture = read_photo(course, job, course.options.style, canvas=WHITE, needed=NEEDED).pixels
    features = read_features(course, pooling="average")
    from neural_painter.painter.styling import StrokeStyle

    return StrokeStyle(picture, features, course.config(StrokeStyleConfig))
