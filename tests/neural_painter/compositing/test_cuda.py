"""The Triton kernels against the reference: in Triton's interpreter everywhere, on a GPU where there is one.

The interpreter has to be chosen before triton is imported, so it runs in a process of its own: this file as a program.
"""

import importlib
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from neural_painter.compositing import backend, composite, tiles
from neural_painter.compositing.constants import TILE
from neural_painter.compositing.cuda import composite_cuda, geometry_of, tile_lists
from neural_painter.compositing.reference import composite_reference, multiply_reference
from neural_painter.devices import triton_problem
from tests.each import each
from tests.neural_painter import triton_interpreter
from tests.neural_painter.compositing.cases import cases, errors, random_case

ROOT = Path(__file__).parents[3]

# Measured in the interpreter: 1.1e-6 for the picture, 5.7e-6 for gradients. Where strokes are a hair wide or a thousand
# canvases long, 1.5e-5 and 5.6e-5: the rounding of a pixel's place is magnified (the reference in float32: as much).
TOLERANCE = {"picture": 5e-6, "placement": 3e-5, "paint": 3e-5, "stamps": 3e-5, "background": 5e-6}
MAGNIFIED = {"hair_thin": 10.0, "huge": 10.0, "sweeping": 10.0}


# Whatever may differ where there is no light to follow: numbers, borders, sweeps, clamps.
MULTIPLIED = (
    *("none", "random", "one_row_canvas", "background_picture", "odd_stamp", "one_texel_stamp"),
    *("sweeping", "off_canvas", "zero_size", "opaque_stack", "transparent"),
)


def multiply(*arguments: Any) -> Tensor:
    return composite(*arguments, blend="multiply", backend="cuda")


def check(name: str, found: dict[str, float]) -> None:
    for tensor, error in found.items():
        assert error <= TOLERANCE[tensor] * MAGNIFIED.get(name, 1.0), (name, tensor, error)


