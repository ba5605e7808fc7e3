"""Grams against einsum and by hand, their gradients, and the two losses made of them, from their definitions."""

from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor

from neural_painter.features import KEYS, LAYERS, Features
from neural_painter.losses.gram import (
    LEAST,
    STYLE_LAYERS,
    SegmentMasks,
    StyleTarget,
    colour_loss,
    colour_target,
    gram_loss,
    segment_grams,
    style_target,
)
from tests.each import each


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Pictures here are small: more threads only wait for each other where the cores are busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def masks(height: int, width: int) -> Tensor:
    """A hard one, a soft one, one that is never zero, one next to nothing, an empty, a full and a small one."""
    out = noise(7, height, width, seed=7)
    out[0] = (out[0] > 0.5).double()
    out[1] = (out[1] - 0.5).clamp_min(0)
    out[2] = 0.1 + 0.9 * out[2]
    out[3] *= LEAST / 2
    out[4] = 0
    out[5] = 1
    out[6] = 0
    out[6, -1, 0] = 0.02
    return out


def narrow(width: int = 4) -> Features:
    """A network with random weights, in float64."""
    weights, channels = {}, 3
    for seed, key in enumerate(KEYS):
        weights[f"{key}.weight"] = (noise(width, channels, 3, 3, seed=seed) - 0.35) / channels
        weights[f"{key}.bias"] = noise(width, seed=seed) / 10
        channels = width
    return Features(weights).double()


# --- Grams


@each("size", [(1, 1), (1, 6), (5, 7)])
@each("channels", [1, 3])
def test_agrees_with_einsum(channels: int, size: tuple[int, int]) -> None:
    features, weights = noise(channels, *size) - 0.5, masks(*size)
    seen = weights * (weights > LEAST)
    want = torch.einsum("khw,chw,dhw->kcd", seen.square(), features, features)
    want = want / (channels * weights.sum((1, 2)).clamp_min(1e-6))[:, None, None]
    got = segment_grams(features, SegmentMasks(weights))
    assert torch.allclose(got, want, rtol=1e-13, atol=1e-16)  # measured: 3e-17
    assert got[3].count_nonzero() == got[4].count_nonzero() == 0
    short = segment_grams(features.float(), SegmentMasks(weights.float()))
    assert torch.allclose(short.double(), want, atol=1e-7)  # measured: 1e-8


def test_by_hand() -> None:
    features = torch.tensor([[[1.0, 2.0]], [[3.0, 4.0]]])
    weights = torch.tensor([[[1.0, 1.0]], [[1.0, 0.5]], [[0.0, 1.0]]])
    full, half, one = segment_grams(features, SegmentMasks(weights)).tolist()
    assert full == [[5 / 4, 11 / 4], [11 / 4, 25 / 4]]
    assert half == pytest.approx(np.array([[1 + 4 / 4, 3 + 8 / 4], [3 + 8 / 4, 9 + 16 / 4]]) / (2 * 1.5))
    assert one == [[4 / 2, 8 / 2], [8 / 2, 16 / 2]]


def test_a_mask_costs_the_pixels_where_it_is_not_zero() -> None:
    """A full one gathers none, so that pictures without segments are not copied."""
    found = SegmentMasks(masks(5, 7))
    hard = masks(5, 7)[0].flatten()
    assert found.pixels[2] is found.pixels[5] is None
    assert found.pixels[0] is not None
    assert found.pixels[0].tolist() == hard.nonzero()[:, 0].tolist()
    assert [len(weights) for weights in found.weights[3:5]] == [0, 0]


@each("strides", ["contiguous", "channels last", "turned"])
def test_whatever_the_strides(strides: str) -> None:
    features = noise(3, 5, 7)
    whole = features.clone().requires_grad_()
    turned = {
        "contiguous": features.contiguous(),
        "channels last": features[None].contiguous(memory_format=torch.channels_last)[0],
        "turned": features.transpose(1, 2).contiguous().transpose(1, 2),
    }[strides].requires_grad_()
    grams = segment_grams(turned, SegmentMasks(masks(5, 7)))
    grams.sum().backward()
    assert turned.grad is not None
    plain = torch.einsum("khw,chw,dhw->kcd", _seen(5, 7).square(), whole, whole) / _totals(5, 7, 3)
    plain.sum().backward()
    assert whole.grad is not None
    assert torch.allclose(grams, plain, rtol=1e-12)
    assert torch.allclose(turned.grad, whole.grad, rtol=1e-12)


