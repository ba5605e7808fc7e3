"""Local-affine smoothing: fast ways against plain ones, and what it is for: colours stay, distortion goes."""

from itertools import product

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from neural_painter.images import resize
from neural_painter.photo.laplacian import MattingLaplacian
from neural_painter.photo.smoothing import (
    NOISE,
    apply_maps,
    carry_up,
    exact_maps,
    fine_noise,
    guided_maps,
    refine,
    smooth_exactly,
    smooth_guided,
    smooth_plainly,
)
from renderers import threads
from tests.each import each
from tests.neural_painter.photo.samples import day

SIZES = [(1, 1), (1, 7), (7, 1), (2, 2), (11, 14)]

RECOLOURING = torch.tensor([[0.7, 0.1, -0.2, 0.1], [0.05, 0.5, 0.1, 0.2], [0.0, 0.2, 0.6, 0.05]])


def tensor(picture: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1), np.float32))


def rows(picture: Tensor) -> np.ndarray:
    return picture.permute(1, 2, 0).numpy()


def noise(height: int, width: int, seed: int = 0) -> Tensor:
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed))


def photo(height: int = 40, width: int = 56) -> Tensor:
    """Areas, edges and some grain."""
    return (tensor(day(height, width)) + 0.05 * (noise(height, width) - 0.5)).clamp(0, 1)


def pictures(kind: str, height: int = 11, width: int = 14) -> Tensor:
    """Also the hard ones, where patches have no colour, one colour, or one direction of colours."""
    random = noise(height, width)
    grey = (random[:1] > 0.5).float().expand(3, height, width)
    return {
        "noise": random,
        "photo": photo(height, width),
        "flat": torch.full_like(random, 0.5),
        "nearly flat": 0.5 + 0.01 * random,
        "grey": grey.contiguous(),
        "nearly grey": 0.97 * grey + 0.03 * random,
    }[kind]


def recoloured(content: Tensor, maps: Tensor = RECOLOURING) -> Tensor:
    return torch.einsum("ck,khw->chw", maps[:, :3].to(content), content) + maps[:, 3, None, None].to(content)


def field(maps: Tensor, height: int, width: int) -> Tensor:
    return maps.reshape(12).expand(height, width, 12).contiguous()


WAYS = {
    "exact 0.01": lambda content, result: smooth_exactly(content, result, colour_sigma=0.01),
    "exact 0.1": lambda content, result: smooth_exactly(content, result, colour_sigma=0.1),
    "guided": smooth_guided,
}


# --- fast against plain


def test_exact_agrees_with_plain() -> None:
    for colour_sigma, kind in product([0.01, 0.1], ["noise", "photo", "flat", "nearly flat", "grey", "nearly grey"]):
        content, result = pictures(kind), noise(11, 14, seed=1)
        for options in ({"radius": 2}, {"radius": 3, "spatial_sigma": 2.5}, {}):
            got = smooth_exactly(content, result, colour_sigma=colour_sigma, **options)
            want = smooth_plainly(content.double(), result.double(), colour_sigma=colour_sigma, **options)
            assert got.dtype == torch.float32
            assert float((got - want).abs().max()) < 1e-5  # measured: 3e-6


def test_exact_agrees_with_plain_at_any_size() -> None:
    """Also across tiles, which are 32 wide; without a radius there is no mean over neighbours."""
    for radius, size in product([0, 3], [*SIZES, (33, 70)]):
        content, result = noise(*size), noise(*size, seed=1)
        want = smooth_plainly(content.double(), result.double(), radius=radius)
        assert want.isfinite().all()
        assert float((smooth_exactly(content, result, radius=radius) - want).abs().max()) < 3e-6  # measured: 6e-7


def fitted(content: np.ndarray, result: np.ndarray, weights: np.ndarray, ridge: np.ndarray) -> np.ndarray:
    """Weighted least squares with a ridge on the slopes, for colours `[N, 3]`: `[4, 3]`."""
    design = np.concatenate([content, np.ones((len(content), 1))], axis=1)
    normal = design.T @ (weights[:, None] * design) + np.diag([*ridge, 0])
    return np.linalg.solve(normal, design.T @ (weights[:, None] * result))


