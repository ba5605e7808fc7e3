"""`paint.py PHOTO...`: paints photos in turn."""

from __future__ import annotations

from dataclasses import fields as fields_of
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neural_painter import __version__
from neural_painter.cli import COMMANDS
from neural_painter.cli.brushes import add_brushes, chosen_brush
from neural_painter.cli.course import Course
from neural_painter.cli.failures import STATUSES
from neural_painter.cli.features import add_features, features_file
from neural_painter.cli.films import is_film
from neural_painter.cli.importance import check_importance, mask_file, paint_config, read_importance
from neural_painter.cli.jobs import Job, Outcome
from neural_painter.cli.options import (
    Parser,
    add_config,
    add_finish,
    add_outputs,
    add_pictures,
    add_transparent,
    fit_size,
    painting_outputs,
)
from neural_painter.cli.outputs import painting_end
from neural_painter.cli.paintings import check_relief, check_transparent, finish_of, outcome_of, save_state
from neural_painter.cli.palette import palette_file, read_paints
from neural_painter.cli.pictures import find_photos, read_photo, signed
from neural_painter.cli.streams import program
from neural_painter.cli.styled import check_style, read_style
from neural_painter.errors import InputError, UsageError
from neural_painter.files import opened
from neural_painter.film.config import FilmConfig
from neural_painter.painter.config import BEFORE, PaintConfig, StrokeStyleConfig, canvas_of

if TYPE_CHECKING:
    from neural_painter.export.finish import Finish
    from neural_painter.images import Array
    from neural_painter.painter.styling import StrokeStyle
    from neural_painter.painter.work import Progress
    from neural_painter.palettes.colours import Palette
    from neural_painter.strokes import StrokeDocument

DEFAULT_OUTPUT = "{name}-{brush}.png"

NEEDED = 2048
"""Long side in pixels of a photo that the painter looks at, at most."""

DESCRIPTION = """Turns photos into paintings made of real strokes.

  python paint.py cat.jpg
  python paint.py cat.jpg -o cat.png -o cat.svg -o cat.mp4 --brush watercolor --strokes 2000
  python paint.py photos/ -o paintings/
  python paint.py clip.mp4 --on 2
  python paint.py clip.mp4 -o clip.npz -o clip.mp4"""

EPILOG = f"""commands:
{{commands}}
  python paint.py COMMAND --help tells more of each; a photo of that name is ./COMMAND.

Several photos: one that fails is reported, and the others are painted. Of a folder, results of this command are left
alone. Every ten seconds, and on Ctrl-C, the painting so far is kept beside its output, as NAME.unfinished.npz;
--resume goes on with it, and gives what the whole run would have given.

{STATUSES}"""


def parser() -> Parser:
    """The options of the command."""
    commands = "\n".join(f"  {name:<12}{about}" for name, about in COMMANDS.items())
    made = Parser(
        usage=f"{program()} PHOTO... [options]\n       {program()} COMMAND ...",
        description=DESCRIPTION,
        epilog=EPILOG.format(commands=commands),
    )
    made.add_argument(
        "photos", nargs="+", type=Path, metavar="PHOTO", help="a picture, a folder of pictures, or a film"
    )
    add_config(made, PaintConfig)
    add_config(made, FilmConfig)
    made.add_argument(
        "--keyframes",
        nargs="+",
        action="extend",
        default=[],
        metavar="DOC@FRAME",
        help="of a film: stroke documents that take over at their frames, counted from 1, and go on from there; or a "
        "folder of documents whose names end in the number of their frame",
    )
    add_brushes(made)
    styled = made.add_argument_group("strokes in the style of a picture")
    styled.add_argument(
        "--style", type=Path, metavar="PICTURE", help="whose style the strokes take on, once they show the photo"
    )
    add_config(styled, StrokeStyleConfig)
    add_features(styled)
    add_finish(made)
    add_transparent(made)
    add_outputs(made, painting_outputs("{name} and {brush} are", DEFAULT_OUTPUT))
    add_pictures(made, canvas=False)
    made.add_argument(
        "--resume", type=Path, metavar="DOCUMENT", help="go on with an unfinished stroke document or film"
    )
    made.add_argument("--version", action="version", version=f"neural-painter {__version__}")
    return made


