import numpy as np
import pytest

from neural_painter.importance import FacesError, importance_map
from neural_painter.importance.weights import LEAST, MOST, NO_FACE
from tests.neural_painter.importance.test_faces import spotted


def photo():
    """A red spot on grey: what stands out, and what the test's network takes for a face."""
    return spotted((96, 128), (40, 60), (40, 64), (44, 60), (44, 64))


def masks():
    few, most = np.zeros((2, 96, 128), np.float32)
    few[40:50, 60:80] = 1
    most[:, 20:] = 1
    ramp = np.broadcast_to(np.linspace(0, 1, 128, dtype=np.float32), (96, 128)).copy()
    return few, most, ramp


def check(weights):
    assert weights.shape == (96, 128)
    assert weights.dtype == np.float32
    assert weights.mean(dtype=np.float64) == pytest.approx(1, abs=1e-4)
    assert weights.min() >= LEAST
    assert weights.max() <= MOST


def test_weights_have_mean_1_and_keep_within_bounds():
    for mask in masks():
        weights = importance_map(photo(), mask)
        check(weights)
        assert weights[45, 70] > weights[5, 5]
        assert (np.diff(weights[45, :70]) >= -1e-5).all()


@pytest.mark.usefixtures("without_network")
def test_auto_does_without_the_network_and_faces_does_not():
    weights = importance_map(photo(), "auto")
    check(weights)
    assert weights[44, 62] > 2  # of mean 1
    with pytest.raises(FacesError):
        importance_map(photo(), "faces")


@pytest.mark.usefixtures("with_network")
def test_faces_weigh_most():
    notes = []
    for choice in ("auto", "faces"):
        weights = importance_map(photo(), choice, notes=notes)
        check(weights)
        assert weights[44, 62] > 2.5 * weights.min()  # all around is of the "skin"'s grey
    assert notes == []
    assert importance_map(np.full((96, 128, 3), 0.5, np.float32), "faces", notes=notes) is None
    assert notes == [NO_FACE]


@pytest.mark.usefixtures("without_network")
def test_where_everything_matters_alike_there_are_no_weights():
    plain = np.full((96, 128, 3), 0.5, np.float32)
    assert importance_map(photo(), "none") is None
    assert importance_map(plain, "auto") is None
    assert importance_map(photo(), np.ones((96, 128), np.float32)) is None
    assert importance_map(plain[:1, :1], "auto") is None
    with pytest.raises(ValueError, match="expected auto, faces, none or a mask, got 'face'"):
        importance_map(photo(), "face")