def _seen(height: int, width: int) -> Tensor:
    return masks(height, width) * (masks(height, width) > LEAST)


def _totals(height: int, width: int, channels: int) -> Tensor:
    return channels * masks(height, width).sum((1, 2)).clamp_min(1e-6)[:, None, None]


def test_gradient_is_that_of_the_einsum() -> None:
    """For a weight of every entry of its own: what comes back need not be symmetric."""
    weights = noise(7, 4, 4, seed=2) - 0.5
    features = (noise(4, 5, 7) - 0.5).requires_grad_()
    (got,) = torch.autograd.grad((weights * segment_grams(features, SegmentMasks(masks(5, 7)))).sum(), features)
    plain = torch.einsum("khw,chw,dhw->kcd", _seen(5, 7).square(), features, features) / _totals(5, 7, 4)
    (want,) = torch.autograd.grad((weights * plain).sum(), features)
    assert float((got - want).abs().max()) < 1e-16  # measured: 2e-18 of 0.007


def test_gradcheck() -> None:
    features = (noise(2, 3, 4) - 0.5).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: segment_grams(x, SegmentMasks(masks(3, 4))), features)


def test_no_gradient_from_an_empty_mask() -> None:
    features = noise(3, 4, 5).requires_grad_()
    grams = segment_grams(features, SegmentMasks(torch.zeros(2, 4, 5, dtype=torch.float64)))
    grams.sum().backward()
    assert features.grad is not None
    assert grams.count_nonzero() == features.grad.count_nonzero() == 0
    assert grams.shape == (2, 3, 3)


