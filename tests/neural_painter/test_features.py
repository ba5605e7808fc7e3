"""VGG features: against torchvision, by hand, on any size; files that are not weights; the download, from a file."""

import hashlib
import http.client
import math
import os
import struct
import sys
import urllib.error
import urllib.request
import zipfile
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load, save
from torch import nn
from torchvision.models import VGG19_Weights, vgg

from neural_painter.features import (
    KEYS,
    LAYERS,
    Features,
    FeaturesError,
    cache_folder,
    download,
    load_features,
    loading,
    vgg19_file,
)
from tests.each import each
from tests.neural_painter.one_thread import one_thread

__all__ = ["one_thread"]

WIDTHS = (2, 5, 3, 4, 6, 2, 3, 5, 4, 3, 2, 6, 5)
SIZES = [(1, 1), (1, 5), (5, 1), (2, 7), (3, 3), (16, 16), (17, 31), (33, 20)]
MEAN = torch.tensor([0.485, 0.456, 0.406])[:, None, None]


def noise(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def narrow(widths=WIDTHS, *, preprocess=False):
    """Random weights of a VGG-19 of any widths, most of whose activations are not zero."""
    weights, channels = {}, 3
    for seed, (key, width) in enumerate(zip(KEYS, widths, strict=True)):
        weights[f"{key}.weight"] = (noise(width, channels, 3, 3, seed=seed) - 0.35) / channels
        weights[f"{key}.bias"] = noise(width, seed=seed) / 10
        channels = width
    if preprocess:
        weights["preprocess.weight"] = noise(3, 3, 1, 1, seed=50)
        weights["preprocess.bias"] = noise(3, seed=51) - 0.5
    return weights


def identity():
    """Weights that leave a picture as it is, so that only pooling changes it."""
    weights = {"preprocess.weight": torch.eye(3)[:, :, None, None], "preprocess.bias": torch.zeros(3)}
    for key in KEYS:
        weights[f"{key}.weight"] = F.pad(torch.eye(3)[:, :, None, None], (1, 1, 1, 1))
        weights[f"{key}.bias"] = torch.zeros(3)
    return weights


def size_at(layer, height, width):
    halvings = int(layer[4]) - 1
    return max(1, height >> halvings), max(1, width >> halvings)


def activations(network, picture):
    """What torchvision's `Sequential` gives after each ReLU, by our names."""
    names, found, x = (
        {int(key.removeprefix("features.")) + 1: layer for layer, key in zip(LAYERS, KEYS, strict=True)},
        {},
        picture,
    )
    for index, step in enumerate(network):
        x = step(x)
        if index in names:
            found[names[index]] = x.clone()
    return found


# --- the network


def test_layers_are_those_of_torchvision():
    names, convolutions, block, number = [], [], 1, 1
    for index, step in enumerate(vgg.make_layers([2 if isinstance(w, int) else w for w in vgg.cfgs["E"]])):
        if isinstance(step, nn.Conv2d):
            names.append(f"relu{block}_{number}")
            convolutions.append(index)
            number += 1
        elif isinstance(step, nn.MaxPool2d):
            block, number = block + 1, 1
    assert tuple(names[: len(LAYERS)]) == LAYERS
    assert tuple(f"features.{place}" for place in convolutions[: len(LAYERS)]) == KEYS
    assert LAYERS[-1] == "relu5_1"


def test_agrees_with_torchvision():
    """At full width. Its first layer pads with zeros, ours with the picture: framed in the mean colour, both do."""
    torch.manual_seed(0)
    network = vgg.make_layers(vgg.cfgs["E"])
    ours = Features({f"features.{name}": value for name, value in network.state_dict().items()})
    assert ours.widths == tuple(width for width in vgg.cfgs["E"] if isinstance(width, int))[: len(LAYERS)]
    picture = MEAN.repeat(2, 1, 32, 32)
    picture[:, :, 1:-1, 1:-1] = noise(2, 3, 30, 30)
    with torch.no_grad():
        normal = (picture - MEAN) / torch.tensor([0.229, 0.224, 0.225])[:, None, None]
        want, got = activations(network, normal), ours(picture, LAYERS)
    assert set(got) == set(LAYERS)
    for layer in LAYERS:
        assert got[layer].shape == want[layer].shape
        assert float((got[layer] - want[layer]).abs().max() / want[layer].abs().max()) < 2e-5, layer  # measured: 3e-6


def test_only_the_first_layer_pads_otherwise_than_torchvision():
    weights, picture = narrow(), noise(1, 3, 12, 14)
    normal = (picture - MEAN) / torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    first, second = ((weights[f"features.{n}.weight"], weights[f"features.{n}.bias"]) for n in (0, 2))
    got = Features(weights)(picture, ["relu1_1", "relu1_2"])
    zeros = F.relu(F.conv2d(normal, *first, padding=1))
    same = F.relu(F.conv2d(F.pad(normal, (1, 1, 1, 1), mode="replicate"), *first))
    assert torch.allclose(got["relu1_1"], same, atol=1e-5)
    assert torch.allclose(got["relu1_1"][..., 1:-1, 1:-1], zeros[..., 1:-1, 1:-1], atol=1e-5)
    assert float((got["relu1_1"] - zeros).abs().max()) > 0.1
    assert torch.allclose(got["relu1_2"], F.relu(F.conv2d(same, *second, padding=1)), atol=1e-5)


@each("pooling", ["max", "average"])
@each("preprocess", [False, True])
def test_agrees_with_plain_modules(preprocess, pooling):
    """Padding by reflection where the file brings a `preprocess`; either pooling; odd sizes."""
    weights, steps, channels = narrow(preprocess=preprocess), [], 3
    pool = nn.MaxPool2d(2) if pooling == "max" else nn.AvgPool2d(2)
    for layer, key, width in zip(LAYERS, KEYS, WIDTHS, strict=True):
        if layer.endswith("_1") and steps:
            steps.append(pool)
        mode = "reflect" if preprocess else "replicate" if layer == "relu1_1" else "zeros"
        steps += [nn.Conv2d(channels, width, 3, padding=1, padding_mode=mode), nn.ReLU()]
        steps[-2].load_state_dict({part: weights[f"{key}.{part}"] for part in ("weight", "bias")})
        channels = width
    picture = noise(2, 3, 39, 35)
    if preprocess:
        start = F.conv2d(picture, weights["preprocess.weight"], weights["preprocess.bias"])
    else:
        start = (picture - MEAN) / torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    with torch.no_grad():
        want = activations(nn.Sequential(*steps), start)
    got = Features(weights, pooling=pooling)(picture, LAYERS)
    assert got.keys() == want.keys()
    for layer, x in want.items():
        assert x.count_nonzero() > x.numel() / 4, layer
        assert float((got[layer] - x).abs().max() / x.abs().max()) < 3e-6, layer  # measured: 4e-7


def test_pooling_by_hand():
    """Blocks of 2 or, along a side that is 1 already, of 1; what is left over at the end is dropped."""
    for size, pooling in product(SIZES, ["max", "average"]):
        picture = noise(1, 3, *size)
        found, x = Features(identity(), pooling=pooling)(picture, LAYERS), picture
        for layer in LAYERS:
            if layer.endswith("_1") and layer != "relu1_1":
                height, width = x.shape[2:]
                rows, columns = min(2, height), min(2, width)
                x = x[:, :, : height // rows * rows, : width // columns * columns]
                x = x.reshape(1, 3, height // rows, rows, width // columns, columns)
                x = x.amax((3, 5)) if pooling == "max" else x.mean((3, 5))
            assert torch.allclose(found[layer], x, atol=1e-6), layer


def test_any_size():
    for size, pooling, preprocess in product(SIZES, ["max", "average"], [False, True]):
        network = Features(narrow(preprocess=preprocess), pooling=pooling)
        assert network.widths == WIDTHS
        found, masks = network(noise(2, 3, *size), LAYERS), network.walk_masks(noise(4, *size), LAYERS)
        assert set(found) == set(masks) == set(LAYERS)
        for layer, width in zip(LAYERS, WIDTHS, strict=True):
            assert tuple(found[layer].shape) == (2, width, *size_at(layer, *size))
            assert tuple(masks[layer].shape) == (4, *size_at(layer, *size))
            assert found[layer].isfinite().all()
            assert found[layer].min() >= 0


@pytest.mark.parametrize("tracked", [False, True])
def test_one_layer_is_what_it_is_among_all(tracked):
    """Nothing that was handed out is written over on the way to deeper layers, nor is the picture."""
    network, picture = Features(narrow(preprocess=True)), noise(1, 3, 20, 18)
    before = picture.clone()
    together = network(picture.requires_grad_(tracked), LAYERS)
    for layer in LAYERS:
        assert torch.equal(network(picture, [layer])[layer], together[layer])
    assert torch.equal(picture, before)
    assert network(picture, []) == {}


def test_stops_at_the_deepest_layer_that_is_wanted():
    network, ran = Features(narrow()), []
    for number, convolution in enumerate(network.convolutions):
        convolution.register_forward_hook(lambda *_, number=number: ran.append(number))
    network(noise(1, 3, 16, 16), ["relu2_1", "relu1_1"])
    assert ran == [0, 1, 2]


def test_gradients_go_to_pictures_and_not_to_weights():
    network, picture = Features(narrow()), noise(1, 3, 20, 18).requires_grad_()
    found = network(picture, ["relu1_2", "relu5_1"])
    sum(x.sum() for x in found.values()).backward()
    assert picture.grad.isfinite().all()
    assert picture.grad.count_nonzero() == picture.numel()
    assert not any(p.requires_grad or p.grad is not None for p in network.parameters())
    assert not network(picture.detach(), ["relu1_1"])["relu1_1"].requires_grad


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_gradcheck(pooling):
    network = Features(narrow(preprocess=True), pooling=pooling).double()
    picture = noise(1, 3, 4, 5).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: tuple(network(x, ["relu1_1", "relu3_1"]).values()), picture)


@each("layers", [["relu5_2"], ["relu1_1", "conv1_1"], ["pool1"], [""], "relu1_1"])
def test_refuses_unknown_layers(layers):
    network = Features(narrow())
    with pytest.raises(ValueError, match=r"no layer .*expected some of relu1_1, "):
        network(noise(1, 3, 8, 8), layers)
    with pytest.raises(ValueError, match=r"no layer .*expected some of relu1_1, "):
        network.walk_masks(noise(1, 8, 8), layers)


def test_refuses_unknown_pooling():
    with pytest.raises(ValueError, match="expected max or average, got 'mean'"):
        Features(narrow(), pooling="mean")


# --- masks


@each("size", SIZES)
def test_masks_stay_masks(size):
    """Within [0, 1]; what adds up to 1 everywhere does so in every layer."""
    masks = (noise(5, *size) > 0.5).float()
    masks[4] = 1
    shared = noise(3, *size)
    masks = torch.cat([masks, shared / shared.sum(0)])
    for layer, found in Features(narrow()).walk_masks(masks, LAYERS).items():
        assert found.min() >= 0, layer
        assert found.max() <= 1, layer
        assert (found[4] == 1).all(), layer
        assert float((found[5:].sum(0) - 1).abs().max()) < 1e-6, layer  # measured: 1e-7


def test_masks_by_hand():
    mask = torch.zeros(2, 6, 6)
    mask[0, 2, 3] = mask[1, 0, 0] = 1
    first = Features(narrow()).walk_masks(mask, ["relu1_1"])["relu1_1"]
    want = torch.zeros(2, 6, 6)
    want[0, 1:4, 2:5] = 1 / 9
    want[1, :2, :2] = (
        torch.tensor([[4.0, 2.0], [2.0, 1.0]]) / 9
    )  # the corner, seen where it is repeated outside as well
    assert torch.allclose(first, want, atol=1e-7)


def test_masks_from_their_definition():
    """Mean of 3x3 with the border repeated for every convolution, mean of 2x2 between blocks, whatever the pooling."""
    mask, found = noise(13, 18).double(), {}
    for layer in LAYERS:
        height, width = mask.shape
        if layer.endswith("_1") and layer != "relu1_1":
            cut = mask[: height // 2 * 2, : width // 2 * 2]
            mask = (cut[::2, ::2] + cut[1::2, ::2] + cut[::2, 1::2] + cut[1::2, 1::2]) / 4 if height > 1 else mask
            height, width = mask.shape
        rows = torch.arange(-1, height + 1).clamp(0, height - 1)
        columns = torch.arange(-1, width + 1).clamp(0, width - 1)
        wide = mask[rows][:, columns]
        mask = sum(wide[i : i + height, j : j + width] for i in range(3) for j in range(3)) / 9
        found[layer] = mask
        if min(size_at(layer, 13, 18)) == 1:
            break
    for pooling in ("max", "average"):
        walked = Features(narrow(), pooling=pooling).walk_masks(noise(13, 18)[None], LAYERS)
        for layer, want in found.items():
            assert torch.allclose(walked[layer][0].double(), want, atol=1e-6), layer


# --- files


def test_round_trip(tmp_path):
    weights, picture = narrow(preprocess=True), noise(1, 3, 20, 18)
    (tmp_path / "a.safetensors").write_bytes(save(weights))
    loaded = load_features(tmp_path / "a.safetensors", pooling="average")
    want = Features(weights, pooling="average")(picture, LAYERS)
    for layer, found in load_features(str(tmp_path / "a.safetensors"), pooling="average")(picture, LAYERS).items():
        assert torch.equal(found, want[layer])
    assert loaded.pooling == "average"
    assert loaded.widths == WIDTHS


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.float8_e4m3fn])
def test_any_floats_become_float32(tmp_path, dtype):
    weights = {key: value.to(dtype) for key, value in narrow().items()}
    (tmp_path / "a.safetensors").write_bytes(save(weights))
    network = load_features(tmp_path / "a.safetensors")
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    assert torch.equal(network.convolutions[3].weight, weights["features.7.weight"].float())


def refused(path, message):
    with pytest.raises(FeaturesError) as caught:
        load_features(path)
    assert caught.value.exit_status == 4
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value


def spoilt(key, change):
    weights = narrow(preprocess=True)
    weights[key] = change(weights[key])
    return weights


def one_is(value):
    def change(tensor):
        tensor = tensor.double()
        tensor.view(-1)[-1] = value
        return tensor

    return change


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"a": noise(2)}, "features.0 is missing"),
        ({k: v for k, v in narrow().items() if k != "features.16.bias"}, "features.16 is missing"),
        ({k: v for k, v in narrow().items() if not k.startswith("features.28")}, "features.28 is missing"),
        ({k: v for k, v in narrow(preprocess=True).items() if k != "preprocess.bias"}, "preprocess is missing"),
        ({f"model.{k}": v for k, v in narrow().items()}, "not the weights of a VGG-19"),
        (
            spoilt("features.5.weight", lambda w: w[:, :-1].clone()),
            "features.5.weight is [3, 4, 3, 3], expected [any, 5",
        ),
        (spoilt("features.5.weight", lambda w: w[:-1].clone()), "features.5.bias is [3], expected [2]"),
        (spoilt("features.5.weight", lambda w: w[..., :2].clone()), "expected [any, 5, 3, 3]"),
        (spoilt("features.5.weight", lambda w: w[0].clone()), "features.5.weight is [5, 3, 3]"),
        (spoilt("features.5.weight", lambda w: w[:0].clone()), "features.5.weight is [0, 5, 3, 3]"),
        (spoilt("features.0.weight", lambda w: w[:, :1].clone()), "expected [any, 3, 3, 3]"),
        (spoilt("features.5.bias", lambda b: b[:, None].clone()), "features.5.bias is [3, 1], expected [3]"),
        (spoilt("preprocess.weight", lambda w: w.repeat(1, 1, 3, 3)), "expected [any, 3, 1, 1]"),
        (spoilt("features.5.weight", one_is(math.nan)), "features.5 holds numbers that are not finite"),
        (spoilt("features.5.bias", one_is(-math.inf)), "features.5 holds numbers that are not finite"),
        (spoilt("features.5.weight", one_is(1e300)), "features.5 holds numbers that are not finite"),  # as float32
        (spoilt("preprocess.bias", one_is(math.inf)), "preprocess holds numbers that are not finite"),
        (
            spoilt("features.5.weight", lambda w: w.to(torch.int32)),
            "holds torch.int32 and torch.float32, expected floats",
        ),
        (spoilt("features.5.bias", lambda b: b.to(torch.complex64)), "and torch.complex64, expected floats"),
    ],
)
def test_weights_of_another_network(tmp_path, weights, message):
    (tmp_path / "a.safetensors").write_bytes(save(weights))
    refused(tmp_path / "a.safetensors", message)


