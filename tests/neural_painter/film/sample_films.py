"""Painted films for tests, made of numbers: strokes move, are born and die, stand still, and a shot ends."""

from fractions import Fraction

import numpy as np

from neural_painter.film.document import FilmHead, FilmWriter
from neural_painter.film.recording import no_strokes
from neural_painter.film.rounding import rounded
from neural_painter.strokes import StrokeDocument, Strokes
from renderers.brushes import brush
from tests.neural_painter.sample_documents import sample_document

TIMES = [0, 40, 50, 120, 121, 300, 333, 400, 480, 481, 500, 700, 720]
"""When frames begin, and when the last one ends, in thousandths of a second."""


def sample_frames(brush_name="oil", count=24, frames=12, cut=7):
    """Strokes with ids of each frame; frames 3 and 4 are alike, and frame `cut` begins a shot."""
    generator, found, oil = np.random.default_rng(5), [], brush(brush_name)
    for number in range(frames):
        if number in (0, cut):
            strokes = sample_document(brush_name, count=count, seed=1 + number).strokes
            strokes = Strokes(strokes.placement, strokes.shape, strokes.paint, np.arange(count))
            born = count
        elif number != 4:
            table = strokes.table()
            table[: count // 2, :2] += generator.normal(0, 0.01, (count // 2, 2)).astype(np.float32)
            lives = np.arange(len(table)) != number
            table = np.concatenate([table[lives], table[:1]])
            strokes = Strokes.of(table, np.append(strokes.ids[lives], born))
            born += 1
        strokes = rounded(strokes, oil)
        found.append(strokes)
    return found


def sample_head(brush_name="oil", **told):
    document = sample_document(brush_name)
    head = StrokeDocument(
        width=64,
        height=48,
        canvas=document.canvas,
        brush=brush_name,
        strokes=no_strokes(brush(brush_name)),
        seed=3,
        options={"strokes": 24},
    )
    return FilmHead(head, time_base=Fraction(1, 1000), rate=Fraction(50, 3), **told)


def written(path, frames, times=TIMES, cuts=(0, 7), head=None, sound=None):
    """Writes frames as a document; returns its path."""
    writer = FilmWriter(head or sample_head())
    for number, strokes in enumerate(frames):
        writer.add(strokes, times[number], times[number + 1], fresh=number in cuts)
    with path.open("wb") as file:
        writer.finish(file, sound)
    return path