def test_plain_agrees_with_the_definition() -> None:
    content, result = (rows(noise(5, 6, seed).double()) for seed in (0, 1))
    maps = np.empty((5, 6, 4, 3))
    for y, x in np.ndindex(5, 6):
        window = slice(max(y - 1, 0), y + 2), slice(max(x - 1, 0), x + 2)
        near, made = content[window].reshape(-1, 3), result[window].reshape(-1, 3)
        maps[y, x] = fitted(near, made, np.ones(len(near)), np.full(3, 1e-3))
    want = np.empty((5, 6, 3))
    for y, x in np.ndindex(5, 6):
        total, norm = np.zeros((4, 3)), 0.0
        for i, j in np.ndindex(5, 6):
            if max(abs(i - y), abs(j - x)) <= 2:
                color = ((content[i, j] - content[y, x]) ** 2).mean()
                weight = np.exp(-((i - y) ** 2 + (j - x) ** 2) / (2 * (2 / 3) ** 2) - color / (2 * 0.1**2))
                total, norm = total + weight * maps[i, j], norm + weight
        want[y, x] = np.append(content[y, x], 1) @ total / norm
    got = smooth_plainly(tensor(content).double(), tensor(result).double(), colour_sigma=0.1, radius=2)
    np.testing.assert_allclose(rows(got), want, atol=1e-8)  # measured: 4e-10, of weights in float32


def guided(content: np.ndarray, result: np.ndarray, radius: int, ridge: np.ndarray) -> np.ndarray:
    """The guided filter from its definition: a ridge regression in every window, reflected at the border."""

    def window(values: np.ndarray, y: int, x: int) -> np.ndarray:
        return values[y : y + 2 * radius + 1, x : x + 2 * radius + 1].reshape(-1, *values.shape[2:])

    height, width = content.shape[:2]
    margin = ((radius, radius), (radius, radius), (0, 0))
    padded, made = (np.pad(picture, margin, mode="symmetric") for picture in (content, result))
    maps = np.empty((height, width, 4, 3))
    share = np.full((2 * radius + 1) ** 2, (2 * radius + 1) ** -2.0)
    for y, x in np.ndindex(height, width):
        maps[y, x] = fitted(window(padded, y, x), window(made, y, x), share, np.full(3, ridge[y, x]))
    maps = np.pad(maps, (*margin, (0, 0)), mode="symmetric")
    want = np.empty((height, width, 3))
    for y, x in np.ndindex(height, width):
        want[y, x] = np.append(content[y, x], 1) @ window(maps, y, x).mean(0)
    return want


@each("radius", [1, 2])
@each("size", SIZES)
def test_guided_agrees_with_the_definition(size: tuple[int, int], radius: int) -> None:
    content, result = noise(*size), noise(*size, seed=1)
    want = guided(rows(content.double()), rows(result.double()), radius, np.full(size, 1e-3))
    got = smooth_guided(content, result, radius=radius, epsilon=1e-3)
    np.testing.assert_allclose(rows(got), want, atol=4e-6)  # measured: 8e-7


def test_noise_is_a_ridge_of_each_pixel() -> None:
    content, result = noise(9, 12), noise(9, 12, seed=1)
    ridge = np.linspace(0, 0.1, 9 * 12, dtype=np.float32).reshape(9, 12)
    maps = guided_maps(content, result, radius=2, epsilon=1e-3, noise=ridge)
    want = guided(rows(content.double()), rows(result.double()), 2, ridge + 1e-3)
    np.testing.assert_allclose(rows(apply_maps(maps, content)), want, atol=1e-6)  # measured: 1.2e-7
    even = guided_maps(content, result, radius=2, epsilon=1e-3)
    steepness, before = (some.unflatten(2, (3, 4))[..., :3].norm(dim=(2, 3)) for some in (maps, even))
    assert (steepness < before).all()
    assert (steepness[7:] < 0.5 * before[7:]).all()


@pytest.mark.parametrize("shares", [1, 2, 5])
def test_any_number_of_shares_gives_the_same(shares: int, monkeypatch: pytest.MonkeyPatch) -> None:
    content, result = photo(50, 75), noise(50, 75, seed=1)
    small = tensor(resize(rows(content), size=(20, 30)))
    maps = torch.rand(20, 30, 12, generator=torch.Generator().manual_seed(2))
    want = smooth_exactly(content, result, radius=3), carry_up(maps, small, content)
    monkeypatch.setattr(threads, "core_count", lambda: shares)
    assert torch.equal(smooth_exactly(content, result, radius=3), want[0])
    assert torch.equal(carry_up(maps, small, content), want[1])


# --- what it is for