def test_second_derivatives_are_refused() -> None:
    """A part of them would be missing without a word."""
    features = noise(2, 3, 4).requires_grad_()
    grams = segment_grams(features, SegmentMasks(masks(3, 4)))
    (gradient,) = torch.autograd.grad(grams.square().sum(), features, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


@each("size", [(5, 6), (4, 7), (7, 5), (1, 35)])
def test_refuses_masks_of_another_size(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"expected features of the masks' size \[5, 7\], got \[3, "):
        segment_grams(noise(3, *size), SegmentMasks(masks(5, 7)))


# --- style


def halves(height: int, width: int) -> Tensor:
    """Two segments, left and right, the column between them shared."""
    left = (torch.arange(width, dtype=torch.float64) < width // 2).double()
    left[width // 2] = 0.5
    return torch.stack([left, 1 - left])[:, None].repeat(1, height, 1)


def test_style_loss_is_zero_at_the_target_and_one_without_features() -> None:
    network, style = narrow(), noise(1, 3, 20, 24)
    target = style_target(network, style, halves(20, 24), halves(20, 24))
    found = network(style, LAYERS)  # more layers than the target has
    assert float(gram_loss(found, target)) == pytest.approx(0, abs=1e-20)
    nothing = {layer: torch.zeros_like(x) for layer, x in found.items()}
    assert float(gram_loss(nothing, target)) == pytest.approx(1, rel=1e-12)
    # Features of half the size: Grams of a quarter, so three quarters of every Gram are missing.
    assert float(gram_loss({layer: x / 2 for layer, x in found.items()}, target)) == pytest.approx(9 / 16, rel=1e-12)


def test_style_loss_from_its_definition() -> None:
    network, style, content = narrow(), noise(1, 3, 20, 24), noise(1, 3, 17, 18, seed=1)
    target = style_target(network, style, halves(20, 24), halves(17, 18))
    wanted, found = network(style, STYLE_LAYERS), network(content, STYLE_LAYERS)
    style_masks = network.walk_masks(halves(20, 24), STYLE_LAYERS)
    content_masks = network.walk_masks(halves(17, 18), STYLE_LAYERS)
    layers = []
    for layer in STYLE_LAYERS:
        a = segment_grams(wanted[layer][0], SegmentMasks(style_masks[layer]))
        b = segment_grams(found[layer][0], SegmentMasks(content_masks[layer]))
        areas = [float(mask.mean()) for mask in content_masks[layer]]
        apart = sum(area * float((x - y).square().mean()) for area, x, y in zip(areas, a, b, strict=True))
        energy = sum(area * float(x.square().mean()) for area, x in zip(areas, a, strict=True))
        layers.append(apart / energy)
    assert float(gram_loss(found, target)) == pytest.approx(np.mean(layers), rel=1e-12)


def test_style_loss_counts_layers_alike_whatever_their_magnitude() -> None:
    found, grams, segments, energies = {}, {}, {}, {}
    for layer, scale in (("relu1_1", 1.0), ("relu2_1", 1e-3)):
        features = scale * noise(3, 5, 7)
        segments[layer] = SegmentMasks(torch.ones(1, 5, 7, dtype=torch.float64))
        grams[layer] = segment_grams(features, segments[layer])
        energies[layer] = grams[layer].square().mean()
        found[layer] = features[None]
    target = StyleTarget(grams, segments, energies)
    for layer, x in found.items():
        assert float(gram_loss({**found, layer: 0 * x}, target)) == pytest.approx(0.5, rel=1e-12)


@each("size", [(1, 1), (2, 3), (1, 40), (19, 16)])
def test_style_gradient_reaches_pictures_of_any_size(size: tuple[int, int]) -> None:
    network, picture = narrow(), (0.6 + 0.4 * noise(1, 3, *size, seed=1)).requires_grad_()
    full = torch.ones(1, 20, 24, dtype=torch.float64)
    target = style_target(network, noise(1, 3, 20, 24), full, torch.ones(1, *size, dtype=torch.float64))
    loss = gram_loss(network(picture, STYLE_LAYERS), target)
    loss.backward()
    assert picture.grad is not None
    assert picture.grad.isfinite().all()
    assert picture.grad.count_nonzero()


def test_a_segment_that_the_picture_lacks_does_no_harm() -> None:
    network, picture = narrow(), noise(1, 3, 16, 18, seed=1).requires_grad_()
    here = torch.stack([torch.ones(16, 18), torch.zeros(16, 18)]).double()
    style = noise(1, 3, 20, 24)
    target = style_target(network, style, halves(20, 24), here)
    loss = gram_loss(network(picture, STYLE_LAYERS), target)
    alone = style_target(network, style, halves(20, 24)[:1], here[:1])
    assert float(loss.detach()) == pytest.approx(float(gram_loss(network(picture, STYLE_LAYERS), alone).detach()))
    colours = colour_loss(picture, colour_target(style, halves(20, 24), here))
    (loss + colours).backward()
    assert picture.grad is not None
    assert picture.grad.isfinite().all()


# --- colours


def moments(picture: Tensor, mask: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Weighted by the squared mask, as Grams are."""
    colours, weights = picture[0].flatten(1).numpy(), mask.flatten().square().numpy()
    mean = (colours * weights).sum(1) / weights.sum()
    apart = colours - mean[:, None]
    return mean, (apart * weights) @ apart.T / weights.sum()


def root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def wasserstein(a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray]) -> float:
    """Squared, of two Gaussians: `|m - n|² + tr(A + B - 2 (√B A √B)^½)`."""
    (m, first), (n, second) = a, b
    cross = root(root(second) @ first @ root(second))
    return float(((m - n) ** 2).sum() + np.trace(first + second - 2 * cross))


def segments(count: int, height: int, width: int, seed: int = 0) -> Tensor:
    weights = noise(count, height, width, seed=seed)
    return weights / weights.sum(0)


PALETTES = {
    "noise": lambda height, width, seed: noise(1, 3, height, width, seed=seed),
    "dark": lambda height, width, seed: noise(1, 3, height, width, seed=seed) ** 4,
    "grey": lambda height, width, seed: noise(1, 1, height, width, seed=seed).repeat(1, 3, 1, 1),
    "constant": lambda height, width, seed: torch.full((1, 3, height, width), 0.6, dtype=torch.float64),
}


def test_colour_loss_is_the_distance_of_gaussians() -> None:
    for content, style in product(PALETTES, PALETTES):
        a, b = PALETTES[content](20, 24, 1), PALETTES[style](17, 30, 2)
        here, there = segments(2, 20, 24), segments(2, 17, 30, seed=1)
        distances = [wasserstein(moments(a, x), moments(b, y)) for x, y in zip(here, there, strict=True)]
        want = sum(float(mask.mean()) * distance for mask, distance in zip(here, distances, strict=True))
        target = colour_target(b, there, here)
        # Where colours do not spread in three directions, each root that is missing counts as 1e-6 at least: 6e-6.
        tolerance = 1e-12 if {content, style} <= {"noise", "dark"} else 1e-5
        assert float(colour_loss(a, target)) == pytest.approx(want, abs=tolerance)
        narrow_target = colour_target(b.float(), there.float(), here.float())
        assert float(colour_loss(a.float(), narrow_target)) == pytest.approx(want, abs=3e-3)  # 1e-3


def test_colour_loss_by_hand() -> None:
    """A shift costs its square, and so does a spread that is wider by as much."""
    full, style = torch.ones(1, 20, 24, dtype=torch.float64), 0.3 + 0.2 * noise(1, 3, 20, 24)
    target = colour_target(style, full, full)
    shift = torch.tensor([0.1, 0.0, -0.2], dtype=torch.float64)[:, None, None]
    assert float(colour_loss(style, target)) == pytest.approx(0, abs=1e-12)
    assert float(colour_loss(style + shift, target)) == pytest.approx(0.01 + 0.04, rel=1e-9)
    mean = style.mean((2, 3), keepdim=True)
    spread = float((style - mean).square().mean((2, 3)).sum())
    assert float(colour_loss(mean + 3 * (style - mean), target)) == pytest.approx(4 * spread, rel=1e-9)


@each("name", PALETTES)
def test_colour_loss_is_zero_at_the_target(name: str) -> None:
    picture, weights = PALETTES[name](64, 80, 1).float(), segments(2, 64, 80).float()
    loss = float(colour_loss(picture, colour_target(picture, weights, weights)))
    assert abs(loss) < 1e-3  # measured: 2e-4 where it is grey, 4e-6 constant, 3e-8 else; below zero too


def test_colour_gradcheck() -> None:
    picture, weights = noise(1, 3, 4, 5, seed=1).requires_grad_(), segments(2, 4, 5)
    target = colour_target(noise(1, 3, 4, 5, seed=2), weights, weights)
    assert torch.autograd.gradcheck(lambda x: colour_loss(x, target), picture)


def test_colour_gradient_of_a_constant_picture() -> None:
    """The root has no slope at zero: what comes back is finite, and draws the mean to where it should be."""
    for tone, style, dtype in product([0.0, 0.6, 1.0], PALETTES, [torch.float64, torch.float32]):
        picture = torch.full((1, 3, 16, 20), tone, dtype=dtype, requires_grad=True)
        full = torch.ones(1, 16, 20, dtype=dtype)
        wanted = PALETTES[style](16, 20, 2).to(dtype)
        colour_loss(picture, colour_target(wanted, full, full)).backward()
        assert picture.grad is not None
        pull = 2 * (tone - wanted.mean((2, 3)))
        assert torch.allclose(picture.grad.sum((2, 3)), pull, atol=1e-5)  # measured: 3e-6; in float64, 7e-15


def test_empty_segments_leave_the_colours_alone() -> None:
    style, picture = noise(1, 3, 8, 9), noise(1, 3, 8, 9, seed=1).requires_grad_()
    full, empty = torch.ones(1, 8, 9, dtype=torch.float64), torch.zeros(1, 8, 9, dtype=torch.float64)
    both = torch.cat([full, empty])
    one = colour_loss(picture, colour_target(style, full, full))
    two = colour_loss(picture, colour_target(style, torch.cat([full, full]), both))
    assert float(two.detach()) == pytest.approx(float(one.detach()), rel=1e-12)
    none = colour_loss(picture, colour_target(style, full, empty))
    (two + none).backward()
    assert float(none.detach()) == 0
    assert picture.grad is not None
    assert picture.grad.isfinite().all()
