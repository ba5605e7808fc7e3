"""Views of a photo finer than the canvas: together they see every pixel of it, each where strokes are drawn."""

import numpy as np
import pytest
import torch

from neural_painter.compositing import composite
from neural_painter.painter.emphasis import Emphasis
from neural_painter.painter.phases import Phases, contrast, exact_side, paper_of, uncovered
from tests.neural_painter.painter.pictures import still_life

CPU = torch.device("cpu")
WHITE = torch.ones(3)


def test_all_views_together_are_the_fine_photo():
    for factor, size in ((1, (30, 40)), (2, (60, 80)), (2, (61, 80)), (3, (90, 70)), (2, (2, 64))):
        photo = still_life(*size)
        phases = Phases(photo, size, max(size) // factor, factor, WHITE, CPU)
        fine = torch.zeros(3, *phases.fine.shape[:2])
        side = max(size) // factor
        for turn in range(factor**2):
            view = phases.view(turn)
            assert max(view.size) == side
            assert view is phases.view(turn + factor**2)
            column, row = (round((shift * side + 0.5) * factor - 0.5) for shift in view.offset)
            fine[:, row::factor, column::factor] = view.goal
        np.testing.assert_array_equal(fine.permute(1, 2, 0).numpy(), phases.fine)


def test_strokes_are_seen_where_a_fine_canvas_would_show_them():
    generator = torch.Generator().manual_seed(0)
    placement = torch.rand(9, 6, generator=generator) * torch.tensor([1, 0.75, 0.1, 0.1, 3, 0.8]) + 0.05
    paint, stamps = torch.rand(9, 7, generator=generator), torch.rand(9, 32, 32, 3, generator=generator)
    fine = composite(placement, paint, stamps, WHITE, (60, 80))
    phases = Phases(still_life(60, 80), (60, 80), 40, 2, WHITE, CPU)
    for turn in range(4):
        view = phases.view(turn)
        seen = composite(placement - torch.tensor([*view.offset, 0, 0, 0, 0]), paint, stamps, WHITE, view.size)
        column, row = (round(shift * 80 + 0.5) for shift in view.offset)
        assert (seen - fine[:, row::2, column::2]).abs().max() < 1e-4


def test_views_have_weights_and_what_lies_behind():
    photo = still_life(60, 80)
    weights = np.linspace(0.5, 1.5, 60 * 80, dtype=np.float32).reshape(60, 80)
    phases = Phases(photo, (60, 80), 40, 2, WHITE, CPU, Emphasis(weights), covers=True)
    for turn in range(4):
        view = phases.view(turn)
        assert view.weights.shape == view.size
        assert view.weights.mean() == pytest.approx(1, abs=0.02)
        assert (view.background - view.goal).abs().min() == pytest.approx(0.5, abs=1e-6)
    page = np.ones((50, 60, 3))
    page[20:30, 20:30] = 0.9
    paper = paper_of(page, np.ones(3))
    assert paper[:18].all()
    assert not paper[19:31, 19:31].any()
    assert (uncovered(page, np.ones(3))[paper] == 1).all()
    assert (uncovered(page, np.ones(3))[~paper] <= 0.5).all()
    assert contrast(np.array([0.0, 0.5, 0.51, 1.0])).tolist() == [0.5, 1.0, pytest.approx(0.01), 0.5]


def test_sides_that_hardly_round():
    for shape in ((512, 768), (3000, 4000), (427, 640), (333, 500), (640, 427)):
        for side, factor in ((64, 2), (100, 1), (176, 2), (512, 1)):
            found = exact_side(shape, side, factor, most=1024)
            assert abs(found / side - 1) <= 0.06
            short = found * factor * min(shape) / max(shape)
            assert abs(short - round(short)) / factor < 0.2  # canvas pixels; up to 0.5 before
    assert exact_side((768, 768), 100, 2, most=1024) == 100
    assert exact_side((1, 1), 1, 1, most=1) == 1
    assert exact_side((1, 300), 64, 1, most=64) <= 64