# Measured: 0.0098, 0.0213 (the ridge of 1e-3 flattens what varies little), 0.0014.
@each("way, most", [("exact 0.01", 0.015), ("exact 0.1", 0.03), ("guided", 0.0025)])
def test_a_recolouring_passes(way: str, most: float) -> None:
    content = photo()
    want = recoloured(content)
    assert float((want - content).abs().max()) > 0.2
    assert float((WAYS[way](content, want) - want).abs().max()) < most


# Of the energy is left, measured: 0.0032, 0.0013, 0.0138.
@each("way, left", [("exact 0.01", 0.01), ("exact 0.1", 0.004), ("guided", 0.03)])
def test_distortion_goes(way: str, left: float) -> None:
    content = photo()
    clean = recoloured(content)
    distorted = clean + 0.17 * (noise(40, 56, seed=1) - 0.5)
    smoothed = WAYS[way](content, distorted)
    laplacian = MattingLaplacian(content.double(), epsilon=1e-5)
    assert float(laplacian.energy(smoothed.double())) < left * float(laplacian.energy(distorted.double()))
    # and what is found is what was there before: 0.17, 0.16, 0.29 of the error are left
    assert float((smoothed - clean).norm()) < 0.4 * float((distorted - clean).norm())


def test_small_pictures() -> None:
    """Nothing can go wrong where result and photo are one colour each: the offset has no ridge."""
    for size, way in product(SIZES, WAYS):
        content, result = (torch.tensor(c)[:, None, None].expand(3, *size) for c in ((0.2, 0.9, 0.4), (0.7, 0.1, 0.5)))
        smoothed = WAYS[way](content, result)
        assert smoothed.shape == (3, *size)
        assert float((smoothed - result).abs().max()) < 2e-6  # measured: 5.4e-7
        assert WAYS[way](noise(*size), noise(*size, seed=1)).isfinite().all()


def test_refine_gives_back_fine_detail_and_leaves_edges() -> None:
    flat = torch.full((3, 40, 50), 0.5)
    detail = 0.04 * (noise(40, 50) - 0.5)
    result = torch.full_like(flat, 0.3)
    assert float((refine(flat, result) - result).abs().max()) < 1e-6
    given = refine(flat + detail, result) - result
    assert float((given - detail).square().mean().sqrt()) < 0.1 * float(detail.square().mean().sqrt())  # measured: 0.04
    edge = flat.clone()
    edge[:, :, 25:] = 1.0
    assert float((refine(edge, result) - result).abs().max()) < 0.04  # measured: 0.02, of a step of 0.5


# --- noise within pixels


@pytest.mark.parametrize("factor", [2, 4])
def test_fine_noise_is_the_variance_within_a_pixel(factor: int) -> None:
    shape = 24 * factor, 32 * factor
    grain = np.random.default_rng(0).standard_normal((*shape, 3)).astype(np.float32)
    flat = np.full((*shape, 3), 0.4, np.float32)
    assert fine_noise(flat, (24, 32)).max() < 1e-7  # measured: 0.0
    for deviation in (0.004, 0.01):
        found = fine_noise(flat + deviation * grain, (24, 32))
        assert found.shape == (24, 32)
        assert found.dtype == np.float32
        want = deviation**2 * (1 - factor**-2)  # the rest is between pixels
        assert found.mean() == pytest.approx(want, rel=0.01)  # measured: 0.001
        assert found.min() > 0.6 * want
        assert found.max() < 1.5 * want
    assert fine_noise(flat + 0.1 * grain, (24, 32)) == pytest.approx(NOISE)


def test_fine_noise_of_the_same_size_is_none() -> None:
    assert not fine_noise(rows(noise(8, 9)), (8, 9)).any()


@each("size", [(1, 1), (1, 3), (7, 5)])
def test_fine_noise_is_never_negative(size: tuple[int, int]) -> None:
    bright = np.full((14, 15, 3), 0.999, np.float32)  # a difference of large numbers
    bright[3] -= 1e-4
    found = fine_noise(bright, size)
    assert found.shape == size
    assert 0 <= found.min() <= found.max() < 1e-6  # measured: 3.6e-7


# --- maps


def test_apply_maps_by_hand() -> None:
    content = torch.tensor([0.5, 0.25, 1.0])[:, None, None]
    maps = torch.tensor([1.0, 0, 0, 0.1, 0, 2, 0, -0.25, 0.2, 0.4, 0.1, 0])[None, None]
    assert apply_maps(maps, content).flatten().tolist() == pytest.approx([0.6, 0.25, 0.3])


