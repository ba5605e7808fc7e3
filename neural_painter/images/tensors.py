"""Pictures to tensors and back; the one module of the package that loads torch."""

import numpy as np
import torch
from torch import Tensor

from neural_painter.images.pixels import Array


def tensor_of(picture: Array, device: torch.device | str = "cpu") -> Tensor:
    """A picture `[H, W, 3]` of floats as `[3, H, W]` float32 on a device; never the caller's memory."""
    return torch.from_numpy(np.array(picture.transpose(2, 0, 1), np.float32, order="C")).to(device)


def picture_of(tensor: Tensor) -> Array:
    """A tensor `[3, H, W]`, with or without gradients, as a picture `[H, W, 3]` float32, C-contiguous; not clipped."""
    return np.array(tensor.detach().permute(1, 2, 0).cpu().numpy(), np.float32, order="C")
