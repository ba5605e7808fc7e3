"""Unfinished transfers: read as written, for the same pictures and options only; nothing in a file is trusted."""

import json
import os
import pickle
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch

from neural_painter.errors import InputError, OutputError
from neural_painter.features import Features
from neural_painter.photo.config import PhotoConfig
from neural_painter.photo.state import fingerprint, read_state, write_state
from neural_painter.photo.transfer import PhotoState
from tests.neural_painter.photo.samples import day, mask, night, tiny_weights

CONFIG = PhotoConfig(iterations=6, seed=3, refine=True, photorealism_weight=7.5)
SIZE = (40, 56)
US = "us-0-none"
FORMAT = "neural_painter photo transfer, version 1"
ROUNDS = [(29, 40), (40, 56)]
"""Sizes of the rounds of `CONFIG`, of 3 and 6 steps."""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.unfinished.safetensors"


def picture(size=ROUNDS[0]):
    return np.random.default_rng(0).standard_normal((*size, 3)).astype(np.float32)


def damage(path, *, tensors=None, save=save_file, **metadata):
    """Writes a file of version 1 that is right but for what is given; None leaves an entry out."""
    right = {
        "format": FORMAT,
        "config": json.dumps(asdict(CONFIG)),
        "place": json.dumps([0, 2]),
        "belongs_to": "us-0",
    } | metadata
    tensors = {"picture": picture()} if tensors is None else tensors
    save(tensors, str(path), metadata={key: value for key, value in right.items() if value is not None})


def test_round_trip(path):
    for place, size in (((0, 1), ROUNDS[0]), ((0, 3), ROUNDS[0]), ((1, 0), ROUNDS[0]), ((1, 6), ROUNDS[1])):
        state = PhotoState(*place, picture(size), recovered=2, losses={"style": 0.1})
        write_state(path, state, CONFIG, US)
        found = read_state(path, CONFIG, US, SIZE)
        assert (found.round, found.step, found.recovered, found.losses) == (*place, 2, {"style": 0.1})
        assert np.array_equal(found.picture, state.picture)
        assert found.optimiser is None


def test_views_of_other_arrays_are_written(path):
    state = PhotoState(0, 1, picture().transpose(2, 0, 1).copy().transpose(1, 2, 0))
    write_state(path, state, CONFIG, US, overwrite=False)
    assert np.array_equal(read_state(path, CONFIG, US, SIZE).picture, state.picture)


def test_the_smallest_photos(path):
    for size in ((1, 1), (1, 2), (2, 1)):
        write_state(path, PhotoState(0, 1, picture(size)), CONFIG, US)
        assert read_state(path, CONFIG, US, size).picture.shape == (*size, 3)


def test_what_was_done_but_not_written_can_be_read(path):
    write_state(path, PhotoState(2, 0, picture(ROUNDS[1])), CONFIG, US, overwrite=False)
    assert read_state(path, CONFIG, US, SIZE).round == 2


def test_the_right_file_is_read(path):
    """So that the cases of damage below fail for their damage."""
    damage(path)
    assert read_state(path, CONFIG, US, SIZE).step == 2


def test_existing_files_are_kept_unless_asked(path):
    state = PhotoState(0, 1, picture())
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        write_state(path, state, CONFIG, US, overwrite=False)
    assert path.read_text() == "mine"
    write_state(path, state, CONFIG, US, overwrite=True)
    assert read_state(path, CONFIG, US, SIZE).step == 1
    with pytest.raises(OutputError, match="its folder does not exist"):
        write_state(path.parent / "no" / path.name, state, CONFIG, US, overwrite=False)


def test_other_pictures_are_refused(path):
    write_state(path, PhotoState(0, 1, picture()), CONFIG, US, overwrite=False)
    with pytest.raises(InputError, match="was begun with other pictures, masks or features"):
        read_state(path, CONFIG, "them-0-none", SIZE)


def test_other_options_are_refused_by_name(path):
    for changes, message in (
        ({"seed": 4}, "was begun with seed 3, now it is 4"),
        ({"iterations": 7}, "was begun with iterations 6, now it is 7"),
        ({"style_weight": 31.0}, r"was begun with style weight 30.0, now it is 31.0"),
        ({"refine": False}, "was begun with refine True, now it is False"),
        ({"preset": "best"}, "was begun with preset balanced, now it is best"),
        ({"stages": "style"}, "was begun with stages both, now it is style"),
    ):
        write_state(path, PhotoState(0, 1, picture()), CONFIG, US)
        with pytest.raises(InputError, match=message):
            read_state(path, replace(CONFIG, **changes), US, SIZE)


def test_another_device_may_go_on(path):
    write_state(path, PhotoState(0, 1, picture()), CONFIG, US, overwrite=False)
    assert read_state(path, replace(CONFIG, device="cpu"), US, SIZE).step == 1


