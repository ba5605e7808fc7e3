"""Numbers that the photo settles: wet where it is flat, dry at contours, and held by the optimiser."""

import numpy as np
import pytest

from neural_painter import PaintConfig
from neural_painter.painter.settled import contrasts, settled
from neural_painter.painter.stages import Painter, Sight, empty_strokes
from renderers.brushes import brush
from tests.each import each


def halves(height=60, width=90):
    """Dark on the left, light on the right."""
    picture = np.full((height, width, 3), 0.2, np.float32)
    picture[:, width // 2 :] = 0.8
    return picture


PLACED = np.array([[0.2, 0.3, 0.1, 0.04, 0.0], [0.5, 0.3, 0.1, 0.04, np.pi / 2], [0.8, 0.3, 0.1, 0.04, 1.0]])


def test_contrast_is_where_the_contour_is():
    found = contrasts(PLACED, halves())
    assert found[0] < 1e-6
    assert found[2] < 1e-6
    assert found[1] > 0.2


def test_washes_are_dry_at_contours():
    wet = settled(brush("watercolor"), PLACED, halves())[:, 1]
    flat, contour = brush("watercolor").free_shape[1].settled
    assert wet == pytest.approx([flat, contour, flat])


@each("name", ["oil", "marker"])
def test_other_brushes_begin_with_their_defaults(name):
    found = settled(brush(name), PLACED, halves())
    assert (found == [p.default for p in brush(name).free_shape]).all()


def test_strokes_off_the_canvas_are_looked_at_where_it_ends():
    away = PLACED + np.array([9, -9, 0, 0, 0])
    assert np.isfinite(contrasts(away, halves())).all()


def test_it_is_held():
    """While all else moves, it stays as it was laid."""
    found, image = brush("watercolor"), halves(96, 128)
    painter = Painter(image, PaintConfig(brush="watercolor", strokes=40, preset="fast", device="cpu"))
    stage = painter.stages[-1]
    sight = Sight(painter, stage)
    start = painter.new_strokes(stage, sight, empty_strokes(found), 40, np.random.default_rng(0))
    optimiser = painter.optimiser(stage, sight.plain, start)
    for step in range(10):
        optimiser.step(lambda canvas: (canvas - sight.plain.goal).square().mean(), step / 10)
    after = optimiser.strokes()
    assert np.ptp(start.shape[:, 1]) > 0.3
    np.testing.assert_array_equal(after.shape[:, 1], start.shape[:, 1])
    assert (after.shape[:, 0] != start.shape[:, 0]).any()
    assert (after.placement[:, :4] != start.placement[:, :4]).any(axis=1).mean() > 0.5
