"""What the tests of pictures share."""

import numpy as np
import pytest

from neural_painter.images import read_image


@pytest.fixture
def read(tmp_path):
    """Writes bytes to a file and reads it; `notes` of the last call are kept beside."""

    def call(data, name="picture.png", **options):
        (tmp_path / name).write_bytes(data)
        call.notes = []
        picture = read_image(tmp_path / name, notes=call.notes, **options)
        assert picture.dtype == np.float32
        assert picture.ndim == 3
        assert picture.shape[2] == 3
        assert picture.flags.c_contiguous
        assert picture.min() >= 0
        assert picture.max() <= 1
        return picture

    return call
