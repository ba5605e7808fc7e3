"""`paint.py train-fast STYLE --photos FOLDER`: trains a network that restyles any picture in one pass."""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neural_painter.cli.failures import DONE, INTERRUPTED, STATUSES, command, program, say, tell
from neural_painter.cli.features import FEATURES, add_features, read_features
from neural_painter.cli.interrupts import Interrupts
from neural_painter.cli.options import Parser, add_config, add_file, config_from, parse_name
from neural_painter.cli.outputs import check_names, folders_made, name_outputs
from neural_painter.cli.progress import Bar
from neural_painter.errors import InputError, OutputError, UsageError
from neural_painter.fast.config import FastConfig
from neural_painter.files import check_output

if TYPE_CHECKING:
    import torch

    from neural_painter.fast.training import FastTrainer

DEFAULT_OUTPUT = "{name}.safetensors"
CHECKPOINT_SECONDS = 30

DESCRIPTION = """Trains a network that restyles any picture in one pass (`paint.py fast`), on crops of your photos.

  python paint.py train-fast wave.jpg --photos photos/ -o wave.safetensors
  torchrun --nproc-per-node 2 paint.py train-fast wave.jpg --photos photos/ -o wave.safetensors"""

EPILOG = f"""A photo that cannot be read is left out. Every half minute, and on Ctrl-C, a checkpoint is kept; the same
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
    made.add_argument("--name", type=parse_name, help="of the style (default: that of the file)")
    add_config(made, FastConfig)
    add_features(made)
    made.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="what to go on from after a break, removed in the end (default: MODEL.checkpoint.safetensors)",
    )
    made.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    made.add_argument("--overwrite", action="store_true", help="replace a model or checkpoint that exists")
    made.add_argument("--quiet", action="store_true", help="say nothing unless something goes wrong")
    return made


def run(words: list[str]) -> int:
    """Trains; returns the exit status."""
    options = parser().read(words)
    config = config_from(options, FastConfig)
    name = options.name or options.style.stem
    patterns = [] if options.output is None else [options.output]
    (output,) = name_outputs(patterns, DEFAULT_OUTPUT, name=name)
    checkpoint = options.checkpoint or output.with_suffix(".checkpoint.safetensors")
    inputs = [options.style, *([] if options.features == FEATURES else [Path(options.features)])]
    jobs = [(path, ()) for path in inputs[1:]]
    check_names([(options.style, (output, checkpoint)), *jobs], patterns, many=False, check=_check_end)
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    options.quiet = options.quiet or rank > 0
    with Interrupts() as interrupts, folders_made(patterns):
        check_output(output, overwrite=options.overwrite)
        _check_checkpoint(checkpoint, options)
        with _processes(config.device, world) as device:
            trainer = _trainer(options, config, device, rank, world)
            if options.resume:
                trainer.load_checkpoint(checkpoint)
            if not _train(trainer, checkpoint, options, interrupts):
                if rank == 0:
                    _say_how_to_go_on(trainer, checkpoint, options)
                return INTERRUPTED
            if rank == 0:
                _write(trainer, output, name, options)
                checkpoint.unlink(missing_ok=True)
    return DONE


def _check_end(path: Path) -> None:
    if path.suffix.lower() != ".safetensors":
        raise UsageError(f"{path}: expected a name ending in .safetensors")


def _check_checkpoint(path: Path, options: argparse.Namespace) -> None:
    if options.resume and not path.exists():
        raise InputError(f"{path}: no checkpoint to go on from")
    if path.is_file() and not (options.resume or options.overwrite):
        raise OutputError(
            f"{path}: exists already, from a run that was broken off",
            hint="--resume goes on from it, --overwrite begins anew.",
        )
    check_output(path, overwrite=True)


@contextmanager
def _processes(name: str, world: int) -> Iterator[torch.device]:
    """The device of this process, and its connection to the others, where torchrun started several."""
    import torch

    from neural_painter.devices import choose_device

    device = choose_device(name)
    if device.type == "cuda":
        number, there = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
        if number >= there:
            raise UsageError(f"process {number + 1} finds no CUDA device of its own: there are {there}")
        device = torch.device("cuda", number)
        torch.cuda.set_device(device)
    if world == 1:
        yield device
        return
    torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield device
    finally:
        torch.distributed.destroy_process_group()


def _trainer(
    options: argparse.Namespace, config: FastConfig, device: torch.device, rank: int, world: int
) -> FastTrainer:
    from neural_painter.fast.training import FastTrainer
    from neural_painter.images import find_pictures, read_image

    photos = find_pictures(options.photos)
    if not photos:
        raise InputError(f"{options.photos}: holds no pictures")
    notes: list[str] = []
    style = read_image(options.style, notes=notes)
    tell(options, *notes)
    features = read_features(options, pooling="average")
    return FastTrainer(style, photos, features, config, device, rank=rank, world=world)


def _train(trainer: FastTrainer, checkpoint: Path, options: argparse.Namespace, interrupts: Interrupts) -> bool:
    """Trains to the end; False where Ctrl-C came first. Either way a checkpoint tells how far it has come."""
    from renderers.training import every

    due, steps, said, ended = every(CHECKPOINT_SECONDS), trainer.config.steps, 0, False
    try:
        # A signal waits for the end of a step, so that what is kept is whole and all processes stop at the same one.
        with Bar(options.style.name, show=not options.quiet) as bar, interrupts.held():
            for loss in trainer.run():
                bar.move(trainer.step / steps, f"step {trainer.step}/{steps}", f"loss {loss:.4f}")
                notes = trainer.photos.notes
                tell(options, *notes[said:])
                said = len(notes)
                if _any_process(interrupts.waiting, trainer):
                    break
                if due():
                    _save(trainer, checkpoint)
            _save(trainer, checkpoint)
            ended = True
    except KeyboardInterrupt:
        if not ended:  # the third signal
            raise
    return trainer.step == steps


def _any_process(wanted: bool, trainer: FastTrainer) -> bool:
    if trainer.world == 1:
        return wanted
    import torch

    votes = torch.tensor(int(wanted), device=trainer.device)
    torch.distributed.all_reduce(votes)
    return bool(votes)


def _save(trainer: FastTrainer, checkpoint: Path) -> None:
    if trainer.rank:
        return
    try:
        trainer.save_checkpoint(checkpoint)
    except OSError as error:
        raise OutputError(f"{checkpoint}: cannot be written ({error.strerror or error})") from error


def _write(trainer: FastTrainer, output: Path, name: str, options: argparse.Namespace) -> None:
    from neural_painter.fast.files import Card, save_model

    save_model(output, trainer.model, Card(name, _about(trainer, options)), overwrite=options.overwrite)
    tell(options, f"{output}: {trainer.config.steps} steps, {trainer.seconds:.0f} s")


def _about(trainer: FastTrainer, options: argparse.Namespace) -> dict[str, Any]:
    """How the model came to be; of files only their names, for nobody else has them at the same place."""
    import torch

    device = torch.cuda.get_device_name(trainer.device) if trainer.device.type == "cuda" else platform.machine()
    features = options.features if options.features == FEATURES else Path(options.features).name
    words = ["train-fast", options.style.name, "--photos", options.photos.name, *_chosen(options)]
    words += [] if features == FEATURES else ["--features", features]
    training = {name: value for name, value in asdict(trainer.config).items() if name != "device"}
    return {
        "style": options.style.name,
        "command": command(*words),
        **training,
        "processes": trainer.world,
        "features": features,
        "photos": len(trainer.photos.paths),
        "seconds": round(trainer.seconds, 1),
        "device": f"{trainer.device.type} ({device})",
        "torch": str(torch.__version__),
    }


def _chosen(options: argparse.Namespace) -> list[str]:
    """The options of the training that were given, as words for another command."""
    words = []
    for option in fields(FastConfig):
        if hasattr(options, option.name) and option.name != "device":
            words += [f"--{option.name.replace('_', '-')}", str(getattr(options, option.name))]
    return words


def _say_how_to_go_on(trainer: FastTrainer, checkpoint: Path, options: argparse.Namespace) -> None:
    words = ["train-fast", str(options.style), "--photos", str(options.photos), *_chosen(options)]
    for name in ("device", "output", "name", "checkpoint"):
        if (value := getattr(options, name, None)) is not None:
            words += [f"--{name}", str(value)]
    words += [] if options.features == FEATURES else ["--features", options.features]
    words += ["--overwrite"] if options.overwrite else []
    go_on = command(*words, "--resume") if trainer.world == 1 else "start it as before, with --resume"
    say(
        f"interrupted at step {trainer.step} of {trainer.config.steps}; what was learnt is kept in {checkpoint}",
        hint=f"To go on: {go_on}",
    )
