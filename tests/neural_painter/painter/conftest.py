import pytest
import torch

from renderers.brushes import brush
from renderers.weights import load_renderer


@pytest.fixture(autouse=True)
def one_thread():
    """Canvases here are small: more threads gain nothing, and wait for each other where the cores are busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def oil():
    return brush("oil")


@pytest.fixture(scope="session")
def renderer(oil):
    """The trained networks that come with the project."""
    return load_renderer(oil)[0]
