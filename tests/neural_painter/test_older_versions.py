"""Stroke documents of older versions, beside the pictures that were painted of them then.

In version 1 strokes could not sweep; in versions 1 and 2 `watercolor` was another brush.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neural_painter.export.rendering import render_bytes
from neural_painter.painter.config import PaintConfig
from neural_painter.strokes import VERSION, read_document, write_document
from renderers.brush import SWEEP
from renderers.brushes import brush, names
from tests.each import each
from tests.neural_painter.sample_documents import sample_document, sweeping

KEPT = Path(__file__).parent
NOW = {"marker": "marker", "oil": "oil", "tape": "tape", "watercolor": "watercolor_1"}
"""What a brush was called then, and what it is called now."""

FILES = sorted(path for path in KEPT.glob("version_*/*") if path.suffix != ".png")


def assert_looks_as_it_did(document, path):
    """To the byte, but where another processor rounds a number that lies just between two."""
    with Image.open(path.with_name(f"{path.name.partition('.')[0]}.png")) as kept:
        before = np.asarray(kept).astype(int)
    apart = np.abs(render_bytes(document, before.shape[:2]) - before)
    assert apart.max() <= 1
    assert np.count_nonzero(apart) <= before.size // 2000


def test_all_versions_and_brushes_are_there():
    assert {(path.parent.name, path.name.partition(".")[0]) for path in FILES} == {
        (f"version_{version}", name) for version in range(1, VERSION) for name in NOW
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_is_read_and_painted_as_it_was(path, tmp_path):
    document = read_document(path)
    name, _, suffix = path.name.partition(".")
    known = sample_document(NOW[name], count=24)
    assert document == (known if path.parent.name == "version_1" else sweeping(known))
    assert document.strokes.placement[:, SWEEP].any() == (path.parent.name != "version_1")
    assert_looks_as_it_did(document, path)
    write_document(tmp_path / f"new.{suffix}", document)
    assert read_document(tmp_path / f"new.{suffix}") == document


def test_a_difference_would_be_seen():
    path = KEPT / "version_1" / "tape.json"
    document = read_document(path)
    with pytest.raises(AssertionError):
        assert_looks_as_it_did(sweeping(document), path)
    with pytest.raises(AssertionError):
        assert_looks_as_it_did(replace(document, seed=2), path)


@each("name", sorted(set(NOW.values()) - set(names())))
def test_what_is_retired_is_not_offered_but_still_paints(name):
    assert brush(name).name == name
    assert PaintConfig(brush=name).brush == name


def test_what_was_painted_with_a_retired_brush_is_gone_on_with(tmp_path):
    """Its options name the brush as it was called then."""
    path = KEPT / "version_2" / "watercolor.json"
    told = path.read_text().replace('"options": {', '"options": {"brush": "watercolor", ', 1)
    (tmp_path / "a.json").write_text(told)
    assert read_document(tmp_path / "a.json").options["brush"] == "watercolor_1"
