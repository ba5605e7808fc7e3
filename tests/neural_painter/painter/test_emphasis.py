"""What weights mean for strokes: mean 1 at any size, more and smaller strokes, none slimmer than its place has it."""

import numpy as np
import pytest
import torch

from neural_painter.painter.emphasis import FINENESS, Emphasis
from neural_painter.painter.optimise import Limits
from neural_painter.painter.seeding import seed_strokes
from renderers.brush import CENTRE
from renderers.brushes import brush
from tests.neural_painter.painter.pictures import blank

RATIO = 4.0


def halves(height=80, width=80):
    """The right half weighs more."""
    weights = np.ones((height, width), np.float32)
    weights[:, width // 2 :] = RATIO
    return Emphasis(weights / weights.mean())


def test_at_any_size_weights_have_mean_1_and_strokes_cover_as_much_as_before():
    for size in ((80, 80), (20, 33), (160, 200), (1, 1)):
        weights, sizes = halves().at(size), halves().sizes(size)
        assert weights.shape == sizes.shape == size
        assert weights.dtype == sizes.dtype == np.float32
        assert weights.mean() == pytest.approx(1, abs=1e-5)
        assert np.mean(sizes**-2.0) == pytest.approx(1, abs=1e-4)  # strokes an area, against those without weights


def test_the_smallest_strokes_are_those_of_an_area_and_never_larger_than_without_weights():
    assert halves().smallest() == pytest.approx(halves().sizes((80, 80)).min(), rel=0.01)
    speck = np.ones((100, 100), np.float32)
    speck[50, 50:60] = 4  # a thousandth
    assert Emphasis(speck / speck.mean()).smallest() == pytest.approx(1, abs=0.01)
    assert Emphasis(np.ones((30, 20), np.float32)).smallest() == 1


def test_more_weight_is_more_and_smaller_strokes():
    sizes = halves().sizes((80, 80))
    assert sizes[40, 10] / sizes[40, 70] == pytest.approx(RATIO**FINENESS, rel=1e-4)
    target, generator = blank(80, 80, (0.5, 0.5, 0.5)), np.random.default_rng(0)
    placement = seed_strokes(target, blank(80, 80), brush("oil"), 100, 0.06, generator, halves()).placement
    heavy = placement[:, 0] > 0.5
    assert 3 < heavy.sum() / (~heavy).sum() < 12  # measured: 6.7
    assert np.median(placement[~heavy, 2]) > 1.5 * np.median(placement[heavy, 2])


def test_weights_that_are_all_alike_change_nothing():
    target, alike = blank(40, 60, (0.2, 0.5, 0.7)), Emphasis(np.ones((40, 60), np.float32))
    target[10:20, 30:50] = 0.9
    plain, weighted = (
        seed_strokes(target, blank(40, 60), brush("oil"), 30, 0.08, np.random.default_rng(0), emphasis)
        for emphasis in (None, alike)
    )
    assert plain == weighted


def test_the_slimmest_stroke_depends_on_its_place():
    placement = torch.zeros(4, 5)
    placement[:, CENTRE] = torch.tensor([[0.1, 0.5], [0.9, 0.5], [1.0, 1.0], [0.0, 0.0]])
    sizes = torch.tensor([[2.0, 0.5]])
    slimmest = Limits(0.01, 0.5, sizes).slimmest(placement)
    assert torch.allclose(slimmest.exp(), torch.tensor([0.02, 0.005, 0.005, 0.02]))
    assert Limits(0.01, 0.5).slimmest(placement) == pytest.approx(np.log(0.01))
