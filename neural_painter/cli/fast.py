"""`paint.py fast INPUT [MODEL]`: restyles pictures and films in one pass of a trained network."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neural_painter.cli.course import Course
from neural_painter.cli.failures import STATUSES
from neural_painter.cli.films import DEFAULT_END, change_film, film_job, film_size, is_film
from neural_painter.cli.jobs import Job, Outcome
from neural_painter.cli.options import (
    Parser,
    add_config,
    add_device,
    add_manners,
    add_output,
    add_pictures,
    config_from,
    fit_size,
)
from neural_painter.cli.outputs import picture_end
from neural_painter.cli.pictures import find_photos, picture_writer, read_photo
from neural_painter.cli.streams import program
from neural_painter.cli.transfers import STATE
from neural_painter.errors import UsageError
from neural_painter.fast.config import FilmConfig
from neural_painter.fast.shipped import STYLES, listed, model_file, shipped

if TYPE_CHECKING:
    from neural_painter.fast.model import StyleModel
    from neural_painter.images import Array

DEFAULT_OUTPUT = "{name}-{style}"

DESCRIPTION = """Restyles pictures and films in one pass of a trained network: seconds, not minutes.

  python paint.py fast cat.jpg
  python paint.py fast cat.jpg great-wave
  python paint.py fast cat.jpg candy.t7 -o cat-candy.png --original-colors
  python paint.py fast photos/ mine.safetensors -o restyled/
  python paint.py fast cat.mp4 mosaic.onnx -o cat-mosaic.mp4"""

EPILOG = f"""Of a folder, a picture that fails is reported, and the others are restyled; results of this command are
left alone. The sound of a film stays. Ctrl-C keeps the film so far. Of a film or a large picture that takes longer, the
state is kept every ten seconds as NAME.unfinished.film or .safetensors, and --resume goes on with it.

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
        help="of the style: one that comes with the project, by its name, or a file: .safetensors, .onnx or Torch7's "
        f".t7; its content decides what it is (default: {STYLES[0].name})",
    )
    made.add_argument("--styles", action="version", version=listed(), help="list the styles of the project and leave")
    made.add_argument(
        "--original-colors", action="store_true", help="keep the input's colours; the style changes luminance only"
    )
    add_config(made, FilmConfig)
    add_device(made)
    add_output(
        made,
        "what to write: pictures (.png, .jpg, .webp, .tiff), may be repeated; of a film, one film (.mp4, .m4v, .mov, "
        ".mkv, .webm). {name} and {style} are filled in; a folder takes the default name (default: "
        f"{DEFAULT_OUTPUT}.png or {DEFAULT_END} in the current folder)",
        size="the input's own size",
    )
    add_pictures(made)
    made.add_argument(
        "--resume", type=Path, metavar="FILE", help="go on with an unfinished film or picture of the same input"
    )
    add_manners(made)
    return made


def run(words: list[str]) -> int:
    """Restyles; returns the exit status."""
    with Course(parser(), words) as course:
        options = course.options
        steady = config_from(options, FilmConfig).steady
        path = model_file(options.model or shipped())
        course.reads(path, options.resume)
        many = options.input.is_dir()
        load = cache(lambda: _load(course, path))
        if not many and is_film(options.input):
            film = film_job(course, options.input, DEFAULT_OUTPUT, style=path.stem)
            return course.run(film, lambda job: _restyle_film(course, job, load(), path, steady))
        if options.resume and many:
            raise UsageError("--resume: goes on with one film or picture, got a folder")
        photos = find_photos(course, [options.input])
        jobs = course.jobs(photos, DEFAULT_OUTPUT + ".png", picture_end, many=many, style=path.stem)
        return course.run(jobs if many else jobs[0], lambda job: _restyle_picture(course, job, load(), path))


