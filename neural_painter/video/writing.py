"""Writes a film that was changed frame by frame, with the times and the sound of the one that it was made from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from neural_painter.files import check_output, written_whole
from neural_painter.video.encoding import TARGETS, Target, check_target
from neural_painter.video.making import Maker
from neural_painter.video.opening import opened
from neural_painter.video.origin import Moment, Origin
from neural_painter.video.parts import PART
from neural_painter.video.reading import Array, Reader, Say, note_in
from neural_painter.video.sound import How
from neural_painter.video.unfinished import Keeper, identity


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        frames: how many.
        finished: False after Ctrl-C: the film ends with the last frame that was changed, and so does its sound.
        audio: what became of each audio stream: "copied", "re-encoded" or "dropped"; none in a silent film.
        repeated: how many of the frames an earlier run had left.
    """

    frames: int
    finished: bool
    audio: tuple[How, ...]
    repeated: int = 0


class Memory(Protocol):
    """What changes frames by those before, as far as it can be kept."""

    def kept(self) -> Callable[[], bytes]:
        """What writes down all that is known after the last frame, as it is now, whenever it is called."""
        ...

    def recall(self, state: bytes) -> None:
        """Knows again what was written down."""
        ...


def transform_video(
    source: str | Path,
    target: str | Path,
    change: Callable[[Array], Array],
    *,
    metadata: bool = True,
    overwrite: bool = True,
    unfinished: Path | None = None,
    resume: bool = False,
    fingerprint: str = "",
    memory: Memory | None = None,
    on_frame: Callable[[int], None] | None = None,
    notes: list[str] | None = None,
) -> Written:
    """Changes every frame of a film; times and sound stay. The new film appears whole or not at all.

    Pictures become H.264 (VP9 in .webm), 4:2:0, marked as BT.709; where a side is odd, the last row or column is
    repeated. Sound is copied packet by packet where the new film takes its codec, and else becomes AAC (Opus in .webm).
    Title, artist, date and the like stay. Subtitles, data and further pictures are left out. A film that does not begin
    at time 0 does so afterwards; one in Matroska may begin some 20 ms later, where its sound needs a packet before 0.

    Ctrl-C (KeyboardInterrupt, from `change` or `on_frame` too) ends the film with the last frame that was changed.

    Args:
        source: the film; one that is damaged or cut short gives the frames that can be read, with a note.
        target: .mp4, .m4v, .mov, .mkv or .webm.
        change: takes and returns `[H, W, 3]` uint8, sRGB; the size of the first one that it returns is that of the
            film, to which others are scaled.
        metadata: whether title, artist, date and the like, also those of the sound, come along.
        overwrite: whether an existing file may be replaced.
        unfinished: a file that keeps the film while it is being made, from ten seconds of work on: so it can be gone on
            with after the program was killed, failed or was interrupted. It is removed when the film is finished.
        resume: goes on with `unfinished`, where it is there; frames that it holds are not changed again, and the film
            is equal to the byte to one that was made in one go. Else such a file is replaced.
        fingerprint: tells `change` from others: with another one nothing is gone on with.
        memory: of a `change` that looks at earlier frames: kept with the film, and recalled before it is gone on with.
        on_frame: called after each frame with the number of frames so far.
        notes: one sentence is appended for each thing that was changed, dropped or guessed.

    Raises:
        InputError: as `read_frames`; `unfinished` is of another film, another kind of target or other settings.
        UsageError: `target` ends in something else.
        OutputError: it exists, cannot be written, or its pictures cannot be encoded.
        ValueError: `change` returned something of another shape or type.
        KeyboardInterrupt: it came before the first frame; nothing is written.
    """
    source, target = Path(source), Path(target)
    check_target(target)
    check_output(target, overwrite=overwrite)
    say = note_in(notes, source)
    with opened(source) as container:
        reader = Reader(container, source, say)
        return write_video(
            reader,
            ((moment, partial(_changed, change, reader, moment)) for moment in reader.frames()),
            target,
            say,
            kind=TARGETS[target.suffix.lower()],
            metadata=metadata,
            overwrite=overwrite,
            keeping=Keeping(source, unfinished, resume=resume, fingerprint=fingerprint) if unfinished else None,
            memory=memory,
            on_frame=on_frame,
        )


def _changed(change: Callable[[Array], Array], reader: Reader, moment: Moment) -> Array:
    return change(reader.picture(moment))


@dataclass(frozen=True)
class Keeping:
    """How a film is kept while it is made.

    Attributes:
        source: what it is made of.
        path, resume, fingerprint: as `unfinished`, `resume` and `fingerprint` of `transform_video`.
    """

    source: Path
    path: Path
    resume: bool = False
    fingerprint: str = ""


def write_video(
    origin: Origin,
    frames: Iterable[tuple[Moment, Callable[[], Array]]],
    target: Path,
    say: Say,
    *,
    kind: Target,
    metadata: bool = True,
    overwrite: bool = True,
    keeping: Keeping | None = None,
    memory: Memory | None = None,
    on_frame: Callable[[int], None] | None = None,
) -> Written:
    """Writes a film of pictures that are made one after the other, as `transform_video` does.

    Args:
        origin: what it takes over from elsewhere.
        frames: when each is shown, and what makes its picture, `[H, W, 3]` uint8, or `[H, W, 4]` where it is of a
            `kind` that is transparent; it is not called for frames that an earlier run has left.
        target: the file.
        say: takes sentences on what was changed or lost.
        kind: how it is written.
        metadata, overwrite, memory, on_frame: as for `transform_video`.
        keeping: how it is kept meanwhile.

    Raises:
        As `transform_video`.
    """
    with (
        _kept(keeping, target, kind, remembers=memory is not None) as keeper,
        written_whole(target, overwrite=overwrite) as temporary,
        Maker(temporary, target, origin, say, kind=kind, metadata=metadata, keeper=keeper) as maker,
    ):
        finished = True
        done = keeper.parts * PART + keeper.frames if keeper else 0
        if memory and done and keeper:
            memory.recall(keeper.memory())
        try:
            for number, (moment, make) in enumerate(frames, 1):
                if number <= done:
                    maker.repeat(moment)
                else:
                    maker.add(make(), moment, memory.kept() if memory else None)
                if on_frame is not None:
                    on_frame(number)
        except KeyboardInterrupt:
            finished = False
        finished = maker.finish(finished)
        if keeper:
            keeper.done = finished
        return Written(maker.frames, finished, maker.audio, min(done, maker.frames))


@contextmanager
def _kept(keeping: Keeping | None, target: Path, kind: Target, *, remembers: bool) -> Iterator[Keeper | None]:
    """What keeps the film that is being made; its file stays where the film is not finished, and where that fails."""
    if keeping is None:
        yield None
        return
    head: dict[str, object] = {"film": identity(keeping.source), "kind": target.suffix.lower(), "part": PART}
    if kind.alpha:
        head["form"] = kind.form
    head["settings"] = keeping.fingerprint
    keeper = Keeper(keeping.path, head, resume=keeping.resume, remembers=remembers, form=kind.form)
    whole = False
    try:
        yield keeper
        whole = keeper.done
    finally:
        keeper.close(done=whole)
