"""What goes wrong, as a sentence on stderr and an exit status."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator

from neural_painter.cli import streams
from neural_painter.cli.interrupts import status_of
from neural_painter.cli.streams import say

DONE, BUG, USAGE, UNREADABLE, WEIGHTS, UNWRITABLE, MEMORY, PARTLY, NUMERICAL = range(9)

STATUSES = """exit status:
  0 done, 1 a bug, 2 usage, 3 unreadable input, 4 weights missing or invalid,
  5 output exists or is not writable, 6 out of memory, 7 part of a batch failed,
  8 numerical failure; 129, 130, 143 interrupted: terminal closed, Ctrl-C, SIGTERM"""

_NO_MEMORY = ("can't allocate memory", "cannot allocate memory", "out of memory", "bad_alloc", "failed to map segment")


def report(error: BaseException) -> int:
    """Says what went wrong; returns the exit status. Only a bug shows its traceback."""
    status = exit_status(error)
    if isinstance(error, KeyboardInterrupt):
        say("interrupted")
    elif status == BUG:
        _show(error)
        say("this is a bug; please report it with the lines above")
    elif status == MEMORY:
        say("out of memory", hint="A smaller --size, fewer --strokes or --preset fast need less.")
    else:
        say(str(error), hint=getattr(error, "hint", None))
    return status


def exit_status(error: BaseException) -> int:
    """The exit status that an error stands for."""
    if isinstance(error, KeyboardInterrupt):
        return status_of(getattr(error, "number", 2))
    if any(_is_out_of_memory(cause) for cause in _chain(error)):
        return MEMORY
    status = getattr(error, "exit_status", BUG)  # of UserError, and of errors of renderers, which know nothing of us
    return status if isinstance(status, int) else BUG


def is_for_all(error: BaseException) -> bool:
    """Whether the other pictures of a batch would fail alike: weights, memory while libraries load."""
    return exit_status(error) == WEIGHTS or isinstance(error, ImportError)


def guarded(action: Callable[[], int]) -> int:
    """Runs a command; turns whatever it raises into its exit status."""
    try:
        status = action()
    except SystemExit as leaving:  # argparse, after --help and --version
        status = leaving.code if isinstance(leaving.code, int) else DONE
    except (KeyboardInterrupt, Exception) as error:
        status = report(error)
    streams.flush()
    return status


def _show(error: BaseException) -> None:
    for line in "".join(traceback.format_exception(error)).splitlines():
        streams.say_plainly(line)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _is_out_of_memory(error: BaseException) -> bool:
    """NumPy raises MemoryError, torch RuntimeErrors, OpenCV an error with code -4, a loader ImportErrors."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, RuntimeError | ImportError | OSError):
        return any(sign in str(error).lower() for sign in _NO_MEMORY)
    return type(error).__module__.startswith("cv2") and getattr(error, "code", None) == -4
