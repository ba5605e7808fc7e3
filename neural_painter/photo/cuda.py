"""Exact local-affine smoothing on a GPU: the two steps that cost, in Triton.

Imports without triton and without a GPU. With TRITON_INTERPRET=1 in the environment before triton is first imported, it
runs on CPU tensors, slowly and without a compiler: its tests do that.

Timed on an H200 (`benchmarks/cuda.py`): 3500x2185 pixels, window 31, in 44 ms; 16 cores of its machine take 8 to 10 s.
"""

from __future__ import annotations

from types import ModuleType

import torch
from torch import Tensor

BLOCK = 128
"""Pixels of a program."""


def fit_patches(content: Tensor, result: Tensor, *, ridge: float = 1e-3) -> Tensor:
    """The best affine map of every 3x3 patch.

    Args:
        content, result: `[3, H, W]` float32, contiguous or not, on one device.
        ridge: on the coefficients of colour.

    Returns:
        `[H, W, 12]`, for each result channel three slopes and an offset.
    """
    content, result = content.float().contiguous(), result.float().contiguous()
    height, width = content.shape[1:]
    maps = torch.empty(height, width, 12, device=content.device)
    programs = -(-height * width // BLOCK)
    with torch.cuda.device_of(content):
        _kernels().fit[(programs,)](content, result, maps, height, width, ridge, BLOCK=BLOCK)
    return maps


def mean_maps(content: Tensor, maps: Tensor, spatial: Tensor, colour_sigma: float) -> Tensor:
    """The joint bilateral mean of maps.

    Args:
        content: `[3, H, W]` float32, whose colours guide.
        maps: `[H, W, 12]`.
        spatial: `[2r + 1, 2r + 1]` weights by distance.
        colour_sigma: of the weights by colour, on the mean squared difference of channels.

    Returns:
        `[H, W, 12]`.
    """
    content, maps, spatial = content.float().contiguous(), maps.contiguous(), spatial.float().contiguous()
    height, width = content.shape[1:]
    out = torch.empty_like(maps)
    radius = (spatial.shape[0] - 1) // 2
    programs = -(-height * width // BLOCK)
    sharpness = 1 / (6 * colour_sigma**2)
    with torch.cuda.device_of(content):
        _kernels().mean[(programs,)](content, maps, spatial, out, height, width, radius, sharpness, BLOCK=BLOCK)
    return out


def _kernels() -> ModuleType:
    from neural_painter.photo import cuda_kernels

    return cuda_kernels
