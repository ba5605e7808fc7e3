"""Every command against everything that users do to it: exit status, one sentence, nothing left behind."""

import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from neural_painter.cli import main
from neural_painter.images import read_image
from neural_painter.strokes import read_document, write_document
from tests.each import each
from tests.neural_painter.cli.conftest import FAST, anew, photo
from tests.neural_painter.sample_documents import sample_document


def picture(name="cat.png", **settings):
    return lambda: photo(name, **settings)


def text(name, content="this is not what you think"):
    return lambda: Path(name).write_text(content)


def document(name="cat.npz", size=(24, 32), **changes):
    return lambda: write_document(name, replace(sample_document(count=5, size=size), **changes))


def folder(name, *inside):
    def make():
        Path(name).mkdir()
        for entry in inside:
            photo(Path(name) / entry)

    return make


def both(*makers):
    return lambda: [make() for make in makers]


def nothing():
    pass


def of_render(cases):
    return [(f"render {words}", *rest) for words, *rest in cases.values()]


PAINT_FINE = {
    "default output": ("cat.png", picture(), {"cat-oil.png": (32, 24)}),
    "several outputs": ("cat.png -o a.jpg -o a.svg -o a.json", picture(), {"a.jpg": (32, 24), "a.svg": 0, "a.json": 0}),
    "wrong extension": ("cat.jpg", picture("cat.jpg"), {"cat-oil.png": (32, 24)}),
    "one row": ("cat.png --size 50", picture(width=32, height=1), {"cat-oil.png": (50, 2)}),
    "alpha": ("cat.png --canvas navy", picture(mode="RGBA"), {"cat-oil.png": (32, 24)}),
    "long side": ("cat.png --size 64", picture(), {"cat-oil.png": (64, 48)}),
    "width x height": ("cat.png --size 65x48", picture(), {"cat-oil.png": (65, 48)}),
    "options after, before": ("--seed 3 cat.png --edges 0 -o a.png", picture(), {"a.png": (32, 24)}),
    "name, brush": ("cat.png -o {name}.of.{brush}.png", picture(), {"cat.of.oil.png": (32, 24)}),
    "new folder": ("cat.png -o out/", picture(), {"out": None, "out/cat-oil.png": (32, 24)}),
    "old folder": ("cat.png -o out", both(picture(), folder("out")), {"out": None, "out/cat-oil.png": (32, 24)}),
    "overwrite": ("cat.png -o a.png --overwrite", both(picture(), picture("a.png", width=5)), {"a.png": (32, 24)}),
    "animation": ("cat.png -o a.gif --duration 0.2 --fps 10 --hold 0", picture(), {"a.gif": (32, 24)}),
    "folder": ("in -o {name}.png", folder("in", "a.png", "b.png"), {"a.png": (32, 24), "b.png": (32, 24)}),
    "odd name": ("-o x.png -- -a{b}'é.png", picture("-a{b}'é.png"), {"x.png": (32, 24)}),
}

RENDER_FINE = {
    "default output": ("cat.npz", document(), {"cat.png": (32, 24)}),
    "size": ("cat.npz -o a.png --size 320x240", document(), {"a.png": (320, 240)}),
    "json": ("cat.json.gz -o {name}.svg", document("cat.json.gz"), {"cat.svg": 0}),
    "to json": ("cat.npz -o cat.json", document(), {"cat.json": 0}),
    "1x1": ("cat.npz", document(size=(1, 1)), {"cat.png": (1, 1)}),
    "odd size": ("cat.npz", document(size=(17, 31)), {"cat.png": (31, 17)}),
    "overwrite": ("cat.npz --overwrite", both(document(), picture(width=5)), {"cat.png": (32, 24)}),
}


@each("words, prepare, expected", [*PAINT_FINE.values(), *of_render(RENDER_FINE)], ids=[*PAINT_FINE, *RENDER_FINE])
def test_fine(words, prepare, expected, here, capsys):
    anew(here)
    prepare()
    before = listing()
    assert main(in_haste(words.split())) == 0
    assert capsys.readouterr() == ("", "")
    for name, size in expected.items():
        if size:
            with Image.open(name) as image:
                assert image.size == size
        else:
            assert Path(name).exists()
    assert listing() == before | set(expected)


