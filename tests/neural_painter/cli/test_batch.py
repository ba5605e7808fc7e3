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


def test_pictures_that_share_a_name_are_all_painted(photos):
    photo("in/a.jpg")
    Path("other").mkdir()
    photo("other/c.png")
    assert main(["in", "other", "-o", "out/", *FAST]) == 0
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "a-jpg-oil.png", "a-png-oil.png", "b-oil.png", "in-c-oil.png", "other-c-oil.png",
    ]  # fmt: skip


def test_a_picture_named_twice_is_painted_once(photos, capsys):
    Path("link.png").symlink_to("in/a.png")
    assert main(["in", "in/a.png", "link.png", "-o", "out/", *FAST[:-1]]) == 0
    assert "2 of the pictures were named twice, and are worked on once" in capsys.readouterr().err
    assert sorted(path.name for path in Path("out").iterdir()) == ["a-oil.png", "b-oil.png", "c-oil.png"]


def test_a_folder_that_holds_its_results_is_gone_on_with(photos, capsys):
    assert main(["in", "-o", "in/", *FAST]) == 0
    before = Path("in/a-oil.png").read_bytes()
    photo("in/new.png")
    capsys.readouterr()
    assert main(["in", "-o", "in/", *FAST[:-1]]) == 7  # of three it is told that they exist
    said = capsys.readouterr().err
    assert "in: results of this command in it are left alone: 3" in said
    assert "in/a-oil.png: exists already" in said
    assert Path("in/a-oil.png").read_bytes() == before
    assert main(["in", "-o", "in/", "--overwrite", "--seed", "3", *FAST]) == 0
    assert Path("in/a-oil.png").read_bytes() != before
    names = {"a", "b", "c", "new"}
    assert {path.name for path in Path("in").iterdir()} == {f"{n}{end}.png" for n in names for end in ("", "-oil")}


def test_a_user_s_own_picture_of_an_output_s_name_is_reported_alone(photos, capsys):
    photo("in/a-oil.png")
    assert main(["in", "-o", "in/", "--overwrite", *FAST]) == 7
    assert capsys.readouterr().err.startswith("paint.py: in/a-oil.png: would replace an input\n")
    assert {path.name for path in Path("in").iterdir()} == {
        "a.png", "b.png", "c.png", "a-oil.png", "a-oil-oil.png", "b-oil.png", "c-oil.png",
    }  # fmt: skip


def test_what_is_left_out_of_a_folder_is_told(photos, capsys):
    for name in ("IMG_1.CR2", "IMG_2.CR2"):
        Path(f"in/{name}").write_bytes(b"II*\0\x10\0\0\0CR\2\0")
    Path("in/notes.txt").write_text("hello")
    assert main(["in", "-o", "out/", *FAST[:-1]]) == 0
    assert "left out: 2 raw photo" in capsys.readouterr().err.splitlines()[0]


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

    read = images.read_picture
    monkeypatch.setattr(images, "read_picture", lambda path, **k: 1 / 0 if path.stem == "b" else read(path, **k))
    assert main(["in", *FAST]) == 7
    said = capsys.readouterr().err
    assert "ZeroDivisionError" in said
    assert said.endswith("paint.py: this is a bug; please report it with the lines above\n")
    assert Path("c-oil.png").exists()
