import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neural_painter.errors import OutputError, UsageError
from neural_painter.export import SUPPORTED, kind, save
from neural_painter.export.rendering import render
from neural_painter.images import Metadata, to_uint8
from neural_painter.strokes import read_document
from tests.neural_painter.sample_documents import sample_document

ROOT = Path(__file__).parents[3]
FAST = {"duration": 0.2, "fps": 10, "hold": 0.1}
BEGINS = {
    ".ora": b"PK",
    "-height.png": b"\x89PNG",
    "-normal.png": b"\x89PNG",
    ".png": b"\x89PNG",
    ".jpg": b"\xff\xd8",
    ".jpeg": b"\xff\xd8",
    ".webp": b"RIFF",
    ".tif": b"II*",
    ".tiff": b"II*",
    ".svg": b"<?xml",
    ".mp4": b"\0\0\0",
    ".gif": b"GIF89a",
    ".anim.webp": b"RIFF",
    ".json": b"{",
    ".json.gz": b"\x1f\x8b",
    ".npz": b"PK",
}


def test_the_end_of_the_name_decides(tmp_path):
    paths = [tmp_path / ("a.b" + end) for end in SUPPORTED] + [tmp_path / ("A.B" + end.upper()) for end in SUPPORTED]
    for path, end in zip(paths, [*SUPPORTED, *SUPPORTED], strict=True):
        save(path, sample_document("oil", count=3), (24, 32), **FAST)
        assert path.read_bytes().startswith(BEGINS[end]), end
    assert sorted(tmp_path.iterdir()) == sorted(paths)


def test_webp_is_still_unless_it_says_anim(tmp_path):
    save(tmp_path / "a.webp", sample_document(count=3), **FAST)
    save(tmp_path / "a.anim.webp", sample_document(count=3), **FAST)
    with Image.open(tmp_path / "a.webp") as still, Image.open(tmp_path / "a.anim.webp") as moving:
        assert getattr(still, "n_frames", 1) == 1
        assert moving.n_frames > 1


def test_picture_is_the_rendering_at_the_photos_size(tmp_path):
    document = sample_document(count=10, size=(33, 47))
    save(tmp_path / "a.png", document)
    with Image.open(tmp_path / "a.png") as image:
        np.testing.assert_array_equal(np.asarray(image), to_uint8(render(document, (33, 47))))
    save(tmp_path / "a.png", document, (66, 94))
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (94, 66)


def test_document_comes_back(tmp_path):
    document = sample_document(count=10)
    save(tmp_path / "a.json.gz", document, (5, 5))
    assert read_document(tmp_path / "a.json.gz") == document


@pytest.mark.parametrize("name", ["a", "a.bmp", "a.gz", "png", ".png", "a.png.txt"])
def test_other_ends(name, tmp_path):
    with pytest.raises(UsageError) as caught:
        save(tmp_path / name, sample_document(count=1))
    assert all(end in caught.value.hint for end in SUPPORTED)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("end", [".png", ".svg", ".mp4", ".json"])
def test_existing_files_are_kept(end, tmp_path):
    path = tmp_path / f"a{end}"
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        save(path, sample_document(count=1), overwrite=False, **FAST)
    assert path.read_text() == "mine"


def test_kind():
    assert kind("x/Cat.JPG") == "picture"
    assert kind("cat.anim.webp") == "animation"
    assert kind("cat.v2.json.gz") == "stroke document"


@pytest.mark.slow  # a process that loads and forks
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_child_can_export_after_its_parent_did(tmp_path):
    script = """
import os, sys
from neural_painter.export import save
from tests.neural_painter.sample_documents import sample_document

document, how = sample_document(count=10), {"duration": 0.3, "fps": 10}
for end in (".mp4", ".png"):
    save(sys.argv[1] + end, document, (48, 64), **how)
    child = os.fork()
    if child == 0:
        save(sys.argv[1] + "-child" + end, document, (48, 64), **how)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", script, tmp_path / "a"], cwd=ROOT, check=True, timeout=120)
    for end in (".mp4", ".png"):
        assert (tmp_path / f"a-child{end}").read_bytes() == (tmp_path / f"a{end}").read_bytes()


def test_a_picture_tells_what_it_is_to_tell(tmp_path):
    for end in SUPPORTED:  # the others leave it out
        save(tmp_path / f"a{end}", sample_document("oil", count=1), metadata=Metadata(ppi=(150, 150)), **FAST)
    for end in (".png", ".jpg", ".tif"):
        with Image.open(tmp_path / f"a{end}") as image:
            assert image.info["dpi"] == pytest.approx((150, 150), abs=0.1)
