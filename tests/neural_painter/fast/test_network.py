"""The feed-forward network: which descriptions are networks, and what those make of pictures."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from neural_painter.fast import network as module
from neural_painter.fast.network import (
    BORDERS,
    Architecture,
    Layer,
    TransformNetwork,
    convolve,
    cropped,
    johnson,
    same_zeros,
    transposed_first,
)
from tests.each import each
from tests.neural_painter.fast.network_samples import (
    ARCHITECTURES,
    convolution,
    filled,
    forward,
    noise,
    reference,
    torch7_like,
    transposed,
    variables_like,
)

LAST = Layer(3, norm=False, relu=False)

# Descriptions


def architecture(*layers, **options):
    return Architecture((*layers, LAST), **options)


def half(**options):
    """Loses half a pixel of the picture on each side."""
    return Layer(4, 3, enlarge=2, stride=2, border="none", **options)


@each(
    "made, message",
    [
        (lambda: Architecture(()), "expected 1 to 64 layers, got 0"),
        (lambda: Architecture((LAST,) * 65), "expected 1 to 64 layers, got 65"),
        (lambda: architecture(colors="rgb"), "colors are 'rgb', expected one of centred, raw, caffe"),
        (lambda: architecture(colors=["raw"]), "colors are ['raw'], expected one of centred, raw, caffe"),
        (lambda: architecture(colors=None), "colors are None, expected one of centred, raw, caffe"),
        (lambda: architecture(ending="sigmoid"), "ending is 'sigmoid', expected one of tanh, linear"),
        (lambda: architecture(ending=[]), "ending is [], expected one of tanh, linear"),
        (lambda: architecture(front=-1), "front is -1, expected 0 to 512"),
        (lambda: architecture(front=513), "front is 513, expected 0 to 512"),
        (lambda: architecture(front=1.0), "front is 1.0, expected 0 to 512"),
        (lambda: architecture(front=True), "front is True, expected 0 to 512"),
        (lambda: architecture(epsilon=0.0), "epsilon is 0.0, expected 1e-12 to 1"),
        (lambda: architecture(epsilon=1.5), "epsilon is 1.5, expected 1e-12 to 1"),
        (lambda: architecture(epsilon=float("nan")), "epsilon is nan, expected 1e-12 to 1"),
        (lambda: architecture(epsilon="1e-5"), "epsilon is '1e-5', expected 1e-12 to 1"),
        (lambda: architecture(Layer(0)), "layer 0: channels is 0, expected 1 to 1024"),
        (lambda: architecture(Layer(1025)), "layer 0: channels is 1025, expected 1 to 1024"),
        (lambda: architecture(Layer(3.0)), "layer 0: channels is 3.0, expected 1 to 1024"),
        (lambda: architecture(Layer(True)), "layer 0: channels is True, expected 1 to 1024"),
        (lambda: architecture(Layer(4), Layer(4, 33)), "layer 1: kernel is 33, expected 1 to 31"),
        (lambda: architecture(Layer(4, 4)), "layer 0: kernel is 4, expected an odd number"),
        (lambda: architecture(Layer(4, stride=3)), "layer 0: stride is 3, expected 1 to 2"),
        (lambda: architecture(Layer(4, enlarge=4)), "layer 0: enlarge is 4, expected 1 to 2"),
        (
            lambda: architecture(Layer(4, border="valid")),
            "layer 0: border is 'valid', expected one of reflect, zeros, same, none",
        ),
        (
            lambda: architecture(Layer(4, border=[])),
            "layer 0: border is [], expected one of reflect, zeros, same, none",
        ),
        (lambda: architecture(Layer(4, transposed=1)), "layer 0: transposed is 1, expected true or false"),
        (lambda: architecture(Layer(4, norm=None)), "layer 0: norm is None, expected true or false"),
        (lambda: architecture(Layer(4, relu="yes")), "layer 0: relu is 'yes', expected true or false"),
        (lambda: architecture(Layer(4, adds=0)), "layer 0: adds is 0, expected true or false"),
        (lambda: architecture(Layer(3, adds=True)), "layer 0 cannot add what went into the layer before it"),
        (lambda: architecture(Layer(4), Layer(4, adds=True)), "layer 1 cannot add what went into the layer before it"),
        (
            lambda: architecture(Layer(4), Layer(4), Layer(4, stride=2, adds=True), Layer(4, enlarge=2)),
            "layer 2 cannot add what went into the layer before it",
        ),
        (
            lambda: architecture(Layer(4), Layer(4, stride=2), Layer(4, adds=True), Layer(4, enlarge=2)),
            "layer 2 adds across a layer that changes the size",
        ),
        (
            lambda: architecture(*[Layer(1, stride=2)] * 7, *[Layer(1, enlarge=2)] * 7),
            "layer 6 is 0.0078125 times as large as the picture, expected 1/64 to 4",
        ),
        (
            lambda: architecture(*[Layer(1, enlarge=2)] * 3, *[Layer(1, stride=2)] * 3),
            "layer 2 is 8 times as large as the picture, expected 1/64 to 4",
        ),
        (lambda: Architecture((Layer(4),)), "a picture must come out: three channels, of the size that went in"),
        (
            lambda: architecture(Layer(4, stride=2)),
            "a picture must come out: three channels, of the size that went in",
        ),
        (
            lambda: architecture(Layer(4, enlarge=2)),
            "a picture must come out: three channels, of the size that went in",
        ),
        (
            lambda: architecture(half(), front=2),
            "the layers take 0.5 pixels of the border with them, expected whole ones",
        ),
        (
            lambda: architecture(Layer(4, 5, border="none")),
            "the layers take 2 pixels of the picture's border with them",
        ),
        (
            lambda: replace(torch7_like(), front=3),
            "the layers take 5 pixels of the picture's border with them",
        ),
    ],
)
def test_what_is_no_network_is_refused_with_the_reason(made, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        made()
    assert str(caught.value) == message


@each(
    "options",
    [
        {"stride": 2},  # reflects
        {"stride": 2, "border": "none"},
        {"enlarge": 2, "border": "zeros"},
        {"stride": 2, "kernel": 1, "border": "same"},
    ],
)
def test_transposed_convolutions_of_other_kinds_are_refused(options):
    with pytest.raises(ValueError, match=r"^layer 1: a transposed convolution of this kind is not known$"):
        architecture(Layer(4, stride=2), Layer(4, transposed=True, **options))


def test_limits_themselves_are_allowed():
    Architecture((*[Layer(1)] * 63, LAST), front=512, epsilon=1.0)
    architecture(Layer(1024, 31), epsilon=1e-12)
    architecture(*[Layer(1, stride=2)] * 6, *[Layer(1, enlarge=2)] * 6)
    architecture(*[Layer(1, enlarge=2)] * 2, *[Layer(1, stride=2)] * 2)
    assert architecture(half(), half(), front=1).offset == 0


@each("name", ARCHITECTURES)
def test_a_description_survives_json(name):
    original = ARCHITECTURES[name]
    assert Architecture.from_json(json.loads(json.dumps(original.as_json()))) == original


GOOD = {"layers": [{"channels": 3, "norm": False}], "front": 0, "colors": "raw", "epsilon": 1e-5}


@each(
    "value",
    [
        None,
        0,
        "layers",
        [],
        {},
        [GOOD],
        {**GOOD, "layers": None},
        {**GOOD, "layers": 7},
        {**GOOD, "layers": "abc"},
        {**GOOD, "layers": {"channels": 3}},
        {**GOOD, "layers": [3]},
        {**GOOD, "layers": [[["channels", 3]]]},
        {**GOOD, "layers": [{}]},
        {**GOOD, "layers": [{"channels": 3, "dilation": 2}]},
        {**GOOD, "layers": [{"channels": {}}]},
        {**GOOD, "layers": [{"channels": 10**400}]},
        {**GOOD, "layers": [{"channels": 3, "border": {}}]},
        {**GOOD, "layers": []},
        {**GOOD, "colors": {}},
        {**GOOD, "colors": "x" * 10**6},
        {**GOOD, "front": "0"},
        {**GOOD, "front": 1e9},
        {**GOOD, "epsilon": 1},
        {**GOOD, "layers": [{"x" * 10**6: 3}]},
        {name: value for name, value in GOOD.items() if name != "epsilon"},
    ],
)
def test_hostile_json_is_no_description(value):
    with pytest.raises(ValueError, match=r"\A.{1,200}\Z"):
        Architecture.from_json(value)


def test_good_json_is_one():
    assert Architecture.from_json(GOOD) == Architecture((Layer(3, norm=False),), colors="raw")
    assert Architecture.from_json({**GOOD, "more": 1}) == Architecture.from_json(GOOD)


def test_our_network_is_that_of_the_paper():
    """1 679 235 weights with a bias in every convolution, as it is usually built; ours has none before a norm."""
    made = johnson()
    assert [layer.channels for layer in made.layers] == [32, 64, 128, *[128] * 10, 64, 32, 3]
    assert [layer.kernel for layer in made.layers] == [9, *[3] * 14, 9]
    assert [index for index, layer in enumerate(made.layers) if layer.adds] == [4, 6, 8, 10, 12]
    assert [index for index, layer in enumerate(made.layers) if not layer.relu] == [4, 6, 8, 10, 12, 15]
    assert [index for index, layer in enumerate(made.layers) if not layer.norm] == [15]
    assert (made.stride, made.offset, made.least, made.front) == (4, 0, 5, 0)
    with torch.device("meta"):
        count = sum(value.numel() for value in TransformNetwork(made).parameters())
    assert count == 1_679_235 - (32 + 64 + 128 + 10 * 128 + 64 + 32)


def test_stride_offset_and_least():
    found = {name: (made.stride, made.offset, made.least) for name, made in ARCHITECTURES.items()}
    assert found == {
        "ours": (4, 0, 5),
        "ours, no blocks": (4, 0, 5),
        "torch7": (4, 4, 13),
        "torch7, no rest": (4, 0, 9),
        "variables": (4, 6, 7),
        "enlarged first": (1, 2, 4),
        "adds the picture": (2, 0, 3),
        "linear": (4, 0, 5),
        "linear, centred": (1, 0, 2),
        "one pixel": (1, 0, 2),
    }
    assert architecture(Layer(4, 31)).least == 16
    assert architecture(Layer(4, stride=2), Layer(4, 31), Layer(4, enlarge=2)).least == 31
    assert architecture(Layer(4, 31, enlarge=2), Layer(4, stride=2)).least == 8


# What it makes of pictures


@each("name", ARCHITECTURES)
@each("size", [(17, 22), (20, 13), None])
def test_the_network_is_its_definition(name, size):
    network = filled(ARCHITECTURES[name])
    picture = noise(*(size or (network.architecture.least,) * 2))
    expected = reference(network, picture)
    found = forward(network, picture)
    assert found.shape == picture.shape
    assert np.abs(found - expected).max() < 1e-5  # measured: 2.7e-6
    exact = forward(network.double(), picture)
    assert np.abs(exact - expected).max() < 1e-13  # measured: 6e-15
    assert expected.std() > 0.1  # it is a picture that is compared, not grey


@each("name", ["ours", "torch7", "variables"])
def test_each_picture_of_a_batch_is_by_itself(name):
    network, pictures = filled(ARCHITECTURES[name]), [noise(16, 19, seed) for seed in (1, 2)]
    both = network(torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
    for picture, found in zip(pictures, both, strict=True):
        assert np.abs(found - forward(network, picture)).max() < 1e-5


@each("name", ARCHITECTURES)
def test_a_picture_that_is_too_small_for_torch_is_too_small_by_the_description(name):
    """One pixel less than `least` fails in the networks whose borders reflect that far; `least` itself never does."""
    network = filled(ARCHITECTURES[name])
    least = network.architecture.least
    assert np.isfinite(forward(network, noise(least, least))).all()
    if name in ("ours", "ours, no blocks", "torch7", "torch7, no rest", "variables", "enlarged first"):
        with pytest.raises(RuntimeError, match="Padding size should be less than"):
            forward(network, noise(least - 1, 2 * least))


TINY = {
    "ours": Architecture(
        (Layer(2, 3), Layer(2, stride=2), Layer(2), Layer(2, relu=False, adds=True), Layer(2, enlarge=2), LAST)
    ),
    "others": Architecture(
        (
            Layer(2, stride=2, border="zeros", norm=False),
            Layer(2, border="none"),
            Layer(2, border="none", relu=False, adds=True),
            Layer(9, stride=2, transposed=True, border="zeros", norm=False),
            Layer(3, border="same", relu=False),
        ),
        front=4,
        colors="caffe",
    ),
}


@pytest.mark.parametrize("name", TINY)
def test_gradients_are_slopes(name):
    """Of pictures and of each layer's weights, in float64, against differences along random directions."""
    network = filled(TINY[name]).double().requires_grad_(True)
    picture = torch.from_numpy(noise(6, 7).astype(np.float64)).permute(2, 0, 1)[None].requires_grad_()
    leaves = {"picture": picture, **dict(network.named_parameters())}
    along = torch.linspace(-1, 1, picture.numel(), dtype=torch.float64).reshape(picture.shape)
    gradients = torch.autograd.grad((network(picture) * along).sum(), list(leaves.values()))
    generator = torch.Generator().manual_seed(0)
    for (leaf_name, leaf), gradient in zip(leaves.items(), gradients, strict=True):
        size = 1e-6 * float(leaf.detach().abs().mean())
        step = size * torch.randn(leaf.shape, generator=generator, dtype=torch.float64)
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                leaf.add_(sign * step)
                values.append((network(picture) * along).sum())
                leaf.sub_(sign * step)
        slope, expected = float(values[0] - values[1]) / 2 / size, float((gradient * step).sum()) / size
        assert slope == pytest.approx(expected, rel=2e-6, abs=1e-12), leaf_name  # measured: 3e-7
        # A shift of whole channels before a convolution with a norm changes nothing, where no border shows.
        assert gradient.abs().max() > 0.01 or (name, leaf_name) == ("ours", "3.shift")


