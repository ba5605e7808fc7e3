"""`paint.py style CONTENT STYLE...`: a picture in the manner of others, by optimisation."""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING

from neural_painter.cli.failures import DONE, INTERRUPTED, STATUSES, emit, program, say, tell
from neural_painter.cli.features import add_features, read_features
from neural_painter.cli.interrupts import Interrupts
from neural_painter.cli.options import Parser, add_config, add_manners, add_output, config_from, fit_size
from neural_painter.cli.outputs import check_names, check_pictures, folders_made, name_outputs
from neural_painter.cli.progress import Bar
from neural_painter.errors import UsageError
from neural_painter.files import check_output
from neural_painter.style.config import StyleConfig

if TYPE_CHECKING:
    from neural_painter.style.gatys import StyleProgress, StyleResult

DEFAULT_OUTPUT = "{name}-style.png"
DEFAULT_SIDE = 512

DESCRIPTION = """Paints a picture in the manner of one or more others (artistic style transfer by optimisation).

  python paint.py style cat.jpg starry-night.jpg -o cat-by-vincent.png --features vgg19_16x.safetensors
  python paint.py style cat.jpg wave.jpg candy.jpg --style-blend 2,1 --original-colors"""

EPILOG = f"""Ctrl-C keeps the picture so far.

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
    add_output(
        made,
        "the picture to write (.png, .jpg, .webp, .tiff). May be repeated; {name} is filled in; a folder takes the "
        f"default name (default: {DEFAULT_OUTPUT} in the current folder)",
        size=f"{DEFAULT_SIDE}, or the picture's own size where that is smaller",
    )
    add_manners(made)
    return made


def run(words: list[str]) -> int:
    """Restyles; returns the exit status."""
    options = parser().read(words)
    config = config_from(options, StyleConfig)
    blend = _blend(options)
    began = time.perf_counter()
    with Interrupts() as interrupts:
        outputs = name_outputs(options.output, DEFAULT_OUTPUT, name=options.content.stem)
        inputs = [(options.content, outputs), *((style, ()) for style in options.styles)]
        check_names(inputs, options.output, many=False)
        check_pictures(outputs)
        with folders_made(options.output):
            for path in outputs:
                check_output(path, overwrite=options.overwrite)
            from neural_painter.images import read_image, resize, write_image
            from neural_painter.style.gatys import style_picture

            notes: list[str] = []
            content = read_image(options.content, notes=notes)
            styles = [read_image(path, notes=notes) for path in options.styles]
            asked = options.size or min(DEFAULT_SIDE, max(content.shape[:2]))
            size = fit_size(asked, (content.shape[0], content.shape[1]), options.content)
            content = resize(content, size=size) if size != content.shape[:2] else content
            features = read_features(options, pooling=options.pooling)
            read = time.perf_counter() - began
            tell(options, *notes)
            with Bar(options.content.name, show=not options.quiet) as bar:

                def on_step(progress: StyleProgress) -> None:
                    bar.move(progress.step / progress.steps, f"{progress.size} px", f"loss {progress.loss:.4f}")
                    interrupts.after_step()

                result = style_picture(
                    content, styles, weights=blend, config=config, features=features, on_step=on_step
                )
            if result.finished:
                interrupts.stop_waiting()
            for path in outputs:
                write_image(path, result.picture, overwrite=options.overwrite)
    seconds = {"read": read, **result.seconds, "total": time.perf_counter() - began}
    if options.json:
        emit(_json(options, outputs, result, seconds))
    shown = ", ".join(str(path) for path in outputs)
    if not result.finished:
        say(f"interrupted; the picture so far is kept in {shown}")
        return INTERRUPTED
    tell(options, f"{shown}: {seconds['total']:.1f} s")
    return DONE


def _blend(options: argparse.Namespace) -> list[float] | None:
    if options.style_blend is None:
        return None
    try:
        found = [float(word) for word in options.style_blend.split(",")]
    except ValueError:
        raise UsageError(f"--style-blend: expected numbers like 2,1, got {options.style_blend!r}") from None
    if len(found) != len(options.styles):
        raise UsageError(f"--style-blend: expected {len(options.styles)} numbers, one for each STYLE, got {len(found)}")
    if not (all(math.isfinite(w) and w >= 0 for w in found) and sum(found) > 0):
        raise UsageError("--style-blend: expected numbers >= 0 that are not all 0")
    return found


def _json(
    options: argparse.Namespace, outputs: tuple[Path, ...], result: StyleResult, seconds: dict[str, float]
) -> str:
    return json.dumps(
        {
            "input": str(options.content),
            "styles": [str(path) for path in options.styles],
            "outputs": [str(path) for path in outputs],
            "device": result.device,
            "seconds": {phase: round(value, 3) for phase, value in seconds.items()},
            "losses": {
                name: round(value, 8) if math.isfinite(value) else None for name, value in result.losses.items()
            },
            "finished": result.finished,
        },
        ensure_ascii=False,
    )
