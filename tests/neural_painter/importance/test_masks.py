import os

import numpy as np
import pytest

from neural_painter.errors import InputError
from neural_painter.images import write_image
from neural_painter.importance import read_mask
from neural_painter.importance.masks import fitted


def half(height, width):
    mask = np.zeros((height, width), np.float32)
    mask[:, width // 2 :] = 1
    return mask


def test_white_is_1_black_and_transparent_are_0(tmp_path):
    picture = np.zeros((4, 6, 3), np.float32)
    picture[:, 2:4] = 1
    picture[:, 4:] = 1
    alpha = np.ones((4, 6), np.float32)
    alpha[:, 4:] = 0
    write_image(tmp_path / "mask.png", picture, alpha=alpha)
    mask = read_mask(tmp_path / "mask.png")
    assert mask.dtype == np.float32
    assert np.array_equal(mask, np.repeat([[0, 0, 1, 1, 0, 0]], 4, axis=0))


def test_what_is_no_picture_is_refused(tmp_path):
    (tmp_path / "text.png").write_text("white")
    (tmp_path / "empty.png").touch()
    os.mkfifo(tmp_path / "pipe.png")
    for name, message in {
        "missing.png": "no such file",
        "text.png": "not a picture",
        "empty.png": "is empty",
        "pipe.png": "is not a regular file",
        ".": "is a folder",
    }.items():
        with pytest.raises(InputError, match=message):
            read_mask(tmp_path / name)


def test_another_size_is_fitted_and_said():
    notes = []
    for shape in ((40, 60), (400, 600), (30, 90)):
        mask = fitted(half(*shape), (40, 60), notes)
        assert mask.shape == (40, 60)
        assert (mask[20, 10], mask[20, 50]) == pytest.approx((0, 1), abs=1e-3)
    assert notes == [
        "the mask has another size than the photo: it was resized",
        "the mask has another shape than the photo: it was resized",
    ]


def test_edges_become_soft():
    steps = np.abs(np.diff(fitted(half(300, 400), (300, 400))[150]))
    assert 0.02 < steps.max() < 0.3
    assert fitted(half(1, 2), (1, 2)).shape == (1, 2)


def test_a_mask_of_one_grey_is_told():
    notes = []
    fitted(np.ones((8, 8), np.float32), (8, 8), notes)
    assert notes == ["the mask is the same everywhere: everything matters alike"]


def test_what_is_no_mask_is_refused():
    for mask in (np.zeros((4, 4, 3)), np.zeros((0, 4)), np.full((4, 4), 2.0), np.full((4, 4), np.nan)):
        with pytest.raises(ValueError, match="expected a mask"):
            fitted(mask, (4, 4))
