"""`paint.py restyle DOCUMENT --style PICTURE`: gives the strokes of a painting the style of a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from neural_painter.cli.brushes import add_swap, chosen_brush, swapped
from neural_painter.cli.course import Course
from neural_painter.cli.failures import STATUSES
from neural_painter.cli.features import add_features, features_file, read_features
from neural_painter.cli.jobs import Job, Outcome
from neural_painter.cli.options import (
    Parser,
    add_config,
    add_device,
    add_finish,
    add_outputs,
    add_pictures,
    fit_size,
    painting_outputs,
)
from neural_painter.cli.paintings import check_relief, finish_of, outcome_of, save_state
from neural_painter.cli.pictures import read_photo, signed
from neural_painter.cli.streams import program
from neural_painter.painter.config import StrokeStyleConfig

if TYPE_CHECKING:
    from neural_painter.painter.work import Progress

DEFAULT_OUTPUT = "{name}-styled.png"

NEEDED = 2048
"""Long side in pixels of pictures that the styler looks at, at most."""

DESCRIPTION = """Gives the strokes of a painting the style of a picture. They stay strokes: all exports work as before.

  python paint.py restyle cat.npz --style starry-night.jpg -o cat-by-vincent.png -o cat-by-vincent.npz
  python paint.py restyle cat.npz --style wave.jpg --style-mode color --features vgg19_16x.safetensors"""

EPILOG = f"""Every ten seconds, and on Ctrl-C, the painting so far is kept as NAME.unfinished.npz; --resume goes on with
it, and gives what the whole run would have given.

{STATUSES}"""


def parser() -> Parser:
    """The options of the command."""
    made = Parser(
        "restyle",
        usage=f"{program()} restyle DOCUMENT --style PICTURE [options]",
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    made.add_argument("document", type=Path, metavar="DOCUMENT", help="a stroke document: .npz, .json or .json.gz")
    made.add_argument("--style", type=Path, required=True, metavar="PICTURE", help="whose style the strokes take on")
    made.add_argument(
        "--photo",
        type=Path,
        metavar="PHOTO",
        help="what was painted, which is to stay recognisable (default: the painting itself)",
    )
    add_swap(made, "begin")
    add_config(made, StrokeStyleConfig)
    add_features(made)
    add_device(made)
    add_finish(made)
    add_outputs(made, painting_outputs("{name} is", DEFAULT_OUTPUT, films=False))
    add_pictures(made, canvas=False)
    made.add_argument("--resume", type=Path, metavar="DOCUMENT", help="go on with the unfinished document of a run")
    return made


def run(words: list[str]) -> int:
    """Restyles the document; returns the exit status."""
    with Course(parser(), words) as course:
        options = course.options
        config = course.config(StrokeStyleConfig)
        from neural_painter.tables import suffix_of

        suffix_of(options.document)
        course.reads(options.style, options.photo, features_file(options))
        brush = chosen_brush(course)
        job = course.job(options.document, DEFAULT_OUTPUT)
        return course.run(job, lambda job: _restyle(course, job, config, brush))


def _restyle(course: Course, job: Job, config: StrokeStyleConfig, brush: str | None) -> Outcome:
    from neural_painter.painting import restyle
    from neural_painter.strokes import read_document

    options = course.options
    with job.timed("read"):
        document = swapped(course, job, read_document(job.source), brush)
        resume = read_document(options.resume) if options.resume else None
        finish = finish_of(course, document, job.source)
        check_relief(job.outputs, document.brush)
        size = fit_size(options.size, document.size, job.source)
        picture = read_photo(course, job, options.style, needed=NEEDED).pixels
        photo = read_photo(course, job, options.photo, needed=NEEDED) if options.photo else None
        from neural_painter.painter.styling import StrokeStyle

        style = StrokeStyle(picture, read_features(course, pooling="average"), config)
    with course.bar(job) as bar:

        def on_step(progress: Progress) -> None:
            bar.show(progress)
            course.interrupts.after_step()

        painting = restyle(
            document,
            style,
            photo=photo.pixels if photo else None,
            device=options.device,
            on_step=on_step,
            on_state=course.saver(job, ".npz", save_state),
            resume=resume,
        )
    course.note(job, *painting.notes)

    def go_on(kept: Path) -> list[str]:
        return course.words(job, resume=kept, overwrite=bool(job.written) or options.overwrite)

    return outcome_of(course, job, painting, size, signed(course, photo), finish, go_on)
