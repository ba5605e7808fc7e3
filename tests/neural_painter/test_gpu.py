"""Whole works on a GPU against the same on the CPU. Kernels are tested where they live, in the interpreter as well."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from neural_painter import (
    PaintConfig,
    PhotoConfig,
    StrokeStyle,
    StrokeStyleConfig,
    StyleConfig,
    paint,
    photo_transfer,
    restyle,
    style_picture,
)
from neural_painter.fast.config import FastConfig
from neural_painter.fast.training import FastTrainer
from neural_painter.images import write_image
from neural_painter.metrics import psnr
from neural_painter.photo.laplacian import MattingLaplacian
from renderers.brushes import brush
from renderers.training import Trainer, TrainingConfig
from tests.neural_painter.painter.pictures import still_life
from tests.neural_painter.photo.samples import day, night, tiny_features

ROOT = Path(__file__).parents[2]
DEVICE = "cuda"

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")]


@pytest.mark.parametrize("options", [{}, {"brush": "watercolor"}, {"transport_stages": "all", "strokes": 40}], ids=str)
def test_paintings_come_as_close_to_the_photo(options):
    photo = still_life(90, 120)
    config = PaintConfig(**{"strokes": 120, "preset": "fast", **options})
    cpu, gpu = (paint(photo, replace(config, device=device)) for device in ("cpu", DEVICE))
    assert gpu.device == DEVICE
    assert (gpu.finished, gpu.recovered, len(gpu.strokes)) == (True, 0, config.strokes)
    assert gpu.psnr > cpu.psnr - 0.5
    assert gpu.document.options["device"] == DEVICE


def test_strokes_take_on_a_style():
    document = paint(still_life(60, 80), PaintConfig(strokes=40, preset="fast", device=DEVICE)).document
    style = StrokeStyle(night(), tiny_features(), StrokeStyleConfig(style_steps=20))
    after = [restyle(document, style, device=device).style_distance[1] for device in ("cpu", DEVICE)]
    assert after[1] == pytest.approx(after[0], rel=0.1)


def test_the_matting_laplacian_is_the_same():
    photo, picture = (torch.from_numpy(p(48, 60).transpose(2, 0, 1).copy()) for p in (day, night))
    for epsilon in (1e-5, 1e-7):
        wanted = MattingLaplacian(photo, epsilon=epsilon).apply(picture)
        found = MattingLaplacian(photo.to(DEVICE), epsilon=epsilon).apply(picture.to(DEVICE)).cpu()
        assert float((found - wanted).abs().max()) < 2e-6


@pytest.mark.parametrize("options", [{"preset": "fast"}, {"smoothing": "exact"}, {"optimizer": "adam"}], ids=str)
def test_transfers_of_photos_agree(options):
    features = tiny_features()
    config = PhotoConfig(**{"iterations": 4, **options})
    cpu, gpu = (
        photo_transfer(day(), night(), config=replace(config, device=device), features=features)
        for device in ("cpu", DEVICE)
    )
    assert gpu.device == DEVICE
    assert psnr(cpu.picture, gpu.picture) > 30


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_styled_pictures_are_as_good(optimizer):
    """Sums come in another order, and the ways part: L-BFGS' in style by a fifth, measured on an H200."""
    features = tiny_features()
    config = StyleConfig(optimizer=optimizer, iterations=6, first_size=40, tile=128)
    losses = [
        style_picture(day(60, 90), [night()], config=replace(config, device=device), features=features).losses["style"]
        for device in ("cpu", DEVICE)
    ]
    assert losses[1] < 1.3 * losses[0]


def trainers(kind, folder):
    """Three trainers alike: two on the GPU and one on the CPU."""
    if kind == "renderer":
        config = TrainingConfig(steps=6, batch=8, held_out=8)
        return [Trainer(brush("tape"), config, torch.device(device)) for device in (DEVICE, DEVICE, "cpu")]
    write_image(folder / "day.png", day())
    config = FastConfig(steps=6, batch=2, crop=32, filters=4, residuals=1, style_size=48, rate=0.01)
    return [
        FastTrainer(night(), [folder / "day.png"], tiny_features(), config, torch.device(device))
        for device in (DEVICE, DEVICE, "cpu")
    ]


@pytest.mark.parametrize("kind", ["renderer", "fast"])
def test_training_goes_on_from_a_checkpoint(kind, tmp_path):
    straight, resumed, plain = trainers(kind, tmp_path)
    losses = list(straight.run(stop=3))
    straight.save_checkpoint(tmp_path / "checkpoint.safetensors")
    losses += straight.run()
    resumed.load_checkpoint(tmp_path / "checkpoint.safetensors")
    assert list(resumed.run()) == pytest.approx(losses[3:], rel=1e-2)
    plain.load_checkpoint(tmp_path / "checkpoint.safetensors")
    assert list(plain.run()) == pytest.approx(losses[3:], rel=3e-2)  # a GPU rounds convolutions to ten bits


def test_a_full_gpu_is_told(tmp_path):
    write_image(tmp_path / "large.png", np.zeros((2000, 3000, 3), np.float32))
    program = (
        "import sys, torch; torch.cuda.set_per_process_memory_fraction(0.0005)\n"
        "from neural_painter.cli import main\n"
        f"sys.exit(main(['fast', 'large.png', '-o', 'made.png', '--device', '{DEVICE}']))"
    )
    command = [sys.executable, "-c", program]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path[1:]])}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 6, done.stderr
    assert "out of memory" in done.stderr
    assert not (tmp_path / "made.png").exists()
