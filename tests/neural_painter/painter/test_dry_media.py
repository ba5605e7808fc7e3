"""Painting with dry media: greys are greys as light as the photo, and a pencil stays a pencil."""

import numpy as np
import pytest

from neural_painter import PaintConfig, paint
from neural_painter.images import in_greys
from neural_painter.metrics import psnr
from renderers.brush import FIRST, HALF_WIDTH
from renderers.brushes import brush
from tests.each import each


def photo(side=96):
    """A red disc on blue that becomes light towards one side."""
    y, x = np.mgrid[:side, :side] / np.float32(side)
    disc = ((x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.09)[..., None]
    sky = np.stack([0.2 + 0.6 * x, 0.3 + 0.6 * x, np.full_like(x, 0.9)], 2)
    return np.where(disc, np.float32([0.7, 0.1, 0.1]), sky).astype(np.float32)


@each("name", ["charcoal", "pencil", "pastel"])
def test_dry_media_paint(name):
    made = paint(photo(), PaintConfig(brush=name, strokes=80, preset="fast", device="cpu"))
    assert made.psnr > 18
    assert made.document.canvas == brush(name).ground


def test_charcoal_is_grey_and_as_light_as_the_photo():
    made = paint(photo(), PaintConfig(brush="charcoal", strokes=80, preset="fast", device="cpu"))
    colours = made.strokes.paint[:, FIRST]
    dark, light = brush("charcoal").greys
    assert np.ptp(colours, axis=1).max() == 0
    assert colours.min() >= np.float32(dark)
    assert colours.max() <= np.float32(light)
    assert made.psnr == pytest.approx(psnr(in_greys(photo()), made.render()), abs=1e-4)


def test_greys_are_as_light_as_colours():
    found = in_greys(photo())
    assert (found[..., 0] == found[..., 2]).all()
    assert found[48, 48, 0] == pytest.approx(0.299 * 0.7 + 0.701 * 0.1, abs=1e-3)


def test_a_pencil_stays_thin():
    """However large the forms of the first stages."""
    thin, broad = (
        paint(photo(), PaintConfig(brush=name, strokes=150, preset="fast", device="cpu")).strokes.placement
        for name in ("pencil", "pastel")
    )
    assert thin[:, HALF_WIDTH].max() < 0.5 * broad[:, HALF_WIDTH].max()
    assert thin[:, HALF_WIDTH].max() / np.median(thin[:, HALF_WIDTH]) < 4
