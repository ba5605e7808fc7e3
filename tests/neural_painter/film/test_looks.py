"""What films may ask for beside strokes: what matters is tracked, paints are held, a style goes with what it paints."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from neural_painter import PaintConfig
from neural_painter.film import mattering
from neural_painter.film.frames import next_frame, paint_frames
from neural_painter.film.look import Look
from neural_painter.film.scenes import read, written
from neural_painter.film.tracking import MISSED, Tracked, faces_of, rows_of, tracked
from neural_painter.importance.faces import Face
from neural_painter.motion import Motion
from neural_painter.painter.choosing import Choice
from neural_painter.painter.config import MASK, StrokeStyleConfig
from neural_painter.painter.styling import StrokeStyle
from neural_painter.palettes.colours import Palette
from tests.neural_painter.film.test_frames import CONFIG, HEIGHT, WIDTH, shown, with_square
from tests.neural_painter.photo.samples import night, tiny_features

MOVING = [with_square(12 + 4 * step) for step in range(4)]
ZORN = Palette.named("zorn")


def face(x, y=40.0, side=20.0, score=0.9):
    return Face((x, y), (side, side), np.full((5, 2), (x, y)), score)


def motion(shift=(0.0, 0.0)):
    there = np.ones((HEIGHT, WIDTH), bool)
    flow = np.zeros((HEIGHT, WIDTH, 2), np.float32) + np.float32(shift)
    return Motion(-flow, flow, there, there, ~there)


def test_faces_are_followed_missed_for_a_while_and_then_given_up():
    faces = [Tracked(face(40.0))]
    (once,) = tracked(faces, [face(46.0)], motion((4.0, 0.0)), (1.0, 1.0))
    assert 44 < once.face.centre[0] < 45.5
    assert once.missed == 0
    for missed in range(1, MISSED + 1):
        (once,) = tracked([once], [], motion((1.0, 0.0)), (1.0, 1.0))
        assert once.missed == missed
    assert 56 < once.face.centre[0] < 58
    assert tracked([once], [], motion(), (1.0, 1.0)) == []
    assert len(tracked(faces, [face(100.0)], motion(), (1.0, 1.0))) == 2
    assert tracked(faces, [], motion((-50.0, 0.0)), (1.0, 1.0)) == []
    (doubled,) = tracked([Tracked(face(80.0))], [], motion((4.0, 0.0)), (2.0, 2.0))
    assert doubled.face.centre[0] == 88.0
    known = faces_of(rows_of([once]))[0]
    assert (known.missed, known.face.centre, known.face.size) == (MISSED, once.face.centre, once.face.size)
    assert np.array_equal(known.face.points, once.face.points)


def test_a_missed_face_does_not_make_what_matters_pop(monkeypatch):
    seen = [[face(60.0)], [face(61.0)], [], [face(62.0)], []]
    monkeypatch.setattr(mattering, "find_faces", lambda picture: seen.pop(0))
    known = mattering.begun(with_square(50), "faces", None)
    maps = [known.weights]
    while seen:
        known = mattering.gone_on(known, with_square(50), "faces", motion())
        maps.append(known.weights)
    assert maps[0][40, 60] > 1.5 > 1 > maps[0][90, 130]
    for before, after in pairwise(maps):
        assert np.abs(after - before).max() < 0.4  # alone, a face or none differ by 2 and more


def test_masks_hold_for_all_frames_and_matter():
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    mask[:, : WIDTH // 2] = 1
    config = replace(CONFIG, importance=MASK)
    scene = None
    for picture in MOVING:
        scene, _ = next_frame(scene, picture, config, look=Look(mask=mask))
        weights = scene.shot.matters.weights
        third = weights.shape[1] // 3
        assert weights[:, :third].mean() > 2.5 * weights[:, -third:].mean()
    again = read(written(scene))
    assert np.array_equal(again.shot.matters.weights, weights)
    assert scene.shot.smallest == again.shot.smallest < 1
    left = scene.cast.strokes.placement[:, 0] < 0.5
    assert left.mean() > 0.55


@pytest.mark.parametrize("brush", ["oil", "watercolor"])
def test_paints_are_held_and_no_stroke_flips_between_them(brush):
    config = replace(CONFIG, brush=brush)
    known = {}
    for frame in paint_frames([*MOVING, *MOVING[::-1]], config, look=Look(choice=Choice(ZORN))):
        colours = np.round(255 * frame.strokes.paint[:, :6].reshape(-1, 3)).astype(int)
        allowed = {tuple(colour) for colour in np.round(255 * ZORN.colours).astype(int).tolist()}
        assert {tuple(colour) for colour in colours.tolist()} <= allowed
        for name, pair in zip(frame.strokes.ids.tolist(), colours.reshape(-1, 6).tolist(), strict=True):
            known.setdefault(name, []).append(tuple(pair))
    flips = sum(a != b and a == c for had in known.values() for a, b, c in zip(had, had[1:], had[2:], strict=False))
    assert flips == 0


def test_paints_that_are_found_are_those_of_the_shots_first_frame():
    frames = list(paint_frames(MOVING, CONFIG, look=Look(choice=Choice(count=5))))
    paints = [{tuple(c) for c in frame.strokes.paint[:, :6].reshape(-1, 3).tolist()} for frame in frames]
    assert len(paints[0]) <= 5
    assert all(found <= paints[0] for found in paints)


def test_a_style_stays_and_goes_with_what_it_paints():
    style = StrokeStyle(night(), tiny_features(), StrokeStyleConfig(style_steps=8))
    scene, pictures = None, []
    for picture in [*MOVING, MOVING[-1], MOVING[-1]]:
        scene, frame = next_frame(scene, picture, CONFIG, look=Look(style=style))
        pictures.append(shown(frame).astype(int))
    plain = shown(next(paint_frames(MOVING[:1], CONFIG))).astype(int)
    apart = np.abs(pictures[0] - plain).mean()
    assert apart > 10
    still = np.s_[:, 32 + 12 + 32 :]
    assert np.abs(pictures[3] - pictures[0])[still].mean() < 0.05 * apart
    assert np.array_equal(pictures[-1], pictures[-2])
    again = read(written(scene)).shot
    assert np.array_equal(again.beside, scene.shot.beside)
    assert np.array_equal(again.colours, scene.shot.colours)


def test_a_film_with_all_of_it_goes_on_to_the_byte():
    config = PaintConfig(strokes=40, preset="preview", device="cpu", importance="auto")
    style = StrokeStyle(night(), tiny_features(), StrokeStyleConfig(style_steps=4))
    look, scene = Look(choice=Choice(count=6), style=style), None
    for picture in MOVING[:3]:
        scene, _ = next_frame(scene, picture, config, look=look)
    _, expected = next_frame(scene, MOVING[3], config, look=look)
    _, found = next_frame(read(written(scene)), MOVING[3], config, look=look)
    assert found.strokes == expected.strokes
