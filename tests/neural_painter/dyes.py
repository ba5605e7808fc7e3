"""Brushes of the project whose strokes multiply: what their networks draw stays as it is."""

from dataclasses import replace

import pytest

from renderers import brushes
from renderers.brush import Brush


def multiplying(name: str, monkeypatch: pytest.MonkeyPatch) -> Brush:
    """The brush of that name, for as long as a test runs."""
    dye = replace(brushes.brush(name), blend="multiply")
    monkeypatch.setitem(brushes._added, name, dye)
    return dye
