"""Films as pictures: frames are held, what was known is known again, finishes stay with the canvas."""

import cv2
import numpy as np
import pytest

from neural_painter import PaintConfig
from neural_painter.errors import UsageError
from neural_painter.export.finish import Finish
from neural_painter.film.config import FilmConfig
from neural_painter.film_painting import FilmPainter
from tests.neural_painter.film.test_frames import CONFIG, blots, with_square


def frames(*pictures):
    return [np.round(255 * picture).astype(np.uint8) for picture in pictures]


MOVING = frames(*(with_square(12 + 4 * step) for step in range(5)))


def test_what_was_kept_goes_on_to_the_byte():
    whole = FilmPainter(CONFIG)
    expected = [whole(frame) for frame in MOVING]
    for on in (1, 2):
        first = FilmPainter(CONFIG, on=on)
        begun = [first(frame) for frame in MOVING[:3]]
        kept = first.kept()
        going_on = [first(frame) for frame in MOVING[3:]]  # what is kept is that of then
        second = FilmPainter(CONFIG, on=on)
        second.recall(kept())
        assert all(np.array_equal(a, b) for a, b in zip(going_on, map(second, MOVING[3:]), strict=True))
        if on == 1:
            assert all(np.array_equal(a, b) for a, b in zip(begun + going_on, expected, strict=True))
    fresh = FilmPainter(CONFIG)
    fresh.recall(FilmPainter(CONFIG).kept()())
    assert np.array_equal(fresh(MOVING[0]), expected[0])


def test_pictures_are_held_but_not_beyond_a_cut():
    painter = FilmPainter(CONFIG, on=3)
    (other,) = frames(blots(9))
    one, two, cut, after = (painter(frame) for frame in (*MOVING[:2], other, other))
    assert np.array_equal(one, two)
    assert np.abs(cut.astype(int) - other).mean() < np.abs(one.astype(int) - other).mean()
    assert np.array_equal(cut, after)


def test_pictures_have_the_size_and_the_finish_that_were_asked_for():
    plain, lit = FilmPainter(CONFIG, size=(48, 72)), FilmPainter(CONFIG, Finish(), size=(48, 72))
    found = [[painter(frame) for frame in MOVING[:2]] for painter in (plain, lit)]
    assert found[0][0].shape == (48, 72, 3)
    assert not np.array_equal(found[0][0], found[1][0])
    still = np.abs(found[1][0].astype(int) - found[1][1])[:, 48:]
    assert np.median(still) == 0  # the light does not swim


@pytest.mark.parametrize("on", [0, 25, 1.5])
def test_frames_are_held_for_a_while_at_most(on):
    with pytest.raises(UsageError, match="on"):
        FilmConfig(on=on)


def test_light_that_flickers_does_not_end_what_is_held():
    painter, flicker = FilmPainter(CONFIG, on=3), frames(blots(), blots() * 0.6, blots())
    one, two, three = (painter(frame) for frame in flicker)
    assert np.array_equal(one, two)
    assert np.array_equal(one, three)


def test_relief_and_paper_stay_where_they_are():
    """The light on a locked-off film does not change, and strokes pass under a grain that stays at its place."""
    still = FilmPainter(CONFIG, Finish())
    first, second = (still(frame) for frame in frames(with_square(40), with_square(40)))
    assert np.array_equal(first, second)
    config = PaintConfig(brush="charcoal", strokes=60, preset="preview", device="cpu")
    wide, grain = np.concatenate([blots(), blots(1)], axis=1), []
    pan = frames(*(np.ascontiguousarray(wide[:, 6 * k :][:, :144]) for k in range(2)))
    for paper in ("rough", "none"):
        painter = FilmPainter(config, Finish(paper=paper), size=(192, 288))
        grain.append([painter(frame).mean(axis=2) for frame in pan])
    before, after = (on - off - cv2.blur(on - off, (9, 9)) for on, off in zip(*grain, strict=True))
    stays = np.corrcoef(before.ravel(), after.ravel())[0, 1]
    moves = np.corrcoef(before[:, 12:].ravel(), after[:, :-12].ravel())[0, 1]
    assert stays > 0.5 > 0.2 > moves, (stays, moves)
