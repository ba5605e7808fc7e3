"""Strokes of a picture: inside their box, smooth in every number, sharp when large and calm when small."""

import itertools

import numpy as np
import pytest

from renderers.kernels import _Kept
from renderers.pictured import brush_of, picture_bytes
from renderers.pictured.looks import aspect_of
from tests.renderers.pictured.samples import leaf, stroke


@pytest.fixture(scope="module")
def brushes():
    return {kind: brush_of(kind, picture_bytes(made())) for kind, made in (("dab", leaf), ("stroke", stroke))}


@pytest.fixture(params=["dab", "stroke"])
def brush(request, brushes):
    return brushes[request.param]


def corners(brush):
    return np.array(list(itertools.product(*((p.low, p.high) for p in brush.shape))), np.float32)


def drawn(brush, aspect, bend=0.0, rows=128, seed=1):
    """`[rows, columns, 3]` with square pixels."""
    return brush.draw(np.array([[aspect, bend]], np.float32), [seed], rows, round(rows * aspect))[0]


def test_strokes_stay_in_their_box_and_fill_it(brush):
    shapes = np.concatenate([corners(brush), brush.sample_shape(20, np.random.default_rng(0))])
    pictures = brush.draw(shapes, np.arange(len(shapes)), 96, 200)
    assert np.isfinite(pictures).all()
    alpha = pictures[..., 0]
    assert 0 <= alpha.min() <= alpha.max() <= 1
    edges = [alpha[:, 0], alpha[:, -1], alpha[:, :, 0], alpha[:, :, -1]]
    assert max(edge.max() for edge in edges) < 0.01  # measured: 0.0008, of the softness of a small drawing
    assert alpha.mean(axis=(1, 2)).min() > 0.25  # measured: 0.34
    assert 0.7 <= pictures[..., 1:].sum(-1).min() <= pictures[..., 1:].sum(-1).max() < 1.3


def test_a_small_drawing_is_the_mean_of_a_large_one(brush):
    shapes = np.stack([np.full(6, 2), np.linspace(-0.3, 0.3, 6)], axis=1)  # pixels are square
    small = brush.draw(shapes, np.arange(6), 16, 32)[..., 0]
    large = brush.draw(shapes, np.arange(6), 256, 512)[..., 0].reshape(6, 16, 16, 32, 16).mean((2, 4))
    assert np.sqrt(((small - large) ** 2).mean()) < 0.05  # measured: 0.038, 0.042
    points = brush.draw(shapes, np.arange(6), 256, 512)[:, 8::16, 8::16, 0]
    assert np.sqrt(((points - large) ** 2).mean()) > 0.053  # what the picture in one size would give: 0.056


def test_every_number_moves_them_smoothly(brush):
    """Dabs that come in as a stroke grows must not jump, nor ends where its body begins."""
    for low in (brush.aspect.low, 2.4):
        shapes = np.stack([np.linspace(low, 1.15 * low, 30), np.full(30, 0.1)], axis=1)
        alpha = brush.draw(shapes, np.full(30, 3), 24, 24, supersample=8)[..., 0]
        steps = np.abs(np.diff(alpha, axis=0)).mean((1, 2))
        assert steps.max() < 0.014  # measured: 0.010, of the first dabs


def test_ends_of_a_stroke_keep_their_scale_and_its_body_stretches(brushes):
    short, long = (drawn(brushes["stroke"], aspect)[..., 0] for aspect in (3, 5))
    end = 64 + 8  # 1.2 half widths, less the margin
    assert np.abs(short[:, :end] - long[:, :end]).max() < 1e-3
    assert np.abs(short[:, -end:] - long[:, -end:]).max() < 1e-3
    assert np.abs(short[:, : 2 * end] - long[:, : 2 * end]).max() < 0.6


def test_a_single_dab_is_the_picture(brushes):
    picture = leaf(60, 84)
    inside = drawn(brush_of("leaf", picture_bytes(picture)), aspect_of(1.4), rows=256)[8:-8, 7:-7, 0]
    rows, columns = (np.linspace(0, n - 1, m).round().astype(int) for n, m in zip((60, 84), inside.shape, strict=True))
    theirs = picture[rows][:, columns, 0] / 255
    turns = [theirs, theirs[::-1], theirs[:, ::-1], theirs[::-1, ::-1]]
    assert min(np.sqrt(((turn - inside) ** 2).mean()) for turn in turns) < 0.1


def test_dabs_do_not_comb(brushes):
    """An even sweep repeats itself from dab to dab."""
    line = drawn(brushes["dab"], 6, rows=64)[..., 0][:, 96:-96]
    line = line - line.mean(axis=1, keepdims=True)
    step = 0.28 * 32 * 0.94 * 72 / 60

    def alike(lag):
        return (line[:, round(lag) :] * line[:, : -round(lag)]).mean() / (line * line).mean()

    assert alike(step) < 0.5 * (alike(0.6 * step) + alike(1.4 * step)) + 0.05


def test_the_tone_of_a_picture_lightens_and_darkens():
    picture = stroke()
    picture[..., 1] = np.linspace(0, 255, picture.shape[1]).astype(np.uint8)
    shade = drawn(brush_of("toned", picture_bytes(picture)), 3)
    weight, alpha = shade[..., 1:].sum(-1), shade[..., 0]
    left, right = (weight[:, part][alpha[:, part] > 0.5].mean() for part in (slice(96), slice(-96, None)))
    assert left < 0.9 < 1.05 < right


def test_each_picture_has_a_look_of_its_own(brushes):
    """What is compiled around a picture must never be kept for another one."""
    for it in brushes.values():
        assert not isinstance(it.point._cache, _Kept)
        assert not isinstance(it.relief._cache, _Kept)
    again = brush_of("other", picture_bytes(stroke(40, 200)))
    assert np.abs(drawn(again, 3)[..., 0] - drawn(brushes["stroke"], 3)[..., 0]).mean() > 0.005


def test_paint_lies_high_where_it_is_dense(brush):
    shape = np.array([3, 0], np.float32)

    def height(along, across):
        return float(brush.relief(np.float32(along), np.float32(across), np.float32(0.02), shape, np.uint32(1)))

    assert max(height(-1, 0.1), height(1, 0.1)) > 0.5 > height(2.99, 0.99) >= 0
