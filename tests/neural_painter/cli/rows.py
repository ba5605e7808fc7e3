"""The commands as rows of one table: what each needs, reads and writes. A new command is one row here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file

from neural_painter.fast.files import Card, save_model
from neural_painter.fast.model import FastModel
from neural_painter.fast.network import TransformNetwork, johnson
from neural_painter.images import write_image
from neural_painter.strokes import write_document
from tests.neural_painter.cli.conftest import photo
from tests.neural_painter.fast.formats.foreign_models import Johnson
from tests.neural_painter.fast.formats.torch7_writer import torch7_bytes
from tests.neural_painter.photo.samples import night, tiny_weights
from tests.neural_painter.sample_documents import sample_document
from tests.neural_painter.video.films import make

Hook = Callable[[object, int, Callable[[], object]], None]
"""Does something once, after a step of the work: given monkeypatch, the number of the step and what to do."""


@dataclass(frozen=True)
class Row:
    """One way to call a command.

    Attributes:
        words: the command, with the names that `prepare` makes; `-o` is not among them.
        source: the file that is worked on; "" where none is read.
        output: what is written by default.
        picture: whether the source is a picture, of whatever size.
        at_step: as `Hook`; None for a command that is done at once.
        keeps: end of what is kept of unfinished and unwritten work, such as `.npz`; "" where nothing need be kept.
        lasting: end of what is kept only of work that lasts, every ten seconds.
        missing: exit status where the source is not there.
        wrong: exit status where the source is a text.
        device: whether it takes `--device`.
        program: that is called.
        also: what is written beside the output. Where there is something, `--output` names the folder of all, and they
            may always be replaced.
    """

    words: str
    source: str
    output: str
    picture: bool = True
    at_step: Hook | None = None
    keeps: str = ""
    lasting: str = ""
    missing: int = 3
    wrong: int = 3
    device: bool = True
    program: str = "paint.py"
    also: tuple[str, ...] = ()

    def places(self) -> list[tuple[list[str], int]]:
        """Outputs that cannot be written, and the exit status of each."""
        if self.also:
            return [(["--output", "/proc/x"], 5), (["--output", "cat.png/x/y"], 5), (["--checkpoint", "/proc/x"], 5)]
        end = Path(self.output).suffix
        return [(["-o", f"/proc/x{end}"], 5), (["-o", f"no/x{end}"], 5), (["-o", ""], 2), (["-o", "n" * 260 + end], 5)]


def prepare() -> None:
    """All files that the rows read, in the current folder."""
    photo("cat.png")
    write_image("night.png", night())
    photo("mask.png", 16, 12)
    for name in ("cat.npz", "dog.npz"):
        write_document(name, sample_document("oil", count=5, size=(24, 32)))
    save_file(tiny_weights(), "tiny.safetensors")
    Path("candy.t7").write_bytes(torch7_bytes(Johnson("c9s1-4,d6,R6,u4,c9s1-3").checkpoint))
    save_model("mine.safetensors", network(), Card("My style"))
    make(Path("cat.mp4"), times=[40 * k for k in range(4)], seconds=0.16)
    Path("photos").mkdir()
    for name in ("a.png", "b.png"):
        photo(f"photos/{name}", 64, 64)


def network() -> TransformNetwork:
    torch.manual_seed(0)
    return TransformNetwork(johnson(4, 1)).eval()


def after_steps(monkeypatch, number, action):
    """Of the commands that optimise strokes or a picture."""
    from neural_painter.cli.interrupts import Interrupts

    after_step, calls = Interrupts.after_step, []

    def counted(self):
        calls.append(None)
        if len(calls) == number:
            action()
        after_step(self)

    monkeypatch.setattr(Interrupts, "after_step", counted)


def after_frames(monkeypatch, number, action):
    run, calls = FastModel.__call__, []

    def counted(self, frame, **settings):
        calls.append(None)
        if len(calls) == number + 1:
            action()
        return run(self, frame, **settings)

    monkeypatch.setattr(FastModel, "__call__", counted)


def after_keeping(monkeypatch, number, action):
    """Of commands that look between two strips, bands or frames whether it is time to keep their work."""
    from neural_painter.journal import Keeper

    tick, calls = Keeper.tick, []

    def counted(self, state, **settings):
        tick(self, state, **settings)
        calls.append(None)
        if len(calls) == number:
            action()

    monkeypatch.setattr(Keeper, "tick", counted)


def after_training(trainer):
    def hook(monkeypatch, number, action):
        run = trainer().run

        def counted(self, **settings):
            for step, loss in enumerate(run(self, **settings), 1):
                if step == number:
                    action()
                yield loss

        monkeypatch.setattr(trainer(), "run", counted)

    return hook


def fast_trainer():
    from neural_painter.fast.training import FastTrainer

    return FastTrainer


def renderer_trainer():
    from renderers.training import Trainer

    return Trainer


STYLED = "--style night.png --features tiny.safetensors --style-steps 4"
TINY = "--steps 3 --batch 1 --crop 32 --filters 4 --residuals 1 --style-size 32 --features tiny.safetensors"

ROWS = {
    "paint": Row("cat.png --strokes 4 --preset fast", "cat.png", "cat-oil.png", at_step=after_steps, keeps=".npz"),
    "paint with a mask": Row(
        "cat.png --strokes 4 --preset fast --importance mask.png",
        "cat.png",
        "cat-oil.png",
        at_step=after_steps,
        keeps=".npz",
    ),
    "paint in a style": Row(
        f"cat.png --strokes 4 --preset fast {STYLED}", "cat.png", "cat-oil.png", at_step=after_steps, keeps=".npz"
    ),
    "restyle": Row(
        f"restyle cat.npz {STYLED}",
        "cat.npz",
        "cat-styled.png",
        picture=False,
        at_step=after_steps,
        keeps=".npz",
    ),
    "render": Row(
        "render dog.npz --size 600",
        "dog.npz",
        "dog.png",
        picture=False,
        at_step=after_keeping,
        lasting=".render",
        device=False,
    ),
    "style": Row(
        "style cat.png night.png --features tiny.safetensors --iterations 3",
        "cat.png",
        "cat-style.png",
        at_step=after_steps,
        keeps=".safetensors",
    ),
    "photo": Row(
        "photo cat.png night.png --features tiny.safetensors --iterations 4 --stages style",
        "cat.png",
        "cat-photo.png",
        at_step=after_steps,
        keeps=".safetensors",
    ),
    "photo, fast": Row("photo cat.png night.png --preset fast", "cat.png", "cat-photo.png"),
    "fast": Row(
        "fast cat.png mine.safetensors", "cat.png", "cat-mine.png", at_step=after_keeping, lasting=".safetensors"
    ),
    "fast, a film": Row(
        "fast cat.mp4 mine.safetensors", "cat.mp4", "cat-mine.mp4", picture=False, at_step=after_frames
    ),
    "train-fast": Row(
        f"train-fast night.png --photos photos {TINY}",
        "night.png",
        "night.safetensors",
        at_step=after_training(fast_trainer),
        keeps="checkpoint",
    ),
    "convert": Row(
        "convert candy.t7",
        "candy.t7",
        "candy.safetensors",
        picture=False,
        missing=4,
        wrong=4,
        device=False,
    ),
    "export-onnx": Row(
        "export-onnx mine.safetensors", "mine.safetensors", "mine.onnx", picture=False, missing=4, wrong=4, device=False
    ),
    "train_renderer": Row(
        "--brush tape --steps 4 --batch 4 --held-out 8 --output . --checkpoint tape.checkpoint.safetensors",
        "",
        "tape.safetensors",
        picture=False,
        at_step=after_training(renderer_trainer),
        keeps="checkpoint",
        program="train_renderer.py",
        also=("tape.json",),
    ),
}
