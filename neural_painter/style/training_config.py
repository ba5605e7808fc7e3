"""How to train a feed-forward style: one frozen dataclass, whose names and help texts the command line shares."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral

from neural_painter.configs import expect, option


@dataclass(frozen=True)
class FastConfig:
    """Options of training a feed-forward style.

    Raises:
        UsageError: a value is out of range; the message says which and what was expected.
    """

    steps: int = option(2600, "optimiser steps; 300 show whether the style works")
    batch: int = option(2, "crops a step and process")
    crop: int = option(192, "side of a crop in pixels")
    filters: int = option(16, "of the first layer: 16 is four times faster than the paper's 32")
    residuals: int = option(5, "residual blocks")
    rate: float = option(1e-3, "peak learning rate of Adam; warmed up, then lowered along a cosine")
    content_weight: float = option(1.0, "weight of the content")
    style_weight: float = option(10.0, "weight of the style")
    tone_weight: float = option(10.0, "weight of light and dark, of blocks of 8 pixels in the style's colours")
    smoothness_weight: float = option(8.0, "weight of total variation")
    style_size: int = option(384, "long side of STYLE in pixels: larger gives larger strokes")
    seed: int = option(0, "of weights and crops")
    device: str = option("auto", "where to compute: auto, cpu or cuda")

    def __post_init__(self) -> None:
        for name in ("content_weight", "style_weight", "tone_weight", "smoothness_weight"):
            value = getattr(self, name)
            expect(math.isfinite(value) and value >= 0, name.replace("_", "-"), value, "a number >= 0")
        expect(math.isfinite(self.rate) and 0 < self.rate < 1, "rate", self.rate, "a number between 0 and 1")
        bounds = {
            "steps": (1, 10_000_000), "batch": (1, 1024), "crop": (32, 2048), "filters": (1, 128),
            "residuals": (0, 20), "style_size": (32, 4096), "seed": (0, 2**31 - 1),
        }  # fmt: skip
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            whole = isinstance(value, Integral) and low <= int(value) <= high
            expect(whole, name.replace("_", "-"), value, f"a whole number from {low} to {high}")
        expect(self.device in ("auto", "cpu", "cuda"), "device", self.device, "auto, cpu or cuda")