PAINT_WRONG = {
    "no photo": ("", nothing, 2, "the following arguments are required: PHOTO"),
    "missing": ("cat.jpg", nothing, 3, r"cat.jpg: no such file"),
    "missing folder": ("in/", nothing, 3, r"in: no such file"),
    "not a picture": ("cat.jpg", text("cat.jpg"), 3, r"cat.jpg: not a picture \(found: text/plain\)"),
    "html": ("cat.jpg", text("cat.jpg", "<html>"), 3, r"cat.jpg: not a picture \(found: text/html\)"),
    "empty": ("cat.jpg", text("cat.jpg", ""), 3, "cat.jpg: is empty"),
    "damaged": ("cat.png", both(picture(), lambda: os.truncate("cat.png", 60)), 3, "cat.png: cannot be read as PNG"),
    "empty folder": ("in", folder("in"), 3, "in: holds no pictures"),
    "output exists": ("cat.png -o a.png", both(picture(), text("a.png")), 5, "a.png: exists already"),
    "default exists": ("cat.png", both(picture(), text("cat-oil.png")), 5, "cat-oil.png: exists already"),
    "output is a folder": ("cat.png -o a.png/b.png", both(picture(), folder("a.png", "b.png")), 5, ".*exists already"),
    "output has no folder": ("cat.png -o no/a.png", picture(), 5, "no/a.png: its folder does not exist"),
    "folder has no folder": ("cat.png -o no/where/", picture(), 5, "no/where: cannot be made"),
    "file as folder": ("cat.png -o cat.png/a.png", picture(), 5, "cat.png/a.png: its folder does not exist"),
    "unknown extension": ("cat.png -o a.xcf", picture(), 2, "a.xcf: unknown kind of file"),
    "no extension": ("cat.png -o a", picture(), 2, "a: unknown kind of file"),
    "output is the photo": ("cat.png -o ./cat.png --overwrite", picture(), 2, "cat.png: would replace an input"),
    "output twice": ("cat.png -o a.png -o ./a.png", picture(), 2, "a.png: would be written twice"),
    "one output": ("in -o a.png", folder("in", "a.png"), 2, "-o a.png: one output for several pictures"),
    "option": ("cat.png --bristles 3", picture(), 2, "unrecognized arguments: --bristles 3"),
    "abbreviation": ("cat.png --stro 3", picture(), 2, "unrecognized arguments: --stro 3"),
    "no value": ("cat.png --brush", picture(), 2, "--brush: expected one argument"),
    "brush": ("cat.png --brush quill", picture(), 2, "--brush: expected one of .*oil.*, got quill"),
    "strokes": ("cat.png --strokes 0", picture(), 2, "--strokes: expected a whole number from 1 to 200000, got 0"),
    "not whole": ("cat.png --strokes 1.5", picture(), 2, "--strokes: expected a whole number, got '1.5'"),
    "not a number": ("cat.png --edges much", picture(), 2, "--edges: expected a number, got 'much'"),
    "nan": ("cat.png --edges nan", picture(), 2, "--edges: expected a number from 0 to 1000000000, got nan"),
    "preset": ("cat.png --preset slow", picture(), 2, "--preset: expected one of preview, .*best, got slow"),
    "seed": ("cat.png --seed -1", picture(), 2, "--seed: expected a whole number from 0 to 4294967295, got -1"),
    "device": ("cat.png --device tpu", picture(), 2, "--device: expected one of auto, cpu, cuda, got tpu"),
    "colour": ("cat.png --canvas blurple", picture(), 2, "--canvas: 'blurple': not a colour"),
    "size": ("cat.png --size big", picture(), 2, "--size: expected WIDTHxHEIGHT or the long side in pixels, got 'big'"),
    "size 0": ("cat.png --size 0", picture(), 2, "--size: expected 1 to 20000 pixels a side, got 0"),
    "size huge": ("cat.png --size 20001", picture(), 2, "--size: expected 1 to 20000 pixels a side, got 20001"),
    "aspect": ("cat.png --size 100x100", picture(), 2, r"--size: 100x100 does not have the shape of cat.png \(32x24\)"),
    "no animation": ("cat.png --fps 9", picture(), 2, "--fps: no output is an animation"),
    "fps": ("cat.png -o a.gif --fps 900", picture(), 2, "fps is 900, expected more than 0 to 50"),
    "resume missing": ("cat.png --resume a.npz", picture(), 3, "a.npz: no such file"),
    "resume extension": ("cat.png --resume cat.png", picture(), 2, "cat.png: not the name of a stroke document"),
    "resume several": ("a b --resume c.npz", nothing, 2, "--resume: goes on with one painting, got several photos"),
    "resume finished": (
        "cat.png --resume cat.npz",
        both(picture(), document(options={"canvas": [1, 1, 1.0], "brush": "tape"}, brush="tape")),
        3,
        "the document to resume was painted with",
    ),
    "resume nonsense": (
        "cat.png --resume cat.npz",
        both(picture(), document(options={"canvas": "white"})),
        3,
        "cat.npz: its option canvas makes no sense",
    ),
    "resume out of range": (
        "cat.png --resume cat.npz",
        both(picture(), document(options={"strokes": 10**9})),
        3,
        r"cat.npz: its options make no sense \(strokes",
    ),
}

