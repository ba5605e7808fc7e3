"""Where to compute, and whether Triton's kernels run there."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from neural_painter.errors import UsageError


def choose_device(name: str) -> torch.device:
    """The device of that name; `auto` takes CUDA where there is one.

    Raises:
        UsageError: CUDA was asked for and is not there.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("device cuda: no CUDA device found", hint="Use --device cpu, or auto.")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


@contextmanager
def all_digits() -> Iterator[None]:
    """Meanwhile a GPU's convolutions take all digits of float32; by default it rounds what goes in to ten bits.

    For L-BFGS, whose first steps from grey are smaller than that, so that its line search sees no change at all and a
    picture stays as it is. On an H200 that is no slower for pictures of 640x427.
    """
    conv = getattr(torch.backends.cudnn, "conv", None)  # since torch 2.9, which warns of the older name
    place: Any = conv or torch.backends.cudnn
    name, wanted = ("fp32_precision", "ieee") if conv else ("allow_tf32", False)
    before = getattr(place, name)
    setattr(place, name, wanted)
    try:
        yield
    finally:
        setattr(place, name, before)


AGAIN = 60.0
"""Seconds after which Triton is tried again where it did not run: a GPU may have been full, or a disk."""

_tried: tuple[float, str | None] | None = None


def triton_problem() -> str | None:
    """Why Triton's kernels cannot run here, or None if they can.

    The answer comes from a run of a small one: triton needs a driver, a C compiler and Python's headers that match, and
    nothing short of a run tells. That it runs is remembered, that it does not for a minute. With TRITON_INTERPRET=1 in
    the environment before triton is first imported, kernels run on CPU tensors, slowly and without a compiler.
    """
    global _tried
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    if not interpreted and not torch.cuda.is_available():
        return "torch sees no GPU"
    if _tried is None or (_tried[1] is not None and time.monotonic() - _tried[0] > AGAIN):
        try:
            from neural_painter import triton_probe

            triton_probe.run("cpu" if interpreted else "cuda")
            problem = None
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        _tried = time.monotonic(), problem
    return _tried[1]
