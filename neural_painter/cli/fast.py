"""`paint.py fast INPUT [MODEL]`: restyles pictures and films in one pass of a trained network."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neural_painter.cli.failures import DONE, INTERRUPTED, PARTLY, STATUSES, emit, program, report, say, tell
from neural_painter.cli.interrupts import Interrupts
from neural_painter.cli.options import Parser, add_manners, add_output, fit_size
from neural_painter.cli.outputs import check_names, folders_made, name_outputs
from neural_painter.cli.progress import Bar, kernel_notice
from neural_painter.errors import InputError, UsageError
from neural_painter.files import check_output

if TYPE_CHECKING:
    from neural_painter.fast.model import StyleModel
    from neural_painter.images import Array
    from neural_painter.video import Film

Job = tuple[Path, tuple[Path, ...]]
"""What to restyle, and where to."""

DEFAULT_OUTPUT = "{name}-{style}"
DEFAULT_FILM = ".mp4"

DESCRIPTION = """Restyles pictures and films in one pass of a trained network: seconds, not minutes.

  python paint.py fast cat.jpg
  python paint.py fast cat.jpg candy.t7 -o cat-candy.png --original-colors
  python paint.py fast photos/ mine.safetensors -o restyled/
  python paint.py fast cat.mp4 mosaic.onnx -o cat-mosaic.mp4"""

EPILOG = f"""Of a folder, a picture that fails is reported, and the others are restyled. Ctrl-C keeps the film so far.
The sound of a film stays.

