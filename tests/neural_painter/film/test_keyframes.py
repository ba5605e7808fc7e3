"""Hands in films: strokes that tremble on purpose, and paintings that take over at a frame."""

import numpy as np
import pytest

from neural_painter.errors import InputError, UsageError
from neural_painter.film.boiling import boiled
from neural_painter.film.frames import next_frame, paint_frames
from neural_painter.film.holding import FilmStrokes
from neural_painter.film.keyframes import cast_of, read_keyframes
from neural_painter.film.living import Cast
from neural_painter.painter.stages import empty_strokes
from neural_painter.strokes import StrokeDocument, Strokes, write_document
from renderers.brush import CENTRE, HALF_WIDTH
from renderers.brushes import brush
from tests.neural_painter.film.test_frames import CONFIG, WIDTH, blots, shown
from tests.neural_painter.test_film_painting import frames

STILL = frames(blots(), blots(), blots(), blots())


def some(count=50):
    generator = np.random.default_rng(1)
    placement = generator.uniform(0.05, 0.2, (count, 6))
    return Strokes(placement, np.zeros((count, 2)), np.full((count, 7), 0.5), np.arange(count))


def test_strokes_tremble_by_number_and_id():
    strokes = some()
    once, again, other = (boiled(strokes, 1.0, number, 7) for number in (3, 3, 4))
    assert once == again != other
    assert boiled(strokes, 0.0, 3, 7) is strokes
    moved = np.abs(once.placement - strokes.placement)[:, CENTRE].max(axis=1) / strokes.placement[:, HALF_WIDTH]
    assert 0.1 < moved.mean() < moved.max() <= 0.3001
    some_of_them = Strokes(*(a[10:] for a in (strokes.placement, strokes.shape, strokes.paint)), strokes.ids[10:])
    assert np.array_equal(boiled(some_of_them, 1.0, 3, 7).placement, once.placement[10:])
    changes = [boiled(strokes, 1.0, number, 7).placement - strokes.placement for number in range(200)]
    assert np.abs(np.mean(changes, axis=0)).max() < 0.25 * np.max(np.abs(changes))
    twice = boiled(strokes, 0.5, 3, 7).placement - strokes.placement
    assert np.abs(twice - (once.placement - strokes.placement) / 2)[:, CENTRE].max() < 1e-6


def test_a_boiling_film_changes_with_each_painting_and_goes_on_to_the_byte():
    painter, twos = FilmStrokes(CONFIG, boil=0.5), FilmStrokes(CONFIG, boil=0.5, on=2)
    first, second, third, fourth = (painter(frame).strokes for frame in STILL)
    assert first != second != third
    assert np.array_equal(first.ids, third.ids)
    held = [twos(frame).strokes for frame in STILL]
    assert held[0] == held[1] != held[2] == held[3]
    again = FilmStrokes(CONFIG, boil=0.5)
    for frame in STILL[:3]:
        again(frame)
    going_on = FilmStrokes(CONFIG, boil=0.5)
    assert going_on.recall(again.kept()()).strokes == third
    assert going_on(STILL[3]).strokes == fourth


def test_strokes_that_take_over_keep_the_ids_of_those_that_lay_there():
    strokes, placement = some(6), some(6).placement.copy()
    placement[2] += 0.01
    before = Cast.fresh(strokes, 0)
    edited = Strokes(placement[[5, 0, 2, 3]], strokes.shape[:4], strokes.paint[:4] * 0.3)
    cast = cast_of(edited, before)
    assert cast.strokes.ids.tolist() == [5, 0, 6, 3]
    assert cast.next_id == 7
    assert cast_of(edited, None).strokes.ids.tolist() == [0, 1, 2, 3]
    doubled = Strokes(placement[[5, 5]], strokes.shape[:2], strokes.paint[:2])
    assert cast_of(doubled, before).strokes.ids.tolist() == [5, 6]
    named = Strokes(placement[:3], strokes.shape[:3], strokes.paint[:3], np.array([9, 4, 4]))
    assert cast_of(named, before).strokes.ids.tolist() == [6, 4, 7]
    assert cast_of(named, None).strokes.ids.tolist() == [9, 4, 10]
    assert len(cast_of(empty_strokes(brush("oil")), before).strokes) == 0


def test_what_a_hand_has_painted_stays_and_moves_with_what_it_lies_on():
    wide = np.concatenate([blots(), blots(1)], axis=1)
    films = [np.ascontiguousarray(wide[:, 40 - 5 * step :][:, :WIDTH]) for step in range(5)]
    plain = next(iter(paint_frames(films[:1], CONFIG))).strokes
    table = np.concatenate([plain.table(), plain.table()[-1:]])
    table[-1, :6], table[-1, -7:] = (50 / 144, 50 / 144, 0.05, 0.04, 0, 0), (1, 0, 0, 1, 0, 0, 1)
    scene, reds = None, []
    for number, picture in enumerate(films):
        given = Strokes.of(table) if number == 0 else None
        scene, frame = next_frame(scene, picture, CONFIG, given=given)
        painted = shown(frame).astype(int)
        reds.append(painted[50, 50 + 5 * number, 0] - painted[50, 50 + 5 * number, 1])
    assert min(reds) > 80
    assert len(plain) in scene.cast.strokes.ids


def test_a_painting_takes_over_in_the_middle_of_what_is_held_and_goes_on_to_the_byte():
    few = Strokes.of(some(3).table())

    def painter():
        return FilmStrokes(CONFIG, on=3, keyframes={2: few})

    whole = painter()
    counts = [whole(frame) for frame in STILL]
    assert [len(frame.strokes) == 3 for frame in counts[:2]] == [False, True]
    assert counts[1].fresh
    begun, going_on = painter(), painter()
    begun(STILL[0])
    going_on.recall(begun.kept()())
    assert all(going_on(frame).strokes == known.strokes for frame, known in zip(STILL[1:], counts[1:], strict=True))


def test_files_and_frames(tmp_path):
    document = StrokeDocument(32, 24, (1, 1, 1), "oil", empty_strokes(brush("oil")))
    for name in ("a-007.npz", "a-12.json", "other.npz"):
        write_document(tmp_path / name, document)
    (tmp_path / "9.txt").touch()
    assert sorted(read_keyframes([str(tmp_path)])) == [7, 12]
    assert sorted(read_keyframes([f"{tmp_path}/other.npz@3", f"{tmp_path}/a-007.npz"])) == [3, 7]
    with pytest.raises(UsageError, match="both of frame 7"):
        read_keyframes([str(tmp_path), f"{tmp_path}/other.npz@7"])
    with pytest.raises(UsageError, match="expected DOCUMENT@FRAME"):
        read_keyframes([f"{tmp_path}/other.npz"])
    with pytest.raises(InputError, match="no such file"):
        read_keyframes([f"{tmp_path}/no.npz@3"])