def test_exact_maps_are_those_that_are_applied() -> None:
    content, result = photo(), noise(40, 56, seed=1)
    maps = exact_maps(content, result, radius=2)
    assert maps.shape == (40, 56, 12)
    assert torch.equal(apply_maps(maps, content), smooth_exactly(content, result, radius=2))


def test_carry_up_of_one_map_is_exact() -> None:
    """Wherever a colour comes from, even one that no pixel nearby has."""
    for small, size in product([(1, 1), (2, 3), (11, 14)], SIZES):
        content, reduced = noise(*size), noise(*small, seed=1)
        carried = carry_up(field(RECOLOURING, *small), reduced, content)
        assert float((carried - recoloured(content)).abs().max()) < 1e-6  # measured: 1.8e-7


def test_carry_up_at_the_same_size_applies() -> None:
    content = photo()
    maps = torch.rand(40, 56, 12, generator=torch.Generator().manual_seed(0))
    assert torch.equal(carry_up(maps, content, content), apply_maps(maps, content))


def test_carry_up_of_smooth_maps_is_near_interpolation() -> None:
    """Where colours say nothing, place decides, and places are where they should be: no shift."""
    content, small = torch.full((3, 48, 60), 0.5), torch.full((3, 12, 15), 0.5)
    ramp = (
        torch.linspace(0.5 / 15, 14.5 / 15, 15)[None, :, None] + torch.linspace(0.5 / 12, 11.5 / 12, 12)[:, None, None]
    )
    maps = torch.cat([torch.zeros(12, 15, 3), ramp], dim=2).repeat(1, 1, 3)
    y, x = (torch.arange(48) + 0.5) / 48, (torch.arange(60) + 0.5) / 60
    error = (carry_up(maps, small, content) - (y[:, None] + x))[:, 8:-8, 8:-8].abs()
    assert float(error.max()) < 0.01  # measured: 0.004, where a pixel of the small picture is 0.07 and 0.08


@each("edge", [36, 37, 38, 39])
def test_carry_up_keeps_the_sides_of_an_edge(edge: int) -> None:
    """Each side has its own map. The edge is anywhere in a pixel of the small picture, 4 wide."""
    step = np.full((64, 80, 3), 0.2, np.float32)
    step[:, edge:] = 0.8
    content = tensor(step) + 0.02 * (noise(64, 80) - 0.5)
    small = tensor(resize(rows(content), size=(16, 20)))
    dark, light = (
        torch.tensor([slope, 0, 0, off, 0, slope, 0, off, 0, 0, slope, off]) for slope, off in ((0.5, 0), (1.2, -0.1))
    )
    maps = torch.where((torch.arange(20) < 9 + (edge > 37))[:, None], dark, light).expand(16, 20, 12).contiguous()
    want = torch.where(torch.arange(80) < edge, 0.5 * content, 1.2 * content - 0.1)
    wide = torch.from_numpy(np.stack([cv2.resize(maps[..., k].numpy(), (80, 64)) for k in range(12)], axis=2))
    halo = float((apply_maps(wide, content) - want).abs().max())
    assert halo > 0.04
    assert float((carry_up(maps, small, content) - want).abs().max()) < 0.05 * halo


# --- what makes no sense


def test_wrong_pictures() -> None:
    for shapes, way in product(
        [((3, 4, 5), (3, 5, 4)), ((1, 4, 5), (1, 4, 5)), ((1, 3, 4, 5), (1, 3, 4, 5))],
        [smooth_exactly, smooth_plainly, smooth_guided, exact_maps, guided_maps],
    ):
        with pytest.raises(ValueError, match=r"expected two pictures \[3, H, W\] of one size"):
            way(*(torch.zeros(shape) for shape in shapes))


@each("shape", [(4, 5), (4, 5, 3), (5, 4, 12)])
def test_wrong_maps(shape) -> None:
    with pytest.raises(ValueError, match=r"expected maps \[4, 5, 12\]"):
        apply_maps(torch.zeros(shape), noise(4, 5))
    with pytest.raises(ValueError, match=r"expected maps \[h, w, 12\] of a small picture"):
        carry_up(torch.zeros(shape), noise(4, 5), noise(8, 10))


@each("shapes", [((1, 4, 5), (3, 8, 10)), ((3, 4, 5), (1, 8, 10)), ((3, 4, 5), (1, 3, 8, 10))])
def test_carry_up_of_wrong_pictures(shapes) -> None:
    with pytest.raises(ValueError, match="expected maps"):
        carry_up(torch.zeros(4, 5, 12), *(torch.zeros(shape) for shape in shapes))
