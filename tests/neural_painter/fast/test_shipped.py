"""The styles that come with the project: there, small, and a painter's hand on photos that they have not seen."""

from pathlib import Path

import numpy as np
import pytest
import torch

from neural_painter import load_model, style_transfer
from neural_painter.fast.model import FastModel, read_network
from neural_painter.fast.patterns import peaks, spectrum
from neural_painter.fast.shipped import STYLES, listed, model_file, shipped
from neural_painter.images import resize
from tests.neural_painter.painter.pictures import still_life

MOST_PEAK = 4
"""Amplitude of a plain place's spectrum, in local medians."""


@pytest.fixture(scope="module", params=[style.name for style in STYLES])
def model(request):
    return load_model(request.param)


def test_there_are_four_and_the_first_is_taken():
    assert len(STYLES) == 4
    assert shipped() == STYLES[0].path
    assert load_model().name == "starry-night"
    assert {style.path for style in STYLES} == set(STYLES[0].path.parent.glob("*.safetensors"))
    assert listed().splitlines()[1].split()[:2] == ["great-wave", "after"]


def test_a_file_of_that_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert model_file(Path("great-wave")) == STYLES[1].path
    Path("great-wave").write_bytes(b"mine")
    assert model_file(Path("great-wave")) == Path("great-wave")
    assert model_file(Path("other")) == Path("other")


def test_they_are_small_and_tell_where_they_come_from(model):
    path = model_file(Path(model.name))
    assert path.stat().st_size <= 2e6
    _, card = read_network(path)
    assert isinstance(model, FastModel)
    assert {"after", "command", "steps", "photos", "features"} <= card.about.keys()


def test_they_keep_light_and_bring_their_texture(model):
    photo = still_life(240, 320)
    made = style_transfer(photo, model)
    assert made.shape == photo.shape
    light = [resize(picture, size=(30, 40)) @ np.array([0.3, 0.6, 0.1]) for picture in (photo, made)]
    assert np.corrcoef(light[0].ravel(), light[1].ravel())[0, 1] > 0.6
    flat = made[20:80, 180:300]  # where the photo has next to no texture
    assert np.abs(np.diff(flat, axis=0)).mean() > 3 * np.abs(np.diff(photo[20:80, 180:300], axis=0)).mean()


def test_each_has_its_own_colours():
    photo = still_life(120, 160)
    made = [style_transfer(photo, style.path).mean((0, 1)) for style in STYLES]
    assert min(np.abs(a - b).max() for k, a in enumerate(made) for b in made[:k]) > 0.03
    assert made[0][2] > made[0][0] + 0.05  # a night sky; the photo has more red than blue


def test_no_plain_place_is_hatched(model):
    down, across = np.mgrid[0:1:256j, 0:1:384j].astype(np.float32)
    sky = np.stack([0.35 + 0.25 * down, 0.55 + 0.15 * down, 0.85 - 0.1 * across], -1)
    sky[176:] = (0.3, 0.25, 0.2)
    made = model(sky)
    for left in (0, 128, 256):
        patch = torch.from_numpy(made[16:144, left : left + 128]).permute(2, 0, 1)[None]
        assert peaks(spectrum(patch)).max() < MOST_PEAK


def test_no_frame_and_no_checkerboard(model):
    """What lies near the border is as lively as the middle, and neighbouring columns do not take turns."""
    generator = np.random.default_rng(0)
    photo = np.clip(resize(generator.random((12, 16, 3), np.float32), size=(192, 256)), 0, 1)
    made = style_transfer(photo, model)
    edge = np.concatenate([made[:8].reshape(-1, 3), made[-8:].reshape(-1, 3), made[:, :8].reshape(-1, 3)])
    np.testing.assert_allclose(edge.mean(0), made.mean((0, 1)), atol=0.12)
    even, odd = made[:, 0::2].mean((0, 1)), made[:, 1::2].mean((0, 1))
    np.testing.assert_allclose(even, odd, atol=0.01)
