"""Films that are no easy ones: flicker, fades, dissolves, blank, tiny and changing frames."""

from itertools import pairwise

import numpy as np
import pytest

from neural_painter import PaintConfig
from neural_painter.export.rendering import render_bytes
from neural_painter.film.frames import next_frame, paint_frames
from neural_painter.film.lighting import light_between
from neural_painter.strokes import StrokeDocument
from tests.each import each
from tests.neural_painter.film.test_frames import CONFIG, HEIGHT, WIDTH, blots, shown, with_square


def in_bytes(picture):
    return np.round(255 * np.clip(picture, 0, 1)).astype(np.float32) / 255


def wrong(frame, picture):
    return np.abs(shown(frame) / 255 - picture).mean()


def test_light_is_found_whatever_moves_and_nothing_else_is_taken_for_it():
    for gain, added in ((0.7, 0.0), (1.3, -0.1), (0.5, 0.5)):
        found = light_between(with_square(20), in_bytes(gain * with_square(30) + added))
        assert abs(found.gain - gain) < 0.03
        assert abs(found.added - added) < 0.03
    assert light_between(with_square(20), with_square(60)) is None
    assert light_between(blots(), blots(8)) is None
    assert light_between(blots(), 0.5 * blots() + 0.5 * blots(8)) is None
    assert light_between(np.zeros((HEIGHT, WIDTH, 3), np.float32), blots()) is None


def test_flicker_is_no_cut_and_moves_no_stroke():
    films = [in_bytes(blots() * (1.0, 0.6)[k % 2]) for k in range(5)]
    frames = list(paint_frames(films, CONFIG))
    assert [frame.fresh for frame in frames] == [True, *[False] * 4]
    first = wrong(frames[0], films[0])
    for frame, picture in zip(frames, films, strict=True):
        assert np.array_equal(frame.strokes.ids, frames[0].strokes.ids)
        assert wrong(frame, picture) < first + 0.01
    moved = np.abs(frames[-1].strokes.placement - frames[0].strokes.placement).max(axis=1)
    assert (moved == 0).mean() > 0.9


def test_flicker_of_dyes_is_followed_without_cuts():
    config = PaintConfig(brush="watercolor", strokes=40, preset="preview", device="cpu")
    frames = list(paint_frames([in_bytes(blots() * (1.0, 0.7)[k % 2]) for k in range(4)], config))
    assert [frame.fresh for frame in frames] == [True, False, False, False]
    assert len(set(frames[0].strokes.ids.tolist()) & set(frames[-1].strokes.ids.tolist())) > 30


@each("end", [0.0, 1.0])
def test_fades_are_followed_without_cuts_until_nothing_is_seen(end):
    films = [in_bytes(blots() * (1 - k / 6) + end * k / 6) for k in range(7)]
    frames = list(paint_frames(films, CONFIG))
    assert [frame.fresh for frame in frames] == [True, *[False] * 6]
    first = wrong(frames[0], films[0])
    assert all(wrong(frame, picture) < first + 0.015 for frame, picture in zip(frames, films, strict=True))


def test_what_fades_in_is_painted_as_soon_as_it_is_seen_and_then_gets_its_light():
    films = [in_bytes(blots() * k / 8) for k in range(9)]
    frames = list(paint_frames(films, CONFIG))
    fresh = [k for k, frame in enumerate(frames) if frame.fresh]
    assert len(fresh) == 2
    assert fresh[0] == 0
    assert fresh[1] <= 3
    afresh = next(iter(paint_frames(films[-1:], CONFIG)))
    assert wrong(frames[-1], films[-1]) < 1.25 * wrong(afresh, films[-1]) + 0.005


def test_a_fade_through_black_is_one_cut_in_the_dark():
    down, up = ([in_bytes(picture * k / 5) for k in range(6)] for picture in (blots(), blots(8)))
    frames = list(paint_frames([*down[::-1], *up[1:]], CONFIG))
    fresh = [k for k, frame in enumerate(frames) if frame.fresh]
    assert len(fresh) == 2
    assert 6 <= fresh[1] <= 7
    assert wrong(frames[-1], up[-1]) < 0.1


def test_a_dissolve_ends_in_the_other_scene_without_ghosts():
    parts = np.clip((np.arange(16) - 1) / 8, 0, 1)
    films = [in_bytes(blots() * (1 - part) + blots(8) * part) for part in parts]
    frames = list(paint_frames(films, CONFIG))
    assert sum(frame.fresh for frame in frames) == 1
    afresh = next(iter(paint_frames(films[-1:], CONFIG)))
    assert wrong(frames[-1], films[-1]) < 1.3 * wrong(afresh, films[-1]) + 0.01
    painted = shown(frames[-1]) / 255 - blots(8)
    ghost = (painted * (blots() - blots(8))).mean() / ((blots() - blots(8)) ** 2).mean()
    assert abs(ghost) < 0.1


@each("size", [(1, 1), (1, 9), (7, 2), (33, 17)])
def test_tiny_and_odd_frames(size):
    films = [np.full((*size, 3), level, np.float32) for level in (0.2, 0.2, 0.6)]
    films[2][0, 0] = 0.1
    *_, last = paint_frames(films, CONFIG)
    apart = []
    for frame in (last, next(iter(paint_frames(films[2:], CONFIG)))):
        document = StrokeDocument(size[1], size[0], (1, 1, 1), CONFIG.brush, frame.strokes)
        apart.append(np.abs(render_bytes(document, size) / 255 - films[2]).mean())
    assert apart[0] < apart[1] + 0.2


def test_frames_that_change_their_size_begin_another_shot_and_go_on():
    films = [blots(), blots()[:60], blots()[:60], blots(), blots()[:, :100]]
    assert [frame.fresh for frame in paint_frames(films, CONFIG)] == [True, True, False, True, True]


def test_what_is_known_of_a_film_does_not_grow():
    scene, sizes = None, []
    for step in range(12):
        scene, _ = next_frame(scene, with_square(12 + 4 * (step % 4)), CONFIG)
        arrays = [scene.picture, scene.error, scene.restless, scene.cast.age, scene.cast.strokes.table()]
        sizes.append(sum(array.nbytes for array in arrays))
    assert max(sizes) < 1.3 * sizes[0]
    assert all(abs(b - a) < 0.2 * a for a, b in pairwise(sizes))


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_blank_films_are_painted_blank_and_change_nothing(level):
    frames = list(paint_frames([np.full((HEIGHT, WIDTH, 3), level, np.float32)] * 3, CONFIG))
    assert frames[0].strokes == frames[1].strokes == frames[2].strokes
    assert wrong(frames[0], level) < 0.05
