"""What is asked of an output besides its name. Loads no library: the command line shows the defaults."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from neural_painter.errors import UsageError
from neural_painter.export.finish import FLAT, Finish

if TYPE_CHECKING:
    import numpy as np

    from neural_painter.images import Metadata
    from neural_painter.journal import Journal

    Array = np.ndarray

DURATION, FPS, HOLD = 10.0, 30.0, 2.0
"""Of an animation: seconds of painting, frames a second, seconds for which the finished painting stays."""

MAX_SECONDS = 3600.0
MAX_FPS = {".mp4": 120.0, ".gif": 50.0, ".webp": 120.0}
"""A GIF counts in hundredths of a second, and browsers slow down what is shorter than two of them."""


@dataclass(frozen=True)
class Wishes:
    """How a painting is to be written.

    Attributes:
        size: (height, width) in pixels.
        duration, fps, hold: of an animation.
        overwrite: whether a file that exists may be replaced.
        metadata: what a picture is to tell besides its pixels.
        journal: keeps what is painted of a picture or animation while that lasts.
        picture: the paint `[H, W, 3]` in this size, flat, where it is there already.
        finish: how the painting is shown.
        transparent: whether pictures leave the canvas out.
    """

    size: tuple[int, int]
    duration: float = DURATION
    fps: float = FPS
    hold: float = HOLD
    overwrite: bool = True
    metadata: Metadata | None = None
    journal: Journal | None = None
    picture: Array | None = None
    finish: Finish = FLAT
    transparent: bool = False


def frames_of(duration: float, fps: float) -> int:
    """Pictures of an animation on which the painting grows."""
    return max(1, round(duration * fps))


def check_timing(path: Path, *, duration: float = DURATION, fps: float = FPS, hold: float = HOLD) -> None:
    """Raises UsageError where an animation could not be written: another extension, or a number out of its range."""
    suffix = path.suffix.lower()
    if suffix not in MAX_FPS:
        raise UsageError(f"{path}: not the name of an animation, expected {', '.join(MAX_FPS)}")
    _check_number("duration", duration, MAX_SECONDS, "seconds")
    _check_number("hold", hold, MAX_SECONDS, "seconds", zero=True)
    _check_number("fps", fps, MAX_FPS[suffix], f"frames a second in {suffix}")


def _check_number(name: str, value: float, most: float, unit: str, *, zero: bool = False) -> None:
    if not isfinite(value) or not 0 <= value <= most or (value == 0 and not zero):
        raise UsageError(f"{name} is {value:g}, expected {'0' if zero else 'more than 0'} to {most:g} {unit}")
