"""Films as documents on the command line: painted, gone on with, painted again, a frame of them; what is wrong."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neural_painter.cli import main
from neural_painter.cli.render_film import parse_time
from neural_painter.export.rendering import render_bytes
from neural_painter.film import document as document_module
from neural_painter.film.holding import FilmStrokes
from neural_painter.film.reading import opened_film
from neural_painter.strokes import read_document, write_document
from tests.neural_painter.cli.test_paint_film import FAST
from tests.neural_painter.film.sample_films import sample_frames, written
from tests.neural_painter.sample_documents import sample_document
from tests.neural_painter.video.films import make, packets_of, times_of

TIMES = [0, 40, 50, 120, 160, 220]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def clip(folder):
    return written(Path("a.npz"), sample_frames())


def test_a_film_and_its_document_are_those_of_the_film_alone(folder, capsys):
    make(Path("cat.mp4"), times=TIMES, seconds=0.3, sound="aac", title="Cat")
    assert main(["cat.mp4", *FAST, "-o", "alone.mp4"]) == 0
    outputs = ["a.npz", "a.mp4", "frames/%02d.png", "a.gif"]
    assert main(["cat.mp4", *FAST, "--json", *(word for name in outputs for word in ("-o", name))]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["finished"], told["frames"], sorted(told["outputs"])) == (True, 6, sorted(outputs))
    assert Path("a.mp4").read_bytes() == Path("alone.mp4").read_bytes()
    assert main(["render", "a.npz", "-o", "again.mp4", "--quiet"]) == 0
    assert Path("again.mp4").read_bytes() == Path("alone.mp4").read_bytes()
    with opened_film(Path("a.npz")) as film:
        assert film.head.tags["title"] == "Cat"
        assert film.head.painting.options["strokes"] == 12
        assert [time * film.head.time_base for time in film.times[:-1].tolist()] == times_of(Path("cat.mp4"))[0]
        expected = render_bytes(film.painting(5), (24, 32), finish=document_finish(film))
    assert np.array_equal(pixels("frames/06.png"), expected)
    assert not list(Path().glob("*.unfinished.*"))
    assert main(["render", "a.npz", "-o", "silent.webm", "--sound", "cat.mp4", "--size", "64", "--quiet"]) == 0
    assert packets_of(Path("again.mp4")) == packets_of(Path("cat.mp4"))


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def document_finish(film):
    from neural_painter.export.finish import Finish

    told = film.head.painting.options["finish"]
    return Finish(**{name: tuple(value) if isinstance(value, list) else value for name, value in told.items()})


def test_a_document_that_is_broken_off_goes_on_to_the_same_bytes(folder, monkeypatch, capsys):
    make(Path("cat.mp4"), times=TIMES, seconds=0.3, sound="aac")
    monkeypatch.setattr(document_module, "GROUP", 2)
    assert main(["cat.mp4", *FAST, "-o", "whole.npz"]) == 0
    paint, done = FilmStrokes.__call__, []

    def breaks(self, frame):
        done.append(1)
        if len(done) == 4:
            raise KeyboardInterrupt
        return paint(self, frame)

    monkeypatch.setattr(FilmStrokes, "__call__", breaks)
    assert main(["cat.mp4", *FAST, "-o", "a.npz"]) == 130
    error = capsys.readouterr().err
    assert "kept in a.npz, 3 frames" in error
    assert "--resume" in error
    with opened_film(Path("a.npz")) as film, opened_film(Path("whole.npz")) as whole:
        assert list(film.strokes()) == list(whole.strokes(0, 3))
    assert sorted(path.name for path in Path().glob("*unfinished*")) == [
        "a.unfinished.film",
        "a.unfinished.film.strokes",
    ]
    resume = ["-o", "a.npz", "--overwrite", "--resume", "a.unfinished.film"]
    assert main(["cat.mp4", *FAST, "--strokes", "13", *resume]) == 3
    assert "belongs to another film, other settings" in capsys.readouterr().err
    assert main(["cat.mp4", *FAST, *resume]) == 0
    assert Path("a.npz").read_bytes() == Path("whole.npz").read_bytes()
    assert not list(Path().glob("*unfinished*"))


def test_a_crash_loses_nothing_that_was_kept(folder, monkeypatch, capsys):
    make(Path("cat.mp4"), times=TIMES, seconds=0.3)
    assert main(["cat.mp4", *FAST, "-o", "whole.gif"]) == 0
    monkeypatch.setattr("neural_painter.film.keeping.SECONDS", 0.0)
    paint, done = FilmStrokes.__call__, []

    def breaks(self, frame):
        done.append(1)
        if len(done) == 5:
            raise OSError("the disk is gone")
        return paint(self, frame)

    monkeypatch.setattr(FilmStrokes, "__call__", breaks)
    assert main(["cat.mp4", *FAST, "-o", "a.gif"]) != 0
    assert not Path("a.gif").exists()
    done.append(1)
    assert main(["cat.mp4", *FAST, "-o", "a.gif", "--resume", "a.unfinished.film"]) == 0
    assert len(done) == 8  # two frames were left
    assert Path("a.gif").read_bytes() == Path("whole.gif").read_bytes()


def test_what_cannot_be_written_leaves_the_strokes(folder, monkeypatch, capsys):
    make(Path("cat.mp4"), times=TIMES[:2], seconds=0.3)

    def fails(*args, **how):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("neural_painter.film_rendering.write_timed_gif", fails)
    assert main(["cat.mp4", *FAST, "-o", "a.gif"]) == 5
    assert "To paint the rest: " in capsys.readouterr().err
    with opened_film(Path("a.strokes.npz")) as film:
        assert film.frames == 2


def test_a_frame_is_a_painting_as_any_other(clip):
    assert main(["render", "a.npz", "--frame", "9", "-o", "a.png", "-o", "a.json", "-o", "a.svg", "--quiet"]) == 0
    assert main(["render", "a.npz", "--at", "0.4805", "-o", "b.png", "--size", "128", "--quiet"]) == 0
    with opened_film(clip) as film:
        painting = film.painting(8)
    assert np.array_equal(pixels("a.png"), render_bytes(painting, (48, 64)))
    assert np.array_equal(pixels("b.png"), render_bytes(painting, (96, 128)))
    assert np.array_equal(read_document("a.json").strokes.table(), painting.strokes.table())
    assert main(["render", "a.npz", "--frame", "1", "-o", "t.png", "--transparent", "--quiet"]) == 0
    assert pixels("t.png").shape == (48, 64, 4)


def test_painting_again_goes_on_where_it_was_broken_off(clip, monkeypatch, capsys):
    from neural_painter.film_rendering import Pictures

    whole = {"a.mov": ["--transparent"], "a.gif": [], "f/%02d.png": ["--size", "100"]}
    for name, words in whole.items():
        assert main(["render", "a.npz", "-o", name, *words, "--quiet"]) == 0
    monkeypatch.setattr("neural_painter.video.unfinished.EVERY", 0.0)
    monkeypatch.setattr("neural_painter.journal.SECONDS", 0.0)
    paint = Pictures.__call__
    for name, words in whole.items():
        before = Path(name.replace("%02d", "12")).read_bytes()
        done = []

        def breaks(self, strokes, done=done):
            done.append(1)
            if len(done) == 8:
                raise KeyboardInterrupt
            return paint(self, strokes)

        monkeypatch.setattr(Pictures, "__call__", breaks)
        assert main(["render", "a.npz", "-o", name, *words, "--overwrite"]) == 130
        assert "--resume" in capsys.readouterr().err
        (state,) = Path(name).parent.glob("*.unfinished.*")
        assert main(["render", "a.npz", "-o", name, *words, "--overwrite", "--resume", str(state)]) == 0
        assert len(done) <= 8 + 6  # five frames and the one that was broken off
        assert Path(name.replace("%02d", "12")).read_bytes() == before
        assert not list(Path(name).parent.glob("*.unfinished.*"))


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        ("a.npz -o a.png", 2, "a.png: cannot write films ending in .png"),
        ("a.npz --frame 13 -o a.png", 2, "--frame: a.npz has 12 frames, got 13"),
        ("a.npz --frame 0 -o a.png", 2, "--frame: expected the number of a frame, counted from 1, got '0'"),
        ("a.npz --at 9 -o a.png", 2, "--at: a.npz lasts 0.72 s, got 9"),
        ("a.npz --at soon -o a.png", 2, "--at: expected a time such as 12.5"),
        ("a.npz --at 0.1 --frame 2 -o a.png", 2, "--at: --frame names one already"),
        ("a.npz -o a.mp4 --fps 12", 2, "--fps: a film has its own times"),
        ("a.npz -o a.mp4 --brush tape", 2, "--brush: is for paintings, and a.npz is a film"),
        ("a.npz -o a.mp4 --transparent", 2, "a.mp4: holds no transparency"),
        ("a.npz -o a.mp4 --sound b.json", 3, "b.json: not a film"),
        ("a.npz -o a.mp4 --resume no.film", 3, "no.film: no such file"),
        ("a.npz -o a.mp4 -o a.gif --resume no.film", 2, "--resume: goes on with one output, got several"),
        ("a.npz -o a.mp4 --resume b.json", 3, "b.json: not an unfinished film"),
        ("a.npz -o a.mp4 --size 10x10", 2, "--size: 10x10 does not have the shape of a.npz (64x48)"),
        ("b.json --frame 1 -o b.png", 2, "--frame: is for films, and b.json is none"),
        ("b.json -o b.jpg --transparent", 2, "--transparent: b.jpg holds no transparency"),
        ("c.npz -o c.mp4 --overwrite", 3, "c.npz: not a valid"),
    ],
)
def test_wrong(clip, words, status, sentence, capsys):
    write_document("b.json", sample_document())
    Path("c.npz").write_bytes(Path("a.npz").read_bytes()[:-9])
    before = sorted(Path().iterdir())
    assert main(["render", *words.split()]) == status
    assert sentence in capsys.readouterr().err
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("-o a.npz -o b.npz", "b.npz: one document of a film is enough"),
        ("-o a.mp4 -o a.png", "a.png: cannot write films ending in .png"),
        ("-o a.npz --strokes 200000", "--strokes: a film's frames have up to 125000, got 200000"),
        ("-o a.webm --transparent", "a.webm: holds no transparency"),
    ],
)
def test_wrong_of_a_film_that_is_painted(folder, words, sentence, capsys):
    make(Path("cat.mp4"), times=TIMES[:1])
    assert main(["cat.mp4", *FAST, *words.split()]) == 2
    assert sentence in capsys.readouterr().err


def test_times_are_read_as_people_write_them():
    for text, seconds in {"12.5": "12.5", "3s": "3", "1:02.5": "62.5", "1:00:00": "3600", "90:00": "5400"}.items():
        assert parse_time(text) == Fraction(seconds)
