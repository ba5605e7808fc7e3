"""Many cases, one test: a table that only repeats needs no item of its own for every row."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

import pytest

Ids = Iterable[Any] | Callable[[Any], Any] | None


def each(names: str, cases: Iterable[Any], ids: Ids = None) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Runs a test once for every case, within one item; the first that fails is named in the report.

    Stands where `pytest.mark.parametrize` could; may be stacked, and mixed with it. Fixtures are made once for all
    cases, so that a test for which each case needs a fresh folder, or a patch taken back, stays parametrised.

    Args:
        names: the arguments that a case gives, with commas between them.
        cases: a value each, or with several names a sequence of values each.
        ids: what a failing case is called: a name each, or what makes one of a value; without them the values say.
    """
    wanted = [name.strip() for name in names.split(",")]
    table = [tuple(case) if len(wanted) > 1 else (case,) for case in cases]
    assert table, "no cases"
    assert all(len(case) == len(wanted) for case in table), "a case of another length"
    called = ids if ids is None or callable(ids) else list(ids)
    assert not isinstance(called, list) or len(called) == len(table), "not a name for every case"

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(test)
        kept = [value for name, value in signature.parameters.items() if name not in wanted]
        assert len(kept) == len(signature.parameters) - len(wanted), "a name that the test does not take"

        @functools.wraps(test)
        def of_each(**fixtures: Any) -> None:
            for number, case in enumerate(table):
                try:
                    test(**fixtures, **dict(zip(wanted, case, strict=True)))
                except pytest.skip.Exception as error:
                    raise AssertionError("a case that skips would hide the others") from error
                except BaseException as error:
                    error.add_note(f"in the case of {names} = {_name(called, number, case)}")
                    raise

        del of_each.__wrapped__  # pytest would look there for fixtures
        of_each.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
        return of_each

    return decorate


def _name(ids: list[Any] | Callable[[Any], Any] | None, number: int, case: tuple[Any, ...]) -> str:
    if isinstance(ids, list):
        return str(ids[number])
    return ", ".join(str(ids(value)) if ids else repr(value) for value in case)
