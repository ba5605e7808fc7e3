"""`paint.py photo CONTENT STYLE`: gives a photo the look of another."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from neural_painter.cli.course import Course
from neural_painter.cli.failures import STATUSES
from neural_painter.cli.features import add_features, features_file, read_features
from neural_painter.cli.jobs import Job, Outcome
from neural_painter.cli.options import Parser, add_config, fit_size
from neural_painter.cli.outputs import picture_end, stem_of
from neural_painter.cli.pictures import picture_writer, read_photo
from neural_painter.cli.streams import program
from neural_painter.cli.transfers import KEPT, STATE, add_transfer, outcome_of
from neural_painter.photo.config import PhotoConfig, check_masks

if TYPE_CHECKING:
    from neural_painter.images import Array, Picture
    from neural_painter.photo.transfer import PhotoProgress, PhotoResult, PhotoState

DEFAULT_OUTPUT = "{name}-photo.png"

DESCRIPTION = """Gives a photo the look of another photo: its light, its weather, its time of day. It stays a photo.

  python paint.py photo day.jpg night.jpg -o day-at-night.png --preset fast
  python paint.py photo day.jpg night.jpg --content-mask day-mask.png --style-mask night-mask.png
  python paint.py photo day.jpg night.jpg --auto-mask 4 --features vgg19_16x.safetensors"""

EPILOG = f"""A mask is a picture in which each segment has a colour of its own, the same in both masks.
--auto-mask writes its masks beside the result: edit them, and pass them back. The preset fast needs no features.

{KEPT}

{STATUSES}"""

MASKS = ("content_mask", "style_mask")


class Pictures(NamedTuple):
    """What is read, `[H, W, 3]` each; the content at the size that was asked for."""

    content: Array
    style: Array
    content_mask: Array | None
    style_mask: Array | None
    init: Array | None


def parser() -> Parser:
    """The options of the command."""
    made = Parser(
        "photo",
        usage=f"{program()} photo CONTENT STYLE [options]",
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    made.add_argument("content", type=Path, metavar="CONTENT", help="the photo that is to change")
    made.add_argument("style", type=Path, metavar="STYLE", help="the photo whose look it takes")
    made.add_argument("--content-mask", type=Path, metavar="MASK", help="segments of CONTENT, a colour each")
    made.add_argument("--style-mask", type=Path, metavar="MASK", help="segments of STYLE, in the same colours")
    made.add_argument(
        "--auto-mask", type=_segments, default=0, metavar="K", help="look for K segments, 1 to 16, in both photos"
    )
    made.add_argument("--init", type=Path, metavar="PICTURE", help="start from this picture, such as an earlier result")
    add_features(made)
    add_config(made, PhotoConfig)
    add_transfer(made, DEFAULT_OUTPUT)
    return made


def run(words: list[str]) -> int:
    """Transfers; returns the exit status."""
    with Course(parser(), words) as course:
        config, options = course.config(PhotoConfig), course.options
        check_masks(options.content_mask, options.style_mask, options.auto_mask)
        masks = [getattr(options, name) for name in MASKS]
        course.reads(options.style, *masks, options.init, features_file(options), options.resume)
        job = course.job(options.content, DEFAULT_OUTPUT, picture_end)
        if options.auto_mask:
            job.extras = tuple(mask_beside(job.outputs[0], side) for side in ("content", "style"))
            course.check_extras(job)
        return course.run(job, lambda job: _transfer(course, job, config))


def mask_beside(output: Path, side: str) -> Path:
    """Where an automatic mask goes: beside the first output."""
    return output.with_name(f"{stem_of(output)}-{side}-mask.png")


def _segments(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 16):
        raise argparse.ArgumentTypeError(f"expected a whole number, 1 to 16, got {text!r}")
    return int(text)


def _transfer(course: Course, job: Job, config: PhotoConfig) -> Outcome:
    from neural_painter.photo.state import fingerprint, read_state, write_state
    from neural_painter.photo.transfer import photo_transfer

    options = course.options
    with job.timed("read"):
        photo, pictures = _read(course, job)
        features = read_features(course) if config.settings().optimize else None
        belongs_to = fingerprint(*pictures, features=features, auto_mask=options.auto_mask)
        size = pictures.content.shape[0], pictures.content.shape[1]
        state = read_state(options.resume, config, belongs_to, size) if options.resume else None

    def save(path: Path, state: PhotoState) -> None:
        write_state(path, state, config, belongs_to)

    with course.bar(job) as bar:

        def on_step(progress: PhotoProgress) -> None:
            loss = f"{progress.size} px, loss {progress.loss:.4f}"
            bar.move(progress.step / progress.steps, progress.stage, loss)
            course.interrupts.after_step()

        result = photo_transfer(
            pictures.content,
            pictures.style,
            content_mask=pictures.content_mask,
            style_mask=pictures.style_mask,
            auto_mask=options.auto_mask,
            config=config,
            features=features,
            init=pictures.init,
            on_step=on_step,
            on_state=course.saver(job, STATE, save),
            state=state,
        )
    if result.segments:
        course.note(job, *result.segments.notes)
    if result.recovered:
        course.note(job, f"{job.source.name}: {result.recovered} steps were not finite and were taken back")

    return outcome_of(
        course,
        job,
        result,
        write=_writer(course, job, result, photo),
        save=save,
        facts={"style": options.style, "segments": result.segments.count if result.segments else 1},
    )


def _read(course: Course, job: Job) -> tuple[Picture, Pictures]:
    """The photo, and all pictures, the content at the size that was asked for."""
    from neural_painter.images import resize

    options = course.options
    photo = read_photo(course, job)
    others = {
        name: read_photo(course, job, path).pixels if (path := getattr(options, name)) else None
        for name in ("style", *MASKS, "init")
    }
    style = others.pop("style")
    assert style is not None
    size = fit_size(options.size, photo.size, options.content)
    content = resize(photo.pixels, size=size) if size != photo.size else photo.pixels
    return photo, Pictures(content, style, **others)


def _writer(course: Course, job: Job, result: PhotoResult, photo: Picture) -> Callable[[Path], None]:
    """What writes the result, and the automatic masks beside it."""
    write_result = picture_writer(course, result.picture, photo)

    def write(path: Path) -> None:
        if path not in job.extras:
            write_result(path)
        elif result.segments:
            from neural_painter.images import write_image

            mask = result.segments.drawn()[job.extras.index(path)]
            write_image(path, mask, overwrite=course.options.overwrite)

    return write
