"""What a file is in words: whatever a user may take for something else, and which command takes it."""

import gzip
import json
import pickle
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save

from neural_painter import journal
from neural_painter.fast.files import Card, save_model
from neural_painter.fast.formats.onnx_write import onnx_of
from neural_painter.fast.network import TransformNetwork, johnson
from neural_painter.files import HEAD
from neural_painter.kinds import recognised
from neural_painter.strokes import write_document
from renderers.checkpoints import write_checkpoint
from renderers.weights import folder
from tests.neural_painter.sample_documents import sample_document


def kind(path):
    """What a file is, told by its first bytes."""
    with path.open("rb") as file:
        return recognised(file.read(HEAD), Path("it"))


def test_pictures_and_films(tmp_path):
    for name, shown in (("a.jpg", "JPEG"), ("a.png", "PNG"), ("a.webp", "WebP"), ("a.tiff", "TIFF"), ("a.gif", "GIF")):
        Image.new("RGB", (4, 4)).save(tmp_path / name)
        found = kind(tmp_path / name)
        assert found.what == f"a picture ({shown})"
        assert "`paint.py style PHOTO it`" in found.hint
        assert "`paint.py train-fast it --photos FOLDER`" in found.hint
    found = recognised(b"\0\0\0\x20ftypisom" + bytes(30), Path("it"))
    assert found.what == "a film (mp4)"
    assert "`paint.py fast it [MODEL]`" in found.hint
    assert recognised(b"\0\0\0\x20ftypheic" + bytes(30), Path("it")).what == "a picture (heic)"


def test_stroke_documents(tmp_path):
    for name in ("a.npz", "a.json", "a.json.gz"):
        write_document(tmp_path / name, sample_document())
        found = kind(tmp_path / name)
        assert found.what == "a stroke document", name
        assert "`paint.py render it`" in found.hint
    (tmp_path / "other.json.gz").write_bytes(gzip.compress(b"{}"))
    assert kind(tmp_path / "other.json.gz").what == "a gzip archive"
    (tmp_path / "cut.json.gz").write_bytes(gzip.compress(json.dumps(list(range(999))).encode())[:9])
    assert kind(tmp_path / "cut.json.gz").what == "a gzip archive"
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    assert kind(tmp_path / "other.npz").what == "a ZIP archive"


def test_unfinished_work():
    own = save({"a": torch.zeros(1)}, {"format": "neural_painter style transfer, version 2"})
    for data in (own, b"neural_painter unfinished film 1\n" + bytes(30), journal.MAGIC + bytes(30)):
        found = recognised(data, Path("it"))
        assert found.what == "unfinished work"
        assert "--resume" in found.hint


def test_files_of_tensors(tmp_path):
    network = TransformNetwork(johnson(4, 0))
    save_model(tmp_path / "model", network, Card("Waves"))
    optimiser = torch.optim.Adam(network.parameters())
    write_checkpoint(tmp_path / "fast", network, optimiser, {"fast": "{}"})
    write_checkpoint(tmp_path / "renderer", network, optimiser, {"config": "{}", "step": "1", "brush": "oil"})
    (tmp_path / "features").write_bytes(save({"features.0.weight": torch.zeros(1), "features.0.bias": torch.zeros(1)}))
    (tmp_path / "variables").write_bytes(save({"Variable": torch.zeros(1), "Variable_1": torch.zeros(1)}))
    (tmp_path / "pytorch").write_bytes(save({"module.conv1.conv2d.weight": torch.zeros(1)}))
    (tmp_path / "other").write_bytes(save({"a": torch.zeros(1)}))
    (tmp_path / "none").write_bytes(save({}))
    for name, what, hint in (
        ("model", "a model of a style", "`paint.py fast PHOTO it`"),
        ("fast", "a checkpoint of train-fast", "--checkpoint it --resume"),
        ("renderer", "a checkpoint of train_renderer.py", "--resume"),
        ("features", "a network of features", "`--features it`"),
        ("variables", "a model of a style", "`paint.py fast PHOTO it`"),
        ("pytorch", "a model of a style", "`paint.py fast PHOTO it`"),
        ("other", "a file of tensors (safetensors)", ""),
        ("none", "a file of tensors (safetensors)", ""),
    ):
        found = kind(tmp_path / name)
        assert found.what == what, name
        assert hint in (found.hint or ""), name
    assert kind(folder() / "oil.safetensors").what == "a renderer of a brush"


def test_models_of_others_and_the_rest():
    onnx = onnx_of(TransformNetwork(johnson(4, 0)).eval()).SerializeToString()
    for data, what in (
        (onnx, "a model in ONNX"),
        (pickle.dumps({"a": 1}), "a pickle"),
        (b"PK\3\4" + 26 * b"\0" + b"archive/data.pkl", "a pickle"),
        (b"\3\0\0\0\1\0\0\0", "a file of Torch7"),
        (b"<!DOCTYPE html>", "a web page (HTML)"),
        (b"some words", "a text"),
        (b"%PDF-1.4", "a PDF"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer, not the file itself"),
    ):
        assert recognised(data, Path("it")).what == what
    assert recognised(np.random.default_rng(0).bytes(HEAD), Path("it")) is None
