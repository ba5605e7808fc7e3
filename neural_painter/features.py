"""VGG-19 features: layers by name, one pass for all of them.

The full network comes from torchvision, downloaded once and verified. A safetensors file with torchvision's names
(`features.N.weight`, `features.N.bias`) may have any channel widths, and a 1x1 convolution `preprocess` that takes the
place of the usual normalisation; such a file needs no download.

Source: Simonyan and Zisserman 2015.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from functools import cached_property
from http.client import HTTPException
from pathlib import Path
from stat import S_ISREG

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from neural_painter.errors import UserError

CONVOLUTIONS: dict[str, int] = {
    "1_1": 0,
    "1_2": 2,
    "2_1": 5,
    "2_2": 7,
    "3_1": 10,
    "3_2": 12,
    "3_3": 14,
    "3_4": 16,
    "4_1": 19,
    "4_2": 21,
    "4_3": 23,
    "4_4": 25,
    "5_1": 28,
}
"""Convolutions up to the deepest that style transfer looks at, and their numbers in torchvision's VGG-19."""

LAYERS = tuple(f"relu{name}" for name in CONVOLUTIONS)

VGG19_WIDTHS = (64, 64, 128, 128, 256, 256, 256, 256, 512, 512, 512, 512, 512)

URL = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
DIGEST = "dcbb9e9d"
"""The first digits of the sha256 of the file behind `URL`; its publisher gives no more of them."""

SIZE_LIMIT = 2**30
"""Bytes; larger files of weights are refused unread."""

WAYS = "Pass --features FILE with a safetensors file of VGG-19, or --features vgg19 once where there is a network."
AGAIN = "Delete it, and --features vgg19 downloads it again."


class FeaturesError(UserError):
    """Weights of the feature network that are missing, damaged, or of another network."""

    exit_status = 4


