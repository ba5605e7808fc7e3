"""What all back ends do alike where strokes multiply: from paint to ink, and from densities to a picture.

A back end itself only adds up densities. All before and after that is torch's to differentiate.
"""

from __future__ import annotations

import torch
from torch import Tensor

from neural_painter.compositing.constants import DARKEST
from neural_painter.compositing.ground import ground_of
from renderers.brush import COLOURS, OPACITY


def ink_of(paint: Tensor) -> Tensor:
    """Ink `[N, 7]` of paint `[N, 7]`: the densities of both colours, and the opacity."""
    colours = paint[:, COLOURS]
    # Not `clamp_min`: of the darkest colour itself, to which the painter keeps, it has no gradient.
    return torch.cat([-torch.where(colours < DARKEST, DARKEST, colours).log(), paint[:, OPACITY, None]], dim=1)


def dyed(background: Tensor, densities: Tensor) -> Tensor:
    """A background `[3]` or `[3, H, W]`, seen through densities `[3, H, W]`."""
    return ground_of(background, (densities.shape[1], densities.shape[2])) * (-densities).exp()
