"""Strokes go with the flow: shifts, turns and growth are theirs; edges, stillness and covered ones are seen to."""

import numpy as np

from neural_painter.film.advecting import advected, camera
from neural_painter.film.spots import share_of, shown_at, spots
from neural_painter.motion import Motion
from neural_painter.strokes import Strokes
from renderers.brush import ANGLE, CENTRE, HALVES, SWEEP
from tests.each import each

SIZE = 120, 160
"""Of the pictures; long side 160."""
GREY = np.full((*SIZE, 3), 0.5, np.float32)


def motion_of(forth, still=None):
    """A motion of which all is seen."""
    there = np.ones(SIZE, bool)
    return Motion(-forth, forth, there, there, ~there if still is None else still)


def field(shift=(0.0, 0.0), bend=((0.0, 0.0), (0.0, 0.0)), middle=(79.5, 59.5)):
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    about = np.stack([x - middle[0], y - middle[1]], axis=2)
    return (about @ np.array(bend).T + shift).astype(np.float32)


def some(*rows, colour=0.5):
    placement = np.array(rows, np.float32)
    paint = np.full((len(rows), 7), colour, np.float32)
    return Strokes(placement, np.zeros((len(rows), 4)), paint, np.arange(len(rows)))


ARC = (0.5, 0.375, 0.1, 0.04, 0.3, 0.5)
PLAIN = (0.3, 0.2, 0.1, 0.05, -0.4, 0.0)


def test_spots_follow_arcs():
    """A half circle of radius 1 / sweep has all points of its spine at one distance from the arc's centre."""
    points = spots(np.array([[0.5, 0.5, 0.2, 0.05, 0.0, 1.0], [0.5, 0.5, 0.2, 0.05, np.pi / 2, 0.0]]), 9, 3)
    spine = points[0, 1::3]
    assert np.ptp(np.hypot(spine[:, 0] - 0.5, spine[:, 1] - (0.5 + 0.2))) < 1e-9
    assert np.abs(points[1, 1::3, 0] - 0.5).max() < 1e-9
    assert np.abs(points[1, 1::3, 1] - 0.5).max() < 0.2


def test_pictures_are_looked_at_where_points_lie():
    x = np.tile(np.arange(SIZE[1], dtype=np.float32), (SIZE[0], 1))
    assert shown_at(x, np.array([[[0.5, 0.1]]]))[0, 0] == 79.5
    mask = x < 80
    assert share_of(mask, np.array([[0.3, 0.3, 0.1, 0.05, 0, 0], [0.5, 0.3, 0.1, 0.05, 0, 0]]))[0] == 1
    assert 0.3 < share_of(mask, np.array([[0.5, 0.3, 0.1, 0.05, 0, 0]]))[0] < 0.7
    assert share_of(mask, np.array([[3.0, 0.3, 0.1, 0.05, 0, 0]]))[0] == 0


def test_a_shift_moves_centres_alone():
    strokes = some(ARC, PLAIN)
    found = advected(strokes, GREY, motion_of(field((8.0, -4.0))))
    assert found.moved.all()
    change = found.strokes.placement - strokes.placement
    assert np.abs(change[:, CENTRE] - [8 / 160, -4 / 160]).max() < 1e-6
    assert np.abs(change[:, 2:]).max() < 1e-6
    assert (found.strokes.ids == strokes.ids).all()
    assert found.strokes.paint is strokes.paint


@each("bend, column, low, high", [(((0, -0.1), (0.1, 0)), ANGLE, 0.06, 0.1), (((0.05, 0), (0, 0.05)), 2, 0.003, 0.005)])
def test_turns_and_growth_are_damped_and_arcs_keep_their_sweep(bend, column, low, high):
    strokes = some(ARC)
    found = advected(strokes, GREY, motion_of(field(bend=bend))).strokes.placement[0] - strokes.placement[0]
    assert low < found[column] < high
    assert found[SWEEP] == 0


def test_a_frame_changes_little_at_most():
    strokes = some(PLAIN)
    found = advected(strokes, GREY, motion_of(field(bend=((0.4, -0.5), (0.5, 0.4))))).strokes.placement[0]
    assert np.abs(found[HALVES] / strokes.placement[0, HALVES] - 1).max() < 0.0701
    assert abs(found[ANGLE] - strokes.placement[0, ANGLE]) < 0.1501


def test_what_stands_still_stays_to_the_bit():
    forth = field((5.0, 0.0))
    forth[:, :80] = 0
    still = np.zeros(SIZE, bool)
    still[:, :80] = True
    strokes = some((0.2, 0.3, 0.08, 0.03, 0.1, 0.2), (0.8, 0.3, 0.08, 0.03, 0.1, 0.2))
    found = advected(strokes, GREY, motion_of(forth, still))
    assert list(found.moved) == [False, True]
    assert (found.strokes.placement[0] == strokes.placement[0]).all()


def test_a_stroke_over_an_edge_goes_with_its_own_side():
    picture, forth = GREY.copy(), field((6.0, 0.0))
    picture[:, 84:], forth[:, 84:] = 0.0, 0
    for colour, moves in ((0.5, 6 / 160), (0.0, 0.0)):
        strokes = some((0.525, 0.375, 0.08, 0.03, 0.0, 0.0), colour=colour)
        found = advected(strokes, picture, motion_of(forth)).strokes.placement[0, 0] - strokes.placement[0, 0]
        assert abs(found - moves) < 0.003


def test_covered_strokes_go_with_the_camera():
    """Something black moves to the left over a ground that moves to the right."""
    forth, picture = field((2.0, 0.0)), GREY.copy()
    forth[40:80, 60:100], picture[40:80, 60:100] = (-6, 0), 0
    strokes = some((0.5, 0.375, 0.05, 0.03, 0.0, 0.0), colour=1.0)
    found = advected(strokes, picture, motion_of(forth))
    assert found.covered.all()
    assert abs(found.strokes.placement[0, 0] - strokes.placement[0, 0] - 2 / 160) < 0.001


def test_the_camera_is_found_among_things_that_move():
    forth = field((3.0, 1.0), ((0.01, 0), (0, 0.01)))
    forth[30:70, 30:80] = (-8, 5)
    shift, bend = camera(motion_of(forth))
    assert np.abs(bend - np.diag([0.01, 0.01])).max() < 0.002
    assert np.abs(shift + bend @ [79.5, 59.5] - [3, 1]).max() < 0.1
    forth[:] = 0
    forth[30:70, 30:80] = (-8, 5)
    assert not np.any(camera(motion_of(forth))[0])
