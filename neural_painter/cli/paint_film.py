"""`paint.py FILM`: paints a film with strokes that live through it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from neural_painter.cli.course import Course
from neural_painter.cli.films import change_film, film_job, film_size
from neural_painter.cli.importance import paint_config
from neural_painter.cli.jobs import Job, Outcome
from neural_painter.cli.paintings import finish_of
from neural_painter.errors import UsageError
from neural_painter.film.config import FilmConfig

if TYPE_CHECKING:
    from neural_painter.export.finish import Finish
    from neural_painter.painter.config import PaintConfig

DEFAULT_OUTPUT = "{name}-{brush}"

NOT_YET = {"style": None, "importance": "none", "palette": "none"}
"""Options that films do not have, and what says that they are not asked for."""


def paint_film(course: Course, source: Path, brush: str | None) -> int:
    """Paints one film; returns the exit status."""
    config, film, finish = paint_config(course, brush=brush), course.config(FilmConfig), finish_of(course)
    for name, nothing in NOT_YET.items():
        if getattr(course.options, name, nothing) != nothing:
            raise UsageError(f"--{name}: is for pictures, and {source.name} is a film")
    course.reads(course.options.resume)
    job = film_job(course, source, DEFAULT_OUTPUT, brush=config.brush)
    return course.run(job, lambda job: _paint(course, job, config, film, finish))


def _paint(course: Course, job: Job, config: PaintConfig, film: FilmConfig, finish: Finish) -> Outcome:
    from neural_painter.film_painting import FilmPainter
    from neural_painter.video import probe

    read = probe(job.source)
    size = film_size(course, job, read)
    painter = FilmPainter(config, finish, size=size, on=film.on)
    told = {name: value for name, value in asdict(config).items() if name != "device"}
    return change_film(
        course,
        job,
        read,
        painter,
        memory=painter,
        fingerprint=f"paint {told} {asdict(film)} {finish.told()} {size}",
        facts={"brush": config.brush, "strokes": config.strokes},
    )
