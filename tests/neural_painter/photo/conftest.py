import pytest

from tests.neural_painter.one_thread import one_thread
from tests.neural_painter.photo.samples import tiny_features

__all__ = ["features", "one_thread"]


@pytest.fixture(scope="session")
def features():
    return tiny_features()
