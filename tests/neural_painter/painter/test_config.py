"""Options are checked with sentences that name them; the plan keeps the number of strokes and goes coarse to fine."""

import dataclasses
import math
from itertools import pairwise, product

import pytest

from neural_painter.configs import OptionError
from neural_painter.painter.config import MOST_STROKES, PRESETS, PaintConfig, StrokeStyleConfig, plan
from renderers.brushes import names
from tests.each import each

COUNTS = (1, 2, 3, 12, 13, 37, 38, 100, 116, 1000, 5000, 20_000, MOST_STROKES)


def test_wrong_values_are_refused_by_name():
    for option, value, expected in (
        ("brush", "crayon", f"one of {', '.join(names())}"),
        ("strokes", 0, f"a whole number from 1 to {MOST_STROKES}"),
        ("strokes", MOST_STROKES + 1, f"a whole number from 1 to {MOST_STROKES}"),
        ("strokes", 2.5, f"a whole number from 1 to {MOST_STROKES}"),
        ("strokes", True, f"a whole number from 1 to {MOST_STROKES}"),
        ("strokes", "20", f"a whole number from 1 to {MOST_STROKES}"),
        ("preset", "slow", "one of preview, fast, balanced, best"),
        ("seed", -1, "a whole number from 0 to 4294967295"),
        ("seed", 2**32, "a whole number from 0 to 4294967295"),
        ("seed", 1.0, "a whole number from 0 to 4294967295"),
        ("device", "gpu", "one of auto, cpu, cuda"),
        ("canvas", (0.0, 0.5), "three numbers of 0 to 1"),
        ("canvas", (0.0, 0.5, 1.1), "three numbers of 0 to 1"),
        ("canvas", (0.0, 0.5, math.nan), "three numbers of 0 to 1"),
        ("transport", -0.1, "a number from 0 to 1000000000"),
        ("transport", math.inf, "a number from 0 to 1000000000"),
        ("edges", math.nan, "a number from 0 to 1000000000"),
        ("edges", 1e30, "a number from 0 to 1000000000"),
        ("transport_stages", "fine", "one of off, coarse, all"),
    ):
        with pytest.raises(OptionError) as caught:
            PaintConfig(**{option: value})
        assert str(caught.value).startswith(f"{option}: expected {expected}")
        assert str(caught.value).endswith(f"got {value}")
        assert caught.value.name == option


def test_wrong_values_of_styles_are_refused_by_name():
    for option, value, expected in (
        ("style_weight", -1.0, "a number from 0 to 1000000000"),
        ("style_mode", "shape", "one of color, full"),
        ("style_scale", 0.01, "a number from 0.05 to 20"),
        ("style_steps", 0, "a whole number from 1 to 100000"),
    ):
        with pytest.raises(OptionError) as caught:
            StrokeStyleConfig(**{option: value})
        assert str(caught.value) == f"{option}: expected {expected}, got {value}"


def test_values_at_the_borders_are_taken():
    for changes in (
        {},
        {"strokes": 1},
        {"strokes": MOST_STROKES},
        {"seed": 2**32 - 1},
        {"canvas": (0.0, 0.0, 0.0)},
        {"transport": 0.0, "edges": 0.0},
        *({"brush": name} for name in names()),
        *({"preset": name} for name in PRESETS),
        *({"transport_stages": name} for name in ("off", "coarse", "all")),
        *({"device": name} for name in ("auto", "cpu", "cuda")),
    ):
        config = PaintConfig(**changes)
        assert {name: getattr(config, name) for name in changes} == changes


def test_a_config_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PaintConfig().strokes = 3


def test_every_option_has_its_help():
    for option in dataclasses.fields(PaintConfig):
        assert len(option.metadata["help"]) > 10


def test_plan_goes_from_coarse_to_fine():
    for preset, strokes, aspect in product(PRESETS, COUNTS, (1.0, 0.5, 1 / 300)):
        stages = plan(PaintConfig(strokes=strokes, preset=preset), aspect)
        assert sum(stage.count for stage in stages) == strokes
        for stage in stages:
            assert stage.count >= 1
            assert stage.iterations >= 1
            assert 0 < stage.size < 0.5
            assert stage.canvas >= 16
        for before, after in pairwise(stages):
            assert after.count > before.count
            assert after.size < before.size
            assert after.canvas >= before.canvas


def test_every_number_of_strokes_is_met():
    for strokes in range(1, 500):
        counts = [stage.count for stage in plan(PaintConfig(strokes=strokes), 0.75)]
        assert sum(counts) == strokes
        assert min(counts) >= 1


def test_more_strokes_are_smaller_and_more_stages():
    plans = [plan(PaintConfig(strokes=strokes), 0.75) for strokes in (1, 12, 100, 1000, 5000, 20_000, MOST_STROKES)]
    for fewer, more in pairwise(plans):
        assert len(more) >= len(fewer)
        assert more[-1].size <= fewer[-1].size
    assert len(plans[-1]) > len(plans[0])


def test_strokes_cover_the_canvas():
    """Boxes of all stages but the last together are larger than the canvas; the last lies where it matters."""
    for strokes in (12, 100, 1000, 20_000):
        for aspect in (1.0, 0.6):
            areas = [stage.count * 4 * stage.size**2 / 2.5 for stage in plan(PaintConfig(strokes=strokes), aspect)]
            assert 0.8 < sum(areas[:-1] or areas) / aspect < 10
            assert 0.2 < areas[-1] / aspect < 2


def test_canvases_show_the_smallest_strokes_too():
    config = PaintConfig(strokes=300)
    usual, finer = plan(config, 0.75), plan(config, 0.75, smallest=0.5)
    for one, other in zip(usual, finer, strict=True):
        assert 1.2 < other.canvas / one.canvas <= 2
        assert dataclasses.replace(other, canvas=one.canvas) == one
    assert plan(config, 0.75, smallest=1.0) == usual
    assert plan(PaintConfig(strokes=MOST_STROKES), 0.75, smallest=0.5)[-1].canvas == 1024


def test_presets_differ_in_work_and_not_in_strokes():
    def work(preset):
        return sum(s.iterations * s.canvas**2 for s in plan(PaintConfig(strokes=300, preset=preset), 0.75))

    assert 5 * work("preview") < work("fast")
    assert 1.5 * work("fast") < work("balanced") < work("best") / 1.5
    plans = {name: plan(PaintConfig(strokes=300, preset=name), 0.75) for name in PRESETS}
    counts = {name: [stage.count for stage in stages] for name, stages in plans.items()}
    assert counts["fast"] == counts["balanced"] == counts["best"]
    assert counts["preview"] == [sum(counts["fast"][:-1]), counts["fast"][-1]]
    assert [len(plans[name][-1].renewals) for name in ("preview", "fast", "balanced")] == [2, 8, 8]


@each("where, on", [("off", [False, False, False]), ("coarse", [True, True, False]), ("all", [True, True, True])])
def test_transport_is_switched_per_stage(where, on):
    stages = plan(PaintConfig(strokes=300, transport=0.5, transport_stages=where), 0.75)
    assert [stage.transport for stage in stages] == [0.5 * switch for switch in on]
    stages = plan(PaintConfig(strokes=300, transport=0.0, transport_stages=where), 0.75)
    assert not any(stage.transport for stage in stages)
