"""The tooth of paper: as much is covered as without, in the same places by all strokes, and blacks fill up."""

import numpy as np
import pytest

from neural_painter.export.finish import FLAT, Finish
from neural_painter.export.rendering import growing, render, render_bytes
from neural_painter.export.tooth import bites, bump_at, grained, surface_on, tooth_of
from neural_painter.images import to_uint8
from neural_painter.strokes import StrokeDocument, Strokes
from renderers.brush import Surface
from renderers.brushes import brush, names
from renderers.kernels import kernel
from tests.each import each
from tests.neural_painter.sample_documents import sample_document

DRY = [name for name in names() if brush(name).surface]
SHOWN = Finish()


@kernel()
def _covered(cover, tooth, seed, found):  # type: ignore[no-untyped-def]
    for row in range(found.shape[0]):
        for column in range(found.shape[1]):
            x, y = (column + 0.5) * 0.0037, (row + 0.5) * 0.0037  # far apart: many bumps in few pixels
            found[row, column] = grained(cover, np.float32(1), bump_at(x, y, tooth), x, y, tooth, seed)


def covered(cover, surface, seed=7, pixel=1 / 2000, side=500):
    found = np.empty((side, side), np.float32)
    _covered(cover, tooth_of(surface, pixel), np.uint32(seed), found)
    return found


def paint(*lightness):
    return np.array([[*[light] * 6, 0.9] for light in lightness], np.float32)


def test_there_are_dry_brushes():
    assert {"charcoal", "pastel", "pencil"} <= set(DRY)


@each("cover", [0.1, 0.3, 0.5, 0.7, 0.9])
@each("name", DRY)
def test_as_much_is_covered_as_without(name, cover):
    for paper, pixel in (("smooth", 1 / 700), ("cold", 1 / 1500), ("rough", 1 / 4000)):
        found = covered(cover, surface_on(brush(name).surface, paper), pixel=pixel)
        assert found.mean() == pytest.approx(cover, abs=0.01)
        assert found.std() > 0.03


@each("cover", [0.0, 1.0])
def test_nothing_and_all_stay(cover):
    assert (covered(cover, Surface(400, 0.5)) == np.float32(cover)).all()


def test_grain_finer_than_a_pixel_is_its_mean():
    assert covered(0.4, Surface(400, 0.5), pixel=1 / 200).std() < 1e-6


def test_strokes_share_the_bumps_but_not_all_of_them():
    one, other = (covered(0.5, Surface(400, 0.5), seed).ravel() for seed in (3, 4))
    assert 0.2 < np.corrcoef(one, other)[0, 1] < 0.95


def test_what_is_drawn_over_fills_up():
    """Strokes that leave a fifth bare each: of nine in ten points nothing is left after four."""
    bare = np.ones((500, 500))
    for seed in range(1, 5):
        bare *= 1 - covered(0.8, Surface(430, 0.55), seed)
    assert bare.mean() < 0.06
    assert (bare < 0.2).mean() > 0.9


def test_dark_strokes_are_pressed_into_the_dents():
    black, grey, white = bites(Surface(400, 1.0, 0.5), paint(0.0, 0.3, 1.0))
    assert 0 < black < 0.1 < grey < white == pytest.approx(0.5)


def test_blacks_have_no_white_specks():
    """A black stroke that leaves a tenth bare, on white: nowhere lighter than a dark grey, and as light in the mean."""
    strokes = Strokes([[0.5, 0.5, 0.4, 0.2, 0]], [[0, 1.0]], [[*[0.0] * 6, 0.9]])
    document = StrokeDocument(600, 600, (1, 1, 1), "pastel", strokes, seed=1)
    plain, shown = (render(document, (600, 600), finish=finish)[220:380, 180:420] for finish in (FLAT, SHOWN))
    assert shown.std() > plain.std()
    assert shown.max() < 0.4
    assert shown.mean() == pytest.approx(plain.mean(), abs=0.01)


@each("name", DRY)
def test_what_is_shown_has_the_tooth_of_the_canvas(name):
    """The same stroke a little further on shows other bumps, and the mean of what smooth paper would."""
    shape = [[p.default for p in brush(name).free_shape]]
    documents = [
        StrokeDocument(900, 900, (1, 1, 1), name, Strokes([[x, 0.5, 0.1, 0.05, 0]], shape, [[*[0.5] * 6, 0.7]]), seed=1)
        for x in (0.4, 0.4 + 20 / 900)
    ]
    one = render(documents[0], (900, 900), finish=SHOWN)[420:480, 300:420]
    moved = render(documents[1], (900, 900), finish=SHOWN)[420:480, 320:440]
    assert np.abs(one - moved).mean() > 0.005
    assert one.mean() == pytest.approx(moved.mean(), abs=0.02)
    flat = render(documents[0], (900, 900))[420:480, 300:420]
    assert one.mean() == pytest.approx(flat.mean(), abs=0.02)


def test_a_rough_sheet_has_more_tooth_than_a_smooth_one_and_none_has_none():
    document = sample_document("pastel", count=60)
    flat = render(document, (300, 400))
    apart = [
        np.abs(render(document, (300, 400), finish=Finish(paper=paper)) - flat).mean()
        for paper in ("none", "smooth", "cold", "rough")
    ]
    assert apart[0] == 0
    assert apart == sorted(apart)


@each("name", DRY)
def test_bands_and_growing_pictures_are_the_whole(name):
    document, size = sample_document(name, count=60), (300, 400)
    whole = to_uint8(render(document, size, finish=SHOWN))
    assert (render_bytes(document, size, finish=SHOWN) == whole).all()
    *_, last = growing(document, size, (20, 45, 60), finish=SHOWN)
    # Strokes that wait for others are rounded in between.
    assert np.abs(last.astype(int) - whole).max() <= 1


def test_a_border_stays_bare_without_a_dark_rim():
    document = sample_document("charcoal", count=80)
    shown = render(document, (300, 400), finish=Finish(border=0.06))
    ground = np.float32(document.canvas)
    assert np.abs(shown[:12] - ground).max() < 0.05
    assert np.abs(shown[:, -12:] - ground).max() < 0.05
