"""Training: its samples, its score, its loop, checkpoints that change nothing, and the command around it."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load, save

from neural_painter.cli.train_renderer import main
from renderers import training
from renderers.brushes import brush
from renderers.networks import NeuralRenderer, ShadingNet
from renderers.training import Trainer, TrainingConfig, draw_samples, score, stroke_loss
from renderers.weights import WeightsError, load_renderer

ROOT = Path(__file__).parents[2]
TAPE = brush("tape")
TINY = TrainingConfig(steps=6, batch=8, held_out=8)
CPU = torch.device("cpu")


def trainer(config=TINY, **process):
    return Trainer(TAPE, config, CPU, **process)


def digest(model):
    return hashlib.sha256(b"".join(v.contiguous().numpy().tobytes() for v in model.state_dict().values())).hexdigest()


def test_the_config_says_what_is_out_of_range():
    for name, value, wanted in (
        ("steps", 0, "a whole number from 1 to 10000000"),
        ("batch", 2.5, "a whole number from 1 to 65536"),
        ("rate", 1.0, "a number above 0 and below 1"),
        ("rate", float("nan"), "a number above 0 and below 1"),
        ("seed", -1, "a whole number from 0 to 4294967295"),
    ):
        with pytest.raises(ValueError, match=rf"^{name}: expected {wanted}, got {value}$"):
            replace(TINY, **{name: value})


def test_the_config_is_light():
    code = "import sys; import renderers.training_config; print({'torch', 'numpy', 'numba'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True).stdout == "set()\n"


# Samples


def test_material_depend_on_their_generator_alone():
    first, again, other = (draw_samples(TAPE, 5, 2, np.random.default_rng(seed)) for seed in (1, 1, 2))
    for a, b, c in zip(first, again, other, strict=True):
        assert torch.equal(a, b)
        assert not torch.equal(a, c)


def test_material_are_drawings_of_their_shapes():
    shape, truth = draw_samples(TAPE, 5, 2, np.random.default_rng(1))
    assert shape.shape == (5, 2)
    assert truth.shape == (5, 3, 32, 32)
    again = TAPE.draw(shape.numpy(), np.zeros(5), 32, 32, supersample=2)
    assert np.abs(truth.numpy()[:, 0] - again[..., 0]).mean() < 0.01  # but for the texture's seed


def test_every_step_and_process_has_material_of_its_own():
    one, two = trainer(), trainer()
    two.rank = 1
    shapes = [t._material(step)[0] for t in (one, two) for step in (0, 1)]
    assert all(not torch.equal(a, b) for i, a in enumerate(shapes) for b in shapes[:i])
    assert torch.equal(one._material(1)[0], shapes[1])


def test_the_held_out_strokes_are_none_that_are_trained_on():
    held_out = draw_samples(TAPE, 50, 1, np.random.default_rng(training.HELD_OUT_SEED))[0]
    trained = torch.cat([trainer(replace(TINY, batch=50))._material(step)[0] for step in range(20)])
    assert not (held_out[:, None] == trained[None]).all(-1).any()


# The score


class Imitation:
    """Draws the truth, with a given error in the matte and in the colour; stands in for a trained renderer."""

    shading = ShadingNet

    def __init__(self, monkeypatch, matte=0.0, colour=0.0):
        self.matte, self.colour = matte, colour
        original = training.draw_samples

        def spy(*arguments):
            shape, self.truth = original(*arguments)
            return shape, self.truth

        monkeypatch.setattr(training, "draw_samples", spy)

    def parameters(self):
        return iter([torch.zeros(1)])

    def draw(self, shape, paint):
        opacity = paint[:, 6, None, None, None]
        colour = ShadingNet.colour(self.truth[:, 1:], paint) + self.colour
        return colour, (self.truth[:, :1] + self.matte) * opacity


def test_a_perfect_renderer_scores_at_the_ceiling(monkeypatch):
    found = score(Imitation(monkeypatch), TAPE, 12)
    assert found.alpha > 110  # 120 is the ceiling; float32 leaves errors of 1e-7
    assert found.colour == found.composited == 120


@pytest.mark.parametrize(("error", "expected"), [(0.1, 20.0), (0.01, 40.0), (-0.5, 6.02)])
def test_the_score_is_a_psnr(monkeypatch, error, expected):
    found = score(Imitation(monkeypatch, matte=error), TAPE, 12)
    assert found.alpha == pytest.approx(expected, abs=0.011)
    assert found.colour == 120
    found = score(Imitation(monkeypatch, colour=error), TAPE, 12)
    assert found.colour == pytest.approx(expected, abs=0.011)
    # Outside the stroke colour is not seen: the canvas is right there.
    assert found.composited > found.colour


def test_an_untrained_renderer_scores_poorly():
    torch.manual_seed(0)
    model = NeuralRenderer(TAPE)
    found = score(model, TAPE, 40)
    assert max(found.alpha, found.colour, found.composited) < 15  # measured: 6.8, 8.0, 11.4
    assert found == score(model, TAPE, 40)
    # Whether the last batch is a full one or not.
    assert score(model, TAPE, 15, batch=10).alpha == pytest.approx(found.alpha, abs=1)


def test_the_loss_of_the_truth_is_nothing():
    _, truth = draw_samples(TAPE, 4, 2, np.random.default_rng(0))
    assert stroke_loss(truth[:, :1], truth[:, 1:], truth) == 0
    # Colour counts where the matte is.
    assert stroke_loss(truth[:, :1], truth[:, 1:] + 1, truth) == pytest.approx(float(truth[:, :1].mean()))
    assert stroke_loss(truth[:, :1] + 0.5, truth[:, 1:], truth) == pytest.approx(0.25)


# The loop


def test_a_few_steps_lower_the_loss():
    losses = list(trainer(TrainingConfig(steps=30, batch=8)).run())
    assert len(losses) == 30
    assert np.mean(losses[-5:]) < 0.25 * np.mean(losses[:5])  # measured: 0.13


def test_the_same_seed_trains_the_same_networks():
    first, again, other = trainer(), trainer(), trainer(replace(TINY, seed=1))
    assert digest(first.model) == digest(again.model) != digest(other.model)
    assert list(first.run()) == list(again.run())
    assert digest(first.model) == digest(again.model)


def test_the_rate_is_warmed_up_and_lowered():
    rate = trainer(TrainingConfig(steps=1000, batch=1, rate=0.01))._rate
    assert rate(0) == pytest.approx(0.01 / 20)
    assert rate(19) == rate(20) == pytest.approx(0.01)
    assert rate(510) == pytest.approx(0.01 * (0.002 + 0.998 / 2))
    assert rate(1000) == pytest.approx(0.01 * 0.002)
    assert all(rate(i) > rate(i + 1) for i in range(20, 1000))


def test_a_loss_that_is_not_finite_ends_the_run(monkeypatch):
    monkeypatch.setattr(training, "stroke_loss", lambda alpha, *_: alpha.sum() * float("nan"))
    run = trainer()
    with pytest.raises(FloatingPointError, match=r"^the loss became nan at step 1; try a lower --rate$"):
        list(run.run())


# Checkpoints


def test_a_resumed_run_ends_with_the_very_same_weights(tmp_path):
    path = tmp_path / "run" / "tape.safetensors"
    unbroken = trainer()
    losses = list(unbroken.run())

    paused = trainer()
    before = list(paused.run(stop=3))
    paused.save_checkpoint(path)
    resumed = trainer()
    resumed.load_checkpoint(path)
    assert (resumed.step, resumed.seconds) == (3, paused.seconds)
    assert before + list(resumed.run()) == losses
    assert digest(resumed.model) == digest(unbroken.model)
    for a, b in zip(resumed.model.parameters(), unbroken.model.parameters(), strict=True):
        for key, value in unbroken.optimiser.state[b].items():
            assert torch.equal(resumed.optimiser.state[a][key], value)
    assert [file.name for file in path.parent.iterdir()] == ["tape.safetensors"]


def test_a_checkpoint_before_the_first_step_and_after_the_last(tmp_path):
    path = tmp_path / "tape.safetensors"
    run = trainer()
    for step in (0, 6):
        list(run.run(stop=step))
        run.save_checkpoint(path)
        resumed = trainer()
        resumed.load_checkpoint(path)
        assert resumed.step == step
        assert len(list(resumed.run())) == 6 - step


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "tape.safetensors"
    run = trainer()
    list(run.run(stop=1))
    run.save_checkpoint(path)
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch": 9}, "batch 8, now it is 9"),
        ({"steps": 7}, "steps 6, now it is 7"),
        ({"seed": 1, "held_out": 9}, "seed 0, now it is 1"),
    ],
)
def test_a_checkpoint_of_another_configuration_is_refused(checkpoint, change, message):
    run = trainer(replace(TINY, **change))
    untouched = digest(run.model)
    with pytest.raises(WeightsError, match=f": was begun with {message}$"):
        run.load_checkpoint(checkpoint)
    assert (run.step, digest(run.model)) == (0, untouched)


def test_a_checkpoint_of_another_brush_or_number_of_processes_is_refused(checkpoint):
    with pytest.raises(WeightsError, match=r"was begun with brush tape, now it is oil$"):
        Trainer(brush("oil"), TINY, CPU).load_checkpoint(checkpoint)
    run = trainer()
    run.world = 2
    with pytest.raises(WeightsError, match=r"was begun with world 1, now it is 2$"):
        run.load_checkpoint(checkpoint)


def test_a_checkpoint_as_they_were_at_first_is_gone_on_with(checkpoint, tmp_path):
    notes = {"step": 1, "seconds": 2.5, "cpu_seconds": 3.5, "world": 1, "brush": "tape", "config": asdict(TINY)}
    metadata = {name: json.dumps(value) if name == "config" else str(value) for name, value in notes.items()}
    (tmp_path / "it").write_bytes(save(load(checkpoint.read_bytes()), metadata=metadata))
    run = trainer()
    run.load_checkpoint(tmp_path / "it")
    assert (run.step, run.seconds, run.cpu_seconds) == (1, 2.5, 3.5)
    with pytest.raises(WeightsError, match=r"was begun with batch 8, now it is 9$"):
        trainer(replace(TINY, batch=9)).load_checkpoint(tmp_path / "it")


@pytest.mark.parametrize("spoil", ["missing", "empty", "noise", "cut", "weights"])
def test_what_is_not_a_checkpoint_is_refused(checkpoint, tmp_path, spoil):
    path, data = tmp_path / "it.safetensors", checkpoint.read_bytes()
    changed = {"empty": b"", "noise": b"\x80noise" * 99, "cut": data[:-1], "weights": save({"a": torch.zeros(1)})}
    if spoil != "missing":
        path.write_bytes(changed[spoil])
    with pytest.raises(WeightsError, match=r"it\.safetensors: not a checkpoint of this training$"):
        trainer().load_checkpoint(path)


@pytest.mark.parametrize("spoil", ["model", "optimiser"])
def test_a_checkpoint_of_other_networks_is_refused(checkpoint, tmp_path, spoil):
    tensors = load(checkpoint.read_bytes())
    name = next(k for k in tensors if k.startswith(spoil) and tensors[k].ndim == 2)
    with safe_open(checkpoint, framework="pt") as file:
        metadata = file.metadata()
    path = tmp_path / "it.safetensors"
    path.write_bytes(save({**tensors, name: torch.zeros(2, 2)}, metadata=metadata))
    with pytest.raises(WeightsError, match="does not fit these networks"):
        trainer().load_checkpoint(path)


# The command


@pytest.fixture
def command(tmp_path):
    """Runs train_renderer.py on tape with 4 steps of 4; returns its exit status."""
    paths = ["--output", str(tmp_path / "out"), "--checkpoint", str(tmp_path / "run" / "tape.safetensors")]
    tiny = ["--brush", "tape", "--steps", "4", "--batch", "4", "--held-out", "8", "--device", "cpu", "--quiet"]
    return lambda *arguments: main([*tiny, *paths, *arguments])


def test_usage_errors(capsys):
    for arguments, message in {
        "": "the following arguments are required: --brush",
        "--brush gouache": "--brush: expected one of",
        "--brush tape --steps 0": "--steps: expected a whole number from 1 to 10000000, got 0",
        "--brush tape --batch -1": "--batch: expected a whole number from 1 to 65536, got -1",
        "--brush tape --held-out 0": "--held-out: expected a whole number from 1 to 1000000, got 0",
        "--brush tape --seed -1": "--seed: expected a whole number from 0 to 4294967295, got -1",
        "--brush tape --rate 0": "--rate: expected a number above 0 and below 1, got 0.0",
        "--brush tape --rate nan": "--rate: expected a number above 0 and below 1, got nan",
        "--brush tape --steps many": "--steps: expected a whole number, got 'many'",
        "--brush tape --device abacus": "--device: expected one of auto, cpu, cuda, got abacus",
        "--brush tape paint.jpg": "unrecognized arguments: paint.jpg",
    }.items():
        assert main(arguments.split()) == 2
        assert capsys.readouterr().err.startswith(f"train_renderer.py: {message}")


def test_a_device_that_is_not_there(command, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert command("--device", "cuda") == 2
    assert capsys.readouterr().err.startswith("train_renderer.py: device cuda: no CUDA device found\n")


def test_a_run_writes_weights_and_card(command, tmp_path, capsys):
    assert command() == 0
    printed = capsys.readouterr()
    assert printed == ("", "")
    assert not (tmp_path / "run" / "tape.safetensors").exists()
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["tape.json", "tape.safetensors"]
    model, sha256 = load_renderer(TAPE, tmp_path / "out")
    card = json.loads((tmp_path / "out" / "tape.json").read_text())
    assert card["sha256"] == sha256
    assert card["samples"] == 16
    assert card["training"] == asdict(TrainingConfig(steps=4, batch=4, held_out=8))
    assert card["machine"].endswith("1 process(es)")
    found = score(model, TAPE, 8)
    assert (card["psnr_alpha"], card["psnr_colour"], card["psnr_composited"]) == (
        pytest.approx(found.alpha, abs=0.01),
        pytest.approx(found.colour, abs=0.01),
        pytest.approx(found.composited, abs=0.01),
    )


def test_resume_without_a_checkpoint(command, tmp_path, capsys):
    assert command("--resume") == 3
    assert capsys.readouterr().err.endswith("tape.safetensors: no checkpoint to go on from\n")
    assert not (tmp_path / "out").exists()


def test_resume_from_another_run(command, tmp_path, capsys, checkpoint):
    assert command("--resume", "--checkpoint", str(checkpoint)) == 4
    assert "was begun with steps 6, now it is 4" in capsys.readouterr().err
    assert (WeightsError.exit_status, training.Diverged.exit_status) == (4, 8)
    assert checkpoint.exists()


def test_a_loss_that_is_not_finite(command, monkeypatch, capsys):
    monkeypatch.setattr(training, "stroke_loss", lambda alpha, *_: alpha.sum() * float("inf"))
    assert command() == 8
    assert capsys.readouterr().err.endswith("the loss became inf at step 1; try a lower --rate\n")


def test_ctrl_c_while_scoring_keeps_the_checkpoint(command, tmp_path, monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training, "score", interrupt)
        assert command() == 130
    assert "Traceback" not in capsys.readouterr().err
    assert command("--resume") == 0


@pytest.mark.slow  # two processes that load torch
def test_two_processes_train_one_renderer(tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
            *("train_renderer.py", "--brush", "tape", "--steps", "3", "--batch", "4", "--held-out", "8"),
            *("--device", "cpu", "--quiet", "--output", tmp_path, "--checkpoint", tmp_path / "run.safetensors"),
        ],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    card = json.loads((tmp_path / "tape.json").read_text())
    assert card["machine"].endswith("2 process(es)")
    assert card["samples"] == 2 * 3 * 4
    model, _ = load_renderer(TAPE, tmp_path)

    # Two processes of 4 are one of 8 with the same samples: their gradients are averaged.
    alone = trainer(TrainingConfig(steps=3, batch=4))
    samples = Trainer._material

    def both(step):
        parts = []
        for alone.rank in (0, 1):
            parts.append(samples(alone, step))
        return tuple(torch.cat(pair) for pair in zip(*parts, strict=True))

    alone._material = both
    list(alone.run())
    for ours, theirs in zip(alone.model.parameters(), model.parameters(), strict=True):
        assert (ours - theirs).abs().max() < 1e-4
