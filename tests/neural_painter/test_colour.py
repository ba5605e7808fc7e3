"""Colours as Gaussians: distances by hand and by another formula, maps that carry what they should and no further."""

import numpy as np
import pytest

from neural_painter.colour import (
    FLOOR,
    STEEPEST,
    colour_distance,
    colour_statistics,
    square_root,
    transport_colours,
    transport_map,
)
from neural_painter.photo.masks import soft_masks
from tests.each import each
from tests.neural_painter.photo.samples import day, night


def gaussian(seed, scale=0.2):
    """Mean and covariance whose deviations are between a half of the scale and the scale."""
    generator = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(generator.standard_normal((3, 3)))
    return generator.random(3), (turn * (scale * generator.uniform(0.5, 1, 3)) ** 2) @ turn.T


def colours(seed, count=2000):
    mean, covariance = gaussian(seed)
    return mean + np.random.default_rng(seed).standard_normal((count, 3)) @ square_root(covariance)


def test_statistics():
    values = colours(0)
    mean, covariance = colour_statistics(values.astype(np.float32))
    np.testing.assert_allclose(mean, values.mean(0), atol=1e-7)
    np.testing.assert_allclose(covariance, np.cov(values.T, bias=True), atol=1e-7)
    for few, wanted in ((values[:0], 0), (values[:1], values[0])):
        mean, covariance = colour_statistics(few)
        np.testing.assert_array_equal(mean, np.zeros(3) + wanted)
        np.testing.assert_array_equal(covariance, np.zeros((3, 3)))


def test_square_root():
    _, covariance = gaussian(0)
    root = square_root(covariance)
    np.testing.assert_allclose(root, root.T, atol=1e-15)
    np.testing.assert_allclose(root @ root, covariance, atol=1e-15)
    np.testing.assert_allclose(square_root(np.diag([4.0, -1e-9, 0.25])), np.diag([2, 0, 0.5]), atol=1e-15)


ONE = np.eye(3)


@each(
    "a, b, distance",
    [
        ((np.zeros(3), 0 * ONE), (np.array([0.3, 0.4, 0]), 0 * ONE), 0.5),
        ((np.ones(3), 0.01 * ONE), (np.ones(3), 0.09 * ONE), 0.2 * 3**0.5),
        ((np.zeros(3), np.diag([0.04, 0.01, 0])), (np.zeros(3), np.diag([0.01, 0.04, 0])), 0.1 * 2**0.5),
        ((np.zeros(3), 0 * ONE), (np.array([0, 0, 0.1]), np.diag([0.02, 0.01, 0.03])), 0.07**0.5),
        (gaussian(0), gaussian(0), 0),
    ],
)
def test_distance_by_hand(a, b, distance):
    assert colour_distance(a, b) == pytest.approx(distance, abs=1e-8)
    assert colour_distance(b, a) == pytest.approx(distance, abs=1e-8)


@each("seed", range(3))
def test_distance_by_the_eigenvalues_of_the_product(seed):
    (m, a), (n, b) = gaussian(seed), gaussian(seed + 10)
    cross = np.sqrt(np.linalg.eigvals(a @ b).real).sum()
    wanted = np.sqrt(((m - n) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * cross)
    assert colour_distance((m, a), (n, b)) == pytest.approx(wanted, abs=1e-12)


@each("seed", range(3))
def test_map_carries_mean_and_covariance(seed):
    source, target = gaussian(seed), gaussian(seed + 10)
    affine = transport_map(source, target)
    assert affine.shape == (3, 4)
    matrix, offset = affine[:, :3], affine[:, 3]
    np.testing.assert_allclose(matrix @ source[0] + offset, target[0], atol=1e-14)
    np.testing.assert_allclose(matrix @ source[1] @ matrix.T, target[1], atol=5 * FLOOR)  # measured: 1.7 FLOOR
    regular = matrix @ (source[1] + FLOOR * ONE) @ matrix.T
    np.testing.assert_allclose(regular, target[1] + FLOOR * ONE, atol=1e-14)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-13)  # symmetric and positive: it moves colours least
    assert np.linalg.eigvalsh(matrix).min() > 0
    back = transport_map(target, source)[:, :3]
    np.testing.assert_allclose(back @ matrix, ONE, atol=1e-12)


def test_map_between_equal_gaussians_is_none():
    for statistics in (gaussian(0), (np.full(3, 0.5), 0 * ONE)):
        np.testing.assert_allclose(transport_map(statistics, statistics), np.eye(3, 4), atol=1e-12)


