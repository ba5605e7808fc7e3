"""The picture that is shown: a stroke by hand, the same bytes every time, parts, sizes, and what the painter saw."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from neural_painter.compositing import composite
from neural_painter.export import rendering
from neural_painter.export.raster import paint_strokes
from neural_painter.export.rendering import growing, render, render_bytes
from neural_painter.images import to_uint8
from neural_painter.metrics import psnr
from neural_painter.strokes import StrokeDocument, Strokes
from renderers.brushes import brush, names
from renderers.weights import load_renderer
from tests.each import each
from tests.neural_painter.sample_documents import sample_document, sweeping

CANVAS = (0.9, 0.8, 0.6)
AGREE = {"marker": 32.1, "oil": 32.1, "tape": 33.4, "watercolor": 29.9}
"""PSNR, dB, of the painter's canvas against the rendering: 1 dB below the worst of seeds 1 to 3 as measured."""


def tape(placement, colour=(0.2, 0.5, 0.7), *, opacity=1.0, size=(33, 33), slant=0.0):
    """A document of tape strokes at `placement` `[N, 5]` or `[N, 6]`, alike in paint."""
    placement = np.atleast_2d(np.array(placement, np.float32))
    count = len(placement)
    strokes = Strokes(placement, np.full((count, 1), slant), np.tile((*colour, *colour, opacity), (count, 1)))
    return StrokeDocument(size[1], size[0], CANVAS, "tape", strokes, seed=7)


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("size", [(48, 64), (31, 17), (1, 1), (1, 50)])
def test_same_document_same_bytes(name, size, monkeypatch):
    document = sample_document(name)
    want = render(document, size)
    assert want.dtype == np.float32
    assert want.shape == (*size, 3)
    assert want.min() >= 0
    assert want.max() <= 1
    for shares in (1, 3):
        monkeypatch.setattr("renderers.threads.core_count", lambda shares=shares: shares)
        assert render(document, size).tobytes() == want.tobytes()


@each("opacity", [1.0, 0.8])
@each("angle", [0.0, np.pi / 2, 2.0])
def test_the_middle_of_a_stroke_by_hand(angle, opacity):
    """The middle of a 33 x 33 canvas is the middle of a pixel, and there the stroke's own middle."""
    document = tape([0.5, 0.5, 0.3, 0.15, angle], opacity=opacity)
    point = brush("tape").point
    shape, (seed,) = np.array([2.0, 0.0], np.float32), document.texture_seeds()
    footprint = np.float32(1 / 33 / 0.15)
    alpha, shade, _ = point(np.float32(0), np.float32(0), footprint, shape, seed)
    assert alpha == 1
    assert 0.93 < shade < 1.07  # paper has fibres
    want = opacity * shade * np.array([0.2, 0.5, 0.7]) + (1 - opacity) * np.array(CANVAS)
    np.testing.assert_allclose(render(document, (33, 33))[16, 16], want, atol=1e-5)  # measured: 1e-7


def test_along_across_and_the_end_of_a_stroke():
    """Half length 0.3 of 33 px reaches 9.9 px from the middle, half width 0.1 reaches 3.3 px; tape ends 5 % before."""
    painted = np.abs(render(tape([0.5, 0.5, 0.3, 0.1, 0]), (33, 33)) - np.float32(CANVAS)).max(axis=2) > 0.1
    rows, columns = np.nonzero(painted)
    assert (rows.min(), rows.max()) == (13, 19)
    assert (columns.min(), columns.max()) == (7, 25)
    down = np.abs(render(tape([0.5, 0.5, 0.3, 0.1, np.pi / 2]), (33, 33)) - np.float32(CANVAS)).max(axis=2) > 0.1
    np.testing.assert_array_equal(down, painted.T)


