"""The ground-truth brushes, one file each: a module in this folder that defines BRUSH. Nothing else to edit.

Brushes need not lie here: a script makes one known by `add_brush`, a user's own ones lie in the folder of
`renderers.own_brushes`.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from renderers import own_brushes

if TYPE_CHECKING:  # names() must not load numba: `paint.py --help` calls it
    from renderers.brush import Brush


RETIRED = frozenset({"watercolor_1"})
"""Of older documents: these are rendered and gone on with, but nobody is offered them."""

_added: dict[str, Brush] = {}


@cache
def _found() -> frozenset[str]:
    """Names of the brushes that come with the project; reads the folder, imports nothing."""
    return frozenset(module.name for module in iter_modules(__path__))


def project_names() -> tuple[str, ...]:
    """Names of the brushes that come with the project, sorted."""
    return tuple(sorted(_found() - RETIRED))


def names() -> tuple[str, ...]:
    """Names of all brushes to paint with, sorted, the user's own as well; imports none of them."""
    return tuple(sorted((_found() - RETIRED) | _added.keys() | own_brushes.names()))


def known() -> tuple[str, ...]:
    """As `names`, and those of older documents."""
    return tuple(sorted({*names(), *RETIRED}))


def add_brush(brush: Brush) -> None:
    """Makes a brush known by its name for as long as the program runs: to painter, documents and exports.

    Args:
        brush: with the folder of its trained weights in `brush.weights`; without, it can be rendered, not painted with.
            Added again, it takes the place of the one before.

    Raises:
        ValueError: its name is that of a brush of the project, or not a plain word.
    """
    if brush.name in _found() or not brush.name.isidentifier():
        raise ValueError(f"brush: expected a plain word other than {', '.join(project_names())}, got {brush.name!r}")
    _added[brush.name] = brush


def brush(name: str) -> Brush:
    """The brush of that name: the project's, one that was added, or the user's own.

    Raises:
        ValueError: no such brush; the message lists those there are.
        renderers.pictured.BrushError: the user's own brush of that name is damaged.
    """
    if name not in known():
        raise ValueError(f"no brush {name!r}, expected one of: {', '.join(names())}")
    if name in _added:
        return _added[name]
    if name not in _found():
        from renderers.pictured import read_brush

        return read_brush(name)
    found: Brush = import_module(f"{__name__}.{name}").BRUSH
    return found
