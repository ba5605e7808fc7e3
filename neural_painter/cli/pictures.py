"""Pictures as commands read and write them: found in folders, with transparency and what they say of themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from neural_painter import __version__
from neural_painter.cli.course import Course
from neural_painter.cli.failures import report
from neural_painter.cli.jobs import Job
from neural_painter.cli.words import signature
from neural_painter.errors import InputError

if TYPE_CHECKING:
    from neural_painter.images import Array, Metadata, Picture

WHITE = (1.0, 1.0, 1.0)


def find_photos(course: Course, words: Sequence[Path]) -> list[Path]:
    """The pictures that were named, and those of folders in order of name.

    A folder's results of the same command are left alone, and what is left out is told. A folder among others without
    pictures is reported, and the course has failed in part.

    Raises:
        InputError: the only folder holds no pictures, or is not there.
    """
    photos: list[Path] = []
    for path in words:
        if not path.is_dir():
            photos.append(path)
            continue
        try:
            photos += _in_folder(course, path)
        except InputError as error:
            if len(words) == 1:
                raise
            report(error)
            course.failed = True
    distinct = list({path.resolve(): path for path in reversed(photos)}.values())[::-1]
    if len(distinct) < len(photos):
        course.tell(f"{len(photos) - len(distinct)} of the pictures were named twice, and are worked on once")
    return distinct


def _in_folder(course: Course, folder: Path) -> list[Path]:
    from neural_painter.images import list_pictures, made_by

    command = course.parser.command or "paint"
    found = list_pictures(folder)
    own = [path for path in found.pictures if made_by(path) == command]
    pictures = [path for path in found.pictures if path not in own]
    if own:
        course.tell(f"{folder}: results of this command in it are left alone: {len(own)}")
    if told := found.told():
        course.tell(f"{folder}: {told}")
    if not pictures:
        raise InputError(f"{folder}: holds no pictures", hint=told)
    return pictures


def read_photo(
    course: Course,
    job: Job,
    path: Path | None = None,
    *,
    canvas: tuple[float, float, float] | None = None,
    needed: int | None = None,
) -> Picture:
    """Reads a picture, the job's own by default, as the options ask, and says what was noticed.

    Args:
        course, job: for whom.
        path: which.
        canvas: colour under transparent parts; that of `--canvas` by default, or white.
        needed: long side in pixels that will be used; the picture may be read at a smaller size, but not below this.
    """
    from neural_painter.images import read_picture

    notes: list[str] = []
    options = course.options
    if canvas is None:
        canvas = getattr(options, "canvas", WHITE)
    path = job.source if path is None else path
    picture = read_picture(path, canvas=canvas or WHITE, notes=notes, max_pixels=options.max_pixels, needed=needed)
    course.note(job, *notes)
    return picture


def signed(course: Course, picture: Picture | None, *, without: Sequence[str] = ()) -> Metadata:
    """What a result says of itself: what its photo said, unless --strip, and what made it.

    Args:
        course: whose result it is.
        picture: the photo.
        without: arguments that the command is told without.
    """
    from neural_painter.images import Metadata

    metadata = Metadata() if picture is None or course.options.strip else picture.metadata
    return metadata.signed(
        f"neural-painter {__version__}",
        signature(course.parser, course.options, without=without),
        made_by=course.parser.command or "paint",
    )


def picture_writer(
    course: Course, made: Array, photo: Picture, *, alpha: Array | None = None
) -> Callable[[Path], None]:
    """What writes a picture: with the photo's transparency where the format holds it, else laid over the canvas.

    Args:
        course: whose result it is.
        made: `[H, W, 3]` float32 in [0, 1].
        photo: what it was made from.
        alpha: `[H, W]` of the result; the photo's, resized, by default.
    """
    from neural_painter.images import resize, write_image
    from neural_painter.images.writing import holds_alpha

    size = made.shape[0], made.shape[1]
    if alpha is None and photo.alpha is not None:
        alpha = photo.alpha if photo.alpha.shape == size else resize(photo.alpha, size=size)
    metadata = signed(course, photo)

    def write(path: Path) -> None:
        picture, kept = made, alpha
        if kept is not None and not holds_alpha(path):
            import numpy as np

            share = kept[..., None]
            picture = (share * made + (1 - share) * np.asarray(course.options.canvas, np.float32)).astype(np.float32)
            kept = None
        write_image(path, picture, overwrite=course.options.overwrite, alpha=kept, metadata=metadata)

    return write
