"""How to restyle: one frozen dataclass, whose names, defaults and help texts the command line shares."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

from neural_painter.configs import expect, option


@dataclass(frozen=True)
class StyleConfig:
    """Options of an artistic style transfer.

    Raises:
        UsageError: a value is out of range; the message says which and what was expected.
    """

    content_weight: float = option(1.0, "weight of the content")
    style_weight: float = option(30.0, "weight of the style")
    smoothness_weight: float = option(4.0, "weight of total variation")
    optimizer: str = option("adam", "adam, with averaged iterates, or lbfgs (strong Wolfe line search)")
    init: str = option("content", "start from content, noise or grey")
    iterations: int = option(60, "iterations at the finest size; the first has three times as many")
    first_size: int = option(128, "long side of the first size, in pixels; each next is sqrt(2) larger")
    style_scale: float = option(1.0, "size of the style against the picture: below 1 gives finer strokes")
    original_colors: bool = option(False, "keep the content's colours; the style changes luminance only")
    tile: int = option(1024, "side in pixels up to which a picture is worked on in one piece")
    device: str = option("auto", "where to compute: auto, cpu or cuda")
    seed: int = option(0, "of the noise")

    def __post_init__(self) -> None:
        for name in ("content_weight", "style_weight", "smoothness_weight"):
            value = getattr(self, name)
            expect(math.isfinite(value) and value >= 0, name.replace("_", "-"), value, "a number >= 0")
        for name in ("iterations", "first_size", "tile", "seed"):
            value = getattr(self, name)
            expect(isinstance(value, Integral), name.replace("_", "-"), value, "a whole number")
        expect(self.optimizer in ("lbfgs", "adam"), "optimizer", self.optimizer, "lbfgs or adam")
        expect(self.init in ("content", "noise", "grey"), "init", self.init, "content, noise or grey")
        expect(1 <= self.iterations <= 100_000, "iterations", self.iterations, "1 to 100000")
        expect(16 <= self.first_size <= 20_000, "first-size", self.first_size, "16 to 20000")
        expect(0.05 <= self.style_scale <= 20, "style-scale", self.style_scale, "0.05 to 20")
        expect(128 <= self.tile <= 20_000, "tile", self.tile, "128 to 20000")
        expect(self.device in ("auto", "cpu", "cuda"), "device", self.device, "auto, cpu or cuda")
        expect(0 <= self.seed < 2**31, "seed", self.seed, "0 to 2147483647")

    def replace(self, **changes: Any) -> StyleConfig:
        """A copy with some options changed."""
        return replace(self, **changes)
