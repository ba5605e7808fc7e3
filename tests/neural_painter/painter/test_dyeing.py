"""Strokes that multiply, found and optimised: their colours follow from densities, and what no dye lightens is left."""

import numpy as np
import pytest
import torch

from neural_painter import PaintConfig, paint
from neural_painter.compositing import DARKEST, composite
from neural_painter.painter import seeding
from neural_painter.painter.config import StrokeStyleConfig
from neural_painter.painter.optimise import Limits, StrokeOptimiser
from neural_painter.painter.phases import View
from neural_painter.painter.recycling import least_useful
from neural_painter.painter.rounds import place_between
from neural_painter.painter.seeding import keep, seed_strokes
from neural_painter.painter.stages import Painter, empty_strokes
from neural_painter.painter.styling import StrokeStyle, Styler
from renderers.stamps import load_stamps
from tests.neural_painter.dyes import multiplying
from tests.neural_painter.painter.pictures import blank, still_life
from tests.neural_painter.photo.samples import night, tiny_features


@pytest.fixture(params=["marker", "oil"])
def dye(request, monkeypatch):
    return multiplying(request.param, monkeypatch)


def seeded(dye, target, canvas=None, *, count=30, size=0.08):
    canvas = blank(*target.shape[:2]) if canvas is None else canvas
    return seed_strokes(target, canvas, dye, count, size, np.random.default_rng(0))


def test_new_strokes_lower_the_error(dye, monkeypatch):
    """Of a canvas that is laid as the compositor lays it."""
    target, kept, place = still_life(), [], seeding.place

    def watched(target, canvas, *others):
        kept.append(canvas)
        place(target, canvas, *others)

    monkeypatch.setattr(seeding, "place", watched)
    strokes = seeded(dye, target, count=60, size=0.1)
    strokes.check(dye)
    assert strokes.paint[:, :6].min() >= DARKEST * 0.999
    before, after = np.square(target - blank(120, 160)).mean(), np.square(target - kept[0]).mean()
    assert after < before / 5
    tensors = [torch.from_numpy(array) for array in (strokes.placement, strokes.paint)]
    aspect = strokes.placement[:, 2] / strokes.placement[:, 3]
    shape = np.column_stack([aspect, strokes.shape]).astype(np.float32)
    stamps = torch.from_numpy(dye.draw(shape, np.arange(60), 32, 32, supersample=2))
    canvas = composite(*tensors, stamps, torch.ones(3), (120, 160), blend="multiply").permute(1, 2, 0).numpy()
    assert np.square(target - canvas).mean() < before / 4


def test_two_colours_solve_their_equations(dye):
    """A stroke on a canvas that lacks just what the stroke is: its colours come out again."""
    target = blank(80, 80, (0.5, 0.7, 0.2))
    strokes = seeded(dye, target, blank(80, 80, (1.0, 0.8, 0.4)), count=1, size=0.2)
    matte = dye.draw(np.array([dye.shape_low + 0.5]), np.zeros(1), 64, 64)[0]
    usual = np.median(matte[..., 0] * matte[..., 1:].sum(axis=2)) * strokes.paint[0, 6]
    wanted = np.array([0.5, 0.875, 0.5]) ** (1 / usual)
    for colour in (strokes.paint[0, :3], strokes.paint[0, 3:6]):
        np.testing.assert_allclose(colour, wanted, atol=0.12)


def test_what_is_too_dark_is_left_as_it_is(dye):
    target = blank(40, 60, (0.6, 0.6, 0.6))
    strokes = seeded(dye, target, blank(40, 60, (0.3, 0.3, 0.3)), count=10)
    np.testing.assert_array_equal(strokes.paint[:, :6], 1)


def test_black_pictures_and_black_canvases_make_numbers(dye):
    for target, canvas in ((0.0, 1.0), (0.0, 0.0), (1.0, 0.0), (1.0, 1.0)):
        strokes = seeded(dye, blank(20, 30, (target,) * 3), blank(20, 30, (canvas,) * 3), count=50)
        strokes.check(dye)
        assert np.isfinite(strokes.paint).all()


def test_the_least_useful_are_those_that_dye_nothing(dye):
    target = still_life(48, 64)
    strokes = seeded(dye, target, count=8, size=0.2)
    strokes.paint[3, :6] = 1
    view = View(torch.from_numpy(target).permute(2, 0, 1).contiguous(), torch.ones(3))
    renderer, _ = load_stamps(dye, torch.device("cpu"))
    optimiser = StrokeOptimiser(renderer, dye, strokes, view, step=0.2, limits=Limits(0.01, 0.5))
    canvas = optimiser.canvas()
    assert (canvas <= 1).all()
    without = keep(strokes, np.arange(8) != 3)
    other = StrokeOptimiser(renderer, dye, without, view, step=0.2, limits=Limits(0.01, 0.5)).canvas()
    assert (canvas - other).abs().max() < 1e-6
    assert least_useful(optimiser, 3)[3]


def test_no_step_looks_at_prefixes_and_colours_take_smaller_steps(dye):
    """The first strokes by themselves should be lighter than the photo."""
    seen = {}
    for name in (dye.name, "tape"):
        config = PaintConfig(strokes=60, preset="fast", brush=name, device="cpu")
        painter = Painter(still_life(48, 64), config)
        made = painter.rounds()[0].make(place_between(empty_strokes(painter.brush)))
        made.run(lambda done, loss, made=made: seen.setdefault(made, []).append(made.optimiser.prefix))
    (dyes, of_dyes), (_, of_tape) = seen.items()
    assert not any(of_dyes)
    assert any(of_tape)
    assert dyes.optimiser.rates["paint"][0] < 0.02


def test_a_style_begins_with_the_dyes_own_colours(dye):
    """No map of a picture's colours is one of dyes."""
    strokes = seeded(dye, still_life(48, 64), count=8, size=0.2)
    renderer, _ = load_stamps(dye, torch.device("cpu"))
    style = StrokeStyle(night(), tiny_features(), StrokeStyleConfig(style_steps=1))
    config = PaintConfig(brush=dye.name, device="cpu")
    made = Styler(still_life(48, 64), style, renderer=renderer, brush=dye, config=config).round(place_between(strokes))
    np.testing.assert_array_equal(made.strokes().paint, strokes.paint)


def test_a_painting(dye):
    """Half a decibel below the worst of three seeds; no colour below the darkest, nothing brighter than paper."""
    photo = still_life()
    found = paint(photo, PaintConfig(strokes=120, preset="fast", brush=dye.name, device="cpu"))
    assert found.psnr > 26.8
    assert found.strokes.paint[:, :6].min() >= np.float32(DARKEST)
    assert found.render().max() <= 1
    bright = paint(blank(40, 60), PaintConfig(strokes=20, preset="preview", brush=dye.name, device="cpu"))
    assert bright.render().min() == 1  # white paper stays white
