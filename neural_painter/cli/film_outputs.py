"""Films as their documents and as what is painted of these: `paint` and `render` share this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neural_painter.cli.course import Course
from neural_painter.cli.films import film_size, shown_frames
from neural_painter.cli.jobs import Job
from neural_painter.errors import InputError, UsageError

if TYPE_CHECKING:
    from neural_painter.export.finish import Finish
    from neural_painter.film.reading import FilmDocument
    from neural_painter.video.origin import Sound
    from neural_painter.video.writing import Written

DOCUMENT = ".npz"
STATE = ".render"


def is_document(path: Path) -> bool:
    """Whether a name is that of a film's document."""
    return path.suffix.lower() == DOCUMENT


def film_end(course: Course, path: Path, *, document: bool) -> None:
    """Raises UsageError where a name's end is none of a film's, or of its `document` where that may be written."""
    from neural_painter.film_rendering import check_film_target

    if not (document and is_document(path)):
        check_film_target(path, transparent=course.options.transparent)


@dataclass(frozen=True)
class Resumed:
    """What is gone on with: a film, GIF or frames that a document is painted as."""

    path: Path
    journal: bool

    @classmethod
    def of(cls, course: Course, outputs: Sequence[Path]) -> Resumed | None:
        """What the options name; raises UsageError where outputs are several, InputError where it is not there."""
        path = course.options.resume
        if path is None:
            return None
        if len(outputs) > 1:
            raise UsageError("--resume: goes on with one output, got several")
        if not path.is_file():
            raise InputError(f"{path}: no such file")
        from neural_painter.video import TARGETS

        return cls(path, outputs[0].suffix.lower() not in TARGETS)


def write_films(
    course: Course,
    job: Job,
    film: FilmDocument,
    outputs: Sequence[Path],
    finish: Finish,
    sound: Sound | None,
    *,
    resumed: Resumed | None = None,
) -> Written | None:
    """Paints a film's document as everything that is asked for; adds what is there to `job.written`.

    Returns:
        The last one written, which after Ctrl-C is not finished; None where nothing was asked for.
    """
    written = None
    for path in outputs:
        written = _write(course, job, film, path, finish, sound, resumed)
        job.written.append(path)
        if not written.finished:
            break
    return written


def _write(
    course: Course,
    job: Job,
    film: FilmDocument,
    path: Path,
    finish: Finish,
    sound: Sound | None,
    resumed: Resumed | None,
) -> Written:
    from neural_painter.film_rendering import write_film
    from neural_painter.journal import Journal
    from neural_painter.video import TARGETS
    from neural_painter.video.reading import note_in
    from neural_painter.video.unfinished import identity
    from neural_painter.video.writing import Keeping

    size = film_size(course, job, film.head.painting.size) or film.head.painting.size
    transparent = course.options.transparent
    told = f"film {size} {finish.told()} {film.brush.picture} {transparent} {_name_of_sound(course)}"
    notes: list[str] = []
    keeps: dict[str, Any] = {}
    with course.bar(job) as bar:
        how: dict[str, Any] = {
            "size": size,
            "finish": finish,
            "transparent": transparent,
            "sound": sound,
            "overwrite": course.options.overwrite,
            "on_frame": shown_frames(bar, film.frames),
            "say": note_in(notes, job.source),
        }
        if path.suffix.lower() in TARGETS:
            state = resumed.path if resumed else course.state_of(job, ".film")
            keeps["keeping"] = Keeping(film.path, state, resume=resumed is not None, fingerprint=told)
            made = write_film(film, path, **how, **keeps)
        else:
            head = {"film": identity(film.path), "kind": path.suffix.lower(), "settings": told}
            keep = course.saver(job, STATE, lambda to, journal: journal.write(to), steps=False)
            made = _journaled(Journal(head, keep, old=resumed.path if resumed else None), film, path, how)
    course.note(job, *notes)
    return made


def _name_of_sound(course: Course) -> str:
    asked = getattr(course.options, "sound", None)
    return str(asked.name) if asked else ""


class _Stopped(Exception):
    """Work was interrupted: its journal stays."""


def _journaled(journal: Any, film: FilmDocument, path: Path, how: dict[str, Any]) -> Written:
    from neural_painter.film_rendering import write_film

    made = None
    try:
        with journal:
            made = write_film(film, path, journal=journal, **how)
            if not made.finished:
                raise _Stopped
    except _Stopped:
        pass
    assert made is not None
    return made
