"""Commands as words that can be pasted into a shell: how this program was called, and options turned back."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from neural_painter.cli.streams import program

SCRIPTS = ("paint.py", "train_renderer.py", "neural-painter", "neural-painter.exe")


def command(*words: object) -> str:
    """A command of this program, as a user can paste it into the shell that called it."""
    return " ".join(quoted(str(word)) for word in (*_start(), *words))


def quoted(word: str) -> str:
    """A word for the shell. What would steer a terminal is written as an escape, which bash and zsh read back."""
    if word.isprintable():
        return shlex.quote(word)
    data = os.fsencode(word)
    return "$'" + "".join(chr(b) if 32 <= b < 127 and chr(b) not in "\\'" else f"\\x{b:02x}" for b in data) + "'"


def _start() -> list[str]:
    """The interpreter and script that were called, as they were called."""
    script = sys.argv[0]
    if Path(script).name == "__main__.py" and Path(script).parent.name == "neural_painter":
        return [_interpreter(), "-m", "neural_painter"]
    if Path(script).name not in SCRIPTS:  # called from another program
        return [_interpreter(), program()]
    if Path(script).name.startswith("neural-painter"):
        found = shutil.which("neural-painter")
        return ["neural-painter" if found and os.path.realpath(found) == os.path.realpath(script) else script]
    # Options of the interpreter stand between it and the script.
    return list(sys.orig_argv[: len(sys.orig_argv) - len(sys.argv) + 1]) or [_interpreter(), script]


def _interpreter() -> str:
    return sys.orig_argv[0] if sys.orig_argv else sys.executable


def words_of(parser: argparse.ArgumentParser, options: argparse.Namespace, *, without: Iterable[str] = ()) -> list[str]:
    """Options turned back into words: arguments first, then every option that differs from its default.

    Args:
        parser: that read them.
        options: what it gave.
        without: destinations to leave out, such as `quiet`.
    """
    arguments: list[str] = []
    chosen: list[str] = []
    left_out = {"help", "version", *without}
    for action in parser._actions:
        if action.dest in left_out or not hasattr(options, action.dest):
            continue
        value = getattr(options, action.dest)
        if not action.option_strings:
            arguments += [named(part) for part in (value if isinstance(value, list) else [value]) if part is not None]
            continue
        if value is None or value == action.default or (isinstance(value, list) and not value):
            continue
        name = action.option_strings[-1]
        if action.nargs == 0:
            chosen.append(name)
        else:
            for part in value if isinstance(value, list) else [value]:
                chosen += [name, named(part)]
    return [*arguments, *chosen]


SIGNED_WITHOUT = ("output", "quiet", "json", "overwrite", "resume", "device", "strip", "max_pixels", "brushes")
"""What does not change a result, or concerns nobody who looks at it."""


def signature(parser: argparse.ArgumentParser, options: argparse.Namespace, *, without: Sequence[str] = ()) -> str:
    """The command that made something, for the file itself: of files their names alone, for nobody else has them."""
    words = words_of(parser, options, without=(*SIGNED_WITHOUT, *without))
    shown = [word if word.startswith("--") else os.path.basename(word.rstrip("/")) or word for word in words]
    name = getattr(parser, "command", "")
    return " ".join(quoted(word) for word in ("paint.py", *([name] if name else []), *shown))


def named(value: Any) -> str:
    """One value as a word. A path forgets the `./` that tells it from an option, and gets it back."""
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], float):  # angles
        return ",".join(f"{angle:.12g}" for angle in value)
    if isinstance(value, tuple) and len(value) == 2:  # a size, (height, width)
        return f"{value[1]}x{value[0]}"
    if isinstance(value, tuple):  # a colour
        return ",".join(str(round(255 * channel)) for channel in value)
    text = f"{value:.12g}" if isinstance(value, float) else str(value)
    return f"./{text}" if text.startswith("-") and not isinstance(value, int | float) else text
