"""`paint.py restyle DOCUMENT --style PICTURE`: gives the strokes of a painting the style of a picture."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from neural_painter.cli.failures import DONE, INTERRUPTED, STATUSES, command, emit, program, report, say, tell
from neural_painter.cli.features import add_features, read_features
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
from neural_painter.cli.outputs import check_animations, check_names, folders_made, keep, name_outputs, stem_of
from neural_painter.cli.progress import Bar, kernel_notice
from neural_painter.cli.results import json_line, told_style, write_outputs
from neural_painter.files import check_output
from neural_painter.painter.config import StrokeStyleConfig

if TYPE_CHECKING:
    from neural_painter.painting import Painting

DEFAULT_OUTPUT = "{name}-styled.png"

DESCRIPTION = """Gives the strokes of a painting the style of a picture. They stay strokes: all exports work as before.

  python paint.py restyle cat.npz --style starry-night.jpg -o cat-by-vincent.png -o cat-by-vincent.npz
  python paint.py restyle cat.npz --style wave.jpg --style-mode color --features vgg19_16x.safetensors"""

EPILOG = f"""Ctrl-C writes the painting as far as it has come.

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
    add_config(made, StrokeStyleConfig)
    add_features(made)
    made.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to compute (default: auto)"
    )
    add_outputs(made, painting_outputs("{name} is", DEFAULT_OUTPUT))
    return made


def run(words: list[str]) -> int:
    """Restyles the document; returns the exit status."""
    options = parser().read(words)
    config = config_from(options, StrokeStyleConfig)
    began = time.perf_counter()
    with Interrupts() as interrupts, kernel_notice(show=not options.quiet):
        from neural_painter.tables import suffix_of

        source = options.document
        suffix_of(source)
        outputs = name_outputs(options.output, DEFAULT_OUTPUT, name=stem_of(source))
        inputs = [(source, outputs), (options.style, ()), *([(options.photo, ())] if options.photo else [])]
        check_names(inputs, options.output, many=False)
        check_animations(inputs, animation_of(options))
        with folders_made(options.output):
            for path in outputs:
                check_output(path, overwrite=options.overwrite)
            from neural_painter.images import read_image
            from neural_painter.painting import Progress, restyle
            from neural_painter.strokes import read_document

            document = read_document(source)
            size = fit_size(options.size, document.size, source)
            notes: list[str] = []
            picture = read_image(options.style, notes=notes)
            photo = read_image(options.photo, notes=notes) if options.photo else None
            from neural_painter.painter.styling import StrokeStyle

            style = StrokeStyle(picture, read_features(options, pooling="average"), config)
            read = time.perf_counter() - began
            tell(options, *notes)
            with Bar(source.name, show=not options.quiet) as bar:

                def on_step(progress: Progress) -> None:
                    bar.show(progress)
                    interrupts.after_step()

                painting = restyle(document, style, photo=photo, device=options.device, on_step=on_step)
            interrupts.stop_waiting()
            written: list[Path] = []
            writing = time.perf_counter()
            try:
                write_outputs(
                    painting.document,
                    outputs,
                    size,
                    animation_of(options),
                    overwrite=options.overwrite,
                    written=written,
                )
            except BaseException as error:
                _keep(painting, outputs, written, overwrite=options.overwrite)
                if painting.finished or isinstance(error, KeyboardInterrupt):
                    raise
                report(error)
    ended = time.perf_counter()
    seconds = {"read": read, **painting.seconds, "write": ended - writing, "total": ended - began}
    if options.json:
        emit(json_line(source, written, painting.document, seconds, painting))
    shown = ", ".join(str(path) for path in written)
    if not painting.finished:
        say(f"interrupted; the painting so far is kept in {shown}" if written else "interrupted")
        return INTERRUPTED
    tell(options, f"{shown}: {len(painting.strokes)} strokes, {told_style(painting)}, {seconds['total']:.1f} s")
    return DONE


def _keep(painting: Painting, outputs: tuple[Path, ...], written: list[Path], *, overwrite: bool) -> None:
    """Keeps the strokes where an output cannot be written, for they took long and the rest is quick."""
    kept = keep(painting.document, outputs[0], "strokes", overwrite=overwrite)
    words = [word for path in outputs if path not in written for word in ("-o", str(path))]
    say(f"the strokes are kept in {kept}", hint=f"To write the rest: {command('render', str(kept), *words)}")