def one_pixel(colors, weight, bias):
    network = TransformNetwork(Architecture((Layer(3, 1, norm=False, relu=False),), colors=colors)).requires_grad_(
        False
    )
    network.part(0).weight.copy_(torch.tensor(weight)[:, :, None, None])
    network.part(0).bias.copy_(torch.tensor(bias))
    return network


SWAP = [[0.01, 0, 0], [0, 0, 0.01], [0, 0, 0]]
"""The first channel stays, the third becomes the second, and the third what the bias says."""


@each(
    "colors, expected",
    [
        # Red 255, green 127.5, blue 0. Centred: 127.5, 0, -127.5. First 1.275, second -1.275.
        ("centred", [127.5 + 150 * np.tanh(1.275), 127.5 + 150 * np.tanh(-1.275), 127.5 + 150 * np.tanh(0.5)]),
        # Raw: 255, 127.5, 0.
        ("raw", [127.5 + 150 * np.tanh(2.55), 127.5, 127.5 + 150 * np.tanh(0.5)]),
        # Blue comes first: -103.939, 10.721, 131.32; and goes out first.
        (
            "caffe",
            [123.68 + 150 * np.tanh(0.5), 116.779 + 150 * np.tanh(1.3132), 103.939 + 150 * np.tanh(-1.03939)],
        ),
    ],
)
def test_colours_by_hand(colors, expected):
    network = one_pixel(colors, SWAP, [0.0, 0.0, 0.5])
    picture = torch.tensor([1.0, 0.5, 0.0])[:, None, None].expand(1, 3, 2, 3)
    found = network(picture)
    assert found.shape == (1, 3, 2, 3)
    for place in found[0].flatten(1).T:
        assert (255 * place).tolist() == pytest.approx(expected, abs=1e-3)


