"""Paints a document's strokes on a canvas or a band of it, in layers, and shows it as its finish wants."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from neural_painter.export.cells import CELLS, cell_of
from neural_painter.export.finish import Finish
from neural_painter.export.light import lit
from neural_painter.export.paper import PAPERS, on_paper, rims
from neural_painter.export.raster import Sheet, StrokePainter
from neural_painter.export.tooth import surface_on
from neural_painter.strokes import StrokeDocument, Strokes
from renderers.brushes import brush as find_brush

Array = np.ndarray

LAYERS = (0.1, 0.36)
"""Parts of the strokes after which a layer of washes is dry, but for the last layer."""


class Work(NamedTuple):
    """What is painted, of a canvas or a band of it; float32, empty where the finish does not need it.

    Attributes:
        colour: `[H, W, 3]` in [0, 1].
        heights: of the paint, `[H, W]`.
        dry: the colour when the last layer was dry, `[H, W, 3]`.
        changes: by how much each dry layer has changed the picture, `[H, W, layers]`.
    """

    colour: Array
    heights: Array
    dry: Array
    changes: Array

    def part(self, rows: slice) -> Work:
        """Some rows of it, in the same memory."""
        return Work(*(array[rows] for array in self))

    def below(self, other: Work) -> Work:
        """Both, the other one's rows below these; a copy."""
        return Work(*(np.concatenate(pair) for pair in zip(self, other, strict=True)))

    def tobytes(self) -> bytes:
        """All its numbers."""
        return b"".join(array.tobytes() for array in self)

    def filled(self, numbers: Array) -> Work:
        """Work of the same shapes from the numbers of `tobytes`."""
        ends = np.cumsum([array.size for array in self])[:-1]
        parts = zip(np.split(numbers, ends), self, strict=True)
        return Work(*(part.reshape(array.shape).copy() for part, array in parts))

    @property
    def numbers(self) -> int:
        """How many numbers it is."""
        return sum(array.size for array in self)


class Easel:
    """A document that is painted at one size and shown in one way.

    Args:
        document: what to paint.
        size: `(height, width)` of the whole canvas, in pixels.
        finish: how it is shown.

    Attributes:
        raised: whether its paint has a relief.
        plain: whether what is painted is what is shown.
        reach: rows around a row on which depends what it shows, a multiple of the cells' side.
    """

    def __init__(self, document: StrokeDocument, size: tuple[int, int], finish: Finish) -> None:
        self.document, self.size, self.finish = document, size, finish
        self.brush = find_brush(document.brush)
        self.raised = finish.relief > 0 and self.brush.relief is not None
        sheet = self.brush.paper if finish.paper == "own" else finish.paper
        paper, self._surface = PAPERS.get(sheet), surface_on(self.brush.surface, sheet)
        self._paper = paper.dry() if paper and self._surface else paper
        washes = self._paper is not None and self._paper.rim > 0
        self._ends = [round(part * len(document.strokes)) for part in LAYERS] if washes else []
        self.plain = not (self.raised or self._paper)
        self.reach = 0 if self.plain else CELLS * cell_of(max(size))
        self._painters: dict[tuple[int, int], StrokePainter] = {}

    def bare(self, rows: int) -> Work:
        """So many rows of the canvas without paint."""
        width, layers = self.size[1], len(self._ends)
        colour = np.empty((rows, width, 3), np.float32)
        colour[:] = self.document.canvas
        heights = np.zeros((rows, width if self.raised else 0), np.float32)
        dry = colour.copy() if layers else np.empty((rows, 0, 3), np.float32)
        return Work(colour, heights, dry, np.zeros((rows, width, layers), np.float32))

    def paint(self, work: Work, start: int = 0, stop: int | None = None, *, top: int = 0) -> None:
        """Paints strokes `start` to `stop` over rows from `top`, a multiple of TILE, on; in place."""
        for first, end in self._runs(start, len(self.document.strokes) if stop is None else stop):
            if end == first or not len(work.colour):
                continue
            self._painter(first, end).paint(Sheet(work.colour, work.heights), top)
            np.clip(work.colour, 0, 1, out=work.colour)
            for layer, dry in enumerate(self._ends):
                if end == dry:
                    work.changes[..., layer] = _change(work)
                    work.dry[:] = work.colour

    def show(self, work: Work, *, top: int = 0, rows: slice = slice(None)) -> Array:
        """What is seen of some rows of work that begins at row `top`; `[rows, W, 3]` float32 in [0, 1]."""
        if self.plain:
            return work.colour[rows]
        if self.raised:
            if self._paper is None:
                return lit(Sheet(*work[:2]), self.finish, max(self.size), top=top, rows=rows)
            work = work._replace(colour=lit(Sheet(*work[:2]), self.finish, max(self.size), top=top))
        assert self._paper is not None
        edges = rims(_change(work), max(self.size)) if self._ends else np.zeros(work.colour.shape[:2], np.float32)
        for layer in range(len(self._ends)):
            edges += 0.5 * rims(work.changes[..., layer], max(self.size))
        bare, border = self.document.canvas, self.finish.border
        return on_paper(work.colour, edges, bare, self._paper, border, self.size, top=top, rows=rows)

    def _runs(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """The strokes from `start` to `stop`, up to the end of each layer."""
        ends = sorted({end for end in self._ends if start < end < stop})
        return pairwise([start, *ends, stop])

    def _painter(self, start: int, stop: int) -> StrokePainter:
        """What paints some strokes; bands ask for the same again."""
        if (start, stop) not in self._painters:
            if len(self._painters) > len(LAYERS):
                self._painters.clear()
            part, document = slice(start, stop), self.document
            whole = document.strokes
            strokes = Strokes(whole.placement[part], whole.shape[part], whole.paint[part])
            full, seeds = document.full_shape(self.brush)[part], document.texture_seeds()[part]
            self._painters[start, stop] = StrokePainter(self.brush, strokes, full, seeds, self.size, self._surface)
        return self._painters[start, stop]


def is_plain(document: StrokeDocument, finish: Finish) -> bool:
    """Whether a document shows in this finish as the paint alone."""
    return Easel(document, (1, 1), finish).plain


def _change(work: Work) -> Array:
    """By how much the layer that is still wet has changed the picture, `[H, W]`."""
    return np.abs(work.colour - work.dry).mean(axis=2)
