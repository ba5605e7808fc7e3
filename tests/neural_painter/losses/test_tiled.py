"""Tiled losses against one pass over the whole picture."""

import pytest
import torch

from neural_painter.features import Features
from neural_painter.losses.gram import CONTENT_LAYER, STYLE_LAYERS
from neural_painter.losses.tiled import GRAIN, GRID, HALO, TiledLoss, gram_of, tiles_of, total_variation
from tests.each import each
from tests.neural_painter.photo.samples import tiny_features, tiny_weights

WEIGHTS = {"content_weight": 1.0, "style_weight": 30.0, "smoothness_weight": 0.5}


def noise(height, width, seed=0):
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed))


@each("height, width, side", [(300, 200, 128), (128, 500, 130), (64, 64, 128), (1, 1, 128), (129, 1, 128)])
def test_cores_cover_the_picture_once_and_lie_on_the_grid(height, width, side):
    covered = torch.zeros(height, width)
    for tile in tiles_of(height, width, side):
        top, bottom, left, right = tile.core
        covered[top:bottom, left:right] += 1
        assert top % GRID == 0
        assert left % GRID == 0
        assert max(bottom - top, right - left) <= side
        outer = tile.whole
        assert outer[0] in (0, top - HALO)
        assert outer[1] in (height, bottom + HALO)
        assert outer[2] in (0, left - HALO)
        assert outer[3] in (width, right + HALO)
        assert outer[0] % GRID == 0
        assert outer[2] % GRID == 0
    assert (covered == 1).all()


@pytest.fixture(scope="module")
def large():
    features = tiny_features()
    content, picture = noise(288, 272), noise(288, 272, 1)
    grams = gram_of(features, noise(160, 160, 2), 1024)
    return features, content, picture, grams


def test_tiles_give_the_loss_and_gradient_of_the_whole(large):
    features, content, picture, grams = large
    whole = TiledLoss(features, content, grams, **WEIGHTS, side=512)
    tiled = TiledLoss(features, content, grams, **WEIGHTS, side=128)
    assert len(whole.tiles) == 1
    assert len(tiled.tiles) == 9
    (value, gradient, terms), (tiled_value, tiled_gradient, tiled_terms) = whole(picture), tiled(picture)
    # Measured: 5e-7 of the loss and 3e-6 of the largest gradient.
    torch.testing.assert_close(tiled_value, value, rtol=1e-5, atol=0)
    torch.testing.assert_close(tiled_gradient, gradient, rtol=0, atol=3e-5 * float(gradient.abs().max()))
    assert terms.keys() == tiled_terms.keys() == {"content", "style", "smoothness"}


def test_grams_of_tiles_are_those_of_the_whole(large):
    features, content, _, _ = large
    whole, tiled = gram_of(features, content, 512), gram_of(features, content, 128)
    for layer in STYLE_LAYERS:
        torch.testing.assert_close(tiled[layer], whole[layer], rtol=1e-4, atol=1e-6)


def test_the_gradient_is_that_of_the_formula():
    """Against autograd of the loss as it is written in the paper."""
    features = tiny_features()
    content, picture = noise(33, 47), noise(33, 47, 1)
    grams = gram_of(features, noise(40, 40, 2), 512)
    value, gradient, _ = TiledLoss(features, content, grams, **WEIGHTS, side=512)(picture)
    leaf = picture.clone().requires_grad_()
    found = features(leaf[None], [*STYLE_LAYERS, CONTENT_LAYER])
    wanted = features(content[None], [CONTENT_LAYER])[CONTENT_LAYER]
    loss = (found[CONTENT_LAYER] - wanted).square().sum() / wanted.square().sum()
    for layer, gram in grams.items():
        flat = found[layer][0].flatten(1)
        difference = flat @ flat.T / flat.numel() - gram
        loss = loss + 30 / len(grams) * difference.square().mean() / gram.square().mean()
    loss = loss + 0.5 * total_variation(leaf)
    (expected,) = torch.autograd.grad(loss, leaf)
    torch.testing.assert_close(value, loss.detach(), rtol=1e-5, atol=0)
    torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


def test_a_position_looks_no_farther_than_the_halo():
    """With weights that all count and pooling that sees all: 70 pixels to either side of its own 16."""
    features = Features(tiny_weights(), pooling="average")
    for layer in features.convolutions:
        layer.weight.abs_()
    picture = torch.ones(3, 16, 320, requires_grad=True)  # above the mean that is taken off: no ReLU is shut
    (gradient,) = torch.autograd.grad(features(picture[None], ["relu5_1"])["relu5_1"][0, 0, 0, 10], picture)
    seen = gradient.abs().sum((0, 1)).nonzero()[:, 0]
    assert (10 * GRID - int(seen[0]), int(seen[-1]) + 1 - 11 * GRID) == (70, 70)
    assert HALO >= 70


def test_total_variation():
    """Worked by hand: of two pixels the one has no neighbour behind it; a step down and one across count as one."""
    assert total_variation(torch.full((3, 4, 5), 0.3)) == pytest.approx(0, abs=1e-8)
    step = torch.tensor([[[0.1, 0.5]], [[0.2, 0.2]], [[0.6, 0.3]]])
    expected = ((0.4**2 + 0.3**2 + GRAIN**2) ** 0.5 - GRAIN) / 2
    assert float(total_variation(step)) == pytest.approx(expected, rel=1e-6)
    corner = torch.tensor([[[0.0, 0.3], [0.4, 0.0]]], dtype=torch.float64)
    others = ((0.3**2 + GRAIN**2) ** 0.5 - GRAIN) + ((0.4**2 + GRAIN**2) ** 0.5 - GRAIN)
    expected = ((0.3**2 + 0.4**2 + GRAIN**2) ** 0.5 - GRAIN + others) / 4
    assert float(total_variation(corner)) == pytest.approx(expected, rel=1e-12)


@each("size", [(1, 1), (1, 5), (4, 1), (4, 5)])
def test_the_gradient_of_total_variation(size):
    picture = torch.rand(3, *size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    picture[:, -1] = 0.5  # equal neighbours: without GRAIN there would be no slope
    assert torch.autograd.gradcheck(total_variation, picture.requires_grad_())
