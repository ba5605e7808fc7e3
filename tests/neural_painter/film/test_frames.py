"""Films of a few small frames: what stands still repeats, what moves is followed, cuts begin anew, all is bounded."""

from itertools import islice, pairwise

import cv2
import numpy as np
import pytest

from neural_painter import PaintConfig
from neural_painter.export.rendering import render_bytes
from neural_painter.film.frames import paint_frames
from neural_painter.film.living import MOST, anew_of
from neural_painter.film.rounding import rounded
from neural_painter.strokes import StrokeDocument, Strokes
from renderers.brushes import brush

CONFIG = PaintConfig(strokes=60, preset="preview", device="cpu")
HEIGHT, WIDTH = 96, 144


def blots(seed=0):
    noise = np.random.default_rng(seed).uniform(0, 1, (HEIGHT, WIDTH, 3)).astype(np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), 9)
    return np.clip((blurred - blurred.mean()) * 9 + 0.5, 0, 1).astype(np.float32)


def with_square(x, y=40):
    """A square of other blots on blots."""
    picture = blots()
    picture[y : y + 20, x : x + 20] = blots(3)[20:40, 20:40]
    return picture


def shown(frame, size=(HEIGHT, WIDTH)):
    document = StrokeDocument(WIDTH, HEIGHT, (1, 1, 1), CONFIG.brush, frame.strokes)
    return render_bytes(document, size)


def test_what_stands_still_repeats_to_the_byte():
    frames = list(paint_frames([with_square(100)] * 3, CONFIG))
    assert [frame.fresh for frame in frames] == [True, False, False]
    assert frames[0].strokes == frames[1].strokes == frames[2].strokes
    moved = [with_square(20), with_square(24), *[with_square(28)] * 3]
    *_, first, second, third = paint_frames(moved, CONFIG)
    assert second.strokes == third.strokes
    assert first.strokes != frames[0].strokes


def test_faint_noise_stands_still_and_slow_changes_add_up():
    generator = np.random.default_rng(0)
    noisy = [np.clip(blots() + generator.normal(0, 0.004, (HEIGHT, WIDTH, 3)), 0, 1).astype(np.float32) for _ in "123"]
    first, *_, last = paint_frames(noisy, CONFIG)
    assert first.strokes == last.strokes
    fading = [blots() * (1 - 0.008 * step) for step in range(16)]
    *_, last = (shown(frame) for frame in paint_frames(fading, CONFIG))
    assert np.abs(last.mean() / 255 - fading[-1].mean()) < 0.02


def test_steps_may_look_at_grids_that_are_a_pixel_smaller():
    large = cv2.resize(blots(), (384, 215))
    films = [np.roll(large, 4 * step, axis=1) for step in range(3)]
    first, *_, last = paint_frames(films, CONFIG)
    assert last.awake
    assert (
        np.square(shown(last, (215, 384)) / 255 - films[-1]).mean()
        < 2 * np.square(shown(first, (215, 384)) / 255 - films[0]).mean()
    )


def test_few_strokes_die_in_a_frame_however_much_changes():
    boiling = [np.clip(blots() + 0.04 * step * (blots(5) - 0.5), 0, 1).astype(np.float32) for step in range(6)]
    many = PaintConfig(strokes=300, preset="preview", device="cpu")
    ids = [set(frame.strokes.ids.tolist()) for frame in paint_frames(boiling, many)]
    deaths = [len(before - after) for before, after in pairwise(ids)]
    assert 0 < max(deaths) <= 0.02 * 345


def test_where_much_is_new_more_strokes_are_replaced():
    rest = np.zeros((10, 10), bool)
    seen = np.ones((10, 10), bool)
    bad = np.full((10, 10), 100, np.float32)
    assert anew_of(seen, rest, bad, 1.0) == 0
    seen[:2] = False
    assert anew_of(seen, rest, bad, 1.0) == pytest.approx(3 * 0.2)
    assert anew_of(seen, rest, bad / 50, 1.0) == 0  # new, and painted well already
    assert anew_of(seen, ~seen, bad, 1.0) == 0


