"""Strokes that take on a style: what is compared, what may change, and that it comes closer."""

from functools import cache

import numpy as np
import pytest
import torch

from neural_painter.colour import colour_statistics
from neural_painter.descent import FAILURES
from neural_painter.errors import NumericalError, UsageError
from neural_painter.painter.config import PaintConfig, StrokeStyleConfig
from neural_painter.painter.rounds import Place, place_between
from neural_painter.painter.stages import Painter, empty_strokes
from neural_painter.painter.styling import StrokeStyle, Styler, recolour
from neural_painter.painter.work import Work
from neural_painter.strokes import Strokes
from renderers.brushes import brush, names
from renderers.weights import load_renderer
from tests.neural_painter.painter.pictures import still_life, stripes
from tests.neural_painter.photo.samples import night, tiny_features

SIZE = (48, 64)


def style(picture=None, **options):
    return StrokeStyle(night() if picture is None else picture, tiny_features(), StrokeStyleConfig(**options))


@pytest.fixture(scope="module")
def painted():
    """By brush: strokes that show a still life, as far as a few steps go."""

    @cache
    def strokes(name):
        config = PaintConfig(brush=name, strokes=30, preset="fast", device="cpu")
        painter = Painter(still_life(*SIZE), config)
        work = Work(painter.rounds(), place_between(empty_strokes(painter.brush)))
        assert work.run()
        return work.strokes

    return strokes


def styler(strokes, chosen, name="oil", place=None, **options):
    """The round that gives strokes a style."""
    tool = brush(name)
    renderer, _ = load_renderer(tool)
    config = PaintConfig(brush=name, device="cpu", **options)
    working = Styler(still_life(*SIZE), chosen, renderer=renderer, brush=tool, config=config)
    place = place or place_between(strokes)
    made = working.round(place)
    made.go_on(place)
    return made


@pytest.mark.parametrize(
    "name", ["oil", *(pytest.param(name, marks=pytest.mark.slow) for name in names() if name != "oil")]
)
@pytest.mark.parametrize("mode", ["full", "color"])
def test_every_brush_comes_closer_to_the_style(painted, name, mode):
    chosen = style(style_steps=12, style_mode=mode)
    working = styler(painted(name), chosen, name)
    with torch.no_grad():
        before = chosen.distance(working.optimiser.canvas().permute(1, 2, 0).numpy())
    steps = []
    working.run(lambda done, loss: steps.append((done, loss)))
    with torch.no_grad():
        after = chosen.distance(working.optimiser.canvas().permute(1, 2, 0).numpy())
    assert [done for done, _ in steps] == list(range(1, 13))
    assert steps[-1][1] < steps[0][1]
    assert after < 0.95 * before  # recoloured already; measured: 0.25 to 0.85 of it
    assert working.tally.recovered == 0


def test_colour_mode_changes_the_paint_alone(painted):
    working = styler(painted("oil"), style(style_steps=4, style_mode="color"))
    working.run(lambda *_: None)
    found = working.strokes()
    assert np.array_equal(found.placement, painted("oil").placement)
    assert np.array_equal(found.shape, painted("oil").shape)
    assert not np.array_equal(found.paint, painted("oil").paint)


def test_full_mode_changes_everything(painted):
    working = styler(painted("oil"), style(style_steps=4))
    working.run(lambda *_: None)
    found = working.strokes()
    for name in ("placement", "shape", "paint"):
        assert not np.array_equal(getattr(found, name), getattr(painted("oil"), name)), name


def test_strokes_of_any_size_keep_it_at_the_start():
    """Limits follow from the strokes: those of another program's document are not moved by being looked at."""
    placement = np.array([[0.5, 0.4, 0.002, 0.0005, 0.3], [0.5, 0.3, 1.5, 0.3, 1.0]], np.float32)
    tool = brush("oil")
    shape = np.tile([p.default for p in tool.free_shape], (2, 1)).astype(np.float32)
    strokes = Strokes(placement, shape, np.full((2, 7), 0.9))
    found = styler(strokes, style()).strokes()
    np.testing.assert_allclose(found.placement[:, :5], placement, rtol=1e-5)


