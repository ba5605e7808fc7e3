"""`train-fast` against what users do to it: exit status, one sentence, nothing left behind; breaks and processes."""

import os
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from neural_painter.cli import main
from neural_painter.errors import NumericalError
from neural_painter.fast.config import FastConfig
from neural_painter.fast.model import load_model, read_network
from neural_painter.fast.photos import Photos
from neural_painter.fast.training import FastTrainer
from neural_painter.images import read_image, write_image
from tests.each import each
from tests.neural_painter.cli.conftest import anew
from tests.neural_painter.cli.test_commands import folder, listing, nothing, text
from tests.neural_painter.one_thread import one_thread  # noqa: F401
from tests.neural_painter.photo.samples import day, night, tiny_features, tiny_weights

ROOT = Path(__file__).parents[3]
SMALL = {"steps": 3, "batch": 1, "crop": 32, "filters": 2, "residuals": 1, "style_size": 32, "device": "cpu"}
TINY = [word for name, value in SMALL.items() for word in (f"--{name.replace('_', '-')}", str(value))]
TINY += ["--features", "tiny.safetensors"]
START = ["train-fast", "night.png", "--photos", "photos", *TINY]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a style, two photos, and features."""
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    write_image("night.png", night())
    write_image("photos/a.png", day())
    write_image("photos/b.png", day(50, 41))
    save_file(tiny_weights(), "tiny.safetensors")
    return tmp_path


def after(monkeypatch, step, action):
    """Does something once that step of a training is done."""
    run = FastTrainer.run

    def patched(self, **settings):
        for loss in run(self, **settings):
            if self.step == step:
                action()
            yield loss

    monkeypatch.setattr(FastTrainer, "run", patched)


def trainer(batch=1):
    """What the command makes of the options of `START`."""
    config = FastConfig(**SMALL | {"batch": batch})
    features = tiny_features()
    features.pooling = "average"
    paths = [Path("photos/a.png"), Path("photos/b.png")]
    return FastTrainer(read_image("night.png"), paths, features, config, torch.device("cpu"))


def test_a_model_and_its_card(here, capsys):
    assert main([*START, "-o", "a.safetensors", "--name", "By night", "--style-weight", "7"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("paint.py: a.safetensors: 3 steps, ")
    network, card = read_network(Path("a.safetensors"))
    assert card.name == "By night"
    about = card.about
    assert about["style"] == "night.png"
    assert (about["steps"], about["batch"], about["crop"], about["style_weight"]) == (3, 1, 32, 7.0)
    assert (about["photos"], about["processes"], about["features"]) == (2, 1, "tiny.safetensors")
    assert isinstance(about["seconds"], float)
    assert about["torch"] == torch.__version__
    assert about["device"].startswith("cpu (")
    assert about["command"].startswith("python paint.py train-fast night.png --photos photos --steps 3")
    assert len(network.architecture.layers) == 8
    assert load_model("a.safetensors")(read_image("photos/a.png")).shape == (40, 56, 3)
    assert listing() == {"a.safetensors", "night.png", "photos", "photos/a.png", "photos/b.png", "tiny.safetensors"}


@pytest.mark.parametrize(
    ("words", "output", "name"),
    [
        ("", "night.safetensors", "night"),
        ("--name Dusk", "Dusk.safetensors", "Dusk"),
        ("-o out/", "out/night.safetensors", "night"),
        ("-o tiny-{name}.safetensors --name Dusk", "tiny-Dusk.safetensors", "Dusk"),
    ],
)
def test_default_names_and_silence(words, output, name, here, capsys):
    assert main([*START, "--quiet", *words.split()]) == 0
    assert capsys.readouterr() == ("", "")
    assert read_network(Path(output))[1].name == name


def test_a_style_begins_with_another(here, capsys):
    assert main([*START, "-o", "first.safetensors"]) == 0
    begun = [*START, "-o", "second.safetensors", "--start", "first.safetensors", "--steps", "1", "--rate", "1e-9"]
    assert main(begun) == 0
    first, second = (read_network(Path(f"{name}.safetensors"))[0].state_dict() for name in ("first", "second"))
    assert all(torch.allclose(value, second[name], atol=1e-6) for name, value in first.items())
    capsys.readouterr()
    assert main([*START, "-o", "third.safetensors", "--start", "starry-night"]) == 2
    assert "other layers" in capsys.readouterr().err
    assert main([*START, "-o", "third.safetensors", "--start", "nothing.safetensors"]) == 4
    assert not Path("third.safetensors").exists()


def test_the_network_that_the_trainer_would_give(here):
    assert main([*START, "--quiet"]) == 0
    alone = trainer()
    list(alone.run())
    for name, value in read_network(Path("night.safetensors"))[0].state_dict().items():
        assert torch.equal(value, alone.model.state_dict()[name])


def test_photos_that_cannot_be_read_are_left_out(here, capsys):
    Path("photos/aa.png").write_text("<html>")
    Path("photos/ab.jpg").write_text("")
    assert main([*START, "--steps", "12"]) == 0
    err = capsys.readouterr().err
    assert err.count("photos/aa.png: not a picture (found: text/html); left out") == 1
    assert err.count("photos/ab.jpg: is empty, expected a picture; left out") == 1


def test_no_photo_that_can_be_read(here, capsys):
    for path in Path("photos").iterdir():
        path.write_text("<html>")
    assert main(START) == 3
    assert "paint.py: none of the 2 photos can be read\n  photos/" in capsys.readouterr().err
    assert not Path("night.safetensors").exists()


def test_a_crop_is_the_same_whichever_photos_were_met_before(here):
    for name in ("aa", "ab", "c"):
        Path(f"photos/{name}.png").write_text("<html>")
    paths = sorted(Path("photos").iterdir())
    before = Photos(paths, 32, 0)
    before.batch(range(30))
    assert len(before.notes) == 3
    assert torch.equal(before.batch([30, 31]), Photos(paths, 32, 0).batch([30, 31]))


def test_of_a_slim_photo_the_rest_is_not_looked_at(here):
    write_image("photos/a.png", day(2, 3000))
    photos = Photos([Path("photos/a.png")], 32, 0)
    assert photos.batch([0]).shape == (1, 3, 32, 32)
    assert photos._kept[Path("photos/a.png")].shape == (32, 8 * 32, 3)


def checkpoint(words=""):
    """Leaves a checkpoint behind, of a run with further options."""

    def make():
        with pytest.MonkeyPatch.context() as patch:
            after(patch, 2, lambda: signal.raise_signal(signal.SIGINT))
            assert main([*START, *words.split()]) == 130

    return make


def move():
    os.rename("night.png", "photos/night.png")


WRONG = {
    "no photos": ("night.png", nothing, 2, "the following arguments are required: --photos"),
    "missing style": ("no.png --photos photos", nothing, 3, "no.png: no such file"),
    "style is no picture": ("a.png --photos photos", text("a.png", "<html>"), 3, "a.png: not a picture"),
    "missing photos": ("night.png --photos no", nothing, 3, "no: cannot be read (No such file or directory)"),
    "photos are a file": ("night.png --photos night.png", nothing, 3, "night.png: is a file, expected a folder"),
    "empty photos": ("night.png --photos in", folder("in"), 3, "in: holds no pictures"),
    "subfolders": ("photos/night.png --photos .", move, 3,
                   ".: holds no pictures"),
    "missing features": ("night.png --photos photos --features no.safetensors", nothing, 4, "no.safetensors: "),
    "features of another kind": ("night.png --photos photos --features night.png", nothing, 4, "night.png: "),
    "steps": ("night.png --photos photos --steps 0", nothing, 2, "--steps: expected a whole number from 1 to"),
    "crop": ("night.png --photos photos --crop 8", nothing, 2, "--crop: expected a whole number from 32 to 2048"),
    "rate": ("night.png --photos photos --rate 2", nothing, 2, "--rate: expected a number above 0 and below 1"),
    "device": ("night.png --photos photos --device tpu", nothing, 2, "--device: expected one of auto, cpu, cuda"),
    "name": ("night.png --photos photos --name a/b", nothing, 2, "--name: expected 1 to 100 letters without slashes"),
    "extension": ("night.png --photos photos -o a.onnx", nothing, 2, "a.onnx: expected a name ending in .safetensors"),
    "checkpoint's extension": ("night.png --photos photos --checkpoint a.pt", nothing, 2, "a.pt: expected a name"),
    "the features": ("night.png --photos photos -o tiny.safetensors --overwrite", nothing, 2, "tiny.safetensors:"),
    "checkpoint is the model": ("night.png --photos photos -o a.safetensors --checkpoint a.safetensors", nothing, 2,
                                "a.safetensors: would be written twice"),
    "exists": ("night.png --photos photos", text("night.safetensors"), 5, "night.safetensors: exists already"),
    "no folder": ("night.png --photos photos -o no/a.safetensors", nothing, 5, "no/a.safetensors: its folder does not"),
    "no folder for checkpoints": ("night.png --photos photos --checkpoint no/a.safetensors", nothing, 5,
                                  "no/a.safetensors: its folder does not exist"),
    "new folder stays away": ("no.png --photos photos -o out/", nothing, 3, "no.png: no such file"),
    "no checkpoint": ("night.png --photos photos --resume", nothing, 3, "night.checkpoint.safetensors: no checkpoint"),
    "a checkpoint is there": ("night.png --photos photos", checkpoint(), 5,
                              "night.checkpoint.safetensors: exists already, from a run that was broken off"),
    "no such checkpoint": ("night.png --photos photos --resume --checkpoint tiny.safetensors --features t.safetensors",
                           lambda: save_file(tiny_weights(), "t.safetensors"), 4,
                           "tiny.safetensors: not a checkpoint of this training"),
    "checkpoint of another run": ("night.png --photos photos --resume", checkpoint("--batch 2 --rate 0.1"), 4,
                                  "night.checkpoint.safetensors: was begun with batch 2, now it is 1"),
    "checkpoint of another style": ("photos/a.png --photos photos --resume --checkpoint night.checkpoint.safetensors",
                                    checkpoint(), 4,
                                    "night.checkpoint.safetensors: was begun with another style"),
}  # fmt: skip


@each("words, prepare, status, sentence", WRONG.values(), ids=WRONG)
def test_wrong(words, prepare, status, sentence, here, capsys):
    anew(here)
    prepare()
    capsys.readouterr()
    before = {path: os.path.getsize(path) for path in listing()}
    assert main(["train-fast", *TINY, *words.split()]) == status
    said = capsys.readouterr()
    assert said.out == ""
    first, *others = said.err.splitlines()
    assert first.startswith(f"paint.py: {sentence}")
    assert len(others) <= 1
    assert all(line.startswith("  ") for line in others)
    assert {path: os.path.getsize(path) for path in listing()} == before


@pytest.mark.parametrize(("number", "times"), [(signal.SIGINT, 1), (signal.SIGINT, 2), (signal.SIGTERM, 1)])
def test_ctrl_c_keeps_a_checkpoint_that_goes_on(number, times, here, monkeypatch, capsys):
    assert main([*START, "-o", "unbroken.safetensors", "--name", "It's night", "--quiet"]) == 0
    with monkeypatch.context() as patch:
        after(patch, 2, lambda: [signal.raise_signal(number) for _ in range(times)])
        assert main([*START, "-o", "a.safetensors", "--name", "It's night"]) == 128 + number
    first, hint = capsys.readouterr().err.splitlines()
    assert first == ("paint.py: interrupted at step 2 of 3; what was learnt is kept in a.checkpoint.safetensors")
    assert not Path("a.safetensors").exists()
    words = shlex.split(hint.partition("paint.py ")[2])
    assert main([*words, "--quiet"]) == 0
    assert not Path("a.checkpoint.safetensors").exists()
    ours, theirs = read_network(Path("a.safetensors")), read_network(Path("unbroken.safetensors"))
    assert ours[1].name == theirs[1].name
    assert all(torch.equal(a, b) for a, b in zip(ours[0].parameters(), theirs[0].parameters(), strict=True))


def test_ctrl_c_at_the_last_step_comes_too_late(here, monkeypatch):
    after(monkeypatch, 3, lambda: signal.raise_signal(signal.SIGINT))
    assert main([*START, "--quiet"]) == 0
    assert read_network(Path("night.safetensors"))[1].about["steps"] == 3


def test_an_impatient_user_leaves_at_once(here, monkeypatch, capsys):
    after(monkeypatch, 2, lambda: [signal.raise_signal(signal.SIGINT) for _ in range(3)])
    assert main(START) == 130
    assert capsys.readouterr().err == "paint.py: interrupted\n"
    assert not Path("night.checkpoint.safetensors").exists()


def test_a_checkpoint_every_ten_seconds_survives_what_goes_wrong(here, monkeypatch, capsys):
    monkeypatch.setattr("neural_painter.cli.training.CHECKPOINT_SECONDS", 0)

    def explode():
        raise NumericalError("the loss stopped being finite")

    with monkeypatch.context() as patch:
        after(patch, 3, explode)
        assert main(START) == 8
    assert "the loss stopped being finite" in capsys.readouterr().err
    assert main([*START, "--resume", "--quiet"]) == 0
    assert Path("night.safetensors").exists()


def test_a_model_that_cannot_be_written_leaves_the_checkpoint(here, monkeypatch, capsys):
    after(monkeypatch, 3, lambda: Path("night.safetensors").write_text("quicker"))
    assert main(START) == 5
    assert "night.safetensors: exists already" in capsys.readouterr().err
    assert Path("night.safetensors").read_text() == "quicker"
    assert main([*START, "--resume", "--overwrite", "--quiet"]) == 0
    assert read_network(Path("night.safetensors"))[1].about["steps"] == 3


def test_a_checkpoint_that_cannot_be_written(here, monkeypatch, capsys):
    after(monkeypatch, 3, lambda: Path("night.checkpoint.safetensors").mkdir())
    assert main(START) == 5
    assert "night.checkpoint.safetensors: cannot be written (Is a directory)" in capsys.readouterr().err


def test_overwrite_begins_anew(here, capsys):
    checkpoint()()
    assert main([*START, "--batch", "2", "--overwrite", "--quiet"]) == 0
    assert read_network(Path("night.safetensors"))[1].about["batch"] == 2
    assert not Path("night.checkpoint.safetensors").exists()


def test_every_option_of_the_config_is_there(capsys):
    assert main(["train-fast", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for option in fields(FastConfig):
        assert f"--{option.name.replace('_', '-')} " in shown
        assert option.metadata["help"] in shown


def processes(*words):
    """The words that start two processes, and their environment."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    return [*torchrun, ROOT / "paint.py", *START, *words], environment


