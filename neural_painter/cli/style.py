"""`paint.py style CONTENT STYLE...`: a picture in the manner of others, by optimisation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from neural_painter.cli.course import Course
from neural_painter.cli.failures import STATUSES
from neural_painter.cli.features import add_features, features_file, read_features
from neural_painter.cli.jobs import Job, Outcome
from neural_painter.cli.options import Parser, add_config, fit_size
from neural_painter.cli.outputs import picture_end
from neural_painter.cli.pictures import picture_writer, read_photo
from neural_painter.cli.streams import program
from neural_painter.cli.transfers import KEPT, STATE, add_transfer, outcome_of
from neural_painter.errors import UsageError
from neural_painter.style.config import StyleConfig, check_blend

if TYPE_CHECKING:
    from neural_painter.style.gatys import StyleProgress

DEFAULT_OUTPUT = "{name}-style.png"
DEFAULT_SIDE = 512

DESCRIPTION = """Paints a picture in the manner of one or more others (artistic style transfer by optimisation).

  python paint.py style cat.jpg starry-night.jpg -o cat-by-vincent.png --features vgg19_16x.safetensors
  python paint.py style cat.jpg wave.jpg candy.jpg --style-blend 2,1 --original-colors"""

EPILOG = f"""{KEPT}

{STATUSES}"""


def parser() -> Parser:
    """The options of the command."""
    made = Parser(
        "style", usage=f"{program()} style CONTENT STYLE... [options]", description=DESCRIPTION, epilog=EPILOG
    )
    made.add_argument("content", type=Path, metavar="CONTENT", help="the picture that is to change")
    made.add_argument("styles", type=Path, nargs="+", metavar="STYLE", help="whose manner it takes")
    made.add_argument("--style-blend", metavar="W,W...", help="how much each STYLE counts (default: all alike)")
    add_features(made)
    made.add_argument(
        "--pooling", choices=("average", "max"), default="average", help="of the features (default: average)"
    )
    add_config(made, StyleConfig)
    add_transfer(made, DEFAULT_OUTPUT, size=f"{DEFAULT_SIDE}, or the picture's own size where that is smaller")
    return made


def run(words: list[str]) -> int:
    """Restyles; returns the exit status."""
    with Course(parser(), words) as course:
        config, options = course.config(StyleConfig), course.options
        blend = _blend(options.style_blend, len(options.styles))
        course.reads(*options.styles, features_file(options), options.resume)
        job = course.job(options.content, DEFAULT_OUTPUT, picture_end)
        return course.run(job, lambda job: _restyle(course, job, config, blend))


def _restyle(course: Course, job: Job, config: StyleConfig, blend: list[float] | None) -> Outcome:
    from neural_painter.images import resize
    from neural_painter.style.gatys import style_picture
    from neural_painter.style.state import StyleState, fingerprint, read_state, write_state

    options = course.options
    with job.timed("read"):
        photo = read_photo(course, job)
        styles = [read_photo(course, job, path).pixels for path in options.styles]
        size = fit_size(options.size or min(DEFAULT_SIDE, max(photo.size)), photo.size, job.source)
        content = resize(photo.pixels, size=size) if size != photo.size else photo.pixels
        features = read_features(course, pooling=options.pooling)
        belongs_to = fingerprint(content, *styles, features=features, blend=blend)
        state = read_state(options.resume, config, belongs_to, size) if options.resume else None

    def save(path: Path, state: StyleState) -> None:
        write_state(path, state, config, belongs_to)

    with course.bar(job) as bar:

        def on_step(progress: StyleProgress) -> None:
            bar.move(progress.step / progress.steps, f"{progress.size} px", f"loss {progress.loss:.4f}")
            course.interrupts.after_step()

        result = style_picture(
            content,
            styles,
            weights=blend,
            config=config,
            features=features,
            on_step=on_step,
            on_state=course.saver(job, STATE, save),
            state=state,
        )

    write = picture_writer(course, result.picture, photo)
    return outcome_of(course, job, result, write=write, save=save, facts={"styles": options.styles})


def _blend(text: str | None, count: int) -> list[float] | None:
    if text is None:
        return None
    try:
        found = [float(word) for word in text.split(",")]
    except ValueError:
        raise UsageError(f"--style-blend: expected numbers like 2,1, got {text!r}") from None
    try:
        check_blend(found, count)
    except UsageError as error:
        raise UsageError(f"--style-blend: {error}") from None
    return found
