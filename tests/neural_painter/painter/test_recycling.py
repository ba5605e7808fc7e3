"""Strokes that help least are found, and make room for others; those that stay go on as if nothing had happened."""

import numpy as np
import torch

from neural_painter.losses.pixel import pixel_loss
from neural_painter.painter.optimise import Limits, StrokeOptimiser
from neural_painter.painter.phases import View
from neural_painter.painter.recycling import least_useful, on_paper
from neural_painter.painter.seeding import keep
from neural_painter.strokes import Strokes

SIZE = (64, 64)


def strokes_at(*centres, tone=0.2):
    placement = np.array([[x, y, 0.12, 0.06, 0.4] for x, y in centres])
    count = len(placement)
    return Strokes(placement, np.tile([0.0, 0.9], (count, 1)), np.tile([*[tone] * 6, 1.0], (count, 1)))


def optimiser_of(renderer, oil, strokes, goal):
    view = View(goal, torch.ones(3))
    return StrokeOptimiser(renderer, oil, strokes, view, step=0.1, limits=Limits(0.01, 0.5))


def test_the_least_useful(renderer, oil):
    """One on a dark spot, one that is hidden, one that covers it, one that is dark on white."""
    strokes = strokes_at((0.3, 0.3), (0.7, 0.7), (0.7, 0.7), (0.3, 0.7))
    wanted = optimiser_of(renderer, oil, keep(strokes, np.array([True, True, True, False])), torch.ones(3, *SIZE))
    found = optimiser_of(renderer, oil, strokes, wanted.canvas())
    assert least_useful(found, 0).tolist() == [False] * 4
    assert least_useful(found, 1).tolist() == [False, False, False, True]
    least = least_useful(found, 3)
    assert not least[0]
    assert least.sum() == 3


def test_strokes_on_paper():
    paper = np.zeros(SIZE, bool)
    paper[:, 32:] = True
    strokes = strokes_at((0.25, 0.5), (0.75, 0.5), (0.45, 0.5), (0.99, 0.99))
    assert on_paper(strokes, paper).tolist() == [False, True, False, True]
    assert on_paper(keep(strokes, np.zeros(4, bool)), paper).tolist() == []


def test_others_take_their_place_on_top_and_begin_anew(renderer, oil):
    goal = torch.rand(3, *SIZE, generator=torch.Generator().manual_seed(0))
    moved = optimiser_of(renderer, oil, strokes_at((0.3, 0.3), (0.7, 0.7), (0.5, 0.5)), goal)
    for _ in range(3):
        moved.step(lambda canvas: pixel_loss(canvas, goal), 0.0)
    before, new = moved.now, strokes_at((0.2, 0.8), tone=0.6)
    moved.renew(np.array([True, False, True]), new)
    for name in ("placement", "shape", "paint"):
        assert torch.equal(moved.now.values[name][:2], before.values[name][[0, 2]])
        for group in ("first", "second", "steps"):
            now, was = getattr(moved.now, group)[name], getattr(before, group)[name]
            assert torch.equal(now[:2], was[[0, 2]])
            assert not now[2:].any()
    np.testing.assert_allclose(moved.strokes().placement[2], new.placement[0], rtol=1e-5)
    assert moved.now.taken == before.taken
    moved.step(lambda canvas: pixel_loss(canvas, goal), 0.0)
    assert moved.now.steps["paint"].flatten().tolist() == [4, 4, 1]
    assert moved.now.steps["shape"].flatten().tolist() == [2, 2, 1]  # stamps were drawn anew
