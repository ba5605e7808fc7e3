"""`paint.py PHOTO...`: paints photos in turn."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from dataclasses import fields as fields_of
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neural_painter import __version__
from neural_painter.cli import COMMANDS
from neural_painter.cli.failures import (
    DONE,
    INTERRUPTED,
    PARTLY,
    STATUSES,
    command,
    emit,
    is_about_weights,
    program,
    report,
    say,
    tell,
)
from neural_painter.cli.features import FEATURES, add_features, read_features
from neural_painter.cli.interrupts import Interrupts
from neural_painter.cli.options import (
    Parser,
    add_config,
    add_outputs,
    animation_of,
    config_from,
    fit_size,
    painting_outputs,
)
from neural_painter.cli.outputs import check_animations, check_names, folders_made, keep, name_outputs
from neural_painter.cli.progress import Bar, kernel_notice
from neural_painter.cli.results import json_line, told_style, write_outputs
from neural_painter.errors import InputError, UsageError
from neural_painter.files import check_output
from neural_painter.painter.config import PaintConfig, StrokeStyleConfig

if TYPE_CHECKING:
    from neural_painter.painter.styling import StrokeStyle
    from neural_painter.painting import Painting
    from neural_painter.strokes import StrokeDocument

DEFAULT_OUTPUT = "{name}-{brush}.png"

DESCRIPTION = """Turns photos into paintings made of real strokes.

  python paint.py cat.jpg
  python paint.py cat.jpg -o cat.png -o cat.svg -o cat.mp4 --brush watercolor --strokes 2000
  python paint.py photos/ -o paintings/"""

EPILOG = f"""commands:
{{commands}}
  python paint.py COMMAND --help tells more of each; a photo of that name is ./COMMAND.

Several photos: one that fails is reported, and the others are painted. Ctrl-C keeps the painting so far
beside its output, as NAME.unfinished.npz, and prints the command that goes on.

