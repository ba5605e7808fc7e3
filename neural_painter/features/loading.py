"""The feature network from a safetensors file. Nothing is unpickled."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from neural_painter.features.download import AGAIN, SIZE_LIMIT, WAYS, vgg19_file
from neural_painter.features.network import Features, FeaturesError
from neural_painter.files import HEAD, kind_of, read_whole
from neural_painter.kinds import MODEL, UNFINISHED, recognised

WHAT = "a safetensors file of features"


def load_features(source: str | Path = "vgg19", *, pooling: str = "max") -> Features:
    """The feature network.

    Args:
        source: a safetensors file, or `vgg19` for torchvision's, which is downloaded once.
        pooling: `max` or `average`, as in `Features`.

    Returns:
        The network, on the CPU.

    Raises:
        FeaturesError: missing, damaged, of another network, or not to be downloaded.
    """
    if str(source) == "vgg19":
        kept = vgg19_file()
        return Features(_read(kept, hint=AGAIN), pooling=pooling, name=str(kept))
    return Features(_read(Path(source)), pooling=pooling, name=str(source))


def _read(path: Path, *, hint: str = WAYS) -> dict[str, Tensor]:
    try:
        data = read_whole(path, WHAT, most=SIZE_LIMIT, error=FeaturesError)
    except FeaturesError as error:
        error.hint = hint
        raise
    if kind_of(data[:HEAD]) != "safetensors":
        raise _wrong_kind(data, path, hint)
    try:
        tensors = load(data)
        metadata = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")]).get("__metadata__") or {}
    except (SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise FeaturesError(f"{path}: not {WHAT}, or damaged", hint=hint) from error
    if "neural_painter" in metadata or str(metadata.get("format")).startswith("neural_painter "):
        raise _wrong_kind(data, path, hint)
    return tensors


def _wrong_kind(data: bytes, path: Path, hint: str) -> FeaturesError:
    """The error for a file that holds no features: what it is instead; where that is ours, how it is used."""
    kind = recognised(data, path)
    own = kind is not None and kind.what in (MODEL, UNFINISHED)
    return FeaturesError(
        f"{path}: is {kind.what if kind else 'unknown data'}, expected {WHAT}",
        hint=kind.hint if kind and own else hint,
    )