def lists_of(placement: Tensor, size: tuple[int, int], side: int) -> list[list[int]]:
    """The strokes of each tile, row by row."""
    order, starts = tile_lists(geometry_of(placement), size, side)
    assert starts[0] == 0
    assert len(starts) == 1 + -(-size[0] // TILE) * -(-size[1] // TILE)
    assert starts[-1] == len(order)
    return [order[a:b].tolist() for a, b in pairwise(starts)]


def diagonal() -> tuple[Tensor, tuple[int, int], int]:
    """A thin diagonal across 8 x 8 tiles."""
    return torch.tensor([[0.5, 0.5, 0.7, 0.001, torch.pi / 4, 0.0]]), (128, 128), 24


def crowd() -> tuple[Tensor, tuple[int, int], int]:
    """Many strokes in one tile of four."""
    return torch.tensor([[0.3, 0.3, 0.001, 0.001, 0.0, 0.0]]).expand(2000, 6), (32, 32), 24


def diverged() -> tuple[Tensor, tuple[int, int], int]:
    """Numbers that are none."""
    return torch.tensor([[torch.nan] * 6, [torch.inf] * 6, [0.5, 0.5, torch.inf, torch.nan, 0.0, 0.0]]), (64, 64), 8


def interpret() -> None:
    """Prints each case's errors as JSON, after checking that one gradient comes right when it alone is asked for."""
    found = {name: errors(composite_cuda, case()) for name, case in cases().items()}
    multiplied = {name: errors(multiply, cases()[name](), reference=multiply_reference) for name in MULTIPLIED}
    lists = {}
    for name, case in cases().items():
        placement, _, stamps, _, size = case()
        lists[name] = lists_of(placement, size, stamps.shape[1])
    lists |= {"diagonal": lists_of(*diagonal()), "crowd": lists_of(*crowd())}
    with np.errstate(all="ignore"):  # the interpreter is numpy
        lists["diverged"] = lists_of(*diverged())
    placement, paint, stamps, background, size = random_case(3)
    paint.requires_grad_()
    (gradient,) = torch.autograd.grad(composite_cuda(placement, paint, stamps, background, size).sum(), paint)
    reference = composite_reference(placement, paint, stamps, background, size)
    (wanted,) = torch.autograd.grad(reference.sum(), paint)
    torch.testing.assert_close(gradient, wanted, rtol=1e-4, atol=1e-4)
    print(json.dumps({"found": found, "multiplied": multiplied, "lists": lists, "problem": triton_problem()}))


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What `interpret` printed."""
    return triton_interpreter.interpreted("tests.neural_painter.compositing.test_cuda", tmp_path_factory)  # type: ignore[no-any-return]


@pytest.mark.slow  # Triton's interpreter
@each("name", cases())
def test_interpreted_agrees_with_the_reference(name: str, interpreted: dict) -> None:
    check(name, interpreted["found"][name])


@pytest.mark.slow
@each("name", MULTIPLIED)
def test_interpreted_multiplies_as_the_reference(name: str, interpreted: dict) -> None:
    check(name, interpreted["multiplied"][name])


@pytest.mark.slow
def test_available_when_interpreted(interpreted: dict) -> None:
    assert interpreted["problem"] is None


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@each("name", cases())
def test_agrees_with_the_reference_on_a_gpu(name: str) -> None:
    assert triton_problem() is None
    check(name, errors(composite_cuda, cases()[name](), device="cuda"))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@each("name", cases())
def test_multiplies_as_the_reference_on_a_gpu(name: str) -> None:
    check(name, errors(multiply, cases()[name](), device="cuda", reference=multiply_reference))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_without_triton_numba_composites_for_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def tensors_come_back(*arguments: Any) -> Tensor:
        result = composite(*arguments)
        assert result.device.type == arguments[0].device.type
        return result

    monkeypatch.setattr(backend, "triton_problem", lambda: "no compiler")
    check("random", errors(tensors_come_back, random_case(10), device="cuda"))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_sizes_do_not_compile_anew() -> None:
    """A painting has a canvas for each of its stages; a kernel for each would cost it seconds."""
    kernels = importlib.import_module("neural_painter.compositing.cuda_kernels")

    def compiled() -> int:
        return sum(len(cache[0]) for cache in kernels.forward_kernel.device_caches.values())

    for size in ((24, 40), (32, 32)):
        errors(composite_cuda, random_case(5, size=size), device="cuda")
    before = compiled()
    for size in ((1, 35), (40, 24), (48, 64), (17, 1)):
        errors(composite_cuda, random_case(5, size=size, picture=True), device="cuda")
    assert before
    assert compiled() == before


@pytest.mark.slow  # a process of its own
def test_imports_without_triton() -> None:
    program = (
        "import sys; sys.modules['triton'] = None\n"
        "import torch; torch.cuda.is_available = lambda: True\n"
        "from neural_painter.compositing import cuda\n"
        "from neural_painter.devices import triton_problem\n"
        "print(triton_problem())"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "triton" in done.stdout


@pytest.mark.skipif(torch.cuda.is_available(), reason="is about machines without a GPU")
def test_unavailable_without_a_gpu() -> None:
    assert triton_problem() == "torch sees no GPU"


@pytest.mark.slow
@each("name", cases())
def test_tile_lists_hold_every_stroke_that_a_tile_sees(name: str, interpreted: dict) -> None:
    """And no stroke that the CPU's lists, which are a little wider, do not hold."""
    placement, _, stamps, _, (height, width) = cases()[name]()
    across = -(-width // TILE)
    lists = interpreted["lists"][name]
    counts, starts, members = tiles.tile_lists(placement.numpy(), (height, width), stamps.shape[1])
    wider = [set(members[a : a + n].tolist()) for a, n in zip(starts.ravel(), counts.ravel(), strict=True)]
    for strokes, allowed in zip(lists, wider, strict=True):
        assert strokes == sorted(set(strokes))
        assert allowed >= set(strokes)
    for n in range(len(placement)):
        one = composite_reference(
            placement[n : n + 1], torch.ones(1, 7), torch.ones_like(stamps[:1]), torch.zeros(3), (height, width)
        )
        for row, column in one[0].nonzero().tolist():
            assert n in lists[row // TILE * across + column // TILE], (n, row, column)


@pytest.mark.slow
def test_tile_lists_of_a_diagonal_are_short(interpreted: dict) -> None:
    """A thin diagonal across 8 × 8 tiles touches at most three of them per row."""
    assert 8 <= sum(map(len, interpreted["lists"]["diagonal"])) <= 3 * 8


@pytest.mark.slow
def test_tile_lists_of_many_strokes_in_one_place(interpreted: dict) -> None:
    """A list may be as long as the strokes are many, and is in their order."""
    assert interpreted["lists"]["crowd"] == [[*range(2000)], [], [], []]


@pytest.mark.slow
def test_tile_lists_survive_numbers_that_are_none(interpreted: dict) -> None:
    """A painting that has diverged is not this function's to diagnose, but it must not hang or take all memory."""
    assert sum(map(len, interpreted["lists"]["diverged"])) <= 3 * 16


if __name__ == "__main__":
    interpret()