def _load(course: Course, path: Path) -> StyleModel:
    from neural_painter.fast.model import load_model

    device = course.options.device
    model = load_model(path, device=device)
    if device == "cuda" and _device(model) == "cpu":
        course.tell(f"{path}: a model of this kind runs on the CPU")
    course.tell(*getattr(model, "notes", ()))  # what had to be assumed of a stranger's ONNX
    return model


def _device(model: StyleModel) -> str:
    device = getattr(model, "device", None)  # ONNX has none
    return device.type if device else "cpu"


def _facts(model: StyleModel, path: Path) -> dict[str, Any]:
    return {"model": path, "style": model.name or path.stem, "device": _device(model)}


def _restyled(
    course: Course, picture: Array, size: tuple[int, int], model: Callable[..., Array], **keeping: Any
) -> Array:
    """A picture `[H, W, 3]` float32 in [0, 1] in the style, at a size `(height, width)`."""
    import numpy as np

    from neural_painter.colour import with_colors_of
    from neural_painter.images import resize

    if size != picture.shape[:2]:
        picture = np.clip(resize(picture, size=size), 0, 1).astype(np.float32)
    made = model(picture, **keeping)
    return with_colors_of(picture, made) if course.options.original_colors else made


def _restyle_picture(course: Course, job: Job, model: StyleModel, path: Path) -> Outcome:
    with job.timed("read"):
        photo = read_photo(course, job)
    size = fit_size(course.options.size, photo.size, job.source)
    keeping = _keeping(course, job, photo.pixels, size, model, path)
    try:
        with job.timed("restyle"):
            made = _restyled(course, photo.pixels, size, model, **keeping)
    except KeyboardInterrupt:
        if job.state is None or not job.state.exists():
            raise
        stopped = f"interrupted; what was done is kept in {job.state}", course.go_on(job)
        return Outcome(finished=False, stopped=stopped, facts=_facts(model, path))
    return Outcome(write=picture_writer(course, made, photo), facts=_facts(model, path))


def _keeping(
    course: Course, job: Job, picture: Array, size: tuple[int, int], model: StyleModel, path: Path
) -> dict[str, Any]:
    """What has a picture kept while it is restyled, and what an earlier run has left of it."""
    resumed = course.options.resume
    if not getattr(model, "keeps", False):
        if resumed:
            raise UsageError(f"--resume: {path} runs in one go here, so there is nothing to go on with")
        return {}
    from neural_painter.fast.strip_state import StripState, read_state, write_state
    from neural_painter.unfinished import fingerprint

    colors = course.options.original_colors
    belongs_to = fingerprint(picture, f"{size}", hashlib.sha256(path.read_bytes()).hexdigest())

    def save(file: Path, state: StripState) -> None:
        write_state(file, state, belongs_to, original_colors=colors)

    state = None
    if resumed:
        state, job.state = read_state(resumed, belongs_to, size, original_colors=colors), resumed
    return {"on_state": course.saver(job, STATE, save, steps=False), "state": state}


def _restyle_film(course: Course, job: Job, model: StyleModel, path: Path, weight: float) -> Outcome:
    from neural_painter.fast.steady import Steady
    from neural_painter.images import checked_picture, to_uint8
    from neural_painter.video import probe

    film = probe(job.source)
    size, steady = film_size(course, job, (film.height, film.width)), Steady(model, weight) if weight else None

    def change(frame: Array) -> Array:
        wanted = size or (frame.shape[0], frame.shape[1])
        return to_uint8(_restyled(course, checked_picture(frame), wanted, steady or model))

    fingerprint = _fingerprint(course, path, size, weight)
    return change_film(course, job, film, change, memory=steady, fingerprint=fingerprint, facts=_facts(model, path))


def _fingerprint(course: Course, path: Path, size: tuple[int, int] | None, steady: float) -> str:
    """Tells this way of restyling from others."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    told = f" steady {steady}" if steady else ""
    return f"fast {digest} {size} {course.options.original_colors}{told}"