@pytest.mark.slow
def test_two_processes_train_one_network(here):
    words, environment = processes("-o", "two.safetensors")
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("two.safetensors: 3 steps") == 1
    two, card = read_network(Path("two.safetensors"))
    assert card.about["processes"] == 2
    # Two processes of one crop are one of two whose losses are averaged.
    alone = trainer(batch=2)
    loss = alone.loss

    def averaged(restyled, photos):
        parts = [loss(*pair) for pair in zip(restyled.split(1), photos.split(1), strict=True)]
        return (parts[0][0] + parts[1][0]) / 2, {}

    alone.loss = averaged
    list(alone.run())
    one = trainer()
    list(one.run())
    # Some weights change nothing, and wander with the rounding of their gradients: so pictures are compared.
    picture = torch.from_numpy(day()).permute(2, 0, 1)[None]
    with torch.no_grad():
        found, expected, other = (model(picture) for model in (two, alone.model, one.model))
    assert (found - expected).abs().max() < 1e-5  # measured: 2e-7
    assert (found - other).abs().max() > 1e-2  # measured: 0.33
    assert not list(Path().glob("*.checkpoint*"))


@pytest.mark.slow
def test_ctrl_c_stops_two_processes_at_the_same_step(here):
    Path("photos/c.png").write_text("<html>")  # a sentence about it tells that training has begun
    words, environment = processes("--steps", "1000000", "-o", "two.safetensors")
    with Path("said").open("w") as said:
        running = subprocess.Popen(words, env=environment, stderr=said, start_new_session=True)
    try:
        began = time.monotonic()
        while "left out" not in Path("said").read_text():
            assert running.poll() is None, Path("said").read_text()
            assert time.monotonic() < began + 120
            time.sleep(0.1)
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does: all of them get it
        assert running.wait(60) != 0
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
    assert Path("said").read_text().count("what was learnt is kept in two.checkpoint.safetensors") == 1
    assert "this is a bug" not in Path("said").read_text()
    assert Path("two.checkpoint.safetensors").exists()
    assert not Path("two.safetensors").exists()