def test_damaged_files_are_refused(path):
    for changes, message in (
        ({"format": "stroke document"}, "not an unfinished photo transfer"),
        ({"format": None}, "not an unfinished photo transfer"),
        ({"tensors": {"image": picture()}}, "its picture makes no sense"),
        ({"config": None}, "not an unfinished photo transfer, or damaged"),
        ({"config": "{"}, "not an unfinished photo transfer, or damaged"),
        ({"config": "[1, 2]"}, "not an unfinished photo transfer, or damaged"),
        ({"config": "[" * 100_000}, "not an unfinished photo transfer, or damaged"),
        ({"config": "{}"}, "was begun with preset None, now it is balanced"),
        ({"belongs_to": None}, "was begun with other pictures, masks or features"),
        ({"place": None}, "not an unfinished photo transfer, or damaged"),
        ({"place": "1"}, "not an unfinished photo transfer, or damaged"),
        ({"place": "[1]"}, "not an unfinished photo transfer, or damaged"),
        ({"place": "[1, 2, 3]"}, "not an unfinished photo transfer, or damaged"),
        ({"place": '"ab"'}, "its place makes no sense"),
        ({"place": "[0.5, 1]"}, "its place makes no sense"),
        ({"place": "[-1, 0]"}, "its place makes no sense"),
        ({"place": "[0, -1]"}, "its place makes no sense"),
        ({"place": "[0, 4]"}, "its place makes no sense"),
        ({"place": "[2, 1]"}, "its place makes no sense"),
        ({"place": "[3, 0]"}, "its place makes no sense"),
        ({"tensors": {"picture": picture().astype(np.float64)}}, "its picture makes no sense"),
        ({"tensors": {"picture": picture().astype(np.uint8)}}, "its picture makes no sense"),
        ({"tensors": {"picture": picture()[..., 0]}}, "its picture makes no sense"),
        ({"tensors": {"picture": picture()[..., :2].copy()}}, "its picture makes no sense"),
        ({"tensors": {"picture": picture((30, 40))}}, "its picture makes no sense"),
        ({"tensors": {"picture": picture((0, 40))}}, "its picture makes no sense"),
        ({"tensors": {"picture": picture((400, 560))}}, "its picture makes no sense"),
        ({"tensors": {"picture": np.full_like(picture(), np.nan)}}, "numbers that are not finite"),
    ):
        damage(path, **changes)
        with pytest.raises(InputError, match=f"^{path}: .*{message}"):
            read_state(path, CONFIG, US, SIZE)


def test_tensors_of_other_kinds_are_refused(path):
    damage(path, tensors={"picture": torch.zeros(29, 40, 3, dtype=torch.bfloat16)}, save=save_torch)
    with pytest.raises(InputError, match="its picture makes no sense"):
        read_state(path, CONFIG, US, SIZE)


class Trap:
    def __reduce__(self):
        return exec, ("raise AssertionError('unpickled')",)


@pytest.mark.parametrize(
    "content",
    [b"", b"GIF89a", b"\xff" * 100, b"{}", pickle.dumps(Trap()), (2**40).to_bytes(8, "little") + b"{}"],
    ids=["empty", "picture", "noise", "json", "pickle", "long header"],
)
def test_foreign_files_are_refused_and_nothing_is_unpickled(content, path):
    path.write_bytes(content)
    with pytest.raises(InputError, match="an unfinished photo transfer"):
        read_state(path, CONFIG, US, SIZE)


def test_a_file_cut_short_is_refused(path):
    damage(path)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(InputError, match="not an unfinished photo transfer, or damaged"):
        read_state(path, CONFIG, US, SIZE)


def test_missing_files_and_folders_are_refused(path, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_state(path, CONFIG, US, SIZE)
    with pytest.raises(InputError, match="is a folder, expected an unfinished photo transfer"):
        read_state(tmp_path, CONFIG, US, SIZE)
    os.mkfifo(path)
    with pytest.raises(InputError, match="is not a regular file, expected an unfinished photo transfer"):
        read_state(path, CONFIG, US, SIZE)


def test_a_fingerprint_tells_pictures_apart():
    pictures = [day(), night(), mask(0.6, 40, 56), mask(0.5, 36, 60)]
    nearly = day()
    nearly[3, 4, 1] = np.nextafter(nearly[3, 4, 1], np.float32(1))
    others = [
        [*pictures[:3], None],
        [*pictures[:2], None, pictures[3]],
        [*pictures[:2], None, None],
        [pictures[1], pictures[0], *pictures[2:]],
        [nearly, *pictures[1:]],
        [pictures[0].reshape(56, 40, 3), *pictures[1:]],
    ]
    assert fingerprint(*pictures) == fingerprint(*(array.copy() for array in pictures))
    assert fingerprint(pictures[0]) == fingerprint(np.asfortranarray(pictures[0]))
    found = {fingerprint(*pictures), *(fingerprint(*other) for other in others)}
    assert len(found) == 1 + len(others)
    assert fingerprint(*pictures, auto_mask=3) not in found


def test_a_fingerprint_tells_features_apart(features):
    other = Features(tiny_weights(), pooling="average")
    assert fingerprint(day(), features=features) == fingerprint(day(), features=features)
    assert len({fingerprint(day(), features=one) for one in (None, features, other)}) == 3