{STATUSES}"""


@dataclass
class Job:
    """One photo to paint.

    Attributes:
        photo: what to paint.
        outputs: where to.
        written: outputs that are there.
        seconds: per phase.
    """

    photo: Path
    outputs: tuple[Path, ...]
    written: list[Path] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[phase] = time.perf_counter() - began


def parser() -> Parser:
    """The options of the command."""
    commands = "\n".join(f"  {name:<12}{about}" for name, about in COMMANDS.items())
    made = Parser(
        usage=f"{program()} PHOTO... [options]\n       {program()} COMMAND ...",
        description=DESCRIPTION,
        epilog=EPILOG.format(commands=commands),
    )
    made.add_argument("photos", nargs="+", metavar="PHOTO", help="a picture, or a folder of pictures")
    add_config(made, PaintConfig)
    styled = made.add_argument_group("strokes in the style of a picture")
    styled.add_argument(
        "--style", type=Path, metavar="PICTURE", help="whose style the strokes take on, once they show the photo"
    )
    add_config(styled, StrokeStyleConfig)
    add_features(styled)
    add_outputs(
        made,
        painting_outputs("{name} and {brush} are", DEFAULT_OUTPUT),
    )
    made.add_argument("--resume", type=Path, metavar="DOCUMENT", help="go on with an unfinished stroke document")
    made.add_argument("--version", action="version", version=f"neural-painter {__version__}")
    return made


def run(words: list[str]) -> int:
    """Paints all photos; returns the exit status."""
    options = parser().read(words)
    many = len(options.photos) > 1 or Path(options.photos[0]).is_dir()
    if many and options.resume:
        raise UsageError("--resume: goes on with one painting, got several photos")
    if not options.resume:
        config_from(options, PaintConfig)  # complains of options before anything is loaded
    _check_style(options)
    with Interrupts() as interrupts, kernel_notice(show=not options.quiet):
        resume, config = _resumed(options)
        photos, failed = _find_photos(options.photos)
        jobs = [
            Job(photo, name_outputs(options.output, DEFAULT_OUTPUT, name=photo.stem, brush=config.brush))
            for photo in photos
        ]
        names = [(job.photo, job.outputs) for job in jobs]
        names += [(options.style, ())] if options.style else []
        check_names(names, options.output, many=many)
        check_animations(names, animation_of(options))
        _check_device(config)
        with folders_made(options.output):
            ready = _writable(jobs, many=many, overwrite=options.overwrite)
            style = _read_style(options) if ready else None
            failed = failed or len(ready) < len(jobs)
            for job in ready:
                try:
                    if not _paint(job, config, resume, style, options, interrupts):
                        return INTERRUPTED
                except Exception as error:
                    if not many or is_about_weights(error):
                        raise
                    report(error)
                    failed = True
    return PARTLY if failed else DONE


def _find_photos(words: list[str]) -> tuple[list[Path], bool]:
    """The photos that were named, those of a folder in order of name; and whether a folder among others had none."""
    from neural_painter.images import find_pictures

    photos, failed = [], False
    for word in words:
        path = Path(word)
        if not path.is_dir():
            photos.append(path)
            continue
        try:
            found = find_pictures(path)
            if not found:
                raise InputError(f"{path}: holds no pictures")
            photos += found
        except InputError as error:
            if len(words) == 1:
                raise
            report(error)
            failed = True
    return photos, failed


def _resumed(options: argparse.Namespace) -> tuple[StrokeDocument | None, PaintConfig]:
    """The document to go on from, and the options: those given, else those that it was painted with."""
    if not options.resume:
        return None, config_from(options, PaintConfig)
    from neural_painter.strokes import read_document

    document = read_document(options.resume)
    base: dict[str, Any] = {}
    for option in fields_of(PaintConfig):
        found = document.options.get(option.name, option.default)
        found = tuple(found) if isinstance(found, list) else found
        if type(found) is not type(option.default) or (
            isinstance(found, tuple) and not all(isinstance(part, int | float) for part in found)
        ):
            raise InputError(f"{options.resume}: its option {option.name} makes no sense")
        base[option.name] = found
    try:
        PaintConfig(**base)
    except UsageError as error:
        raise InputError(f"{options.resume}: its options make no sense ({error})") from None
    return document, config_from(options, PaintConfig, base)


def _check_style(options: argparse.Namespace) -> None:
    """Complains of the style's options before anything is loaded."""
    config_from(options, StrokeStyleConfig)
    given = [option.name for option in fields_of(StrokeStyleConfig) if hasattr(options, option.name)]
    given += ["features"] if options.features != FEATURES else []
    if given and not options.style:
        raise UsageError(f"--{given[0].replace('_', '-')}: no style to be painted in", hint="Add --style PICTURE")


def _read_style(options: argparse.Namespace) -> StrokeStyle | None:
    if not options.style:
        return None
    from neural_painter.images import read_image

    notes: list[str] = []
    picture = read_image(options.style, notes=notes)
    tell(options, *notes)
    features = read_features(options, pooling="average")
    from neural_painter.painter.styling import StrokeStyle

    return StrokeStyle(picture, features, config_from(options, StrokeStyleConfig))


def _styled(options: argparse.Namespace) -> list[str]:
    """The options of the style, as words for another command."""
    if not options.style:
        return []
    words = ["--style", str(options.style)]
    words += ["--features", options.features] if options.features != FEATURES else []
    for option in fields_of(StrokeStyleConfig):
        if hasattr(options, option.name):
            words += [f"--{option.name.replace('_', '-')}", str(getattr(options, option.name))]
    return words


def _check_device(config: PaintConfig) -> None:
    if config.device == "cuda":  # the others are always there, and torch need not be loaded yet
        from neural_painter.devices import choose_device

        choose_device(config.device)


def _writable(jobs: list[Job], *, many: bool, overwrite: bool) -> list[Job]:
    """The jobs whose outputs can be written; of many, the others are reported."""
    ready = []
    for job in jobs:
        try:
            for path in job.outputs:
                check_output(path, overwrite=overwrite)
            ready.append(job)
        except Exception as error:
            if not many:
                raise
            report(error)
    return ready