def test_a_moving_square_takes_its_strokes_along_and_the_rest_stays():
    films = [with_square(12 + 3 * step) for step in range(5)]
    frames = list(paint_frames(films, CONFIG))
    pictures = [shown(frame).astype(int) for frame in frames]
    for before, after in pairwise(pictures):
        far = np.abs(before - after)[:, 32 + 12 + 64 :]
        assert (far > 1).mean() < 0.001
    there = with_square(24)
    near = np.s_[36:64, 20:48]
    wrong = np.abs(pictures[4] / 255 - there)[near].mean()
    assert wrong < 0.6 * np.abs(pictures[0] / 255 - there)[near].mean()
    ids = [set(frame.strokes.ids.tolist()) for frame in frames]
    for before, after in pairwise(ids):
        assert len(before & after) > 0.9 * len(before)


def test_a_cut_begins_afresh_and_a_shot_depends_on_none_before_it():
    shot = [blots(8), *(cv2.warpAffine(blots(8), np.float32([[1, 0, k], [0, 1, 0]]), (WIDTH, HEIGHT)) for k in (4, 8))]
    first, *found = paint_frames([with_square(9), *shot], CONFIG)
    assert [frame.fresh for frame in (first, *found)] == [True, True, False, False]
    assert [frame.strokes for frame in found] == [frame.strokes for frame in paint_frames(shot, CONFIG)]
    second = found[0]
    assert np.abs(shown(second) / 255 - blots(8)).mean() < 0.1


def test_a_film_is_the_same_again_and_its_strokes_stay_bounded():
    def pan():
        wide = np.concatenate([blots(), blots(1)], axis=1)
        return (cv2.resize(wide[:, 6 * k : 6 * k + WIDTH], (WIDTH, HEIGHT)) for k in range(10))

    once, again = (list(paint_frames(pan(), CONFIG)) for _ in range(2))
    assert all(a.strokes == b.strokes for a, b in zip(once, again, strict=True))
    for frame in once:
        assert 0.5 * CONFIG.strokes < len(frame.strokes) <= MOST * CONFIG.strokes
        assert len(set(frame.strokes.ids.tolist())) == len(frame.strokes)
        StrokeDocument(WIDTH, HEIGHT, (1, 1, 1), CONFIG.brush, frame.strokes).check()
    assert any(frame.born for frame in once)


def test_numbers_are_of_few_bits_and_stay_in_their_ranges():
    oil = brush(CONFIG.brush)
    table = np.array([[0.3, 0.7, 1e-9, 0.01, 1.23, 1.2, -0.35, 0.3, 0, 1, 0.1, 0.2, 0.3, 0.4, 1]], np.float32)
    found = rounded(Strokes.of(table, np.zeros(1)), oil)
    found.check(oil)
    assert rounded(found, oil) == found
    assert np.abs(found.table() - table).max() <= 2**-13
    assert np.abs(found.table() - table)[:, :4].max() <= 2**-20
    assert not np.count_nonzero(found.table()[:, 8:].view(np.uint32) & 0x3FF)


def test_frames_are_taken_one_by_one():
    taken = []

    def film():
        for step in range(100):
            taken.append(step)
            yield blots()

    list(islice(paint_frames(film(), CONFIG), 2))
    assert len(taken) == 2


@pytest.mark.parametrize("brush", ["watercolor", "marker"])
def test_other_brushes_live_as_well(brush):
    config = PaintConfig(brush=brush, strokes=40, preset="preview", device="cpu")
    *_, last = paint_frames([with_square(30), with_square(34)], config)
    assert len(last.strokes) <= MOST * 40


def test_black_frames_single_frames_and_tiny_ones():
    black = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    frames = list(paint_frames([black, blots(), black, black], CONFIG))
    assert [frame.fresh for frame in frames] == [True, True, True, False]
    assert len(list(paint_frames([blots()], CONFIG))) == 1
    assert not list(paint_frames([], CONFIG))
    tiny = [np.full((3, 5, 3), level, np.float32) for level in (0.2, 0.25, 0.9)]
    assert len(list(paint_frames(tiny, CONFIG))) == 3
    changing = list(paint_frames([blots(), blots()[:60], blots()[:60]], CONFIG))
    assert [frame.fresh for frame in changing] == [True, True, False]


def test_large_frames_are_made_smaller():
    first, second = paint_frames([blots(), blots()], CONFIG, side=72)
    assert first.strokes == second.strokes
