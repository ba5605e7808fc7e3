"""How to transfer: one frozen dataclass, whose names, defaults and help texts the command line shares."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

from neural_painter.configs import expect, option


@dataclass(frozen=True)
class Preset:
    """What a preset decides, unless an option says otherwise.

    Attributes:
        optimize: False for the closed-form colour transport alone.
        init: what to start from.
        working_size: long side of the picture that is optimised, in pixels; 0 for the content's own size.
        iterations: of each stage.
        scales: how many sizes, each sqrt(2) smaller than the next.
        photorealism: weight of the matting Laplacian.
        epsilon: ridge of the matting Laplacian.
        smoothing: way of the local-affine smoothing.
        color_sigma: of exact smoothing.
    """

    optimize: bool = True
    init: str = "colors"
    working_size: int = 544
    iterations: int = 40
    scales: int = 4
    photorealism: float = 3000.0
    epsilon: float = 1e-5
    smoothing: str = "guided"
    color_sigma: float = 0.1


PRESETS = {
    "balanced": Preset(),
    "fast": Preset(optimize=False),
    "best": Preset(working_size=768, iterations=120, scales=5),
    "torch": Preset(
        init="grey", working_size=0, iterations=1000, scales=1, epsilon=1e-7, smoothing="exact", color_sigma=0.01
    ),
    "tf": Preset(
        init="grey", working_size=0, iterations=2000, scales=1, epsilon=1e-5, smoothing="exact", color_sigma=0.1
    ),
}

STAGES = ("both", "style", "photorealism")


@dataclass(frozen=True)
class PhotoConfig:
    """Options of a photorealistic transfer.

    Raises:
        UsageError: a value is out of range; the message says which and what was expected.
    """

    preset: str = option(
        "balanced",
        "balanced; fast: colours of each segment only, closed form; best: larger and longer; torch, tf: settings of "
        "the published codes",
    )
    stages: str = option(
        "both",
        "both: style, then photorealism (option 2 of the published port); style: segmented style transfer alone "
        "(option 0); photorealism: with the matting Laplacian from the start (option 1)",
    )
    optimizer: str = option("lbfgs", "lbfgs (strong Wolfe line search) or adam")
    iterations: int = option(0, "iterations of each stage; 0: as the preset has it")
    content_weight: float = option(1.0, "weight of the content")
    style_weight: float = option(30.0, "weight of the style")
    color_weight: float = option(50.0, "weight of each segment's mean colour and spread")
    photorealism_weight: float = option(
        -1.0, "weight of what keeps it a photo, the matting Laplacian; negative: as the preset has it"
    )
    smoothness_weight: float = option(1e-3, "weight against noise, total variation")
    working_size: int = option(
        0, "long side in pixels of the picture that is optimised, up to the photo's own; 0: as the preset has it"
    )
    smoothing: str = option("auto", "local-affine smoothing: exact, guided, none, or auto: as the preset has it")
    refine: bool = option(False, "give back the photo's finest detail, which smoothing takes away")
    device: str = option("auto", "where to compute: auto, cpu or cuda")
    seed: int = option(0, "of noise and of automatic masks")

    def __post_init__(self) -> None:
        expect(self.preset in PRESETS, "preset", self.preset, f"one of {', '.join(PRESETS)}")
        expect(self.stages in STAGES, "stages", self.stages, f"one of {', '.join(STAGES)}")
        expect(self.optimizer in ("lbfgs", "adam"), "optimizer", self.optimizer, "lbfgs or adam")
        for name in ("iterations", "working_size", "seed"):
            value = getattr(self, name)
            expect(isinstance(value, Integral), name.replace("_", "-"), value, "a whole number")
        expect(0 <= self.iterations <= 100_000, "iterations", self.iterations, "0 to 100000")
        for name in ("content_weight", "style_weight", "color_weight", "smoothness_weight"):
            value = getattr(self, name)
            expect(math.isfinite(value) and value >= 0, name.replace("_", "-"), value, "a number >= 0")
        expect(math.isfinite(self.photorealism_weight), "photorealism-weight", self.photorealism_weight, "a number")
        size = self.working_size
        expect(size == 0 or 16 <= size <= 20_000, "working-size", size, "0, or 16 to 20000")
        ways = ("auto", "exact", "guided", "none")
        expect(self.smoothing in ways, "smoothing", self.smoothing, f"one of {', '.join(ways)}")
        expect(self.device in ("auto", "cpu", "cuda"), "device", self.device, "auto, cpu or cuda")
        expect(0 <= self.seed < 2**31, "seed", self.seed, "0 to 2147483647")

    def replace(self, **changes: Any) -> PhotoConfig:
        """A copy with some options changed."""
        return replace(self, **changes)

    def settings(self) -> Preset:
        """The preset, with what the options say put in its place."""
        preset = PRESETS[self.preset]
        changes: dict[str, Any] = {}
        if self.iterations:
            changes["iterations"] = self.iterations
        if self.photorealism_weight >= 0:
            changes["photorealism"] = self.photorealism_weight
        if self.working_size:
            changes["working_size"] = self.working_size
        if self.smoothing != "auto":
            changes["smoothing"] = self.smoothing
        return replace(preset, **changes)