def test_a_new_network_begins_with_grey():
    torch.manual_seed(0)
    network = TransformNetwork(johnson(4, 1))
    picture = forward(network, noise(24, 24))
    assert np.abs(picture - 0.5).max() < 0.25  # measured: 0.13
    assert picture.std() > 0.01


# One layer


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("kernel", "enlarge"), [(1, 1), (3, 1), (5, 2)])
def test_few_channels_are_convolved_like_many(border, stride, kernel, enlarge, monkeypatch):
    layer = Layer(3, kernel, stride=stride, enlarge=enlarge, border=border, norm=False)
    generator = torch.Generator().manual_seed(0)
    weight, bias = (torch.randn(size, generator=generator) for size in ((3, 5, kernel, kernel), (3,)))
    x = torch.rand(2, 5, 8, 11, generator=generator)
    results = []
    for few in (0, 8):
        monkeypatch.setattr(module, "FEW", few)
        part = torch.nn.Module()
        part.weight, part.bias = torch.nn.Parameter(weight.clone()), torch.nn.Parameter(bias.clone())
        leaf = x.clone().requires_grad_()
        y = convolve(part, layer, leaf)
        assert y.is_contiguous()
        (y * torch.linspace(-1, 1, y.shape[3])).square().sum().backward()
        results.append((y.detach(), leaf.grad, part.weight.grad, part.bias.grad))
    for plain, few in zip(*results, strict=True):
        assert (plain - few).abs().max() < 5e-6 * plain.abs().max()  # measured: 5e-7
    expected = convolution(x[0].permute(1, 2, 0).numpy(), layer, weight.numpy().astype(np.float64)) + bias.numpy()
    assert np.abs(results[0][0][0].permute(1, 2, 0).numpy() - expected).max() < 2e-5  # measured: 3e-6


