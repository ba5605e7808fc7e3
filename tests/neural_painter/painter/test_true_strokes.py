"""The last steps of a careful painting see strokes as the picture shows them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from neural_painter.compositing import composite
from neural_painter.export.raster import paint_strokes
from neural_painter.painter import true_strokes
from neural_painter.painter.config import PRESETS, PaintConfig, Preset, plan
from neural_painter.painter.rounds import StateError, place_between
from neural_painter.painter.stages import Painter, empty_strokes
from neural_painter.painter.true_strokes import TrueStrokes
from neural_painter.painter.work import Work
from neural_painter.strokes import StrokeDocument
from tests.neural_painter.painter.pictures import still_life
from tests.neural_painter.painter.test_optimise import scattered

CONFIG = PaintConfig(strokes=40, preset="best", device="cpu")


@pytest.fixture
def _brief(monkeypatch):
    monkeypatch.setitem(PRESETS, "best", Preset(early=0.1, late=0.1, canvas=0.7, renewals=2, finish=0.5))


def work(place=None, size=(48, 64), **options):
    made = Painter(still_life(*size), CONFIG)
    return Work(made.rounds(), place or place_between(empty_strokes(made.brush)), **options)


def test_stamps_show_what_the_picture_shows(oil, renderer):
    strokes, side = scattered(60), 128
    document = StrokeDocument(side, side, (1, 1, 1), "oil", strokes, seed=3)
    picture = np.ones((side, side, 3), np.float32)
    paint_strokes(oil, strokes, document.full_shape(oil), document.texture_seeds(), picture)
    shape, placement = (torch.from_numpy(array) for array in (document.full_shape(oil), strokes.placement))
    drawn = TrueStrokes(oil, renderer, 3, 1 / side).stamps(shape, placement[:, 3])

    def error(stamps):
        seen = composite(placement, torch.from_numpy(strokes.paint), stamps, torch.ones(3), (side, side))
        return float(np.square(seen.permute(1, 2, 0).numpy() - picture).mean())

    assert error(drawn) < error(renderer.stamps(shape).detach()) / 4  # measured: a 13th


def test_many_strokes_have_smaller_stamps(oil, renderer, monkeypatch):
    monkeypatch.setattr(true_strokes, "MANY", 3)
    true, shape = TrueStrokes(oil, renderer, 0, 0.01), torch.tensor([[2.0, 0.0, 0.9]] * 4)
    assert true.stamps(shape[:3], torch.full((3,), 0.1)).shape == (3, 64, 64, 3)
    assert true.stamps(shape, torch.full((4,), 0.1)).shape == (4, 32, 32, 3)


def test_shapes_get_the_gradient_of_soft_stamps(oil, renderer, monkeypatch):
    monkeypatch.setattr(true_strokes, "SIDE", 32)
    shape = torch.tensor([[2.0, 0.1, 0.8], [3.0, -0.2, 0.5]])
    upstream = torch.rand(2, 32, 32, 3)
    found = []
    for draw in (renderer.stamps, lambda s: TrueStrokes(oil, renderer, 0, 0.01).stamps(s, torch.full((2,), 0.1))):
        wanted = shape.clone().requires_grad_()
        (draw(wanted) * upstream).sum().backward()
        found.append(wanted.grad)
    assert found[0].abs().min() > 0
    torch.testing.assert_close(found[1], found[0])


def test_only_the_careful_finish_and_renew_nothing_then():
    for preset in PRESETS:
        *early, last = plan(replace(CONFIG, preset=preset, strokes=1000), 0.75)
        assert all(stage.finish is None for stage in early)
        assert (last.finish is None) == (preset != "best")
    assert 0 < last.finish < last.iterations
    assert max(last.renewals) <= last.finish


@pytest.mark.usefixtures("_brief")
def test_goes_on_where_it_stopped():
    places = []
    whole = work(on_state=places.append, state_seconds=0)
    whole.run()
    finishing = [place for place in places if "halves" in place.state]
    # As many as the last stage has steps after half of them; the last is not told.
    assert len(finishing) == sum(place.stage == finishing[0].stage for place in places) // 2
    first = places.index(finishing[0])
    for place in (places[first - 1], *finishing[::3]):
        again = work(place)
        again.run()
        assert again.strokes == whole.strokes
    broken = replace(finishing[-1], state={**finishing[-1].state, "halves": -finishing[-1].state["halves"]})
    with pytest.raises(StateError, match="without a width"):
        work(broken).run()


@pytest.mark.usefixtures("_brief")
def test_the_last_steps_see_the_picture_at_its_own_size():
    seen = []
    watched = {"on_canvas": lambda canvas, progress: seen.append((progress, canvas.shape[1])), "canvas_seconds": 0}
    work(size=(150, 200), **watched).run()
    last = [side for progress, side in seen if progress.stage == progress.stages]
    assert last[0] < 150
    assert last[-1] == 200
