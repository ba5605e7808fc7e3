"""`paint.py FILM`: paints a film with strokes that live through it."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neural_painter.cli.course import Course
from neural_painter.cli.features import features_file
from neural_painter.cli.film_outputs import film_end
from neural_painter.cli.films import change_film, film_job, film_size
from neural_painter.cli.importance import check_importance, mask_file, paint_config, read_importance
from neural_painter.cli.jobs import Job, Outcome
from neural_painter.cli.paint_film_document import check_documents, needs_document, paint_document
from neural_painter.cli.paintings import finish_of
from neural_painter.cli.palette import palette_file, read_paints
from neural_painter.cli.styled import read_style
from neural_painter.film.config import FilmConfig

if TYPE_CHECKING:
    from neural_painter.export.finish import Finish
    from neural_painter.film.keyframes import Keyframe
    from neural_painter.film.look import Look
    from neural_painter.painter.config import PaintConfig
    from neural_painter.video import Film

DEFAULT_OUTPUT = "{name}-{brush}"


def paint_film(course: Course, source: Path, brush: str | None) -> int:
    """Paints one film; returns the exit status."""
    options = course.options
    config, film, finish = paint_config(course, brush=brush), course.config(FilmConfig), finish_of(course)
    course.reads(
        options.resume,
        options.style,
        features_file(options) if options.style else None,
        mask_file(options),
        palette_file(options),
    )
    keyframes = _keyframes(course)
    check = partial(film_end, course, document=True)
    job = film_job(course, source, DEFAULT_OUTPUT, check, brush=config.brush)
    check_documents(job, config)
    check_importance(config)
    return course.run(job, lambda job: _paint(course, job, config, film, finish, keyframes))


def _paint(
    course: Course,
    job: Job,
    config: PaintConfig,
    film: FilmConfig,
    finish: Finish,
    keyframes: dict[int, Keyframe],
) -> Outcome:
    from neural_painter.film.holding import FilmStrokes
    from neural_painter.film_painting import FilmPainter
    from neural_painter.video import probe

    read = probe(job.source)
    size = film_size(course, job, (read.height, read.width))
    look = _look(course, job, config, read)
    if keyframes:
        from neural_painter.film.keyframes import check_keyframes

        check_keyframes(keyframes, config.brush, (read.height, read.width))
    told = {name: value for name, value in asdict(config).items() if name != "device"}
    facts = {"brush": config.brush, "strokes": config.strokes}
    given = {frame: key.document.strokes for frame, key in keyframes.items()}
    how: dict[str, Any] = {"on": film.on, "look": look, "boil": film.boil, "keyframes": given}
    fingerprint = f"paint {told} {asdict(film)} {finish.told()} {size}{_told(look, keyframes)}"
    painter: FilmStrokes | FilmPainter
    if needs_document(course, job):
        painter = FilmStrokes(config, **how)
        fingerprint = f"paint {told} {asdict(film)}{_told(look, keyframes)}"  # which knows of no finish
        options = {**told, **asdict(film)}
        made = paint_document(course, job, read, painter, finish, told=options, fingerprint=fingerprint, facts=facts)
    else:
        painter = FilmPainter(config, finish, size=size, **how)
        made = change_film(course, job, read, painter, memory=painter, fingerprint=fingerprint, facts=facts)
    for frame, key in sorted(keyframes.items()):
        if made.finished and frame > painter.frames:
            course.note(job, f"{key.path} was for frame {frame}, but {job.source.name} has {painter.frames}")
    return made


def _keyframes(course: Course) -> dict[int, Keyframe]:
    """The paintings that take over; their files may not be replaced."""
    if not course.options.keyframes:
        return {}
    from neural_painter.film.keyframes import read_keyframes

    found = read_keyframes(course.options.keyframes)
    course.reads(*(key.path for key in found.values()))
    return found


def _look(course: Course, job: Job, config: PaintConfig, film: Film) -> Look:
    """What else is asked for; says what was noticed."""
    from neural_painter.film.look import Look
    from neural_painter.painter.choosing import with_palette

    mask = read_importance(course, job)
    if mask is not None:
        from neural_painter.importance.masks import fitted

        notes: list[str] = []
        fitted(mask, (film.height, film.width), notes)
        course.note(job, *(note.replace("the photo", "the film") for note in notes))
    return Look(mask, with_palette(config, read_paints(course), None)[1], read_style(course, job))


def _told(look: Look, keyframes: dict[int, Keyframe]) -> str:
    """What tells a look and keyframes from others; nothing of none, as films that were begun earlier have it."""
    told = ""
    for frame, key in sorted(keyframes.items()):
        strokes = key.document.strokes
        ids = b"" if strokes.ids is None else strokes.ids.tobytes()
        told += f" keyframe {frame} {hashlib.sha256(strokes.table().tobytes() + ids).hexdigest()}"
    if look.mask is not None:
        told += f" mask {hashlib.sha256(look.mask.tobytes()).hexdigest()}"
    if look.choice is not None and look.choice.palette is not None:
        told += f" paints {look.choice.palette.as_options()}"
    if look.style is not None:
        told += f" style {look.style.as_options()}"
    return told
