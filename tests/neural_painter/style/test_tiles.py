"""Tiled losses against one pass over the whole picture."""

import pytest
import torch

from neural_painter.losses.gram import CONTENT_LAYER, STYLE_LAYERS
from neural_painter.style.tiles import GRID, HALO, TiledLoss, gram_of, tiles_of
from tests.neural_painter.photo.samples import tiny_features

WEIGHTS = {"content_weight": 1.0, "style_weight": 30.0, "smoothness_weight": 0.5}


def noise(height, width, seed=0):
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("height", "width", "side"), [(300, 200, 128), (128, 500, 130), (64, 64, 128), (1, 1, 128)])
def test_cores_cover_the_picture_once_and_lie_on_the_grid(height, width, side):
    covered = torch.zeros(height, width)
    for tile in tiles_of(height, width, side):
        top, bottom, left, right = tile.core
        covered[top:bottom, left:right] += 1
        assert top % GRID == 0
        assert left % GRID == 0
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
    across, down = leaf.diff(dim=2).square().sum(), leaf.diff(dim=1).square().sum()
    loss = loss + 0.5 * 0.5 * (across + down) / leaf[0].numel()
    (expected,) = torch.autograd.grad(loss, leaf)
    torch.testing.assert_close(value, loss.detach(), rtol=1e-5, atol=0)
    torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))