def test_preprocess_must_give_three_channels(tmp_path):
    weights = narrow() | {"preprocess.weight": noise(4, 3, 1, 1), "preprocess.bias": noise(4)}
    (tmp_path / "a.safetensors").write_bytes(save(weights))
    refused(tmp_path / "a.safetensors", "expected 3 channels after preprocess, got 4")


def test_not_a_file_of_weights(tmp_path, monkeypatch):
    path, data = tmp_path / "a.safetensors", save(narrow())
    assert "--features" in refused(path, "no such file").hint
    assert refused(tmp_path, "is a folder, expected a safetensors file of features").hint
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "is not a regular file")
    refused(tmp_path / ("long" * 100), "cannot be read")
    path.touch()
    refused(path, "is empty")
    for spoiler in (b"{}", data[:4], data[:200], data[:-1], data + b"\0", b"\xff" * 100):
        path.write_bytes(spoiler)
        refused(path, "a safetensors file of features")
    header = b'{"features.0.weight":{"dtype":"F77","shape":[1],"data_offsets":[0,4]}}'
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    refused(path, "a safetensors file of features")
    path.write_bytes(data)
    load_features(path)
    monkeypatch.setattr(loading, "SIZE_LIMIT", len(data) - 1)
    monkeypatch.setattr(loading, "load", lambda data: pytest.fail("was read"))
    refused(path, "is larger than a safetensors file of features may be")


