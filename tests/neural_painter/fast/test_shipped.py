"""The style that comes with the project: there, small, and a painter's hand on photos that it has not seen."""

import numpy as np
import pytest

from neural_painter import load_model, style_transfer
from neural_painter.fast.files import shipped
from neural_painter.fast.model import FastModel, read_network
from neural_painter.images import resize
from tests.neural_painter.painter.pictures import still_life


@pytest.fixture(scope="module")
def model():
    return load_model()


def test_it_is_small_and_tells_where_it_comes_from(model):
    assert shipped().stat().st_size <= 4e6
    _, card = read_network(shipped())
    assert isinstance(model, FastModel)
    assert model.name == card.name == "starry-night"
    assert {"command", "steps", "photos", "seconds"} <= card.about.keys()


def test_pictures_take_its_colours_and_strokes_and_keep_their_light(model):
    photo = still_life(240, 320)
    made = style_transfer(photo, model)
    assert made.shape == photo.shape
    red, _, blue = made.mean((0, 1))
    assert blue > red + 0.05  # a night sky; the photo has more red than blue
    light = [resize(picture, size=(30, 40)) @ np.array([0.3, 0.6, 0.1]) for picture in (photo, made)]
    assert np.corrcoef(light[0].ravel(), light[1].ravel())[0, 1] > 0.7
    flat = made[20:80, 180:300]  # where the photo has next to no texture
    assert np.abs(np.diff(flat, axis=0)).mean() > 4 * np.abs(np.diff(photo[20:80, 180:300], axis=0)).mean()


def test_no_frame_and_no_checkerboard(model):
    """What lies near the border is as lively as the middle, and neighbouring columns do not take turns."""
    generator = np.random.default_rng(0)
    photo = np.clip(resize(generator.random((12, 16, 3), np.float32), size=(192, 256)), 0, 1)
    made = style_transfer(photo, model)
    edge = np.concatenate([made[:8].reshape(-1, 3), made[-8:].reshape(-1, 3), made[:, :8].reshape(-1, 3)])
    np.testing.assert_allclose(edge.mean(0), made.mean((0, 1)), atol=0.12)
    even, odd = made[:, 0::2].mean((0, 1)), made[:, 1::2].mean((0, 1))
    np.testing.assert_allclose(even, odd, atol=0.01)
