import json
from pathlib import Path

import pytest

from neural_painter.cli import main
from tests.neural_painter.cli.conftest import FAST, photo


@pytest.fixture
def photos(here):
    Path("in").mkdir()
    for name in ("a.png", "b.png", "c.png"):
        photo(f"in/{name}")
    return here


def test_one_that_fails_does_not_stop_the_others(photos, capsys):
    Path("in/b.png").write_text("<html>")
    assert main(["in", "gone.jpg", "empty", "-o", "out/", *FAST]) == 7
    assert capsys.readouterr().err.splitlines() == [
        "paint.py: in/b.png: not a picture (found: text/html)",
        "  Supported: JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF, HEIC",
        "paint.py: gone.jpg: no such file",
        "paint.py: empty: no such file",
    ]
    assert sorted(path.name for path in Path("out").iterdir()) == ["a-oil.png", "c-oil.png"]


def test_paintings_that_exist_are_kept_and_the_rest_is_painted(photos, capsys):
    Path("b-oil.png").write_text("mine")
    assert main(["in", *FAST]) == 7
    assert capsys.readouterr().err.startswith("paint.py: b-oil.png: exists already\n")
    assert Path("b-oil.png").read_text() == "mine"
    assert Path("a-oil.png").exists()
    assert Path("c-oil.png").exists()


def test_a_size_that_suits_one_photo_only(photos, capsys):
    photo("in/b.png", width=30, height=30)
    assert main(["in", "--size", "64x48", *FAST]) == 7
    assert capsys.readouterr().err.startswith("paint.py: --size: 64x48 does not have the shape of in/b.png (30x30)")


def test_an_empty_folder_among_others(photos, capsys):
    Path("empty").mkdir()
    assert main(["empty", "in/a.png", *FAST]) == 7
    assert capsys.readouterr().err == "paint.py: empty: holds no pictures\n"
    assert Path("a-oil.png").exists()


def test_one_json_object_a_picture(photos, capsys):
    assert main(["in", "--json", *FAST]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["input"] for line in lines] == ["in/a.png", "in/b.png", "in/c.png"]


def test_a_folder_that_stays_empty_is_not_left_behind(here):
    assert main(["gone.png", "too.png", "-o", "out/", *FAST]) == 7
    assert list(Path().iterdir()) == []


def test_a_bug_in_one_shows_its_traceback(photos, monkeypatch, capsys):
    from neural_painter import images

    read = images.read_image
    monkeypatch.setattr(images, "read_image", lambda path, **k: 1 / 0 if path.stem == "b" else read(path, **k))
    assert main(["in", *FAST]) == 7
    said = capsys.readouterr().err
    assert "ZeroDivisionError" in said
    assert said.endswith("paint.py: this is a bug; please report it with the lines above\n")
    assert Path("c-oil.png").exists()