@each("border", ["zeros", "same"])
@each("kernel, stride", [(1, 1), (3, 1), (3, 2), (5, 2), (9, 2)])
def test_transposed_layers_against_a_loop(border, kernel, stride):
    layer = Layer(2, kernel, stride, transposed=True, border=border, norm=False)
    part = torch.nn.Module()
    generator = torch.Generator().manual_seed(0)
    part.weight = torch.randn(4, 2, kernel, kernel, generator=generator, dtype=torch.float64)
    part.bias = torch.tensor([0.5, -2.0], dtype=torch.float64)
    x = torch.rand(1, 4, 5, 6, generator=generator, dtype=torch.float64)
    found = convolve(part, layer, x)[0].permute(1, 2, 0).numpy()
    expected = transposed(x[0].permute(1, 2, 0).numpy(), layer, part.weight.numpy()) + part.bias.numpy()
    assert found.shape == (5 * stride, 6 * stride, 2)
    assert np.abs(found - expected).max() < 1e-12
    if border == "zeros":  # torch's own words for it
        outside = stride - 1 if kernel > 1 else 0
        own = F.conv_transpose2d(x, part.weight, part.bias, stride, kernel // 2, outside)
        assert np.abs(found - own[0].permute(1, 2, 0).numpy()).max() < 1e-12


@each(
    "size, kernel, stride, expected",
    [(6, 3, 2, (0, 1)), (7, 3, 2, (1, 1)), (6, 9, 1, (4, 4)), (6, 1, 2, (0, 0)), (1, 5, 2, (2, 2)), (8, 5, 2, (1, 2))],
)
def test_zeros_as_tensorflow_lays_them(size, kernel, stride, expected):
    assert same_zeros(size, Layer(1, kernel, stride, border="same")) == expected


@each(
    "border, kernel, stride, expected",
    [
        ("zeros", 3, 2, 1),
        ("same", 3, 2, 0),
        ("same", 5, 2, 1),
        ("zeros", 5, 2, 2),
        ("same", 3, 1, 1),
        ("zeros", 1, 1, 0),
    ],
)
def test_where_a_transposed_convolution_begins(border, kernel, stride, expected):
    assert transposed_first(Layer(1, kernel, stride, transposed=True, border=border)) == expected


def test_cropped_is_the_middle():
    x = torch.arange(30).reshape(1, 1, 5, 6)
    assert torch.equal(cropped(x, 3, 4), x[:, :, 1:4, 1:5])
    assert torch.equal(cropped(x, 2, 3), x[:, :, 1:3, 1:4])
    assert torch.equal(cropped(x, 5, 6), x)


def test_families_have_norm_after_the_last_layer_or_not():
    names = [set(dict(filled(made).part(7).named_parameters())) for made in (torch7_like(), variables_like())]
    assert names == [{"weight", "bias"}, {"weight", "scale", "shift"}]
