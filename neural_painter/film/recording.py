"""Paints a film as strokes and writes them down as its document, with its times and its sound."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from neural_painter.files import check_output, shown_bytes, written_whole
from neural_painter.film.document import LONGEST_TAG, MAX_SOUND, MAX_TAGS, VERSION, FilmHead, FilmWriter
from neural_painter.film.holding import FilmStrokes
from neural_painter.film.keeping import FilmKeeper
from neural_painter.painter.config import PaintConfig, canvas_of
from neural_painter.strokes import StrokeDocument, Strokes
from neural_painter.video.opening import opened
from neural_painter.video.origin import Moment, tags_of
from neural_painter.video.reading import Reader, note_in
from neural_painter.video.soundtrack import keep_sound
from neural_painter.video.unfinished import identity
from renderers.brush import PAINT_WIDTH, PLACEMENT_WIDTH, Brush
from renderers.brushes import brush as find_brush

Array = np.ndarray


@dataclass(frozen=True)
class Recorded:
    """What was written.

    Attributes:
        frames: how many.
        finished: False after Ctrl-C: the film ends with the last frame that was painted, and so does its sound.
        audio: whether it has sound, and that is kept.
        repeated: how many of the frames an earlier run had left.
    """

    frames: int
    finished: bool
    audio: bool
    repeated: int = 0


def record_film(
    source: Path,
    target: Path,
    painter: FilmStrokes,
    *,
    options: Mapping[str, Any] | None = None,
    weights: str = "",
    metadata: bool = True,
    overwrite: bool = True,
    unfinished: Path | None = None,
    resume: bool = False,
    fingerprint: str = "",
    held: Callable[[], AbstractContextManager[None]] = nullcontext,
    on_frame: Callable[[int], None] | None = None,
    notes: list[str] | None = None,
) -> Recorded:
    """Paints a film as strokes that stay, and writes them as a film's document; it appears whole or not at all.

    Ctrl-C (KeyboardInterrupt, from `on_frame` too) ends the film with the last frame that was painted.

    Args:
        source: the film, as `read_frames` takes it.
        target: the document.
        painter: of its frames.
        options: what the document tells of how it was painted; JSON values.
        weights: SHA-256 of the renderer's weights, or "".
        metadata: whether title, artist, date and the like, also those of the sound, come along.
        overwrite: whether an existing file may be replaced.
        unfinished: a file that keeps the work meanwhile, from ten seconds on; another lies beside it. Both are removed
            when the film is finished.
        resume: goes on with `unfinished`; the document is equal to the byte to one that was made in one go.
        fingerprint: tells `painter` from others: with another one nothing is gone on with.
        held: makes a signal wait until a block is left.
        on_frame: called after each frame with the number of frames so far.
        notes: one sentence is appended for each thing that was changed, dropped or guessed.

    Raises:
        InputError: as `read_frames`; `unfinished` is of another film or other settings.
        OutputError: the document exists or cannot be written.
        UsageError: the film has too many frames for a document.
        KeyboardInterrupt: it came before the first frame; nothing is written.
    """
    check_output(target, overwrite=overwrite)
    say = note_in(notes, source)
    with opened(source) as container:
        reader = Reader(container, source, say)
        moments = reader.frames()
        first = next(moments)
        head = _head(reader, first, painter.config, dict(options or {}), weights, metadata=metadata)
        writer = FilmWriter(head)
        told = {"film": identity(source), "settings": fingerprint, "document": VERSION}
        keeper = FilmKeeper(unfinished, told, writer, resume=resume) if unfinished else None
        done = False
        try:
            repeated = 0
            if keeper and keeper.known:
                repeated = keeper.known.frames
                painter.recall(keeper.known.painter)
            finished = True
            try:
                for number, moment in enumerate(_all(first, moments), 1):
                    if number > repeated:
                        painted = painter(reader.picture(moment))
                        with held():
                            end = moment.start + moment.duration
                            writer.add(painted.strokes, moment.start, end, fresh=painted.fresh)
                            if keeper:
                                keeper.tick(painter.kept())
                    if on_frame is not None:
                        on_frame(number)
            except KeyboardInterrupt:
                finished = False
                if not writer.frames:
                    raise
            if keeper and (keeper.begun or not finished):  # what follows may fail
                with held():
                    keeper.flush()
            audio = _finish(reader, writer, keeper, target, finished, say, metadata=metadata, overwrite=overwrite)
            done = finished
        finally:
            if keeper:
                keeper.close(done=done)
    return Recorded(writer.frames, finished, audio, repeated)


def _all(first: Moment, others: Iterator[Moment]) -> Iterator[Moment]:
    yield first
    yield from others


def _head(
    reader: Reader, first: Moment, config: PaintConfig, options: dict[str, Any], weights: str, *, metadata: bool
) -> FilmHead:
    height, width = reader.picture(first).shape[:2]
    brush = find_brush(config.brush)
    return FilmHead(
        StrokeDocument(
            width=width,
            height=height,
            canvas=canvas_of(config, brush),
            brush=config.brush,
            strokes=no_strokes(brush),
            seed=config.seed,
            options=options,
            weights=weights,
        ),
        time_base=reader.time_base,
        rate=reader.rate.limit_denominator(100_000),
        pixel_aspect=Fraction(reader.aspect(first.frame)).limit_denominator(10_000),
        tags=_short(tags_of(reader.tags)) if metadata else {},
    )


def no_strokes(brush: Brush) -> Strokes:
    """None, of a brush."""
    return Strokes.of(np.empty((0, PLACEMENT_WIDTH + len(brush.free_shape) + PAINT_WIDTH), np.float32))


def _short(tags: dict[str, str]) -> dict[str, str]:
    return {name: text[:LONGEST_TAG] for name, text in list(tags.items())[:MAX_TAGS]}


def _finish(
    reader: Reader,
    writer: FilmWriter,
    keeper: FilmKeeper | None,
    target: Path,
    finished: bool,
    say: Callable[[str], None],
    *,
    metadata: bool,
    overwrite: bool,
) -> bool:
    """Writes the document; returns whether it holds sound."""
    with tempfile.TemporaryDirectory(prefix=".neural-painter-", dir=target.parent) as folder:
        place, container = Path(folder) / "sound", ""
        if reader.sound:
            until = None if finished else writer.seconds
            container = keep_sound(reader.sound, place, until, say, metadata=metadata)
        if container and place.stat().st_size > MAX_SOUND:
            say(f"its sound has more than {shown_bytes(MAX_SOUND)} and is left out: render takes it with --sound FILM")
            container = ""
        with written_whole(target, overwrite=overwrite) as temporary, temporary.open("wb") as file:
            if keeper:
                keeper.copy(file)
            if container:
                with place.open("rb") as sound:
                    writer.finish(file, (container, sound))
            else:
                writer.finish(file)
    return bool(container)
