"""Trained renderers: `<brush>.safetensors` beside its card `<brush>.json`. Loading verifies; nothing is unpickled."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save

from renderers.brush import Brush
from renderers.networks import STAMP, NeuralRenderer
from renderers.runs import write_whole

SIZE_LIMIT = 64 * 2**20

LICENSE = "MIT"
ORIGIN = "trained from scratch on strokes that the brush of this project draws; no other data, no other weights"


class WeightsError(Exception):
    """Weights that are missing, damaged, or do not fit their brush.

    Attributes:
        exit_status: how the command line leaves.
        hint: an optional second line: what to do.
    """

    exit_status = 4

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def folder() -> Path:
    """Where the weights that come with the project lie."""
    return Path(str(files(__name__)))


def parameter_space(brush: Brush) -> list[dict[str, Any]]:
    """The brush's shape parameters as they stand in a card: trained for these ranges, and no others."""
    return [{"name": p.name, "low": p.low, "high": p.high, "unit": p.unit} for p in brush.shape]


def save_renderer(model: NeuralRenderer, path: Path) -> str:
    """Writes the networks as float32 safetensors; returns the file's sha256."""
    tensors = {name: value.detach().cpu().float().contiguous().clone() for name, value in model.state_dict().items()}
    # Not save_file: it hides an OSError in an error of its own, and makes the file readable by its owner alone.
    # One entry only: safetensors writes several in random order, and the hash would not be reproducible.
    data = save(tensors, metadata={"format": f"neural_painter renderer, stamp {STAMP}"})
    write_whole(path, data)
    return hashlib.sha256(data).hexdigest()


def read_card(brush: Brush, directory: Path | None = None) -> dict[str, Any]:
    """The card beside the weights of a brush.

    Raises:
        WeightsError: missing, or not a card.
    """
    path = (directory or brush.weights or folder()) / f"{brush.name}.json"
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WeightsError(_missing(brush, path)) from error
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(f"{path.name}: not a readable card of weights") from error
    if not isinstance(card, dict) or not isinstance(card.get("sha256"), str):
        raise WeightsError(f"{path.name}: not a card of weights (no sha256)")
    return card


def load_renderer(brush: Brush, directory: Path | None = None) -> tuple[NeuralRenderer, str]:
    """The trained renderer of a brush, ready to draw, and the sha256 of its weights.

    Args:
        brush: the ground-truth brush.
        directory: where to look; by default the brush's own folder, or the project's.

    Raises:
        WeightsError: file or card missing, hash or parameter space differs, tensors do not fit.
    """
    card = read_card(brush, directory)
    path = (directory or brush.weights or folder()) / f"{brush.name}.safetensors"
    try:
        if path.stat().st_size > SIZE_LIMIT:
            raise WeightsError(f"{path.name}: larger than any weights of ours")
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(_missing(brush, path)) from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != card["sha256"]:
        raise WeightsError(f"{path.name}: damaged, or not the file that its card describes (sha256 differs)")
    if card.get("shape") != parameter_space(brush):
        raise WeightsError(f"{path.name}: trained for another parameter space of {brush.name}; train it again")
    model = NeuralRenderer(brush)
    try:
        model.load_state_dict(load(data))
    except (SafetensorError, RuntimeError, KeyError) as error:  # KeyError: a number type that torch lacks
        raise WeightsError(f"{path.name}: does not fit the networks of this version") from error
    return model.eval().requires_grad_(False), digest


def _missing(brush: Brush, path: Path) -> str:
    return f"{path.name}: weights of {brush.name} are missing; python train_renderer.py --brush {brush.name} makes them"
