"""`paint.py FILM`: exit status, one sentence, what is written, what goes on."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file

from neural_painter.cli import main
from neural_painter.film_painting import FilmPainter
from neural_painter.images import write_image
from neural_painter.painter.stages import empty_strokes
from neural_painter.strokes import StrokeDocument, Strokes, read_document, write_document
from neural_painter.video import probe, read_frames
from renderers.brushes import brush
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


def test_paintings_take_over_at_their_frames(film, capsys):
    """What a hand has added to a frame is there from that frame on, and what else was found is told."""
    photo("cat.png")
    assert main(["cat.png", *FAST, "-o", "key.npz"]) == 0
    document = read_document("key.npz")
    table = document.strokes.table()
    table[-1, :6], table[-1, -7:] = (0.5, 0.4, 0.2, 0.15, 0, 0), (1, 0, 0, 1, 0, 0, 1)
    Path("keys").mkdir()
    write_document("keys/key-3.npz", replace(document, strokes=Strokes.of(table)))
    write_document("keys/late-99.npz", document)
    quiet = [word for word in FAST if word != "--quiet"]
    assert main(["cat.mp4", *quiet, "--keyframes", "keys", "--boil", "0.5", "--relief", "0"]) == 0
    assert "late-99.npz was for frame 99, but cat.mp4 has 6" in capsys.readouterr().err
    frames = [frame.astype(int) for frame in read_frames("cat-oil.mp4")]
    red = [np.count_nonzero(frame[..., 0] - frame[..., 1] > 100) for frame in frames]  # it moves with what is below
    assert max(red[:2]) == 0
    assert min(red[2:]) > 150  # of 768 pixels


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
        ("cat.mp4 --boil 5", 2, "--boil: expected a number from 0 to 4, got 5"),
        ("cat.mp4 --keyframes cat.npz", 2, "--keyframes: expected DOCUMENT@FRAME, got cat.npz"),
        ("cat.mp4 --keyframes cat.npz@0", 2, "--keyframes: frames are counted from 1, got cat.npz@0"),
        ("cat.mp4 --keyframes no.npz@3", 3, "no.npz: no such file"),
        ("cat.mp4 --keyframes ok.npz@3 ok.npz@3", 2, "--keyframes: ok.npz and ok.npz are both of frame 3"),
        ("cat.mp4 --keyframes empty", 3, "empty: holds no stroke document whose name ends in the number of its frame"),
        ("cat.mp4 --keyframes ok.npz@3 --brush tape", 3, "ok.npz: is painted with oil, the film with tape"),
        ("cat.mp4 --keyframes wide-3.npz", 3, "wide-3.npz: has 64x24, the film 32x24: another shape"),
        ("cat.png --keyframes ok.npz@3", 2, "--keyframes: is for films"),
        ("cat.png --boil 1", 2, "--boil: is for films"),
        ("cat.png --on 2", 2, "--on: is for films"),
    ],
)
def test_wrong(film, words, status, sentence, capsys):
    photo("cat.png")
    Path("empty").mkdir()
    for name, width in (("ok.npz", 32), ("wide-3.npz", 64)):
        write_document(name, StrokeDocument(width, 24, (1, 1, 1), "oil", empty_strokes(brush("oil"))))
    before = sorted(Path().iterdir())
    assert main([*words.split(), *FAST]) == status
    assert sentence in capsys.readouterr().err
    assert sorted(Path().iterdir()) == before
