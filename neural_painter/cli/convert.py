"""`paint.py convert MODEL`: a feed-forward style that others published, as a model of ours."""

from __future__ import annotations

from pathlib import Path

from neural_painter.cli.course import Course
from neural_painter.cli.failures import STATUSES
from neural_painter.cli.jobs import Job, Outcome
from neural_painter.cli.options import Parser, add_file, add_file_manners, parse_name
from neural_painter.cli.outputs import end_of
from neural_painter.cli.streams import program

DEFAULT_OUTPUT = "{name}.safetensors"

DESCRIPTION = """Turns a feed-forward style that others published into a model of ours: Torch7 checkpoints of
fast-neural-style (.t7), and the tensors of its TensorFlow and PyTorch counterparts as safetensors.

  python paint.py convert candy.t7
  python paint.py convert wave.safetensors -o the-wave.safetensors --name "The Wave\""""


def parser() -> Parser:
    """The options of the command."""
    made = Parser("convert", usage=f"{program()} convert MODEL [options]", description=DESCRIPTION, epilog=STATUSES)
    made.add_argument("model", type=Path, metavar="MODEL", help="the file; its content decides what it is")
    add_file(made, "the model to write (.safetensors)", DEFAULT_OUTPUT)
    made.add_argument("--name", type=parse_name, help="of the style (default: that of the file)")
    add_file_manners(made, "an output")
    return made


def run(words: list[str]) -> int:
    """Converts; returns the exit status."""
    with Course(parser(), words) as course:
        model = course.options.model
        name = model.stem or "model" if course.options.name is None else course.options.name
        job = course.job(model, DEFAULT_OUTPUT, end_of(".safetensors"), name=name)
        return course.run(job, lambda job: _convert(course, job, name))


def _convert(course: Course, job: Job, name: str) -> Outcome:
    from neural_painter.fast.files import Card, save_model
    from neural_painter.fast.model import convert

    network, card = convert(job.source)
    numbers = sum(parameter.numel() for parameter in network.parameters())
    return Outcome(
        told=f"{len(network.architecture.layers)} layers, {numbers} weights",
        write=lambda path: save_model(path, network, Card(name, card.about), overwrite=course.options.overwrite),
    )
