"""Where to compute, and whether Triton runs there."""

import sys
from types import ModuleType

import pytest
import torch

import neural_painter
from neural_painter import devices
from neural_painter.devices import choose_device, triton_problem
from neural_painter.errors import UsageError


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
