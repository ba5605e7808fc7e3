"""A stroke document as a picture of any size: the paint itself, or as light shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from neural_painter.export.deltas import changed, difference, laid_out
from neural_painter.export.finish import FLAT, Finish
from neural_painter.export.light import CELLS, cell_of, lit
from neural_painter.export.raster import Sheet, StrokePainter
from neural_painter.images import to_uint8
from neural_painter.strokes import StrokeDocument, Strokes
from renderers.brushes import brush as find_brush

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
    sheet = Sheet.bare(document.canvas, size, raised=is_raised(document, finish))
    if canvas is not None:
        if canvas.shape != (*size, 3):
            raise ValueError(f"expected a canvas {[*size, 3]}, got {list(canvas.shape)}")
        sheet.colour[:] = canvas
    painter = _painter(document, size, start, stop)
    if painter:
        painter.paint(sheet)
    np.clip(sheet.colour, 0, 1, out=sheet.colour)
    return lit(sheet, finish, max(size)) if sheet.heights.size else sheet.colour


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
    step = _step(size)
    for top, band in _bands(document, size, begun, step, finish):
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
    sheet, done = Sheet.bare(document.canvas, size, raised=is_raised(document, finish)), 0
    picture, stops = _bytes(sheet, finish), iter(stops)
    if journal and journal.place:
        for kept, stop in zip(journal.old(), stops, strict=False):
            picture, done = changed(picture, kept), stop
            yield picture
        floats = sheet.colour.size + sheet.heights.size
        colour, heights = np.split(laid_out(journal.place, (floats,), np.float32), [sheet.colour.size])
        sheet = Sheet(colour.reshape(sheet.colour.shape).copy(), heights.reshape(sheet.heights.shape).copy())
    for stop in stops:
        before, painter = picture, _painter(document, size, done, stop)
        if painter:
            painter.paint(sheet)
            np.clip(sheet.colour, 0, 1, out=sheet.colour)
            picture = _bytes(sheet, finish)
        done = stop
        if journal:
            journal.add(difference(before, picture), lambda: sheet.colour.tobytes() + sheet.heights.tobytes())
        yield picture


def heights_of(document: StrokeDocument, size: tuple[int, int]) -> Array:
    """How high the paint of a document lies, `[H, W]` float32, in canvas long sides."""
    sheet = Sheet.bare(document.canvas, size, raised=True)
    painter = _painter(document, size)
    if painter:
        painter.paint(sheet)
    return sheet.heights


def is_raised(document: StrokeDocument, finish: Finish) -> bool:
    """Whether a document's paint has a relief in this finish."""
    return finish.relief > 0 and find_brush(document.brush).relief is not None


def _bands(
    document: StrokeDocument, size: tuple[int, int], begun: int, step: int, finish: Finish
) -> Iterator[tuple[int, Array]]:
    """The first row and `[rows, W, 3]` float32 of each band of so many rows from row `begun` on; both end on cells.

    Light looks beyond a band: rows above it are kept from the one before, those below are painted in advance.
    """
    height, width = size
    painter, raised = _painter(document, size), is_raised(document, finish)
    reach = CELLS * cell_of(max(size)) if raised else 0
    low = high = max(0, begun - reach)
    sheet = Sheet.bare(document.canvas, (0, width), raised=raised)
    for top in range(begun, height, step):
        above, bottom = max(0, top - reach), min(top + step, height)
        below = min(bottom + reach, height)
        new = Sheet.bare(document.canvas, (max(0, below - high), width), raised=raised)
        if painter and len(new.colour):
            painter.paint(new, high)
        np.clip(new.colour, 0, 1, out=new.colour)
        sheet = Sheet(
            np.concatenate([sheet.colour[above - low :], new.colour]),
            np.concatenate([sheet.heights[above - low :], new.heights]) if raised else new.heights,
        )
        low, high = above, max(high, below)
        rows = slice(top - low, bottom - low)
        yield top, lit(sheet, finish, max(size), top=low, rows=rows) if raised else sheet.colour[rows]


def _bytes(sheet: Sheet, finish: Finish) -> Array:
    """What a sheet shows, as bytes; floats are only ever held of one band."""
    height, width, _ = sheet.colour.shape
    made, raised, long_side = np.empty(sheet.colour.shape, np.uint8), sheet.heights.size > 0, max(height, width)
    reach, step = CELLS * cell_of(long_side) if raised else 0, _step((height, width))
    for top in range(0, height, step):
        bottom = min(top + step, height)
        above, below = max(0, top - reach), min(bottom + reach, height)
        band = sheet.colour[top:bottom]
        if raised:
            part = Sheet(sheet.colour[above:below], sheet.heights[above:below])
            band = lit(part, finish, long_side, top=above, rows=slice(top - above, bottom - above))
        made[top:bottom] = to_uint8(band)
    return made


def _step(size: tuple[int, int]) -> int:
    """Rows of a band: whole cells of the light, and so whole tiles."""
    cell = cell_of(max(size))
    return max(1, BAND_PIXELS // (size[1] * cell)) * cell


def _painter(
    document: StrokeDocument, size: tuple[int, int], start: int = 0, stop: int | None = None
) -> StrokePainter | None:
    """What paints some strokes of a document; None where there are none."""
    part, strokes = slice(start, stop), document.strokes
    some = Strokes(strokes.placement[part], strokes.shape[part], strokes.paint[part])
    if not len(some):
        return None
    brush = find_brush(document.brush)
    return StrokePainter(brush, some, document.full_shape(brush)[part], document.texture_seeds()[part], size)