def test_two_colours_run_from_the_first_end_to_the_last():
    strokes = Strokes([[0.5, 0.5, 0.4, 0.15, 0]], [[0.0, 1.0]], [[1, 0, 0, 0, 0, 1, 1]])
    picture = render(StrokeDocument(64, 64, (1, 1, 1), "oil", strokes), (64, 64))
    red, _, blue = picture[30:34].mean(axis=0).T
    assert red[12] > 0.7 > 0.3 > blue[12]
    assert blue[52] > 0.7 > 0.3 > red[52]
    assert np.corrcoef(np.arange(12, 53), red[12:53])[0, 1] < -0.95


def test_the_last_stroke_lies_on_top():
    both = tape([[0.5, 0.5, 0.3, 0.15, 0], [0.5, 0.5, 0.3, 0.15, 1.5]])
    both.strokes.paint[0, :6] = 0.0
    want = render(replace(both, strokes=Strokes(*(a[1:] for a in arrays(both.strokes)))), (33, 33))[16, 16]
    np.testing.assert_allclose(render(both, (33, 33))[16, 16], want, atol=0.1)  # the shade differs with the texture
    assert render(both, (33, 33))[16, 16, 2] > 0.6


def arrays(strokes):
    return strokes.placement, strokes.shape, strokes.paint


def test_no_strokes_give_the_canvas():
    document = tape(np.zeros((0, 5)))
    np.testing.assert_array_equal(render(document, (5, 7)), np.broadcast_to(np.float32(CANVAS), (5, 7, 3)))
    full = tape([0.5, 0.5, 0.3, 0.15, 0])
    np.testing.assert_array_equal(render(full, (5, 7), stop=0), render(document, (5, 7)))


@each("x", [-0.6, 1.6, 9.0, -9.0])
@each("y", [-0.6, 0.5, 1.6])
def test_strokes_off_the_canvas_leave_it_bare(x, y):
    document = tape([[x, y, 0.3, 0.15, angle] for angle in (0.0, 0.7, 2.0, -9.0)])
    np.testing.assert_array_equal(render(document, (20, 33)), np.broadcast_to(np.float32(CANVAS), (20, 33, 3)))


def test_strokes_of_any_size_are_safe():
    for half in (1e-30, 1e-6, 1e-3, 1.0, 10.0):
        for name in names():
            document = sample_document(name, count=5)
            document.strokes.placement[:, 2:4] = half
            picture = render(document, (24, 32))
            assert np.isfinite(picture).all()
            assert picture.min() >= 0
            assert picture.max() <= 1


@each("name", names())
@each("at", [0, 1, 17, 40])
def test_parts_one_over_the_other_are_the_whole(name, at):
    """Not to the bit: front to back, what is nearly covered is left out, and colours are clipped in between."""
    document, size = sample_document(name, count=40), (48, 64)
    below = render(document, size, stop=at)
    copy = below.copy()
    whole = render(document, size, start=at, canvas=below)
    np.testing.assert_array_equal(below, copy)
    np.testing.assert_allclose(whole, render(document, size), atol=1 / 255)  # measured: 0.25 / 255


def test_parts_keep_their_textures():
    document, size = sample_document("oil", count=10), (48, 64)
    # The last stroke alone, over what lies below it: its texture goes by its place in the whole painting.
    alone = render(document, size, start=9, canvas=render(document, size, stop=9))
    assert psnr(alone, render(document, size)) > 60


@each("name", names())
def test_sizes_agree(name):
    document = sample_document(name, count=40)
    small, large = render(document, (48, 64)), render(document, (192, 256))
    # Measured: marker 43, oil 40, tape 41, watercolor 39 dB; finer pixels show finer bristles and sharper edges.
    # Where lines multiply, 34: the mean of what is seen through fine lines is lighter than through their mean.
    least = 33 if name == "pencil" else 36
    assert psnr(cv2.resize(large, (64, 48), interpolation=cv2.INTER_AREA), small) > least


def test_another_aspect_shows_more_or_less_of_the_canvas():
    document = sample_document("tape")
    np.testing.assert_array_equal(render(document, (30, 64)), render(document, (48, 64))[:30])
    assert (render(document, (64, 64))[60:] > 0).all()


