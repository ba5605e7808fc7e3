"""Options are checked with sentences that name them; the plan goes coarse to fine and never above the content."""

import dataclasses
import math
from itertools import pairwise, product

import pytest

from neural_painter.configs import OptionError
from neural_painter.photo.config import PRESETS, PhotoConfig, Preset
from neural_painter.photo.plan import plan

STAGES = ("both", "style", "photorealism")
OPTIMISING = [name for name, preset in PRESETS.items() if preset.optimize]


def test_wrong_values_are_refused_by_name():
    for option, value, expected in (
        ("preset", "slow", "one of balanced, fast, best, torch, tf"),
        ("stages", "0", "one of both, style, photorealism"),
        ("optimizer", "sgd", "one of lbfgs, adam"),
        ("iterations", -1, "a whole number from 0 to 100000"),
        ("iterations", 100_001, "a whole number from 0 to 100000"),
        ("iterations", 2.5, "a whole number from 0 to 100000"),
        ("content_weight", -0.1, "a number from 0 to 1000000000"),
        ("style_weight", math.nan, "a number from 0 to 1000000000"),
        ("color_weight", math.inf, "a number from 0 to 1000000000"),
        ("smoothness_weight", 1e30, "a number from 0 to 1000000000"),
        ("photorealism_weight", math.nan, "a number <= 1000000000"),
        ("photorealism_weight", -math.inf, "a number <= 1000000000"),
        ("working_size", 15, "0, or a whole number from 16 to 20000"),
        ("working_size", 20_001, "a whole number from 0 to 20000"),
        ("working_size", -1, "a whole number from 0 to 20000"),
        ("working_size", 64.5, "a whole number from 0 to 20000"),
        ("smoothing", "gauss", "one of auto, exact, guided, none"),
        ("refine", 1, "true or false"),
        ("device", "gpu", "one of auto, cpu, cuda"),
        ("seed", -1, "a whole number from 0 to 2147483647"),
        ("seed", 2**31, "a whole number from 0 to 2147483647"),
        ("seed", 0.5, "a whole number from 0 to 2147483647"),
    ):
        with pytest.raises(OptionError) as caught:
            PhotoConfig(**{option: value})
        assert str(caught.value) == f"{option}: expected {expected}, got {value}"
        assert caught.value.name == option


def test_values_at_the_borders_are_taken():
    for changes in (
        {"iterations": 100_000, "working_size": 16},
        {"working_size": 20_000, "seed": 2**31 - 1},
        {"content_weight": 0.0, "style_weight": 0.0, "color_weight": 0.0, "smoothness_weight": 0.0},
        {"photorealism_weight": 0.0},
        {"photorealism_weight": -1e30},
        *({"preset": name} for name in PRESETS),
        *({"stages": name} for name in STAGES),
        *({"optimizer": name} for name in ("lbfgs", "adam")),
        *({"smoothing": name} for name in ("auto", "exact", "guided", "none")),
    ):
        config = PhotoConfig(**changes)
        assert {name: getattr(config, name) for name in changes} == changes


def test_a_config_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PhotoConfig().seed = 3


def test_every_option_has_its_help_with_all_its_values():
    helps = {option.name: option.metadata["help"] for option in dataclasses.fields(PhotoConfig)}
    assert all(len(text) > 10 for text in helps.values())
    listed = {"preset": PRESETS, "stages": STAGES, "smoothing": ("auto", "exact", "guided", "none")}
    for option, names in listed.items():
        assert all(name in helps[option] for name in names)


def test_options_take_the_place_of_what_the_preset_has():
    for preset in PRESETS:
        assert PhotoConfig(preset=preset).settings() == PRESETS[preset]
        given = {"iterations": 7, "working_size": 99, "smoothing": "none"}
        found = PhotoConfig(preset=preset, photorealism_weight=0.0, **given).settings()
        assert found == dataclasses.replace(PRESETS[preset], photorealism=0.0, **given)


def test_presets_of_the_published_codes_have_their_numbers():
    """Luan et al. 2017 and its TensorFlow port."""
    shared = {"init": "grey", "working_size": 0, "scales": 1, "smoothing": "exact"}
    assert PRESETS["torch"] == Preset(**shared, iterations=1000, epsilon=1e-7, colour_sigma=0.01)
    assert PRESETS["tf"] == Preset(**shared, iterations=2000, epsilon=1e-5, colour_sigma=0.1)


def test_plan_goes_from_coarse_to_fine():
    sizes = [(1, 1), (1, 500), (20, 30), (45, 44), (333, 500), (3000, 4001)]
    for size, preset, stages in product(sizes, OPTIMISING, STAGES):
        rounds = plan(PhotoConfig(preset=preset, stages=stages), *size)
        wanted = ["style", "photorealism"] if stages == "both" else [stages]
        assert list(dict.fromkeys(one.stage for one in rounds)) == wanted
        finest = min(PRESETS[preset].working_size or max(size), max(size))
        assert max(rounds[-1].size) == finest
        for one in rounds:
            assert one.size[0] <= size[0]
            assert one.size[1] <= size[1]
            assert abs(one.size[0] / max(one.size) - size[0] / max(size)) <= 1 / max(one.size)
            fine = max(one.size) == finest
            assert one.iterations == PRESETS[preset].iterations // (1 if fine else 2)
        sides = sorted({max(one.size) for one in rounds})
        for small, large in pairwise(sides):
            assert large / small == pytest.approx(math.sqrt(2), abs=1 / small)
        pairs = [(one.stage, one.size) for one in rounds]
        assert len(set(pairs)) == len(pairs)  # no round twice
        assert [max(size) for _, size in pairs] == sorted(max(size) for _, size in pairs)


def test_of_two_stages_the_first_has_the_coarsest_size():
    rounds = plan(PhotoConfig(), 300, 400)
    assert [(one.stage, max(one.size), one.iterations) for one in rounds] == [
        ("style", 141, 20),
        ("photorealism", 200, 20),
        ("photorealism", 283, 20),
        ("photorealism", 400, 40),
    ]
    rounds = plan(PhotoConfig(preset="torch", iterations=1), 30, 40)
    assert [(one.stage, one.size, one.iterations) for one in rounds] == [
        ("style", (30, 40), 1),
        ("photorealism", (30, 40), 1),
    ]


def test_the_fast_preset_has_nothing_to_optimise():
    assert plan(PhotoConfig(preset="fast", iterations=9), 300, 400) == ()


def test_one_iteration_is_not_halved_to_none():
    assert {one.iterations for one in plan(PhotoConfig(iterations=1), 300, 400)} == {1}
