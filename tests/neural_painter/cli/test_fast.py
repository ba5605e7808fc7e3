"""`fast` against what users do to it: pictures, folders, films; exit status, one sentence, nothing left behind."""

import json
import os
import shlex
import signal
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from neural_painter.cli import main
from neural_painter.fast.files import Card, save_model
from neural_painter.fast.formats.onnx_write import export_onnx
from neural_painter.fast.model import FastModel, load_model
from neural_painter.fast.network import TransformNetwork, johnson
from neural_painter.fast.shipped import STYLES
from neural_painter.fast.steady import Steady
from neural_painter.images import read_image, to_uint8
from neural_painter.video import probe, read_frames, transform_video
from tests.each import each
from tests.neural_painter.cli.conftest import anew, photo
from tests.neural_painter.cli.test_commands import both, folder, listing, nothing, picture, text
from tests.neural_painter.fast.formats.foreign_models import Johnson
from tests.neural_painter.fast.formats.torch7_writer import torch7_bytes
from tests.neural_painter.one_thread import one_thread  # noqa: F401
from tests.neural_painter.video.films import make, packets_of, pictures

TIMES = [40 * k for k in range(6)]


def network():
    torch.manual_seed(0)
    made = TransformNetwork(johnson(4, 1))
    with torch.no_grad():
        made.part(7).weight.mul_(5)
    return made.eval()


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a model; the style of the project is one like it."""
    (tmp_path / "project").mkdir()
    save_model(tmp_path / "project" / "waves.safetensors", network(), Card("Waves"))
    monkeypatch.setattr("neural_painter.cli.fast.shipped", lambda: tmp_path / "project" / "waves.safetensors")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    save_model("mine.safetensors", network(), Card("My style"))
    return tmp_path / "here"


def film(name="cat.mp4", **settings):
    return lambda: make(Path(name), times=TIMES, **{"seconds": 0.24} | settings)


def foreign():
    Path("candy.t7").write_bytes(torch7_bytes(Johnson("c9s1-4,d6,R6,u4,c9s1-3").checkpoint))


def grey():
    Image.open(photo("cat.png")).convert("L").save("cat.png")


def damaged():
    os.truncate("mine.safetensors", 9000)


def onnx():
    export_onnx(network(), "mine.onnx", name="Mine, as ONNX")


FINE = {
    "no model": ("cat.png", picture(), {"cat-waves.png": (32, 24)}),
    "model": ("cat.png mine.safetensors", picture(), {"cat-mine.png": (32, 24)}),
    "Torch7": ("cat.png candy.t7", both(picture(), foreign), {"cat-candy.png": (32, 24)}),
    "ONNX": ("cat.png mine.onnx", both(picture(), onnx), {"cat-mine.png": (32, 24)}),
    "several outputs": ("cat.png -o a.jpg -o {name}.{style}.webp", picture(),
                        {"a.jpg": (32, 24), "cat.waves.webp": (32, 24)}),
    "wrong extension": ("cat.jpg", picture("cat.jpg"), {"cat-waves.png": (32, 24)}),
    "one row": ("cat.png --size 50", picture(width=32, height=1), {"cat-waves.png": (50, 2)}),
    "alpha": ("cat.png", picture(mode="RGBA"), {"cat-waves.png": (32, 24)}),
    "grey": ("cat.png", grey, {"cat-waves.png": (32, 24)}),
    "long side": ("cat.png --size 64", picture(), {"cat-waves.png": (64, 48)}),
    "width x height": ("cat.png --size 65x48", picture(), {"cat-waves.png": (65, 48)}),
    "new folder": ("cat.png -o out/", picture(), {"out/cat-waves.png": (32, 24)}),
    "folder": ("in -o out/", folder("in", "a.png", "b.PNG"),
               {"out/a-waves.png": (32, 24), "out/b-waves.png": (32, 24)}),
    "odd name": ("-o x.png -- -a{b}'é.png", picture("-a{b}'é.png"), {"x.png": (32, 24)}),
    "film": ("cat.mp4", film(), {"cat-waves.mp4": (32, 24)}),
    "film's extension": ("cat.MKV mine.safetensors", film("cat.MKV"), {"cat-mine.MKV": (32, 24)}),
    "AVI cannot be written": ("cat.avi", film("cat.avi", codec="mpeg4"), {"cat-waves.mp4": (32, 24)}),
    "film by content": ("cat", both(film(), lambda: Path("cat.mp4").rename("cat")), {"cat-waves.mp4": (32, 24)}),
    "film by long side": ("cat.mp4 --size 50 -o a.webm", film(), {"a.webm": (50, 38)}),
    "film by both sides": ("cat.mp4 --size 51x38 -o a.mkv", film(), {"a.mkv": (52, 38)}),
    "film over another": ("cat.mp4 -o a.mp4 --overwrite", both(film(), text("a.mp4")), {"a.mp4": (32, 24)}),
}  # fmt: skip


def test_styles_of_the_project_are_listed_and_known_by_name(tmp_path, monkeypatch, capsys):
    assert main(["fast", "--styles"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert [line.split()[0] for line in out.splitlines()] == [style.name for style in STYLES]
    assert all(" after " in line for line in out.splitlines())
    monkeypatch.chdir(tmp_path)
    picture()()
    assert main(["fast", "cat.png", "great-wave", "--quiet", "--size", "48"]) == 0
    assert main(["fast", "cat.png", "nobody", "--quiet"]) == 4
    assert listing() == {"cat.png", "cat-great-wave.png"}


@each("words, prepare, expected", FINE.values(), ids=FINE)
def test_fine(words, prepare, expected, here, capsys):
    anew(here)
    prepare()
    before = listing() - set(expected)
    assert main(["fast", "--quiet", "--device", "cpu", *words.split()]) == 0
    assert capsys.readouterr() == ("", "")
    assert {path for path in listing() - before if Path(path).is_file()} == set(expected)
    for path, size in expected.items():
        if Path(path).suffix.lower() in (".png", ".jpg", ".webp"):
            assert read_image(path).shape == (*size[::-1], 3)
        else:
            frames = list(read_frames(path))
            assert len(frames) == 6
            assert frames[0].shape == (*size[::-1], 3)


WRONG = {
    "no picture": ("cat.png", text("cat.png", "<html>404"), 3, "cat.png: not a picture (found: text/html)"),
    "no film": ("cat.mp4", text("cat.mp4", "<html>404"), 3, "cat.mp4: not a picture (found: text/html)"),
    "missing film": ("cat.mp4", nothing, 3, "cat.mp4: no such file"),
    "empty film": ("cat.mp4", text("cat.mp4", ""), 3, "cat.mp4: is empty, expected a picture"),
    "film without frames": ("cat.mkv", lambda: frameless("cat.mkv"), 3, "cat.mkv: "),
    "empty folder": ("in", folder("in"), 3, "in: holds no pictures"),
    "missing ONNX": ("cat.png no.onnx", picture(), 4, "no.onnx: "),
    "html for a model": ("cat.png a.t7", both(picture(), text("a.t7", "<html>404")), 4, "a.t7: is a web page"),
    "a picture for a model": ("cat.png b.png", both(picture(), picture("b.png")), 4, "b.png: is a picture (PNG)"),
    "damaged model": ("cat.png mine.safetensors", both(picture(), damaged), 4,
                      "mine.safetensors: not a model of a style (damaged safetensors)"),
    "damaged model for a film": ("cat.mp4 mine.safetensors", both(film(), damaged),
                                 4, "mine.safetensors: not a model of a style (damaged safetensors)"),
    "film from a picture": ("cat.png -o a.mp4", picture(), 2, "a.mp4: expected the name of a picture"),
    "mkv from a picture": ("cat.png -o a.mkv", picture(), 2, "a.mkv: expected the name of a picture"),
    "picture from a film": ("cat.mp4 -o a.png", film(), 2, "a.png: cannot write films ending in .png"),
    "avi": ("cat.mp4 -o a.avi", film(), 2, "a.avi: cannot write films ending in .avi"),
    "two films": ("cat.mp4 -o a.mp4 -o b.mp4", film(), 2, "-o: expected one output of a film, got 2"),
    "one name for several": ("in -o a.png", folder("in", "a.png"), 2, "-o a.png: one output for several pictures"),
    "the model": ("cat.png m.png -o m.png --overwrite", picture(), 2, "m.png: would replace an input"),
    "film exists": ("cat.mp4 -o a.mp4", both(film(), text("a.mp4")), 5, "a.mp4: exists already"),
    "no folder for a film": ("cat.mp4 -o no/a.mp4", film(), 5, "no/a.mp4: its folder does not exist"),
    "new folder stays away": ("cat.mp4 -o out/", text("cat.mp4"), 3, "cat.mp4: not a picture"),
    "shape": ("cat.mp4 --size 50x50", film(), 2, "--size: 50x50 does not have the shape of cat.mp4 (32x24)"),
    "steady": ("cat.mp4 --steady 1.5", film(), 2, "--steady: expected a number from 0 to 1, got 1.5"),
    "steady is no number": ("cat.mp4 --steady much", film(), 2, "--steady: expected a number, got 'much'"),
    "device": ("cat.png --device tpu", picture(), 2, "--device: expected one of auto, cpu, cuda, got tpu"),
}  # fmt: skip


def frameless(name):
    """A film of a header and a track, and nothing in it."""
    with av.open(name, "w") as made:
        stream = made.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 24, "yuv420p"
        made.start_encoding()


@each("words, prepare, status, sentence", WRONG.values(), ids=WRONG)
def test_wrong(words, prepare, status, sentence, here, capsys):
    anew(here)
    prepare()
    before = {path: os.path.getsize(path) for path in listing()}
    assert main(["fast", "--device", "cpu", *words.split()]) == status
    said = capsys.readouterr()
    assert said.out == ""
    lines = [line for line in said.err.splitlines() if "compiling kernels" not in line]
    assert lines[0].startswith(f"paint.py: {sentence}")
    assert len(lines) <= 2
    assert all(line.startswith("  ") for line in lines[1:])
    assert {path: os.path.getsize(path) for path in listing()} == before


@pytest.mark.parametrize("model", ["mine.safetensors", "mine.onnx"])
def test_the_picture_is_what_the_model_makes_of_it(model, here, capsys):
    onnx()
    photo("cat.png", width=48, height=40)
    assert main(["fast", "cat.png", model, "-o", "a.png", "-o", "b.png", "--json", "--device", "cpu"]) == 0
    out, err = capsys.readouterr()
    expected = load_model(model, device="cpu")(read_image("cat.png"))
    assert np.abs(read_image("a.png") - expected).max() < 1 / 255
    assert np.abs(expected - read_image("cat.png")).mean() > 0.05
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()
    told = json.loads(out)
    assert set(told.pop("seconds")) == {"read", "restyle", "write", "total"}
    assert told == {
        "input": "cat.png",
        "outputs": ["a.png", "b.png"],
        "model": model,
        "style": "My style" if model == "mine.safetensors" else "Mine, as ONNX",
        "device": "cpu",
        "notes": [],
        "finished": True,
    }
    assert err.splitlines()[-1].startswith("paint.py: a.png, b.png: ")


def test_original_colours_stay(here):
    import cv2

    photo("cat.png")
    assert main(["fast", "cat.png", "-o", "plain.png", "--quiet"]) == 0
    assert main(["fast", "cat.png", "-o", "coloured.png", "--original-colors", "--quiet"]) == 0
    before, plain, coloured = (
        cv2.cvtColor(read_image(f"{n}.png"), cv2.COLOR_RGB2Lab) for n in ("cat", "plain", "coloured")
    )
    assert np.abs(coloured[..., 1:] - before[..., 1:]).mean() < np.abs(plain[..., 1:] - before[..., 1:]).mean() / 3
    assert not np.array_equal(coloured, before)


def test_of_a_folder_the_others_are_restyled(here, capsys):
    folder("in", "a.png", "b.png", "c.png")()
    Path("in/b.png").write_text("<html>")
    film("in/cat.mp4")()
    assert main(["fast", "in", "-o", "out/", "--json"]) == 7
    out, err = capsys.readouterr()
    assert [json.loads(line)["input"] for line in out.splitlines()] == ["in/a.png", "in/c.png"]
    assert "in: left out: 1 film" in err
    assert "in/b.png: not a picture (found: text/html)" in err
    assert sorted(path.name for path in Path("out").iterdir()) == ["a-waves.png", "c-waves.png"]


def test_of_a_folder_those_that_exist_are_kept(here, capsys):
    folder("in", "a.png", "b.png")()
    Path("a-waves.png").write_text("mine")
    assert main(["fast", "in"]) == 7
    assert "a-waves.png: exists already" in capsys.readouterr().err
    assert Path("a-waves.png").read_text() == "mine"
    assert Path("b-waves.png").exists()


@pytest.mark.parametrize("sound", ["aac", None])
def test_a_film_keeps_its_sound(sound, here, capsys):
    film(sound=sound)()
    assert main(["fast", "cat.mp4", "mine.safetensors", "-o", "a.mp4", "--json", "--device", "cpu"]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert (told["frames"], told["audio"], told["finished"]) == (6, ["copied"] if sound else [], True)
    assert "paint.py: a.mp4: 6 frames" in err
    assert probe("a.mp4").sound is bool(sound)
    if sound:
        assert packets_of("a.mp4") == packets_of("cat.mp4")
    steady = Steady(load_model("mine.safetensors", device="cpu"), 0.9)
    for found, frame in zip(read_frames("a.mp4"), read_frames("cat.mp4"), strict=True):
        expected = steady(frame.astype(np.float32) / 255) * 255
        assert np.abs(found - expected).mean() < 12  # 4:2:0 of a picture this small; measured: 4


def test_notes_about_a_film_are_said(here, capsys):
    film(frames=pictures(6, size=(25, 31)), form="yuv444p")()
    assert main(["fast", "cat.mp4"]) == 0
    assert "cat.mp4: 31x25 is odd, and players want even sides" in capsys.readouterr().err


def test_a_film_is_steady_unless_each_frame_is_to_be_by_itself(here):
    film()()
    model = load_model("mine.safetensors", device="cpu")

    def alone(frame):
        return to_uint8(model(frame.astype(np.float32) / 255))

    transform_video("cat.mp4", "expected.mp4", alone)
    for words in ("--steady 0", "--steady 0.5", "--original-colors", ""):
        assert main(["fast", "cat.mp4", "mine.safetensors", "--quiet", *words.split(), "--device", "cpu", "-o", "a.mp4",
                     "--overwrite"]) == 0  # fmt: skip
        assert (Path("a.mp4").read_bytes() == Path("expected.mp4").read_bytes()) == (words == "--steady 0")


def raise_interrupt():
    raise KeyboardInterrupt


def terminate():
    signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize(("stop", "status"), [(raise_interrupt, 130), (terminate, 143)])
def test_ctrl_c_keeps_the_film_so_far(stop, status, here, monkeypatch, capsys):
    film(sound="aac")()
    run, calls = FastModel.__call__, []

    def interrupted(self, frame, **settings):
        calls.append(frame)
        if len(calls) == 4:
            stop()
        return run(self, frame, **settings)

    monkeypatch.setattr(FastModel, "__call__", interrupted)
    assert main(["fast", "cat.mp4", "-o", "a.mp4", "--json"]) == status
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert (told["frames"], told["finished"]) == (3, False)
    assert "interrupted; the film so far is kept in a.mp4, 3 frames" in err
    assert len(list(read_frames("a.mp4"))) == 3


def test_ctrl_c_before_the_first_frame_leaves_nothing(here, monkeypatch, capsys):
    film()()
    photo("cat.png")
    before = listing()

    monkeypatch.setattr(FastModel, "__call__", lambda *_, **__: raise_interrupt())
    for name in ("cat.mp4", "cat.png"):
        assert main(["fast", name, "-o", "out/"]) == 130
        assert capsys.readouterr().err.endswith("paint.py: interrupted\n")
        assert listing() == before


def test_a_model_that_gives_no_numbers(here, capsys):
    made = network()
    with torch.no_grad():
        made.part(0).weight.mul_(1e38)
    save_model("wild.safetensors", made, Card())
    photo("cat.png")
    assert main(["fast", "cat.png", "wild.safetensors", "--device", "cpu"]) == 8
    assert "the model gave numbers that are not finite" in capsys.readouterr().err
    assert not Path("cat-wild.png").exists()


def test_onnx_on_a_device_that_it_cannot_use(here, capsys, monkeypatch):
    onnx()
    photo("cat.png")
    assert main(["fast", "cat.png", "mine.onnx", "--device", "cuda"]) == 0
    assert "mine.onnx: a model of this kind runs on the CPU" in capsys.readouterr().err


@pytest.mark.parametrize("steady", ["0", "0.9"])
def test_an_interrupted_film_goes_on_and_equals_the_straight_run(steady, here, monkeypatch, capsys):
    monkeypatch.setattr("neural_painter.video.unfinished.EVERY", 0.0)
    film(sound="aac")()
    assert main(["fast", "cat.mp4", "-o", "straight.mp4", "--quiet", "--steady", steady]) == 0
    run, calls = FastModel.__call__, []

    def counted(self, frame, **settings):
        calls.append(frame)
        if len(calls) == 4:
            raise_interrupt()
        return run(self, frame, **settings)

    monkeypatch.setattr(FastModel, "__call__", counted)
    assert main(["fast", "cat.mp4", "-o", "a.mp4", "--steady", steady]) == 130
    hint = capsys.readouterr().err.splitlines()[-1]
    assert hint.startswith("  To go on: ")
    calls.clear()
    for other in (["--original-colors", "--steady", steady], ["--steady", "0.5"]):
        assert main(["fast", "cat.mp4", *other, "--resume", "a.unfinished.film", "-o", "b.mp4"]) == 3
    assert main([*shlex.split(hint.partition("paint.py ")[2]), "--quiet"]) == 0
    assert len(calls) == 3  # frames that are there are not changed again
    assert Path("a.mp4").read_bytes() == Path("straight.mp4").read_bytes()
    assert not list(Path().glob("*unfinished*"))
    photo("cat.png")
    assert main(["fast", "cat.png", "--resume", "x.film"]) == 3
    assert main(["fast", ".", "--resume", "x.film"]) == 2
    assert main(["fast", "cat.mp4", "--resume", "x.film", "-o", "c.mp4"]) == 3
