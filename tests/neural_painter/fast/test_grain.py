"""Grain: the same everywhere, one tile beside the other, and models that want it get it whichever way they are run."""

import hashlib
from dataclasses import replace

import numpy as np
import torch

from neural_painter.fast.files import Card, save_model
from neural_painter.fast.formats.onnx_write import export_onnx
from neural_painter.fast.grain import SIDE, carried_grain, grain, grainy
from neural_painter.fast.model import FastModel, load_model
from neural_painter.fast.network import TransformNetwork, johnson
from tests.neural_painter.fast.network_samples import filled, noise

STRENGTH = 0.06


def model(strength=STRENGTH):
    return FastModel(filled(johnson(4, 1, strength)), device="cpu")


def test_the_tile_is_the_same_on_every_machine_and_for_ever():
    tile = np.round(grain(SIDE, SIDE, 100.0)).astype(np.int16)
    assert hashlib.sha256(tile.tobytes()).hexdigest()[:16] == "9ebbd9651e1074e5"
    assert abs(tile.std() - 100) < 0.5
    assert abs(tile.mean()) < 0.1


def test_tiles_lie_beside_each_other_and_go_along():
    far = grain(2 * SIDE + 3, 5, 1.0)
    assert np.array_equal(far[SIDE : 2 * SIDE], far[:SIDE])
    assert np.array_equal(grain(20, 30, 1.0, (-7, 700))[7:, :-10], grain(13, 20, 1.0, (0, 700)))
    picture = noise(9, 11)
    assert grainy(picture, None) is picture
    noise_of_it = grain(9, 11, 0.5, (3, 4))
    np.testing.assert_allclose(
        grainy(picture, noise_of_it) - picture, np.repeat(noise_of_it[..., None], 3, 2), atol=1e-6
    )
    drift = np.zeros((9, 11, 2), np.float32)
    np.testing.assert_allclose(carried_grain(drift + np.float32([4, 3]), 0.5), noise_of_it, atol=1e-6)
    np.testing.assert_allclose(carried_grain(drift + np.float32([4 - SIDE, SIDE + 3]), 0.5), noise_of_it, atol=1e-6)


def test_plain_pictures_get_texture_that_does_not_repeat_with_the_grid():
    plain = np.full((96, 96, 3), 0.4, np.float32)
    inside = np.s_[24:72, 24:72]
    for strength, lively in ((0.0, False), (STRENGTH, True)):
        made = model(strength)(plain)
        repeats = np.abs(made - np.roll(made, 4, 1))[inside].mean()
        assert (repeats > 1e-3) == lively


def test_saved_and_exported_models_keep_their_grain(tmp_path):
    network = filled(johnson(4, 1, STRENGTH))
    picture = noise(40, 52)
    made = FastModel(network, device="cpu")(picture)
    assert np.abs(made - model(0.0)(picture)).max() > 0.02
    save_model(tmp_path / "it.safetensors", network, Card("Waves"))
    assert np.array_equal(load_model(tmp_path / "it.safetensors", device="cpu")(picture), made)
    export_onnx(network, tmp_path / "it.onnx", name="Waves")
    assert np.abs(load_model(tmp_path / "it.onnx")(picture) - made).max() < 1e-4


def test_the_network_itself_takes_pictures_as_they_are():
    picture = torch.from_numpy(noise(40, 44)).permute(2, 0, 1)[None]
    with_grain, without = (filled(johnson(4, 1, strength)) for strength in (STRENGTH, 0.0))
    assert isinstance(with_grain, TransformNetwork)
    assert with_grain.architecture == replace(without.architecture, grain=STRENGTH)
    assert torch.equal(with_grain(picture), without(picture))
