"""`paint.py convert MODEL`: a feed-forward style that others published, as a model of ours."""

from __future__ import annotations

import os
import time
from pathlib import Path

from neural_painter.cli.failures import DONE, STATUSES, program, tell
from neural_painter.cli.options import Parser, add_file, parse_name
from neural_painter.cli.outputs import folders_made, name_outputs
from neural_painter.errors import UsageError
from neural_painter.files import check_output

DEFAULT_OUTPUT = "{name}.safetensors"

DESCRIPTION = """Turns a feed-forward style that others published into a model of ours: Torch7 checkpoints of
fast-neural-style (.t7), and the tensors of its TensorFlow counterpart as safetensors.

  python paint.py convert candy.t7
  python paint.py convert wave.safetensors -o the-wave.safetensors --name "The Wave\""""


def parser() -> Parser:
    """The options of the command."""
    made = Parser("convert", usage=f"{program()} convert MODEL [options]", description=DESCRIPTION, epilog=STATUSES)
    made.add_argument("model", type=Path, metavar="MODEL", help="the file; its content decides what it is")
    add_file(made, "the model to write (.safetensors)", DEFAULT_OUTPUT)
    made.add_argument("--name", type=parse_name, help="of the style (default: that of the file)")
    made.add_argument("--overwrite", action="store_true", help="replace an output that exists")
    made.add_argument("--quiet", action="store_true", help="say nothing unless something goes wrong")
    return made


def run(words: list[str]) -> int:
    """Converts; returns the exit status."""
    options = parser().read(words)
    began = time.perf_counter()
    name = options.model.stem or "model" if options.name is None else options.name
    patterns = [] if options.output is None else [options.output]
    (output,) = name_outputs(patterns, DEFAULT_OUTPUT, name=name)
    if output.suffix.lower() != ".safetensors":
        raise UsageError(f"{output}: a model is written as .safetensors")
    if os.path.realpath(output) == os.path.realpath(options.model):
        raise UsageError(f"{output}: would replace the input", hint="Choose another name with -o or --name.")
    with folders_made(patterns):
        check_output(output, overwrite=options.overwrite)
        from neural_painter.fast.files import Card, save_model
        from neural_painter.fast.model import convert

        network, card = convert(options.model)
        save_model(output, network, Card(name, card.about), overwrite=options.overwrite)
    numbers = sum(parameter.numel() for parameter in network.parameters())
    layers = len(network.architecture.layers)
    tell(options, f"{output}: {layers} layers, {numbers} weights, {time.perf_counter() - began:.1f} s")
    return DONE
