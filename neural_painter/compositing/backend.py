"""Chooses the back end."""

from torch import Tensor

from neural_painter.compositing.reference import composite_reference, worth_reference
from neural_painter.devices import triton_problem
from renderers.brush import PAINT_WIDTH, PLACEMENT_WIDTH


def composite(
    placement: Tensor,
    paint: Tensor,
    stamps: Tensor,
    background: Tensor,
    size: tuple[int, int],
    *,
    backend: str = "auto",
) -> Tensor:
    """Composites strokes over a background, differentiably.

    Args:
        placement, paint, stamps, background: as in `neural_painter.compositing`, all on one device.
        size: canvas `(height, width)` in pixels.
        backend: `auto` (numba on the CPU, Triton on CUDA; where Triton does not run, numba and two copies), `cpu`,
            `cuda` or `reference`.

    Returns:
        `[3, H, W]`.

    Raises:
        ValueError: a shape is not as agreed, or the back end is unknown.
    """
    _check(placement, paint, stamps, background, size)
    if backend == "auto":
        if placement.device.type != "cpu" and triton_problem():
            # The reference would run there, but its memory grows with strokes times pixels, and so does its time.
            made = composite(placement.cpu(), paint.cpu(), stamps.cpu(), background.cpu(), size, backend="cpu")
            return made.to(placement.device)
        backend = "cpu" if placement.device.type == "cpu" else "cuda"
    # The back ends compile when they are imported, so only the one in use is.
    if backend == "cpu":
        from neural_painter.compositing.cpu import composite_cpu

        return composite_cpu(placement, paint, stamps, background, size)
    if backend == "cuda":
        from neural_painter.compositing.cuda import composite_cuda

        return composite_cuda(placement, paint, stamps, background, size)
    if backend == "reference":
        return composite_reference(placement, paint, stamps, background, size)
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
    backend: str = "auto",
) -> Tensor:
    """The squared error without a stroke less the error with it, for each stroke by itself.

    Where a stroke is taken away, what lies behind it shows in its place. Behind the deepest stroke that is seen nothing
    is known (see STOP): there it is taken to look like that stroke, which is then worth nothing in that pixel.

    Args:
        placement, paint, stamps, background, size: as in `neural_painter.compositing`.
        target: what the picture should look like, `[3, H, W]`.
        weight: of pixels, `[H, W]`; 1 by default.
        backend: `auto` (numba, for a GPU with copies), `cpu` or `reference`.

    Returns:
        `[N]`, summed over pixels and channels; negative for strokes that do harm.

    Raises:
        ValueError: a shape is not as agreed, or the back end is unknown.
    """
    _check(placement, paint, stamps, background, size)
    if target.shape != (3, *size) or (weight is not None and weight.shape != size):
        found = [*target.shape] if weight is None else f"{[*target.shape]} and {[*weight.shape]}"
        raise ValueError(f"expected target [3, {size[0]}, {size[1]}] and weight [{size[0]}, {size[1]}], got {found}")
    if backend == "reference":
        return worth_reference(placement, paint, stamps, background, target, size, weight)
    if backend not in ("auto", "cpu"):
        raise ValueError(f"no worth by {backend!r}, expected auto, cpu or reference")
    from neural_painter.compositing.cpu import worth_cpu

    weight = None if weight is None else weight.cpu()
    made = worth_cpu(placement.cpu(), paint.cpu(), stamps.cpu(), background.cpu(), target.cpu(), size, weight)
    return made.to(placement.device)


def _check(placement: Tensor, paint: Tensor, stamps: Tensor, background: Tensor, size: tuple[int, int]) -> None:
    """Raises ValueError where a shape is not as agreed."""
    count = len(placement)
    if placement.shape != (count, PLACEMENT_WIDTH) or paint.shape != (count, PAINT_WIDTH):
        raise ValueError(f"expected placement [N, 6] and paint [N, 7], got {[*placement.shape]} and {[*paint.shape]}")
    if stamps.ndim != 4 or stamps.shape != (count, stamps.shape[1], stamps.shape[1], 3):
        raise ValueError(f"expected stamps [{count}, S, S, 3], got {[*stamps.shape]}")
    if tuple(background.shape) not in ((3,), (3, *size)):
        raise ValueError(f"expected background [3] or [3, {size[0]}, {size[1]}], got {[*background.shape]}")
