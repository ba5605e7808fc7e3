"""Strokes of films in numbers of few bits: what is finer than can be seen would be most of a film's document."""

from __future__ import annotations

import numpy as np

from neural_painter.strokes import PAINT, Strokes
from renderers.brush import MAX_SWEEP, SWEEP, Brush

LENGTH = 20
"""Bits behind the point of coordinates and lengths: a fiftieth of a pixel of the largest picture."""
ANGLE = 17
"""Bits behind the point of angles: as much at the end of a long stroke."""
OTHER = 12
"""Bits behind the point of paint and of a brush's own numbers: a sixteenth of a level of 8 bits."""


def rounded(strokes: Strokes, brush: Brush) -> Strokes:
    """The strokes as they are painted and kept: rounded, within what the brush takes; again rounded, the same."""
    table = strokes.table().astype(np.float64)
    bits = np.full(table.shape[1], OTHER)
    bits[: SWEEP - 1], bits[SWEEP - 1 : SWEEP + 1] = LENGTH, ANGLE
    steps = 2.0**bits
    found = np.round(table * steps) / steps
    shape = slice(SWEEP + 1, table.shape[1] - len(PAINT))
    found[:, shape] = found[:, shape].clip(brush.shape_low[1:], brush.shape_high[1:])
    found[:, 2:4] = np.maximum(found[:, 2:4], 2.0**-LENGTH)
    found[:, SWEEP] = found[:, SWEEP].clip(-MAX_SWEEP, MAX_SWEEP)
    return Strokes.of(found.astype(np.float32), strokes.ids)
