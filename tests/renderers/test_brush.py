"""The Brush protocol and its parameter space, and how brushes are found."""

import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from renderers import brushes
from renderers.brush import Parameter
from renderers.brushes import brush, names
from tests.each import each

CRAYON = """
from dataclasses import replace
from renderers.brushes.tape import BRUSH
BRUSH = replace(BRUSH, name="crayon")
"""


@pytest.fixture
def tape():
    return brush("tape")


# Parameters


@each("default", [-0.1, 1.1, float("nan")])
def test_a_default_outside_the_range_is_refused(default):
    with pytest.raises(ValueError, match=r"load: default .* is outside \[0, 1\]"):
        Parameter("load", 0, 1, "1", default, "")


@pytest.mark.parametrize("default", [0, 1])
def test_ranges_are_closed(default):
    assert Parameter("load", 0, 1, "1", default, "").default == default


def test_the_first_parameter_is_the_aspect(tape):
    for shape in ((), tape.shape[1:], tape.shape[::-1]):
        with pytest.raises(ValueError, match="brush tape: the first shape parameter must be aspect"):
            replace(tape, shape=shape)
    assert tape.aspect.name == "aspect"
    assert [p.name for p in tape.free_shape] == ["slant"]


@pytest.mark.parametrize("colours", [0, 3])
def test_a_stroke_carries_one_or_two_colours(tape, colours):
    with pytest.raises(ValueError, match=f"1 or 2 colours, got {colours}"):
        replace(tape, colours=colours)


def test_strokes_blend_in_one_of_two_ways(tape):
    assert tape.blend == "over"
    assert replace(tape, blend="multiply").blend == "multiply"
    with pytest.raises(ValueError, match="strokes blend by over or multiply, got 'screen'"):
        replace(tape, blend="screen")


def test_what_makes_no_dry_brush_is_refused(tape):
    for greys in ((0.9, 0.1), (0.5, 0.5), (-0.1, 0.9), (0.1, 1.2)):
        with pytest.raises(ValueError, match="greys go from dark to light"):
            replace(tape, greys=greys)
    for broadest in (0.5, float("nan")):
        with pytest.raises(ValueError, match="broadest is 1 or more"):
            replace(tape, broadest=broadest)


# Samples


@each("name", names())
def test_samples_fill_the_parameter_space_and_stay_in_it(name):
    it = brush(name)
    shape = it.sample_shape(4000, np.random.default_rng(0))
    paint = it.sample_paint(4000, np.random.default_rng(1))
    assert shape.dtype == paint.dtype == np.float32
    assert shape.shape == (4000, len(it.shape))
    assert paint.shape == (4000, 7)
    # Rounding to float32 may step over a bound by half a unit in the last place.
    assert (shape >= it.shape_low - 1e-6).all()
    assert (shape <= it.shape_high * (1 + 1e-6)).all()
    span = it.shape_high - it.shape_low
    assert (shape.min(0) < it.shape_low + 0.01 * span).all()
    assert (shape.max(0) > it.shape_high - 0.01 * span).all()
    assert it.opacity.low <= paint[:, 6].min() < paint[:, 6].max() <= it.opacity.high + 1e-6
    assert 0 <= paint[:, :6].min() < 0.01 < 0.99 < paint[:, :6].max() <= 1
    assert (paint[:, :3] == paint[:, 3:6]).all() == (it.colours == 1)


def test_aspects_are_even_in_their_logarithm(tape):
    aspect = tape.sample_shape(4000, np.random.default_rng(0))[:, 0]
    assert np.median(aspect) == pytest.approx(10**0.5, rel=0.05)


def test_samples_depend_on_the_generator_alone(tape):
    first, again, other = (tape.sample_shape(9, np.random.default_rng(seed)) for seed in (4, 4, 5))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


# Drawing


@pytest.mark.parametrize("shape", [np.zeros(2), np.zeros((3, 1)), np.zeros((3, 3)), np.zeros((1, 3, 2))])
def test_draw_refuses_other_shapes(tape, shape):
    with pytest.raises(ValueError, match=re.escape("brush tape: shape must be [N, 2], got")):
        tape.draw(shape, np.zeros(3), 8, 8)


def test_draw_takes_any_size_and_number(tape):
    assert tape.draw(np.zeros((0, 2)), np.zeros(0), 8, 8).shape == (0, 8, 8, 3)
    assert tape.draw([[2, 0]], [1], 5, 9).shape == (1, 5, 9, 3)
    one = tape.draw([[2, 0]], [1], 1, 1, supersample=8)
    assert one[0, 0, 0, 0] == pytest.approx(0.95 * 1.95 / 2, abs=0.05)  # the strip's share of its box


def test_rows_run_across_and_columns_along(tape):
    alpha = tape.draw([[2.0, 0.5]], [1], 40, 80)[0, ..., 0]
    ends = [np.flatnonzero(row > 0.5)[-1] for row in (alpha[5], alpha[34])]
    assert ends[1] > ends[0]  # a slant of 0.5: the last cut moves on as `across` grows, and that is downwards


# Discovery


def test_names_are_sorted_and_belong_to_their_brushes():
    assert set(names()) >= {"marker", "oil", "tape", "watercolor"}
    assert list(names()) == sorted(names())
    for name in names():
        assert brush(name).name == name
        assert brush(name) is brush(name)
        assert brush(name).about


@each("name", ["", "Oil", "gouache", "oil.py", "../oil", "__init__"])
def test_an_unknown_brush_is_named_with_those_there_are(name):
    expected = f"no brush {name!r}, expected one of: {', '.join(names())}"
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        brush(name)


def test_a_brush_of_ones_own_is_known_once_it_is_added(monkeypatch):
    monkeypatch.setattr(brushes, "_added", {})
    before = names()
    mine = replace(brush("tape"), name="mine")
    brushes.add_brush(mine)
    assert names() == tuple(sorted([*before, "mine"]))
    assert brush("mine") is mine
    again = replace(mine, about="better")
    brushes.add_brush(again)
    assert brush("mine") is again
    for name in ("oil", "", "my brush", "../oil"):
        with pytest.raises(ValueError, match=f"expected a plain word other than {', '.join(before)}, got"):
            brushes.add_brush(replace(mine, name=name))


def test_a_brush_is_one_file(tmp_path, monkeypatch):
    (tmp_path / "crayon.py").write_text(CRAYON)
    before = names()
    monkeypatch.setattr(brushes, "__path__", [*brushes.__path__, str(tmp_path)])
    try:
        brushes._found.cache_clear()
        assert names() == tuple(sorted([*before, "crayon"]))
        assert brush("crayon").draw([[2, 0]], [1], 8, 8).max() > 0
    finally:
        sys.modules.pop("renderers.brushes.crayon", None)
        vars(brushes).pop("crayon", None)
        brushes._found.cache_clear()


def test_names_load_neither_numba_nor_torch():
    code = "import sys; from renderers.brushes import names; names(); print({'numba', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
