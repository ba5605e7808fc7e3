"""Palettes, colours in Lab, and those found in pictures."""

import json

import numpy as np
import pytest
from skimage.color import rgb2lab

from neural_painter.palettes.carrying import carried, nearest
from neural_painter.palettes.colours import LONGEST_NAMES, Palette, colour_of_lab, lab_of
from neural_painter.palettes.finding import find_palette
from neural_painter.palettes.sets import SETS
from tests.neural_painter.painter.pictures import blank, still_life


def test_lab_is_that_of_others_and_goes_back():
    colours = np.random.default_rng(0).random((200, 3))
    colours[:4] = [[0, 0, 0], [1, 1, 1], [0.03, 0.04, 0.05], [0, 0, 1]]
    np.testing.assert_allclose(lab_of(colours), rgb2lab(colours), atol=0.03)  # measured: 0.01, of rounded matrices
    np.testing.assert_allclose(colour_of_lab(lab_of(colours)), colours, atol=1e-6)


def test_sets_are_palettes_without_doubles():
    for name, paints in SETS.items():
        palette = Palette.named(name)
        assert len(palette) == len(paints) >= 4
        assert len({colour for _, colour in paints}) == len({title for title, _ in paints}) == len(paints)
        assert Palette.of_options(json.loads(json.dumps(palette.as_options()))) == palette
        assert np.array_equal(palette.colours, np.round(255 * palette.colours) / np.float32(255))


def test_what_is_no_palette():
    for names, colours in (
        ((), np.zeros((0, 3))),
        (("a",), np.zeros((2, 3))),
        (("a",), np.full((1, 3), 1.1)),
        (("a",), np.full((1, 3), np.nan)),
        (("a",) * 257, np.zeros((257, 3))),
        (("é" * 64,) * 200, np.zeros((200, 3))),
    ):
        with pytest.raises(ValueError, match=r"expected|must|names take"):
            Palette(names, colours)
    for options in (
        None,
        {},
        [],
        [1],
        [{"name": "a"}],
        [{"name": 1, "colour": "#000000"}],
        [{"name": "a", "colour": "#0"}],
    ):
        with pytest.raises(ValueError, match="paint"):
            Palette.of_options(options)
    assert LONGEST_NAMES < 64 << 10


def test_colours_are_found_where_they_are():
    picture = still_life()
    found = find_palette(picture, 8)
    assert len(found) == 8
    assert (np.diff(lab_of(found.colours)[:, 0]) >= 0).all()
    for colour in ((0.85, 0.25, 0.15), (0.1, 0.2, 0.45), (0.2, 0.35, 0.1)):
        assert np.linalg.norm(lab_of(found.colours) - lab_of(np.array(colour)), axis=1).min() < 6
    error = [
        np.square(lab_of(picture) - lab_of(find_palette(picture, k).colours[_of(picture, k)])).mean()
        for k in (2, 6, 20)
    ]
    assert error[0] > 2 * error[1] > 4 * error[2]
    assert find_palette(picture, 8) == found


def _of(picture, count):
    return nearest(picture.reshape(-1, 3), find_palette(picture, count).colours).reshape(picture.shape[:2])


def test_a_picture_of_fewer_colours_gives_fewer():
    assert len(find_palette(blank(1, 1, (0.2, 0.4, 0.6)), 12)) == 1
    two = np.concatenate([blank(8, 8, (0.2, 0.4, 0.6)), blank(8, 8)])
    assert len(find_palette(two, 12)) == 2


def test_weights_draw_paints_to_them():
    picture = np.random.default_rng(0).random((24, 24, 3)).astype(np.float32)
    picture[:4, :4] = (0.9, 0.1, 0.1)
    weights = np.full((24, 24), 0.01, np.float32)
    weights[:4, :4] = 1
    found = find_palette(picture, 3, weights=weights)
    assert np.abs(found.colours - np.float32([0.9, 0.1, 0.1])).max(axis=1).min() < 0.02


def test_transport_gives_every_paint_its_part():
    """All strokes are a little too dark for the lighter grey, which half of the picture is."""
    paints = np.array([[0.2] * 3, [0.8] * 3])
    colours = np.linspace(0.2, 0.45, 200)[:, None].repeat(3, axis=1)
    wanted = paints.repeat(50, axis=0)
    assert (nearest(colours, paints) == 0).all()
    found = carried(colours, np.ones(200), paints, wanted)
    assert 60 <= found.sum() <= 140  # it is carried by bins
    assert (np.diff(found) >= 0).all()
    assert len(carried(np.zeros((0, 3)), np.zeros(0), paints, wanted)) == 0
