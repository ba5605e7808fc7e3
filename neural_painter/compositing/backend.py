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
        backend: `auto` (numba on the CPU, Triton on CUDA where it is installed), `cpu`, `cuda` or `reference`.

    Returns:
        `[3, H, W]`.

    Raises:
        ValueError: a shape is not as agreed, or the back end is unknown.
    """
    _check(placement, paint, stamps, background, size)
    if backend == "auto":
        backend = "cpu" if placement.device.type == "cpu" else _on_cuda()
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


def _on_cuda() -> str:
    """Triton's kernels where they run; the reference is the fallback."""
    return "reference" if triton_problem() else "cuda"


def _check(placement: Tensor, paint: Tensor, stamps: Tensor, background: Tensor, size: tuple[int, int]) -> None:
    count = len(placement)
    if placement.shape != (count, PLACEMENT_WIDTH) or paint.shape != (count, PAINT_WIDTH):
        raise ValueError(f"expected placement [N, 5] and paint [N, 7], got {[*placement.shape]} and {[*paint.shape]}")
    if stamps.ndim != 4 or stamps.shape != (count, stamps.shape[1], stamps.shape[1], 3):
        raise ValueError(f"expected stamps [{count}, S, S, 3], got {[*stamps.shape]}")
    if tuple(background.shape) not in ((3,), (3, *size)):
        raise ValueError(f"expected background [3] or [3, {size[0]}, {size[1]}], got {[*background.shape]}")
