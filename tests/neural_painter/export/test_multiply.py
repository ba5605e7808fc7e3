"""Strokes that multiply, as they are shown: products of what single ones let through, in pictures, frames and SVG."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from neural_painter.compositing import composite
from neural_painter.export.finish import Finish
from neural_painter.export.raster import paint_strokes
from neural_painter.export.rendering import growing, heights_of, render, render_bytes
from neural_painter.export.svg import write_svg
from neural_painter.images import to_uint8
from neural_painter.metrics import psnr
from neural_painter.strokes import Strokes
from renderers.weights import load_renderer
from tests.neural_painter.dyes import multiplying
from tests.neural_painter.export.test_svg import rasterised
from tests.neural_painter.sample_documents import sample_document, sweeping

SIZE = (48, 64)


def some(document, chosen):
    strokes = document.strokes
    return replace(document, strokes=Strokes(strokes.placement[chosen], strokes.shape[chosen], strokes.paint[chosen]))


@pytest.mark.parametrize("name", ["marker", "oil"])
def test_strokes_let_through_what_each_lets_through(name, monkeypatch):
    multiplying(name, monkeypatch)
    document = replace(sample_document(name, count=12), canvas=(0.9, 0.8, 0.6))
    whole, first = render(document, SIZE), render(some(document, slice(0, 7)), SIZE)
    assert (whole <= np.float32(document.canvas)).all()
    assert (whole <= first).all()
    assert (whole < first - 0.01).mean() > 0.05
    second = render(document, SIZE, start=7, canvas=np.ones((*SIZE, 3), np.float32))
    np.testing.assert_allclose(whole, first * second, atol=1e-6)


def test_order_does_not_matter(monkeypatch):
    """Textures belong to a stroke's number: of marks in one place, the two orders differ by their grain alone."""
    marker = multiplying("marker", monkeypatch)
    document = sample_document("marker", count=20)
    shape, seeds = document.full_shape(marker), document.texture_seeds()
    order, pictures = np.random.default_rng(0).permutation(20), []
    for chosen in (np.arange(20), order):
        canvas = np.empty((*SIZE, 3), np.float32)
        canvas[:] = document.canvas
        paint_strokes(marker, some(document, chosen).strokes, shape[chosen], seeds[chosen], canvas)
        pictures.append(canvas)
    assert np.abs(pictures[0] - pictures[1]).max() < 1e-6


@pytest.mark.parametrize("name", ["marker", "oil"])
def test_the_painter_saw_what_is_shown(name, monkeypatch):
    found = multiplying(name, monkeypatch)
    document = sweeping(sample_document(name, count=40))
    stamps = load_renderer(found)[0].stamps(torch.from_numpy(document.full_shape(found)))
    background = torch.tensor(document.canvas, dtype=torch.float32)
    placement, paint = torch.from_numpy(document.strokes.placement), torch.from_numpy(document.strokes.paint)
    canvas = composite(placement, paint, stamps, background, (96, 128), blend="multiply").permute(1, 2, 0).numpy()
    assert psnr(canvas, render(document, (96, 128))) > 30  # measured: 31.2


def test_bands_and_frames_are_those_of_the_whole(monkeypatch):
    """Frames paint new strokes alone, over a canvas in float32."""
    multiplying("marker", monkeypatch)
    monkeypatch.setattr("neural_painter.export.rendering.BAND_PIXELS", 1)
    document = sample_document("marker", count=20)
    whole = to_uint8(render(document, SIZE))
    np.testing.assert_array_equal(render_bytes(document, SIZE), whole)
    *_, last = growing(document, SIZE, [0, 3, 10, 10, 20])
    assert np.abs(last.astype(int) - whole).max() <= 1


def test_a_relief_is_that_of_paint_that_covers(monkeypatch):
    document = sample_document("oil", count=12)
    heights = heights_of(document, SIZE)
    multiplying("oil", monkeypatch)
    found = heights_of(document, SIZE)
    # Where paint that covers is opaque, what lies below it is left out.
    assert np.abs(found - heights).max() < 0.11 * heights.max()
    assert np.isfinite(render(document, SIZE, finish=Finish(relief=1.0))).all()


# PSNR of 120 strokes at 240x320: floor and what was measured, in dB
AGREEMENT = [("oil", 40.0, 41.0), ("marker", 44.5, 45.5), ("tape", 48.5, 49.5)]


@pytest.mark.parametrize(("name", "floor", "measured"), AGREEMENT)
def test_svg_agrees_with_the_picture(name, floor, measured, tmp_path, monkeypatch):
    multiplying(name, monkeypatch)
    document = sample_document(name, count=120, size=(240, 320))
    for drawn in (document, sweeping(document)):
        write_svg(tmp_path / "a.svg", drawn)
        assert psnr(rasterised(tmp_path / "a.svg"), render(drawn, (240, 320))) > floor, f"was {measured}"
    text = (tmp_path / "a.svg").read_text()
    assert text.count('style="mix-blend-mode:multiply"') == text.count("<path")
    assert "opacity" not in text
