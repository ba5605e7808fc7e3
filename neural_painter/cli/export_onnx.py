"""`paint.py export-onnx MODEL`: writes the model of a fast style as ONNX."""

from __future__ import annotations

import argparse
from pathlib import Path

from neural_painter.cli.failures import DONE, STATUSES, program, tell
from neural_painter.cli.options import Parser, add_file, parse_size
from neural_painter.cli.outputs import folders_made, name_outputs
from neural_painter.errors import UsageError
from neural_painter.files import check_output

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
        help="a model of ours, or one that `convert` reads (default: the style that comes with the project)",
    )
    add_file(made, "the file to write, .onnx", DEFAULT_OUTPUT)
    made.add_argument(
        "--size", type=_size, metavar="SIZE", help="fixes the pictures' size: WIDTHxHEIGHT (default: any size)"
    )
    made.add_argument("--overwrite", action="store_true", help="replace an output that exists")
    made.add_argument("--quiet", action="store_true", help="say nothing unless something goes wrong")
    return made


def run(words: list[str]) -> int:
    """Exports; returns the exit status."""
    options = parser().read(words)
    patterns = [] if options.output is None else [options.output]
    if options.model is None:
        from neural_painter.fast.files import shipped

        options.model = shipped()
    (path,) = name_outputs(patterns, DEFAULT_OUTPUT, name=options.model.stem)
    if path.suffix.lower() != ".onnx":
        raise UsageError(f"{path}: expected a name ending in .onnx")
    with folders_made(patterns):
        check_output(path, overwrite=options.overwrite)
        from neural_painter.fast.formats.onnx_write import export_onnx
        from neural_painter.fast.model import read_network

        network, card = read_network(options.model)
        name = card.name or options.model.stem
        try:
            export_onnx(network, path, name=name, size=options.size, overwrite=options.overwrite)
        except ValueError as error:
            raise UsageError(f"--size: {error}") from None
    size = "any size" if options.size is None else f"{options.size[1]}x{options.size[0]}"
    tell(options, f"{path}: style {name!r}, {size}, {path.stat().st_size / 1e6:.1f} MB")
    return DONE


def _size(text: str) -> tuple[int, int]:
    size = parse_size(text)
    if isinstance(size, int):
        raise argparse.ArgumentTypeError(f"expected WIDTHxHEIGHT in pixels, got {text!r}")
    return size
