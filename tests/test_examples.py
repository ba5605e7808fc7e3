"""The scripts in examples/ run as they stand, here on small pictures, with few strokes."""

from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import pytest

from neural_painter import PaintConfig, read_image
from renderers import brushes

EXAMPLES = Path(__file__).parents[1] / "examples"
TINY = PaintConfig(strokes=5, preset="fast")


@pytest.fixture
def script(monkeypatch):
    """Imports a script; by its own name, which numba keeps beside compiled kernels."""
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.setattr(brushes, "_added", {})
    return import_module


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    ramp = np.mgrid[0:24, 0:32].sum(0, dtype=np.float32) * 4
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(folder / name), np.dstack([ramp, ramp[::-1], 255 - ramp]).astype(np.uint8))
    return folder


def test_paint_and_export(script, photos, tmp_path, capsys):
    painting = script("paint_and_export").main(photos / "a.png", tmp_path, strokes=5, size=64)
    assert {path.name for path in tmp_path.glob("a.*")} == {"a.png", "a.svg", "a.mp4", "a.npz"}
    assert read_image(tmp_path / "a.png").shape == (48, 64, 3)
    assert len(painting.strokes) == 5
    assert "5 strokes" in capsys.readouterr().out


def test_batch(script, photos, tmp_path, capsys):
    (photos / "broken.jpg").write_bytes(b"no picture")
    failures = script("batch").main(photos, tmp_path / "made", TINY)
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == ["a.jpg", "b.jpg"]
    assert len(failures) == 1
    assert "broken.jpg" in failures[0]
    assert capsys.readouterr().out.endswith("100%  broken.jpg                    \n")


def test_watch(script, photos, tmp_path, capsys):
    painting = script("watch").main(photos / "a.png", tmp_path, TINY)
    assert np.abs(read_image(tmp_path / "a-live.png") - painting.render()).max() <= 0.51 / 255
    assert "5 strokes" in capsys.readouterr().out


def test_own_brush(script, photos, tmp_path):
    example = script("own_brush")
    painting = example.main(photos / "a.png", tmp_path / "dot", strokes=5, steps=1)
    assert painting.document.brush == "dot"
    made = {path.name for path in (tmp_path / "dot").iterdir()}
    assert made == {"strokes.png", "dot.safetensors", "dot.json", "a-dot.png", "a-dot.npz"}
    with pytest.raises(ValueError, match="a plain word other than"):
        brushes.add_brush(brushes.brush("oil"))
