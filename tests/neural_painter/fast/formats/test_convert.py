"""Models of others: what comes out of ours equals a slow reference of theirs; anything else is refused by name."""

import pickle

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from neural_painter.fast.files import Card, ModelError, save_model
from neural_painter.fast.formats import torch7_modules
from neural_painter.fast.formats.torch7 import TorchObject
from neural_painter.fast.model import convert, read_network
from neural_painter.fast.network import Layer, TransformNetwork, johnson
from tests.neural_painter.fast.formats.foreign_models import (
    JOHNSON,
    Johnson,
    johnson_picture,
    made,
    reflection,
    sequential,
    variables,
    variables_picture,
)
from tests.neural_painter.fast.formats.torch7_writer import table, torch7_bytes
from tests.shared_data import shared_file

TOLERANCE = 5e-5
"""Of colours in [0, 1]. Measured: 1e-5 with batch norm, 2e-6 with instance norm, 7e-6 in the TensorFlow family."""

SHORT = "c9s1-4,d6,R6,u4,c9s1-3"
"""A network of one residual block, quick to make."""


def noise(height, width):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def converted(tmp_path):
    """Writes a model, a value of Torch7 or a dictionary of tensors, and converts it."""

    def write_and_convert(model, **settings):
        if isinstance(model, dict) and "Variable" in model:
            path = tmp_path / "waves.safetensors"
            save_file(model, path)
        else:
            path = tmp_path / "waves.t7"
            path.write_bytes(model if isinstance(model, bytes) else torch7_bytes(model, **settings))
        return convert(path)

    return write_and_convert


def modules(tree, name):
    """Modules of a class, wherever they are in a tree."""
    found = [tree] if tree.class_name == name else []
    for child in tree.fields["modules"].sequence() if "modules" in tree.fields else []:
        found += modules(child, name)
    return found


def assert_same_pictures(network, model, picture):
    with torch.inference_mode():
        result = network(picture)
    expected = johnson_picture(model, picture)
    assert result.shape == expected.shape == picture.shape
    assert expected.std() > 0.1
    torch.testing.assert_close(result.double(), expected, rtol=0, atol=TOLERANCE)


# Torch7.


@pytest.mark.parametrize("size", [(61, 83), (48, 64)])
@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_published_layouts_equal_their_reference(norm, size, converted):
    model = Johnson(norm=norm)
    network, card = converted(model.checkpoint)
    architecture = network.architecture
    kept = {"norm": norm == "instance"}
    block = (Layer(8, border="none", **kept), Layer(8, border="none", relu=False, adds=True, **kept))
    assert architecture.front == 40
    assert architecture.colors == "caffe"
    assert architecture.layers == (
        Layer(4, 9, border="zeros", **kept),
        Layer(6, stride=2, border="zeros", **kept),
        Layer(8, stride=2, border="zeros", **kept),
        *block * 5,
        Layer(6, stride=2, transposed=True, border="zeros", **kept),
        Layer(4, stride=2, transposed=True, border="zeros", **kept),
        Layer(3, 9, border="zeros", norm=False, relu=False),
    )
    assert card.name == "waves"
    assert card.about["family"] == f"fast-neural-style, {norm} norm"
    assert len(card.about["sha256"]) == 64
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert_same_pictures(network, model.model, noise(*size))


def without_bias(model):
    for module in (*modules(model, "nn.SpatialConvolution"), *modules(model, "nn.SpatialFullConvolution")):
        del module.fields["bias"]


def without_scale(model):
    for module in modules(model, "nn.SpatialBatchNormalization"):
        module.fields.update(affine=False)
        del module.fields["weight"], module.fields["bias"]


def with_deviations(model):
    for module in modules(model, "nn.SpatialBatchNormalization"):
        module.fields["running_std"] = (module.fields.pop("running_var") + 1e-5) ** np.float32(-0.5)


def with_old_padding(model):
    for module in modules(model, "nn.SpatialConvolution"):
        module.fields["padding"] = module.fields.pop("padW")
        del module.fields["padH"]