def test_going_on_does_not_recolour_again(painted):
    chosen = style(style_steps=6)
    first = styler(painted("oil"), chosen)
    first.run(lambda *_: None)
    again = styler(None, chosen, place=Place(first.strokes(), 0, 6))
    assert np.array_equal(again.strokes().paint, first.strokes().paint)
    again.run(lambda *_: pytest.fail("nothing is left to do"))


def test_weight_zero_is_the_recoloured_painting(painted):
    """Without the Gram loss the features are not even asked."""
    chosen = style(style_weight=0.0, style_steps=2)
    working = styler(painted("oil"), chosen)
    chosen.features.forward = lambda *_: pytest.fail("asked")
    working.run(lambda *_: None)


def test_transport_counts_where_it_is_on(painted):
    chosen = style(style_steps=1)
    losses = {}
    for stages in ("off", "coarse", "all"):
        working = styler(painted("oil"), chosen, transport_stages=stages)
        losses[stages] = float(working.objective(working.optimiser.canvas()))
    assert losses["all"] > losses["off"] == losses["coarse"]  # it is the last stage


def test_the_distance_of_the_style_from_itself_is_nothing():
    picture = stripes(0.4, 64, 64)
    chosen = style(picture)
    assert chosen.distance(picture) < 1e-9
    assert chosen.distance(still_life(64, 64)) > 0.05


def test_scale_changes_what_is_wanted():
    coarse, fine = (style(stripes(0.4, 96, 96), style_scale=scale).target((48, 48)) for scale in (1.0, 0.4))
    assert any(not torch.allclose(coarse.grams[layer], fine.grams[layer], rtol=1e-3) for layer in coarse.grams)


def test_options_name_the_picture():
    first, again, other = style().as_options(), style().as_options(), style(night() * 0.9).as_options()
    assert first == again
    assert first["picture"] != other["picture"]
    assert set(first) == {"style_weight", "style_mode", "style_scale", "style_steps", "picture"}


def test_recoloured_pictures_have_the_colours_of_the_style():
    made, affine = recolour(still_life(*SIZE), night())
    mean, covariance = colour_statistics(made.reshape(-1, 3))
    wanted = colour_statistics(night().reshape(-1, 3))
    np.testing.assert_allclose(mean, wanted[0], atol=0.03)  # clipping and the steepest stretch take their part
    assert np.trace(covariance) < 2 * np.trace(wanted[1])
    expected = np.clip(still_life(*SIZE) @ affine[:, :3].T + affine[:, 3], 0, 1)
    np.testing.assert_allclose(made, expected, atol=1e-6)


def test_a_loss_that_stays_infinite_is_an_error(painted, monkeypatch):
    working = styler(painted("oil"), style(style_steps=50))
    monkeypatch.setattr(working.objective, "style", lambda canvas: canvas.sum() * torch.inf)
    with pytest.raises(NumericalError, match="stopped being finite while styling"):
        working.run(lambda *_: None)
    assert working.done == FAILURES


def test_options_out_of_range():
    for options, sentence in (
        ({"style_weight": -1.0}, "style_weight: expected a number from 0 to 1000000000, got -1.0"),
        ({"style_weight": float("nan")}, "style_weight: expected a number"),
        ({"style_mode": "paint"}, "style_mode: expected one of color, full, got paint"),
        ({"style_scale": 0.0}, "style_scale: expected a number from 0.05 to 20, got 0.0"),
        ({"style_steps": 0}, "style_steps: expected a whole number from 1 to 100000, got 0"),
        ({"style_steps": 1.5}, "style_steps: expected a whole number"),
    ):
        with pytest.raises(UsageError, match=sentence):
            StrokeStyleConfig(**options)
