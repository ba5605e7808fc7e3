"""Pictures become tensors and come back; the package itself does not load torch."""

import subprocess
import sys

import numpy as np
import torch

from neural_painter.images.tensors import picture_of, tensor_of


def test_there_and_back():
    for shape in ((4, 5, 3), (1, 1, 3), (1, 7, 3)):
        picture = np.random.default_rng(0).random(shape)
        for source in (picture, picture.astype(np.float32), np.asfortranarray(picture)):
            tensor = tensor_of(source)
            assert tensor.shape == (3, *shape[:2])
            assert tensor.dtype == torch.float32
            assert tensor.is_contiguous()
            back = picture_of(tensor.requires_grad_())
            assert back.flags.c_contiguous
            np.testing.assert_array_equal(back, picture.astype(np.float32))
            with torch.no_grad():
                tensor.zero_()
            assert source.any()
            assert back.any()  # neither shares memory


def test_pictures_need_no_torch():
    code = "import sys, neural_painter.images; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
