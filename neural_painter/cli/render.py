"""`paint.py render DOCUMENT`: paints a stroke document again, with the ground-truth brush, without optimising."""

from __future__ import annotations

from pathlib import Path

from neural_painter.cli.course import Course
from neural_painter.cli.failures import STATUSES
from neural_painter.cli.jobs import Job, Outcome
from neural_painter.cli.options import Parser, add_outputs, fit_size, painting_outputs
from neural_painter.cli.paintings import facts_of, writer
from neural_painter.cli.pictures import signed
from neural_painter.cli.streams import program

DEFAULT_OUTPUT = "{name}.png"

DESCRIPTION = """Paints a stroke document again at any size, without optimising. The same document gives the same bytes.

  python paint.py render cat.npz -o poster.png --size 9000
  python paint.py render cat.npz -o cat.svg -o cat.mp4 --size 1080"""


def parser() -> Parser:
    """The options of the command."""
    made = Parser(
        "render",
        usage=f"{program()} render DOCUMENT [options]",
        description=DESCRIPTION,
        epilog=STATUSES,
    )
    made.add_argument("document", type=Path, metavar="DOCUMENT", help="a stroke document: .npz, .json or .json.gz")
    add_outputs(made, painting_outputs("{name} is", DEFAULT_OUTPUT))
    return made


def run(words: list[str]) -> int:
    """Renders the document; returns the exit status."""
    with Course(parser(), words) as course:
        from neural_painter.tables import suffix_of

        suffix_of(course.options.document)
        job = course.job(course.options.document, DEFAULT_OUTPUT)
        return course.run(job, lambda job: _render(course, job))


def _render(course: Course, job: Job) -> Outcome:
    from neural_painter.strokes import read_document

    with job.timed("read"):
        document = read_document(job.source)
        size = fit_size(course.options.size, document.size, job.source)
    return Outcome(
        told=f"{len(document.strokes)} strokes",
        # The same document gives the same bytes, whatever it is called.
        write=writer(course, document, size, signed(course, None, without=("document",))),
        facts={**facts_of(document), "finished": "unfinished" not in document.options},
    )
