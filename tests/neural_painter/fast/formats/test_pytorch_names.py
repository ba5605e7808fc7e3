"""PyTorch's example family by its names: the same pictures as its own modules give, whatever surrounds the tensors."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from neural_painter.fast.files import ModelError, save_model
from neural_painter.fast.model import FastModel, convert, load_model

TOLERANCE = 5e-5
"""Of colours in [0, 1]; measured: 1e-6."""


class Convolution(nn.Module):
    """Reflection, then a convolution; perhaps enlarged before that. Its parameters are called `conv2d`."""

    def __init__(self, channels, out, side, stride=1, enlarge=1):
        super().__init__()
        self.enlarge, self.half = enlarge, side // 2
        self.conv2d = nn.Conv2d(channels, out, side, stride)

    def forward(self, x):
        if self.enlarge > 1:
            x = nn.functional.interpolate(x, scale_factor=self.enlarge, mode="nearest")
        return self.conv2d(nn.functional.pad(x, (self.half,) * 4, mode="reflect"))


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1, self.conv2 = Convolution(channels, channels, 3), Convolution(channels, channels, 3)
        self.in1, self.in2 = (nn.InstanceNorm2d(channels, affine=True) for _ in range(2))

    def forward(self, x):
        return x + self.in2(self.conv2(self.in1(self.conv1(x)).relu()))


class Twin(nn.Module):
    """The family's network, of RGB from 0 to 255."""

    def __init__(self, widths=(4, 6, 8), blocks=5):
        super().__init__()
        first, second, third = widths
        self.conv1, self.in1 = Convolution(3, first, 9), nn.InstanceNorm2d(first, affine=True)
        self.conv2, self.in2 = Convolution(first, second, 3, 2), nn.InstanceNorm2d(second, affine=True)
        self.conv3, self.in3 = Convolution(second, third, 3, 2), nn.InstanceNorm2d(third, affine=True)
        self.blocks = blocks
        for block in range(1, blocks + 1):
            self.add_module(f"res{block}", Block(third))
        self.deconv1, self.in4 = Convolution(third, second, 3, 1, 2), nn.InstanceNorm2d(second, affine=True)
        self.deconv2, self.in5 = Convolution(second, first, 3, 1, 2), nn.InstanceNorm2d(first, affine=True)
        self.deconv3 = Convolution(first, 3, 9)

    def forward(self, x):
        for convolution, norm in ((self.conv1, self.in1), (self.conv2, self.in2), (self.conv3, self.in3)):
            x = norm(convolution(x)).relu()
        for block in range(1, self.blocks + 1):
            x = self.get_submodule(f"res{block}")(x)
        for convolution, norm in ((self.deconv1, self.in4), (self.deconv2, self.in5)):
            x = norm(convolution(x)).relu()
        return self.deconv3(x)


def twin(**options):
    torch.manual_seed(0)
    made = Twin(**options).eval().requires_grad_(False)
    for name, value in made.named_parameters():
        if ".in" in f".{name}":
            value.add_(0.3 * torch.randn(value.shape))
    made.deconv3.conv2d.weight.mul_(150)
    made.deconv3.conv2d.bias.add_(120)
    return made


def expected(made, picture):
    """What the twin makes of `[H, W, 3]` in [0, 1], clipped."""
    x = torch.from_numpy(picture).permute(2, 0, 1)[None] * 255
    height, width = picture.shape[:2]
    return (made(x)[0, :, :height, :width].clamp(0, 255) / 255).permute(1, 2, 0).numpy()


def noise(height, width):
    return np.random.default_rng(1).random((height, width, 3), np.float32)


def test_they_run_as_their_own_modules_do_and_convert(tmp_path):
    made = twin()
    save_file(made.state_dict(), tmp_path / "mosaic.safetensors")
    model = load_model(tmp_path / "mosaic.safetensors", device="cpu")
    network, card = convert(tmp_path / "mosaic.safetensors")
    assert (model.name, card.name) == ("mosaic", "mosaic")
    assert card.about["family"] == "PyTorch's example, instance norm"
    save_model(tmp_path / "ours.safetensors", network, card)
    again = load_model(tmp_path / "ours.safetensors", device="cpu")
    for size in ((48, 64), (37, 50)):
        wanted = expected(made, noise(*size))
        assert wanted.std() > 0.1
        assert np.abs(model(noise(*size)) - wanted).max() < TOLERANCE
        assert np.array_equal(again(noise(*size)), model(noise(*size)))


def test_other_widths_and_numbers_of_blocks(tmp_path):
    for widths, blocks in (((2, 3, 4), 0), ((5, 4, 3), 12)):
        made = twin(widths=widths, blocks=blocks)
        save_file(made.state_dict(), tmp_path / "it")
        found = load_model(tmp_path / "it", device="cpu")(noise(40, 44))
        assert np.abs(found - expected(made, noise(40, 44))).max() < TOLERANCE


def test_prefixes_and_leftovers_of_training_do_not_matter(tmp_path):
    made = twin(blocks=2)
    wanted = expected(made, noise(36, 40))
    left_over = {
        "in1.running_mean": torch.ones(4),
        "in1.running_var": torch.ones(4),
        "res2.in2.num_batches_tracked": torch.tensor(7),
    }
    for prefix in ("", "module.", "transformer.", "_orig_mod.", "model.", "module._orig_mod.", "state_dict.net.0."):
        others = {"vgg.conv1.weight": torch.ones(3), "epoch": torch.tensor(2)} if prefix else {}
        named = {f"{prefix}{name}": value for name, value in (made.state_dict() | left_over).items()}
        save_file(named | others, tmp_path / "it")
        found = FastModel(*convert(tmp_path / "it"), device="cpu")(noise(36, 40))
        assert np.abs(found - wanted).max() < TOLERANCE, prefix


def test_tensors_that_do_not_fit_are_named(tmp_path):
    path = tmp_path / "it"
    whole = twin(blocks=2).state_dict()
    for name, value, sentence in (
        ("in2.weight", None, "tensor 'in2.weight' is missing (PyTorch's example, instance norm)"),
        ("res1.conv2.conv2d.weight", None, "tensor 'res1.conv2.conv2d.weight' is missing"),
        ("attention.weight", torch.ones(2), "tensor 'attention.weight' is not part of this family"),
        ("res7.in1.bias", torch.ones(8), "tensor 'res3.conv1.conv2d.weight' is missing"),
        ("conv2.conv2d.weight", torch.ones(6, 5, 3, 3), "is [6, 5, 3, 3], expected [any, 4, 3, 3]"),
        ("in3.bias", torch.ones(9), "in3.bias is [9], expected [8]"),
        ("in3.bias", torch.ones(8, dtype=torch.int64), "holds torch.int64, expected floats"),
        ("deconv3.conv2d.bias", torch.full((3,), torch.nan), "holds numbers that are not finite"),
        ("conv1.conv2d.weight", torch.ones(0, 3, 9, 9), "expected [0]"),
    ):
        changed = whole | ({} if value is None else {name: value})
        if value is None:
            del changed[name]
        save_file(changed, path)
        with pytest.raises(ModelError) as caught:
            load_model(path)
        assert sentence in str(caught.value)
        assert str(caught.value).startswith(f"{path}: ")
