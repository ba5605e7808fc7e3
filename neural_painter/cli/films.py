"""Films as commands make them of films: `paint` and `fast` share this."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neural_painter.cli.course import Course
from neural_painter.cli.jobs import Job, Outcome
from neural_painter.cli.options import fit_size
from neural_painter.cli.progress import Bar
from neural_painter.cli.words import command
from neural_painter.errors import InputError, UsageError

if TYPE_CHECKING:
    import numpy as np

    from neural_painter.video import Film
    from neural_painter.video.writing import Memory

    Array = np.ndarray

DEFAULT_END = ".mp4"


def is_film(path: Path) -> bool:
    """Whether a file is a film, by its content. What reads films is loaded only where it begins like one."""
    from neural_painter.files import HEAD, kind_of

    try:
        if not path.is_file():  # opening a pipe would wait for its writer
            return False
        with path.open("rb") as file:
            kind = kind_of(file.read(HEAD))
    except (OSError, ValueError):
        return False
    if kind != "ogg" and not kind.startswith("video/"):
        return False
    from neural_painter.video import is_video

    return is_video(path)


def film_job(
    course: Course,
    source: Path,
    default: str,
    check: Callable[[Path], object] | None = None,
    **fills: str,
) -> Job:
    """The job of a film; `default` is the name without its end.

    Args:
        course: of the command.
        source: the film.
        default: name of the output where `-o` gives none.
        check: of each name; without it, there is one output, and that a film.
        fills: what `{name}` and the like stand for.

    Raises:
        UsageError: a name that cannot be written, or several.
        InputError: the film to go on with is not there.
    """
    from neural_painter.video import TARGETS, check_target

    end = source.suffix if source.suffix.lower() in TARGETS else DEFAULT_END
    job = course.job(source, default + end, check or check_target, **fills)
    if course.options.resume and not course.options.resume.is_file():
        raise InputError(f"{course.options.resume}: no such file")
    if check is None and len(job.outputs) > 1:
        raise UsageError(f"-o: expected one output of a film, got {len(job.outputs)}")
    return job


def film_size(course: Course, job: Job, size: tuple[int, int]) -> tuple[int, int] | None:
    """The size `(height, width)` of frames that was asked for; None for their own `size`."""
    asked = course.options.size
    if asked is None:
        return None
    height, width = fit_size(asked, size, job.source)
    if not isinstance(asked, int):
        return height, width
    # Many players show even sides only, and the user chose the long one alone.
    if height < width:
        height = max(2, 2 * round(height / 2))
    elif width < height:
        width = max(2, 2 * round(width / 2))
    return height, width


def shown_frames(bar: Bar, frames: int | None) -> Callable[[int], None]:
    """What moves a bar on after each of so many frames."""
    began = time.perf_counter()

    def on_frame(number: int) -> None:
        done = min(1.0, number / frames) if frames else 0.0
        rate = number / (time.perf_counter() - began)
        bar.move(done, f"frame {number}" + (f"/{frames}" if frames else ""), f"{rate:.1f} frames/s")

    return on_frame


def change_film(
    course: Course,
    job: Job,
    film: Film,
    change: Callable[[Array], Array],
    *,
    memory: Memory | None,
    fingerprint: str,
    facts: dict[str, Any],
) -> Outcome:
    """Makes a film of a film, frame by frame, with a bar; it is kept while it is made, as for `transform_video`."""
    from neural_painter.video import transform_video

    (output,) = job.outputs
    state = course.options.resume or course.state_of(job, ".film")
    notes: list[str] = []
    with course.bar(job) as bar:
        written = transform_video(
            job.source,
            output,
            change,
            metadata=not course.options.strip,
            overwrite=course.options.overwrite,
            unfinished=state,
            resume=bool(course.options.resume),
            fingerprint=fingerprint,
            memory=memory,
            on_frame=shown_frames(bar, film.frames),
            notes=notes,
        )
    course.note(job, *notes)
    job.written.append(output)
    hint = None
    if state.exists():
        hint = f"To go on: {command(*course.words(job, resume=state, overwrite=True))}"
    return Outcome(
        told=f"{written.frames} frames",
        finished=written.finished,
        stopped=(f"interrupted; the film so far is kept in {output}, {written.frames} frames", hint),
        facts={**facts, "frames": written.frames, "audio": list(written.audio)},
    )
