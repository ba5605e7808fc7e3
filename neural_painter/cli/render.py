"""`paint.py render DOCUMENT`: paints a stroke document again, with the ground-truth brush, without optimising."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neural_painter import __version__
from neural_painter.cli.brushes import add_swap, chosen_brush, swapped
from neural_painter.cli.course import Course
from neural_painter.cli.failures import STATUSES
from neural_painter.cli.jobs import Job, Outcome
from neural_painter.cli.options import (
    ANIMATION,
    Parser,
    add_finish,
    add_outputs,
    add_transparent,
    animation_of,
    fit_size,
    painting_outputs,
)
from neural_painter.cli.paintings import check_transparent, facts_of, finish_of, finished_as, writer
from neural_painter.cli.pictures import signed
from neural_painter.cli.render_film import add_film, frame_of, is_film, render_film, wants_frame
from neural_painter.cli.streams import program
from neural_painter.errors import InputError
from neural_painter.export.finish import Finish

if TYPE_CHECKING:
    from neural_painter.strokes import StrokeDocument

STATE = ".render"
"""End of the file that keeps an unfinished picture or animation."""

DEFAULT_OUTPUT = "{name}.png"
SWAPPED_OUTPUT = "{name}-{brush}.png"

DESCRIPTION = """Paints a stroke document again at any size, without optimising. The same document gives the same bytes.

  python paint.py render cat.npz -o poster.png --size 9000
  python paint.py render cat.npz -o cat.svg -o cat.mp4 --size 1080
  python paint.py render cat.npz -o tape.png --brush tape
  python paint.py render clip.npz -o clip.mp4 --size 3840
  python paint.py render clip.npz -o poster.png --at 12.5 --size 9000
  python paint.py render clip.npz -o frames/%05d.png --transparent"""

EPILOG = f"""Of a picture or animation that takes longer, what is painted is kept every ten seconds as
NAME.unfinished.render; --resume goes on with it, and gives the same bytes.

{STATUSES}"""


def parser() -> Parser:
    """The options of the command."""
    made = Parser(
        "render",
        usage=f"{program()} render DOCUMENT [options]",
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    made.add_argument(
        "document", type=Path, metavar="DOCUMENT", help="a stroke document, .npz, .json or .json.gz, or a film's"
    )
    add_swap(made, "paint the strokes")
    add_film(made)
    add_finish(made)
    add_transparent(made)
    add_outputs(made, painting_outputs("{name} and {brush} are", f"{DEFAULT_OUTPUT}; with --brush, {SWAPPED_OUTPUT};"))
    made.add_argument("--resume", type=Path, metavar="FILE", help="go on with what is painted of the same output")
    return made


def run(words: list[str]) -> int:
    """Renders the document; returns the exit status."""
    with Course(parser(), words) as course:
        from neural_painter.tables import suffix_of

        suffix_of(course.options.document)
        brush = chosen_brush(course)
        if is_film(course):
            return render_film(course, brush)
        course.reads(course.options.resume)
        default = SWAPPED_OUTPUT if brush else DEFAULT_OUTPUT
        job = course.job(course.options.document, default, brush=brush or "{brush}")
        check_transparent(course, job.outputs)
        return course.run(job, lambda job: _render(course, job, brush))


def _render(course: Course, job: Job, brush: str | None) -> Outcome:
    with job.timed("read"):
        document, identity = _read(course, job)
        document = swapped(course, job, document, brush)
        from neural_painter.export import kind

        finish = finish_of(course, document, job.source)
        document = finished_as(document, finish)
        size = fit_size(course.options.size, document.size, job.source)
    if document.strokes.ids is not None and any(kind(path) == "stroke document" for path in job.outputs):
        course.note(
            job, "a stroke document knows no ids, by which strokes of a film choose their textures: they differ"
        )
    # The same document gives the same bytes, whatever it is called.
    write = writer(course, document, size, signed(course, None, without=("document",)), finish)
    return Outcome(
        told=f"{len(document.strokes)} strokes",
        write=_keeping(course, job, document, identity, size, finish, write),
        facts={**facts_of(document), "finished": "unfinished" not in document.options},
    )


def _read(course: Course, job: Job) -> tuple[StrokeDocument, str]:
    """The painting, or the film's frame that is asked for, and what tells it from others."""
    if wants_frame(course):
        from neural_painter.video.unfinished import identity

        number, document = frame_of(course, job.source)
        return document, f"{identity(job.source)} {number}"
    from neural_painter.strokes import read_document

    return read_document(job.source), hashlib.sha256(job.source.read_bytes()).hexdigest()


def _keeping(
    course: Course,
    job: Job,
    document: StrokeDocument,
    identity: str,
    size: tuple[int, int],
    finish: Finish,
    write: Callable[..., None],
) -> Callable[[Path], None]:
    """What writes an output and keeps it while it is painted; one that was begun comes first.

    Raises:
        InputError: what is to be gone on with is of none of the outputs.
    """
    from neural_painter.journal import Journal, head_of

    heads = {path: _head(course, document, identity, path, size, finish) for path in job.outputs}
    begun = None
    if resumed := course.options.resume:
        found = head_of(resumed)
        begun = next((path for path in job.outputs if heads[path] is not None and heads[path] == found), None)
        if begun is None:
            raise InputError(f"{resumed}: belongs to another document, size, kind of output or version")
        job.outputs = (begun, *(path for path in job.outputs if path != begun))
        job.state = resumed

    keep = course.saver(job, STATE, lambda path, journal: journal.write(path), steps=False)

    def kept(path: Path) -> None:
        if (head := heads[path]) is None:
            write(path)
            return
        with Journal(head, keep, old=resumed if path == begun else None) as journal:
            write(path, journal)

    return kept


def _head(
    course: Course, document: StrokeDocument, identity: str, path: Path, size: tuple[int, int], finish: Finish
) -> dict[str, Any] | None:
    """What is painted for an output, by which its unfinished work is known again; None where it takes no time."""
    from neural_painter.export import kind
    from neural_painter.export.wishes import frames_of

    what = kind(path)
    if what not in ("picture", "animation"):
        return None
    timing = {**ANIMATION, **animation_of(course.options)}
    if what == "picture" and course.options.transparent:
        return None  # it is not kept
    return {
        "document": identity,
        "brush": [document.brush, document.find_brush().picture],
        "size": list(size),
        "finish": finish.told(),
        "frames": frames_of(timing["duration"], timing["fps"]) if what == "animation" else None,
        "version": __version__,
    }
