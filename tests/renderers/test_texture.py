"""The texture functions against loops in plain Python, hand-worked values, and a dense search."""

import math

import numpy as np
import pytest

from renderers import texture
from tests.each import each

F = np.float32


def hash_by_definition(x, y, seed):
    word = 2**32 - 1
    h = (x * 0x8DA6B343 & word) ^ (y * 0xD8163841 & word) ^ seed
    h = (h * 747796405 + 2891336453) & word
    h = ((h >> ((h >> 28) + 4)) ^ h) * 277803737 & word
    h = (h >> 22) ^ h
    return (h >> 8) / 2**24


def noise_by_definition(x, y, seed):
    ix, iy = math.floor(x), math.floor(y)
    tx, ty = ((t := v - i) * t * (3 - 2 * t) for v, i in ((x, ix), (y, iy)))
    corners = [
        hash_by_definition(ix + i, iy + j, seed) * (tx if i else 1 - tx) * (ty if j else 1 - ty)
        for i in (0, 1)
        for j in (0, 1)
    ]
    return 2 * sum(corners) - 1


POINTS = [(0.0, 0.0), (0.25, 0.75), (-0.5, 2.5), (-3.125, -7.0), (100.5, -41.25), (12.0, 0.875)]


@each("x, y", [(0, 0), (1, 0), (0, 1), (-1, 5), (-70, -3), (2**20, 7)])
@each("seed", [0, 1, 2**32 - 1])
def test_hash_is_its_definition(x, y, seed):
    assert texture.unit_hash(np.int32(x), np.int32(y), np.uint32(seed)) == hash_by_definition(x, y, seed)


def test_hash_is_even_and_uncorrelated():
    table = np.array(
        [[texture.unit_hash(np.int32(x), np.int32(y), np.uint32(5)) for x in range(128)] for y in range(128)]
    )
    assert 0 <= table.min() < table.max() < 1
    assert table.mean() == pytest.approx(0.5, abs=0.01)  # of 16384 samples the standard error is 0.0023
    assert table.var() == pytest.approx(1 / 12, abs=0.002)
    right = np.corrcoef(table[:, 1:].ravel(), table[:, :-1].ravel())[0, 1]
    below = np.corrcoef(table[1:].ravel(), table[:-1].ravel())[0, 1]
    assert max(abs(right), abs(below)) < 0.03  # standard error 0.008


@each("x, y", POINTS)
@each("seed", [0, 12345])
def test_noise_is_its_definition(x, y, seed):
    found = texture.noise(F(x), F(y), np.uint32(seed))
    assert found == pytest.approx(noise_by_definition(x, y, seed), abs=1e-6)  # measured: 3e-8
    assert -1 <= found <= 1


def test_noise_is_continuous_across_its_lattice():
    steps = [texture.noise(F(x), F(0.4), np.uint32(3)) for x in (1.999, 2.0, 2.001)]
    assert np.ptp(steps) < 1e-4


def test_streaks_fade_where_they_are_finer_than_a_pixel():
    def at(footprint):
        return texture.streaks(F(0.3), F(0.37), F(20), F(footprint), np.uint32(1))

    full = texture.noise(F(0.37 * 20), F(0.3 * 20 * 0.06), np.uint32(1))
    assert at(0.0) == at(0.025) == pytest.approx(full, abs=1e-6)  # 1.7 - 1.4 * 20 * 0.025 = 1
    assert at(0.0425) == pytest.approx(full * (1.7 - 1.4 * 20 * 0.0425), abs=1e-6)  # half way
    assert at(0.0608) == at(1.0) == 0


@each("x, expected", [(-9, 0), (0, 0), (0.25, 0.15625), (0.5, 0.5), (0.75, 0.84375), (1, 1), (7, 1)])
def test_smoothstep_hand_worked(x, expected):
    assert texture.smoothstep(F(2), F(4), F(2 + 2 * x)) == pytest.approx(expected, abs=1e-7)


@each("distance, expected", [(-9, 1), (-0.1, 1), (-0.05, 0.75), (0, 0.5), (0.1, 0), (9, 0)])
def test_coverage_hand_worked(distance, expected):
    assert texture.coverage(F(distance), F(0.2)) == pytest.approx(expected, abs=1e-6)


@each("aspect, expected", [(1, 0.33 * 0.4), (2, 0.66 * 0.4), (4, 0.4), (8, 0.4)])
def test_a_short_stroke_bows_less(aspect, expected):
    assert texture.bow(F(aspect), F(0.4)) == pytest.approx(expected, abs=1e-6)


def test_nearest_on_bezier_agrees_with_a_dense_search():
    generator = np.random.default_rng(0)
    t = np.linspace(0, 1, 20001)
    for _ in range(200):
        # Gently curved, as strokes are: ends left and right, the middle in between and a little off.
        x0, x2 = -generator.uniform(0.8, 6), generator.uniform(0.8, 6)
        x1, y0, y1, y2 = generator.uniform(x0 / 2, x2 / 2), *generator.uniform(-0.45, 0.45, 3)
        px, py = generator.uniform(1.2 * x0, 1.2 * x2), generator.uniform(-1, 1)
        x = (1 - t) ** 2 * x0 + 2 * t * (1 - t) * x1 + t**2 * x2
        y = (1 - t) ** 2 * y0 + 2 * t * (1 - t) * y1 + t**2 * y2
        distance = np.hypot(x - px, y - py)
        found = texture.nearest_on_bezier(*(F(v) for v in (px, py, x0, y0, x1, y1, x2, y2)))
        at = np.hypot(
            (1 - found) ** 2 * x0 + 2 * found * (1 - found) * x1 + found**2 * x2 - px,
            (1 - found) ** 2 * y0 + 2 * found * (1 - found) * y1 + found**2 * y2 - py,
        )
        assert at == pytest.approx(distance.min(), abs=2e-4)


def test_nearest_on_a_point_is_finite():
    assert 0 <= texture.nearest_on_bezier(F(1), F(1), F(0), F(0), F(0), F(0), F(0), F(0)) <= 1
