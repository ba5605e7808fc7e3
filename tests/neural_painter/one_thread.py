"""A fixture for folders of tests whose pictures are small."""

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    """More threads gain nothing on small pictures, and wait for each other where the cores are busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
