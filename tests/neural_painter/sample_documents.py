"""Stroke documents for tests: strokes laid over a smooth picture, broad ones first, as a painter would."""

from dataclasses import replace

import numpy as np

from neural_painter.strokes import StrokeDocument, Strokes
from renderers import brushes
from renderers.brush import HALF_LENGTH, HALF_WIDTH, MAX_SWEEP, SWEEP


def sweeping(document: StrokeDocument, seed: int = 2) -> StrokeDocument:
    """The same document with strokes that turn, of every amount that fits their aspect."""
    placement = document.strokes.placement.copy()
    most = np.minimum(0.7 * placement[:, HALF_LENGTH] / placement[:, HALF_WIDTH], MAX_SWEEP)
    placement[:, SWEEP] = np.random.default_rng(seed).uniform(-most, most)
    return replace(document, strokes=replace(document.strokes, placement=placement))


def sample_document(brush_name: str = "tape", count: int = 40, size: tuple[int, int] = (48, 64), seed: int = 1):
    brush = brushes.brush(brush_name)
    generator = np.random.default_rng(seed)
    height, width = size
    half_width = np.linspace(0.15, 0.02, count) * generator.uniform(0.7, 1.3, count)
    aspect = generator.uniform(brush.aspect.low, 4, count)
    x, y = generator.uniform(0, width / max(size), count), generator.uniform(0, height / max(size), count)
    angle = generator.uniform(-np.pi, np.pi, count)
    paint = brush.sample_paint(count, generator)
    paint[:, :3] = np.stack([0.5 + 0.4 * np.sin(7 * x), 0.5 + 0.4 * np.cos(5 * y), 0.3 + 0.5 * x * y], axis=1)
    paint[:, 3:6] = np.clip(paint[:, :3] + generator.normal(0, 0.06, (count, 3)), 0, 1)
    if brush.colours == 1:
        paint[:, 3:6] = paint[:, :3]
    return StrokeDocument(
        width=width,
        height=height,
        canvas=(0.95, 0.9, 0.82),
        brush=brush_name,
        strokes=Strokes(
            placement=np.stack([x, y, half_width * aspect, half_width, angle], axis=1),
            shape=brush.sample_shape(count, generator)[:, 1:],
            paint=paint,
        ),
        seed=seed,
        options={"strokes": count, "stages": [{"iterations": 40}], "style": None, "lr": 0.01},
        weights="ab" * 32,
    )
