"""How a painting is shown, which needs no new painting. Loads no library: the command line shows the defaults."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from neural_painter.configs import check, expect, option

PAPERS = ("own", "smooth", "cold", "rough", "none")

MOST_RELIEF = 5.0
LEAST_ELEVATION = 5.0
"""Degrees; light from lower down is all shadow."""


@dataclass(frozen=True)
class Finish:
    """How paint is lit, and what it lies on.

    Raises:
        UsageError: a value is out of range; the message says which and what was expected.
    """

    relief: float = option(
        1.0, "how high the paint lies, of brushes whose paint does; 0: flat", low=0, high=MOST_RELIEF
    )
    light: tuple[float, float] = option(
        (315.0, 50.0), "where light on relief comes from, in degrees: clockwise from the top, and above the canvas"
    )
    gloss: float = option(0.3, "how much relief shines; 0: matt", low=0, high=2)
    weave: float = option(0.5, "how much of the canvas' weave shows where paint is thin; 0: none", low=0, high=3)

    paper: str = option(
        "own", f"what the paint lies on: {', '.join(PAPERS)}; own is what the brush is meant for", choices=PAPERS
    )
    border: float = option(
        0.0, "of paper: width of a ragged border that stays bare, as a part of the long side", low=0, high=0.25
    )

    def __post_init__(self) -> None:
        check(self)
        direction = len(self.light) == 2 and all(math.isfinite(angle) for angle in self.light)
        expected = f"two angles, the second {LEAST_ELEVATION:g} to 90"
        expect(direction and LEAST_ELEVATION <= self.light[1] <= 90, "light", self.light, expected)
        object.__setattr__(self, "light", (self.light[0] % 360.0, float(self.light[1])))

    def told(self) -> dict[str, Any]:
        """As a document's options tell it."""
        return {**asdict(self), "light": list(self.light)}


FLAT = Finish(relief=0.0, paper="none")
"""The paint alone, as it is compared with a photo."""
