"""Fields of config dataclasses that carry their help text and bounds, and whether a value is within them. Light."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from numbers import Integral, Real
from typing import Any


def option(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: Sequence[str] | Callable[[], Sequence[str]] = (),
) -> Any:
    """A field of a config; the command line makes an option of it, with this default, help text and bounds.

    Args:
        default: its value; its type is that of the option.
        help: what it does, for people.
        low, high: the smallest and the largest value.
        above, below: bounds that are themselves left out.
        choices: of a word, all that may be said; a function where they may become more while the program runs.
    """
    bounds = {"low": low, "high": high, "above": above, "below": below}
    return field(default=default, metadata={"help": help, "bounds": bounds, "choices": choices})


def choices_of(metadata: Mapping[str, Any]) -> Sequence[str]:
    """All that may be said for an option; nothing where it takes no words."""
    choices = metadata["choices"]
    found: Sequence[str] = choices() if callable(choices) else choices
    return found


def expected(value: object, default: object, metadata: Mapping[str, Any]) -> str | None:
    """What an option takes, in words, where a value is not of its default's type or not within its bounds."""
    if choices := choices_of(metadata):
        return None if value in choices else f"one of {', '.join(choices)}"
    bounds = metadata["bounds"]
    if isinstance(default, bool):
        # NumPy's, which is not loaded for this, is no subclass of Python's.
        fits = isinstance(value, bool) or type(value).__name__ in ("bool", "bool_")
        return None if fits else "true or false"
    if isinstance(default, int):
        fits = isinstance(value, Integral) and not isinstance(value, bool) and _within(int(value), bounds)
        return None if fits else f"a whole number{_range(bounds)}"
    if isinstance(default, float):
        number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
        return None if number and _within(float(value), bounds) else f"a number{_range(bounds)}"  # type: ignore[arg-type]
    return None


def _within(value: float, bounds: Mapping[str, float | None]) -> bool:
    low, high, above, below = (bounds[name] for name in ("low", "high", "above", "below"))
    return (
        (low is None or value >= low)
        and (high is None or value <= high)
        and (above is None or value > above)
        and (below is None or value < below)
    )


def _range(bounds: Mapping[str, float | None]) -> str:
    """The bounds in words: ` from 1 to 9`, ` >= 0`, ` above 0 and below 1`."""
    low, high = bounds["low"], bounds["high"]
    if low is not None and high is not None:
        return f" from {low:.12g} to {high:.12g}"
    signs = {"low": ">=", "high": "<=", "above": "above", "below": "below"}
    parts = [f"{signs[name]} {value:.12g}" for name, value in bounds.items() if value is not None]
    return f" {' and '.join(parts)}" if parts else ""
