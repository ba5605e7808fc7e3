"""Unfinished documents: what they say beside the strokes, and whether they are of the painting that is to go on.

docs/stroke-document.md tells what the keys of `options` mean.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from neural_painter.errors import InputError, UsageError
from neural_painter.painter.config import BEFORE, MOST_STROKES, PaintConfig
from neural_painter.painter.rounds import Place
from neural_painter.painter.styling import StrokeStyle
from neural_painter.painter.work import Planned
from neural_painter.strokes import StrokeDocument, Strokes
from neural_painter.tables import MAX_ARRAYS_BYTES, Arrays
from renderers.runs import difference

Array = np.ndarray

KEYS = ("unfinished", "photo", "plan")
"""Options that only unfinished documents have."""

PLAN = 2
"""Changes with what the painter does from step to step: documents of another plan go on from their strokes alone."""

OWN = ("strokes", "tally", "start", "restarted")
"""What the state of a document of another plan still tells."""

WEIGHED = ("preset", "transport", "transport_stages", "edges")
"""Options of a painting that count when its strokes are given a style."""

STATELESS = "the document to resume holds no state of the painter: it goes on, but not to the same painting"
OLDER = (
    "the document to resume was painted by an older version of the painter: it goes on from its strokes, "
    "but not to the same painting"
)
REWEIGHTED = (
    "the document to resume was painted with other weights of the brush: it goes on, but not to the same painting"
)


class Photo:
    """A photo as it was painted, which its SHA-256 tells from others."""

    def __init__(self, pixels: Array) -> None:
        self._pixels = pixels

    @cached_property
    def digest(self) -> str:
        """Hexadecimal, of the pixels as contiguous float32."""
        return hashlib.sha256(np.ascontiguousarray(self._pixels, np.float32).data).hexdigest()


@dataclass(frozen=True)
class Unfinished:
    """Documents of a painting while it is worked on.

    Attributes:
        base: the document, but for its strokes.
        photo: what is painted, where there is a photo.
        restyling: whether the painting was finished before, and is given a style.
    """

    base: StrokeDocument
    photo: Photo | None
    restyling: bool = False

    def finished(self, strokes: Strokes) -> StrokeDocument:
        """The document in the end."""
        return replace(self.base, strokes=strokes)

    def at(self, place: Place) -> StrokeDocument:
        """The document that goes on from a place."""
        where = {"step": place.step} if self.restyling else {"stage": place.stage, "step": place.step}
        options: dict[str, Any] = {**self.base.options, "unfinished": where, "plan": PLAN}
        if self.photo is not None:
            options["photo"] = self.photo.digest
        size = sum(array.nbytes for array in place.state.values())
        state = place.state if size <= MAX_ARRAYS_BYTES else {}  # of strange documents with very many strokes
        return replace(self.base, strokes=place.strokes, options=options, state=Arrays(state))


def resumed_painting(
    document: StrokeDocument,
    config: PaintConfig,
    size: tuple[int, int],
    photo: Photo,
    style: StrokeStyle | None,
    mask: Photo | None = None,
) -> Place:
    """Where an unfinished document of `paint` stands.

    Raises:
        InputError: it is finished, or of another painting; the message says in what it differs.
    """
    if document.size != size:
        raise InputError(
            f"the document to resume was painted from a photo of {document.width}x{document.height}, "
            f"this one has {size[1]}x{size[0]}"
        )
    older = {"renderer"} - document.options.keys()  # an option that they were painted without
    theirs = {**BEFORE, **document.options}
    if other := difference(theirs, asdict(config), ignoring=("device", *older)):
        raise InputError(f"the document to resume was painted with {other}")
    if mask is not None and document.options.get("mask") != mask.digest:
        raise InputError("the document to resume was painted with another mask")
    _check_style(document, style)
    place = document.options.get("unfinished")
    if isinstance(place, dict) and "stage" not in place and "step" in place:
        raise InputError(
            "the document to resume is a painting that is being given a style", hint="restyle --resume goes on with it."
        )
    stage, step = _whole(place, "stage"), _whole(place, "step")
    if document.options.get("photo", photo.digest) != photo.digest:  # older documents do not tell
        raise InputError("the document to resume was painted from another photo")
    if len(document.strokes) > config.strokes:
        raise InputError(f"the document to resume holds {len(document.strokes)} strokes, more than {config.strokes}")
    return Place(document.strokes, stage, step, _state(document))


def fitted(place: Place, rounds: Sequence[Planned], strokes: int, styled: bool) -> Place:
    """Where a document of an older painter stands in the rounds of this one.

    Args:
        place: by its own count.
        rounds: of this painter.
        strokes: how many were asked for.
        styled: whether the last round is that of a style.
    """
    theirs, ours = max(1, math.ceil(math.log(max(strokes / 12, 1)) / math.log(3.1))), len(rounds) - styled
    if place.stage >= theirs:
        stage = min(place.stage - theirs + ours, len(rounds))
    elif place.stage == theirs - 1:
        stage = ours - 1
    else:
        stage = next(k for k in range(ours) if rounds[k].strokes >= len(place.strokes) or k == ours - 1)
    last = stage >= len(rounds)
    return replace(place, stage=stage, step=0 if last else min(place.step, rounds[stage].steps))


def is_older(document: StrokeDocument) -> bool:
    """Whether an unfinished document is of an older painter."""
    return document.options.get("plan") != PLAN


def _state(document: StrokeDocument) -> Mapping[str, Array]:
    if is_older(document):
        return {name: array for name, array in document.state.items() if name in OWN}
    return document.state


def resumed_restyling(
    document: StrokeDocument, painted: StrokeDocument, photo: Photo | None, style: StrokeStyle
) -> Place:
    """Where an unfinished document of `restyle` stands.

    Args:
        document: the unfinished one.
        painted: what is restyled.
        photo: what was painted, where it is there.
        style: what is asked for.

    Raises:
        InputError: it is finished, or of another restyling; the message says in what it differs.
    """
    place = document.options.get("unfinished")
    if isinstance(place, dict) and "stage" in place:
        raise InputError("the document to resume is a painting of its own", hint="paint --resume goes on with it.")
    step = _whole(place, "step")
    same = ("size", "canvas", "brush", "seed")
    if any(getattr(document, name) != getattr(painted, name) for name in same) or len(document.strokes) != len(
        painted.strokes
    ):
        raise InputError("the document to resume is of another painting")
    _check_style(document, style)
    if document.options.get("photo") != (photo.digest if photo else None):
        found = "from another photo" if photo and "photo" in document.options else f"with{'out' * bool(photo)} a photo"
        raise InputError(f"the document to resume was painted {found}")
    # Before its first step a restyling has changed nothing; later the strokes that it began with are in its state.
    start = document.state.get("start", None if step else document.strokes.table())
    if start is not None and "restarted" not in document.state and not np.array_equal(start, painted.strokes.table()):
        raise InputError("the document to resume is of another painting: it began with other strokes")
    return Place(document.strokes, 0, step, _state(document))


def notes_on(resumed: StrokeDocument | None, weights: str) -> tuple[str, ...]:
    """What a user should know of a painting that goes on from a document, with these weights of the brush."""
    if resumed is None:
        return ()
    known = STATELESS if not resumed.state else OLDER if is_older(resumed) else None
    return (*((known,) if known else ()), *((REWEIGHTED,) if resumed.weights != weights else ()))


def config_of(document: StrokeDocument) -> tuple[PaintConfig, tuple[str, ...]]:
    """The options that a document was painted with, as far as a style needs them; a note where they are not known."""
    config = PaintConfig(
        brush=document.brush, strokes=max(1, min(len(document.strokes), MOST_STROKES)), canvas=document.canvas
    )
    unknown = []
    for name in ("renderer", *WEIGHED) if "renderer" in document.options else WEIGHED:
        try:
            config = replace(config, **{name: document.options[name]})
        except (KeyError, TypeError, UsageError):
            unknown.append(name)
    if not unknown:
        return config, ()
    return config, (f"the document does not say how it was painted ({', '.join(unknown)}): taken for the defaults",)


def _check_style(document: StrokeDocument, style: StrokeStyle | None) -> None:
    theirs, ours = document.options.get("style"), style.as_options() if style else None
    if theirs != ours:
        found = (
            "without a style" if theirs is None else "with another style" if ours else "with a style, now there is none"
        )
        raise InputError(f"the document to resume was painted {found}")


def _whole(place: Any, key: str) -> int:
    found = place.get(key) if isinstance(place, dict) else None
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise InputError("the document to resume is a finished painting: there is nothing to go on with")
    return found
