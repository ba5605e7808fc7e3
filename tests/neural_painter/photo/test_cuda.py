"""The Triton kernels of exact smoothing: in Triton's interpreter everywhere, on a GPU where there is one.

The interpreter has to be chosen before triton is imported, so it runs in a process of its own: this file as a program.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from neural_painter.photo import smoothing
from neural_painter.photo.cuda import fit_patches, mean_maps
from neural_painter.photo.smoothing import apply_maps, exact_maps, smooth_exactly, smooth_plainly
from tests.each import each
from tests.neural_painter import triton_interpreter

ROOT = Path(__file__).parents[3]


def cases() -> dict[str, tuple[Tensor, Tensor]]:
    """Photo and result, small: the interpreter is slow. Only the first is more than a program's block."""

    def random(height: int, width: int, seed: int) -> Tensor:
        return torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed))

    grey = (random(9, 13, 2)[:1] > 0.5).float().expand(3, 9, 13)
    made = random(9, 13, 1)
    return {
        "noise": (random(11, 15, 0), random(11, 15, 1)),
        "not contiguous": (random(13, 9, 0).transpose(1, 2), made.flip(2)),
        "flat": (torch.full_like(made, 0.5), made),
        "grey": (grey, made),
        "nearly grey": (0.997 * grey + 0.003 * random(9, 13, 0), made),
        "1x1": (random(1, 1, 0), random(1, 1, 1)),
        "1x9": (random(1, 9, 0), random(1, 9, 1)),
        "9x1": (random(9, 1, 0), random(9, 1, 1)),
    }


def errors(content: Tensor, result: Tensor, device: str = "cpu") -> dict[str, float]:
    """Of both steps and of the whole, the largest difference from the plain filter.

    Of the fit the colours count that it gives each pixel: where patches are nearly flat, much steeper maps do the same.
    """
    wide = content.double(), result.double()
    content, result = content.to(device), result.to(device)
    maps = fit_patches(content, result)
    one = torch.ones(1, 1, device=device)
    found = {
        "fit": apply_maps(maps, content).cpu() - smooth_plainly(*wide, radius=0),
        "mean of one": mean_maps(content, maps, one, 0.1) - maps,
    }
    for colour_sigma in (0.01, 0.1):
        weights = smoothing._spatial_weights(2, None).to(device)
        whole = apply_maps(mean_maps(content, maps, weights, colour_sigma), content)
        found[f"whole {colour_sigma}"] = whole.cpu() - smooth_plainly(*wide, radius=2, colour_sigma=colour_sigma)
    return {step: float(difference.abs().max()) for step, difference in found.items()}


# Measured in the interpreter: 1.7e-6.
TOLERANCE = 6e-6


def interpret() -> None:
    """Prints each case's errors as JSON."""
    print(json.dumps({name: errors(*case) for name, case in cases().items()}))


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What `interpret` printed."""
    return triton_interpreter.interpreted("tests.neural_painter.photo.test_cuda", tmp_path_factory)  # type: ignore[no-any-return]


@pytest.mark.slow  # Triton's interpreter
@each("name", cases())
def test_interpreted_agrees_with_the_plain_filter(name: str, interpreted: dict) -> None:
    assert len(interpreted[name]) == 4
    for step, error in interpreted[name].items():
        assert error < TOLERANCE, step


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@each("name", cases())
def test_agrees_with_the_plain_filter_on_a_gpu(name: str) -> None:
    for step, error in errors(*cases()[name], device="cuda").items():
        assert error < TOLERANCE, step


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("triton", [True, False])
def test_smoothing_on_a_gpu_is_smoothing_on_the_cpu(triton: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where triton does not run, the CPU does it, and the maps go to the GPU all the same."""
    content, result = (torch.rand(3, 70, 90, generator=torch.Generator().manual_seed(seed)).cuda() for seed in range(2))
    if not triton:
        monkeypatch.setattr(smoothing, "triton_problem", lambda: "no compiler")
    assert exact_maps(content, result, radius=3).device == content.device
    for colour_sigma in (0.01, 0.1):
        got = smooth_exactly(content, result, colour_sigma=colour_sigma)
        assert got.device == content.device
        want = smooth_exactly(content.cpu(), result.cpu(), colour_sigma=colour_sigma)
        assert float((got.cpu() - want).abs().max()) < TOLERANCE


@pytest.mark.slow  # a process of its own
def test_smooths_without_triton() -> None:
    program = (
        "import sys; sys.modules['triton'] = None\n"
        "import torch, neural_painter.photo.cuda\n"
        "from neural_painter.photo.smoothing import smooth_exactly\n"
        "print(smooth_exactly(torch.rand(3, 4, 5), torch.rand(3, 4, 5), radius=1).isfinite().all().item())"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "True"


if __name__ == "__main__":
    interpret()
