"""How to train a feed-forward style, and to restyle films: frozen dataclasses, whose names and help texts the command
line shares."""

from __future__ import annotations

from dataclasses import dataclass

from neural_painter.configs import DEVICES, MOST_WEIGHT, check, option

MOST_GRAIN = 1.0
"""Standard deviation of grain that a file or a training may ask for at most, of colours of 0 to 1."""


@dataclass(frozen=True)
class FastConfig:
    """Options of training a feed-forward style.

    Raises:
        UsageError: a value is out of range; the message says which and what was expected.
    """

    steps: int = option(2600, "optimiser steps; 300 show whether the style works", low=1, high=10_000_000)
    batch: int = option(2, "crops a step and process", low=1, high=1024)
    crop: int = option(192, "side of a crop in pixels", low=32, high=2048)
    filters: int = option(16, "of the first layer: 16 is four times faster than the paper's 32", low=1, high=128)
    residuals: int = option(5, "residual blocks", low=0, high=20)
    rate: float = option(1e-3, "peak learning rate of Adam; warmed up, then lowered along a cosine", above=0, below=1)
    content_weight: float = option(1.0, "weight of the content", low=0, high=MOST_WEIGHT)
    style_weight: float = option(20.0, "weight of the style", low=0, high=MOST_WEIGHT)
    tone_weight: float = option(
        10.0, "weight of light and dark, of blocks of 8 pixels in the style's colours", low=0, high=MOST_WEIGHT
    )
    smoothness_weight: float = option(
        8.0, "weight against noise: squares of what neighbouring pixels differ by", low=0, high=MOST_WEIGHT
    )
    grain: float = option(
        0.06,
        "noise over every picture, of colours of 0 to 1, out of which plain places are painted; without any, they are "
        "hatched",
        low=0,
        high=MOST_GRAIN,
    )
    steady_weight: float = option(
        150.0,
        "weight against patterns that cling to the network's grid: squares of what changes where a photo is moved by a "
        "few pixels",
        low=0,
        high=MOST_WEIGHT,
    )
    pattern_weight: float = option(
        20.0, "weight against regular patterns in plain places: peaks of their spectrum", low=0, high=MOST_WEIGHT
    )
    style_size: int = option(512, "long side of STYLE in pixels: larger gives larger strokes", low=32, high=4096)
    seed: int = option(0, "of weights and crops", low=0, high=2**31 - 1)
    device: str = option("auto", "where to compute: auto, cpu or cuda", choices=DEVICES)

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class FilmConfig:
    """Options of restyling a film.

    Raises:
        UsageError: a value is out of range; the message says which and what was expected.
    """

    steady: float = option(
        0.9,
        "of a film: how much of the last frame is carried along by the motion, so that strokes stay; 0 restyles each "
        "frame by itself",
        low=0,
        high=1,
    )

    def __post_init__(self) -> None:
        check(self)