def test_a_wrong_file_is_named(tmp_path):
    """What lies beside features on a user's disk, each with what it is."""
    path, document = tmp_path / "wrong", {"header.npy": b"1", "strokes.npy": b"2"}
    torch.save(narrow(), tmp_path / "vgg.pth")
    with zipfile.ZipFile(tmp_path / "cat.npz", "w") as archive:
        for name, content in document.items():
            archive.writestr(name, content)
    weights = {"a": torch.zeros(2)}
    for content, found, hint in (
        (b"\x89PNG\r\n\x1a\n" + bytes(90), "a picture (PNG)", "--features"),
        (b"<html><body>404</body></html>", "a web page (HTML)", "--features"),
        ((tmp_path / "vgg.pth").read_bytes(), "a pickle", "--features"),
        ((tmp_path / "cat.npz").read_bytes(), "a stroke document", "--features"),
        (b'{"format": "neural-painter strokes", "version": 1}', "a stroke document", "--features"),
        (save(weights, {"neural_painter": '{"format": "neural-painter fast style"}'}), "a model of a style", "fast"),
        (save(weights, {"format": "neural_painter photo transfer, version 2"}), "unfinished work", "--resume"),
    ):
        path.write_bytes(content)
        assert hint in refused(path, f"is {found}, expected a safetensors file of features").hint


