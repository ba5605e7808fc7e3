"""`paint.py export-onnx MODEL`: writes the model of a fast style as ONNX."""

from __future__ import annotations

import argparse
from pathlib import Path

from neural_painter.cli.course import Course
from neural_painter.cli.failures import STATUSES
from neural_painter.cli.jobs import Job, Outcome
from neural_painter.cli.options import Parser, add_file, add_file_manners, parse_size
from neural_painter.cli.outputs import end_of
from neural_painter.cli.streams import program
from neural_painter.errors import UsageError
from neural_painter.fast.shipped import STYLES, model_file, shipped

DEFAULT_OUTPUT = "{name}.onnx"

DESCRIPTION = """Writes the model of a fast style as ONNX, for OpenCV, onnxruntime, web pages and other programs.

  python paint.py export-onnx -o starry-night.onnx
  python paint.py export-onnx mine.safetensors -o mine-720p.onnx --size 1280x720
  python paint.py export-onnx candy.t7

The file takes and gives pictures 1x3xHxW, RGB, 32-bit floats from 0 to 1. Without --size, height and
width are free; OpenCV reads that from version 5 on, and files of a fixed size before."""


def parser() -> Parser:
    """The options of the command."""
    made = Parser(
        "export-onnx", usage=f"{program()} export-onnx [MODEL] [options]", description=DESCRIPTION, epilog=STATUSES
    )
    made.add_argument(
        "model",
        type=Path,
        nargs="?",
        metavar="MODEL",
        help="a model of ours, one that `convert` reads, or the name of a style that comes with the project (default: "
        f"{STYLES[0].name})",
    )
    add_file(made, "the file to write, .onnx", DEFAULT_OUTPUT)
    made.add_argument(
        "--size", type=_size, metavar="SIZE", help="fixes the pictures' size: WIDTHxHEIGHT (default: any size)"
    )
    add_file_manners(made, "an output")
    return made


def run(words: list[str]) -> int:
    """Exports; returns the exit status."""
    with Course(parser(), words) as course:
        path = model_file(course.options.model or shipped())
        job = course.job(path, DEFAULT_OUTPUT, end_of(".onnx"))
        return course.run(job, lambda job: _export(course, job))


def _export(course: Course, job: Job) -> Outcome:
    from neural_painter.fast.formats.onnx_write import export_onnx
    from neural_painter.fast.model import read_network

    size = course.options.size
    network, card = read_network(job.source)
    name = card.name or job.source.stem

    def write(path: Path) -> None:
        try:
            export_onnx(network, path, name=name, size=size, overwrite=course.options.overwrite)
        except ValueError as error:
            raise UsageError(f"--size: {error}") from None

    return Outcome(told=f"style {name!r}, {f'{size[1]}x{size[0]}' if size else 'any size'}", write=write)


def _size(text: str) -> tuple[int, int]:
    size = parse_size(text)
    if isinstance(size, int):
        raise argparse.ArgumentTypeError(f"expected WIDTHxHEIGHT in pixels, got {text!r}")
    return size
