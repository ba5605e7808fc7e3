"""Motion between pictures: shifts are found, covered places are not trusted, stillness is exact, cuts are told."""

import cv2
import numpy as np
import pytest

from neural_painter.motion import carried, is_cut, motion_between
from tests.each import each


def cloth(height=180, width=240, seed=0):
    """Smooth coloured blots."""
    noise = np.random.default_rng(seed).uniform(0, 1, (height, width, 3)).astype(np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), 3)
    return np.clip((blurred - blurred.mean()) * 5 + 0.5, 0, 1).astype(np.float32)


def shifted(picture, x, y):
    return np.roll(picture, (y, x), axis=(0, 1))


INSIDE = np.s_[25:-25, 25:-25]


@each("most", [640, 120])
def test_a_shift_is_found(most):
    before = cloth()
    found = motion_between(before, shifted(before, 6, -4), most)
    assert np.abs(np.median(found.forth[INSIDE], axis=(0, 1)) - [6, -4]).max() < 0.3
    assert np.abs(np.median(found.back[INSIDE], axis=(0, 1)) - [-6, 4]).max() < 0.3
    assert found.seen[INSIDE].mean() > 0.95
    assert not found.seen[:, :5].any()  # came in from the left
    assert not found.still[INSIDE].mean() > 0.05


def test_the_old_picture_is_carried_into_the_new_ones_places():
    before = cloth()
    after = shifted(before, 5, 3)
    found = motion_between(before, after)
    assert np.abs(carried(before, found.back) - after)[INSIDE].mean() < 0.02
    assert np.abs(carried(after, found.forth) - before)[INSIDE].mean() < 0.02


def test_what_was_covered_is_not_seen_before():
    """A square that moves to the right uncovers what was below its left side."""
    ground, square = cloth(), cloth(60, 60, seed=5)
    before, after = ground.copy(), ground.copy()
    before[60:120, 80:140] = square
    after[60:120, 92:152] = square
    found = motion_between(before, after)
    assert found.seen[65:115, 82:90].mean() < 0.5
    assert found.kept[65:115, 143:150].mean() < 0.5
    assert found.seen[65:115, 100:145].mean() > 0.9
    assert found.still[:50].all()
    assert (found.back[:50] == 0).all()


def test_noise_stands_still():
    before = cloth()
    noisy = np.clip(before + np.random.default_rng(1).normal(0, 2 / 255, before.shape), 0, 1).astype(np.float32)
    found = motion_between(before, noisy)
    assert found.still.all()
    assert found.seen.all()
    assert not found.back.any()


def test_cuts_are_told_and_large_moves_are_none():
    before = cloth()
    for after, cut in (
        (before, False),
        (shifted(before, 20, 10), False),
        (np.clip(before + 0.08, 0, 1), False),  # a lamp goes on
        (cloth(seed=9), True),
        (0.5 * cloth(seed=9) + 0.25, True),  # another, with little contrast
        (np.zeros_like(before), True),
    ):
        assert is_cut(before, after, motion_between(before, after)) == cut


def test_pictures_of_two_sizes_are_refused():
    with pytest.raises(ValueError, match="one size"):
        motion_between(cloth(), cloth(90, 120))


def test_tiny_pictures_have_a_motion():
    for shape in ((1, 1), (3, 40), (12, 12)):
        before, after = np.zeros((*shape, 3), np.float32), np.ones((*shape, 3), np.float32)
        assert motion_between(before, after).back.shape == (*shape, 2)
