"""Strokes of one brush with another: all pairs, each number within its range; the brush's picture is noticed."""

from dataclasses import replace

import numpy as np
import pytest

from neural_painter import StrokeDocument, Strokes, swap_brush
from neural_painter.export import swapping
from neural_painter.export.rendering import render
from neural_painter.export.swapping import PICTURE, note_on_picture, with_picture
from neural_painter.images import LUMA
from renderers import brushes
from renderers.brush import FIRST
from tests.each import each
from tests.neural_painter.sample_documents import sample_document, sweeping


def test_every_brush_takes_over_from_every_other(monkeypatch):
    monkeypatch.setattr(swapping, "LOOKED_AT", 48)
    names = brushes.project_names()
    for old in names:
        document = sweeping(sample_document(old, 12))
        for new in names:
            made = swap_brush(document, new)
            assert made.check().name == made.brush == new
            assert np.array_equal(made.strokes.placement, document.strokes.placement)
            assert np.isfinite(render(made, (24, 32))).all()


def twice(document, larger=1.0):
    """Its strokes over themselves, so much larger."""
    strokes = document.strokes
    below = strokes.placement.copy()
    below[:, 2:4] *= larger
    parts = (below, strokes.placement), (strokes.shape,) * 2, (strokes.paint,) * 2
    return replace(document, strokes=Strokes(*(np.concatenate(part) for part in parts)))


def middles(picture):
    """Mean colours of the three strokes' middles, `[3, 3]`; a pencil's are lines and gaps."""
    return np.array([picture[22:42, left : left + 24].mean(axis=(0, 1)) for left in (31, 116, 201)])


@each("name", ["glaze", "charcoal", "pencil"])
def test_dyes_show_the_painting_together(name):
    """Strokes of oil that lie over each other: multiplied as they are they would be black."""
    oil = apart("oil", [(RED, GREY), (GREEN, GREEN), (BLUE, BLUE)])
    oil = twice(twice(oil, larger=1.2), larger=1.1)
    made = swap_brush(oil, name)
    plain = replace(made, strokes=replace(made.strokes, paint=oil.strokes.paint))
    before, after, without = (middles(render(document, (64, 256))) for document in (oil, made, plain))
    if name == "charcoal":
        before = before @ LUMA[:, None]
        assert np.ptp(made.strokes.paint[:, FIRST], axis=1).max() < 1e-6
    assert np.abs(before - after).mean() < 0.5 * np.abs(before - without).mean()


def test_dyes_that_cover_take_the_colours_that_were_seen():
    glaze = apart("glaze", [(RED, RED), (BLUE, BLUE)])
    glaze = twice(glaze)
    seen = render(glaze, (64, 256))[32, [64, 192]]
    assert np.allclose(swap_brush(glaze, "tape").strokes.paint[:2, FIRST], seen, atol=0.1)


def test_a_canvas_that_was_the_brushs_own_becomes_the_new_ones():
    own = replace(sample_document("oil", 4), canvas=brushes.brush("oil").ground)
    assert swap_brush(own, "charcoal").canvas == brushes.brush("charcoal").ground
    other = replace(own, canvas=(0.2, 0.3, 0.4))
    assert swap_brush(other, "charcoal").canvas == other.canvas


def test_with_its_own_brush_a_painting_stays_as_it_is():
    document = sample_document("oil", 8)
    made = swap_brush(document, "oil")
    assert made.strokes == document.strokes
    assert render(made, (24, 32)).tobytes() == render(document, (24, 32)).tobytes()


def test_shapes_go_by_their_names():
    document = sample_document("marker", 12)  # bend of ±0.45, skew
    made = swap_brush(document, "oil")  # bend of ±0.35, load
    bend = document.strokes.shape[:, 0]
    assert np.abs(bend).max() > 0.35
    assert np.array_equal(made.strokes.shape[:, 0], np.clip(bend, np.float32(-0.35), np.float32(0.35)))
    assert (made.strokes.shape[:, 1] == np.float32(0.9)).all()


