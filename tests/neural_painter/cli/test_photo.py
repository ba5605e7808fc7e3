"""`photo` against everything that users do to it: exit status, one sentence, nothing left behind, nothing lost."""

import errno
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import urllib.error
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from neural_painter.cli import main
from neural_painter.errors import NumericalError
from neural_painter.images import read_image, write_image
from neural_painter.photo.config import PhotoConfig
from neural_painter.photo.transfer import Transfer, photo_transfer
from tests.each import each
from tests.neural_painter.cli.conftest import anew, photo
from tests.neural_painter.cli.test_commands import both, folder, listing, picture, text
from tests.neural_painter.cli.test_help import HEAVY, ROOT
from tests.neural_painter.photo.samples import day, mask, night, tiny_features, tiny_weights

HASTE = ["--iterations", "1", "--device", "cpu", "--quiet"]
FAST = ["--preset", "fast", "--device", "cpu", "--quiet"]
STEPS = ["--iterations", "6", "--device", "cpu", "--stages", "style"]
"""Of a photo of 32x24 these are 6 steps in one round."""


@pytest.fixture(scope="session")
def features(tmp_path_factory):
    """A features file: the commands do not care how good they are."""
    path = tmp_path_factory.mktemp("features") / "tiny.safetensors"
    save_file(tiny_weights(), str(path))
    return str(path)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder, no network, no downloads from before."""

    def unreachable(*_, **__):
        raise urllib.error.URLError("no network in tests")

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    monkeypatch.setenv("NEURAL_PAINTER_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    yield folder
    torch.set_num_threads(before)


def pair(**settings):
    """The two photos; settings are of the first."""
    return both(picture("day.png", **settings), picture("night.png", width=28, height=30))


def masks(day_size=(24, 32), night_size=(30, 28), colours=(0, 1, 2)):
    def make():
        write_image("a.png", mask(0.5, *day_size))
        write_image("b.png", mask(0.4, *night_size)[..., colours])

    return both(pair(), make)


def stored(array, name="day.png"):
    """A picture of just these samples."""
    return lambda: Image.fromarray(array).save(name)


def style_of(array):
    return both(pair(), stored(array, "night.png"))


def ramp(kind, most):
    return np.linspace(0, most, 24 * 32).reshape(24, 32).astype(kind)


FORMATS = "-o a.png -o a.jpg -o a.jpeg -o a.webp -o a.tif -o a.tiff"

FINE = {
    "default output": ("day.png night.png", pair(), {"day-photo.png": (32, 24)}),
    "every format": (f"day.png night.png {FORMATS}", pair(), dict.fromkeys(FORMATS.split()[1::2], (32, 24))),
    "options before": ("--seed 3 -o a.png day.png night.png", pair(), {"a.png": (32, 24)}),
    "name": ("day.png night.png -o {name}-x.png", pair(), {"day-x.png": (32, 24)}),
    "new folder": ("day.png night.png -o out/", pair(), {"out": None, "out/day-photo.png": (32, 24)}),
    "smaller": ("day.png night.png --size 16", pair(), {"day-photo.png": (16, 12)}),
    "larger": ("day.png night.png --size 65x48", pair(), {"day-photo.png": (65, 48)}),
    "masks": ("day.png night.png --content-mask a.png --style-mask b.png", masks(), {"day-photo.png": (32, 24)}),
    "small masks": (
        "day.png night.png --content-mask a.png --style-mask b.png",
        masks((12, 16), (15, 14)),
        {"day-photo.png": (32, 24)},
    ),
    "auto mask": (
        "day.png night.png --auto-mask 3 -o a.jpg",
        pair(),
        {"a.jpg": (32, 24), "a-content-mask.png": (32, 24), "a-style-mask.png": (28, 30)},
    ),
    "init": (
        "day.png night.png --init a.png",
        both(pair(), picture("a.png", width=64, height=48)),
        {"day-photo.png": (32, 24)},
    ),
    "stages, ways": (
        "day.png night.png --stages photorealism --optimizer adam --smoothing exact --refine",
        pair(),
        {"day-photo.png": (32, 24)},
    ),
    "one row": ("day.png night.png", pair(width=31, height=1), {"day-photo.png": (31, 1)}),
    "grey": ("day.png night.png", both(pair(), stored(ramp(np.uint8, 255))), {"day-photo.png": (32, 24)}),
    "16 bits": ("day.png night.png", both(pair(), stored(ramp(np.uint16, 65535))), {"day-photo.png": (32, 24)}),
    "1x1 style": ("day.png night.png", style_of(np.zeros((1, 1, 3), np.uint8)), {"day-photo.png": (32, 24)}),
    "grey style": ("day.png night.png", style_of(ramp(np.uint8, 255)), {"day-photo.png": (32, 24)}),
    "1x1 and masks": (
        "day.png night.png --auto-mask 4 -o a.png",
        pair(width=1, height=1),
        {"a.png": (1, 1), "a-content-mask.png": (1, 1), "a-style-mask.png": (28, 30)},
    ),
    "wrong extension": ("day.jpg night.png", both(picture("day.jpg"), pair()), {"day-photo.png": (32, 24)}),
    "odd names": ("-o x.png night.png -- -a{b}'é.png", both(picture("-a{b}'é.png"), pair()), {"x.png": (28, 30)}),
}


@pytest.mark.parametrize("preset", ["balanced", "fast"])
@each("words, prepare, expected", FINE.values(), ids=FINE)
def test_fine(words, prepare, expected, preset, here, features, capsys):
    anew(here)
    prepare()
    before = listing()
    # The fast preset is tried without features: it must not look for any.
    how = [*HASTE, "--features", features] if preset == "balanced" else FAST
    assert main(["photo", *how, *words.split()]) == 0
    assert capsys.readouterr() == ("", "")
    for name, size in expected.items():
        if size:
            with Image.open(name) as image:
                assert image.size == size
    assert listing() == before | set(expected)


PAIR = "day.png night.png"
MASKS = "--content-mask a.png --style-mask b.png"

WRONG = {
    "nothing": ("", pair(), 2, "the following arguments are required: CONTENT, STYLE"),
    "no style": ("day.png", pair(), 2, "the following arguments are required: STYLE"),
    "a third": (f"{PAIR} c.png", pair(), 2, "unrecognized arguments: c.png"),
    "missing": ("dusk.png night.png", pair(), 3, "dusk.png: no such file"),
    "missing style": ("day.png dusk.png", pair(), 3, "dusk.png: no such file"),
    "missing mask": (f"{PAIR} --content-mask a.png --style-mask c.png", masks(), 3, "c.png: no such file"),
    "missing init": (f"{PAIR} --init c.png", pair(), 3, "c.png: no such file"),
    "missing resume": (f"{PAIR} --resume c.safetensors", pair(), 3, "c.safetensors: no such file"),
    "folder": ("in night.png", both(pair(), folder("in")), 3, "in: is a folder, expected a picture"),
    "not a picture": ("a.png night.png", both(pair(), text("a.png")), 3, r"a.png: not a picture \(found: text/plain\)"),
    "style is none": ("day.png a.jpg", both(pair(), text("a.jpg", "<html>")), 3, r"a.jpg: not a picture"),
    "mask is none": (f"{PAIR} {MASKS}", both(masks(), text("b.png")), 3, r"b.png: not a picture \(found: text/plain\)"),
    "empty": ("a.png night.png", both(pair(), text("a.png", "")), 3, "a.png: is empty"),
    "damaged": (PAIR, both(pair(), lambda: os.truncate("day.png", 60)), 3, "day.png: cannot be read as PNG"),
    "resume is none": (f"{PAIR} --resume day.png", pair(), 3, "day.png: not an unfinished photo transfer"),
    "one mask": (f"{PAIR} --content-mask a.png", masks(), 2, "masks: expected one for the content and one"),
    "other mask": (f"{PAIR} --style-mask b.png", masks(), 2, "masks: expected one for the content and one"),
    "both kinds": (f"{PAIR} {MASKS} --auto-mask 3", masks(), 2, "masks: expected masks or automatic ones, got both"),
    "no common label": (f"{PAIR} {MASKS}", masks(colours=(1, 0, 0)), 3, "the masks have no label in common"),
    "init shape": (f"{PAIR} --init night.png", pair(), 3, "the picture to start from is 28x30, the content 32x24"),
    "no segments": (f"{PAIR} --auto-mask 0", pair(), 2, "--auto-mask: expected a whole number, 1 to 16, got '0'"),
    "17 segments": (f"{PAIR} --auto-mask 17", pair(), 2, "--auto-mask: expected a whole number, 1 to 16, got '17'"),
    "some segments": (f"{PAIR} --auto-mask few", pair(), 2, "--auto-mask: expected a whole number, 1 to 16, got 'few'"),
    "svg": (f"{PAIR} -o a.svg", pair(), 2, "a.svg: expected the name of a picture"),
    "animation": (f"{PAIR} -o a.png -o a.anim.webp", pair(), 2, "a.anim.webp: expected the name of a picture"),
    "document": (f"{PAIR} -o a.npz", pair(), 2, "a.npz: expected the name of a picture"),
    "unknown extension": (f"{PAIR} -o a.xcf", pair(), 2, "a.xcf: expected the name of a picture"),
    "output exists": (f"{PAIR} -o a.png", both(pair(), text("a.png")), 5, "a.png: exists already"),
    "default exists": (PAIR, both(pair(), text("day-photo.png")), 5, "day-photo.png: exists already"),
    "mask exists": (f"{PAIR} -o a.png --auto-mask 2", both(pair(), text("a-style-mask.png")), 5, "a-style-mask.png: "),
    "no folder": (f"{PAIR} -o no/a.png", pair(), 5, "no/a.png: its folder does not exist"),
    "no folder for folder": (f"{PAIR} -o no/where/", pair(), 5, "no/where: cannot be made"),
    "output twice": (f"{PAIR} -o a.png -o ./a.png", pair(), 2, "a.png: would be written twice"),
    "output and mask": (f"{PAIR} -o a.png -o a-style-mask.png --auto-mask 2", pair(), 2, "a-style-mask.png: would be"),
    "shape": (f"{PAIR} --size 100x100", pair(), 2, r"--size: 100x100 does not have the shape of day.png \(32x24\)"),
    "size": (f"{PAIR} --size big", pair(), 2, "--size: expected WIDTHxHEIGHT or the long side in pixels, got 'big'"),
    "option": (f"{PAIR} --strokes 3", pair(), 2, "unrecognized arguments: --strokes 3"),
    "abbreviation": (f"{PAIR} --content-w 3", pair(), 2, "unrecognized arguments: --content-w 3"),
    "preset": (f"{PAIR} --preset slow", pair(), 2, "--preset: expected one of balanced, .*, got slow"),
    "stages": (f"{PAIR} --stages 2", pair(), 2, "--stages: expected one of both, style, photorealism, got 2"),
    "optimizer": (f"{PAIR} --optimizer sgd", pair(), 2, "--optimizer: expected one of lbfgs, adam, got sgd"),
    "iterations": (f"{PAIR} --iterations -3", pair(), 2, "--iterations: expected a whole number from 0 to .*, got -3"),
    "not whole": (f"{PAIR} --iterations 1.5", pair(), 2, "--iterations: expected a whole number, got '1.5'"),
    "weight": (f"{PAIR} --style-weight nan", pair(), 2, "--style-weight: expected a number from 0 to .*, got nan"),
    "not a number": (f"{PAIR} --content-weight much", pair(), 2, "--content-weight: expected a number, got 'much'"),
    "working size": (f"{PAIR} --working-size 5", pair(), 2, "--working-size: expected 0, or .* 16 to 20000, got 5"),
    "smoothing": (f"{PAIR} --smoothing yes", pair(), 2, "--smoothing: expected one of auto, .*, got yes"),
    "device": (f"{PAIR} --device tpu", pair(), 2, "--device: expected one of auto, cpu, cuda, got tpu"),
    "seed": (f"{PAIR} --seed -1", pair(), 2, "--seed: expected a whole number from 0 to 2147483647, got -1"),
}  # fmt: skip


def assert_one_sentence(said, message):
    assert said.out == ""
    lines = said.err.splitlines()
    assert re.match(f"paint.py: {message}", lines[0])
    assert len(lines) <= 2
    assert all(line.startswith("  ") for line in lines[1:])


@each("words, prepare, status, message", WRONG.values(), ids=WRONG)
def test_wrong(words, prepare, status, message, here, features, capsys):
    anew(here)
    prepare()
    before = listing()
    assert main(["photo", *words.split(), "--features", features, "--quiet"]) == status
    assert_one_sentence(capsys.readouterr(), message)
    assert listing() == before


@pytest.mark.parametrize("name", ["day.png", "night.png", "a.png", "b.png", "i.png", "f.png", "r.png"])
def test_no_input_is_replaced(name, here, monkeypatch, capsys):
    """Whatever was asked for, and before anything else is looked at."""
    masks()()
    for other in ("i.png", "f.png", "r.png"):
        photo(other)
    before = {path: path.read_bytes() for path in Path().iterdir()}
    monkeypatch.setattr("neural_painter.images.read_image", None)
    words = f"{PAIR} {MASKS} --init i.png --features f.png --resume r.png -o x.png -o ./{name} --overwrite"
    assert main(["photo", *words.split(), "--quiet"]) == 2
    assert_one_sentence(capsys.readouterr(), f"{name}: would replace an input")
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


def test_automatic_masks_replace_no_input_either(here, capsys):
    pair()()
    os.rename("night.png", "a-style-mask.png")
    before = Path("a-style-mask.png").read_bytes()
    words = "day.png a-style-mask.png -o a.png --auto-mask 2 --overwrite"
    assert main(["photo", *words.split(), *FAST]) == 2
    assert_one_sentence(capsys.readouterr(), "a-style-mask.png: would replace an input")
    assert Path("a-style-mask.png").read_bytes() == before


# --- features -------------------------------------------------------------------------------------------------------


def test_features_that_cannot_be_downloaded(here, capsys):
    """The sentence names both ways out."""
    pair()()
    before = listing()
    assert main(["photo", *PAIR.split(), "--quiet", "-o", "out/"]) == 4
    said = capsys.readouterr()
    assert_one_sentence(said, r"vgg19: its weights could not be downloaded \(no network in tests\)")
    assert "--features FILE" in said.err
    assert "--features vgg19" in said.err
    assert listing() == before


def damaged(content):
    return lambda features: Path("f.safetensors").write_bytes(content(Path(features).read_bytes()))


def other_network(_):
    weights = tiny_weights()
    del weights["features.28.weight"]
    save_file(weights, "f.safetensors")


def not_finite(_):
    weights = tiny_weights()
    weights["features.5.bias"][0] = float("nan")
    save_file(weights, "f.safetensors")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda _: None, "f.safetensors: no such file"),
        (lambda _: Path("f.safetensors").mkdir(), r"f.safetensors: "),
        (damaged(lambda data: data[:-9]), "f.safetensors: not a safetensors file of features"),
        (damaged(lambda data: b""), "f.safetensors: is empty, expected a safetensors file of features"),
        (damaged(lambda data: b"<html>" * 99), r"f.safetensors: is a web page \(HTML\), expected a safetensors file"),
        (other_network, "f.safetensors: not the weights of a VGG-19: features.28 is missing"),
        (not_finite, "f.safetensors: features.5 holds numbers that are not finite"),
    ],
    ids=["missing", "folder", "cut short", "empty", "html", "other network", "not finite"],
)
def test_features_that_are_none(make, message, here, features, capsys):
    pair()()
    make(features)
    before = listing()
    assert main(["photo", *PAIR.split(), "--features", "f.safetensors", "--quiet"]) == 4
    assert_one_sentence(capsys.readouterr(), message)
    assert listing() == before


@pytest.mark.parametrize("quiet", [False, True])
def test_a_download_is_said(quiet, here, features, monkeypatch, capsys):
    def downloaded(*, progress=lambda *_: None, **_):
        for done in (1, 2, 3):
            progress(done * 10**6, 3 * 10**6)
        return Path(features)

    pair()()
    for place in ("neural_painter.features", "neural_painter.features.loading"):
        monkeypatch.setattr(f"{place}.vgg19_file", downloaded)
    assert main(["photo", *PAIR.split(), *HASTE[:-1], *(["--quiet"] if quiet else [])]) == 0
    said = capsys.readouterr().err
    assert said.count("paint.py: vgg19: downloading its weights, 3 MB\n") == (0 if quiet else 1)


# --- what comes out -------------------------------------------------------------------------------------------------


def test_the_picture_is_that_of_the_library(here, features):
    """Options reach the transfer, and the same command gives the same bytes."""
    photo("day.png")
    photo("night.png", width=28, height=30)
    words = ["--seed", "4", "--stages", "style", "--style-weight", "9", "--optimizer", "adam", "--smoothing", "exact"]
    for name in ("a.png", "b.png"):
        assert main(["photo", *PAIR.split(), *words, *HASTE, "--features", features, "-o", name]) == 0
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()
    config = PhotoConfig(
        seed=4, stages="style", style_weight=9.0, optimizer="adam", smoothing="exact", iterations=1, device="cpu"
    )
    expected = photo_transfer(read_image("day.png"), read_image("night.png"), config=config, features=tiny_features())
    assert np.abs(read_image("a.png") - expected.picture).max() <= 0.5 / 255 + 1e-6


def test_photos_are_left_as_they_are(here, features):
    masks()()
    before = {path: path.read_bytes() for path in Path().iterdir()}
    assert main(["photo", *PAIR.split(), *MASKS.split(), *HASTE, "--features", features, "--overwrite"]) == 0
    Path("day-photo.png").unlink()
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


def test_automatic_masks_can_be_passed_back(here):
    """They come out as they went in, and give the picture again, to the rounding."""
    write_image("day.png", day())
    write_image("night.png", night())
    assert main(["photo", *PAIR.split(), "--auto-mask", "3", "-o", "a.png", *FAST]) == 0
    words = "--content-mask a-content-mask.png --style-mask a-style-mask.png -o b.png"
    assert main(["photo", *PAIR.split(), *words.split(), *FAST]) == 0
    assert len(np.unique(read_image("a-content-mask.png").reshape(-1, 3), axis=0)) >= 2
    assert np.abs(read_image("a.png") - read_image("b.png")).max() < 1.5 / 255
    assert main(["photo", *PAIR.split(), "-o", "c.png", *FAST]) == 0
    assert np.abs(read_image("a.png") - read_image("c.png")).max() > 10 / 255


def test_json(here, features, capsys):
    masks((12, 16))()
    words = [*PAIR.split(), *MASKS.split(), "-o", "x.png", "-o", "x.jpg", "--json", *HASTE, "--features", features]
    assert main(["photo", *words]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.count("\n") == 1
    found = json.loads(said.out)
    seconds, losses, notes = (found.pop(name) for name in ("seconds", "losses", "notes"))
    assert next(iter(seconds)) == "read"
    assert all(isinstance(value, float) and value >= 0 for value in seconds.values())
    assert seconds["total"] == max(seconds.values())
    assert set(losses) == {"content", "style", "color", "smoothness", "photorealism"}
    assert all(np.isfinite(value) for value in losses.values())
    assert notes == ["the mask of the content is 16x12, its picture 32x24; the mask was resized"]
    assert found == {
        "input": "day.png",
        "style": "night.png",
        "outputs": ["x.png", "x.jpg"],
        "segments": 2,
        "device": "cpu",
        "finished": True,
    }


def test_json_of_the_fast_preset(here, capsys):
    pair()()
    assert main(["photo", *PAIR.split(), "-o", "a.png", "--auto-mask", "2", "--json", *FAST]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["outputs"] == ["a.png", "a-content-mask.png", "a-style-mask.png"]
    assert found["losses"] == {}
    assert found["finished"] is True


def test_notes_are_said_unless_quiet(here, capsys):
    pair(mode="RGBA")()
    assert main(["photo", *PAIR.split(), *FAST]) == 0
    assert capsys.readouterr().err == ""
    assert main(["photo", *PAIR.split(), "--overwrite", *FAST[:-1]]) == 0
    note, done = [line for line in capsys.readouterr().err.splitlines() if "compiling" not in line]
    assert note == "paint.py: day.png: transparent parts laid over the canvas colour"
    assert re.fullmatch(r"paint.py: day-photo.png: \d+\.\d s", done)


def test_steps_that_were_taken_back_are_said(here, monkeypatch, capsys):
    run = Transfer.run

    def recovered(self):
        self.recovered = 3
        return run(self)

    pair()()
    monkeypatch.setattr(Transfer, "run", recovered)
    assert main(["photo", *PAIR.split(), *FAST[:-1]]) == 0
    assert "paint.py: day.png: 3 steps were not finite and were taken back\n" in capsys.readouterr().err


# --- interrupts and failures ----------------------------------------------------------------------------------------


@pytest.fixture
def at_step(monkeypatch):
    """Does something after a step of the transfer; undone by calling it with None."""
    report = Transfer._report

    def patch(step, action):
        def reported(self, index, done, loss):
            if done == step:
                action()
            report(self, index, done, loss)

        monkeypatch.setattr(Transfer, "_report", report if action is None else reported)

    return patch


def send(number=signal.SIGINT, times=1):
    def action(*_, **__):
        for _ in range(times):
            signal.raise_signal(number)

    return action


def raise_interrupt(*_, **__):
    raise KeyboardInterrupt


def words_of(hint, what="To go on"):
    prefix = f"  {what}: {sys.orig_argv[0]} paint.py "
    assert hint.startswith(prefix)
    return shlex.split(hint.removeprefix(prefix))


ACTIONS = {"raised": raise_interrupt, "SIGINT": send(), "twice": send(times=2)}


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
def test_the_picture_so_far_is_kept_and_goes_on(action, here, features, at_step, capsys):
    pair()()
    at_step(2, action)
    begun = [*PAIR.split(), *STEPS, "--features", features, "-o", "a.png", "-o", "a.jpg", "--size", "40x30", "--refine"]
    assert main(["photo", *begun, "--json", "--quiet"]) == 130
    said = capsys.readouterr()
    first, hint = said.err.splitlines()
    assert first == "paint.py: interrupted; the picture so far is kept in a.unfinished.safetensors"
    told = json.loads(said.out)
    assert told["outputs"] == ["a.png", "a.jpg", "a.unfinished.safetensors"]
    assert told["finished"] is False
    with Image.open("a.png") as image:
        assert image.size == (40, 30)
    words = words_of(hint)
    assert words[:3] == ["photo", "day.png", "night.png"]
    assert words[-3:] == ["--resume", "a.unfinished.safetensors", "--overwrite"]
    at_step(2, None)
    assert main([*words, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert not Path("a.unfinished.safetensors").exists()
    assert main(["photo", *begun, "--overwrite", "--quiet"]) == 0


@pytest.mark.parametrize("how", [MASKS, "--auto-mask 2 --init a.png"])
def test_the_command_that_goes_on_names_all_that_matters(how, here, features, at_step, capsys):
    masks()()
    photo("-c.png")
    at_step(1, raise_interrupt)
    words = [*STEPS, "--features", features, *how.split(), "--preset", "best", "--seed", "5", "--style-weight", "2.5"]
    words += ["--photorealism-weight", "-2", "-o", "x.png", "--quiet", "--", "-c.png", "night.png"]
    assert main(["photo", *words]) == 130
    again = words_of(capsys.readouterr().err.splitlines()[1])
    end = words.index("--quiet")
    given = {word: words[place + 1] for place, word in enumerate(words[:end]) if word.startswith("--")}
    assert again[1:3] == ["./-c.png", "night.png"]
    for name, value in given.items():
        found = again[again.index(name) + 1]
        assert found == value or float(found) == float(value)
    at_step(1, None)
    assert main([*again, "--quiet"]) == 0


def test_other_pictures_and_options_do_not_go_on(here, features, at_step, capsys):
    masks()()
    at_step(2, raise_interrupt)
    begun = [*STEPS, "--features", features, "-o", "x.png", "--overwrite", "--quiet"]
    assert main(["photo", *PAIR.split(), *begun]) == 130
    at_step(2, None)
    capsys.readouterr()
    resume = [*begun, "--resume", "x.unfinished.safetensors"]
    for words in (["night.png", "day.png"], [*PAIR.split(), "--size", "16"], [*PAIR.split(), *MASKS.split()]):
        assert main(["photo", *words, *resume]) == 3
        assert "x.unfinished.safetensors: was begun with other pictures" in capsys.readouterr().err
    assert main(["photo", *PAIR.split(), "--auto-mask", "2", *resume]) == 3
    assert "was begun with other pictures" in capsys.readouterr().err
    assert main(["photo", *PAIR.split(), *resume, "--seed", "9"]) == 3
    assert "x.unfinished.safetensors: was begun with seed 0, now it is 9" in capsys.readouterr().err
    assert main(["photo", *PAIR.split(), *resume]) == 0


def test_what_is_kept_replaces_nothing_but_less_of_the_same(here, features, at_step, capsys):
    pair()()
    words = ["photo", *PAIR.split(), *STEPS, "--features", features, "--quiet"]
    at_step(1, raise_interrupt)
    assert main([*words, "-o", "b.png"]) == 130
    first = Path("b.unfinished.safetensors").read_bytes()
    Path("b.png").unlink()
    assert main([*words, "-o", "b.png", "--seed", "1"]) == 130  # another transfer
    assert Path("b.unfinished.safetensors").read_bytes() == first
    assert Path("b.unfinished-2.safetensors").exists()
    Path("b.png").unlink()
    at_step(3, raise_interrupt)
    assert main([*words, "-o", "b.png", "--resume", "b.unfinished.safetensors"]) == 130
    assert Path("b.unfinished.safetensors").read_bytes() != first
    assert not Path("b.unfinished-3.safetensors").exists()
    capsys.readouterr()


def test_before_the_first_step(here, features, monkeypatch, capsys):
    pair()()
    before = listing()
    monkeypatch.setattr(Transfer, "_objective", raise_interrupt)
    assert main(["photo", *PAIR.split(), *HASTE, "--features", features]) == 130
    assert capsys.readouterr().err == "paint.py: interrupted before the first step; nothing was written\n"
    assert listing() == before


def test_while_reading(here, monkeypatch, capsys):
    pair()()
    before = listing()
    monkeypatch.setattr("neural_painter.images.read_picture", send())
    assert main(["photo", *PAIR.split(), *FAST, "-o", "out/"]) == 130
    assert capsys.readouterr() == ("", "paint.py: interrupted\n")
    assert listing() == before


@pytest.mark.parametrize("action", [send(), raise_interrupt], ids=["signal", "raised"])
@pytest.mark.parametrize("where", ["smoothing", "writing"])
def test_an_interrupt_after_the_last_step_does_not_cost_the_transfer(
    where, action, here, features, monkeypatch, capsys
):
    pair()()
    words = ["photo", *PAIR.split(), *STEPS, "--features", features, "--quiet"]
    assert main([*words, "-o", "whole.png"]) == 0
    place = {"smoothing": "neural_painter.photo.transfer.guided_maps", "writing": "neural_painter.images.write_image"}
    with monkeypatch.context() as patch:
        if where == "smoothing":
            from neural_painter.photo.transfer import guided_maps

            patch.setattr(place[where], lambda *a, **k: (action(), guided_maps(*a, **k))[1])
        else:
            patch.setattr(place[where], action)
        assert main([*words, "-o", "a.png"]) == 130
    lines = capsys.readouterr().err.splitlines()
    assert "kept in a.unfinished.safetensors" in lines[0]
    again = lines[1].split(": ", 1)[1].split()[2:]
    assert main([*again, "--quiet"]) == 0
    assert Path("a.png").read_bytes() == Path("whole.png").read_bytes()


def test_a_second_time_while_saving(here, features, at_step, monkeypatch, capsys):
    pair()()
    at_step(2, send())
    monkeypatch.setattr("neural_painter.images.write_image", send())
    assert main(["photo", *PAIR.split(), *STEPS, "--features", features, "--quiet"]) == 130
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "paint.py: interrupted; the picture so far is kept in day-photo.unfinished.safetensors"
    assert not Path("day-photo.png").exists()
    assert Path("day-photo.unfinished.safetensors").exists()


def test_a_full_disk_does_not_cost_the_transfer(here, features, monkeypatch, capsys):
    pair()()
    replace = os.replace

    def full(source, target):
        if Path(target).suffix == ".jpg":
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    words = ["photo", *PAIR.split(), *STEPS, "--features", features, "-o", "a.png", "-o", "a.jpg", "--quiet"]
    with monkeypatch.context() as patch:
        patch.setattr("neural_painter.files.os.replace", full)
        assert main(words) == 5
    kept, hint, said = capsys.readouterr().err.splitlines()
    assert kept == "paint.py: the transfer is kept in a.unfinished.safetensors"
    assert said == "paint.py: a.jpg: cannot be written (No space left on device)"
    assert main([*words_of(hint, "To write the rest"), "--quiet"]) == 0
    assert {path.name for path in Path().iterdir()} == {
        "day.png", "night.png", "a.png", "a.jpg",
    }  # fmt: skip


def test_a_disk_too_full_for_that_too(here, features, monkeypatch, capsys):
    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    pair()()
    before = listing()
    monkeypatch.setattr("neural_painter.files.os.replace", full)
    assert main(["photo", *PAIR.split(), *HASTE, "--features", features]) == 5
    assert_one_sentence(capsys.readouterr(), "day-photo.png: cannot be written")
    assert listing() == before


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (MemoryError(), 6, "paint.py: out of memory\n"),
        (NumericalError("the loss stopped being finite in the style stage"), 8, "paint.py: the loss stopped being fin"),
        (ZeroDivisionError("division"), 1, "Traceback (most recent call last):\n"),
    ],
)
def test_failures_of_the_transfer(error, status, message, here, monkeypatch, capsys):
    def fails(*_):
        raise error

    pair()()
    before = listing()
    monkeypatch.setattr(Transfer, "run", fails)
    assert main(["photo", *PAIR.split(), "-o", "out/", *FAST]) == status
    assert capsys.readouterr().err.startswith(message)
    assert listing() == before


# --- help -----------------------------------------------------------------------------------------------------------


def test_help_has_every_option_of_the_config(capsys):
    assert main(["photo", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for option in fields(PhotoConfig):
        assert f"--{option.name.replace('_', '-')} " in shown
        assert option.metadata["help"] in shown


@pytest.mark.parametrize("words", [["photo", "--help"], ["photo", "day.png"], ["photo", *PAIR.split(), "--seed", "x"]])
def test_nothing_heavy_is_loaded(words):
    program = "import sys; from neural_painter.cli import main; main(sys.argv[1:]); print('LOADED', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", program, *words], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.partition("LOADED ")[2].split())
    assert "neural_painter.cli.photo" in loaded
    assert loaded & HEAVY == set()
