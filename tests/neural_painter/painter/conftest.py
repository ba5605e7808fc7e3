import pytest

from renderers.brushes import brush
from renderers.weights import load_renderer
from tests.neural_painter.one_thread import one_thread

__all__ = ["oil", "one_thread", "renderer"]


@pytest.fixture(scope="session")
def oil():
    return brush("oil")


@pytest.fixture(scope="session")
def renderer(oil):
    """The trained networks that come with the project."""
    return load_renderer(oil)[0]