# --- the download


class Published:
    """A file of torchvision's kind behind a URL, and a folder to keep what comes of it."""

    def __init__(self, folder):
        self.folder, self.file, self.kept = folder / "cache" / "deep", folder / "vgg19.pth", None
        self.publish(narrow() | {"classifier.0.weight": noise(4, 4), "features.30.weight": noise(5, 5, 3, 3)})

    def publish(self, content):
        torch.save(content, self.file)
        self.digest = hashlib.sha256(self.file.read_bytes()).hexdigest()[:8]

    def get(self, **options):
        options = {"url": self.file.as_uri(), "digest": self.digest, "folder": self.folder} | options
        return vgg19_file(**options)

    def refused(self, message, **options):
        with pytest.raises(FeaturesError) as caught:
            self.get(**options)
        assert caught.value.exit_status == 4
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)
        assert not self.folder.exists() or os.listdir(self.folder) == []
        return caught.value


@pytest.fixture
def published(tmp_path):
    return Published(tmp_path)


@pytest.fixture
def no_network(monkeypatch):
    def urlopen(*_, **__):
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)


def test_download_is_verified_converted_and_kept(published):
    told = []
    path = published.get(progress=lambda done, total: told.append((done, total)))
    size = published.file.stat().st_size
    assert told[-1] == (size, size)
    assert path == published.folder / f"vgg19-{published.digest}.safetensors"
    assert os.listdir(published.folder) == [path.name]
    kept, want = load(path.read_bytes()), narrow()
    assert kept.keys() == want.keys()  # what the features do not need is left out
    assert all(torch.equal(kept[key], want[key]) for key in want)


