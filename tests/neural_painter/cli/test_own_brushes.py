"""One's own brushes from the command line: made of a picture, painted with, taken for others' strokes; Python files."""

import json
import shlex
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

from neural_painter.cli import main as paint
from neural_painter.cli.train_renderer import main as train
from neural_painter.export.swapping import PICTURE
from neural_painter.images import read_image, write_image
from neural_painter.painter.config import PRESETS, Preset
from neural_painter.strokes import read_document, write_document
from renderers import brushes, own_brushes
from renderers.weights import load_renderer
from tests.neural_painter.cli.conftest import photo
from tests.neural_painter.photo.samples import night, tiny_weights
from tests.neural_painter.sample_documents import sample_document
from tests.renderers.pictured.samples import leaf, stroke

SHIPPED = ", ".join(brushes.project_names())

TINY = "--steps 3 --batch 4 --held-out 4 --supersample 1 --device cpu --quiet"
PAINT = ["cat.png", "--strokes", "4", "--preset", "fast"]
DOT = """
import numpy as np
from renderers.brush import Brush, Parameter, point_function

@point_function
def point(along, across, footprint, shape, seed):
    return np.float32(max(0.0, 1 - np.sqrt((along / shape[0]) ** 2 + across**2))), np.float32(1), np.float32(0)

BRUSH = Brush(
    name="dot",
    shape=(Parameter("aspect", 1.0, 2.0, "1", 1.5, "of the placement"),),
    colours=1,
    opacity=Parameter("opacity", 0.5, 1.0, "1", 1.0, "paint"),
    point=point,
    about="a soft dot",
)
"""