def run(words: list[str]) -> int:
    """Paints all photos; returns the exit status."""
    with Course(parser(), words) as course:
        options = course.options
        many = len(options.photos) > 1 or options.photos[0].is_dir()
        if many and options.resume:
            raise UsageError("--resume: goes on with one painting, got several photos")
        brush = chosen_brush(course)
        check_style(course)
        if not many and is_film(options.photos[0]):
            from neural_painter.cli.paint_film import paint_film

            return paint_film(course, options.photos[0], brush)
        _check_no_film(course)
        if not options.resume:
            paint_config(course, brush=brush)  # complains of options before anything is loaded
        course.reads(
            options.style, features_file(options) if options.style else None, mask_file(options), palette_file(options)
        )
        resume, config = _resumed(course, brush)
        finish = finish_of(course)
        photos = find_photos(course, options.photos)
        jobs = course.jobs(photos, DEFAULT_OUTPUT, painting_end, many=many, brush=config.brush)
        check_relief((path for job in jobs for path in job.outputs), config.brush)
        check_transparent(course, (path for job in jobs for path in job.outputs))
        _check_device(config)
        check_importance(config)
        palette = read_paints(course)
        style, mask = (cache(lambda read=read: read(course, jobs[0])) for read in (read_style, read_importance))
        return course.run(
            jobs if many else jobs[0], lambda job: _paint(course, job, config, finish, resume, style(), mask(), palette)
        )


def _paint(
    course: Course,
    job: Job,
    config: PaintConfig,
    finish: Finish,
    resume: StrokeDocument | None,
    style: StrokeStyle | None,
    mask: Array | None,
    palette: Palette | None,
) -> Outcome:
    """Paints one photo."""
    from neural_painter.images.reading import MOST_BYTES

    with opened(job.source, "a picture", most=MOST_BYTES):  # a wrong name is told before kernels are compiled
        pass
    from renderers.brushes import brush as find_brush

    canvas = canvas_of(config, find_brush(config.brush))
    with job.timed("read"):
        photo = read_photo(course, job, canvas=canvas, needed=NEEDED)
    size = fit_size(course.options.size, photo.size, job.source)
    from neural_painter.painting import paint

    with course.bar(job) as bar:

        def on_step(progress: Progress) -> None:
            bar.show(progress)
            course.interrupts.after_step()

        painting = paint(
            photo.pixels,
            config,
            on_step=on_step,
            on_state=course.saver(job, ".npz", save_state),
            resume=resume,
            style=style,
            mask=mask,
            palette=palette,
            size=photo.size,
        )
    course.note(job, *painting.notes)
    if painting.recovered:
        course.note(job, f"{job.source.name}: {painting.recovered} gradients were not finite and were left out")

    def go_on(kept: Path) -> list[str]:
        return course.words(
            job, photos=[job.source], resume=kept, overwrite=bool(job.written) or course.options.overwrite
        )

    return outcome_of(course, job, painting, size, signed(course, photo), finish, go_on)


def _resumed(course: Course, brush: str | None) -> tuple[StrokeDocument | None, PaintConfig]:
    """The document to go on from, and the options: those given, else those that it was painted with."""
    path = course.options.resume
    if not path:
        return None, paint_config(course, brush=brush)
    from neural_painter.strokes import read_document

    document = read_document(path)
    base: dict[str, Any] = {}
    for option in fields_of(PaintConfig):
        found = document.options.get(option.name, BEFORE.get(option.name, option.default))
        found = tuple(found) if isinstance(found, list) else found
        if type(found) is not type(option.default) or (
            isinstance(found, tuple) and not all(isinstance(part, int | float) for part in found)
        ):
            raise InputError(f"{path}: its option {option.name} makes no sense")
        base[option.name] = found
    try:
        PaintConfig(**base)
    except UsageError as error:
        raise InputError(f"{path}: its options make no sense ({error})") from None
    return document, paint_config(course, base, brush=brush)


def _check_no_film(course: Course) -> None:
    """Complains of options that are for films alone."""
    config, plain = course.config(FilmConfig), FilmConfig()
    given = [
        option.name for option in fields_of(FilmConfig) if getattr(config, option.name) != getattr(plain, option.name)
    ]
    for name in [*given, *(["keyframes"] if course.options.keyframes else [])]:
        raise UsageError(f"--{name}: is for films")


def _check_device(config: PaintConfig) -> None:
    if config.device == "cuda":  # the others are always there, and torch need not be loaded yet
        from neural_painter.devices import choose_device

        choose_device(config.device)
