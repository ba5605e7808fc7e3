"""How to transfer: one frozen dataclass, whose names, defaults and help texts the command line shares."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from neural_painter.configs import DEVICES, MOST_WEIGHT, check, expect, option
from neural_painter.errors import UsageError


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
        colour_sigma: of exact smoothing.
    """

    optimize: bool = True
    init: str = "colors"
    working_size: int = 544
    iterations: int = 40
    scales: int = 4
    photorealism: float = 3000.0
    epsilon: float = 1e-5
    smoothing: str = "guided"
    colour_sigma: float = 0.1


PRESETS = {
    "balanced": Preset(),
    "fast": Preset(optimize=False),
    "best": Preset(working_size=768, iterations=120, scales=5),
    "torch": Preset(
        init="grey", working_size=0, iterations=1000, scales=1, epsilon=1e-7, smoothing="exact", colour_sigma=0.01
    ),
    "tf": Preset(
        init="grey", working_size=0, iterations=2000, scales=1, epsilon=1e-5, smoothing="exact", colour_sigma=0.1
    ),
}


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
        choices=tuple(PRESETS),
    )
    stages: str = option(
        "both",
        "both: style, then photorealism (option 2 of the published port); style: segmented style transfer alone "
        "(option 0); photorealism: with the matting Laplacian from the start (option 1)",
        choices=("both", "style", "photorealism"),
    )
    optimizer: str = option("lbfgs", "lbfgs (strong Wolfe line search) or adam", choices=("lbfgs", "adam"))
    iterations: int = option(0, "iterations of each stage; 0: as the preset has it", low=0, high=100_000)
    content_weight: float = option(1.0, "weight of the content", low=0, high=MOST_WEIGHT)
    style_weight: float = option(30.0, "weight of the style", low=0, high=MOST_WEIGHT)
    color_weight: float = option(50.0, "weight of each segment's mean colour and spread", low=0, high=MOST_WEIGHT)
    photorealism_weight: float = option(
        -1.0,
        "weight of what keeps it a photo, the matting Laplacian; negative: as the preset has it",
        high=MOST_WEIGHT,
    )
    smoothness_weight: float = option(
        1e-3, "weight against noise: squares of what neighbouring pixels differ by", low=0, high=MOST_WEIGHT
    )
    working_size: int = option(
        0,
        "long side in pixels of the picture that is optimised, up to the photo's own; 0: as the preset has it",
        low=0,
        high=20_000,
    )
    smoothing: str = option(
        "auto",
        "local-affine smoothing: exact, guided, none, or auto: as the preset has it",
        choices=("auto", "exact", "guided", "none"),
    )
    refine: bool = option(False, "give back the photo's finest detail, which smoothing takes away")
    device: str = option("auto", "where to compute: auto, cpu or cuda", choices=DEVICES)
    seed: int = option(0, "of noise and of automatic masks", low=0, high=2**31 - 1)

    def __post_init__(self) -> None:
        check(self)
        small = 0 < self.working_size < 16
        expect(not small, "working_size", self.working_size, "0, or a whole number from 16 to 20000")

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


def check_masks(content_mask: object, style_mask: object, auto_mask: int) -> None:
    """Raises UsageError where only one of two masks is there, that is not None, or automatic masks beside them."""
    if (content_mask is None) != (style_mask is None):
        raise UsageError("masks: expected one for the content and one for the style, got only one of them")
    if content_mask is not None and auto_mask:
        raise UsageError("masks: expected masks or automatic ones, got both")
