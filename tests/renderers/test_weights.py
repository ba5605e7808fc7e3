"""Weights and their cards: what is loaded is what was trained, or a sentence says why not; what ships is as good as
its card says."""

import functools
import hashlib
import json
import os
import pickle
import re
import struct

import pytest
import torch
from safetensors.torch import load, save

from renderers import weights
from renderers.brushes import brush, names
from renderers.networks import NeuralRenderer
from renderers.training import score
from renderers.weights import WeightsError, load_renderer, parameter_space, read_card, save_renderer
from tests.each import each

TAPE = brush("tape")


class Shipped:
    """Weights of tape in a folder of their own, with the means to spoil them."""

    def __init__(self, folder):
        torch.manual_seed(3)
        self.folder, self.model = folder, NeuralRenderer(TAPE)
        self.weights, self.card = folder / "tape.safetensors", folder / "tape.json"
        self.digest = save_renderer(self.model, self.weights)
        self.describe(sha256=self.digest, shape=parameter_space(TAPE))

    def describe(self, **entries):
        self.card.write_text(json.dumps(entries))

    def replace(self, data):
        """Other weights, which the card vouches for."""
        self.weights.write_bytes(data)
        self.describe(sha256=hashlib.sha256(data).hexdigest(), shape=parameter_space(TAPE))

    def refused(self, message):
        with pytest.raises(WeightsError) as caught:
            load_renderer(TAPE, self.folder)
        assert re.search(message, str(caught.value)), str(caught.value)
        assert "\n" not in str(caught.value)
        assert str(self.folder) not in str(caught.value)


@pytest.fixture
def shipped(tmp_path):
    return Shipped(tmp_path)


def test_round_trip(shipped):
    model, digest = load_renderer(TAPE, shipped.folder)
    assert digest == shipped.digest == hashlib.sha256(shipped.weights.read_bytes()).hexdigest()
    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())
    ours, theirs = shipped.model.state_dict(), model.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert not list(shipped.folder.glob(".*"))


def test_the_same_networks_have_the_same_hash(shipped, tmp_path):
    digests = {save_renderer(shipped.model, tmp_path / f"{i}.safetensors") for i in range(6)}
    assert digests == {shipped.digest}
    last = shipped.model.to(memory_format=torch.channels_last)
    assert save_renderer(last, tmp_path / "last.safetensors") == shipped.digest


def test_weights_are_readable_by_everyone_who_may_read(shipped):
    umask = os.umask(0)
    os.umask(umask)
    assert shipped.weights.stat().st_mode & 0o777 == 0o666 & ~umask


# What is refused


def test_missing_weights(shipped):
    shipped.weights.unlink()
    shipped.refused("^tape.safetensors: weights of tape are missing; python train_renderer.py --brush tape makes them$")


def test_missing_card(shipped):
    shipped.card.unlink()
    shipped.refused(r"^tape.json: weights of tape are missing; python train_renderer.py --brush tape makes them$")


def test_missing_folder(tmp_path):
    with pytest.raises(WeightsError, match="weights of tape are missing"):
        load_renderer(TAPE, tmp_path / "nowhere")


@pytest.mark.parametrize("change", [lambda d: d + b"\0", lambda d: d[:-1] + bytes([d[-1] ^ 1]), lambda d: d[:5000]])
def test_another_hash(shipped, change):
    shipped.weights.write_bytes(change(shipped.weights.read_bytes()))
    shipped.refused(r"^tape.safetensors: damaged, or not the file that its card describes \(sha256 differs\)$")


@pytest.mark.parametrize(
    "text", ["", "{", "nothing", "\xff\xfe", "[" * 200_000], ids=["empty", "open", "word", "bytes", "deep"]
)
def test_a_card_that_cannot_be_read(shipped, text):
    shipped.card.write_bytes(text.encode("latin-1"))
    shipped.refused("^tape.json: not a readable card of weights$")


@pytest.mark.parametrize("card", ["[]", "null", "3", "{}", '{"sha256": null}', '{"sha256": 7}'])
def test_a_card_of_something_else(shipped, card):
    shipped.card.write_text(card)
    shipped.refused(r"^tape.json: not a card of weights \(no sha256\)$")


def other_spaces():
    space = parameter_space(TAPE)
    yield None
    yield []
    yield space[::-1]
    yield space[:1]
    for change in ({"low": -0.6}, {"high": 0.6}, {"name": "lean"}, {"unit": "radians"}):
        yield [space[0], {**space[1], **change}]


