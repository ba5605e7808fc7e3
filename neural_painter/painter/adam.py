"""Adam on the rows of a table, where each row counts its own steps and each column has its own step size.

On the CPU one compiled pass over the rows: there a step on a few hundred strokes is dear only for torch's many calls.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from renderers.kernels import kernel

FAST, SLOW = 0.9, 0.98
"""Decay of the first and of the second moment."""

TINY = 1e-12
NOISE = 1e-20
"""A second moment below it is rounding noise and says nothing; unscaled, Adam would take a full step along it."""


class Moved(NamedTuple):
    """What a step makes of a table: all anew, the old ones stay as they are.

    Attributes:
        values, first, second: `[N, C]`; Adam's moments are the last two.
        steps: `[N, 1]`, that each row has taken.
        left_out: rows whose gradient was not finite, which count the step but do not move.
    """

    values: Tensor
    first: Tensor
    second: Tensor
    steps: Tensor
    left_out: int


def adam_step(values: Tensor, gradient: Tensor, first: Tensor, second: Tensor, steps: Tensor, sizes: Tensor) -> Moved:
    """One step against the gradient, of `sizes` `[C]` at most in each column; all float32, as in `Moved`."""
    step = _on_cpu if values.device.type == "cpu" else by_torch
    return step(values, gradient, first, second, steps, sizes)


@torch.no_grad()
def by_torch(values: Tensor, gradient: Tensor, first: Tensor, second: Tensor, steps: Tensor, sizes: Tensor) -> Moved:
    """`adam_step` on any device."""
    # Squares as well: a second moment that overflows would stop its stroke for the rest of the stage.
    finite = gradient.square().isfinite().all(dim=1, keepdim=True)
    left_out = int((~finite).sum())
    if left_out:
        gradient = torch.where(finite, gradient, torch.zeros_like(gradient))
    steps = steps + 1
    first = torch.lerp(first, gradient, 1 - FAST)
    second = torch.addcmul(second * SLOW, gradient, gradient, value=1 - SLOW)
    square = second / (1 - SLOW**steps)
    move = first / (1 - FAST**steps) / (square.sqrt() + TINY)
    move = torch.where(finite & (square > NOISE), move, 0.0)
    return Moved(values - move * sizes, first, second, steps, left_out)


def _on_cpu(values: Tensor, gradient: Tensor, first: Tensor, second: Tensor, steps: Tensor, sizes: Tensor) -> Moved:
    new_values, new_first, new_second, new_steps = made = [
        torch.empty_like(old, memory_format=torch.contiguous_format) for old in (values, first, second, steps)
    ]
    old = [np.ascontiguousarray(t.detach().numpy()) for t in (values, gradient, first, second, steps, sizes)]
    left_out = _step(*old, *(t.numpy() for t in made))
    return Moved(new_values, new_first, new_second, new_steps, int(left_out))


@kernel()
def _step(  # type: ignore[no-untyped-def]
    values, gradient, first, second, steps, sizes, new_values, new_first, new_second, new_steps
):
    """Writes the new tables; returns how many rows had a gradient that was not finite."""
    fast, slow = np.float32(FAST), np.float32(SLOW)
    one, tiny, noise = np.float32(1), np.float32(TINY), np.float32(NOISE)
    left_out = 0
    rows, columns = values.shape
    for row in range(rows):
        finite = True
        for c in range(columns):
            finite = finite and math.isfinite(gradient[row, c] * gradient[row, c])
        left_out += not finite
        taken = new_steps[row, 0] = steps[row, 0] + one
        rise, calm = one - fast**taken, one - slow**taken
        for c in range(columns):
            slope = gradient[row, c] if finite else np.float32(0)
            mean = new_first[row, c] = first[row, c] + (one - fast) * (slope - first[row, c])
            spread = new_second[row, c] = slow * second[row, c] + (one - slow) * slope * slope
            square = spread / calm
            move = mean / rise / (math.sqrt(square) + tiny) if finite and square > noise else np.float32(0)
            new_values[row, c] = values[row, c] - move * sizes[c]
    return left_out
