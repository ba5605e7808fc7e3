"""Chooses the back end."""

from typing import get_args

from torch import Tensor

from neural_painter.compositing.multiply import dyed, ink_of
from neural_painter.compositing.reference import (
    composite_reference,
    multiply_reference,
    multiply_worth_reference,
    worth_reference,
)
from neural_painter.devices import triton_problem
from renderers.brush import PAINT_WIDTH, PLACEMENT_WIDTH, Blend


def composite(
    placement: Tensor,
    paint: Tensor,
    stamps: Tensor,
    background: Tensor,
    size: tuple[int, int],
    *,
    blend: Blend = "over",
    backend: str = "auto",
) -> Tensor:
    """Composites strokes over a background, differentiably.

    Args:
        placement, paint, stamps, background: as in `neural_painter.compositing`, all on one device.
        size: canvas `(height, width)` in pixels.
        blend: how strokes mix with what is below.
        backend: `auto` (numba on the CPU, Triton on CUDA; where Triton does not run, numba and two copies), `cpu`,
            `cuda` or `reference`.

    Returns:
        `[3, H, W]`.

    Raises:
        ValueError: a shape is not as agreed, or blend or back end are unknown.
    """
    multiply = _check(placement, paint, stamps, background, size, blend)
    if backend == "auto":
        if placement.device.type != "cpu" and triton_problem():
            # The reference would run there, but its memory grows with strokes times pixels, and so does its time.
            there = placement.cpu(), paint.cpu(), stamps.cpu(), background.cpu()
            return composite(*there, size, blend=blend, backend="cpu").to(placement.device)
        backend = "cpu" if placement.device.type == "cpu" else "cuda"
    if backend == "reference":
        return (multiply_reference if multiply else composite_reference)(placement, paint, stamps, background, size)
    # The back ends compile when they are imported, so only the one in use is.
    if backend == "cpu":
        if multiply:
            from neural_painter.compositing.cpu_multiply import densities_cpu

            return dyed(background, densities_cpu(placement, ink_of(paint), stamps, size))
        from neural_painter.compositing.cpu import composite_cpu

        return composite_cpu(placement, paint, stamps, background, size)
    if backend == "cuda":
        if multiply:
            from neural_painter.compositing.cuda_multiply import densities_cuda

            return dyed(background, densities_cuda(placement, ink_of(paint), stamps, size))
        from neural_painter.compositing.cuda import composite_cuda

        return composite_cuda(placement, paint, stamps, background, size)
    raise ValueError(f"no compositor {backend!r}, expected auto, cpu, cuda or reference")


def worth(
    placement: Tensor,
    paint: Tensor,
    stamps: Tensor,
    background: Tensor,
    target: Tensor,
    size: tuple[int, int],
    *,
    weight: Tensor | None = None,
    blend: Blend = "over",
    backend: str = "auto",
) -> Tensor:
    """The squared error without a stroke less the error with it, for each stroke by itself.

    Where a stroke is taken away, what lies behind it shows in its place. Behind the deepest stroke that is seen nothing
    is known (see STOP): there it is taken to look like that stroke, which is then worth nothing in that pixel. Where
    strokes multiply, all is known.

    Args:
        placement, paint, stamps, background, size: as in `neural_painter.compositing`.
        target: what the picture should look like, `[3, H, W]`.
        weight: of pixels, `[H, W]`; 1 by default.
        blend: how strokes mix with what is below.
        backend: `auto` (numba, for a GPU with copies), `cpu` or `reference`.

    Returns:
        `[N]`, summed over pixels and channels; negative for strokes that do harm.

    Raises:
        ValueError: a shape is not as agreed, or blend or back end are unknown.
    """
    multiply = _check(placement, paint, stamps, background, size, blend)
    if target.shape != (3, *size) or (weight is not None and weight.shape != size):
        found = [*target.shape] if weight is None else f"{[*target.shape]} and {[*weight.shape]}"
        raise ValueError(f"expected target [3, {size[0]}, {size[1]}] and weight [{size[0]}, {size[1]}], got {found}")
    if backend == "reference":
        known = multiply_worth_reference if multiply else worth_reference
        return known(placement, paint, stamps, background, target, size, weight)
    if backend not in ("auto", "cpu"):
        raise ValueError(f"no worth by {backend!r}, expected auto, cpu or reference")
    weight, there = None if weight is None else weight.cpu(), (stamps.cpu(), background.cpu(), target.cpu())
    if multiply:
        from neural_painter.compositing.cpu_multiply import multiply_worth_cpu

        made = multiply_worth_cpu(placement.cpu(), ink_of(paint.cpu()), *there, weight)
    else:
        from neural_painter.compositing.cpu import worth_cpu

        made = worth_cpu(placement.cpu(), paint.cpu(), *there, size, weight)
    return made.to(placement.device)


def _check(
    placement: Tensor, paint: Tensor, stamps: Tensor, background: Tensor, size: tuple[int, int], blend: str
) -> bool:
    """Whether strokes multiply; raises ValueError where a shape is not as agreed or the blend is unknown."""
    count = len(placement)
    if placement.shape != (count, PLACEMENT_WIDTH) or paint.shape != (count, PAINT_WIDTH):
        raise ValueError(f"expected placement [N, 6] and paint [N, 7], got {[*placement.shape]} and {[*paint.shape]}")
    if stamps.ndim != 4 or stamps.shape != (count, stamps.shape[1], stamps.shape[1], 3):
        raise ValueError(f"expected stamps [{count}, S, S, 3], got {[*stamps.shape]}")
    if tuple(background.shape) not in ((3,), (3, *size)):
        raise ValueError(f"expected background [3] or [3, {size[0]}, {size[1]}], got {[*background.shape]}")
    if blend not in get_args(Blend):
        raise ValueError(f"no blend {blend!r}, expected {' or '.join(get_args(Blend))}")
    return blend == "multiply"