def _paint(
    job: Job,
    config: PaintConfig,
    resume: StrokeDocument | None,
    style: StrokeStyle | None,
    options: argparse.Namespace,
    interrupts: Interrupts,
) -> bool:
    """Paints one photo and writes its outputs; False where it was interrupted."""
    from neural_painter.images import read_image

    began = time.perf_counter()
    notes: list[str] = []
    with job.timed("read"):
        image = read_image(job.photo, canvas=config.canvas, notes=notes)
    size = fit_size(options.size, image.shape[:2], job.photo)
    tell(options, *notes)
    from neural_painter.painting import Progress, paint

    with Bar(job.photo.name, show=not options.quiet) as bar:

        def on_step(progress: Progress) -> None:
            bar.show(progress)
            interrupts.after_step()

        painting = paint(image, config, on_step=on_step, resume=resume, style=style)
    job.seconds |= {phase: value for phase, value in painting.seconds.items() if phase != "total"}
    if painting.recovered:
        tell(options, f"{job.photo.name}: {painting.recovered} gradients were not finite and were left out")
    if painting.finished:
        _write_finished(job, painting, size, options, interrupts)
    elif not len(painting.strokes):
        say("interrupted before the first stroke; nothing was written")
        return False
    else:
        _write_unfinished(job, painting, size, options, interrupts)
    job.seconds["total"] = time.perf_counter() - began
    if options.json:
        emit(json_line(job.photo, job.written, painting.document, job.seconds, painting))
    score = "" if painting.psnr is None else f", {painting.psnr:.1f} dB"
    score += f", {told_style(painting)}" if painting.style_distance else ""
    if painting.finished:
        shown = ", ".join(str(path) for path in job.written)
        tell(options, f"{shown}: {len(painting.strokes)} strokes{score}, {job.seconds['total']:.1f} s")
    return painting.finished


def _write_finished(
    job: Job, painting: Painting, size: tuple[int, int], options: argparse.Namespace, interrupts: Interrupts
) -> None:
    """Writes the outputs; where that fails, the strokes are kept, for they took long and the rest is quick."""
    try:
        interrupts.stop_waiting()
        with job.timed("write"):
            _write(job, painting, size, options)
    except BaseException:
        with interrupts.held():
            kept = keep(painting.document, job.outputs[0], "strokes", overwrite=options.overwrite)
            words = _chosen([path for path in job.outputs if path not in job.written], options)
            say(f"the strokes are kept in {kept}", hint=f"To write the rest: {command('render', str(kept), *words)}")
        raise


def _write_unfinished(
    job: Job, painting: Painting, size: tuple[int, int], options: argparse.Namespace, interrupts: Interrupts
) -> None:
    """Keeps the strokes first, which is quick, then writes the outputs as they stand, and says how to go on."""
    kept = None
    try:
        with interrupts.held():
            beside, own = job.outputs[0], options.resume
            kept = keep(painting.document, beside, "unfinished", overwrite=options.overwrite, own=own)
        with job.timed("write"):
            _write(job, painting, size, options)
    except (KeyboardInterrupt, Exception) as error:
        if kept is None:
            raise
        if not isinstance(error, KeyboardInterrupt):
            report(error)
    words = [
        str(job.photo),
        "--resume",
        str(kept),
        *_styled(options),
        *_chosen(job.outputs, options, replace=bool(job.written)),
    ]
    words += ["--device", options.device] if hasattr(options, "device") else []
    job.written.append(kept)
    say(f"interrupted; the painting so far is kept in {kept}", hint=f"To go on: {command(*words)}")


def _write(job: Job, painting: Painting, size: tuple[int, int], options: argparse.Namespace) -> None:
    write_outputs(
        painting.document,
        job.outputs,
        size,
        animation_of(options),
        overwrite=options.overwrite,
        written=job.written,
    )


def _chosen(outputs: Iterable[Path], options: argparse.Namespace, *, replace: bool = False) -> list[str]:
    """The options of what is written, as words for another command."""
    words = [word for path in outputs for word in ("-o", str(path))]
    if options.size:
        size = options.size
        words += ["--size", str(size) if isinstance(size, int) else f"{size[1]}x{size[0]}"]
    words += [word for name, value in animation_of(options).items() for word in (f"--{name}", f"{value:g}")]
    return [*words, "--overwrite"] if replace or options.overwrite else words
