"""`paint.py render FILM.npz`: a film's document as a film again, or one of its frames."""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from neural_painter.cli.course import Course
from neural_painter.cli.film_outputs import Resumed, film_end, is_document, write_films
from neural_painter.cli.jobs import Job, Outcome
from neural_painter.cli.options import animation_of
from neural_painter.cli.paintings import finish_of
from neural_painter.cli.words import command
from neural_painter.errors import UsageError

if TYPE_CHECKING:
    from neural_painter.film.reading import FilmDocument
    from neural_painter.strokes import StrokeDocument
    from neural_painter.video.origin import Sound

DEFAULT_OUTPUT = "{name}.mp4"


def add_film(parser: argparse.ArgumentParser) -> None:
    """Options of a film's document."""
    group = parser.add_argument_group("of a film's document")
    group.add_argument("--frame", type=_frame, metavar="N", help="paint this frame alone, counted from 1")
    group.add_argument(
        "--at", type=parse_time, metavar="TIME", help="paint the frame that is shown then: seconds, or h:mm:ss.s"
    )
    group.add_argument(
        "--sound", type=Path, metavar="FILM", help="take the sound of this film (default: what the document holds)"
    )


def parse_time(text: str) -> Fraction:
    """Reads seconds, `mm:ss` or `h:mm:ss`, any of them with decimals."""
    found = re.fullmatch(r"(?:(?:(\d{1,4}):)?(\d{1,4}):)?(\d{1,9}(?:\.\d{1,9})?)s?", text, re.ASCII)
    if not found:
        raise argparse.ArgumentTypeError(f"expected a time such as 12.5 or 1:02:03.5, got {text!r}")
    hours, minutes, seconds = found.groups()
    return Fraction(seconds) + 60 * int(minutes or 0) + 3600 * int(hours or 0)


def _frame(text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected the number of a frame, counted from 1, got {text!r}")
    return int(text)


def wants_frame(course: Course) -> bool:
    """Whether a single frame is asked for; raises UsageError where two are."""
    options = course.options
    if options.frame is not None and options.at is not None:
        raise UsageError("--at: --frame names one already")
    return options.frame is not None or options.at is not None


def is_film(course: Course) -> bool:
    """Whether the document is a film's, and no single frame is asked for.

    Raises:
        UsageError: what is for films is asked of a painting.
    """
    from neural_painter.film.reading import is_film_document

    path = course.options.document
    if is_document(path) and is_film_document(path):
        return not wants_frame(course)
    for name in ("frame", "at", "sound"):
        if getattr(course.options, name) is not None:
            raise UsageError(f"--{name}: is for films, and {path.name} is none")
    return False


def frame_of(course: Course, path: Path) -> tuple[int, StrokeDocument]:
    """The frame that is asked for, counted from 0, as a painting."""
    from neural_painter.film.reading import opened_film

    options = course.options
    with opened_film(path) as film:
        if options.frame is not None:
            if options.frame > film.frames:
                raise UsageError(f"--frame: {path.name} has {film.frames} frames, got {options.frame}")
            number = options.frame - 1
        else:
            ends = (int(film.times[-1])) * film.head.time_base
            if options.at > ends:
                raise UsageError(f"--at: {path.name} lasts {float(ends):.2f} s, got {float(options.at):g}")
            number = film.frame_at(options.at)
        return number, film.painting(number)


def render_film(course: Course, brush: str | None) -> int:
    """Paints a film's document as films; returns the exit status."""
    options = course.options
    if given := animation_of(options):
        raise UsageError(f"--{next(iter(given))}: a film has its own times")
    if options.brush is not None:
        raise UsageError(f"--brush: is for paintings, and {options.document.name} is a film")
    course.reads(options.resume, options.sound)
    job = course.job(options.document, DEFAULT_OUTPUT, lambda path: film_end(course, path, document=False))
    resumed = Resumed.of(course, job.outputs)
    return course.run(job, lambda job: _render(course, job, resumed))


def _render(course: Course, job: Job, resumed: Resumed | None) -> Outcome:
    from neural_painter.film.reading import opened_film

    with opened_film(job.source) as film:
        if note := picture_note(film):
            course.note(job, f"{job.source.name}: {note}")
        finish = finish_of(course, film.head.painting, job.source)
        with sound_of_film(course, job, film) as sound:
            written = write_films(course, job, film, job.outputs, finish, sound, resumed=resumed)
    assert written is not None
    hint = None
    state = resumed.path if resumed else job.state
    if state is not None and state.exists():
        rest = [str(path) for path in (job.written[-1], *job.missing())]
        hint = f"To go on: {command(*course.words(job, output=rest[:1], resume=state, overwrite=True))}"
    return Outcome(
        told=f"{written.frames} frames",
        finished=written.finished,
        stopped=(f"interrupted; what was painted is kept in {job.written[-1]}, {written.frames} frames", hint),
        facts={"brush": film.brush.name, "frames": written.frames, "audio": list(written.audio)},
    )


def picture_note(film: FilmDocument) -> str | None:
    """What is to be said of a brush that is made of a picture, where that is another one here."""
    from neural_painter.export.swapping import note_on_picture

    return note_on_picture(film.head.painting)


@contextmanager
def sound_of_film(course: Course, job: Job, film: FilmDocument) -> Iterator[Sound | None]:
    """The sound that is asked for, else the document's own, as a file for as long as it is needed."""
    from neural_painter.video.origin import sound_of

    if asked := getattr(course.options, "sound", None):
        found = sound_of(asked)
        if found is None:
            raise UsageError(f"--sound: {asked} has no sound")
        yield found
        return
    if not film.head.sound:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix=".neural-painter-", dir=job.outputs[0].parent) as folder:
        path = Path(folder) / f"{job.source.name}'s sound"
        with path.open("wb") as file:
            film.copy_sound(file)
        found = sound_of(path)
        yield found._replace(offset=Fraction(0)) if found else None
