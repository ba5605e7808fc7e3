"""What the config dataclasses share: fields that carry their help text and bounds, and the one check of all of them.

A field says what it takes where it is declared; `check` holds it to that, and the command line shows and uses the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import field, fields
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any

from neural_painter.errors import UsageError

DEVICES = ("auto", "cpu", "cuda")

MOST_WEIGHT = 1e9
"""Of a term of a loss: beyond, the other terms are lost in rounding, and squares of gradients leave float32."""


class OptionError(UsageError):
    """A value of an option that is out of range.

    Attributes:
        name: of the option, as the config's field is called.
    """

    def __init__(self, name: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(f"{name}: {message}", hint=hint)
        self.name, self.message = name, message


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


def check(config: Any) -> None:
    """Holds every field of a frozen config to what its `option` allows; numbers become Python's own, as JSON takes.

    Raises:
        OptionError: for the first value that is not allowed.
    """
    for one in fields(config):
        if "help" in one.metadata:
            value = getattr(config, one.name)
            check_value(one.name, value, one.default, one.metadata)
            if isinstance(one.default, bool | int | float):
                object.__setattr__(config, one.name, type(one.default)(value))


def check_value(name: str, value: Any, default: Any, metadata: Any) -> None:
    """Holds a value to a field's default, which gives the type, and metadata."""
    choices = metadata["choices"]() if callable(metadata["choices"]) else metadata["choices"]
    if choices:
        if value not in choices:
            raise OptionError(name, f"expected one of {', '.join(choices)}, got {value}", hint=nearest(value, choices))
        return
    if isinstance(default, bool):
        # NumPy's, which is not loaded for this, is no subclass of Python's.
        expect(isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"), name, value, "true or false")
    elif isinstance(default, int):
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        expect(whole and _within(value, metadata["bounds"]), name, value, f"a whole number{_range(metadata['bounds'])}")
    elif isinstance(default, float):
        number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
        expect(number and _within(value, metadata["bounds"]), name, value, f"a number{_range(metadata['bounds'])}")


def nearest(word: object, known: Sequence[str]) -> str | None:
    """A hint at what was meant, where one of the known words is close."""
    found = get_close_matches(str(word), known, 1, 0.6)
    return f"Did you mean {found[0]}?" if found else None


def expect(condition: bool, name: str, value: object, expected: str) -> None:
    """Raises OptionError, naming the option, where a value is not as expected."""
    if not condition:
        raise OptionError(name, f"expected {expected}, got {value}")


def _within(value: float, bounds: dict[str, float | None]) -> bool:
    low, high, above, below = (bounds[name] for name in ("low", "high", "above", "below"))
    return (
        (low is None or value >= low)
        and (high is None or value <= high)
        and (above is None or value > above)
        and (below is None or value < below)
    )


def _range(bounds: dict[str, float | None]) -> str:
    """The bounds in words: ` from 1 to 9`, ` >= 0`, ` above 0 and below 1`."""
    low, high = bounds["low"], bounds["high"]
    if low is not None and high is not None:
        return f" from {low:.12g} to {high:.12g}"
    signs = {"low": ">=", "high": "<=", "above": "above", "below": "below"}
    parts = [f"{signs[name]} {value:.12g}" for name, value in bounds.items() if value is not None]
    return f" {' and '.join(parts)}" if parts else ""
