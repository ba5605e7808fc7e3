"""Paintings as commands write, keep and tell them: `paint`, `restyle` and `render` share this."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neural_painter.cli.brushes import brush_words
from neural_painter.cli.course import Course
from neural_painter.cli.jobs import Job, Keeps, Outcome
from neural_painter.cli.options import animation_of
from neural_painter.cli.palette import facts_of_paints
from neural_painter.cli.words import named
from neural_painter.errors import InputError, UsageError
from neural_painter.export.finish import FLAT, Finish

if TYPE_CHECKING:
    import numpy as np

    from neural_painter.images import Metadata
    from neural_painter.journal import Journal
    from neural_painter.painting import Painting
    from neural_painter.strokes import StrokeDocument

    Array = np.ndarray

FINISH = "finish"
"""What a document's options call how it is shown."""

RELIEFS = ("height map", "normal map")


def finish_of(course: Course, document: StrokeDocument | None = None, source: Path | None = None) -> Finish:
    """How the options ask for a painting to be shown; what they leave open is as its document, of `source`, says.

    Raises:
        UsageError: a value is out of range.
        InputError: what the document says makes no sense.
    """
    base: dict[str, Any] = {}
    if document is not None:
        told = document.options.get(FINISH, FLAT.told())  # older ones are of flat paint
        try:
            base = {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}
            Finish(**base)
        except (AttributeError, TypeError, UsageError):
            raise InputError(f"{source}: how it is to be shown makes no sense") from None
    return course.config(Finish, base)


def finished_as(document: StrokeDocument, finish: Finish) -> StrokeDocument:
    """The document, which says from now on how it is to be shown; one that says nothing is of flat paint."""
    if finish == FLAT and FINISH not in document.options:
        return document
    return replace(document, options={**document.options, FINISH: finish.told()})


def check_relief(paths: Iterable[Path], brush: str) -> None:
    """Raises UsageError where heights are to be written of a brush whose paint has none."""
    from neural_painter.export import kind

    for path in paths:
        if kind(path) in RELIEFS:
            from neural_painter.export.heights import check_brush

            check_brush(path, brush)


def check_transparent(course: Course, paths: Iterable[Path]) -> None:
    """Raises UsageError where something is to be transparent and cannot be."""
    if not course.options.transparent:
        return
    from neural_painter.export import kind
    from neural_painter.images.writing import holds_alpha

    for path in paths:
        what = kind(path)
        if what != "stroke document" and not (what == "picture" and holds_alpha(path)):
            raise UsageError(f"--transparent: {path} holds no transparency", hint="Write .png, .webp or .tif")


def outcome_of(
    course: Course,
    job: Job,
    painting: Painting,
    size: tuple[int, int],
    metadata: Metadata | None,
    finish: Finish,
    go_on: Callable[[Path], Sequence[str]],
) -> Outcome:
    """What came of painting: how it is written, kept and told.

    Args:
        course, job: whose work it was.
        painting: what was made.
        size: `(height, width)` of what is written, in pixels.
        metadata: what pictures say of themselves.
        finish: how pictures and animations show the paint.
        go_on: words of the command that goes on from a document.
    """
    document = finished_as(painting.document, finish)

    def rest(kept: Path) -> list[str]:
        return ["render", named(kept), *_chosen(course, job)]

    score = "" if painting.psnr is None else f", {painting.psnr:.1f} dB"
    if painting.style_distance is not None:
        before, after = painting.style_distance
        score += f", style distance {after:.3f}" + ("" if before is None else f" (was {before:.3f})")
    return Outcome(
        told=f"{len(painting.strokes)} strokes{score}",
        write=writer(course, document, size, metadata, finish, painting.known(size)),
        finished=painting.finished,
        begun=painting.finished or len(painting.strokes) > 0,
        keeps=Keeps(
            "the painting so far",
            "the strokes are",
            ".npz",
            lambda path: save_state(path, document),
            go_on,
            rest,
            "strokes",
        ),
        facts=facts_of(document, painting),
        seconds=painting.seconds,
    )


def writer(
    course: Course,
    document: StrokeDocument,
    size: tuple[int, int],
    metadata: Metadata | None,
    finish: Finish,
    picture: Array | None = None,
) -> Callable[..., None]:
    """What writes a document in the form that a file name asks for: `write(path)`, or `write(path, journal)`.

    `picture` is the flat paint in that size, where it is there already.
    """
    animation = animation_of(course.options)

    def write(path: Path, journal: Journal | None = None) -> None:
        from neural_painter.export import kind, save

        whole = document
        if whole.strokes.ids is not None and kind(path) == "stroke document":
            whole = replace(whole, strokes=replace(whole.strokes, ids=None))
        save(
            path,
            whole,
            size,
            overwrite=course.options.overwrite,
            metadata=metadata,
            journal=journal,
            picture=picture,
            finish=finish,
            transparent=getattr(course.options, "transparent", False),
            **animation,
        )

    return write


def facts_of(document: StrokeDocument, painting: Painting | None = None) -> dict[str, Any]:
    """What a line of JSON tells of a painting; device and scores only where it was just painted."""
    facts: dict[str, Any] = {
        "brush": document.brush,
        "strokes": len(document.strokes),
        "seed": document.seed,
        "device": painting.device if painting else "cpu",
        "psnr": _rounded(painting.psnr if painting else None, 2),
        "ssim": _rounded(painting.ssim if painting else None, 4),
    }
    if painting is not None and painting.style_distance is not None:
        before, after = painting.style_distance
        facts |= {"style_distance": _rounded(after, 5), "style_distance_before": _rounded(before, 5)}
    return facts | facts_of_paints(painting)


def save_state(path: Path, document: StrokeDocument) -> None:
    """Keeps an unfinished painting; raises OutputError where it cannot be written."""
    from neural_painter.strokes import write_document

    write_document(path, document)


def _chosen(course: Course, job: Job) -> list[str]:
    """What is still to be written, and how, as words of `render`."""
    options = course.options
    words = [word for path in job.missing() for word in ("-o", named(path))]
    words += ["--size", named(options.size)] if options.size else []
    words += brush_words(options)
    words += [word for name, value in animation_of(options).items() for word in (f"--{name}", named(value))]
    return [*words, "--overwrite"] if options.overwrite else words


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
