"""Torchvision's weights of VGG-19: torchvision says where they are and which is which; what is kept is safetensors."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path

import torch
from safetensors.torch import save

from neural_painter.errors import OutputError
from neural_painter.features.network import KEYS, Features, FeaturesError
from neural_painter.files import written_whole

SIZE_LIMIT = 2**30
"""Bytes; larger files of weights are refused unread."""

WAYS = "Pass --features FILE with a safetensors file of VGG-19, or --features vgg19 once where there is a network."
AGAIN = "Delete it, and --features vgg19 downloads it again."


def published() -> tuple[str, str]:
    """Where torchvision's weights are, and the digits that their sha256 begins with; their publisher gives no more.

    Raises:
        FeaturesError: torchvision cannot be loaded.
    """
    try:
        from torchvision.models import VGG19_Weights  # slow to load, and needed once only
    except Exception as error:  # a build for another torch raises whatever it comes across
        raise FeaturesError(
            f"vgg19: torchvision, which knows where its weights are, cannot be loaded ({error})", hint=WAYS
        ) from error
    url = str(VGG19_Weights.IMAGENET1K_V1.url)
    digits = re.search(r"-([0-9a-f]{8,64})\.[a-z]+$", url)
    if digits is None:
        raise FeaturesError(f"vgg19: torchvision names no sha256 ({url})", hint=WAYS)
    return url, digits[1]


def _layers() -> tuple[str, ...]:
    """Names of the convolutions in torchvision's definition of the network, in their order, as many as are needed."""
    from torchvision.models import vgg19

    with torch.device("meta"):  # no memory for half a gigabyte of weights
        steps = vgg19(weights=None, init_weights=False).features
    found = [f"features.{place}" for place, step in enumerate(steps) if isinstance(step, torch.nn.Conv2d)]
    return tuple(found[: len(KEYS)])


def cache_folder() -> Path:
    """Where downloads are kept: `NEURAL_PAINTER_CACHE`, else the user's cache folder."""
    if chosen := os.environ.get("NEURAL_PAINTER_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neural_painter"


def vgg19_file(
    *,
    url: str | None = None,
    digest: str | None = None,
    folder: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """The safetensors file of torchvision's VGG-19; downloads, verifies and converts it where it is not there yet.

    Args:
        url: of torchvision's weights; torchvision's by default; a `file:` URL will do.
        digest: hexadecimal digits that their sha256 must begin with; torchvision's by default.
        folder: where to keep the file; `cache_folder()` by default.
        progress: told the bytes read so far and in all (0: unknown).

    Raises:
        FeaturesError: no network, or not the file that was expected.
    """
    folder = folder or cache_folder()
    if url is None and digest is None:
        for older in sorted(folder.glob("vgg19-*.safetensors")):  # then nobody need be asked
            return older
    if url is None or digest is None:
        url, digest = published()
    kept = folder / f"vgg19-{digest}.safetensors"
    if kept.is_file():
        return kept
    parts = [f".{part}" for part in ("weight", "bias")]
    names = {theirs + part: ours + part for theirs, ours in zip(_layers(), KEYS, strict=True) for part in parts}
    with tempfile.TemporaryDirectory(prefix="neural_painter-") as scratch:
        download = Path(scratch) / "vgg19.pth"
        _download(url, download, digest, progress)
        # torchvision publishes a pickle. Its hash is right by now, and `weights_only` builds tensors and nothing else;
        # what is kept, and read from now on, is safetensors.
        try:
            tensors = torch.load(download, map_location="cpu", weights_only=True)
            kept_tensors = {names[key]: value.float().contiguous() for key, value in tensors.items() if key in names}
        except Exception as error:
            raise FeaturesError("vgg19: the downloaded weights cannot be read", hint=WAYS) from error
    Features(kept_tensors, name="vgg19")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with written_whole(kept) as temporary:
            temporary.write_bytes(save(kept_tensors))
    except (OSError, OutputError) as error:
        raise FeaturesError(f"vgg19: the downloaded features cannot be kept ({error})", hint=WAYS) from error
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