def test_a_sweeping_stroke_by_hand():
    """A quarter of an arc around (0.5, 0.9), and nothing in a straight one's place."""
    bare = np.float32(CANVAS)
    picture = render(tape([0.5, 0.5, 0.4 * np.pi / 4, 0.05, 0.0, np.pi / 4], size=(100, 100)), (100, 100))
    for turned in (-0.7, -0.3, 0.0, 0.5, 0.7):
        x, y = 0.5 + 0.4 * np.sin(turned), 0.9 - 0.4 * np.cos(turned)
        assert np.abs(picture[int(100 * y), int(100 * x)] - bare).max() > 0.3, turned
        for radius in (0.3, 0.5):
            x, y = 0.5 + radius * np.sin(turned), 0.9 - radius * np.cos(turned)
            np.testing.assert_array_equal(picture[int(100 * y), int(100 * x)], bare)
    np.testing.assert_array_equal(picture[50, [22, 78]], [bare, bare])  # where the ends of a straight one are
    np.testing.assert_array_equal(picture[70:], np.broadcast_to(bare, (30, 100, 3)))


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("name", names())
def test_the_painter_saw_what_is_shown(name, turned):
    """The networks' stamps, composited, against the ground truth at the same size: one geometry, two ways to draw."""
    found, size = brush(name), (96, 128)
    document = sample_document(name, count=40)
    document = sweeping(document) if turned else document
    renderer, _ = load_renderer(found)
    stamps = renderer.stamps(torch.from_numpy(document.full_shape(found)))
    background = torch.tensor(document.canvas, dtype=torch.float32)
    placement, paint = torch.from_numpy(document.strokes.placement), torch.from_numpy(document.strokes.paint)
    canvas = composite(placement, paint, stamps, background, size, blend=found.blend).permute(1, 2, 0).numpy()
    assert psnr(canvas.clip(0, 1), render(document, size)) > AGREE.get(name, 25)  # 25: a brush that is new


def test_paints_in_place():
    document = sample_document("tape", count=5)
    found = document.find_brush()
    canvas = np.ones((24, 32, 3), np.float32)
    paint_strokes(found, document.strokes, document.full_shape(found), document.texture_seeds(), canvas)
    white = replace(document, canvas=(1.0, 1.0, 1.0))
    np.testing.assert_array_equal(canvas.clip(0, 1), render(white, (24, 32)))


def test_a_canvas_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"expected a canvas \[4, 5, 3\], got \[5, 4, 3\]"):
        render(sample_document("oil"), (4, 5), canvas=np.zeros((5, 4, 3), np.float32))


def test_bytes_are_those_of_the_floats(monkeypatch):
    for bands in (rendering.BAND_PIXELS, 1):  # in one piece, and 16 rows at a time
        monkeypatch.setattr(rendering, "BAND_PIXELS", bands)
        for name in names():
            for size in ((48, 64), (45, 33), (1, 1)):
                document = sample_document(name, count=20)
                np.testing.assert_array_equal(render_bytes(document, size), to_uint8(render(document, size)))
        bare = tape(np.zeros((0, 5)))
        np.testing.assert_array_equal(render_bytes(bare, (33, 5)), to_uint8(render(bare, (33, 5))))


def test_a_growing_painting_is_that_of_its_parts(monkeypatch):
    monkeypatch.setattr(rendering, "BAND_PIXELS", 64)
    document, size, canvas, done = sample_document("oil", count=20), (48, 64), None, 0
    pictures = list(growing(document, size, [0, 0, 3, 10, 10, 20]))
    assert pictures[0] is pictures[1]
    assert pictures[3] is pictures[4]
    for stop, picture in zip((0, 3, 10, 20), (pictures[k] for k in (0, 2, 3, 5)), strict=True):
        canvas = render(document, size, start=done, stop=stop, canvas=canvas)
        np.testing.assert_array_equal(picture, to_uint8(canvas))
        done = stop
