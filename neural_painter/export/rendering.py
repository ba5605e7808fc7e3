"""A stroke document as a picture of any size: the paint itself, or as its finish shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from neural_painter.export.cells import cell_of
from neural_painter.export.deltas import changed, difference, laid_out
from neural_painter.export.easel import Easel, Work
from neural_painter.export.finish import FLAT, Finish
from neural_painter.images import to_uint8
from neural_painter.strokes import StrokeDocument

if TYPE_CHECKING:
    from neural_painter.journal import Journal

Array = np.ndarray

BAND_PIXELS = 1 << 21
"""Of which floats are held at a time where bytes are wanted."""


def render(
    document: StrokeDocument,
    size: tuple[int, int],
    *,
    start: int = 0,
    stop: int | None = None,
    canvas: Array | None = None,
    finish: Finish = FLAT,
) -> Array:
    """Paints strokes `start` to `stop` of a document at any size.

    Args:
        document: what to paint.
        size: `(height, width)` in pixels. Of another aspect than the document's, it shows more or less of the canvas;
            lengths follow the long side.
        start, stop: strokes to paint, as a slice.
        canvas: `[H, W, 3]` to paint over (left as it is), which is level; the document's canvas colour by default.
        finish: how it is shown.

    Returns:
        `[H, W, 3]` float32 in [0, 1]. The same document, size and finish give the same bytes.
    """
    easel = Easel(document, size, finish)
    work = easel.bare(size[0])
    if canvas is not None:
        if canvas.shape != (*size, 3):
            raise ValueError(f"expected a canvas {[*size, 3]}, got {list(canvas.shape)}")
        for array in (work.colour, work.dry):
            if array.size:
                array[:] = canvas
    easel.paint(work, *slice(start, stop).indices(len(document.strokes))[:2])
    return easel.show(work)


def render_bytes(
    document: StrokeDocument, size: tuple[int, int], journal: Journal | None = None, *, finish: Finish = FLAT
) -> Array:
    """The painting as `[H, W, 3]` uint8, the very bytes of `to_uint8(render(...))` in a quarter of its memory.

    It is painted band by band, so that floats are only ever held of one band; `journal` keeps those that are finished.
    """
    height, width = size
    picture = np.empty((height, width, 3), np.uint8)
    begun = 0
    for kept in journal.old() if journal else ():
        rows = picture[begun : begun + len(kept) // (3 * width)]
        rows[:] = laid_out(kept, rows.shape, np.uint8)
        begun += len(rows)
    step = step_of(size)
    for top, band in bands(Easel(document, size, finish), begun, step):
        rows = picture[top : top + step]
        rows[:] = to_uint8(band)
        if journal:
            journal.add(rows.tobytes(), last=top + step >= height)
    return picture


def growing(
    document: StrokeDocument,
    size: tuple[int, int],
    stops: Iterable[int],
    journal: Journal | None = None,
    *,
    finish: Finish = FLAT,
) -> Iterator[Array]:
    """The painting after each of `stops` strokes, which never become fewer: each paints only what is new.

    A journal keeps what changes from picture to picture, and the canvas, whose floats the next ones need.

    Yields:
        `[H, W, 3]` uint8; the very same array again where no stroke was due.
    """
    easel, done = Easel(document, size, finish), 0
    work, stops = easel.bare(size[0]), iter(stops)
    picture = _bytes(easel, work)
    if journal and journal.place:
        for kept, stop in zip(journal.old(), stops, strict=False):
            picture, done = changed(picture, kept), stop
            yield picture
        work = work.filled(laid_out(journal.place, (work.numbers,), np.float32))
    for stop in stops:
        before = picture
        if stop > done:
            easel.paint(work, done, stop)
            picture = _bytes(easel, work)
        done = stop
        if journal:
            journal.add(difference(before, picture), work.tobytes)
        yield picture


def heights_of(document: StrokeDocument, size: tuple[int, int]) -> Array:
    """How high the paint of a document lies, `[H, W]` float32, in canvas long sides; of brushes that have a relief."""
    easel = Easel(document, size, Finish(paper="none"))
    work = easel.bare(size[0])
    easel.paint(work)
    return work.heights


def bands(easel: Easel, begun: int, step: int) -> Iterator[tuple[int, Array]]:
    """The first row and `[rows, W, 3]` float32 of each band of so many rows from row `begun` on; both end on cells.

    A finish looks beyond a band: rows above it are kept from the one before, those below are painted in advance.
    """
    height, reach = easel.size[0], easel.reach
    low = high = max(0, begun - reach)
    work = easel.bare(0)
    for top in range(begun, height, step):
        above, bottom = max(0, top - reach), min(top + step, height)
        below = min(bottom + reach, height)
        new = easel.bare(max(0, below - high))
        easel.paint(new, top=high)
        work = work.part(slice(above - low, None)).below(new)
        low, high = above, max(high, below)
        yield top, easel.show(work, top=low, rows=slice(top - low, bottom - low))


def _bytes(easel: Easel, work: Work) -> Array:
    """What work on a whole canvas shows, as bytes; floats are only ever held of one band."""
    height, reach, step = easel.size[0], easel.reach, step_of(easel.size)
    made = np.empty(work.colour.shape, np.uint8)
    for top in range(0, height, step):
        bottom = min(top + step, height)
        above, below = max(0, top - reach), min(bottom + reach, height)
        part, rows = work.part(slice(above, below)), slice(top - above, bottom - above)
        made[top:bottom] = to_uint8(easel.show(part, top=above, rows=rows))
    return made


def step_of(size: tuple[int, int]) -> int:
    """Rows of a band: whole cells, and so whole tiles."""
    cell = cell_of(max(size))
    return max(1, BAND_PIXELS // (size[1] * cell)) * cell
