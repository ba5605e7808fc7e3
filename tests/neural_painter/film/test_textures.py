"""Stamps of a film's strokes: drawn from the strokes as they are, whenever they are drawn."""

import numpy as np
import torch

from neural_painter.film.textures import Textures
from neural_painter.strokes import Strokes
from renderers.brushes import brush

OIL = brush("oil")
PIXEL = 1 / 200


def _strokes(count=5):
    generator = np.random.default_rng(0)
    placement = np.zeros((count, 6), np.float32)
    placement[:, :2] = generator.random((count, 2))
    placement[:, 2], placement[:, 3] = 0.08, 0.03
    shape = np.tile([(p.low + p.high) / 2 for p in OIL.free_shape], (count, 1))
    return Strokes(placement, shape, np.ones((count, 7)), np.arange(count, dtype=np.uint32))


def _part(strokes, chosen):
    return Strokes(strokes.placement[chosen], strokes.shape[chosen], strokes.paint[chosen], strokes.ids[chosen])


def _longer(strokes, factor):
    placement = strokes.placement.copy()
    placement[:, 2] *= factor
    return Strokes(placement, strokes.shape, strokes.paint, strokes.ids)


def _drawn(textures, strokes, pixel=PIXEL):
    return textures.of(strokes, pixel).drawn


def test_a_texture_follows_its_stroke_whatever_others_there_are():
    strokes, textures = _strokes(), Textures(OIL, 0, torch.device("cpu"))
    whole = _drawn(textures, strokes)
    assert not torch.equal(whole[0], whole[1])
    assert torch.equal(_drawn(textures, _part(strokes, [3, 1])), whole[[3, 1]])
    textures.begin(_part(strokes, [1, 3, 4]))
    assert torch.equal(_drawn(textures, _part(strokes, [4, 0])), whole[[4, 0]])


def test_stamps_follow_from_the_strokes_not_from_those_of_earlier_frames():
    strokes, textures = _strokes(), Textures(OIL, 0, torch.device("cpu"))
    first = _drawn(textures, strokes)
    for frame in range(1, 6):
        moved = _longer(strokes, 1.013**frame)
        textures.begin(moved)
        found = _drawn(textures, moved)
        assert torch.equal(found, _drawn(Textures(OIL, 0, torch.device("cpu")), moved))
    assert not torch.equal(found, first)


def test_within_a_frame_stamps_stay():
    strokes, textures = _strokes(), Textures(OIL, 0, torch.device("cpu"))
    first = _drawn(textures, strokes)
    assert torch.equal(_drawn(textures, _longer(strokes, 1.5)), first)
    textures.begin(strokes)
    assert not torch.equal(_drawn(textures, _longer(strokes, 1.5)), first)


def test_sizes_may_be_those_of_a_window():
    strokes = _strokes()
    wide = strokes.placement.copy()
    wide[:, :4] *= 3
    window = Strokes(wide, strokes.shape, strokes.paint, strokes.ids)
    plain, seen = (Textures(OIL, 0, torch.device("cpu")) for _ in range(2))
    assert torch.equal(_drawn(plain, strokes), _drawn(seen, window, 3 * PIXEL))


def test_strokes_without_ids_have_soft_stamps():
    strokes = _strokes()
    nameless = Strokes(strokes.placement, strokes.shape, strokes.paint)
    assert Textures(OIL, 0, torch.device("cpu")).of(nameless, PIXEL) is None
