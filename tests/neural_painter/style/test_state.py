"""Unfinished style transfers: nothing in a file is trusted; where it goes on exactly is tested with the transfer."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from neural_painter.descent import Standing
from neural_painter.errors import InputError
from neural_painter.features import Features
from neural_painter.style.config import StyleConfig
from neural_painter.style.gatys import StyleState, style_picture
from neural_painter.style.state import fingerprint, read_state, write_state
from neural_painter.unfinished import Unfinished, write_unfinished
from tests.neural_painter.photo.samples import day, night, tiny_weights

SIZE = (40, 56)
CONFIG = StyleConfig(iterations=2, first_size=40, device="cpu")


def stop_at_two(progress):
    if progress.step == 2:
        raise KeyboardInterrupt


@pytest.fixture(scope="module", params=["adam", "lbfgs"])
def state(request, features):
    config = replace(CONFIG, optimizer=request.param)
    return config, style_picture(day(), [night()], config=config, features=features, on_step=stop_at_two).state


def refused(path, config, state, message):
    write_state(path, state, config, "us")
    with pytest.raises(InputError, match=message):
        read_state(path, config, "us", SIZE)


def test_places_that_make_no_sense_are_refused(state, tmp_path):
    config, right = state
    path = tmp_path / "state.safetensors"
    for changes, message in (
        ({"size": -1}, "its place makes no sense"),
        ({"size": 1}, "its picture makes no sense"),
        ({"size": 2}, "its place makes no sense"),
        ({"size": 3}, "its place makes no sense"),
        ({"size": 0.0}, "its place makes no sense"),
        ({"step": 7}, "its place makes no sense"),
        ({"step": 1}, "steps makes no sense"),
        ({"recovered": -1}, "its place makes no sense"),
        ({"optimiser": None}, "its place makes no sense"),
        ({"picture": right.picture[:-1]}, "its picture makes no sense"),
        ({"picture": np.full_like(right.picture, np.inf)}, "not finite"),
    ):
        refused(path, config, replace(right, **changes), message)
    write_state(path, right, config, "us")
    assert read_state(path, config, "us", SIZE).step == 2


def test_optimisers_that_would_not_go_on_are_refused(state, tmp_path):
    config, right = state
    path = tmp_path / "state.safetensors"
    tensors, numbers = dict(right.optimiser.tensors), dict(right.optimiser.numbers)
    for name, tensor in tensors.items():
        for other in ({}, {name: tensor[None]}, {name: tensor.double()}):
            changed = {key: value for key, value in tensors.items() if key != name} | other
            if name == "seen" and not other:
                continue  # then it looks again
            refused(path, config, replace(right, optimiser=Standing(changed, numbers)), "damaged .*sense")
    for name in numbers:
        if not name.startswith("terms."):
            less = {key: value for key, value in numbers.items() if key != name}
            refused(path, config, replace(right, optimiser=Standing(tensors, less)), "damaged")
    for name in {"taken", "recovered", "failures", "steps", "earlier", "norm", "optimizer.ro"} & set(numbers):
        wrong = Standing(tensors, numbers | {name: -0.5})
        refused(path, config, replace(right, optimiser=wrong), "damaged .*makes no sense")


def test_strange_places_are_refused(tmp_path):
    path = tmp_path / "state.safetensors"
    right = {"size": 2, "step": 0, "recovered": 0, "losses": {}, "optimiser": None}
    for place in ([], 3, None, {}, right | {"losses": []}, right | {"losses": {"a": "b"}}, right | {"optimiser": 3}):
        write_unfinished(
            path, Unfinished("style transfer", asdict(CONFIG), "us", place, {"picture": torch.zeros(40, 56, 3)})
        )
        with pytest.raises(InputError, match="not an unfinished style transfer, or damaged"):
            read_state(path, CONFIG, "us", SIZE)


def test_a_fingerprint_tells_pictures_weights_and_features_apart(features):
    other = Features(tiny_weights(), pooling="average")
    found = [
        fingerprint(day(), night()),
        fingerprint(night(), day()),
        fingerprint(day(), night(), blend=[1, 2]),
        fingerprint(day(), night(), blend=[2, 1]),
        fingerprint(day(), night(), features=features),
        fingerprint(day(), night(), features=other),
    ]
    assert len(set(found)) == len(found)
    assert fingerprint(day(), night(), blend=[1, 2]) == fingerprint(day(), night(), blend=[1.0, 2.0])
    assert json.dumps(found)


def test_states_of_other_work_are_refused(tmp_path):
    path = tmp_path / "state.safetensors"
    write_state(path, StyleState(2, 0, np.zeros((40, 56, 3), np.float32)), CONFIG, "us")
    assert read_state(path, CONFIG, "us", SIZE).size == 2
    with pytest.raises(InputError, match=r"was begun with style weight 30\.0, now it is 31\.0"):
        read_state(path, replace(CONFIG, style_weight=31.0), "us", SIZE)
    with pytest.raises(InputError, match="was begun with other pictures"):
        read_state(path, CONFIG, "them", SIZE)
