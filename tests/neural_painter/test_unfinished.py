"""Unfinished work as a file: nothing in it is trusted, and it is kept every now and then."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from neural_painter.configs import option
from neural_painter.descent import Standing
from neural_painter.errors import InputError
from neural_painter.unfinished import (
    Unfinished,
    fingerprint,
    packed,
    read_unfinished,
    unpacked,
    write_unfinished,
)


@dataclass(frozen=True)
class Config:
    steps: int = option(3, "how many")
    device: str = option("auto", "where")


WORK = Unfinished("knitting", {"steps": 3, "device": "cuda"}, "us", {"row": 7}, {"wool": torch.arange(6.0)})


def read(path, kind="knitting", config=None, belongs_to="us", size=(4, 4)):
    return read_unfinished(path, kind, config or Config(), belongs_to, size)


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "scarf.safetensors"
    write_unfinished(path, WORK)
    found = read(path)
    assert (found.kind, found.config, found.belongs_to, found.place, found.version) == (
        "knitting", WORK.config, "us", {"row": 7}, 2,
    )  # fmt: skip
    assert torch.equal(found.tensors["wool"], WORK.tensors["wool"])


def test_what_names_share_is_written_for_each(tmp_path):
    one = torch.arange(6.0)
    write_unfinished(tmp_path / "a", Unfinished("knitting", {"steps": 3}, "us", 0, {"a": one, "b": one, "c": one[2:]}))
    found = read(tmp_path / "a").tensors
    assert torch.equal(found["a"], found["b"])
    assert torch.equal(found["c"], one[2:])


def test_other_work_is_refused(tmp_path):
    path = tmp_path / "scarf.safetensors"
    write_unfinished(path, WORK)
    for changes, sentence in (
        ({"kind": "weaving"}, "not an unfinished weaving"),
        ({"config": Config(steps=4)}, "was begun with steps 3, now it is 4"),
        ({"belongs_to": "them"}, "was begun with other pictures, masks or features"),
    ):
        with pytest.raises(InputError, match=sentence):
            read(path, **changes)
    with pytest.raises(InputError) as caught:
        read(path, kind="weaving")
    assert caught.value.hint == "It is: neural_painter knitting, version 2."


def test_files_that_are_too_large_are_refused_unread(tmp_path):
    path = tmp_path / "scarf.safetensors"
    with path.open("wb") as file:
        file.truncate(2**24 + 64 * 12 * 16 + 1)
    with pytest.raises(InputError, match="larger than an unfinished knitting may be"):
        read(path)


def test_damage_is_one_sentence(tmp_path):
    path = tmp_path / "scarf.safetensors"
    right = {
        "format": "neural_painter knitting, version 2",
        "config": json.dumps({"steps": 3}),
        "place": "1",
        "belongs_to": "us",
    }
    for metadata, tensors in (
        (right | {"config": "[]"}, WORK.tensors),
        (right | {"place": "{"}, WORK.tensors),
        (right | {"format": "neural_painter knitting, version 9"}, WORK.tensors),
        ({"format": right["format"]}, WORK.tensors),
        (None, WORK.tensors),
        (right, {"wool": torch.full((3,), torch.nan)}),
    ):
        save_file(dict(tensors), path, metadata)
        with pytest.raises(InputError, match=r"an unfinished knitting|not finite"):
            read(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="not an unfinished knitting, or damaged"):
        read(path)
    path.write_bytes(b"\xff\xd8\xff\xe0" + bytes(40))
    with pytest.raises(InputError, match=r"not an unfinished knitting \(found: JPEG\)"):
        read(path)


def test_what_an_optimiser_knows_is_packed_and_unpacked():
    standing = Standing({"picture": torch.zeros(3)}, {"taken": 2, "terms.style": 0.5})
    tensors, numbers = packed(standing)
    assert set(tensors) == {"optimiser.picture"}
    found = unpacked({**tensors, "picture": torch.ones(2)}, json.loads(json.dumps(numbers)))
    assert dict(found.tensors) == standing.tensors
    assert found.numbers == standing.numbers
    assert found.terms() == {"style": 0.5}
    assert unpacked({}, packed(None)[1]) is None
    for strange in ([], {"taken": "2"}, {"taken": None}, {"taken": True}, 3):
        with pytest.raises(ValueError, match="makes no sense"):
            unpacked(tensors, strange)


def test_a_fingerprint_tells_everything_apart():
    things = [np.zeros((2, 3)), np.zeros((3, 2)), np.ones((2, 3)), None, "a", 1.0, 2]
    assert len({fingerprint(thing) for thing in things}) == len(things)
    assert fingerprint(np.zeros((2, 3)), "a") != fingerprint("a", np.zeros((2, 3)))
