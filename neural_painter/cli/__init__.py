"""The command line: one file per command. Nothing here or in the commands' heads loads torch, numba or OpenCV.

A command is a module with `run(words) -> exit status`, and takes the course of `course.py`. Whatever goes wrong in it
is raised, and reported here, once.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

from neural_painter.cli import early

if os.path.basename(sys.argv[0]) in ("paint.py", "neural-painter", "train_renderer.py"):
    early.begin()

from neural_painter.cli.failures import guarded
from neural_painter.cli.streams import claim_stdout
from neural_painter.configs import nearest
from neural_painter.errors import UsageError

COMMANDS = {
    "render": "paint a stroke document again, at any size, without optimising",
    "restyle": "give the strokes of a painting the style of a picture",
    "style": "paint a picture in the manner of others (artistic style transfer by optimisation)",
    "photo": "give a photo the look of another photo (photorealistic style transfer)",
    "fast": "restyle pictures and films in one pass of a trained network",
    "train-fast": "train such a network on the style of a picture",
    "export-onnx": "write the model of a fast style as ONNX, for other programs and web pages",
    "convert": "turn a feed-forward style that others published into a model of ours",
}
"""First words that name a command, with what they do. Everything else is for `paint`."""


def main(arguments: list[str] | None = None) -> int:
    """Runs the command that the first word names, `paint` where it names none; returns its exit status."""
    early.begin_threads()
    if arguments is None:
        claim_stdout()
    words = list(sys.argv[1:] if arguments is None else arguments)
    return guarded(lambda: _run(words))


def _run(words: list[str]) -> int:
    name = words.pop(0) if words and words[0] in COMMANDS else "paint"
    if name == "paint" and words:
        _check_first(words[0])
    return int(import_module(f"{__name__}.{name.replace('-', '_')}").run(words))


def _check_first(word: str) -> None:
    """Raises UsageError where a word looks like a misspelt command, and is no file."""
    if not word.startswith("-") and "." not in word and os.sep not in word and not os.path.lexists(word):
        hint = nearest(word, list(COMMANDS))
        if hint:
            raise UsageError(f"{word}: neither a command nor a file", hint=hint)
