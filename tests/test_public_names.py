"""The names that users may rely on: a change to them shows in public_names.txt, and so in a review."""

import ast
import inspect
import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import FunctionType

import pytest

import neural_painter


def test_public_names_are_those_in_the_file(golden):
    lines = []
    for name in neural_painter.__all__:
        thing = getattr(neural_painter, name)
        lines.append(name)
        if inspect.isclass(thing) and issubclass(thing, Exception):
            lines += [f"{name}.exit_status = {thing.exit_status}"] if hasattr(thing, "exit_status") else []
        elif inspect.isclass(thing):
            own = {field.name for field in fields(thing)} if is_dataclass(thing) else set()
            lines += [f"{name}.{member}" for member in sorted(own | {m for m in vars(thing) if not m.startswith("_")})]
        else:
            lines += [f"{name}({parameter})" for parameter in inspect.signature(thing).parameters]
    golden(Path(__file__).parent / "public_names.txt", "\n".join(lines) + "\n")


def test_type_checkers_see_the_names_that_are_looked_up():
    tree = ast.parse(Path(neural_painter.__file__).read_text(encoding="utf-8"))
    typed = [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    seen = {
        alias.name: line.module
        for line in ast.walk(typed[0])
        if isinstance(line, ast.ImportFrom)
        for alias in line.names
        if alias.asname == alias.name  # without it, `mypy --strict` takes a name for a private one
    }
    assert seen == neural_painter._HOMES
    assert set(neural_painter.__all__) <= set(dir(neural_painter))


def test_other_names_are_refused():
    with pytest.raises(AttributeError, match="module 'neural_painter' has no attribute 'pant'"):
        _ = neural_painter.pant


def undocumented(thing, names):
    """Names that no line of a docstring explains; such a line reads `name: meaning`, or `one, other: meaning`."""
    text = inspect.getdoc(thing) or ""
    return [name for name in names if not re.search(rf"^ *(\w+, )*{name}(, \w+)*: ", text, re.MULTILINE)]


def test_all_names_are_documented_with_their_parameters():
    for name in neural_painter.__all__:
        thing = getattr(neural_painter, name)
        assert inspect.getdoc(thing), name
        if inspect.isfunction(thing):
            assert not undocumented(thing, inspect.signature(thing).parameters), name
            assert "Raises:" in inspect.getdoc(thing), name
            gives = inspect.signature(thing).return_annotation not in (None, "None")
            assert ("Returns:" in inspect.getdoc(thing)) == gives, name
        elif is_dataclass(thing):
            plain = [field.name for field in fields(thing) if "help" not in field.metadata]
            assert not undocumented(thing, plain), name
            for member, value in vars(thing).items():
                if isinstance(value, FunctionType | property) and not member.startswith("_"):
                    assert inspect.getdoc(value), f"{name}.{member}"
