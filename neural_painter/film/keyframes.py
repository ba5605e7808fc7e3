"""Paintings of single frames that take over in a film: what a hand has changed in them is carried on from there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neural_painter.errors import InputError, UsageError
from neural_painter.film.living import FADES, Cast
from neural_painter.strokes import StrokeDocument, Strokes, read_document

Array = np.ndarray

ENDS = (".npz", ".json", ".json.gz")
SAME = 1e-4
"""Canvas long sides and radians by which a stroke's place may differ from that of the one that it was: files round."""


@dataclass(frozen=True)
class Keyframe:
    """A painting that takes over.

    Attributes:
        frame: from which frame on, counted from 1.
        document: the painting.
        path: its file.
    """

    frame: int
    document: StrokeDocument
    path: Path


def read_keyframes(given: Sequence[str]) -> dict[int, Keyframe]:
    """Reads the paintings that take over, by the frames at which they do.

    Args:
        given: of each `DOCUMENT@FRAME`, a document whose name ends in its frame's number, or a folder of such.

    Raises:
        UsageError: no frame is given, or one twice.
        InputError: what is there is no stroke document, or nothing is there.
    """
    found: dict[int, Keyframe] = {}
    for path, frame in (pair for text in given for pair in _named(text)):
        if frame in found:
            raise UsageError(f"--keyframes: {found[frame].path} and {path} are both of frame {frame}")
        found[frame] = Keyframe(frame, read_document(path), path)
    return found


def check_keyframes(keyframes: dict[int, Keyframe], brush: str, size: tuple[int, int]) -> None:
    """Raises InputError where a painting cannot take over in a film of this brush and `(height, width)`."""
    for _, key in sorted(keyframes.items()):
        document = key.document
        if document.brush != brush:
            raise InputError(
                f"{key.path}: is painted with {document.brush}, the film with {brush}",
                hint=f"Add --brush {document.brush}",
            )
        if abs(document.width * size[0] - document.height * size[1]) > max(size) * max(1, *document.size) / 100:
            found = f"{document.width}x{document.height}"
            raise InputError(f"{key.path}: has {found}, the film {size[1]}x{size[0]}: another shape")


def cast_of(strokes: Strokes, before: Cast | None) -> Cast:
    """The cast when other strokes take over.

    A stroke keeps its id, which its texture follows, where it has one, or lies where one of those before did.

    Args:
        strokes: they, perhaps with ids.
        before: of the frame, as it would be without them; None: there was none.
    """
    count, next_id = len(strokes), 0 if before is None else before.next_id
    known: set[int] = set() if before is None else set(_ids(before.strokes))
    ids = np.full(count, -1, np.int64) if strokes.ids is None else strokes.ids.astype(np.int64)
    if strokes.ids is None and before is not None:
        ids = _found(strokes, before.strokes)
    first = np.zeros(count, bool)
    first[np.unique(ids, return_index=True)[1]] = True
    new = ~first | (ids < 0) | (~np.isin(ids, sorted(known)) & (before is not None))
    next_id = max(next_id, int(ids[~new].max(initial=-1)) + 1)
    ids[new] = next_id + np.arange(int(new.sum()))
    named = Strokes(strokes.placement, strokes.shape, strokes.paint, ids.astype(np.uint32))
    return Cast(named, np.full(count, FADES, np.int32), np.zeros(count, np.int32), next_id + int(new.sum()))


def _found(strokes: Strokes, before: Strokes) -> Array:
    """The id of the stroke that lay in the place of each, `[N]`; -1 where there was none."""
    found = np.full(len(strokes), -1, np.int64)
    if not len(before):
        return found
    ids = np.array(_ids(before))
    for row, place in enumerate(strokes.placement):
        apart = np.abs(before.placement - place).max(axis=1)
        if apart.min() <= SAME:
            found[row] = ids[apart.argmin()]
    return found


def _ids(strokes: Strokes) -> list[int]:
    assert strokes.ids is not None
    return strokes.ids.tolist()


def _named(text: str) -> list[tuple[Path, int]]:
    """Files and frames of one word."""
    folder = Path(text)
    if folder.is_dir():
        files = sorted(path for path in folder.iterdir() if path.name.endswith(ENDS) and _number(path) is not None)
        if not files:
            raise InputError(f"{folder}: holds no stroke document whose name ends in the number of its frame")
        return [(path, _number(path) or 0) for path in files]
    name, _, number = text.rpartition("@")
    if name and number.isascii() and number.isdigit():
        path, frame = Path(name), int(number)
    elif (ending := _number(folder)) is not None:
        path, frame = folder, ending
    else:
        raise UsageError(f"--keyframes: expected DOCUMENT@FRAME, got {text}", hint="As in --keyframes edited.npz@12")
    if frame < 1:
        raise UsageError(f"--keyframes: frames are counted from 1, got {text}")
    return [(path, frame)]


def _number(path: Path) -> int | None:
    """The number in which the name of a file ends."""
    name = next((path.name.removesuffix(end) for end in reversed(ENDS) if path.name.endswith(end)), "")
    found = re.search(r"[0-9]+$", name)
    return int(found[0]) if found else None
