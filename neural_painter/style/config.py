"""How to restyle: one frozen dataclass, whose names, defaults and help texts the command line shares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from neural_painter.configs import DEVICES, MOST_WEIGHT, check, option
from neural_painter.errors import UsageError


@dataclass(frozen=True)
class StyleConfig:
    """Options of an artistic style transfer.

    Raises:
        UsageError: a value is out of range; the message says which and what was expected.
    """

    content_weight: float = option(1.0, "weight of the content", low=0, high=MOST_WEIGHT)
    style_weight: float = option(30.0, "weight of the style", low=0, high=MOST_WEIGHT)
    smoothness_weight: float = option(
        4.0, "weight against grain: total variation, which spares edges", low=0, high=MOST_WEIGHT
    )
    optimizer: str = option(
        "adam", "adam, with averaged iterates, or lbfgs (strong Wolfe line search)", choices=("adam", "lbfgs")
    )
    init: str = option("content", "start from content, noise or grey", choices=("content", "noise", "grey"))
    iterations: int = option(
        60, "iterations at the finest size; the first has three times as many", low=1, high=100_000
    )
    first_size: int = option(
        128, "long side of the first size, in pixels; each next is sqrt(2) larger", low=16, high=20_000
    )
    style_scale: float = option(
        1.0, "size of the style against the picture: below 1 gives finer strokes", low=0.05, high=20
    )
    original_colors: bool = option(False, "keep the content's colours; the style changes luminance only")
    tile: int = option(1024, "side in pixels up to which a picture is worked on in one piece", low=128, high=20_000)
    device: str = option("auto", "where to compute: auto, cpu or cuda", choices=DEVICES)
    seed: int = option(0, "of the noise", low=0, high=2**31 - 1)

    def __post_init__(self) -> None:
        check(self)


def check_blend(weights: Sequence[float], styles: int) -> None:
    """Raises UsageError where the weights of the styles are not one for each, >= 0, and not all 0."""
    if not styles or len(weights) != styles:
        raise UsageError(f"expected a weight for each style, got {styles} styles and {len(weights)} weights")
    if not all(math.isfinite(weight) and 0 <= weight <= MOST_WEIGHT for weight in weights) or not any(weights):
        raise UsageError(f"weights of styles: expected numbers from 0 to {MOST_WEIGHT:.12g} that are not all 0")
