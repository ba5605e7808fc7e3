"""What goes wrong, as a sentence on stderr and an exit status."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from neural_painter.errors import UserError

DONE, BUG, USAGE, UNREADABLE, WEIGHTS, UNWRITABLE, MEMORY, PARTLY, NUMERICAL = range(9)
INTERRUPTED = 130

STATUSES = """exit status:
  0 done, 1 a bug, 2 usage, 3 unreadable input, 4 weights missing or invalid,
  5 output exists or is not writable, 6 out of memory, 7 part of a batch failed,
  8 numerical failure, 130 interrupted"""


def program() -> str:
    """What the user called: `neural-painter` where that is installed, else `paint.py`."""
    return "neural-painter" if Path(sys.argv[0]).stem == "neural-painter" else "paint.py"


def say(message: str, *, hint: str | None = None) -> None:
    """Prints a sentence, and perhaps what to do, on stderr."""
    with suppress(BrokenPipeError):
        print(f"{program()}: {message}", *([f"  {hint}"] if hint else []), sep="\n", file=sys.stderr, flush=True)


def tell(options: argparse.Namespace, *lines: str) -> None:
    """Prints sentences on stderr, unless --quiet."""
    if not options.quiet:
        for line in lines:
            say(line)


def command(*words: str) -> str:
    """Words as a command that a user can paste into a shell."""
    start = ["neural-painter"] if program() == "neural-painter" else ["python", "paint.py"]
    return shlex.join([*start, *words])


def emit(line: str) -> None:
    """Prints a line of data on stdout; quietly does without where nobody reads it any more."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        _drop_stdout()


def report(error: BaseException) -> int:
    """Says what went wrong; returns the exit status. Only a bug shows its traceback."""
    status = exit_status(error)
    if status == BUG:
        traceback.print_exception(error)
        say("this is a bug; please report it with the lines above")
    elif status == MEMORY:
        say(
            "out of memory",
            hint="A smaller --size, fewer --strokes or --preset fast need less.",
        )
    elif status == INTERRUPTED:
        say("interrupted")
    else:
        say(str(error), hint=getattr(error, "hint", None))
    return status


def exit_status(error: BaseException) -> int:
    """The exit status that an error stands for."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, UserError):
        return error.exit_status
    if _is_out_of_memory(error):
        return MEMORY
    return WEIGHTS if is_about_weights(error) else BUG


def is_about_weights(error: BaseException) -> bool:
    """Whether it is a WeightsError; does not load torch to find out."""
    weights: Any = sys.modules.get("renderers.weights")
    return weights is not None and isinstance(error, weights.WeightsError)


def guarded(action: Callable[[], int]) -> int:
    """Runs a command; turns whatever it raises into its exit status."""
    try:
        status = action()
    except SystemExit as leaving:  # argparse, after --help and --version
        status = leaving.code if isinstance(leaving.code, int) else DONE
    except (KeyboardInterrupt, Exception) as error:
        status = report(error)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_stdout()
    return status


def _is_out_of_memory(error: BaseException) -> bool:
    """NumPy raises MemoryError, torch RuntimeErrors, and OpenCV an error with code -4."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, RuntimeError):
        return "can't allocate memory" in str(error) or "out of memory" in str(error)
    return type(error).__module__.startswith("cv2") and getattr(error, "code", None) == -4


def _drop_stdout() -> None:
    """Sends what is still buffered nowhere, or Python complains of the broken pipe when it leaves."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