def with_relu_after_sums(model):
    for module in modules(model, "nn.Sequential"):
        if module.fields["modules"][len(module.fields["modules"])].class_name == "nn.CAddTable":
            module.fields["modules"][3] = made("ReLU")


def with_other_order(model):
    for module in modules(model, "nn.ConcatTable"):
        branches = module.fields["modules"]
        branches[1], branches[2] = branches[2], branches[1]


def with_shared_norms(model):
    for module in modules(model, "nn.SpatialBatchNormalization"):
        if len(module.fields["bias"]) == 6:
            module.fields.update(modules(model, "nn.SpatialBatchNormalization")[1].fields)


def in_sequentials(model):
    inner = model.fields["modules"].sequence()
    model.fields["modules"] = table(sequential(*inner[:3], sequential(*inner[3:5])), *inner[5:])


@pytest.mark.parametrize(
    "change",
    [
        without_bias, without_scale, with_deviations, with_old_padding, with_relu_after_sums, with_other_order,
        with_shared_norms, in_sequentials,
    ],
)  # fmt: skip
def test_variants_of_modules(change, converted):
    model = Johnson(SHORT).model
    before = johnson_picture(model, noise(32, 36))
    change(model)
    network, _ = converted(table(model=model))
    assert_same_pictures(network, model, noise(32, 36))
    if change in (without_bias, without_scale, with_relu_after_sums, with_shared_norms):
        assert (johnson_picture(model, noise(32, 36)) - before).abs().max() > 0.01


@pytest.mark.parametrize("other", ["batch", "instance"])
@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("place", [1, 3, 4, 7, 8])
def test_norms_in_other_places(place, norm, other, converted):
    """After the front, after another norm, after a ReLU, before and after a block."""
    maker = Johnson(SHORT, norm=norm)
    inner = maker.model.fields["modules"].sequence()
    maker.norm = other
    channels = {1: 3, 3: 4, 4: 4}.get(place, 6)
    maker.model.fields["modules"] = table(*inner[:place], maker.normalisation(channels), *inner[place:])
    network, _ = converted(maker.model)
    assert_same_pictures(network, maker.model, noise(24, 28))


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("padding", ["reflect", "zero", "start"])
def test_borders_and_nearest_upsampling(padding, norm, converted):
    """`U2` is followed by a norm and a ReLU, without a convolution in between."""
    model = Johnson("c9s1-4,d6,R6,U2,c3s1-4,c9s1-3", norm=norm, padding=padding)
    network, _ = converted(model.checkpoint)
    assert [layer.kernel for layer in network.architecture.layers] == [9, 3, 3, 3, 1, 3, 9]
    assert network.architecture.layers[0].border == ("reflect" if padding == "reflect" else "zeros")
    assert_same_pictures(network, model.model, noise(35, 30))


def test_upsampling_before_a_convolution_is_one_layer(converted):
    model = Johnson("c9s1-4,d6,R6,U2,c3s1-4,c9s1-3", padding="reflect").model
    inner = model.fields["modules"].sequence()
    place = next(i for i, each in enumerate(inner) if each.class_name == "nn.SpatialUpSamplingNearest")
    model.fields["modules"] = table(*inner[: place + 1], *inner[place + 3 :])
    network, _ = converted(table(model=model))
    assert [layer.enlarge for layer in network.architecture.layers] == [1, 1, 1, 1, 2, 1]
    assert_same_pictures(network, model, noise(35, 30))


@pytest.mark.parametrize(
    "settings", [{"convolution": "SpatialConvolutionMM"}, {"package": "cudnn"}, {"norm": "instance"}], ids=str
)
@pytest.mark.parametrize("written", [{"cuda": True}, {"width": 4}, {"versions": False}], ids=str)
def test_other_names_and_machines(settings, written, converted):
    model = Johnson(SHORT, **settings)
    network, _ = converted(model.checkpoint, **written)
    assert_same_pictures(network, model.model, noise(24, 28))