class Features(nn.Module):
    """A VGG-19, cut after its last needed layer. Its weights take no gradients; pictures do.

    Args:
        weights: `features.N.weight` and `features.N.bias` of the first 13 convolutions; perhaps `preprocess.*`.
        pooling: `max`, as it was trained, or `average`, which style transfer prefers (Gatys et al. 2016).
        name: what it was loaded from.

    Raises:
        FeaturesError: tensors are missing, or their shapes do not follow each other.
    """

    def __init__(self, weights: Mapping[str, Tensor], *, pooling: str = "max", name: str = "features") -> None:
        super().__init__()
        if pooling not in ("max", "average"):
            raise ValueError(f"pooling: expected max or average, got {pooling!r}")
        self.pooling = pooling
        self.reflect = "preprocess.weight" in weights
        self.convolutions = nn.ModuleList()
        channels = 3
        for index in CONVOLUTIONS.values():
            layer = _convolution(weights, f"features.{index}", channels, 3, name)
            self.convolutions.append(layer)
            channels = layer.out_channels
        self.preprocess = _convolution(weights, "preprocess", 3, 1, name) if self.reflect else _imagenet()
        if self.preprocess.out_channels != 3:
            raise FeaturesError(f"{name}: expected 3 channels after preprocess, got {self.preprocess.out_channels}")
        self.requires_grad_(False).to(memory_format=torch.channels_last)
        self._copies: dict[torch.device, Features] = {}

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each layer."""
        return tuple(layer.out_channels for layer in self.convolutions)  # type: ignore[misc]

    def on(self, device: torch.device) -> Features:
        """The same network on a device: itself where it is there already, else a copy, made once."""
        here = next(self.parameters()).device
        if here.type == device.type and device.index in (None, here.index):
            return self
        if device not in self._copies:
            self._copies[device] = deepcopy(self, {id(self._copies): {}}).to(device)
        return self._copies[device]

    @cached_property
    def digest(self) -> str:
        """Of weights and pooling, hexadecimal: the same for the same features, wherever they came from."""
        found = hashlib.sha256(self.pooling.encode())
        for name, tensor in self.state_dict().items():
            found.update(f"{name} {tuple(tensor.shape)}".encode())
            found.update(tensor.cpu().contiguous().numpy().data)
        return found.hexdigest()

    def forward(self, pictures: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Activations after the ReLUs that are named.

        Args:
            pictures: `[N, 3, H, W]` in [0, 1], sRGB, any size.
            layers: names out of `LAYERS`.

        Returns:
            Name to `[N, C, h, w]`; h and w halve, rounded down, at each new block, never below 1.

        Raises:
            ValueError: no such layer.
        """
        wanted = _known(layers)
        found: dict[str, Tensor] = {}
        # Channels last: the convolutions of narrow layers are faster, and Grams read the features without a copy.
        x = self.preprocess(pictures).contiguous(memory_format=torch.channels_last)
        for depth, (layer, convolution) in enumerate(zip(LAYERS, self.convolutions, strict=True)):
            if len(found) == len(wanted):
                break
            if depth and layer[4] != LAYERS[depth - 1][4]:
                x = self._pool(x)
            x = F.relu(convolution(self._padded(x, first=depth == 0)), inplace=not x.requires_grad)
            if layer in wanted:
                found[layer] = x
        return found

    def walk_masks(self, masks: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """What becomes of soft masks on their way through the network: averaged by convolutions, halved by pooling.

        A position of a deep layer that sees two segments then belongs to both in part.

        Args:
            masks: `[K, H, W]` in [0, 1].
            layers: names out of `LAYERS`.

        Returns:
            Name to `[K, h, w]`, of the sizes that `forward` gives.

        Source: Luan et al. 2017.
        """
        wanted = _known(layers)
        found: dict[str, Tensor] = {}
        x = masks[None]
        for depth, layer in enumerate(LAYERS):
            if len(found) == len(wanted):
                break
            if depth and layer[4] != LAYERS[depth - 1][4]:
                x = _average(x)
            x = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
            if layer in wanted:
                found[layer] = x[0]
        return found

    def _pool(self, x: Tensor) -> Tensor:
        return _average(x) if self.pooling == "average" else F.max_pool2d(x, _window(x), _window(x))

    def _padded(self, x: Tensor, *, first: bool) -> Tensor:
        """The border as the weights were trained for; VGG's own zeros are a dark frame only in the first layer."""
        if self.reflect and min(x.shape[2:]) > 1:
            return F.pad(x, (1, 1, 1, 1), mode="reflect")
        return F.pad(x, (1, 1, 1, 1), mode="replicate" if first or self.reflect else "constant")


def _known(layers: Iterable[str]) -> set[str]:
    wanted = set(layers)
    if strange := wanted - set(LAYERS):
        raise ValueError(f"no layer {', '.join(sorted(strange))}, expected some of {', '.join(LAYERS)}")
    return wanted


def _window(x: Tensor) -> tuple[int, int]:
    """A pooling window of 2, or 1 along a side that cannot be halved any more."""
    return (min(2, x.shape[2]), min(2, x.shape[3]))  # type: ignore[return-value]


def _average(x: Tensor) -> Tensor:
    window = _window(x)
    return F.avg_pool2d(x, window, window)


def _convolution(weights: Mapping[str, Tensor], key: str, channels: int, side: int, name: str) -> nn.Conv2d:
    weight, bias = weights.get(f"{key}.weight"), weights.get(f"{key}.bias")
    if weight is None or bias is None:
        raise FeaturesError(f"{name}: not the weights of a VGG-19: {key} is missing")
    if weight.ndim != 4 or not weight.shape[0] or tuple(weight.shape[1:]) != (channels, side, side):
        raise FeaturesError(f"{name}: {key}.weight is {list(weight.shape)}, expected [any, {channels}, {side}, {side}]")
    if tuple(bias.shape) != (weight.shape[0],):
        raise FeaturesError(f"{name}: {key}.bias is {list(bias.shape)}, expected [{weight.shape[0]}]")
    if not (weight.is_floating_point() and bias.is_floating_point()):
        raise FeaturesError(f"{name}: {key} holds {weight.dtype} and {bias.dtype}, expected floats")
    weight, bias = weight.float(), bias.float()  # first: float64 may be finite and too large
    if not (weight.isfinite().all() and bias.isfinite().all()):
        raise FeaturesError(f"{name}: {key} holds numbers that are not finite")
    layer = nn.Conv2d(channels, weight.shape[0], side)
    layer.weight, layer.bias = nn.Parameter(weight), nn.Parameter(bias)
    return layer


def _imagenet() -> nn.Conv2d:
    """torchvision's normalisation as a convolution: (x - mean) / deviation, per channel."""
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    layer = nn.Conv2d(3, 3, 1)
    layer.weight = nn.Parameter(torch.diag(1 / deviation)[:, :, None, None])
    layer.bias = nn.Parameter(-mean / deviation)
    return layer


def load_features(source: str | Path = "vgg19", *, pooling: str = "max") -> Features:
    """The feature network.

    Args:
        source: a safetensors file, or `vgg19` for torchvision's, which is downloaded once.
        pooling: as in `Features`.

    Returns:
        The network, on the CPU; it serves any number of pictures.

    Raises:
        FeaturesError: missing, damaged, of another network, or not to be downloaded.
    """
    if str(source) == "vgg19":
        kept = vgg19_file()
        return Features(_read(kept, hint=AGAIN), pooling=pooling, name=str(kept))
    return Features(_read(Path(source)), pooling=pooling, name=str(source))


def _read(path: Path, *, hint: str = WAYS) -> dict[str, Tensor]:
    try:
        status = path.stat()
        if not S_ISREG(status.st_mode):
            raise FeaturesError(f"{path}: not a regular file, expected a safetensors file of features", hint=hint)
        if status.st_size > SIZE_LIMIT:
            raise FeaturesError(f"{path}: larger than any VGG-19")
        return load(path.read_bytes())
    except OSError as error:
        raise FeaturesError(f"{path}: features cannot be read ({error.strerror})", hint=hint) from error
    except (SafetensorError, KeyError, ValueError) as error:
        raise FeaturesError(f"{path}: not a safetensors file of features", hint=hint) from error


def cache_folder() -> Path:
    """Where downloads are kept: `NEURAL_PAINTER_CACHE`, else the user's cache folder."""
    if chosen := os.environ.get("NEURAL_PAINTER_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neural_painter"


def vgg19_file(
    *,
    url: str = URL,
    digest: str = DIGEST,
    folder: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """The safetensors file of torchvision's VGG-19; downloads, verifies and converts it where it is not there yet.

    Args:
        url: of torchvision's weights; a `file:` URL will do.
        digest: hexadecimal digits that their sha256 must begin with.
        folder: where to keep the file; `cache_folder()` by default.
        progress: told the bytes read so far and in all (0: unknown).

    Raises:
        FeaturesError: no network, or not the file that was expected.
    """
    kept = (folder or cache_folder()) / f"vgg19-{digest}.safetensors"
    if kept.is_file():
        return kept
    wanted = {f"features.{index}.{part}" for index in CONVOLUTIONS.values() for part in ("weight", "bias")}
    with tempfile.TemporaryDirectory(prefix="neural_painter-") as scratch:
        download = Path(scratch) / "vgg19.pth"
        _download(url, download, digest, progress)
        # torchvision publishes a pickle. Its hash is right by now, and `weights_only` builds tensors and nothing else;
        # what is kept, and read from now on, is safetensors.
        try:
            tensors = torch.load(download, map_location="cpu", weights_only=True)
            kept_tensors = {key: value.float().contiguous() for key, value in tensors.items() if key in wanted}
        except Exception as error:
            raise FeaturesError("vgg19: the downloaded weights cannot be read", hint=WAYS) from error
    Features(kept_tensors, name="vgg19")
    temporary = kept.with_name(f"{kept.name}.{os.getpid()}")
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(save(kept_tensors))
            temporary.replace(kept)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise FeaturesError(f"{kept}: the downloaded features cannot be kept ({error.strerror})", hint=WAYS) from error
    return kept


def _download(url: str, path: Path, digest: str, progress: Callable[[int, int], None] | None) -> None:
    found = hashlib.sha256()
    try:
        with urllib.request.urlopen(url, timeout=30) as source, path.open("wb") as file:
            total, done = int(source.headers.get("Content-Length") or 0), 0
            while block := source.read(1 << 20):
                file.write(block)
                found.update(block)
                done += len(block)
                if progress:
                    progress(done, total)
                if done > SIZE_LIMIT:
                    raise FeaturesError(f"{url}: larger than any VGG-19")
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise FeaturesError(f"vgg19: its weights could not be downloaded ({reason})", hint=WAYS) from error
    if not found.hexdigest().startswith(digest):
        raise FeaturesError("vgg19: the download is damaged, or not the expected file (its sha256 differs)", hint=WAYS)
