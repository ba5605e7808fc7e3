"""A film's document as pictures again: any frame, or the film, of any size and kind, with its sound."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from neural_painter.errors import OutputError, UsageError
from neural_painter.export.deltas import changed, difference
from neural_painter.export.finish import FLAT, Finish
from neural_painter.export.gif import write_timed_gif
from neural_painter.export.rendering import render_bytes
from neural_painter.export.transparency import render_transparent
from neural_painter.files import check_output, written_whole
from neural_painter.film.reading import FilmDocument
from neural_painter.images import write_image
from neural_painter.images.writing import holds_alpha
from neural_painter.journal import Journal
from neural_painter.strokes import Strokes
from neural_painter.video.encoding import TARGETS, TRANSPARENT
from neural_painter.video.origin import Moment, Sound, Told
from neural_painter.video.reading import Say
from neural_painter.video.writing import Keeping, Written, write_video

Array = np.ndarray

GIF = ".gif"
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
"""Of single frames."""
MOST_SIDE = {GIF: 65_535}
_NUMBER = re.compile(r"%(0\d{1,2})?d")


def is_numbered(path: Path) -> bool:
    """Whether a name is that of single frames, as `frames/%05d.png`."""
    return len(_NUMBER.findall(path.name)) == 1 and path.suffix.lower() in PICTURES


def numbered(path: Path, frame: int) -> Path:
    """The name of a frame, counted from 1 as others do."""
    return path.with_name(_NUMBER.sub(lambda found: found[0] % frame, path.name, count=1))


def check_film_target(path: Path, *, transparent: bool = False) -> None:
    """Raises UsageError where a name is not that of a film, or of one that cannot be transparent."""
    suffix = path.suffix.lower()
    if not (suffix in TARGETS or suffix == GIF or is_numbered(path)):
        given = f"films ending in {path.suffix}" if path.suffix else "a film without an extension"
        kinds = ", ".join((*TARGETS, GIF))
        raise UsageError(f"{path}: cannot write {given}", hint=f"Supported: {kinds}, frames as %05d.png, .npz")
    if transparent and suffix not in TRANSPARENT and not (is_numbered(path) and holds_alpha(path)):
        kinds = ", ".join((*TRANSPARENT, "%05d.png", "%05d.webp", "%05d.tif"))
        raise UsageError(f"{path}: holds no transparency", hint=f"Those that do: {kinds}")


class Pictures:
    """What paints the frames of a film; one that has the strokes of the last is not painted again.

    Args:
        film: the document.
        size: `(height, width)` of the pictures.
        finish: how the paint is shown. Relief and paper belong to the canvas, and stay where they are.
        transparent: whether pictures have an alpha, `[H, W, 4]`.
        square: whether they are made wider or higher where the film's pixels are not square.
    """

    def __init__(
        self,
        film: FilmDocument,
        size: tuple[int, int],
        finish: Finish,
        *,
        transparent: bool = False,
        square: bool = False,
    ) -> None:
        self._film, self.size, self._finish, self._transparent = film, size, finish, transparent
        self._painted, aspect = size, film.head.pixel_aspect
        if square and aspect > 1:
            self.size = size[0], max(1, round(size[1] * aspect))
        elif square:
            self.size = max(1, round(size[0] / aspect)), size[1]
        self._strokes: Strokes | None = None
        self._made = np.empty((0, 0, 3), np.uint8)

    def __call__(self, strokes: Strokes) -> Array:
        """A frame, uint8."""
        if self._strokes is None or self._strokes != strokes:
            document = self._film.head.document(strokes)
            paint = render_transparent if self._transparent else render_bytes
            made = paint(document, self._painted, finish=self._finish)
            if self.size != self._painted:
                made = np.asarray(cv2.resize(made, self.size[::-1], interpolation=cv2.INTER_CUBIC))
            self._made, self._strokes = made, strokes
        return self._made


def write_film(
    film: FilmDocument,
    target: Path,
    *,
    size: tuple[int, int] | None = None,
    finish: Finish = FLAT,
    transparent: bool = False,
    sound: Sound | None = None,
    metadata: bool = True,
    overwrite: bool = True,
    keeping: Keeping | None = None,
    journal: Journal | None = None,
    on_frame: Callable[[int], None] | None = None,
    say: Say = lambda sentence: None,
) -> Written:
    """Paints a film again.

    Ctrl-C (KeyboardInterrupt, from `on_frame` too) ends the film with the last frame that was painted.

    Args:
        film: the document, open.
        target: .mp4, .m4v, .mov, .mkv, .webm or .gif, which appear whole or not at all; or frames as `%05d.png`,
            counted from 1. Where `transparent`, .mov, which is ProRes 4444 then, or frames.
        size: `(height, width)` of the pictures; the document's own where None.
        finish: how the paint is shown.
        transparent: whether what is not painted is transparent, in place of the canvas.
        sound: where the sound is; kinds that hold none leave it out.
        metadata: whether title, artist and the like come along.
        overwrite: whether files that exist may be replaced.
        keeping: how a film with sound is kept while it is made.
        journal: keeps a GIF or single frames meanwhile, and has what an earlier run has left.
        on_frame: called after each frame with the number of frames so far.
        say: takes sentences on what was changed, dropped or left out.

    Raises:
        UsageError: another end, or one that cannot be transparent.
        OutputError: a file exists, cannot be written, or its pictures cannot be encoded.
        InputError: the document is damaged.
    """
    check_film_target(target, transparent=transparent)
    suffix = target.suffix.lower()
    square = is_numbered(target) or suffix == GIF  # others say how their pixels are shown
    size = size or film.head.painting.size
    pictures = Pictures(film, size, finish, transparent=transparent, square=square)
    if is_numbered(target):
        return _write_frames(film, target, pictures, overwrite, journal, on_frame, say)
    if suffix == GIF:
        return _write_gif(film, target, pictures, overwrite, journal, on_frame, say)
    head = film.head
    frames = ((_moment(film, number), partial(pictures, each)) for number, each in enumerate(film.strokes()))
    return write_video(
        Told(head.time_base, head.rate, head.pixel_aspect, sound, head.tags),
        frames,
        target,
        say,
        kind=TRANSPARENT[suffix] if transparent else TARGETS[suffix],
        metadata=metadata,
        overwrite=overwrite,
        keeping=keeping,
        on_frame=on_frame,
    )


def _moment(film: FilmDocument, number: int) -> Moment:
    start, end = (int(time) for time in film.times[number : number + 2])
    return Moment(None, start, end - start)


def _write_frames(
    film: FilmDocument,
    target: Path,
    pictures: Pictures,
    overwrite: bool,
    journal: Journal | None,
    on_frame: Callable[[int], None] | None,
    say: Say,
) -> Written:
    done = sum(1 for _ in journal.old()) if journal else 0
    if len(set(np.diff(film.times).tolist())) > 1:
        say("its frames are not even, and pictures have no times")
    count, finished = done, True
    for frame in range(done + 1, film.frames + 1):
        check_output(numbered(target, frame), overwrite=overwrite)
    try:
        for count, strokes in enumerate(film.strokes(done), done + 1):
            picture = pictures(strokes)
            alpha = picture[..., 3] if picture.shape[2] == 4 else None
            write_image(numbered(target, count), picture[..., :3], alpha=alpha, overwrite=overwrite)
            if journal:
                journal.add(b"")
            if on_frame is not None:
                on_frame(count)
    except KeyboardInterrupt:
        finished = False
        if not count:
            raise
    return Written(count, finished, (), done)


def _write_gif(
    film: FilmDocument,
    target: Path,
    pictures: Pictures,
    overwrite: bool,
    journal: Journal | None,
    on_frame: Callable[[int], None] | None,
    say: Say,
) -> Written:
    size, count, finished = pictures.size, 0, True
    if max(size) > MOST_SIDE[GIF]:
        raise OutputError(f"{target}: GIF holds at most {MOST_SIDE[GIF]} px a side, got {size[1]}x{size[0]}")
    if film.head.sound:
        say("a GIF has no sound: that of the film is left out")

    def timed() -> Iterator[tuple[Array, int]]:
        nonlocal count, finished
        try:
            for count, picture in enumerate(_kept(film, pictures, journal), 1):
                yield picture, round(Fraction(int(film.times[count] - film.times[0])) * film.head.time_base * 100)
                if on_frame is not None:
                    on_frame(count)
        except KeyboardInterrupt:
            finished = False
            if not count:
                raise

    with written_whole(target, overwrite=overwrite) as temporary, temporary.open("wb") as file:
        left_out = write_timed_gif(file, timed(), size)
    if left_out:
        say(f"a GIF shows 50 frames a second at most: {left_out} are left out")
    return Written(count, finished, ())


def _kept(film: FilmDocument, pictures: Pictures, journal: Journal | None) -> Iterator[Array]:
    """Pictures of all frames; those that an earlier run has left are not painted again."""
    picture, done = np.zeros((*pictures.size, 3), np.uint8), 0
    for piece in journal.old() if journal else ():
        picture, done = changed(picture, piece), done + 1
        yield picture
    for strokes in film.strokes(done):
        before, picture = picture, pictures(strokes)
        if journal:
            journal.add(difference(before, picture))
        yield picture
