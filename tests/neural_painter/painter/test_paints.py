"""Paintings of few paints: what is seen of strokes, which paints they get, and that documents hold no other colours."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from neural_painter import PaintConfig, Painting, Palette, Strokes, paint
from neural_painter.compositing import composite
from neural_painter.compositing.visible import visible
from neural_painter.errors import InputError, UsageError
from neural_painter.metrics import psnr
from neural_painter.painter.assigning import Assigning
from neural_painter.painter.config import PRESETS, Preset
from neural_painter.painter.paints import Mixing, hundredths
from neural_painter.palettes.carrying import nearest
from neural_painter.palettes.colours import lab_of
from neural_painter.strokes import read_document, write_document
from renderers.brush import COLOURS
from tests.neural_painter.painter.pictures import still_life
from tests.neural_painter.sample_documents import sample_document

STILL = still_life(48, 64)
CONFIG = PaintConfig(strokes=40, preset="fast", device="cpu", palette="6")


@pytest.fixture(autouse=True)
def _brief(monkeypatch):
    monkeypatch.setitem(PRESETS, "fast", Preset(early=0.1, late=0.1, canvas=0.7))
    monkeypatch.setattr("neural_painter.painting.SCORE_SIDE", 64)


def drawn(oil, renderer, count=30, size=(45, 60)):
    document = sample_document("oil", count=count, size=size)
    strokes = document.strokes
    stamps = renderer.stamps(torch.from_numpy(document.full_shape(oil)))
    return torch.from_numpy(strokes.placement), torch.from_numpy(strokes.paint), stamps.detach()


def shown(seen, paint, background, size):
    picture = np.zeros((size[0] * size[1], 3))
    for n in range(len(paint)):
        own = slice(seen.first[n], seen.end[n])
        np.add.at(picture, seen.place[own], seen.amounts[own] @ paint[n, COLOURS].reshape(2, 3))
    return picture.reshape(*size, 3) + seen.left[..., None] * background


def test_a_canvas_is_the_sum_of_what_is_seen(oil, renderer):
    size, background = (45, 60), torch.tensor([0.9, 0.5, 0.1])
    placement, paint, stamps = drawn(oil, renderer)
    seen = visible(placement, paint, stamps, size)
    canvas = composite(placement, paint, stamps, background, size).permute(1, 2, 0).numpy()
    # Measured: 0.002, of amounts below FAINT.
    np.testing.assert_allclose(shown(seen, paint.numpy(), background.numpy(), size), canvas, atol=0.008)
    assert seen.areas().sum() + seen.left.sum() == pytest.approx(size[0] * size[1], rel=0.05)
    nothing = visible(placement[:0], paint[:0], stamps[:0], size)
    assert nothing.areas().shape == (0, 2)
    assert (nothing.left == 1).all()


def error(grids, paints, chosen, seen, target, background, weights=None):
    paint = paints[chosen].reshape(-1, 6)
    difference = np.square(shown(seen, paint, background, target.shape[:2]) - target).sum(axis=2)
    return float((difference if weights is None else difference * weights).sum())


def test_assigning_finds_what_nearest_colours_miss(oil, renderer):
    """No exchange of a single paint lowers the error, and it is well below that of the nearest paints."""
    size, background = (45, 60), np.float32([1, 1, 1])
    placement, paint, stamps = drawn(oil, renderer)
    target = composite(placement, paint, stamps, torch.from_numpy(background), size).permute(1, 2, 0).numpy()
    paints = Palette.named("primaries").colours
    seen = visible(placement, paint, stamps, size)
    near = nearest(paint[:, COLOURS].reshape(-1, 3).numpy(), paints).reshape(-1, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("neural_painter.painter.assigning.AFAR", 0.0)
        patch.setattr("neural_painter.painter.assigning.PERCEIVED", 0.0)
        assigning = Assigning(seen, target, background)
        chosen = assigning.closest(paints, near)
        suited = assigning.suited(paints, chosen)
    known = (seen, target, background)
    best = error(None, paints, chosen, *known)
    assert best < 0.9 * error(None, paints, near, *known)
    assert error(None, suited, chosen, *known) < 0.9 * best
    for n, slot in ((0, 0), (7, 1), (20, 0), (29, 1)):
        for k in range(len(paints)):
            other = chosen.copy()
            other[n, slot] = k
            assert error(None, paints, other, *known) >= best - 1e-6


def test_mixtures_are_differentiable_and_sharpen():
    generator = torch.Generator().manual_seed(0)
    paint = torch.rand(5, 7, generator=generator, dtype=torch.float64).mul(0.9).add(0.05).requires_grad_()
    paints = torch.rand(4, 3, generator=generator, dtype=torch.float64)
    assert torch.autograd.gradcheck(Mixing(paints, 0.02), paint)
    sharp = Mixing(paints, 1e-6)(paint).detach()
    expected = paints[nearest(paint[:, COLOURS].detach().reshape(-1, 3).numpy(), paints.numpy())].reshape(-1, 6)
    torch.testing.assert_close(sharp[:, COLOURS], expected, atol=1e-3, rtol=0)
    assert torch.equal(sharp[:, 6], paint[:, 6].detach())
    colours = paint[:, :3].detach()
    np.testing.assert_allclose(100 * hundredths(colours).numpy(), lab_of(colours.numpy()), atol=1e-9)


def colours_of(document):
    return np.unique(document.strokes.paint[:, COLOURS].reshape(-1, 3), axis=0)


@pytest.mark.parametrize("brush", ["oil", "watercolor", "marker", "tape"])
def test_a_document_holds_its_paints_and_no_others(brush):
    for palette in ("6", "zorn"):
        painting = paint(STILL, replace(CONFIG, brush=brush, palette=palette))
        told = Palette.of_options(painting.document.options["paints"])
        found = colours_of(painting.document)
        assert len(found) <= len(told) <= 6
        assert {tuple(c) for c in found} <= {tuple(c) for c in told.colours}
        assert [share.number for share in painting.paints] == list(range(1, len(told) + 1))
        assert sum(share.area for share in painting.paints) == pytest.approx(1)
        assert sum(share.strokes for share in painting.paints) == pytest.approx(1)


def test_paints_that_are_known_paint_better_than_the_nearest():
    """The same strokes painted freely, then given the nearest of the same paints, are further from the photo."""
    few = paint(STILL, CONFIG)
    free = paint(STILL, replace(CONFIG, palette="none"))
    assert "palette" not in free.document.options
    assert free.paints == ()
    palette, strokes = Palette.of_options(few.document.options["paints"]), free.strokes
    near = strokes.paint.copy()
    near[:, COLOURS] = palette.colours[nearest(near[:, COLOURS].reshape(-1, 3), palette.colours)].reshape(-1, 6)
    snapped = replace(free.document, strokes=Strokes(strokes.placement, strokes.shape, near))
    assert few.psnr > psnr(STILL, Painting(snapped).render()) + 0.1


def test_own_paints_one_paint_and_doubles():
    for names, colours in ((("Ink",), [[0.1, 0.1, 0.3]]), (("a", "b", "c"), [[0.2] * 3, [0.2] * 3, [0.9] * 3])):
        config = replace(CONFIG, palette="none", brush="watercolor")
        painting = paint(STILL, config, palette=Palette(names, np.array(colours)))
        assert painting.document.options["palette"] == "own"
        assert len(colours_of(painting.document)) <= len({tuple(c) for c in colours})
        assert [share.name for share in painting.paints] == list(names)
    with pytest.raises(UsageError, match="palette: paints are expected beside it"):
        paint(STILL, replace(CONFIG, palette="own"))


def test_words_and_numbers():
    assert PaintConfig(palette=12).palette == "12"
    for wrong in ("1", "0", "-3", "257", "1" * 30, "zorm", "", 1, True, None):
        with pytest.raises(UsageError, match="palette"):
            PaintConfig(palette=wrong)


def test_with_importance_and_preview():
    mask = np.zeros((48, 64), np.float32)
    mask[:, :32] = 1
    assert len(colours_of(paint(STILL, CONFIG, mask=mask).document)) <= 6
    assert len(colours_of(paint(STILL, PaintConfig(strokes=20, preset="preview", palette=2)).document)) <= 2


@pytest.mark.parametrize("palette", ["6", "earth", "own"])
def test_it_goes_on_to_the_same_bytes(palette, tmp_path):
    own = Palette(("a", "b"), np.array([[0.1] * 3, [0.9, 0.8, 0.7]])) if palette == "own" else None
    config, states = replace(CONFIG, palette="none" if own else palette), []
    whole = paint(STILL, config, palette=own, on_state=states.append, state_seconds=0)
    for document in (states[1], states[8], states[-5], states[-1]):
        write_document(tmp_path / "a.npz", document)
        read = read_document(tmp_path / "a.npz")
        again = paint(STILL, replace(config, palette="own") if own else config, resume=read)
        assert again.document == whole.document
        assert again.paints == whole.paints
    if own:
        with pytest.raises(InputError, match="painted with other paints"):
            paint(STILL, config, palette=Palette(("a", "b"), np.array([[0.2] * 3, [0.9, 0.8, 0.7]])), resume=states[1])
    with pytest.raises(InputError, match="was painted with palette"):
        paint(STILL, replace(CONFIG, palette="7"), resume=states[1])