def test_kernels_of_doubles_and_a_network_that_stands_alone(converted):
    model = Johnson(SHORT).model
    for module in modules(model, "nn.SpatialConvolution"):
        module.fields["weight"] = module.fields["weight"].astype("<f8")
    network, _ = converted(model)
    assert_same_pictures(network, model, noise(24, 28))


def test_a_converted_model_is_written_and_read_again(converted, tmp_path):
    network, card = converted(Johnson(SHORT).checkpoint)
    save_model(tmp_path / "ours.safetensors", network, card)
    again, same = read_network(tmp_path / "ours.safetensors")
    assert same == card
    torch.testing.assert_close(again(noise(24, 28)), network(noise(24, 28)), rtol=0, atol=0)
    with pytest.raises(ModelError, match=r"ours\.safetensors: is a model of ours already"):
        convert(tmp_path / "ours.safetensors")


def change(name, **fields):
    """Changes fields of the first module of a class."""

    def changing(model):
        modules(model, name)[0].fields.update(fields)

    return changing


def put(place, *others):
    """Puts other modules where one was, counted from 0."""

    def changing(model):
        inner = model.fields["modules"].sequence()
        place_ = place if place >= 0 else len(inner) + place
        model.fields["modules"] = table(*inner[:place_], *others, *inner[place_ + 1 :])

    return changing


def cyclic(model):
    model.fields["modules"][2] = model


def doubling(model):
    module = made("Identity")
    for _ in range(20):
        module = sequential(module, module)
    model.fields["modules"][2] = module


def nested(model):
    block = modules(model, "nn.ConcatTable")[0]
    block.fields["modules"][1].fields["modules"][1] = block


def longer_block(model):
    way = modules(model, "nn.ConcatTable")[0].fields["modules"][1]
    way.fields["modules"] = table(*way.fields["modules"].sequence(), *way.fields["modules"].sequence()[:1])


def norm_first_in_block(model):
    """It is not for what goes past the block, and so cannot be folded into the convolution before."""
    way = modules(model, "nn.ConcatTable")[0].fields["modules"][1]
    norm = next(each for each in way.fields["modules"].sequence() if "running_var" in each.fields)
    way.fields["modules"] = table(norm, *way.fields["modules"].sequence())
    put(6)(model)  # nor is there a ReLU between the two


def no_sum(model):
    del modules(model, "nn.Sequential")[1].fields["modules"][2]


