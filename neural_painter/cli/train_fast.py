"""`paint.py train-fast STYLE --photos FOLDER`: trains a network that restyles any picture in one pass."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neural_painter.cli.course import Course
from neural_painter.cli.failures import STATUSES
from neural_painter.cli.features import FEATURES, add_features, features_file, read_features
from neural_painter.cli.jobs import Job, Outcome
from neural_painter.cli.options import Parser, add_config, add_file, add_file_manners, add_pictures, parse_name
from neural_painter.cli.outputs import end_of
from neural_painter.cli.pictures import read_photo
from neural_painter.cli.streams import program
from neural_painter.cli.training import check_checkpoint, device_name, processes, ranks, stopped, train
from neural_painter.cli.words import signature
from neural_painter.errors import InputError
from neural_painter.fast.config import FastConfig
from neural_painter.fast.shipped import model_file

if TYPE_CHECKING:
    import torch

    from neural_painter.fast.training import FastTrainer

DEFAULT_OUTPUT = "{name}.safetensors"

DESCRIPTION = """Trains a network that restyles any picture in one pass (`paint.py fast`), on crops of your photos.

  python paint.py train-fast wave.jpg --photos photos/ -o wave.safetensors
  torchrun --nproc-per-node 2 paint.py train-fast wave.jpg --photos photos/ -o wave.safetensors"""

EPILOG = f"""A photo that cannot be read is left out. Every ten seconds, and on Ctrl-C, a checkpoint is kept; the same
command with --resume goes on from it.

{STATUSES}"""


def parser() -> Parser:
    """The options of the command."""
    made = Parser(
        "train-fast",
        usage=f"{program()} train-fast STYLE --photos FOLDER [options]",
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    made.add_argument("style", type=Path, metavar="STYLE", help="the picture whose manner is learnt")
    made.add_argument(
        "--photos",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="photos to train on, the more the better; subfolders are not looked into",
    )
    add_file(made, "the model to write (.safetensors)", DEFAULT_OUTPUT, metavar="MODEL")
    made.add_argument(
        "--start",
        type=Path,
        metavar="MODEL",
        help="begin with a model of another style, of as many filters and residuals, or with a style of the project by "
        "its name: 700 steps are enough then",
    )
    made.add_argument("--name", type=parse_name, help="of the style (default: that of the file)")
    add_config(made, FastConfig)
    add_features(made)
    add_pictures(made, canvas=False, strip=False)
    made.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="what to go on from after a break, removed in the end (default: MODEL.checkpoint.safetensors)",
    )
    made.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    add_file_manners(made, "a model or checkpoint")
    return made


def run(words: list[str]) -> int:
    """Trains; returns the exit status."""
    with Course(parser(), words) as course:
        config, options = course.config(FastConfig), course.options
        rank, world = ranks()
        options.quiet = options.quiet or rank > 0
        course.reads(features_file(options), options.start)
        name = options.name or options.style.stem
        job = course.job(options.style, DEFAULT_OUTPUT, end_of(".safetensors"), name=name)
        checkpoint = options.checkpoint or job.outputs[0].with_suffix(".checkpoint.safetensors")
        end_of(".safetensors")(checkpoint)
        job.holds = (checkpoint,)
        course.check_extras(job)

        def work(job: Job) -> Outcome:
            check_checkpoint(course, checkpoint)
            with processes(config.device, world) as device:
                return _train(course, job, config, device, checkpoint, name)

        return course.follow(job, work) if rank else course.run(job, work)


def _train(course: Course, job: Job, config: FastConfig, device: torch.device, checkpoint: Path, name: str) -> Outcome:
    trainer = _trainer(course, job, config, device)
    if course.options.resume:
        trainer.load_checkpoint(checkpoint)
    finished = train(course, job, trainer, config.steps, checkpoint, lambda: trainer.photos.notes)
    return Outcome(
        told=f"{config.steps} steps",
        write=(lambda path: _write(course, trainer, path, name)) if finished else None,
        finished=finished,
        stopped=stopped(course, job, trainer, config.steps, checkpoint),
        facts={"style": name, "steps": trainer.step, "device": device.type},
        seconds={"train": trainer.seconds},
    )


def _trainer(course: Course, job: Job, config: FastConfig, device: torch.device) -> FastTrainer:
    from neural_painter.fast.model import read_network
    from neural_painter.fast.training import FastTrainer
    from neural_painter.images import find_pictures

    photos = find_pictures(course.options.photos)
    if not photos:
        raise InputError(f"{course.options.photos}: holds no pictures")
    style = read_photo(course, job).pixels
    rank, world = ranks()
    features = read_features(course, pooling="average")
    start = course.options.start and read_network(model_file(course.options.start))[0]
    return FastTrainer(style, photos, features, config, device, rank=rank, world=world, start=start)


def _write(course: Course, trainer: FastTrainer, path: Path, name: str) -> None:
    from neural_painter.fast.files import Card, save_model

    save_model(path, trainer.model, Card(name, _about(course, trainer)), overwrite=course.options.overwrite)


def _about(course: Course, trainer: FastTrainer) -> dict[str, Any]:
    """How the model came to be; of files only their names, for nobody else has them at the same place."""
    import torch

    options = course.options
    training = {name: value for name, value in asdict(trainer.config).items() if name != "device"}
    return {
        "style": options.style.name,
        "command": f"python {signature(course.parser, options, without=('name', 'checkpoint'))}",
        **training,
        "processes": trainer.world,
        "features": options.features if options.features == FEATURES else Path(options.features).name,
        "photos": len(trainer.photos.paths),
        "seconds": round(trainer.seconds, 1),
        "device": device_name(trainer),
        "torch": str(torch.__version__),
    }
