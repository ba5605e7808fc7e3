"""What commands that train networks share: processes, the loop, its checkpoint."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from neural_painter.cli.course import Course
from neural_painter.cli.jobs import Job
from neural_painter.cli.words import command
from neural_painter.errors import InputError, NumericalError, OutputError, UsageError
from neural_painter.files import check_output

if TYPE_CHECKING:
    import torch

    from renderers.trainers import Run

CHECKPOINT_SECONDS = 10


def ranks() -> tuple[int, int]:
    """This process and how many there are, as torchrun says."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


@contextmanager
def processes(name: str, world: int) -> Iterator[torch.device]:
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


def check_checkpoint(course: Course, path: Path) -> None:
    """Raises where a checkpoint is missing, in the way, or could not be written."""
    if course.options.resume and not path.exists():
        raise InputError(f"{path}: no checkpoint to go on from")
    if path.exists() and not (course.options.resume or course.options.overwrite):
        raise OutputError(
            f"{path}: exists already, from a run that was broken off",
            hint="--resume goes on from it, --overwrite begins anew.",
        )
    check_output(path, overwrite=True)


def train(
    course: Course,
    job: Job,
    trainer: Run,
    steps: int,
    checkpoint: Path,
    notes: Callable[[], list[str]] = list,
) -> bool:
    """Trains to the end; False where a signal came first. Either way a checkpoint tells how far it has come.

    Args:
        course, job: whose work it is.
        trainer: one process of the run.
        steps: of the whole run.
        checkpoint: the file.
        notes: sentences about photos and the like, so far.

    Raises:
        NumericalError: the loss stopped being finite.
        OutputError: the checkpoint cannot be written.
    """
    from renderers.runs import every

    due, ended = every(CHECKPOINT_SECONDS), False
    if not trainer.rank:
        job.state = checkpoint
    try:
        # A signal waits for the end of a step, so that what is kept is whole and all processes stop at the same one.
        with course.bar(job) as bar, course.interrupts.held():
            for loss in trainer.run():
                bar.move(trainer.step / steps, f"step {trainer.step}/{steps}", f"loss {loss:.4g}")
                course.note(job, *notes())
                if _any_process(course.interrupts.waiting, trainer):
                    break
                if due():
                    _save(trainer, checkpoint)
            _save(trainer, checkpoint)
            ended = True
    except FloatingPointError as error:
        raise NumericalError(str(error)) from error
    except KeyboardInterrupt:
        if not ended:  # the third signal
            raise
    return trainer.step == steps


def stopped(course: Course, job: Job, trainer: Run, steps: int, checkpoint: Path) -> tuple[str, str]:
    """What is said of a run that was broken off, and how it goes on."""
    sentence = f"interrupted at step {trainer.step} of {steps}; what was learnt is kept in {checkpoint}"
    if trainer.world > 1:
        return sentence, "To go on: start it as before, with --resume"
    words = course.words(job, output=course.options.output, resume=True)
    return sentence, f"To go on: {command(*words)}"


def device_name(trainer: Run) -> str:
    """What it was trained on, for a card."""
    import torch

    kind = trainer.device.type
    return f"{kind} ({torch.cuda.get_device_name(trainer.device) if kind == 'cuda' else platform.machine()})"


def _any_process(wanted: bool, trainer: Run) -> bool:
    if trainer.world == 1:
        return wanted
    import torch

    votes = torch.tensor(int(wanted), device=trainer.device)
    torch.distributed.all_reduce(votes)
    return bool(votes)


def _save(trainer: Run, checkpoint: Path) -> None:
    if trainer.rank:
        return
    with writing(checkpoint):
        trainer.save_checkpoint(checkpoint)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what renderers, which know nothing of our errors, say of a file into OutputError."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error
