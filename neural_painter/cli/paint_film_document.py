"""`paint.py FILM -o FILM.npz`: a film painted as its document, and as what that is painted as."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neural_painter.cli.course import Course
from neural_painter.cli.film_outputs import DOCUMENT, is_document, write_films
from neural_painter.cli.films import shown_frames
from neural_painter.cli.jobs import Job, Outcome
from neural_painter.cli.keeping import keep
from neural_painter.cli.paintings import FINISH
from neural_painter.cli.render_film import sound_of_film
from neural_painter.cli.streams import say
from neural_painter.cli.words import command, named
from neural_painter.errors import OutputError, UsageError
from neural_painter.export.finish import FLAT, Finish

if TYPE_CHECKING:
    from neural_painter.film.holding import FilmStrokes
    from neural_painter.painter.config import PaintConfig
    from neural_painter.video import Film


def check_documents(job: Job, config: PaintConfig) -> None:
    """Raises UsageError where there are two documents to write, or strokes are too many for one."""
    from neural_painter.film.document import MAX_STROKES

    documents = [path for path in job.outputs if is_document(path)]
    if len(documents) > 1:
        raise UsageError(f"{documents[1]}: one document of a film is enough")
    if 2 * config.strokes > MAX_STROKES:
        raise UsageError(f"--strokes: a film's frames have up to {MAX_STROKES // 2}, got {config.strokes}")


def needs_document(course: Course, job: Job) -> bool:
    """Whether a film is painted by way of its document: it is asked for, or more than one film."""
    from neural_painter.video import TARGETS

    plain = len(job.outputs) == 1 and job.outputs[0].suffix.lower() in TARGETS
    return not plain or course.options.transparent


def paint_document(
    course: Course,
    job: Job,
    read: Film,
    painter: FilmStrokes,
    finish: Finish,
    *,
    told: dict[str, Any],
    fingerprint: str,
    facts: dict[str, Any],
) -> Outcome:
    """Paints a film's strokes, writes them down, and paints all else that is asked for of them."""
    from neural_painter.film.recording import record_film

    state = course.options.resume or course.state_of(job, ".film")
    options = {**told, **({FINISH: finish.told()} if finish != FLAT else {})}
    notes: list[str] = []
    with _place(job) as document:
        with course.bar(job) as bar:
            made = record_film(
                job.source,
                document,
                painter,
                options=options,
                metadata=not course.options.strip,
                overwrite=course.options.overwrite or not _asked(job),
                unfinished=state,
                resume=bool(course.options.resume),
                fingerprint=fingerprint,
                held=course.interrupts.held,
                on_frame=shown_frames(bar, read.frames),
                notes=notes,
            )
        course.note(job, *notes)
        job.written += [path for path in job.outputs if is_document(path)]
        facts = {**facts, "frames": made.frames}
        if not made.finished:
            hint = f"To go on: {command(*course.words(job, resume=state, overwrite=True))}"
            where = document if _asked(job) else state
            told_of = f"interrupted; the film so far is kept in {where}, {made.frames} frames"
            return Outcome(finished=False, stopped=(told_of, hint), facts=facts)
        return _painted(course, job, document, finish, facts, made.frames)


def _painted(course: Course, job: Job, document: Path, finish: Finish, facts: dict[str, Any], frames: int) -> Outcome:
    """Paints what is asked for beside the document; where that fails, the strokes are kept."""
    from neural_painter.film.reading import opened_film

    others = [path for path in job.outputs if not is_document(path)]
    written = None
    try:
        with opened_film(document) as film, sound_of_film(course, job, film) as sound:
            written = write_films(course, job, film, others, finish, sound)
    except BaseException:
        _keep(course, job, document)
        raise
    finished = written is None or written.finished
    stopped: tuple[str, str | None] = ("interrupted", None)
    if written is not None and not finished:
        stopped = f"interrupted; {job.written[-1]} shows {written.frames} frames", _keep(course, job, document)
    facts = {**facts, **({"audio": list(written.audio)} if written else {})}
    return Outcome(told=f"{frames} frames", finished=finished, stopped=stopped, facts=facts)


def _asked(job: Job) -> bool:
    return any(is_document(path) for path in job.outputs)


@contextmanager
def _place(job: Job) -> Iterator[Path]:
    """Where the document is written: as asked for, else for as long as it is needed."""
    asked = next((path for path in job.outputs if is_document(path)), None)
    if asked is not None:
        yield asked
        return
    with tempfile.TemporaryDirectory(prefix=".neural-painter-", dir=job.outputs[0].parent) as folder:
        yield Path(folder) / f"film{DOCUMENT}"


def _keep(course: Course, job: Job, document: Path) -> str | None:
    """Keeps the strokes, which took long, where nobody asked for them; returns how the rest is painted of them."""
    kept = document
    with course.interrupts.held():
        if not _asked(job):
            try:
                kept = keep(lambda path: shutil.copyfile(document, path), job.outputs[0], "strokes", DOCUMENT)
            except (OutputError, OSError):
                return None
    outputs = [word for path in (*job.written[-1:], *job.missing()) if not is_document(path) for word in ("-o", path)]
    outputs += ["--size", named(course.options.size)] if course.options.size else []
    outputs += ["--resume", job.state] if job.state is not None and job.state.exists() else []
    hint = f"To paint the rest: {command('render', kept, *outputs, '--overwrite')}"
    say(f"the strokes are kept in {kept}", hint=hint)
    return None