def test_the_second_time_nothing_is_downloaded(published, monkeypatch):
    path = published.get()
    written = path.stat().st_mtime_ns
    published.file.unlink()
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: pytest.fail("downloaded again"))
    assert published.get() == path
    assert path.stat().st_mtime_ns == written


def test_a_longer_digest_counts_in_full(published):
    whole = hashlib.sha256(published.file.read_bytes()).hexdigest()
    published.refused("its sha256 differs", digest=whole[:-1] + ("0" if whole[-1] != "0" else "1"))
    assert published.get(digest=whole).is_file()


@pytest.mark.parametrize("spoil", [lambda data: data[:-1], lambda data: data + b"\0", lambda data: b"", bytes.lower])
def test_another_file_is_refused_unread(published, monkeypatch, spoil):
    published.file.write_bytes(spoil(published.file.read_bytes()))
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("was read"))
    assert published.refused("the download is damaged, or not the expected file").hint


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_pickle_with_the_right_digest_is_still_not_run(published, tmp_path):
    victim = tmp_path / "owned"
    published.publish(narrow() | {"features.0.weight": Malicious(victim)})
    published.refused("the downloaded weights cannot be read")
    assert not victim.exists()
    torch.load(published.file, weights_only=False)
    assert victim.exists()  # it would have worked


