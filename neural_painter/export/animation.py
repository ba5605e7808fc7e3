"""A painting coming into being, stroke by stroke: MP4, GIF and animated WebP.

Every frame paints only its own new strokes over the frame before, and goes to the encoder at once: memory does not grow
with the number of frames.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from neural_painter.errors import OutputError
from neural_painter.export.finish import FLAT, Finish
from neural_painter.export.gif import write_gif
from neural_painter.export.rendering import growing
from neural_painter.export.wishes import DURATION, FPS, HOLD, Wishes, check_timing, frames_of
from neural_painter.files import check_output, written_whole
from neural_painter.journal import Journal
from neural_painter.strokes import StrokeDocument
from neural_painter.video.even import write_evenly

Array = np.ndarray

MOST_SIDE = {".mp4": 16_384, ".gif": 65_535, ".webp": 16_383}
"""Pixels; of H.264 by its encoder, of the others by their formats."""


def write_animation(
    path: Path | str,
    document: StrokeDocument,
    size: tuple[int, int],
    *,
    duration: float = DURATION,
    fps: float = FPS,
    hold: float = HOLD,
    overwrite: bool = True,
    journal: Journal | None = None,
    finish: Finish = FLAT,
) -> None:
    """Writes an animation of the strokes in painting order, spread evenly over time, then held.

    Args:
        path: ends in .mp4, .gif or .webp. MP4 is H.264, 4:2:0, of even width and height: where `size` is odd, the last
            row or column is repeated. GIF and WebP repeat for ever.
        document: what to paint.
        size: (height, width) in pixels.
        duration: seconds of painting, up to an hour. The first frame shows the first strokes, the last frame all.
        fps: frames a second, up to 120; 50 in a GIF.
        hold: seconds for which the finished painting stays, 0 to an hour.
        overwrite: whether a file that exists may be replaced.
        journal: keeps what is painted; frames that it has of an earlier run are encoded again, but not painted.
        finish: how the paint is shown.

    Raises:
        UsageError: another extension, or a number out of its range.
        OutputError: the file exists and `overwrite` is false, cannot be written, or the encoder failed.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    check_timing(path, duration=duration, fps=fps, hold=hold)
    check_output(path, overwrite=overwrite)
    if max(size) > MOST_SIDE[suffix]:
        shown = f"{size[1]}x{size[0]}"
        raise OutputError(f"{path}: {suffix[1:].upper()} holds at most {MOST_SIDE[suffix]} px a side, got {shown}")
    frames = frames_of(duration, fps)
    held = round(hold * fps)
    count = len(document.strokes)
    stops = (count * frame // frames for frame in range(1, frames + 1))
    pictures = growing(document, size, stops, journal, finish=finish)
    with written_whole(path, overwrite=overwrite) as temporary:
        if suffix == ".gif":
            with temporary.open("wb") as file:
                write_gif(file, pictures, size, fps, held)
        else:
            write_evenly(temporary, _with_hold(pictures, held), size, fps, path=path)


def export(path: Path, document: StrokeDocument, wishes: Wishes) -> None:
    """Writes MP4, GIF or animated WebP."""
    write_animation(
        path,
        document,
        wishes.size,
        duration=wishes.duration,
        fps=wishes.fps,
        hold=wishes.hold,
        overwrite=wishes.overwrite,
        journal=wishes.journal,
        finish=wishes.finish,
    )


def _with_hold(pictures: Iterable[Array], held: int) -> Iterator[Array]:
    for picture in pictures:
        yield picture
    for _ in range(held):
        yield picture
