"""The command line: one file per command. Nothing here or in the commands' heads loads torch, numba or OpenCV.

A command is a module with `run(words) -> exit status`. Whatever goes wrong in it is raised, and reported here, once.
"""

from __future__ import annotations

import sys
from importlib import import_module

from neural_painter.cli.failures import guarded
from neural_painter.cli.threads import calm_threads

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
    calm_threads()
    words = list(sys.argv[1:] if arguments is None else arguments)
    name = words.pop(0) if words and words[0] in COMMANDS else "paint"
    return guarded(lambda: int(import_module(f"{__name__}.{name.replace('-', '_')}").run(words)))
