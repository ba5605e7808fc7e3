from itertools import pairwise

import numpy as np

from neural_painter.fast.formats.feathering import even_side, run_feathered, shares_of, starts_of
from tests.each import each


@each("length, side, overlap", [(10, 10, 3), (11, 10, 3), (100, 17, 4), (200, 64, 16), (9, 4, 2)])
def test_tiles_cover_the_length_and_their_shares_add_to_one(length, side, overlap):
    starts = starts_of(length, side, overlap)
    assert starts[0] == 0
    assert starts[-1] + side == length
    assert all(0 < b - a <= side - overlap for a, b in pairwise(starts))
    total = np.zeros(length)
    for start, share in zip(starts, shares_of(length, side, starts, overlap), strict=True):
        assert share.shape == (side,)
        assert (share > 0).all()
        total[start : start + side] += share
    assert np.abs(total - 1).max() < 1e-12


def test_a_share_fades_linearly():
    first, second = shares_of(16, 10, [0, 6], 4)
    assert np.allclose(first, [1] * 6 + [0.875, 0.625, 0.375, 0.125], atol=1e-12)
    assert np.allclose(second, first[::-1], atol=1e-12)


def test_tiles_are_no_longer_than_their_number_needs():
    assert even_side(2100, 2048, 128) == 1114
    assert len(starts_of(2100, 1114, 128)) == len(starts_of(2100, 2048, 128)) == 2
    assert even_side(100, 200, 10) == 100


@each("size", [(20, 30), (50, 7), (41, 97)])
def test_what_works_pixel_by_pixel_gives_the_same_in_tiles(size):
    picture = np.random.default_rng(0).random((*size, 3), np.float32)
    parts = []

    def run(part):
        parts.append(part.shape[:2])
        return part**2

    result = run_feathered(picture, (16, 32), (4, 8), run)
    assert result.dtype == np.float32
    assert np.abs(result - picture**2).max() < 1e-6
    assert set(parts) == {(min(16, size[0]), min(32, size[1]))}
