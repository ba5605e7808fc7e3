"""Strokes of a canvas in a window of it: there and back, and the same pixels."""

import numpy as np
import torch

from neural_painter.compositing import composite
from neural_painter.film.window import Window
from neural_painter.strokes import Strokes


def test_a_window_shows_the_canvas_own_pixels():
    generator, size = np.random.default_rng(0), (60, 90)
    placement = np.stack(
        [
            *(generator.uniform(0, end, 30) for end in (1, 60 / 90)),
            *(generator.uniform(low, high, 30) for low, high in ((0.03, 0.1), (0.02, 0.04), (-3, 3), (-0.4, 0.4))),
        ],
        axis=1,
    )
    strokes = Strokes(placement, np.zeros((30, 4)), generator.uniform(0, 1, (30, 7)))
    stamps = torch.from_numpy(generator.uniform(0, 1, (30, 16, 16, 3)).astype(np.float32))
    window = Window.around(strokes.placement[:2], size)
    assert window.height < size[0] or window.width < size[1]
    here = window.touches(strokes.placement)
    assert here[:2].all()
    assert not here.all()

    def drawn(placement, chosen, size):
        paint = torch.from_numpy(strokes.paint[chosen])
        return composite(torch.from_numpy(placement[chosen]), paint, stamps[chosen], torch.ones(3), size)

    whole = window.part(drawn(strokes.placement, np.ones(30, bool), size))
    inside = window.into(strokes)
    part = drawn(inside.placement, here, (window.height, window.width))
    assert (part - whole).abs().max() < 2e-3  # 2e-4 measured: pixel centres round otherwise
    assert np.abs(window.back(inside).placement - strokes.placement).max() < 1e-6
