"""Stroke documents that were written before strokes could sweep, beside the pictures that were painted of them then."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neural_painter.export.rendering import render_bytes
from neural_painter.strokes import read_document, write_document
from renderers.brush import SWEEP
from renderers.brushes import names
from tests.neural_painter.sample_documents import sample_document, sweeping

KEPT = Path(__file__).parent / "version_1"
SUFFIXES = (".json", ".json.gz", ".npz")


def assert_looks_as_it_did(document, name):
    """To the byte, but where another processor rounds a number that lies just between two."""
    with Image.open(KEPT / f"{name}.png") as kept:
        before = np.asarray(kept).astype(int)
    apart = np.abs(render_bytes(document, before.shape[:2]) - before)
    assert apart.max() <= 1
    assert np.count_nonzero(apart) <= before.size // 2000


@pytest.mark.parametrize("name", names())
def test_is_read_and_painted_as_it_was(name, tmp_path):
    for suffix in SUFFIXES:
        document = read_document(KEPT / f"{name}{suffix}")
        assert document == sample_document(name, count=24)
        assert not document.strokes.placement[:, SWEEP].any()
        assert_looks_as_it_did(document, name)
        write_document(tmp_path / f"new{suffix}", document)
        assert_looks_as_it_did(read_document(tmp_path / f"new{suffix}"), name)


def test_a_difference_would_be_seen():
    document = read_document(KEPT / "tape.json")
    with pytest.raises(AssertionError):
        assert_looks_as_it_did(sweeping(document), "tape")
    with pytest.raises(AssertionError):
        assert_looks_as_it_did(replace(document, seed=2), "oil")
