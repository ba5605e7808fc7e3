"""The names that users may rely on: a change to them shows in public_names.txt, and so in a review."""

import inspect
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

import neural_painter


def test_public_names_are_those_in_the_file(golden):
    lines = []
    for name in sorted(neural_painter.__all__):
        thing = getattr(neural_painter, name)
        lines.append(name)
        if inspect.isclass(thing):
            own = {field.name for field in fields(thing)} if is_dataclass(thing) else set()
            lines += [f"{name}.{member}" for member in sorted(own | {m for m in vars(thing) if not m.startswith("_")})]
        else:
            lines += [f"{name}({parameter})" for parameter in inspect.signature(thing).parameters]
    golden(Path(__file__).parent / "public_names.txt", "\n".join(lines) + "\n")


def test_other_names_are_refused():
    with pytest.raises(AttributeError, match="module 'neural_painter' has no attribute 'pant'"):
        _ = neural_painter.pant


def test_all_names_have_a_docstring():
    for name in neural_painter.__all__:
        assert inspect.getdoc(getattr(neural_painter, name))
