"""The background that strokes lie on."""

from torch import Tensor


def ground_of(background: Tensor, size: tuple[int, int]) -> Tensor:
    """A background `[3]` or `[3, H, W]` as the latter; no copy."""
    return background[:, None, None].expand(3, *size) if background.ndim == 1 else background
