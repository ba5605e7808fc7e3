"""Feed-forward style transfer: one pass of a trained network. `load_model` opens any kind of model file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from numbers import Integral
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import torch

from neural_painter.devices import choose_device
from neural_painter.errors import NumericalError
from neural_painter.fast.files import (
    Card,
    ModelError,
    is_ours,
    is_safetensors,
    model_of,
    read_file,
    tensors_of,
    wrong_kind,
)
from neural_painter.fast.formats import pytorch_names, variables
from neural_painter.fast.formats.onnx_run import OnnxModel, is_onnx
from neural_painter.fast.formats.pytorch_names import is_of_pytorch, network_of_pytorch
from neural_painter.fast.formats.torch7 import is_ascii, is_torch7
from neural_painter.fast.formats.torch7_modules import network_of_torch7
from neural_painter.fast.grain import grain, grainy
from neural_painter.fast.network import TransformNetwork
from neural_painter.fast.norms import HeldNorms
from neural_painter.fast.shipped import model_file, shipped
from neural_painter.fast.strip_state import StripState
from neural_painter.fast.strips import Strips
from neural_painter.images import checked_picture, resize
from neural_painter.journal import SECONDS

Array = np.ndarray

LEAST_SIDE = 32
"""Smaller pictures are continued by reflection up to so many pixels, and cropped again."""


class StyleModel(Protocol):
    """What restyles a picture `[H, W, 3]` float32 in [0, 1] and gives one of the same size and range."""

    name: str

    def __call__(self, picture: Array) -> Array: ...


class FastModel:
    """A transform network, ready to run: in strips on the CPU, whole on a GPU.

    Args:
        network: with its weights.
        card: what the model tells of itself.
        device: auto, cpu or cuda.

    Raises:
        UsageError: the device is not there.

    Attributes:
        keeps: whether it runs in strips, between which it can tell where a picture stands.
        stride: pixels by which a picture may be shifted so that the style is shifted as well, and not another.
    """

    def __init__(self, network: TransformNetwork, card: Card | None = None, *, device: str = "auto") -> None:
        self.card = card or Card()
        self.name = self.card.name
        self.device = choose_device(device)
        self.network = network.to(self.device)
        self._strips = Strips(network) if self.device.type == "cpu" else None
        self._least = max(LEAST_SIDE, network.architecture.least)

    @property
    def keeps(self) -> bool:
        return self._strips is not None

    @property
    def stride(self) -> int:
        return self.network.architecture.stride

    @property
    def grain(self) -> float:
        """Strength of the grain that it wants."""
        return self.network.architecture.grain

    def __call__(
        self,
        picture: Array,
        *,
        on_state: Callable[[StripState], object] | None = None,
        state_seconds: float = SECONDS,
        state: StripState | None = None,
        norms: HeldNorms | None = None,
        noise: Array | None = None,
    ) -> Array:
        """The restyled picture, `[H, W, 3]` float32 in [0, 1]; any size, also a single pixel.

        Args:
            picture: `[H, W, 3]` float32 in [0, 1].
            on_state: called between two strips with where the picture stands, of a model that `keeps`.
            state_seconds: about how often.
            state: what `on_state` was given for the same picture, to go on from; the result is equal to the byte.
            norms: statistics of the frames before, of a frame of a film; they are told those of this one.
            noise: `[H, W]` float32, of a frame of a film: the grain that has come along with what it shows.

        Raises:
            InputError: the state is of another model or size.
            NumericalError: the network gave numbers that are not finite.
        """
        height, width = picture.shape[:2]
        more = max(0, self._least - height), max(0, self._least - width)
        if noise is None and self.grain:
            noise = grain(height, width, self.grain)
        picture = grainy(picture, noise)
        if any(more):
            picture = cv2.copyMakeBorder(picture, 0, more[0], 0, more[1], cv2.BORDER_REFLECT_101)
        if self._strips:
            made = self._strips(picture, on_state=on_state, state_seconds=state_seconds, state=state, norms=norms)
            finite = bool(np.isfinite(made).all())
        else:
            made, finite = self._whole(picture, norms)
        if not finite:
            raise NumericalError("the model gave numbers that are not finite")
        return np.ascontiguousarray(made[:height, :width])

    @torch.inference_mode()
    def _whole(self, picture: Array, norms: HeldNorms | None) -> tuple[Array, bool]:
        """The restyled picture, and whether its numbers are finite. Planes and rows change places on the GPU."""
        rows = torch.from_numpy(np.require(picture, np.float32, ["C", "W"])).to(self.device)
        made = self.network(rows.permute(2, 0, 1)[None].contiguous(), norms)[0]
        made = made.clamp(0, 1).permute(1, 2, 0).contiguous()
        return made.cpu().numpy(), bool(made.isfinite().all())


def load_model(source: str | Path | None = None, *, device: str = "auto") -> StyleModel:
    """A model of a style, ready to run.

    Args:
        source: our safetensors, ONNX (run by OpenCV, always on the CPU), Torch7, or safetensors of a published family;
            its content decides. Or the name of a style of the project. None: the first of those.
        device: auto, cpu or cuda.

    Returns:
        The model; called with a picture `[H, W, 3]` float32 in [0, 1], it gives one of the same size.

    Raises:
        ModelError: missing, damaged, or of a kind that this program cannot run.
        UsageError: the device is not there.
    """
    path = shipped() if source is None else model_file(Path(source))
    data = read_file(path)
    if is_onnx(data, path.name):
        return OnnxModel(path, data)
    network, card = model_of(data, path) if is_ours(data) else _converted(data, path)
    return FastModel(network, card, device=device)


def read_network(path: Path) -> tuple[TransformNetwork, Card]:
    """The network and card of a model of ours, or of a family that `convert` knows; raises ModelError as they do."""
    data = read_file(path)
    return model_of(data, path) if is_ours(data) else _converted(data, path)


def convert(path: Path | str) -> tuple[TransformNetwork, Card]:
    """The network and a card of a model of any known family; the content decides which, not the name.

    Raises:
        ModelError: missing, of no known family, damaged, a pickle, or ours already.
    """
    path = Path(path)
    data = read_file(path)
    if is_ours(data):
        raise ModelError(f"{path}: is a model of ours already, and needs no converting")
    return _converted(data, path)


def _converted(data: bytes, path: Path) -> tuple[TransformNetwork, Card]:
    """The network of a stranger's file, and a card that tells where it comes from."""
    if is_safetensors(data):
        tensors, _ = tensors_of(data, path)
        if is_of_pytorch(tensors):
            network, family = network_of_pytorch(tensors, path), pytorch_names.FAMILY
        elif "Variable" in tensors:
            network, family = variables.network_of_variables(tensors, path), variables.FAMILY
        else:
            raise wrong_kind(data, path)
    elif is_torch7(data) or is_ascii(data):
        network, family = network_of_torch7(data, path)
    else:
        raise wrong_kind(data, path)
    about = {"from": path.name, "family": family, "sha256": hashlib.sha256(data).hexdigest()}
    return network, Card(path.stem, about)


def style_transfer(image: Array, model: StyleModel | str | Path | None = None, width: int | None = None) -> Array:
    """Restyles a picture in one pass. Prints nothing.

    Args:
        image: `[H, W, 3]`, float in [0, 1] or uint8, sRGB.
        model: from `load_model`, or what that takes; None: the style that comes with the project.
        width: of the result in pixels, the height following; the image's own by default.

    Returns:
        `[H, W, 3]` float32 in [0, 1].

    Raises:
        ValueError: `image` is not a picture, or `width` not a width.
        ModelError: the model cannot be read.
        NumericalError: the model gave numbers that are not finite.
    """
    picture = checked_picture(image)
    if width is not None:
        if not isinstance(width, Integral) or width < 1:
            raise ValueError(f"width: expected a whole number of at least 1, got {width!r}")
        tall, wide = picture.shape[:2]
        picture = resize(picture, size=(max(1, (2 * tall * width + wide) // (2 * wide)), width))
    ready = load_model(model) if model is None or isinstance(model, str | Path) else model
    return ready(picture)