def test_no_direction_is_stretched_by_more_than_steepest():
    """And those within the limit are as they were."""
    source = np.full(3, 0.5), np.diag([0.0001, 0.0025, 0.01])
    target = np.full(3, 0.4), np.diag([0.04, 0.01, 0.01])
    matrix = transport_map(source, target)[:, :3]
    np.testing.assert_allclose(matrix, np.diag([STEEPEST, ((0.01 + FLOOR) / (0.0025 + FLOOR)) ** 0.5, 1]), atol=1e-12)
    flat = transport_map((np.full(3, 0.5), 0 * ONE), target)
    assert np.linalg.eigvalsh(flat[:, :3]).max() <= STEEPEST + 1e-12
    np.testing.assert_allclose(flat @ [0.5, 0.5, 0.5, 1], target[0], atol=1e-12)


def masks_of(picture):
    return np.ones((1, *picture.shape[:2]), np.float32)


def labels_of(picture):
    return np.zeros(picture.shape[:2], np.int32)


def test_colours_of_a_picture_become_the_styles():
    content = np.clip(0.5 + 0.3 * (colours(0).reshape(40, 50, 3) - gaussian(0)[0]), 0, 1).astype(np.float32)
    style = np.clip(0.4 + 0.5 * (colours(11).reshape(50, 40, 3) - gaussian(11)[0]), 0, 1).astype(np.float32)
    result = transport_colours(content, style, masks_of(content), labels_of(style))
    assert result.dtype == np.float32
    statistics = [colour_statistics(picture.reshape(-1, 3)) for picture in (content, style, result)]
    assert colour_distance(statistics[0], statistics[1]) > 0.1
    assert colour_distance(statistics[2], statistics[1]) < 1e-3  # measured: 3e-4


def test_a_style_that_is_the_content_changes_nothing():
    picture = day()
    labels = (picture[..., 2] > 0.5).astype(np.int32)
    for softness in (0.0, 2.0):
        masks = soft_masks(labels, 2, labels.shape, softness=softness)
        result = transport_colours(picture, picture, masks, (masks[1] > 0.5).astype(np.int32))
        np.testing.assert_allclose(result, picture, atol=1e-6)  # measured: 6e-8


def test_segments_take_their_own_colours_and_soft_masks_blend_them():
    content, style = np.full((20, 30, 3), 0.5, np.float32), np.empty((4, 4, 3), np.float32)
    style[:2], style[2:] = (0.8, 0.1, 0.1), (0.1, 0.1, 0.8)
    labels = np.zeros((20, 30), np.int32)
    labels[10:] = 1
    masks = soft_masks(labels, 2, (20, 30), softness=1.5)
    result = transport_colours(content, style, masks, np.repeat([[0], [0], [1], [1]], 4, axis=1))
    wanted = masks[0][..., None] * style[0, 0] + masks[1][..., None] * style[3, 0]
    np.testing.assert_allclose(result, wanted, atol=1e-6)
    np.testing.assert_allclose(result[0], np.broadcast_to(style[0, 0], (30, 3)), atol=1e-6)
    assert 0.1 < result[9, 0, 0] - result[10, 0, 0] < 0.3  # one step of the blend, of 0.7 in all


def test_a_segment_that_is_nowhere_more_than_a_half_has_its_colours_still():
    content = day()
    masks = np.full((2, *content.shape[:2]), 0.5, np.float32)
    style, labels = night(), (night()[..., 2] > 0.2).astype(np.int32)
    wanted = [
        transport_map(colour_statistics(content.reshape(-1, 3)), colour_statistics(style[labels == k])) for k in (0, 1)
    ]
    mean = sum(wanted) / 2
    result = transport_colours(content, style, masks, labels)
    np.testing.assert_allclose(result, np.clip(content @ mean[:, :3].T + mean[:, 3], 0, 1), atol=1e-5)


def test_empty_segments():
    """One that the content lacks counts for nothing; one that the style lacks keeps its colours."""
    content, style = day(), night()
    masks = np.zeros((3, *content.shape[:2]), np.float32)
    masks[1] = 1
    alone = transport_colours(content, style, masks[1:2], np.zeros(style.shape[:2], np.int32))
    np.testing.assert_array_equal(transport_colours(content, style, masks, np.ones(style.shape[:2], np.int32)), alone)
    kept = transport_colours(content, style, masks, np.zeros(style.shape[:2], np.int32))
    np.testing.assert_allclose(kept, content, atol=1e-5)


@each("size", [(1, 1), (1, 7), (6, 5)])
def test_constant_pictures_take_the_colour(size):
    content, style = np.full((*size, 3), 0.9, np.float32), np.full((2, 3, 3), 0.2, np.float32)
    result = transport_colours(content, style, masks_of(content), labels_of(style))
    np.testing.assert_allclose(result, np.full((*size, 3), 0.2), atol=1e-6)


@pytest.mark.parametrize("tone", [0.0, 1.0])
def test_the_result_is_clipped(tone):
    content, style = day(), np.full((10, 10, 3), tone, np.float32)
    result = transport_colours(content, style, masks_of(content), labels_of(style))
    assert (result.min() if tone == 0 else result.max()) == tone
    assert 0.2 < (result == tone).mean() < 1  # half of what lies around it
