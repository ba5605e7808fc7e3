"""Where to compute, and whether Triton runs there."""

import sys
from types import ModuleType

import pytest
import torch

import neural_painter
from neural_painter import Features, PhotoConfig, StyleConfig, devices, photo_transfer, style_picture
from neural_painter.devices import all_digits, choose_device, triton_problem
from neural_painter.errors import UsageError
from tests.neural_painter.photo.samples import day, night, tiny_weights


@pytest.mark.parametrize("there", [True, False])
def test_devices_by_name(there, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto") == torch.device("cuda" if there else "cpu")
    if there:
        assert choose_device("cuda") == torch.device("cuda")
    else:
        with pytest.raises(UsageError, match="no CUDA device found"):
            choose_device("cuda")


def test_a_failure_of_triton_is_not_for_ever(monkeypatch):
    probe, tries, now = ModuleType("triton_probe"), [], [1000.0]

    def run(device):
        tries.append(device)
        if len(tries) < 3:
            raise RuntimeError("CUDA out of memory")

    probe.run = run
    monkeypatch.setitem(sys.modules, "neural_painter.triton_probe", probe)
    monkeypatch.setattr(neural_painter, "triton_probe", probe, raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(devices, "_tried", None)
    monkeypatch.setattr(devices.time, "monotonic", lambda: now[0])
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    full = "RuntimeError: CUDA out of memory"
    assert [triton_problem(), triton_problem()] == [full, full]
    assert len(tries) == 1  # not tried at every step of a painting
    now[0] += devices.AGAIN + 1
    assert triton_problem() == full
    now[0] += devices.AGAIN + 1
    assert triton_problem() is None
    now[0] += devices.AGAIN + 1
    assert triton_problem() is None
    assert tries == ["cuda"] * 3


def convolutions_round():
    """Whether a GPU's convolutions would round what goes in to ten bits."""
    conv = getattr(torch.backends.cudnn, "conv", None)
    return torch.backends.cudnn.allow_tf32 if conv is None else conv.fp32_precision != "ieee"


def test_convolutions_take_all_digits():
    before = convolutions_round()
    with all_digits():
        assert not convolutions_round()
    assert convolutions_round() == before
    with pytest.raises(KeyboardInterrupt), all_digits():
        raise KeyboardInterrupt
    assert convolutions_round() == before


class Watched(Features):
    """Tells whether convolutions round, each time that it looks at a picture, or that a gradient comes back."""

    def __init__(self, weights):
        super().__init__(weights)
        self.seen = []

    def forward(self, pictures, layers):
        self.seen.append(convolutions_round())
        found = super().forward(pictures, layers)
        for value in found.values():
            if value.requires_grad:
                value.register_hook(lambda gradient: self.seen.append(convolutions_round()))
        return found


@pytest.mark.parametrize("work", ["photo", "style"])
def test_pictures_are_optimised_with_all_digits(work):
    """A GPU's rounding is larger than the first steps of L-BFGS from grey."""
    features = Watched(tiny_weights())
    before = convolutions_round()
    if work == "photo":
        photo_transfer(day(), night(), config=PhotoConfig(iterations=2, device="cpu"), features=features)
    else:
        config = StyleConfig(iterations=2, first_size=40, device="cpu")
        style_picture(day(), [night()], config=config, features=features)
    assert len(features.seen) > 10
    assert not any(features.seen)
    assert convolutions_round() == before