REFUSED = [
    (put(1, made("SpatialDilatedConvolution")), "nn.SpatialDilatedConvolution: a module that is not known"),
    (put(1, TorchObject("os.execute")), "os.execute: a module that is not known"),
    (put(1, TorchObject("Tanh")), "Tanh: a module that is not known"),
    (put(1), "nn.SpatialBatchNormalization: running_var is [4], expected [3]"),
    (put(3, reflection(1)), "nn.SpatialConvolution: comes after a padding of 1, expected a convolution that needs it"),
    (put(3, reflection(1), made("ReLU")), "nn.ReLU: comes after a padding of 1"),
    (put(0), "the layers take 4 pixels of the picture's border with them"),
    (put(-1, made("ReLU")), "nn.ReLU: comes after nn.MulConstant, expected the end"),
    (put(-3), "nn.MulConstant: expected once, after nn.Tanh"),
    (put(-2), "ends in nn.TotalVariation, expected nn.Tanh and nn.MulConstant"),
    (put(-4), "a picture must come out"),
    (change("nn.MulConstant", constant_scalar=100), "nn.MulConstant: multiplies by 100, expected 150"),
    (change("nn.MulConstant", constant_scalar="much"), "nn.MulConstant: multiplies by 'much', expected 150"),
    (change("nn.SpatialReflectionPadding", pad_l=7), "pad_l, pad_r, pad_t, pad_b are 7, 4, 4, 4, expected the same"),
    (change("nn.SpatialReflectionPadding", pad_l=-1), "nn.SpatialReflectionPadding: pad_l is -1, expected a small"),
    (change("nn.SpatialConvolution", kW=7), "nn.SpatialConvolution: kW, kH are 7, 9, expected the same in all"),
    (change("nn.SpatialConvolution", dW=None, dH=3), "nn.SpatialConvolution: dW, dH are 1, 3"),
    (change("nn.SpatialConvolution", dW=3, dH=3), "layer 0: stride is 3, expected 1 to 2"),
    (change("nn.SpatialConvolution", padW=2, padH=2), "nn.SpatialConvolution: lays 2 zeros around, expected 0 or 4"),
    (change("nn.SpatialConvolution", kW=2.5), "nn.SpatialConvolution: kW is 2.5, expected a small whole number"),
    (change("nn.SpatialConvolution", kW=True), "nn.SpatialConvolution: kW is True"),
    (change("nn.SpatialConvolution", groups=2), "nn.SpatialConvolution: its channels are in groups"),
    (change("nn.SpatialConvolution", weight=None), "nn.SpatialConvolution: weight is missing or holds no floats"),
    (change("nn.SpatialConvolution", weight=np.zeros((4, 3, 9, 9), "<i4")), "weight is missing or holds no floats"),
    (change("nn.SpatialConvolution", weight=np.zeros((4, 2, 9, 9), "<f4")), "[4, 2, 9, 9], expected [4, 3, 9, 9]"),
    (change("nn.SpatialConvolution", weight=np.zeros((4, 99), "<f4")), "weight is [4, 99], expected [4, 243]"),
    (change("nn.SpatialConvolution", weight=np.ones(5, "<f4")), "weight is [5], expected [5, 3, 9, 9]"),
    (change("nn.SpatialConvolution", weight=np.full((4, 3, 9, 9), np.nan, "<f4")), "0.weight holds numbers that are"),
    (change("nn.SpatialConvolution", bias=np.zeros(5, "<f4")), "nn.SpatialConvolution: bias is [5], expected [4]"),
    (change("nn.SpatialConvolution", bias=np.full(4, 1e300)), "0.bias holds numbers that are not finite"),
    (change("nn.SpatialFullConvolution", adjW=0, adjH=0), "pads 1 and adjusts 0, expected 1 and 1"),
    (change("nn.SpatialFullConvolution", padW=0, padH=0), "pads 0 and adjusts 1, expected 1 and 1"),
    (change("nn.SpatialFullConvolution", weight=np.zeros((4, 6, 3, 3), "<f4")), "expected [6, 6, 3, 3]"),
    (change("nn.SpatialBatchNormalization", eps="small"), "nn.SpatialBatchNormalization: eps is 'small'"),
    (change("nn.SpatialBatchNormalization", running_var=np.full(4, -1, "<f4")), "0.weight holds numbers that are not"),
    (change("nn.SpatialBatchNormalization", running_mean=None), "running_mean is missing"),
    (change("nn.ShaveImage", size=1), "nn.ShaveImage: takes 1 pixels away, expected 2 as the convolutions beside it"),
    (change("nn.ConcatTable", modules=table(made("Identity"))), "nn.ConcatTable: expected an nn.Sequential beside"),
    (change("nn.ConcatTable", modules=None), "nn.ConcatTable: holds no modules"),
    (change("nn.Sequential", modules=table(1, 2)), "nn.Sequential: holds no modules"),
    (cyclic, "holds more than 1000 modules"),
    (doubling, "holds more than 1000 modules"),
    (nested, "nn.ConcatTable: lies inside another, expected none there"),
    (longer_block, "nn.ConcatTable: holds 3 convolutions, expected 2"),
    (norm_first_in_block, "nn.ConcatTable: holds 3 convolutions, expected 2"),
    (no_sum, "nn.SpatialFullConvolution: comes after nn.ConcatTable, expected nn.CAddTable"),
]


@pytest.mark.parametrize(("changing", "sentence"), REFUSED, ids=[sentence for _, sentence in REFUSED])
def test_what_cannot_be_followed_is_refused_by_name(changing, sentence, converted):
    model = Johnson(SHORT).model
    changing(model)
    with pytest.raises(ModelError) as caught:
        converted(table(model=model))
    assert sentence in str(caught.value)
    assert str(caught.value).count("\n") == 0
    assert caught.value.exit_status == 4


