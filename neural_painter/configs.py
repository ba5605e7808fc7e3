"""What the config dataclasses share: fields that carry their help text and bounds, and the one check of all of them.

A field says what it takes where it is declared; `check` holds it to that, and the command line shows and uses the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from difflib import get_close_matches
from typing import Any

from neural_painter.errors import UsageError
from renderers.options import choices_of, expected
from renderers.options import option as option

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
    if wanted := expected(value, default, metadata):
        raise OptionError(name, f"expected {wanted}, got {value}", hint=nearest(value, choices_of(metadata)))


def nearest(word: object, known: Sequence[str]) -> str | None:
    """A hint at what was meant, where one of the known words is close."""
    found = get_close_matches(str(word), known, 1, 0.6)
    return f"Did you mean {found[0]}?" if found else None


def expect(condition: bool, name: str, value: object, expected: str) -> None:
    """Raises OptionError, naming the option, where a value is not as expected."""
    if not condition:
        raise OptionError(name, f"expected {expected}, got {value}")
