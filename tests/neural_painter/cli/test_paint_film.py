"""`paint.py FILM`: exit status, one sentence, what is written, what goes on."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file

from neural_painter.cli import main
from neural_painter.film_painting import FilmPainter
from neural_painter.images import write_image
from neural_painter.video import probe, read_frames
from tests.neural_painter.cli.conftest import photo
from tests.neural_painter.photo.samples import tiny_weights
from tests.neural_painter.video.films import make, pictures

FAST = ["--strokes", "12", "--preset", "preview", "--device", "cpu", "--quiet"]
TIMES = [40 * k for k in range(6)]


@pytest.fixture
def film(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return make(Path("cat.mp4"), times=TIMES, seconds=0.24, sound="aac")


def test_a_film_is_painted_with_its_sound(film, capsys):
    assert main(["cat.mp4", *FAST, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["finished"], told["frames"], told["brush"]) == (True, 6, "oil")
    found = probe("cat-oil.mp4")
    assert (found.height, found.width) == (24, 32)
    assert told["audio"] == ["copied"]
    painted = list(read_frames("cat-oil.mp4"))
    assert len(painted) == 6
    assert np.abs(painted[0].astype(int) - pictures()[0]).mean() < 40
    assert not list(Path().glob("*.unfinished.*"))


def test_other_options_than_the_default(film):
    words = ["cat.mp4", *FAST, "--brush", "charcoal", "--on", "2", "--size", "64", "-o", "a.webm", "--paper", "rough"]
    assert main(words) == 0
    found = probe("a.webm")
    assert (found.height, found.width) == (48, 64)


def test_what_pictures_know_films_know(film, capsys):
    write_image("mask.png", np.tile(np.linspace(0, 1, 24, dtype=np.float32)[:, None, None], (1, 24, 3)))
    save_file(tiny_weights(), "tiny.safetensors")
    style = ["--style", "mask.png", "--features", "tiny.safetensors", "--style-steps", "2"]
    words = ["cat.mp4", "--strokes", "12", "--preset", "preview", "--device", "cpu", "--importance", "mask.png"]
    assert main([*words, "--palette", "zorn", *style]) == 0
    assert "the mask has another shape than the film: it was resized" in capsys.readouterr().err
    assert probe("cat-oil.mp4").width == 32


def test_a_film_that_is_broken_off_goes_on_to_the_same_bytes(film, monkeypatch, capsys):
    assert main(["cat.mp4", *FAST, "-o", "whole.mp4"]) == 0
    monkeypatch.setattr("neural_painter.video.unfinished.EVERY", 0.0)
    paint, done = FilmPainter.__call__, []

    def breaks(self, frame):
        done.append(1)
        if len(done) == 4:
            raise KeyboardInterrupt
        return paint(self, frame)

    monkeypatch.setattr(FilmPainter, "__call__", breaks)
    assert main(["cat.mp4", *FAST, "-o", "cat.mp4.mp4"]) == 130
    assert "--resume" in capsys.readouterr().err
    (state,) = Path().glob("*.unfinished.film")
    assert main(["cat.mp4", *FAST, "-o", "cat.mp4.mp4", "--overwrite", "--resume", str(state)]) == 0
    assert Path("cat.mp4.mp4").read_bytes() == Path("whole.mp4").read_bytes()


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        ("cat.mp4 -o a.png", 2, "a.png: cannot write films ending in .png"),
        ("cat.mp4 --on 0", 2, "--on: expected a whole number from 1 to 24, got 0"),
        ("cat.mp4 --palette 1", 2, "--palette: expected 2 to 256 colours, got 1"),
        ("cat.mp4 --palette no.gpl", 3, "no.gpl: no such file"),
        ("cat.mp4 --importance no.png", 3, "no.png: no such file"),
        ("cat.mp4 --style no.png", 3, "no.png: no such file"),
        ("cat.mp4 --style-scale 2", 2, "--style-scale: no style to be painted in"),
        ("cat.mp4 --resume no.film", 3, "no.film: no such file"),
        ("cat.png --on 2", 2, "--on: is for films"),
    ],
)
def test_wrong(film, words, status, sentence, capsys):
    photo("cat.png")
    before = sorted(Path().iterdir())
    assert main([*words.split(), *FAST]) == status
    assert sentence in capsys.readouterr().err
    assert sorted(Path().iterdir()) == before