@pytest.fixture(autouse=True)
def own(monkeypatch):
    """No folder and no brush is known from one test to the next."""
    yield
    own_brushes.use_folder(None)
    brushes._added.clear()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with the brush `mine`, made of a scan of a stroke."""
    place = tmp_path_factory.mktemp("trained")
    paper = np.full((80, 240, 3), 0.95, np.float32)
    paper[16:64, 24:216] -= 0.85 * stroke()[..., :1].astype(np.float32) / 255
    write_image(place / "scan.jpg", paper)
    words = f"--brush-image {place}/scan.jpg --name mine --brushes {place}/brushes --checkpoint {place}/c.safetensors"
    assert train([*shlex.split(words), *TINY.split()]) == 0
    return place / "brushes"


@pytest.fixture
def here(tmp_path, trained, monkeypatch):
    """A folder with photo and painting, and the brush `mine` in the folder of brushes."""
    monkeypatch.setitem(PRESETS, "fast", Preset(0.1, 0.1, 0.8))
    monkeypatch.setattr("neural_painter.painting.SCORE_SIDE", 64)
    monkeypatch.setenv(own_brushes.VARIABLE, str(tmp_path / "brushes"))
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained, "brushes")
    photo("cat.png")
    write_document("cat.npz", sample_document("oil", 6, (24, 32)))
    return tmp_path


def leaf_png(path="leaf.png"):
    picture = leaf()
    Image.fromarray(np.dstack([np.full(picture.shape[:2], 80, np.uint8), picture[..., 0]]), "LA").save(path)


def test_a_brush_is_kept_with_weights_card_and_picture(here):
    files = sorted(path.name for path in Path("brushes/mine").iterdir())
    assert files == ["mine.json", "mine.png", "mine.safetensors"]
    card = json.loads(Path("brushes/mine/mine.json").read_text())
    mine = brushes.brush("mine")
    assert card["picture"]["sha256"] == mine.picture
    assert (card["picture"]["kind"], card["picture"]["made_of"]) == ("stroke", "scan.jpg")
    assert card["training"]["steps"] == 3
    assert "license" not in card
    assert load_renderer(mine)[1] == card["sha256"]
    shape = mine.sample_shape(4, np.random.default_rng(0))
    assert mine.draw(shape, np.arange(4), 32, 32)[..., 0].max() > 0.9


def test_it_paints_and_the_document_knows_its_picture(here, capsys):
    assert (
        paint(
            [
                "cat.png",
                "--brush",
                "mine",
                "--strokes",
                "4",
                "--preset",
                "fast",
                "-o",
                "a.png",
                "-o",
                "a.npz",
                "--quiet",
            ]
        )
        == 0
    )
    document = read_document("a.npz")
    assert (document.brush, document.options[PICTURE]) == ("mine", brushes.brush("mine").picture)
    assert paint(["render", "a.npz", "-o", "b.png", "--quiet"]) == 0
    assert np.array_equal(read_image("a.png"), read_image("b.png"))
    assert capsys.readouterr() == ("", "")


def test_a_document_of_another_brush_of_that_name_is_rendered_with_a_note(here, capsys):
    assert paint(["cat.png", "--brush", "mine", "--strokes", "4", "--preset", "fast", "-o", "a.npz", "--quiet"]) == 0
    leaf_png()
    words = f"--brush-image leaf.png --name mine {TINY}".split()
    assert train(words) == 5
    assert "brushes/mine: there is a brush of that name\n  Choose another name, or pass --overwrite." in (
        capsys.readouterr().err
    )
    words.remove("--quiet")
    assert train([*words, "--overwrite"]) == 0
    said = capsys.readouterr().err
    assert "leaf.png: 65x56 pixels of it are seen, and make a dab" in said
    assert "canvas" not in said
    assert not Path("checkpoints/mine.safetensors").exists()
    assert paint(["render", "a.npz", "-o", "b.png"]) == 0
    assert "a.npz: was painted with another brush of the name mine" in capsys.readouterr().err


def test_render_and_restyle_take_over_the_strokes_of_another_brush(here, capsys):
    assert paint(["render", "cat.npz", "--brush", "mine", "--quiet"]) == 0
    assert paint(["render", "cat.npz", "--brush", "mine", "-o", "m.npz", "--quiet"]) == 0
    assert paint(["render", "m.npz", "-o", "again.png", "--quiet"]) == 0
    assert np.array_equal(read_image("cat-mine.png"), read_image("again.png"))
    assert paint(["render", "cat.npz", "-o", "plain.png", "--quiet"]) == 0
    assert not np.array_equal(read_image("cat-mine.png"), read_image("plain.png"))
    write_image("night.png", night())
    save_file(tiny_weights(), "tiny.safetensors")
    styled = "--style night.png --features tiny.safetensors --style-steps 1 --device cpu --quiet"
    assert paint(f"restyle cat.npz --brush mine -o s.npz {styled}".split()) == 0
    assert read_document("s.npz").brush == "mine"
    assert capsys.readouterr() == ("", "")


def test_a_document_whose_brush_is_not_here_says_where_to_get_it(here, capsys):
    assert paint(["render", "cat.npz", "--brush", "mine", "-o", "m.npz", "--quiet"]) == 0
    shutil.rmtree("brushes/mine")
    for words in ("render m.npz", "restyle m.npz --style cat.png", "cat.png --resume m.npz"):
        assert paint(words.split()) == 3
        said = capsys.readouterr().err
        assert "m.npz: unknown brush 'mine', expected one of: charcoal" in said
        place = here / "brushes"
        assert f"put its folder into {place} (--brushes names another), or make it: python train_renderer.py" in said
        assert "--brush-image PICTURE --name mine" in said


def test_the_folder_may_be_named(here, capsys):
    Path("brushes").rename("elsewhere")
    assert paint(["render", "cat.npz", "--brush", "mine"]) == 2
    assert f"--brush: expected one of {SHIPPED}, got mine" in capsys.readouterr().err
    assert paint(["render", "cat.npz", "--brush", "mine", "--brushes", "elsewhere", "--quiet"]) == 0
    assert paint(["render", "cat.npz", "--brushes", "no"]) == 3
    assert "no: no such folder of brushes" in capsys.readouterr().err


def test_a_damaged_brush_troubles_nobody_who_does_not_ask_for_it(here, capsys):
    shutil.copytree("brushes/mine", "brushes/torn")
    for end in ("png", "json", "safetensors"):
        Path(f"brushes/torn/mine.{end}").rename(f"brushes/torn/torn.{end}")
    Path("brushes/torn/torn.png").write_bytes(b"?")
    Path("brushes/half").mkdir()
    Path("brushes/half/half.png").write_bytes(b"?")
    assert paint(["render", "cat.npz", "-o", "a.png", "--brush", "tape"]) == 0
    assert "half" not in capsys.readouterr().err
    assert paint(["render", "cat.npz", "-o", "b.png", "--brush", "mine"]) == 0
    assert f"{here}/brushes/half: holds no half.json, so no brush; left out" in capsys.readouterr().err
    assert paint(["render", "cat.npz", "-o", "c.png", "--brush", "torn"]) == 3
    assert "brush torn is damaged: torn.png is not the picture that its card describes" in capsys.readouterr().err
    Path("brushes/mine/mine.safetensors").write_bytes(b"?")
    assert paint(["render", "cat.npz", "-o", "d.png", "--brush", "mine", "--quiet"]) == 0
    assert paint(["cat.png", "--brush", "mine", "--strokes", "4", "-o", "e.png", "--quiet"]) == 4
    assert "mine.safetensors: damaged" in capsys.readouterr().err


def test_pictures_and_names_that_make_no_brush(here, capsys):
    Image.new("RGB", (1, 1)).save("one.png")
    Image.new("RGBA", (30, 30)).save("clear.png")
    Image.new("RGB", (30, 30), "white").save("white.png")
    Path("text.png").write_text("<html>")
    leaf_png()
    for words, status, said in (
        ("--brush-image one.png --name a", 3, "one.png: has neither transparency nor a dark stroke on light paper"),
        ("--brush-image clear.png --name a", 3, "clear.png: is wholly transparent"),
        ("--brush-image white.png --name a", 3, "white.png: has neither transparency nor"),
        ("--brush-image text.png --name a", 3, "text.png: not a picture (found: text/html)"),
        ("--brush-image no.png --name a", 3, "no.png: no such file"),
        ("--brush-image leaf.png", 2, "--name: what is the brush to be called?"),
        ("--brush-image leaf.png --name a/b", 2, "--name: expected a plain word"),
        ("--brush-image leaf.png --name ../b", 2, "--name: expected a plain word"),
        ("--brush-image leaf.png --name 2nd", 2, "--name: expected a plain word"),
        ("--brush-image leaf.png --name oil", 2, "--name: oil is a brush of the project"),
        ("--brush-image leaf.png --name mine", 5, "brushes/mine: there is a brush of that name"),
        ("--brush-image leaf.png --name a --brush oil", 2, "--brush-image: makes a brush of its own"),
        ("--brush oil --name a", 2, "--name: goes with --brush-image"),
        ("--brush mine", 2, "--brush: mine is made of a picture"),
    ):
        assert train([*words.split(), *TINY.split()]) == status, words
        assert said in capsys.readouterr().err
    assert sorted(path.name for path in Path("brushes").iterdir()) == ["mine"]


def test_a_training_that_is_broken_off_goes_on_with_the_same_picture(here, monkeypatch, capsys):
    from renderers.training import Trainer

    leaf_png()
    run = Trainer.run

    def broken(self, **settings):
        for loss in run(self, **settings):
            if self.step == 2:
                signal.raise_signal(signal.SIGINT)
            yield loss

    words = f"--brush-image leaf.png --name mine2 {TINY}".split()
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "run", broken)
        assert train(words) == 130
    assert "mine2" not in brushes.names()
    capsys.readouterr()
    Image.fromarray(np.dstack([leaf(50, 60)[..., 0]] * 2), "LA").save("other.png")
    assert train([*f"--brush-image other.png --name mine2 {TINY}".split(), "--resume"]) == 4
    assert "was begun with another picture" in capsys.readouterr().err
    assert train([*words, "--resume"]) == 0
    assert "mine2" in brushes.names()


def test_a_brush_of_a_python_file(here, capsys):
    Path("dot.py").write_text(DOT)
    assert train(f"--brush ./dot.py {TINY}".split()) == 0
    assert {"dot.json", "dot.safetensors"} <= {path.name for path in here.iterdir()}
    brushes._added.clear()
    assert paint([*PAINT, "--brush", "./dot.py", "-o", "a.npz", "-o", "a.png"]) == 0
    said = capsys.readouterr().err
    assert said.count("dot.py: is a program, and is run; what it does is up to whoever wrote it\n") == 1
    brushes._added.clear()
    assert paint(["render", "a.npz", "-o", "b.png", "--quiet"]) == 3
    assert "a brush of a Python file: --brush FILE.py" in capsys.readouterr().err
    assert paint(["render", "a.npz", "--brush", "dot.py", "-o", "b.png", "--quiet"]) == 0
    assert np.array_equal(read_image("a.png"), read_image("b.png"))
    assert paint(["render", "cat.npz", "--brush", "dot.py", "--quiet"]) == 0
    assert Path("cat-dot.png").exists()


def test_python_files_that_define_no_brush(here, capsys):
    for text, said in (
        ("x = 1", "a.py: defines no BRUSH"),
        ("BRUSH = 3", "a.py: defines no BRUSH"),
        ("1 / 0", "a.py: fails as it is run (ZeroDivisionError: division by zero)"),
        ("raise SystemExit(0)", "a.py: fails as it is run (SystemExit: 0)"),
        ("def", "a.py: fails as it is run (SyntaxError: "),
        (DOT.replace('"dot"', '"oil"'), f"a.py: brush: expected a plain word other than {SHIPPED}"),
    ):
        Path("a.py").write_text(text)
        assert paint(["render", "cat.npz", "--brush", "a.py", "-o", "b.png", "--quiet"]) == 3
        assert said in capsys.readouterr().err
    assert paint(["cat.png", "--brush", "no.py"]) == 3
    assert "no.py: no such file" in capsys.readouterr().err