{STATUSES}"""


def parser() -> Parser:
    """The options of the command."""
    made = Parser("fast", usage=f"{program()} fast INPUT [MODEL] [options]", description=DESCRIPTION, epilog=EPILOG)
    made.add_argument("input", type=Path, metavar="INPUT", help="a picture, a folder of pictures, or a film")
    made.add_argument(
        "model",
        type=Path,
        nargs="?",
        metavar="MODEL",
        help="of the style: .safetensors, .onnx or Torch7's .t7; its content decides what it is (default: the style "
        "that comes with the project)",
    )
    made.add_argument(
        "--original-colors", action="store_true", help="keep the input's colours; the style changes luminance only"
    )
    made.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to compute (default: auto)"
    )
    add_output(
        made,
        "what to write: pictures (.png, .jpg, .webp, .tiff), may be repeated; of a film, one film (.mp4, .m4v, .mov, "
        ".mkv, .webm). {name} and {style} are filled in; a folder takes the default name (default: "
        f"{DEFAULT_OUTPUT}.png or {DEFAULT_FILM} in the current folder)",
        size="the input's own size",
    )
    add_manners(made)
    return made


def run(words: list[str]) -> int:
    """Restyles; returns the exit status."""
    options = parser().read(words)
    with Interrupts(), kernel_notice(show=not options.quiet):
        from neural_painter.fast.files import shipped
        from neural_painter.video import check_target, is_video, probe

        options.model = options.model or shipped()
        many = options.input.is_dir()
        film = not many and is_video(options.input)
        end = _film_end(options.input) if film else ".png"
        jobs = [
            (source, name_outputs(options.output, DEFAULT_OUTPUT + end, name=source.stem, style=options.model.stem))
            for source in (_pictures(options) if many else [options.input])
        ]
        check: Callable[[Path], object] = check_target if film else _check_picture
        check_names([*jobs, (options.model, ())], options.output, many=many, check=check)
        if film and len(options.output) > 1:
            raise UsageError(f"-o: expected one output of a film, got {len(options.output)}")
        with folders_made(options.output):
            if not many:
                _check_outputs(jobs[0], options)
            found = probe(options.input) if film else None
            model = _load(options)
            if found:
                return _restyle_film(jobs[0], found, model, options)
            return _restyle_pictures(jobs, model, options, many=many)


def _film_end(path: Path) -> str:
    from neural_painter.video import TARGETS

    return path.suffix if path.suffix.lower() in TARGETS else DEFAULT_FILM


def _pictures(options: argparse.Namespace) -> list[Path]:
    """The pictures of the folder; films in it are left out, and a user is told so."""
    from neural_painter.images import find_pictures
    from neural_painter.video import is_video

    found = find_pictures(options.input)
    films = sum(is_video(entry) for entry in options.input.iterdir())
    if not found:
        hint = "Films are restyled one at a time: name one of them." if films else None
        raise InputError(f"{options.input}: holds no pictures", hint=hint)
    if films:
        tell(options, f"{options.input}: {films} film(s) in it left out; they are restyled one at a time")
    return found


def _check_picture(path: Path) -> None:
    from neural_painter.export import SUPPORTED, kind

    found = None
    with suppress(UsageError):
        found = kind(path)
    if found != "picture":
        ends = [end for end, what in SUPPORTED.items() if what == "picture"]
        raise UsageError(f"{path}: of a picture, expected the name of a picture", hint=f"Supported: {', '.join(ends)}")


def _check_outputs(job: Job, options: argparse.Namespace) -> None:
    for path in job[1]:
        check_output(path, overwrite=options.overwrite)


def _load(options: argparse.Namespace) -> StyleModel:
    from neural_painter.fast.model import load_model

    model = load_model(options.model, device=options.device)
    if options.device == "cuda" and _device(model) == "cpu":
        tell(options, f"{options.model}: a model of this kind runs on the CPU")
    return model


def _device(model: StyleModel) -> str:
    device = getattr(model, "device", None)  # ONNX has none
    return device.type if device else "cpu"


def _restyled(picture: Array, size: tuple[int, int], model: StyleModel, options: argparse.Namespace) -> Array:
    """A picture `[H, W, 3]` float32 in [0, 1] in the style, at a size `(height, width)`."""
    import numpy as np

    from neural_painter.colour import with_colors_of
    from neural_painter.images import resize

    if size != picture.shape[:2]:
        picture = np.clip(resize(picture, size=size), 0, 1).astype(np.float32)
    made = model(picture)
    return with_colors_of(picture, made) if options.original_colors else made


def _restyle_pictures(jobs: Sequence[Job], model: StyleModel, options: argparse.Namespace, *, many: bool) -> int:
    """Restyles all; of many, those that fail are reported."""
    failed = False
    with Bar(options.input.name, show=many and not options.quiet) as bar:
        for number, job in enumerate(jobs):
            bar.move(number / len(jobs), f"picture {number + 1}/{len(jobs)}", job[0].name)
            try:
                _restyle_picture(job, model, options)
            except Exception as error:
                if not many:
                    raise
                report(error)
                failed = True
    return PARTLY if failed else DONE


def _restyle_picture(job: Job, model: StyleModel, options: argparse.Namespace) -> None:
    from neural_painter.images import read_image, write_image

    _check_outputs(job, options)
    source, outputs = job
    times = [time.perf_counter()]
    notes: list[str] = []
    picture = read_image(source, notes=notes)
    size = fit_size(options.size, (picture.shape[0], picture.shape[1]), source)
    tell(options, *notes)
    times.append(time.perf_counter())
    made = _restyled(picture, size, model, options)
    times.append(time.perf_counter())
    for path in outputs:
        write_image(path, made, overwrite=options.overwrite)
    times.append(time.perf_counter())
    seconds = {
        phase: after - before
        for phase, before, after in zip(("read", "restyle", "write"), times[:-1], times[1:], strict=True)
    }
    seconds["total"] = times[-1] - times[0]
    if options.json:
        emit(_json(job, model, options, seconds))
    tell(options, f"{', '.join(map(str, outputs))}: {seconds['total']:.1f} s")


def _restyle_film(job: Job, film: Film, model: StyleModel, options: argparse.Namespace) -> int:
    import numpy as np

    from neural_painter.images import to_uint8
    from neural_painter.video import transform_video

    source, (output,) = job
    size = _film_size(film, options)
    began = time.perf_counter()
    notes: list[str] = []

    def change(frame: Array) -> Array:
        wanted = size or (frame.shape[0], frame.shape[1])
        return to_uint8(_restyled(frame.astype(np.float32) / 255, wanted, model, options))

    with Bar(source.name, show=not options.quiet) as bar:

        def on_frame(number: int) -> None:
            done = min(1.0, number / film.frames) if film.frames else 0.0
            rate = number / (time.perf_counter() - began)
            bar.move(done, f"frame {number}" + (f"/{film.frames}" if film.frames else ""), f"{rate:.1f} frames/s")

        written = transform_video(source, output, change, overwrite=options.overwrite, on_frame=on_frame, notes=notes)
    seconds = {"total": time.perf_counter() - began}
    tell(options, *notes)
    if options.json:
        more = {"frames": written.frames, "audio": list(written.audio), "finished": written.finished}
        emit(_json(job, model, options, seconds, **more))
    if not written.finished:
        say(f"interrupted; the film so far is kept in {output}, {written.frames} frames")
        return INTERRUPTED
    tell(options, f"{output}: {written.frames} frames, {seconds['total']:.1f} s")
    return DONE


def _film_size(film: Film, options: argparse.Namespace) -> tuple[int, int] | None:
    """The size `(height, width)` of frames that was asked for; None for their own."""
    if options.size is None:
        return None
    height, width = fit_size(options.size, (film.height, film.width), options.input)
    if not isinstance(options.size, int):
        return height, width
    # Many players show even sides only, and the user chose the long one alone.
    if height < width:
        height = max(2, 2 * round(height / 2))
    elif width < height:
        width = max(2, 2 * round(width / 2))
    return height, width


def _json(job: Job, model: StyleModel, options: argparse.Namespace, seconds: dict[str, float], **more: Any) -> str:
    return json.dumps(
        {
            "input": str(job[0]),
            "outputs": [str(path) for path in job[1]],
            "model": str(options.model),
            "style": model.name or options.model.stem,
            "device": _device(model),
            "seconds": {phase: round(value, 3) for phase, value in seconds.items()},
            "finished": True,
            **more,
        },
        ensure_ascii=False,
    )
