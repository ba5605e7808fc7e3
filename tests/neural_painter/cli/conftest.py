import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import renderers.weights
from neural_painter.painter.config import PRESETS, Preset
from renderers.brushes import brush
from renderers.networks import NeuralRenderer

FAST = ["--strokes", "4", "--preset", "fast", "--quiet"]


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """A folder with an untrained renderer: the commands do not care how good it is."""
    folder = tmp_path_factory.mktemp("weights")
    oil = brush("oil")
    torch.manual_seed(0)
    digest = renderers.weights.save_renderer(NeuralRenderer(oil), folder / "oil.safetensors")
    assert digest == hashlib.sha256((folder / "oil.safetensors").read_bytes()).hexdigest()
    card = {"sha256": digest, "shape": renderers.weights.parameter_space(oil)}
    (folder / "oil.json").write_text(json.dumps(card))
    return folder


@pytest.fixture
def here(tmp_path, weights, monkeypatch):
    """An empty current folder, weights, a preset that is fast indeed, 11 steps, and pictures as small as the photos."""
    monkeypatch.setitem(PRESETS, "fast", Preset(0.1, 0.1, 0.8))
    monkeypatch.setattr("neural_painter.painting.SCORE_SIDE", 64)
    monkeypatch.setattr("neural_painter.painting.STYLE_SIDE", 64)
    monkeypatch.setattr("neural_painter.painter.styling.LEAST_SIDE", 64)
    monkeypatch.setattr("renderers.weights.folder", lambda: weights)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def anew(here):
    """Enters a copy of a test's folder as the fixture left it: for the next case of a table."""
    place = tempfile.mkdtemp(prefix=f"{here.name}-", dir=here.parent)
    shutil.copytree(here, place, dirs_exist_ok=True)
    os.chdir(place)


def photo(path, width=32, height=24, mode="RGB"):
    """Writes a small photo, a PNG whatever its name: a gradient, in mode RGBA with a transparent half."""
    y, x = np.mgrid[0:height, 0:width]
    channels = [x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height), (x < width / 2) * 255]
    Image.fromarray(np.stack(channels[: len(mode)], axis=-1).astype(np.uint8)).save(path, format="PNG")
    return Path(path)