def test_norms_must_agree_on_epsilon(converted):
    model = Johnson(SHORT, norm="instance").model
    modules(model, "nn.InstanceNormalization")[2].fields["eps"] = 1e-3
    with pytest.raises(ModelError, match=r"eps is 0\.001, expected 1e-05 as in the norms before"):
        converted(model)


def test_kernels_that_share_their_numbers_do_not_fill_the_memory(converted, monkeypatch):
    monkeypatch.setattr(torch7_modules, "MOST_WEIGHTS", 3000)
    with pytest.raises(ModelError, match="larger than any model"):
        converted(Johnson(SHORT).checkpoint)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (table(opt=table()), "without a model of a style"),
        (table(model=table()), "without a model of a style"),
        (table(model=TorchObject("nn.gModule")), "without a model of a style"),
        (table(1, 2), "without a model of a style"),
        (3.5, "without a model of a style"),
        (np.zeros(3, "<f4"), "without a model of a style"),
        (
            table(model=Johnson(SHORT).model, opt=table(preprocessing="resnet")),
            "takes pictures prepared as 'resnet', expected 'vgg'",
        ),
    ],
)
def test_files_of_torch7_without_a_style(value, sentence, converted):
    with pytest.raises(ModelError, match=sentence):
        converted(value)


def test_checkpoints_cut_short(converted):
    data = torch7_bytes(Johnson(SHORT).checkpoint)
    for length in range(0, len(data), 997):
        with pytest.raises(ModelError):
            converted(data[:length])


# The TensorFlow family.


