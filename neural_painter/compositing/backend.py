"""Chooses the back end."""

from torch import Tensor

from neural_painter.compositing.reference import composite_reference
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


def _check(placement: Tensor, paint: Tensor, stamps: Tensor, background: Tensor, size: tuple[int, int]) -> None:
    count = len(placement)
    if placement.shape != (count, PLACEMENT_WIDTH) or paint.shape != (count, PAINT_WIDTH):
        raise ValueError(f"expected placement [N, 5] and paint [N, 7], got {[*placement.shape]} and {[*paint.shape]}")
    if stamps.ndim != 4 or stamps.shape != (count, stamps.shape[1], stamps.shape[1], 3):
        raise ValueError(f"expected stamps [{count}, S, S, 3], got {[*stamps.shape]}")
    if tuple(background.shape) not in ((3,), (3, *size)):
        raise ValueError(f"expected background [3] or [3, {size[0]}, {size[1]}], got {[*background.shape]}")
