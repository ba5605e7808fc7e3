import pytest
import torch

from tests.neural_painter.photo.samples import tiny_features


@pytest.fixture(autouse=True)
def one_thread():
    """Pictures here are small: more threads gain nothing, and wait for each other where the cores are busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def features():
    return tiny_features()
