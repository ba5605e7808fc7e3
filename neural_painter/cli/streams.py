"""What a command prints: sentences on stderr, data on stdout. A stream that is broken never fails a command."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

_data: TextIO | None = None
"""Where data goes; None for whatever `sys.stdout` is."""

_called: str | None = None


def claim_stdout() -> None:
    """Keeps stdout for our own data: whatever libraries print there goes to stderr from now on.

    Streams that were closed by whoever started the program are opened on nothing, or the next file that is opened would
    be taken for one of them.
    """
    global _data
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
    if _data is not None or sys.stdout is None:
        return
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        _data = open(os.dup(1), "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors, buffering=1)  # noqa: SIM115
        os.dup2(2, 1)
        if sys.stderr is not None:
            sys.stdout = sys.stderr


def program() -> str:
    """What the user called: `paint.py`, `train_renderer.py`, or where installed `neural-painter` or its module."""
    if _called:
        return _called
    if Path(sys.argv[0]).parts[-2:] == ("neural_painter", "__main__.py"):
        return "python -m neural_painter"
    return "neural-painter" if Path(sys.argv[0]).stem == "neural-painter" else "paint.py"


@contextmanager
def called(name: str) -> Iterator[None]:
    """Says what the program is called while the block lasts."""
    global _called
    before, _called = _called, name
    try:
        yield
    finally:
        _called = before


def say(message: str, *, hint: str | None = None) -> None:
    """Prints a sentence, and perhaps what to do, on stderr."""
    lines = [f"{program()}: {visible(message)}", *([f"  {visible(hint)}"] if hint else [])]
    with suppress(OSError, ValueError, AttributeError):  # closed, full, or not there at all
        print(*lines, sep="\n", file=sys.stderr, flush=True)


def say_plainly(line: str) -> None:
    """Prints a line of a traceback on stderr."""
    with suppress(OSError, ValueError, AttributeError):
        print(visible(line), file=sys.stderr, flush=True)


def emit(line: str) -> None:
    """Prints a line of data on stdout; where that is closed or full, the command goes on without."""
    _print(line + "\n")


def show(text: str) -> None:
    """Prints a text that was asked for, such as help, on stdout."""
    _print(text)


def flush() -> None:
    """Writes out what is buffered, or drops it: Python would complain of a broken pipe when it leaves."""
    for stream in (_data, sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            _drop(stream)


def visible(text: str) -> str:
    """A text with all that would steer a terminal made visible: names may hold escape sequences and line breaks."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in text)


def _print(text: str) -> None:
    stream = sys.stdout if _data is None else _data
    if stream is None:
        return
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:  # nobody reads any more, which is a reader's good right
        _drop(stream)
    except (OSError, ValueError) as error:
        _drop(stream)
        say(f"standard output cannot be written ({getattr(error, 'strerror', None) or error})")


def _drop(stream: TextIO | None) -> None:
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())  # type: ignore[union-attr]
        os.close(nowhere)
