"""The first strokes by themselves: which are looked at, how fine, and that they look like the photo."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from neural_painter.export.rendering import render
from neural_painter.losses.pixel import pixel_loss
from neural_painter.metrics import psnr
from neural_painter.painter.config import PRESETS, PaintConfig
from neural_painter.painter.emphasis import Emphasis
from neural_painter.painter.objective import Objective
from neural_painter.painter.optimise import Limits, StrokeOptimiser
from neural_painter.painter.phases import View
from neural_painter.painter.prefixes import FEWEST, LEAST_SIDE, PARTS, SHARE, Prefix, Prefixes
from neural_painter.painting import paint
from neural_painter.strokes import Strokes
from tests.neural_painter.painter.pictures import still_life

CONFIG = PaintConfig(device="cpu", edges=0)
SHAPE = (200, 300)


def prefixes(steps=100, canvas=160, config=CONFIG, device="cpu", **options):
    image = still_life(*SHAPE)
    return Prefixes(image, SHAPE, canvas, steps, background=torch.ones(3, device=device), config=config, **options)


def test_a_few_steps_see_short_and_long_ones():
    looked = prefixes()
    counts = np.array([looked.at(done, 1000).count for done in range(100)])
    low, high = (1000 * part for part in PARTS)
    assert counts.min() >= round(low)
    assert counts.max() <= round(high)
    for first in range(90):  # any ten in a row
        some = np.sort(np.log(counts[first : first + 10] / low) / np.log(high / low))
        assert np.diff(some, prepend=0, append=1).max() < 0.25  # measured: 0.24


def test_a_step_sees_the_same_whenever_it_is_taken():
    one, other = prefixes(), prefixes()
    for done in (7, 3, 50):
        a, b = one.at(done, 400), other.at(done, 400)
        assert (a.count, a.share) == (b.count, b.share)
        assert torch.equal(a.view.goal, b.view.goal)


def test_canvases_are_as_fine_as_their_strokes():
    looked, sides = prefixes(), {}
    for done in range(60):
        seen = looked.at(done, 600)
        height, width = seen.view.size
        assert height / width == pytest.approx(2 / 3, abs=0.003)  # or strokes and photo would lie beside each other
        sides[seen.count] = width
    ordered = [sides[count] for count in sorted(sides)]
    assert ordered == sorted(ordered)
    assert LEAST_SIDE * 0.9 < ordered[0] < 80
    assert 150 <= ordered[-1] <= 160


def test_where_none_is_looked_at():
    assert prefixes().at(0, FEWEST) is None  # too few by far
    assert prefixes(config=replace(CONFIG, preset="preview")).at(0, 1000) is None


def test_every_step_looks_at_one_on_any_device():
    """One in four on a GPU would leave the first strokes half a decibel behind those of the CPU."""
    here, elsewhere = prefixes(), prefixes(device="meta")
    for done in range(5):
        assert elsewhere.at(done, 1000).count == here.at(done, 1000).count


def test_shares_fall_and_are_relative():
    looked = prefixes(steps=50)
    shares = [looked.at(done, 500).share for done in range(50)]
    assert shares[0] == SHARE[0]
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] == pytest.approx(SHARE[1], rel=0.1)
    seen = looked.at(0, 500)
    canvas = torch.zeros_like(seen.view.goal)
    assert float(seen.weighed(canvas, torch.tensor(0.03))) == pytest.approx(0.03 * SHARE[0], rel=1e-5)
    assert float(seen.weighed(seen.view.goal, torch.tensor(0.03))) == 0


def test_weights_count():
    weights = np.ones((100, 150), np.float32)
    weights[:, :50] = 3
    seen = prefixes(emphasis=Emphasis(weights)).at(0, 500)
    assert seen.view.weights.shape == seen.view.size
    error = torch.zeros_like(seen.view.goal)
    error[:, :, 5] = 0.1
    left, right = seen.loss(seen.view.goal + error), seen.loss(seen.view.goal + error.flip(2))
    assert float(left) == pytest.approx(3 * float(right), rel=0.05)


def test_a_covered_stroke_is_held_by_its_prefix(renderer, oil):
    """It takes on what its prefix should show; without that nothing tells it to."""
    wanted, below = torch.full((3, 48, 48), 0.6), torch.full((3, 48, 48), 0.9)
    placement = np.array([[0.5, 0.5, 0.2, 0.1, 0.4], [0.5, 0.5, 0.45, 0.4, 0.4]])
    start = Strokes(placement, np.tile([0.0, 1.0], (2, 1)), np.array([[*[0.1] * 6, 1.0], [*[0.6] * 6, 1.0]]))
    found = []
    for share in (0.0, 0.01):
        view = View(wanted, wanted[:, 0, 0])
        moved = StrokeOptimiser(renderer, oil, start, view, step=0.05, limits=Limits(0.01, 0.5))
        moved.prefix = Prefix(1, View(below, below[:, 0, 0]), Objective(below, CONFIG), share)
        for _ in range(30):
            moved.step(lambda canvas: pixel_loss(canvas, wanted) + 1e-3, 0.0)
        found.append(float(moved.strokes().paint[0, 0]))
    assert found[0] < 0.65  # measured: 0.46
    assert found[1] > 0.8  # measured: 0.96


def test_the_first_strokes_are_a_painting(monkeypatch):
    """PSNR of the first strokes of a painting, and of one painted without looking at them."""
    photo = still_life(96, 128)
    found = {}
    for looks in (True, False):
        monkeypatch.setitem(PRESETS, "fast", replace(PRESETS["fast"], prefixes=looks))
        document = paint(photo, PaintConfig(strokes=200, preset="fast", device="cpu")).document
        strokes = document.strokes
        found[looks] = [
            psnr(photo, render(replace(document, strokes=Strokes(*(a[:n] for a in _arrays(strokes)))), (96, 128)))
            for n in (10, 30, 80, 200)
        ]
    gained = np.subtract(found[True], found[False])
    assert (np.diff(found[True]) > 0).all()
    assert gained[:3].mean() > 1  # measured: 1.8
    assert gained[:3].min() > 0
    assert gained[3] > -0.3


def _arrays(strokes):
    return strokes.placement, strokes.shape, strokes.paint