@pytest.mark.parametrize("size", [(61, 83), (44, 48), (45, 46)])
def test_tensors_equal_their_reference(size, converted):
    tensors, picture = variables(), noise(*size)
    network, card = converted(tensors)
    assert len(network.architecture.layers) == 16
    assert card.name == "waves"
    with torch.inference_mode():
        result = network(picture)[0].permute(1, 2, 0).numpy()
    expected = variables_picture(tensors, picture[0].permute(1, 2, 0).numpy())
    assert result.shape == expected.shape == (*size, 3)
    assert expected.std() > 0.1
    np.testing.assert_allclose(result, expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(
    "name", ["la_muse", pytest.param("wave", marks=pytest.mark.slow), pytest.param("scream", marks=pytest.mark.slow)]
)
def test_published_tensors_equal_their_reference(name):
    path = shared_file(f"fast_style/lengstrom_{name}.safetensors")
    network, _ = convert(path)
    picture = noise(42, 45)
    with torch.inference_mode():
        result = network(picture)[0].permute(1, 2, 0).numpy()
    expected = variables_picture(load_file(path), picture[0].permute(1, 2, 0).numpy())
    np.testing.assert_allclose(result, expected, rtol=0, atol=TOLERANCE)


def test_other_widths_and_numbers_of_blocks(converted):
    network, _ = converted(variables((2, 3, 4), blocks=1))
    assert len(network.architecture.layers) == 8
    network, _ = converted(variables((2, 3, 4), blocks=0))
    assert len(network.architecture.layers) == 6


def with_tensor(name, *sizes, dtype=np.float32, value=1):
    return lambda tensors: tensors | {name: np.full(sizes, value, dtype)}


def without(*names):
    return lambda tensors: {name: value for name, value in tensors.items() if name not in names}


@pytest.mark.parametrize(
    ("changing", "sentence"),
    [
        (without("Variable_47"), "holds tensors, but not those of a known family"),
        (without("Variable_45", "Variable_46", "Variable_47"), "holds tensors, but not those of a known family"),
        (with_tensor("beta1_power", 1), "holds tensors, but not those of a known family"),
        (with_tensor("Variable", 9, 9, 3), "Variable is [9, 9, 3], expected [9, 9, 3, any]"),
        (with_tensor("Variable", 7, 7, 3, 4), "Variable is [7, 7, 3, 4], expected [9, 9, 3, any]"),
        (with_tensor("Variable_3", 3, 3, 5, 6), "Variable_3 is [3, 3, 5, 6], expected [3, 3, 4, any]"),
        (with_tensor("Variable_39", 3, 3, 8, 6), "Variable_39 is [3, 3, 8, 6], expected [3, 3, any, 8]"),
        (with_tensor("Variable_5", 7), "Variable_5 is [7], expected [6]"),
        (with_tensor("Variable_4", 6, 1), "Variable_4 is [6, 1], expected [6]"),
        (with_tensor("Variable_5", 6, dtype=np.int32), "1.scale holds torch.int32, expected floats"),
        (with_tensor("Variable_4", 6, value=np.inf), "1.shift holds numbers that are not finite"),
        (with_tensor("Variable_9", 3, 3, 8, 0), "Variable_10 is [8], expected [0]"),
        (lambda tensors: tensors | dict.fromkeys(("Variable_4", "Variable_5"), np.ones(7, np.float32)) | {
            "Variable_3": np.ones((3, 3, 4, 7), np.float32)
         },
         "Variable_6 is [3, 3, 6, 8], expected [3, 3, 7, any]"),
    ],
)  # fmt: skip
def test_tensors_that_do_not_fit(changing, sentence, converted):
    with pytest.raises(ModelError) as caught:
        converted(changing(variables()))
    assert sentence in str(caught.value)


def test_blocks_must_keep_the_number_of_channels(converted):
    tensors = variables((4, 6, 8), blocks=1)
    tensors["Variable_12"] = np.ones((3, 3, 8, 5), np.float32)
    tensors["Variable_13"] = tensors["Variable_14"] = np.ones(5, np.float32)
    tensors["Variable_15"] = np.ones((3, 3, 6, 5), np.float32)
    with pytest.raises(ModelError, match="layer 4 cannot add what went into the layer before it"):
        converted(tensors)


# Neither.


def test_other_files(tmp_path):
    path = tmp_path / "model"
    for data, sentence, hint in (
        (b"<html>404", "is a web page (HTML), expected a model of a style", "Known: .t7"),
        (b"not found", "is a text, expected a model of a style", "Known: .t7"),
        (pickle.dumps({"model": 1}), "is a pickle, expected a model of a style", "may run any program"),
        (b"PK\3\4" + 26 * b"\0" + b"archive/data.pkl", "is a pickle, expected a model", "saved as safetensors"),
        (b"PK\3\4" + 26 * b"\0" + b"readme.txt", "is a ZIP archive, expected a model", "Known: .t7"),
        (b"\x08\x07\x12\0\0", "is a model in ONNX, which is run as it is, and not converted", ""),
        (b"\x05\0\0\0\0\0\0\0{abcd", "not a model of a style (damaged safetensors)", ""),
        (b"\x02\0\0\0\0\0\0\0{}", "is a file of tensors (safetensors), expected", "Known: .t7"),
        (b"4\n1\n3\nV 1\n", "an ASCII file of Torch7", ""),
        (b"", "is empty", ""),
    ):
        path.write_bytes(data)
        with pytest.raises(ModelError) as caught:
            convert(path)
        assert str(caught.value).startswith(f"{path}: {sentence}")
        assert hint in (caught.value.hint or "")


def test_no_file(tmp_path):
    with pytest.raises(ModelError, match="no such file"):
        convert(tmp_path / "none")
    with pytest.raises(ModelError, match="is a folder"):
        convert(tmp_path)


def test_our_own_models_are_said_to_be_ours(tmp_path):
    save_model(tmp_path / "a.safetensors", TransformNetwork(johnson(2, 1)), Card("a"))
    with pytest.raises(ModelError, match=r"a\.safetensors: is a model of ours already, and needs no converting"):
        convert(tmp_path / "a.safetensors")


def test_the_layout_of_the_tests_is_the_published_one():
    assert [word.rpartition("-")[0] or word[0] for word in JOHNSON.split(",")] == [
        "c9s1", "d", "d", "R", "R", "R", "R", "R", "u", "u", "c9s1",
    ]  # fmt: skip