RENDER_WRONG = {
    "no document": ("", nothing, 2, "the following arguments are required: DOCUMENT"),
    "missing": ("cat.npz", nothing, 3, "cat.npz: no such file"),
    "extension": ("cat.png", picture(), 2, "cat.png: not the name of a stroke document"),
    "not a document": ("cat.npz", text("cat.npz"), 3, "cat.npz: "),
    "not JSON": ("cat.json", text("cat.json"), 3, "cat.json: "),
    "other JSON": ("cat.json", text("cat.json", '{"a": 1}'), 3, "cat.json: not a valid stroke document"),
    "empty": ("cat.npz", text("cat.npz", ""), 3, "cat.npz: "),
    "output exists": ("cat.npz", both(document(), text("cat.png")), 5, "cat.png: exists already"),
    "no folder": ("cat.npz -o no/a.png", document(), 5, "no/a.png: its folder does not exist"),
    "unknown extension": ("cat.npz -o a.xcf", document(), 2, "a.xcf: unknown kind of file"),
    "output is the document": ("cat.npz -o cat.npz --overwrite", document(), 2, "cat.npz: would replace an input"),
    "aspect": ("cat.npz --size 99x10", document(), 2, r"--size: 99x10 does not have the shape of cat.npz \(32x24\)"),
    "size": ("cat.npz --size 4000x", document(), 2, "--size: expected WIDTHxHEIGHT"),
    "config option": ("cat.npz --preset best", document(), 2, "unrecognized arguments: --preset best"),
    "no animation": ("cat.npz --hold 1", document(), 2, "--hold: no output is an animation"),
    "new folder": ("cat.npz -o out/", nothing, 3, "cat.npz: no such file"),
}


@each(
    "words, prepare, status, message",
    [*PAINT_WRONG.values(), *of_render(RENDER_WRONG)],
    ids=[*PAINT_WRONG, *RENDER_WRONG],
)
def test_wrong(words, prepare, status, message, here, capsys):
    anew(here)
    prepare()
    before = listing()
    assert main(words.split()) == status
    said = capsys.readouterr()
    assert said.out == ""
    lines = said.err.splitlines()
    assert re.match(f"paint.py: {message}", lines[0])
    assert len(lines) <= 2
    assert all(line.startswith("  ") for line in lines[1:])
    assert listing() == before


def test_unwritable_folder(here, monkeypatch, capsys):
    photo("cat.png")
    monkeypatch.setattr("neural_painter.files.os.access", lambda *_: False)  # for root every folder is writable
    assert main(["cat.png"]) == 5
    assert capsys.readouterr().err == "paint.py: cat-oil.png: its folder is not writable\n"


def test_missing_weights(here, monkeypatch, capsys):
    photo("cat.png")
    monkeypatch.setattr("renderers.weights.folder", lambda: here)
    assert main(["cat.png", "--quiet"]) == 4
    assert capsys.readouterr().err.startswith("paint.py: oil.json: weights of oil are missing; python train")
    photo("dog.png")
    assert main(["cat.png", "dog.png", "--quiet"]) == 4  # nothing would become of the others either
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_damaged_weights(here, weights, monkeypatch, capsys):
    photo("cat.png")
    for name in ("oil.json", "oil.safetensors"):
        Path(name).write_bytes((weights / name).read_bytes() + b" ")
    monkeypatch.setattr("renderers.weights.folder", lambda: here)
    assert main(["cat.png", "--quiet"]) == 4
    assert "damaged" in capsys.readouterr().err


def test_the_photo_is_left_as_it_is_and_the_same_command_gives_the_same_bytes(here):
    before = photo("cat.png").read_bytes()
    assert main(["cat.png", "-o", "a.png", "-o", "a.npz", *FAST]) == 0
    assert main(["cat.png", "-o", "b.png", "-o", "b.npz", *FAST]) == 0
    assert Path("cat.png").read_bytes() == before
    for end in (".png", ".npz"):
        assert Path(f"a{end}").read_bytes() == Path(f"b{end}").read_bytes()
    assert main(["render", "a.npz", "-o", "c.png", "--quiet"]) == 0
    assert np.array_equal(read_image("c.png"), read_image("a.png"))  # they were made by different commands


def test_options_reach_the_document(here):
    photo("cat.png")
    words = ["--strokes", "3", "--preset", "fast", "--seed", "7", "--canvas", "#ff8000", "--transport-stages", "all"]
    assert main(["cat.png", "-o", "a.npz", *words, "--quiet"]) == 0
    found = read_document("a.npz")
    assert (len(found.strokes), found.seed, found.brush) == (3, 7, "oil")
    np.testing.assert_allclose(found.canvas, (1, 128 / 255, 0))
    assert found.options["transport_stages"] == "all"


def test_notes_are_said_unless_quiet(here, capsys):
    photo("cat.png", mode="RGBA")
    assert main(["cat.png", *FAST]) == 0
    assert capsys.readouterr().err == ""
    assert main(["cat.png", "--overwrite", *FAST[:-1]]) == 0
    note, done = capsys.readouterr().err.splitlines()
    assert note.startswith("paint.py: cat.png: ")
    assert re.fullmatch(r"paint.py: cat-oil.png: 4 strokes, -?\d+\.\d dB, \d+\.\d s", done)


def in_haste(words):
    """The same command, but quick and quiet."""
    return [*words[:1], "--quiet", *words[1:]] if words[0] == "render" else [*FAST, *words]


def listing():
    return {str(path) for path in Path().rglob("*")}
