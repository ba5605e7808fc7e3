"""What `photo` and `style` share: options of a picture that is optimised, and what came of it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from neural_painter.cli.course import Course
from neural_painter.cli.jobs import Job, Keeps, Outcome
from neural_painter.cli.options import add_manners, add_output, add_pictures

STATE = ".safetensors"
"""End of the file that keeps an unfinished transfer."""

KEPT = """Every ten seconds, and on Ctrl-C, the transfer so far is kept as NAME.unfinished.safetensors; --resume goes
on with it, and gives what the whole run would have given."""


class Result(Protocol):
    """What a transfer gives."""

    device: str
    seconds: dict[str, float]
    finished: bool
    losses: dict[str, float]
    state: Any


def add_transfer(parser: argparse.ArgumentParser, default: str, *, size: str = "the photo's own size") -> None:
    """Options of what is written, kept and said."""
    add_output(
        parser,
        "the picture to write (.png, .jpg, .webp, .tiff). May be repeated; {name} is filled in; a folder takes the "
        f"default name (default: {default} in the current folder)",
        size=size,
    )
    add_pictures(parser)
    parser.add_argument(
        "--resume", type=Path, metavar="FILE", help="go on with an unfinished transfer of the same pictures and options"
    )
    add_manners(parser)


def outcome_of(
    course: Course,
    job: Job,
    result: Result,
    *,
    write: Callable[[Path], None],
    save: Callable[[Path, Any], None],
    facts: dict[str, Any],
) -> Outcome:
    """What came of a transfer: how it is written, kept and told.

    Args:
        course, job: whose work it was.
        result: what was made.
        write: writes an output.
        save: keeps a state under a name.
        facts: of the line of JSON, besides device and losses.
    """

    def go_on(kept: Path) -> list[str]:
        return course.words(job, resume=kept, overwrite=bool(job.written) or course.options.overwrite)

    keeps = Keeps(
        "the picture so far", "the transfer is", STATE, lambda path: save(path, result.state), go_on=go_on, rest=go_on
    )
    return Outcome(
        write=write,
        finished=result.finished,
        begun=result.finished or result.state is not None,
        keeps=None if result.state is None else keeps,
        facts={**facts, "device": result.device, "losses": result.losses},
        seconds=result.seconds,
    )
