"""How a film is painted, beside how a picture is."""

from __future__ import annotations

from dataclasses import dataclass

from neural_painter.configs import check, option


@dataclass(frozen=True)
class FilmConfig:
    """Options of painting a film.

    Raises:
        UsageError: a value is out of range; the message says which and what was expected.
    """

    on: int = option(
        1, "of a film: so many frames show the same painting; 2 is on twos, as animators draw", low=1, high=24
    )
    boil: float = option(
        0.0,
        "of a film: how much strokes tremble from painting to painting, as those of hands do; 0.5 is gentle, 1 lively",
        low=0,
        high=4,
    )

    def __post_init__(self) -> None:
        check(self)
