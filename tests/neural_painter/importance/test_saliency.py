"""What stands out, on pictures of which anybody could say it."""

import numpy as np

from neural_painter.images import resize
from neural_painter.importance.saliency import SIDE, saliency

TEXTURE = np.random.default_rng(0).uniform(-0.15, 0.15, (192, 256, 1)).astype(np.float32)


def seen(image):
    """Saliency at the picture's own size."""
    return resize(saliency(image), size=image.shape[:2])


def found(image, inside):
    """Mean saliency within and outside a region."""
    where = seen(np.clip(image, 0, 1))
    return where[inside].mean(), where[~inside].mean()


def disc(row, column, radius, size=(192, 256)):
    rows, columns = np.mgrid[: size[0], : size[1]]
    return (rows - row) ** 2 + (columns - column) ** 2 < radius**2


def test_a_coloured_thing_on_a_plain_ground_stands_out():
    for colour in ((0.9, 0.2, 0.1), (0.1, 0.1, 0.1), (0.3, 0.6, 0.2)):
        for place in ((96, 128), (70, 170)):
            inside = disc(*place, 30)
            image = np.full((192, 256, 3), 0.6, np.float32)
            image[inside] = colour
            within, outside = found(image, inside)
            assert within > 0.6 > 4 * outside, (colour, place, within, outside)


def test_of_two_things_the_sharp_one_stands_out():
    image = np.full((192, 256, 3), (0.35, 0.4, 0.35), np.float32)
    sharp, blurred = disc(96, 85, 30), disc(96, 170, 30)
    image[sharp | blurred] = (0.6, 0.45, 0.3)
    image[sharp] += TEXTURE[sharp]
    marks = seen(image)
    assert marks[sharp].mean() > 1.3 * marks[blurred].mean()


def test_a_thing_that_touches_one_border_stands_out_as_well():
    inside = disc(192, 128, 70)
    image = np.full((192, 256, 3), (0.5, 0.6, 0.8), np.float32)
    image[inside] = (0.7, 0.3, 0.2)
    within, outside = found(image, inside)
    assert within > 2 * outside


def test_the_frame_of_a_scan_does_not():
    image = np.full((192, 256, 3), 0.6, np.float32) + 0.1 * TEXTURE
    image[[0, 1, -2, -1]] = image[:, [0, 1, -2, -1]] = 0
    image[disc(96, 128, 25)] = (0.8, 0.3, 0.2)
    marks = seen(image)
    edge = np.concatenate([marks[:8].ravel(), marks[-8:].ravel()])
    assert edge.mean() < 0.2


def test_where_nothing_stands_out_nothing_is_marked():
    for image in (
        np.full((60, 80, 3), 0.3, np.float32),
        np.zeros((1, 1, 3), np.float32),
        np.ones((3, 400, 3), np.float32),
    ):
        marks = saliency(image)
        assert marks.max() == 0
        assert max(marks.shape) <= SIDE


def test_a_large_photo_is_marked_as_a_small_one():
    image = np.full((96, 128, 3), 0.6, np.float32)
    image[disc(40, 60, 15, (96, 128))] = (0.8, 0.3, 0.2)
    small, large = (resize(saliency(picture), size=(96, 128)) for picture in (image, image.repeat(8, 0).repeat(8, 1)))
    assert np.abs(small - large).mean() < 0.03