@pytest.mark.parametrize("content", [[1, 2], noise(3), {"features.0.weight": "text"}, {"features.0.weight": None}])
def test_a_pickle_of_something_else(published, content):
    published.publish(content)
    published.refused("the downloaded weights cannot be read")


def test_a_download_of_another_network(published):
    published.publish({key: value for key, value in narrow().items() if key != "features.21.weight"})
    published.refused("not the weights of a VGG-19: features.21 is missing")


def test_no_network_names_both_ways(published, no_network):
    error = published.refused(
        "vgg19: its weights could not be downloaded (Name or service not known)", url="https://x/y.pth"
    )
    assert "--features FILE" in error.hint
    assert "--features vgg19" in error.hint


@pytest.mark.parametrize(
    "failure",
    [
        urllib.error.HTTPError("https://x", 404, "Not Found", None, None),
        http.client.IncompleteRead(b"abc", 5),
        http.client.BadStatusLine("nonsense"),
        ConnectionResetError(104, "Connection reset by peer"),
        TimeoutError("The read operation timed out"),
    ],
)
def test_a_network_that_fails(published, monkeypatch, failure):
    def urlopen(*_, **__):
        raise failure

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    assert published.refused("vgg19: its weights could not be downloaded (").hint


@pytest.mark.parametrize("url", ["nonsense", "", "file:///no/such/file.pth", "gopher://x"])
def test_urls_that_lead_nowhere(published, url):
    published.refused("vgg19: its weights could not be downloaded (", url=url)


