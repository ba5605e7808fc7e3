"""Relief and the light on it: what rises, which side is lit, what stays, and bands that are the whole."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from neural_painter.errors import OutputError, UsageError
from neural_painter.export import rendering, save
from neural_painter.export.cells import CELLS, cell_of
from neural_painter.export.easel import Easel
from neural_painter.export.finish import FLAT, Finish
from neural_painter.export.light import lit, normals
from neural_painter.export.raster import Sheet
from neural_painter.export.rendering import growing, heights_of, render, render_bytes
from neural_painter.images import to_uint8
from neural_painter.metrics import psnr
from neural_painter.strokes import StrokeDocument, Strokes
from renderers.brushes import brush
from tests.each import each
from tests.neural_painter.sample_documents import sample_document

SIZE = (192, 256)


def covered(count=400, size=SIZE):
    """A document of small oil strokes that cover the canvas."""
    document = sample_document("oil", count=count)
    placement = document.strokes.placement.copy()
    placement[:, 2:4] *= 0.4
    return replace(
        document,
        width=size[1],
        height=size[0],
        strokes=Strokes(placement, document.strokes.shape, document.strokes.paint),
    )


def one_stroke(size=(200, 200)):
    strokes = Strokes([[0.5, 0.5, 0.3, 0.1, 0.0]], [[0.0, 1.0]], [[*[0.5] * 6, 1.0]])
    return StrokeDocument(size[1], size[0], (0.5, 0.5, 0.5), "oil", strokes)


def dome(side=400):
    """A sheet of even grey on which lies a dome, small against the neighbourhood that light is held against."""
    y, x = (np.mgrid[:side, :side] - side / 2) / side
    heights = 0.004 * np.exp(-(x * x + y * y) / 0.01**2)
    return Sheet(np.full((side, side, 3), 0.5, np.float32), heights.astype(np.float32))


def test_no_relief_gives_the_bytes_of_flat_paint():
    document = sample_document("oil", count=30)
    np.testing.assert_array_equal(render(document, SIZE, finish=Finish(relief=0)), render(document, SIZE))
    flat = sample_document("tape", count=30)
    assert brush("tape").relief is None
    np.testing.assert_array_equal(render(flat, SIZE, finish=Finish(relief=2)), render(flat, SIZE))


def test_asking_for_heights_changes_no_colour():
    document = covered()
    easel = Easel(document, SIZE, Finish())
    work = easel.bare(SIZE[0])
    easel.paint(work)
    assert work.heights.any()
    np.testing.assert_array_equal(work.colour, render(document, SIZE))


def test_paint_lies_where_strokes_do():
    heights = heights_of(one_stroke(), (200, 200))
    assert heights.min() >= 0
    assert heights[100, 60:140].min() > 0
    assert (heights[:70] == 0).all()
    assert 0.001 < heights.max() < 0.02


def test_a_broad_stroke_lies_higher_than_a_narrow_one():
    document, narrow = one_stroke(), one_stroke()
    narrow.strokes.placement[:, 2:4] /= 4
    broad, fine = (heights_of(one, (800, 800)) for one in (document, narrow))
    ratio = broad[broad > 0].mean() / fine[fine > 0].mean()
    assert ratio == pytest.approx(2, rel=0.15)


def test_heights_agree_at_all_sizes():
    document = covered()
    small, large = heights_of(document, SIZE), heights_of(document, (768, 1024))
    means = large.reshape(192, 4, 256, 4).mean(axis=(1, 3))
    assert np.corrcoef(small.ravel(), means.ravel())[0, 1] > 0.93
    assert large.mean() == pytest.approx(small.mean(), rel=0.02)


def test_paint_follows_what_it_covers():
    both = one_stroke()
    strokes = Strokes(
        *(np.repeat(a, 2, axis=0) for a in (both.strokes.placement, both.strokes.shape, both.strokes.paint))
    )
    strokes.placement[1, 4] = np.pi / 2
    both = replace(both, strokes=strokes)
    alone = heights_of(
        replace(both, strokes=Strokes(*(a[1:] for a in (strokes.placement, strokes.shape, strokes.paint)))), (200, 200)
    )
    rise = (heights_of(both, (200, 200)) - alone)[95:106, 95:106]  # its texture differs, being another stroke's
    assert rise.mean() > 0


@each("azimuth", [0.0, 90.0, 180.0, 270.0, 315.0])
def test_the_side_towards_the_light_is_bright(azimuth):
    shown = lit(dome(), Finish(light=(azimuth, 45.0), gloss=0, weave=0), 400)[..., 0] - 0.5
    turn = np.radians(azimuth)
    x, y = round(200 + 3 * np.sin(turn)), round(200 - 3 * np.cos(turn))
    assert shown[y, x] > 0.02
    assert shown[400 - y, 400 - x] < -0.02


def test_light_from_behind_turns_the_shading_round():
    document, size = covered(), (576, 768)
    flat = render(document, size).mean(axis=2)
    one, other = (
        render(document, size, finish=Finish(light=(azimuth, 50), gloss=0, weave=0)).mean(axis=2) - flat
        for azimuth in (315, 135)
    )
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] < -0.5


@each("relief", [0.5, 1.0, 2.0])
def test_channel_means_stay(relief):
    document = covered()
    flat, shown = render(document, SIZE), render(document, SIZE, finish=Finish(relief=relief))
    assert np.abs((shown - flat).mean(axis=(0, 1))).max() < 0.5 / 255
    assert psnr(shown, flat) > (30 if relief <= 1 else 20)


def test_gloss_brightens_and_matt_does_not():
    shown = [lit(dome(), Finish(gloss=gloss, weave=0), 400) for gloss in (0.0, 1.0)]
    assert (shown[1] - shown[0]).max() > 0.05


def test_the_weave_shows_on_bare_canvas_alone():
    bare = StrokeDocument(
        1000, 100, (0.5, 0.5, 0.5), "oil", Strokes(np.zeros((0, 6)), np.zeros((0, 2)), np.zeros((0, 7)))
    )
    assert render(bare, (100, 1000), finish=Finish(weave=1)).std() > 0.008
    assert render(bare, (100, 1000), finish=Finish(weave=0)).std() < 1e-6
    assert render(bare, (20, 200), finish=Finish(weave=1)).std() < 1e-6  # too fine to be shown
    thick = Sheet(np.full((100, 1000, 3), 0.5, np.float32), np.full((100, 1000), 0.003, np.float32))
    assert lit(thick, Finish(weave=1), 1000).std() < 1e-6


@each("size", [(96, 128), (45, 33), (1, 1), (1, 40), (400, 300)])
def test_bands_are_the_whole(size, monkeypatch):
    document, finish = covered(count=60), Finish(relief=1.5)
    whole = to_uint8(render(document, size, finish=finish))
    for pixels in (rendering.BAND_PIXELS, 1):
        monkeypatch.setattr(rendering, "BAND_PIXELS", pixels)
        np.testing.assert_array_equal(render_bytes(document, size, finish=finish), whole)
        *_, last = growing(document, size, [60], finish=finish)
        np.testing.assert_array_equal(last, whole)


def test_a_growing_painting_ends_as_the_painting():
    document, finish = covered(count=60), Finish()
    *_, last = growing(document, SIZE, [1, 10, 30, 60], finish=finish)
    assert psnr(last / 255, render(document, SIZE, finish=finish)) > 45  # what is hidden twice is left out sooner


def test_light_looks_no_further_than_it_says():
    sheet = dome()
    changed = Sheet(sheet.colour, sheet.heights.copy())
    changed.heights[200, 200] += 0.01
    rows, columns = np.nonzero((lit(sheet, Finish(), 400) != lit(changed, Finish(), 400)).any(axis=2))
    assert max(200 - rows.min(), rows.max() - 200, 200 - columns.min(), columns.max() - 200) <= CELLS * cell_of(400)


def test_normals_of_a_plane():
    heights = np.outer(np.arange(8), np.full(9, 0.01)).astype(np.float32)  # rises by 0.01 a row downwards
    found = normals(heights, 1.0, 10)[3, 4]
    np.testing.assert_allclose(found, np.array([0, 0.1, 1]) / np.hypot(0.1, 1), atol=1e-6)


def test_a_height_map(tmp_path):
    path = tmp_path / "a-height.png"
    save(path, one_stroke(), (100, 100))
    with Image.open(path) as image:
        levels, about = np.array(image), image.text["Description"]
    assert levels.dtype == np.uint16
    assert levels.shape == (100, 100)
    assert levels.max() == 65535
    most = float(about.rsplit("is ", 1)[1].split(" ")[0])
    np.testing.assert_allclose(levels / 65535 * most, heights_of(one_stroke(), (100, 100)), atol=1e-6)
    with pytest.raises(OutputError):
        save(path, one_stroke(), overwrite=False)


def test_a_normal_map(tmp_path, monkeypatch):
    save(tmp_path / "a-normal.png", one_stroke(), (100, 100))
    with Image.open(tmp_path / "a-normal.png") as image:
        whole = np.array(image)
    assert tuple(whole[2, 2]) == (128, 128, 255)
    assert whole[40:42, 30:70, 1].mean() > 129  # the upper side looks up
    assert whole[58:60, 30:70, 1].mean() < 127
    monkeypatch.setattr("neural_painter.export.heights.BAND_PIXELS", 1)
    save(tmp_path / "b-normal.png", one_stroke(), (100, 100))
    with Image.open(tmp_path / "b-normal.png") as image:
        np.testing.assert_array_equal(np.array(image), whole)


@each("name", ["a-height.png", "a-normal.png"])
def test_flat_paint_has_no_heights(name, tmp_path):
    with pytest.raises(UsageError, match="the paint of tape lies flat"):
        save(tmp_path / name, sample_document("tape"))
    assert not list(tmp_path.iterdir())


@each(
    "wrong, message",
    [
        ({"relief": -1}, "relief: expected a number from 0 to 5"),
        ({"relief": float("nan")}, "relief"),
        ({"light": (0.0, 0.0)}, "light: expected two angles, the second 5 to 90"),
        ({"light": (float("inf"), 45.0)}, "light"),
        ({"gloss": 9}, "gloss"),
        ({"weave": -0.1}, "weave"),
    ],
)
def test_a_finish_that_makes_no_sense(wrong, message):
    with pytest.raises(UsageError, match=message):
        Finish(**wrong)


def test_an_azimuth_is_taken_once_round():
    assert Finish(light=(-45.0, 50.0)).light == (315.0, 50.0)
    assert FLAT.relief == 0
