"""The folder of one's own brushes: where it is, what is found in it, and what a damaged one does."""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from renderers import brushes, own_brushes
from renderers.pictured import BrushError, picture_bytes, read_brush
from tests.renderers.pictured.samples import leaf, stroke


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv(own_brushes.VARIABLE, str(tmp_path))
    return tmp_path


def put(place, name, data=None, card=None):
    data = picture_bytes(leaf()) if data is None else data
    (place / name).mkdir()
    (place / name / f"{name}.png").write_bytes(data)
    if card is None:
        from hashlib import sha256

        card = json.dumps({"picture": {"sha256": sha256(data).hexdigest()}})
    (place / name / f"{name}.json").write_text(card)


def test_the_folder_is_that_of_the_system(monkeypatch):
    monkeypatch.delenv(own_brushes.VARIABLE)
    home = Path.home()
    for platform, variables, wanted in (
        ("linux", {"XDG_DATA_HOME": "/data"}, Path("/data")),
        ("linux", {"XDG_DATA_HOME": "data"}, home / ".local" / "share"),  # the standard: what is relative is ignored
        ("linux", {}, home / ".local" / "share"),
        ("darwin", {}, home / "Library" / "Application Support"),
        ("win32", {"LOCALAPPDATA": "/local"}, Path("/local")),
        ("win32", {}, home / "AppData" / "Local"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "platform", platform)
            for name in ("XDG_DATA_HOME", "LOCALAPPDATA"):
                patch.delenv(name, raising=False)
            for name, value in variables.items():
                patch.setenv(name, value)
            assert own_brushes.folder() == wanted / "neural_painter" / "brushes"


def test_a_brush_is_found_by_its_name(place):
    assert brushes.names() == brushes.project_names()
    put(place, "mine")
    put(place, "long", picture_bytes(stroke()))
    assert set(brushes.names()) == {*brushes.project_names(), "mine", "long"}
    mine = brushes.brush("mine")
    assert (mine.name, mine.weights, mine.colours) == ("mine", place / "mine", 2)
    assert len(mine.picture) == 64
    assert mine.aspect.low == 1.178
    assert brushes.brush("mine").point is mine.point
    assert brushes.brush("long").aspect.low == 1


def test_the_folder_of_the_option_goes_before_the_variable(place, tmp_path):
    put(place, "mine")
    own_brushes.use_folder(tmp_path / "other")
    try:
        assert "mine" not in brushes.names()
    finally:
        own_brushes.use_folder(None)


def test_what_is_no_brush_is_left_out_and_told(place):
    put(place, "good")
    put(place, "2nd")
    put(place, "bare")
    (place / "bare" / "bare.json").unlink()
    (place / "begun").mkdir()
    (place / "note.txt").write_text("")
    assert own_brushes.names() == {"good"}
    assert own_brushes.problems() == (
        f"{place / '2nd'}: not a plain word, so no name of a brush; left out",
        f"{place / 'bare'}: holds no bare.json, so no brush; left out",
    )


def png(array, mode):
    file = io.BytesIO()
    Image.fromarray(array, mode).save(file, "PNG")
    return file.getvalue()


def test_a_damaged_brush_says_what_is_wrong_with_it(place):
    cut = picture_bytes(leaf())[:200]
    for name, data, card, words in (
        ("a", None, "{}", "a.json is not the card of a brush"),
        ("b", None, "[" * 10**5, "b.json is not the card of a brush"),
        ("c", None, '{"picture": {"sha256": "00"}}', "c.png is not the picture that its card describes"),
        ("d", b"", None, "d.png is not the picture of a brush"),
        ("e", cut, None, "e.png is not the picture of a brush"),
        ("f", png(np.zeros((20, 20, 3), np.uint8), "RGB"), None, "f.png is not the picture of a brush"),
        ("g", png(np.zeros((4, 4, 2), np.uint8), "LA"), None, "g.png is not the picture of a brush"),
        ("h", png(np.zeros((600, 600, 2), np.uint8), "LA"), None, "h.png is not the picture of a brush"),
    ):
        put(place, name, data, card)
        with pytest.raises(BrushError, match=f"^brush {name} is damaged: {words}") as caught:
            brushes.brush(name)
        assert caught.value.exit_status == 3
        assert f"--name {name}" in caught.value.hint
        assert brushes.brush("oil").name == "oil"
    with pytest.raises(BrushError, match=r"z\.json cannot be read"):
        read_brush("z")
