"""The smallest kernel in Triton: where it runs, the others do."""

# mypy: allow-untyped-defs

import torch
import triton
import triton.language as tl


@triton.jit
def _double(numbers):
    tl.store(numbers, 2 * tl.load(numbers))


def run(device: str) -> None:
    """Runs it; raises whatever triton, its driver or its compiler raises."""
    number = torch.ones(1, device=device)
    _double[(1,)](number)
    if number.item() != 2:
        raise ArithmeticError("twice 1 is not 2")
