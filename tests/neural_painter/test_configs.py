"""Options declare what they take; one check holds all configs to it."""

import json
from dataclasses import asdict, dataclass

import numpy as np
import pytest

from neural_painter.configs import OptionError, check, option


@dataclass(frozen=True)
class Config:
    count: int = option(3, "how many", low=1, high=9)
    share: float = option(0.5, "how much", above=0, below=1)
    weight: float = option(1.0, "how strong", low=0)
    bold: bool = option(False, "whether it is bold")
    mode: str = option("plain", "how", choices=("plain", "fancy"))

    def __post_init__(self) -> None:
        check(self)


def test_numbers_of_numpy_become_python_s_own():
    config = Config(count=np.int64(4), share=np.float32(0.25), weight=2, bold=np.True_)
    assert config == Config(count=4, share=0.25, weight=2.0, bold=True)
    assert json.loads(json.dumps(asdict(config))) == asdict(config)
    assert [type(value) for value in asdict(config).values()] == [int, float, float, bool, str]


def test_what_is_not_allowed_is_refused_with_one_sentence():
    for changes, sentence in (
        ({"count": 0}, "count: expected a whole number from 1 to 9, got 0"),
        ({"count": 1.5}, "count: expected a whole number from 1 to 9, got 1.5"),
        ({"count": True}, "count: expected a whole number from 1 to 9, got True"),
        ({"count": np.True_}, "count: expected a whole number from 1 to 9, got True"),
        ({"count": None}, "count: expected a whole number from 1 to 9, got None"),
        ({"share": 1}, "share: expected a number above 0 and below 1, got 1"),
        ({"share": float("nan")}, "share: expected a number above 0 and below 1, got nan"),
        ({"weight": "3"}, "weight: expected a number >= 0, got 3"),
        ({"weight": np.float32("inf")}, "weight: expected a number >= 0, got inf"),
        ({"weight": True}, "weight: expected a number >= 0, got True"),
        ({"bold": 1}, "bold: expected true or false, got 1"),
        ({"mode": "fancier"}, "mode: expected one of plain, fancy, got fancier"),
    ):
        with pytest.raises(OptionError) as caught:
            Config(**changes)
        assert str(caught.value) == sentence
        assert caught.value.name == next(iter(changes))


def test_the_nearest_choice_is_named():
    with pytest.raises(OptionError) as caught:
        Config(mode="fanzy")
    assert caught.value.hint == "Did you mean fancy?"
