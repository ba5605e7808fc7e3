"""The table of cases that tests share: it must never swallow a failure."""

import inspect

import pytest

from tests.each import each


def test_every_case_runs_and_the_one_that_fails_is_named():
    seen = []

    @each("b", [1, 2], ids=["one", "two"])
    @each("a, c", [("x", 0), ("y", 1)])
    def wrong(fixture, a, b, c):
        seen.append((fixture, a, b, c))
        assert (a, b) != ("y", 2)

    assert list(inspect.signature(wrong).parameters) == ["fixture"]
    with pytest.raises(AssertionError) as caught:
        wrong(fixture="f")
    assert seen == [("f", "x", 1, 0), ("f", "y", 1, 1), ("f", "x", 2, 0), ("f", "y", 2, 1)]
    assert caught.value.__notes__ == ["in the case of a, c = 'y', 1", "in the case of b = two"]


def test_cases_cannot_be_left_out_in_silence():
    for names, cases in (("a", []), ("a, b", [(1,)]), ("z", [1])):
        with pytest.raises(AssertionError):
            each(names, cases)(lambda a, b: None)
    with pytest.raises(AssertionError, match="would hide the others"):
        each("a", [1, 2])(lambda a: pytest.skip("not here"))()


@each("a", [1, 2])
@pytest.mark.parametrize("b", [3])
def test_goes_with_parametrize_and_fixtures(a, b, tmp_path):
    assert a in (1, 2)
    assert b == 3
    assert tmp_path.is_dir()
