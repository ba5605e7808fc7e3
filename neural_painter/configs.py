"""What the config dataclasses share: fields that carry their help text, and checks that name the field."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from neural_painter.errors import UsageError


def option(default: Any, help: str) -> Any:
    """A field of a config; the command line makes an option of it, with this default and help text."""
    return field(default=default, metadata={"help": help})


def expect(condition: bool, name: str, value: object, expected: str) -> None:
    """Raises UsageError, naming the option, where a value is not as expected."""
    if not condition:
        raise UsageError(f"{name}: expected {expected}, got {value}")