def test_an_endless_download_is_cut_short(published, monkeypatch):
    monkeypatch.setattr(download, "SIZE_LIMIT", 1000)
    published.refused("larger than any VGG-19")


def test_a_folder_that_cannot_be_written(published, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    published.refused("the downloaded features cannot be kept", folder=tmp_path / "file")

    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    assert "No space left on device" in str(published.refused("the downloaded features cannot be kept"))
    assert published.folder.is_dir()  # and nothing is left in it


def test_where_downloads_are_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("NEURAL_PAINTER_CACHE", str(tmp_path / "a"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b"))
    assert cache_folder() == tmp_path / "a"
    monkeypatch.setenv("NEURAL_PAINTER_CACHE", "")
    assert cache_folder() == tmp_path / "b" / "neural_painter"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "c"))
    assert cache_folder() == tmp_path / "c" / ".cache" / "neural_painter"


def test_vgg19_comes_from_the_cache(monkeypatch, no_network, tmp_path):
    monkeypatch.setenv("NEURAL_PAINTER_CACHE", str(tmp_path / "cache"))
    with pytest.raises(FeaturesError, match="could not be downloaded"):
        load_features()
    monkeypatch.setattr(download, "published", lambda: pytest.fail("asked, though it is there"))
    kept = tmp_path / "cache" / "vgg19-dcbb9e9d.safetensors"
    kept.parent.mkdir()
    kept.write_bytes(save(narrow()))
    assert load_features("vgg19", pooling="average").widths == WIDTHS
    kept.write_bytes(save(narrow())[:-1])
    with pytest.raises(FeaturesError, match="not a safetensors file") as caught:
        load_features()
    assert str(kept) in str(caught.value)
    assert caught.value.hint == "Delete it, and --features vgg19 downloads it again."


def test_torchvision_says_where_its_weights_are():
    url, digest = download.published()
    assert url == VGG19_Weights.IMAGENET1K_V1.url
    assert url.startswith("https://")
    assert digest in url
    assert len(digest) >= 8


def test_features_of_a_file_need_no_torchvision(tmp_path, monkeypatch):
    """A build of torchvision for another torch raises when it is imported."""

    class Broken:
        def find_spec(self, name, *_):
            if name.startswith("torchvision"):
                raise RuntimeError("operator torchvision::nms does not exist")

    for name in [name for name in sys.modules if name.startswith("torchvision")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    (tmp_path / "a.safetensors").write_bytes(save(narrow()))
    assert load_features(tmp_path / "a.safetensors").widths == WIDTHS
    with pytest.raises(FeaturesError, match=r"torchvision, which knows .* cannot be loaded \(operator") as caught:
        vgg19_file(folder=tmp_path / "empty")
    assert "--features FILE" in caught.value.hint


def test_a_download_without_a_folder_goes_to_the_cache(published, monkeypatch, tmp_path):
    monkeypatch.setenv("NEURAL_PAINTER_CACHE", str(tmp_path / "chosen"))
    assert published.get(folder=None).parent == tmp_path / "chosen"


def test_on_another_device_is_a_copy_and_the_callers_network_stays():
    """`meta` is a device that every machine has."""
    features, elsewhere = Features(narrow()), torch.device("meta")
    assert features.on(torch.device("cpu")) is features
    copy = features.on(elsewhere)
    assert {parameter.device for parameter in copy.parameters()} == {elsewhere}
    assert {parameter.device.type for parameter in features.parameters()} == {"cpu"}
    assert features.on(elsewhere) is copy
    assert copy.on(elsewhere) is copy
    assert copy.widths == features.widths
    assert not any(parameter.requires_grad for parameter in copy.parameters())
