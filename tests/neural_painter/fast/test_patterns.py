"""Regular patterns: waves stand out of a spectrum, strokes at random do not, and training is told of both kinds."""

import numpy as np
import pytest
import torch

from neural_painter.fast.patterns import (
    BORDER,
    WINDOW,
    is_plain,
    make_top_plain,
    peaks,
    plain_rows,
    plane_of,
    regularity,
    spectrum,
    unsteadiness,
)
from tests.neural_painter.fast.network_samples import noise


def strokes(seed=0, side=128):
    """Noise as broad as strokes, no place like another."""
    generator = torch.Generator().manual_seed(seed)
    rough = torch.randn(1, 3, side + 4, side + 4, generator=generator)
    return 0.5 + 0.2 * torch.nn.functional.avg_pool2d(rough, 5, 1)


def hatched(amplitude, period=4, side=128):
    wave = amplitude * torch.cos(2 * np.pi * torch.arange(side) / period)
    return strokes(side=side) + wave


def test_a_wave_stands_out_at_its_frequency():
    calm, wavy = (peaks(spectrum(picture))[0] for picture in (strokes(), hatched(0.05)))
    assert calm.max() < 3
    assert wavy.max() > 6
    row, column = divmod(int(wavy.argmax()), WINDOW)
    assert row == WINDOW // 2
    assert abs(column - WINDOW // 2) == WINDOW // 4


def test_slow_changes_are_no_pattern():
    assert peaks(spectrum(hatched(0.3, period=40)))[0].max() < 3


def test_a_tenth_of_a_level_is_no_pattern():
    plain = torch.full((1, 3, 96, 96), 0.5)
    plain[..., ::2] += 0.1 / 255
    assert peaks(spectrum(plain)).max() < 4


def test_what_is_held_against_patterns_falls_with_them_and_has_a_gradient():
    values = []
    for amplitude in (0.0, 0.03, 0.06):
        picture = hatched(amplitude).requires_grad_()
        value = regularity(picture)
        values.append(float(value.detach()))
        if amplitude:
            value.backward()
            assert picture.grad.abs().max() > 0
    assert values[0] < 0.1 * values[1] < 0.1 * values[2]
    assert regularity(torch.rand(1, 3, WINDOW - 1, WINDOW)) == 0


def test_the_plane_of_a_photo_is_that_of_least_squares():
    down, across = np.mgrid[0:20, 0:30].astype(np.float32) / 30
    plane = np.stack([0.2 + 0.3 * down, 0.5 - 0.2 * across, 0.1 + 0.1 * down + 0.4 * across], -1)
    np.testing.assert_allclose(plane_of(plane), plane, atol=1e-5)
    np.testing.assert_allclose(plane_of(noise(20, 30)).mean((0, 1)), noise(20, 30).mean((0, 1)), atol=1e-5)


@pytest.mark.parametrize("side", [32, 100, 192])
def test_a_plain_top_is_a_plane_and_the_rest_stays(side):
    photo = torch.rand(3, side, side)
    made, rows = photo.clone(), plain_rows(side)
    make_top_plain(made, np.random.default_rng(0))
    assert torch.equal(made[:, rows:], photo[:, rows:])
    if side < WINDOW + BORDER:
        assert rows == 0
    else:
        top = made[:, :rows]
        inside = (top > 0) & (top < 1)  # what would leave the range is cut
        bends = top.diff(dim=2).diff(dim=2)
        assert bends[inside[..., :-2] & inside[..., 1:-1] & inside[..., 2:]].abs().max() < 1e-5
        assert not torch.equal(top, photo[:, :rows])
        assert WINDOW <= rows - BORDER < side
    assert [is_plain(number) for number in range(4)] == [True, False, True, False]


def test_what_moves_along_is_steady_and_what_clings_to_the_grid_is_not():
    whole = strokes(side=100)
    first, moved = whole[..., :96, :96], whole[..., 2:98, 3:99]
    assert unsteadiness(first, moved, 2, 3) == 0
    lattice = torch.zeros(1, 3, 96, 96)
    lattice[..., ::4, ::4] = 0.5
    assert unsteadiness(first + lattice, moved + lattice, 2, 3) > 0.01
