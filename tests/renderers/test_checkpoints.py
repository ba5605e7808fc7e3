"""Checkpoints: the very same model and optimiser come back, or nothing changes."""

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save
from torch import nn

from renderers.checkpoints import CheckpointError, read_checkpoint, restore, write_checkpoint


def model():
    torch.manual_seed(0)
    made = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1))
    return made.to(memory_format=torch.channels_last)


def trained(steps=2):
    made = model()
    optimiser = torch.optim.Adam(made.parameters(), lr=0.1, betas=(0.9, 0.99))
    train(made, optimiser, steps)
    return made, optimiser


def train(made, optimiser, steps):
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        optimiser.zero_grad()
        made(torch.rand(2, 3, 6, 6, generator=generator)).square().sum().backward()
        optimiser.step()


def values(made, optimiser):
    found = dict(made.state_dict())
    for name, parameter in made.named_parameters():
        found |= {f"{name} {key}": value for key, value in optimiser.state.get(parameter, {}).items()}
    return {name: value.clone() for name, value in found.items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(value, b[name]) for name, value in a.items())


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "deep" / "it.safetensors"
    write_checkpoint(path, *trained(), {"step": "2", "name": "étude"})
    return path


def test_all_comes_back(path):
    assert [file.name for file in path.parent.iterdir()] == ["it.safetensors"]
    tensors, notes = read_checkpoint(path)
    assert notes == {"step": "2", "name": "étude"}
    original, (made, optimiser) = trained(), trained(0)
    assert not same(values(made, optimiser), values(*original))
    restore(made, optimiser, tensors)
    assert same(values(made, optimiser), values(*original))
    for a, b in zip(made.parameters(), original[0].parameters(), strict=True):
        assert a.stride() == b.stride()
        assert optimiser.state[a]["exp_avg"].shape == a.shape
        if a.ndim == 4:
            assert optimiser.state[a]["exp_avg"].is_contiguous(memory_format=torch.channels_last)
    train(made, optimiser, 3)
    train(*original, 3)
    assert same(values(made, optimiser), values(*original))


def test_before_the_first_step_there_is_no_optimiser(tmp_path):
    write_checkpoint(tmp_path / "it", *trained(0), {})
    tensors, notes = read_checkpoint(tmp_path / "it")
    assert notes == {}
    assert not [name for name in tensors if name.startswith("optimiser.")]
    made, optimiser = trained(0)
    restore(made, optimiser, tensors)
    train(made, optimiser, 2)
    assert same(values(made, optimiser), values(*trained()))


def test_what_was_restored_does_not_lie_in_the_file(path):
    made, optimiser = trained(0)
    restore(made, optimiser, read_checkpoint(path)[0])
    before = values(made, optimiser)
    with path.open("r+b") as file:
        file.write(b"\0" * path.stat().st_size)
    assert same(values(made, optimiser), before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model.2.bias": None}, "2.bias is missing"),
        ({"model.3.bias": torch.zeros(2)}, "3.bias is too many"),
        ({"model.2.bias": torch.zeros(3)}, "2.bias is [3], expected [2]"),
        ({"model.2.weight": torch.zeros(2, 4)}, "2.weight is [2, 4], expected [2, 4, 1, 1]"),
        ({"optimiser.2.bias.exp_avg": torch.zeros(3)}, "optimiser state of 2.bias has another shape"),
    ],
)
def test_what_does_not_fit_changes_nothing(path, change, message):
    tensors = {name: value for name, value in (read_checkpoint(path)[0] | change).items() if value is not None}
    made, optimiser = trained(1)
    before = values(made, optimiser)
    with pytest.raises(CheckpointError) as caught:
        restore(made, optimiser, tensors)
    assert str(caught.value) == message
    assert same(values(made, optimiser), before)


@pytest.mark.parametrize("data", [b"", b"{}", b"\x80noise" * 99, None])
def test_what_is_no_checkpoint(path, data):
    path.write_bytes(path.read_bytes()[:-1] if data is None else data)
    with pytest.raises(CheckpointError, match=r"^\w+$"):
        read_checkpoint(path)


def test_no_checkpoint_at_all(tmp_path):
    with pytest.raises(CheckpointError, match=r"^FileNotFoundError$"):
        read_checkpoint(tmp_path / "it")
    os.mkfifo(tmp_path / "pipe")  # would be waited for, for ever
    for strange in (tmp_path / "pipe", tmp_path, Path(os.devnull)):
        with pytest.raises(CheckpointError, match=r"^not a regular file"):
            read_checkpoint(strange)


def test_any_tensors_can_be_read(tmp_path):
    (tmp_path / "it").write_bytes(save({"a": torch.ones(2)}))
    tensors, notes = read_checkpoint(tmp_path / "it")
    assert (list(tensors), notes) == (["a"], {})


def test_a_write_that_fails_keeps_what_was_there(path, monkeypatch):
    before = path.read_bytes()

    def full(target, data):
        target.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(path), "write_bytes", full)
    with pytest.raises(OSError, match="No space left on device"):
        write_checkpoint(path, *trained(), {})
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["it.safetensors"]
