"""The ground-truth brushes, one file each: a module in this folder that defines BRUSH. Nothing else to edit."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # names() must not load numba: `paint.py --help` calls it
    from renderers.brush import Brush


@cache
def names() -> tuple[str, ...]:
    """Names of all brushes, sorted; reads the folder, imports nothing."""
    return tuple(sorted(module.name for module in iter_modules(__path__)))


@cache
def brush(name: str) -> Brush:
    """The brush of that name.

    Raises:
        ValueError: no such brush; the message lists those there are.
    """
    if name not in names():
        raise ValueError(f"no brush {name!r}, expected one of: {', '.join(names())}")
    found: Brush = import_module(f"{__name__}.{name}").BRUSH
    return found
