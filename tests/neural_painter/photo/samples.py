"""Two photos and a small network with random weights, so that tests need no file and no network."""

import numpy as np
import torch

from neural_painter.features import KEYS, Features

WIDTHS = (4, 4, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8)


def tiny_weights(widths=WIDTHS):
    """Weights of a VGG-19 of these widths, by torchvision's names, whose activations neither vanish nor grow."""
    generator = torch.Generator().manual_seed(0)
    weights, channels = {}, 3
    for key, width in zip(KEYS, widths, strict=True):
        scale = (2 / (9 * channels)) ** 0.5
        weights[f"{key}.weight"] = scale * torch.randn(width, channels, 3, 3, generator=generator)
        weights[f"{key}.bias"] = torch.zeros(width)
        channels = width
    return weights


def tiny_features(widths=WIDTHS):
    return Features(tiny_weights(widths))


def day(height=40, width=56):
    """A bright sky, a ground and a house, `[H, W, 3]` float32."""
    y, x = (np.mgrid[0:height, 0:width] + 0.5) / np.array([height, width])[:, None, None]
    picture = np.stack([0.5 + 0.3 * y, 0.6 + 0.2 * x, 0.9 - 0.2 * y], axis=2)
    picture[y > 0.6] = np.stack([0.3 + 0.2 * x, 0.5 - 0.2 * x, 0.2 + 0 * x], axis=2)[y > 0.6]
    picture[(abs(x - 0.4) < 0.15) & (abs(y - 0.55) < 0.2)] = (0.75, 0.3, 0.2)
    return picture.astype(np.float32)


def night(height=36, width=60):
    """A dark sky with a moon over a dark ground, `[H, W, 3]` float32."""
    y, x = (np.mgrid[0:height, 0:width] + 0.5) / np.array([height, width])[:, None, None]
    picture = np.stack([0.05 + 0.1 * y, 0.08 + 0.1 * x, 0.25 + 0.2 * y], axis=2)
    picture[y > 0.55] = np.stack([0.12 + 0.1 * x, 0.1 + 0 * x, 0.05 + 0.1 * y], axis=2)[y > 0.55]
    picture[2 * (x - 0.75) ** 2 + (y - 0.25) ** 2 < 0.02] = (0.95, 0.9, 0.7)
    return picture.astype(np.float32)


def mask(horizon, height, width):
    """Blue above the horizon, a part of the height, and green below, `[H, W, 3]` float32."""
    picture = np.zeros((height, width, 3), np.float32)
    picture[: round(horizon * height), :, 2] = 1
    picture[round(horizon * height) :, :, 1] = 1
    return picture
