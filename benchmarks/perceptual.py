"""A perceptual distance: features of VGG-19, unit length at each position, squared difference, mean over five layers.

As LPIPS (Zhang et al. 2018) without its learnt weights.
"""

import numpy as np
import torch
import torch.nn.functional as F

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


@torch.no_grad()
def distance(features, a, b):
    """Between two pictures `[H, W, 3]` in [0, 1] of one size; 0 where they are equal."""
    found = [features(torch.from_numpy(np.ascontiguousarray(p.transpose(2, 0, 1)))[None], LAYERS) for p in (a, b)]
    parts = [(F.normalize(found[0][n], dim=1) - F.normalize(found[1][n], dim=1)).square().sum(1).mean() for n in LAYERS]
    return float(sum(parts) / len(parts))