@pytest.mark.parametrize("space", list(other_spaces()))
def test_another_parameter_space(shipped, space):
    shipped.describe(sha256=shipped.digest, shape=space)
    shipped.refused("^tape.safetensors: trained for another parameter space of tape; train it again$")


class Payload:
    """Does something on being unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("torch_container", [False, True])
def test_a_pickle_is_refused_and_never_opened(shipped, tmp_path, torch_container):
    target, file = tmp_path / "executed", tmp_path / "hostile"
    if torch_container:
        torch.save({"weights": Payload(target)}, file)
    else:
        file.write_bytes(pickle.dumps(Payload(target)))
    shipped.replace(file.read_bytes())
    shipped.refused("^tape.safetensors: does not fit the networks of this version$")
    assert not target.exists()
    pickle.loads(pickle.dumps(Payload(target)))
    assert target.exists()  # so it would have been noticed


def header(entries, body=b""):
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text + body


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"abc",
        struct.pack("<Q", 2**63) + b"{}",
        header(b"[[[["),
        header(b'{"a":' * 5000),
        header({"a": {"dtype": "F4", "shape": [2], "data_offsets": [0, 1]}}, b"\0"),  # a type that torch lacks
        header({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, bytes(4)),
        header({"a": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 4]}}, bytes(4)),
        header({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, bytes(8)),
        header({"a": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}),
        header({}),
    ],
    ids=["empty", "short", "huge", "list", "deep", "type", "negative", "overflow", "gap", "nothing", "no-tensors"],
)
def test_a_damaged_file_that_its_card_vouches_for(shipped, data):
    shipped.replace(data)
    shipped.refused("^tape.safetensors: does not fit the networks of this version$")


def test_a_truncated_file_that_its_card_vouches_for(shipped):
    shipped.replace(shipped.weights.read_bytes()[:-4])
    shipped.refused("does not fit the networks")


def test_other_networks(shipped):
    tensors = load(shipped.weights.read_bytes())
    first = next(iter(tensors))
    shipped.replace(save({**tensors, "extra": torch.zeros(1)}))
    shipped.refused("does not fit the networks")
    shipped.replace(save({key: value for key, value in tensors.items() if key != first}))
    shipped.refused("does not fit the networks")
    shipped.replace(save({**tensors, first: torch.zeros(3, 3, 3)}))
    shipped.refused("does not fit the networks")


def test_weights_of_another_brush(shipped):
    save_renderer(NeuralRenderer(brush("watercolor")), shipped.weights)
    shipped.replace(shipped.weights.read_bytes())
    shipped.refused("does not fit the networks")


def test_oversized_weights_are_not_read(shipped, monkeypatch):
    monkeypatch.setattr(weights, "SIZE_LIMIT", 1000)
    shipped.refused("^tape.safetensors: larger than any weights of ours$")


def test_a_folder_in_place_of_the_weights(shipped):
    shipped.weights.unlink()
    shipped.weights.mkdir()
    shipped.refused("weights of tape are missing")


# What ships


def card_of(name):
    return read_card(brush(name))


@each("name", names())
def test_shipped_weights_load_and_are_small(name):
    card = card_of(name)
    path = weights.folder() / f"{name}.safetensors"
    model, digest = load_renderer(brush(name))
    assert path.stat().st_size <= 4 * 2**20
    assert digest == card["sha256"]
    assert card["brush"] == name
    assert (card["license"], card["origin"]) == (weights.LICENSE, weights.ORIGIN)
    assert card["parameters"] == sum(p.numel() for p in model.parameters())
    assert card["command"].startswith("python train_renderer.py ")
    assert card["seconds"] > 0
    assert all(p.isfinite().all() for p in model.parameters())


@functools.cache
def measured(name):
    # All of the card's strokes: on 500 the colour of oil differs by 0.16 dB, most of the tolerance.
    return score(load_renderer(brush(name))[0], brush(name), read_card(brush(name))["held_out"])


@pytest.mark.slow  # all of the card's strokes
@each("name", names())
def test_shipped_weights_are_as_good_as_their_card(name):
    card = card_of(name)
    assert measured(name).alpha >= card["psnr_alpha"] - 0.2
    assert measured(name).colour >= card["psnr_colour"] - 0.2
    assert measured(name).composited >= card["psnr_composited"] - 0.2


# No renderer can do better than the mean over the seeds, which it is not told: 42.7 dB for oil (the hairs of its ends
# are torn anew in every stroke), 45.8 to 46.5 dB for the others; measured with 12 seeds for each of 120 strokes.
@pytest.mark.slow
@each("name", names())
def test_shipped_weights_reach_38_db(name):
    card_of(name)
    assert measured(name).composited >= 38
