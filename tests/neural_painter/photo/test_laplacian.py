"""The matting Laplacian against ridge regressions, a dense matrix, pymatting and its plain twin; float32; gradients."""

import importlib.util
import math
import re
from collections.abc import Callable
from itertools import product
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor

from neural_painter.photo.laplacian import MattingLaplacian
from tests.each import each

SIZE = (7, 9)
RIDGES = (1e-5, 1e-7)


def noise(channels: int, height: int, width: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(channels, height, width, generator=generator, dtype=torch.float64)


def ramp(height: int, width: int) -> Tensor:
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    return torch.stack([x, y, x * y]).double()


def tinted(height: int, width: int) -> Tensor:
    """Colours on one line but for a little noise, as in a sepia print."""
    tint = torch.tensor([1.0, 0.53, 0.21], dtype=torch.float64)[:, None, None]
    return 0.9 * noise(1, height, width) * tint + 0.001 * noise(3, height, width, 1)


PHOTOS: dict[str, Callable[[int, int], Tensor]] = {
    "noise": lambda height, width: noise(3, height, width),
    "ramp": ramp,
    "tinted": tinted,
    "grey": lambda height, width: noise(1, height, width).repeat(3, 1, 1),
    "black and white": lambda height, width: (noise(1, height, width) > 0.5).double().repeat(3, 1, 1),
    "constant": lambda height, width: torch.full((3, height, width), 0.3, dtype=torch.float64),
}


def photo(name: str, size: tuple[int, int] = SIZE) -> Tensor:
    """A photo in float64 that float32 holds exactly, so that both compute on the same."""
    return PHOTOS[name](*size).float().double()


def dense(content: Tensor, epsilon: float) -> Tensor:
    """The matrix of Levin et al. 2008, equation 12, window by window."""
    height, width = content.shape[1:]
    out = torch.zeros(height * width, height * width, dtype=torch.float64)
    numbers = torch.arange(height * width).reshape(height, width)
    for row in range(height - 2):
        for column in range(width - 2):
            here = numbers[row : row + 3, column : column + 3].flatten()
            colours = content.flatten(1).T[here]
            colours = colours - colours.mean(0)
            ridge = colours.T @ colours / 9 + epsilon / 9 * torch.eye(3, dtype=torch.float64)
            out[here[:, None], here] += torch.eye(9, dtype=torch.float64)
            out[here[:, None], here] -= (1 + colours @ torch.linalg.solve(ridge, colours.T)) / 9
    return out


def regressions(content: Tensor, values: Tensor, epsilon: float) -> float:
    """Of every window, the least of `|v - I a - b|² + epsilon |a|²`: what the energy of one channel means."""
    total, ridge = 0.0, torch.diag(torch.tensor([math.sqrt(epsilon)] * 3 + [0.0], dtype=torch.float64))[:3]
    for row in range(values.shape[0] - 2):
        for column in range(values.shape[1] - 2):
            colours = content[:, row : row + 3, column : column + 3].flatten(1).T
            wanted = torch.cat([values[row : row + 3, column : column + 3].flatten(), torch.zeros(3)])
            system = torch.cat([torch.cat([colours, torch.ones(9, 1)], 1), ridge])
            best = torch.linalg.lstsq(system, wanted[:, None], driver="gelsd").solution
            total += float((system @ best - wanted[:, None]).square().sum())
    return total


@each("epsilon", RIDGES)
@each("name", PHOTOS)
def test_energy_is_what_ridge_regressions_leave(name: str, epsilon: float) -> None:
    content, picture = photo(name), noise(2, *SIZE, seed=1)
    want = sum(regressions(content, values, epsilon) for values in picture)
    got = float(MattingLaplacian(content, epsilon=epsilon).energy(picture))
    assert got == pytest.approx(want, rel=1e-9)  # measured: 1e-10 in black and white, 1e-15 in noise


@each("epsilon", RIDGES)
@each("name", PHOTOS)
def test_agrees_with_the_dense_matrix(name: str, epsilon: float) -> None:
    content, picture = photo(name), noise(2, *SIZE, seed=1)
    matrix, laplacian = dense(content, epsilon), MattingLaplacian(content, epsilon=epsilon)
    flat = picture.flatten(1)
    want = (flat @ matrix).reshape(picture.shape)
    # Measured: 2e-9 and 1e-10 in black and white, where covariances are next to singular; 2e-15 and 3e-16 in noise.
    assert float((laplacian.apply(picture) - want).abs().max()) < 1e-8
    assert float(laplacian.energy(picture)) == pytest.approx(float((flat @ matrix * flat).sum()), rel=1e-9)


@pytest.fixture(scope="module")
def pymatting() -> ModuleType:
    """The one file of pymatting; the package would compile all of itself for a minute when first imported."""
    package = importlib.util.find_spec("pymatting")
    assert package is not None, "pymatting is missing: pip install -e .[dev]"
    assert package.submodule_search_locations
    path = Path(package.submodule_search_locations[0]) / "laplacian" / "cf_laplacian.py"
    module = ModuleType("pymatting_cf_laplacian")
    # As plain Python: our pictures are small, and what numba keeps of a module by itself it cannot always load again.
    source = re.sub(r"^@njit\(.*\)$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    exec(compile(source, path, "exec"), module.__dict__)
    return module


@pytest.mark.parametrize("epsilon", RIDGES)
@pytest.mark.parametrize(("name", "tolerance"), [("noise", 1e-12), ("ramp", 1e-12), ("tinted", 3e-5)])
def test_agrees_with_pymatting(pymatting: ModuleType, name: str, tolerance: float, epsilon: float) -> None:
    """Which adds epsilon / 9 to the covariance as well, and inverts by cofactors: grey photos are beyond it."""
    content, picture = photo(name), noise(2, *SIZE, seed=1)
    matrix = pymatting.cf_laplacian(np.ascontiguousarray(content.permute(1, 2, 0).numpy()), epsilon=epsilon, radius=1)
    want = torch.from_numpy(matrix @ picture.flatten(1).numpy().T).T.reshape(picture.shape)
    got = MattingLaplacian(content, epsilon=epsilon).apply(picture)
    # Measured: 2e-15, 3e-14 and 7e-6. In grey it would be 5e-3, and the dense matrix is on our side.
    assert float((got - want).abs().max()) < tolerance


@each("epsilon", RIDGES)
@each("name", PHOTOS)
def test_float32_loses_nothing(name: str, epsilon: float) -> None:
    """Above all where colours lie on a line; with inverses in float32, 7 instead of 1e-6 in a grey photo."""
    content, picture = photo(name, (24, 31)), noise(3, 24, 31, seed=1).float()
    wide = MattingLaplacian(content, epsilon=epsilon)
    narrow = MattingLaplacian(content.float(), epsilon=epsilon)
    mixed = torch.einsum("ij,jhw->ihw", noise(3, 3, 1, seed=2)[..., 0], content).float()
    for values in (picture, mixed):
        want = wide.apply(values)
        for got in (narrow.apply(values), narrow._apply_plainly(values)):
            assert got.dtype == torch.float32
            assert float((got - want).abs().max()) < 6e-6  # measured: 6e-7, plainly 1.5e-6; the values reach 5
        # Measured: 5e-8 of 400 to 1300; 4e-6 where the picture is an affine map of the photo, and little is left.
        assert float(narrow.energy(values)) == pytest.approx(float(wide.energy(values)), rel=1e-6, abs=2e-5)


def test_kernel_equals_its_plain_twin() -> None:
    for name, size, (dtype, tolerance) in product(
        PHOTOS, [(3, 3), (3, 20), (20, 3), (4, 5), (13, 11)], [(torch.float64, 1e-8), (torch.float32, 2e-6)]
    ):
        laplacian, picture = MattingLaplacian(photo(name, size).to(dtype)), noise(4, *size, seed=1).to(dtype)
        got = laplacian.apply(picture)
        # Measured: 2e-9 in black and white, 1e-15 in noise; 5e-7 in float32, a digit of the largest.
        assert float((got - laplacian._apply_plainly(picture)).abs().max()) < tolerance
        assert torch.equal(laplacian.apply(picture[1:2]), got[1:2])  # channels do not mix
        turned = picture.transpose(1, 2).contiguous().transpose(1, 2)
        assert torch.equal(laplacian.apply(turned), got)  # whatever the strides


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_gradient_is_twice_the_product(dtype: torch.dtype) -> None:
    laplacian = MattingLaplacian(photo("noise").to(dtype))
    picture = noise(3, *SIZE, seed=1).to(dtype).requires_grad_()
    before = picture.detach().clone()
    energy = laplacian.energy(picture)
    (gradient,) = torch.autograd.grad(3 * energy, picture)
    assert energy.dtype == gradient.dtype == dtype
    assert torch.allclose(gradient, 6 * laplacian.apply(picture), rtol=1e-6)
    assert torch.equal(picture.detach(), before)


def test_gradcheck() -> None:
    laplacian = MattingLaplacian(photo("tinted", (5, 6)), epsilon=1e-5)
    picture = noise(2, 5, 6, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(laplacian.energy, picture)


def test_second_derivatives_are_refused() -> None:
    """A part of them would be missing without a word."""
    picture = noise(1, *SIZE).requires_grad_()
    energy = MattingLaplacian(photo("noise")).energy(picture)
    (gradient,) = torch.autograd.grad(energy.square(), picture, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_affine_colour_maps_cost_nothing_but_the_ridge() -> None:
    """The map itself leaves no residual: no window can cost more than epsilon times its slopes squared."""
    for name, epsilon, dtype in product(PHOTOS, RIDGES, [torch.float64, torch.float32]):
        content, slopes = photo(name, (12, 15)), noise(3, 3, 1, seed=3)[..., 0]
        picture = torch.einsum("ij,jhw->ihw", slopes, content) + 0.1
        energy = float(MattingLaplacian(content.to(dtype), epsilon=epsilon).energy(picture.to(dtype)))
        most = epsilon * float(slopes.square().sum()) * 10 * 13
        slack = 1e-9 if dtype == torch.float64 else 5e-5  # measured: 1.4e-5 over in black and white, of 2.7e-5 at most
        assert -slack <= energy <= most + slack


def test_by_hand_a_constant_photo() -> None:
    """No colour explains anything: a window costs the squared deviations from its mean."""
    picture = torch.zeros(1, 3, 3)
    picture[0, 1, 2] = 3.0
    laplacian = MattingLaplacian(torch.full((3, 3, 3), 0.7))
    assert float(laplacian.energy(picture)) == pytest.approx(9 - 9 / 9, rel=1e-6)  # sum of squares - sum² / 9
    want = picture - 3 / 9
    assert torch.allclose(laplacian.apply(picture), want, atol=1e-6)


@each("tone", [0.0, 0.3, 1.0])
def test_constant_photo_and_picture(tone: float) -> None:
    picture = torch.full((3, 6, 7), 0.4, requires_grad=True)
    energy = MattingLaplacian(torch.full((3, 6, 7), tone)).energy(picture)
    energy.backward()
    assert picture.grad is not None
    assert float(energy.detach()) == pytest.approx(0, abs=1e-10)
    assert float(picture.grad.abs().max()) < 1e-6


@each("size", [(1, 1), (2, 2), (1, 9), (9, 2), (2, 3)])
def test_no_window_no_energy(size: tuple[int, int]) -> None:
    laplacian, picture = MattingLaplacian(photo("noise", size)), noise(3, *size, seed=1).requires_grad_()
    energy = laplacian.energy(picture)
    energy.backward()
    assert energy.shape == ()
    assert float(energy.detach()) == 0
    assert picture.grad is not None
    assert picture.grad.tolist() == laplacian.apply(picture).tolist() == torch.zeros_like(picture).tolist()


@each("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_less_than_float64_is_float32(dtype: torch.dtype) -> None:
    content, picture = photo("noise").to(dtype), noise(1, *SIZE, seed=1).float()
    got = MattingLaplacian(content).apply(picture.double())
    assert got.dtype == torch.float32
    assert torch.equal(got, MattingLaplacian(content.float()).apply(picture))


@each("shape", [(7, 9), (1, 7, 9), (4, 7, 9), (1, 3, 7, 9)])
def test_refuses_photos_of_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected a photo \[3, H, W\], got \["):
        MattingLaplacian(torch.zeros(shape))


@each("size", [SIZE, (2, 9)])
@each("grown", [(1, 0), (0, 1), (-1, 0), (0, -1)])
def test_refuses_pictures_of_another_size(size: tuple[int, int], grown: tuple[int, int]) -> None:
    laplacian = MattingLaplacian(photo("noise", size))
    wrong = torch.zeros(3, size[0] + grown[0], size[1] + grown[1])
    for call in (laplacian.energy, laplacian.apply):
        with pytest.raises(ValueError, match=rf"expected a picture \[C, {size[0]}, {size[1]}\], got \["):
            call(wrong)
        with pytest.raises(ValueError, match="expected a picture"):
            call(torch.zeros(size))


@each("epsilon", [0.0, -1e-7, math.nan, math.inf])
def test_refuses_ridges_that_make_no_sense(epsilon: float) -> None:
    with pytest.raises(ValueError, match=f"epsilon: expected a number above 0, got {epsilon}"):
        MattingLaplacian(photo("noise"), epsilon=epsilon)
