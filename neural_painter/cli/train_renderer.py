"""`train_renderer.py`: trains the two networks that imitate a brush."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from neural_painter.cli import early
from neural_painter.cli.course import Course
from neural_painter.cli.failures import STATUSES, guarded
from neural_painter.cli.jobs import Job, Outcome
from neural_painter.cli.options import Parser, add_config, add_device
from neural_painter.cli.streams import called, claim_stdout
from neural_painter.cli.trained_brushes import Wanted, add_wanted, wanted
from neural_painter.cli.training import check_checkpoint, device_name, processes, ranks, stopped, train, writing
from neural_painter.cli.words import words_of
from neural_painter.errors import OutputError
from renderers.training_config import TrainingConfig

if TYPE_CHECKING:
    import torch

    from renderers.training import Trainer

PROGRAM = "train_renderer.py"

DESCRIPTION = """Trains the neural renderer of a brush from scratch, on strokes that the brush draws on the fly.

  python train_renderer.py --brush oil
  python train_renderer.py --brush-image dab.png --name mybrush      # then: paint.py cat.jpg --brush mybrush
  torchrun --nproc-per-node 2 train_renderer.py --brush oil"""

EPILOG = f"""Every ten seconds, and on Ctrl-C, a checkpoint is kept; the same command with --resume goes on from it.

{STATUSES}"""


def parser() -> Parser:
    """The options of the command."""
    made = Parser(
        usage=f"{PROGRAM} --brush BRUSH [options]\n       {PROGRAM} --brush-image PICTURE --name NAME [options]",
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    add_wanted(made)
    made.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="where weights and card go (default: the project's own, or beside the Python file, or NAME among your "
        "brushes)",
    )
    made.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="what to go on from after a break, removed in the end (default: checkpoints/BRUSH.safetensors)",
    )
    made.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    add_config(made, TrainingConfig)
    add_device(made)
    made.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    made.add_argument("--quiet", action="store_true", help="say nothing unless something goes wrong")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    early.begin_threads()
    if arguments is None:
        claim_stdout()
    with called(PROGRAM):
        return guarded(lambda: run(list(sys.argv[1:] if arguments is None else arguments)))


def run(words: list[str]) -> int:
    """Trains; returns the exit status."""
    with Course(parser(), words) as course:
        options = course.options
        course.config(TrainingConfig)  # complains of options before anything is loaded
        rank, world = ranks()
        options.quiet = options.quiet or rank > 0
        course.reads(options.brush_image)
        it = wanted(course)
        config, options.overwrite = course.config(TrainingConfig, it.base), True
        checkpoint = options.checkpoint or Path("checkpoints") / f"{it.name}.safetensors"
        ends = (*((".png",) if it.picture else ()), ".safetensors", ".json")  # the card last: it says that all is there
        job = Job(Path(it.name), tuple(it.folder / f"{it.name}{end}" for end in ends), holds=(checkpoint,))
        course.check_extras(job)

        def work(job: Job) -> Outcome:
            with processes(options.device, world) as device:
                return _train(course, job, it, config, device, checkpoint)

        if rank:
            return course.follow(job, work)
        if not options.resume or checkpoint.exists():
            for place in (it.folder, checkpoint.parent):
                _make(place)
        check_checkpoint(course, checkpoint)
        return course.run(job, work)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror})") from error


def _train(
    course: Course, job: Job, it: Wanted, config: TrainingConfig, device: torch.device, checkpoint: Path
) -> Outcome:
    from renderers.runs import write_whole
    from renderers.training import Trainer, score
    from renderers.weights import save_renderer

    rank, world = ranks()
    trainer = Trainer(it.load(), config, device, rank=rank, world=world)
    if course.options.resume:
        trainer.load_checkpoint(checkpoint)
    finished = train(course, job, trainer, config.steps, checkpoint)
    outcome = Outcome(
        finished=finished,
        stopped=stopped(course, job, trainer, config.steps, checkpoint),
        facts={"brush": trainer.brush.name, "steps": trainer.step, "device": device.type},
        seconds={"train": trainer.seconds},
    )
    if not finished or rank:
        return outcome
    result = score(trainer.model.eval(), trainer.brush, config.held_out)
    outcome.told = f"composited {result.composited} dB, alpha {result.alpha} dB, colour {result.colour} dB"
    outcome.facts |= {"psnr_composited": result.composited, "psnr_alpha": result.alpha, "psnr_colour": result.colour}
    digest = ""

    def write(path: Path) -> None:
        nonlocal digest
        if it.picture and path.suffix == ".png":
            with writing(path):
                write_whole(path, it.picture[0])
        elif path.suffix == ".safetensors":
            with writing(path):
                digest = save_renderer(trainer.model, path)
        else:
            _write_card(course, trainer, path, it, {**outcome.facts, "sha256": digest})

    outcome.write = write
    return outcome


def _write_card(course: Course, trainer: Trainer, path: Path, it: Wanted, facts: dict[str, object]) -> None:
    """How the weights came to be, beside them."""
    import json

    import torch

    from neural_painter.files import written_whole
    from renderers.stamps import table_card
    from renderers.weights import LICENSE, ORIGIN, parameter_space

    config = trainer.config
    # What was asked for, less where files lie and what is shown.
    without = ("output", "checkpoint", "resume", "device", "quiet", "json", "brushes", "overwrite")
    words = words_of(course.parser, course.options, without=without)
    card = {
        "brush": trainer.brush.name,
        **({"picture": it.picture[1]} if it.picture else {"license": LICENSE, "origin": ORIGIN}),
        "sha256": facts["sha256"],
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "command": " ".join(["python", PROGRAM, *words]),
        "seconds": round(trainer.seconds),
        "cpu_seconds": round(trainer.cpu_seconds),
        "machine": f"{device_name(trainer)}, {torch.get_num_threads()} threads, {trainer.world} process(es)",
        "torch": torch.__version__,
        "samples": config.steps * config.batch * trainer.world,
        "training": asdict(config),
        "psnr_alpha": facts["psnr_alpha"],
        "psnr_colour": facts["psnr_colour"],
        "psnr_composited": facts["psnr_composited"],
        "held_out": config.held_out,
        "shape": parameter_space(trainer.brush),
        "table": table_card(trainer.model, trainer.brush),
    }
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