def apart(brush, colours, opacity=1.0, sweep=0.0):
    """A stroke of each pair of colours, beside one another, each in its own."""
    count = len(colours)
    it = brushes.brush(brush)
    row = [0.09, 0.05, 0.3, sweep]
    return StrokeDocument(
        width=64,
        height=16,
        canvas=(1, 1, 1),
        brush=brush,
        strokes=Strokes(
            [[(k + 0.5) / count, 0.125, *row] for k in range(count)],
            [[parameter.default for parameter in it.free_shape]] * count,
            [[*first, *second, opacity] for first, second in colours],
        ),
    )


RED, GREEN, BLUE, GREY = (0.8, 0.2, 0.2), (0.2, 0.7, 0.2), (0.1, 0.1, 0.9), (0.5, 0.5, 0.5)


def test_a_brush_of_one_colour_takes_the_mean_of_both():
    oil = apart("oil", [(RED, GREY), (GREEN, GREEN), (BLUE, BLUE)], sweep=0.4)
    tape = swap_brush(oil, "tape").strokes.paint
    assert np.allclose(tape[:, :3], [(0.65, 0.35, 0.35), GREEN, BLUE], atol=0.02)  # measured: within 1e-7
    assert np.array_equal(tape[:, :3], tape[:, 3:6])


def test_opacity_is_within_the_new_brushs_range():
    oil = apart("oil", [(RED, RED), (GREEN, GREEN)])
    marker = swap_brush(oil, "marker")
    assert (marker.strokes.paint[:, 6] == np.float32(0.95)).all()
    assert np.allclose(marker.strokes.paint[:, :6], oil.strokes.paint[:, :6])


def test_a_stroke_that_becomes_less_translucent_keeps_the_difference_that_it_made():
    thin = apart("marker", [(RED, RED), (BLUE, BLUE)], opacity=0.4)
    oil = swap_brush(thin, "oil")
    assert (oil.strokes.paint[:, 6] == np.float32(0.85)).all()
    before, after = (np.asarray(render(document, (64, 256))) for document in (thin, oil))
    assert np.abs(before - after).mean() < 0.02  # measured: 0.011
    plain = replace(oil, strokes=replace(oil.strokes, paint=np.where(np.arange(7) < 6, thin.strokes.paint, 0.85)))
    assert np.abs(before - render(plain, (64, 256))).mean() > 0.03  # measured: 0.048


def test_what_nobody_saw_takes_the_colours_that_are_seen():
    below = apart("tape", [(GREEN, GREEN), (RED, RED)])
    above = below.strokes.placement.copy()
    above[:, 2:4] *= 1.3
    hidden = replace(
        below,
        strokes=Strokes(
            np.concatenate([below.strokes.placement, above[:1]]),
            np.concatenate([below.strokes.shape, below.strokes.shape[:1]]),
            np.concatenate([below.strokes.paint, [[*BLUE, *BLUE, 1]]]),
        ),
    )
    made = swap_brush(hidden, "oil").strokes.paint
    assert np.allclose(made[:, :3], [BLUE, RED, BLUE], atol=0.02)


def test_the_document_says_so():
    document = replace(sample_document("oil", 4), options={"brush": "oil", "edges": 0.1, PICTURE: "0" * 64})
    made = swap_brush(document, "tape")
    assert made.options == {"brush": "tape", "edges": 0.1}
    assert (made.weights, dict(made.state), made.seed) == ("", {}, document.seed)
    with pytest.raises(ValueError, match="no brush 'quill'"):
        swap_brush(document, "quill")


def test_another_picture_of_the_same_name_is_noticed(monkeypatch):
    monkeypatch.setattr(brushes, "_added", {})
    tape = replace(brushes.brush("tape"), name="mine", picture="a" * 64)
    brushes.add_brush(tape)
    document = replace(sample_document("tape", 4), brush="mine")
    assert note_on_picture(document) is None
    document = replace(document, options=with_picture({}, tape))
    assert document.options == {PICTURE: "a" * 64}
    assert note_on_picture(document) is None
    brushes.add_brush(replace(tape, picture="b" * 64))
    assert "another brush of the name mine" in note_on_picture(document)
