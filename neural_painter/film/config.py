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

    def __post_init__(self) -> None:
        check(self)
