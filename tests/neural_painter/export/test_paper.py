"""Paper: means stay, white stays white, edges darken by layers, a border stays bare, bands are the whole."""

from dataclasses import replace

import numpy as np
import pytest

from neural_painter.errors import UsageError
from neural_painter.export import rendering
from neural_painter.export.finish import Finish
from neural_painter.export.paper import PAPERS, on_paper, rims
from neural_painter.export.rendering import growing, render, render_bytes
from neural_painter.images import to_uint8
from neural_painter.metrics import psnr
from neural_painter.strokes import Strokes
from tests.each import each
from tests.neural_painter.sample_documents import sample_document

WHITE, SIZE = (1.0, 1.0, 1.0), (384, 512)


def laid(colour, kind="cold", border=0.0, edges=None):
    edges = np.zeros(colour.shape[:2], np.float32) if edges is None else edges
    return on_paper(colour, edges, WHITE, PAPERS[kind], border, colour.shape[:2])


def washes(count=200):
    return sample_document("watercolor", count=count)


@each("kind", sorted(PAPERS))
def test_means_stay(kind):
    colour = np.float32([0.3, 0.6, 0.8]) * np.ones((*SIZE, 1), np.float32)
    assert np.abs(laid(colour, kind).mean(axis=(0, 1)) - colour[0, 0]).max() < 1 / 255
    picture = render(washes(), SIZE)
    shown = render(washes(), SIZE, finish=Finish(paper=kind))
    assert np.abs((shown - picture).mean(axis=(0, 1))).max() < 1 / 255
    assert psnr(shown, picture) > 25


def test_a_rough_sheet_shows_more_than_a_smooth_one():
    colour = np.full((*SIZE, 3), 0.5, np.float32)
    smooth, cold, rough = (laid(colour, kind).std() for kind in ("smooth", "cold", "rough"))
    assert smooth < cold < rough


def test_bare_paper_is_hardly_shaded():
    colour = np.ones((*SIZE, 3), np.float32)
    assert 0.95 < laid(colour).min() < 1


def test_a_border_stays_bare():
    colour = np.full((*SIZE, 3), 0.4, np.float32)
    shown = laid(colour, border=0.05)
    assert shown[:15].min() > 0.95  # 0.05 of 512 pixels are 25.6, ragged by a few
    assert shown[:, -15:].min() > 0.95
    assert shown[40:-40, 40:-40].mean() == pytest.approx(0.4, abs=0.01)
    edge = shown[SIZE[0] // 2, 10:45, 0]
    assert np.ptp(edge) > 0.5


def test_edges_of_a_layer_lie_inside_it():
    change = np.zeros((100, 200), np.float32)
    change[:, 100:] = 0.5
    found = rims(change, 1000)
    assert (found[:, :100] == 0).all()
    assert found[:, 100:102].min() > 0.05
    assert found[:, 100].min() > 2 * found[:, 102].max()
    assert found[:, 120:].max() < 1e-3


def test_strokes_of_one_layer_have_one_edge():
    """Two washes that overlap: pigment collects around both, not where one ends upon the other."""
    paint = [[*[0.3] * 6, 1.0]] * 2
    strokes = Strokes([[0.4, 0.5, 0.2, 0.1, 0], [0.6, 0.5, 0.2, 0.1, 0]], [[0.0, 0.0]] * 2, paint)
    document = replace(sample_document("watercolor"), width=400, height=400, canvas=WHITE, strokes=strokes)
    finish = Finish(paper="smooth")
    flat, shown = (render(document, (400, 400), finish=how).mean(axis=2) for how in (Finish(paper="none"), finish))
    darker = flat - shown
    across = darker[160:240, 100:300].mean(axis=0)  # the ends of both lie within
    assert np.abs(across[60:140]).max() < 0.05


@each("size", [(96, 128), (45, 33), (1, 1), (1, 40), (400, 300)])
def test_bands_are_the_whole(size, monkeypatch):
    document, finish = washes(60), Finish(paper="cold", border=0.02)
    whole = to_uint8(render(document, size, finish=finish))
    for pixels in (rendering.BAND_PIXELS, 1):
        monkeypatch.setattr(rendering, "BAND_PIXELS", pixels)
        np.testing.assert_array_equal(render_bytes(document, size, finish=finish), whole)
        *_, last = growing(document, size, [60], finish=finish)
        np.testing.assert_array_equal(last, whole)


def test_a_growing_painting_has_the_layers_of_the_whole():
    document, finish = washes(100), Finish(paper="cold")
    *_, last = growing(document, SIZE, [3, 10, 20, 36, 50, 100], finish=finish)
    assert psnr(last / 255, render(document, SIZE, finish=finish)) > 45


def test_the_brush_says_what_it_is_meant_for():
    document = washes(20)
    own, none, cold = (render(document, (60, 80), finish=Finish(paper=kind)) for kind in ("own", "none", "cold"))
    np.testing.assert_array_equal(own, cold)
    np.testing.assert_array_equal(none, render(document, (60, 80)))
    oil = sample_document("oil", count=20)
    flat = Finish(relief=0)
    np.testing.assert_array_equal(render(oil, (60, 80), finish=flat), render(oil, (60, 80)))
    assert (render(oil, (60, 80), finish=replace(flat, paper="cold")) != render(oil, (60, 80))).any()


@each(
    "wrong, message",
    [({"paper": "card"}, "paper: expected one of own"), ({"border": 0.3}, "border"), ({"border": -1}, "bor")],
)
def test_paper_that_makes_no_sense(wrong, message):
    with pytest.raises(UsageError, match=message):
        Finish(**wrong)
