"""`paint.py render DOCUMENT`: paints a stroke document again, with the ground-truth brush, without optimising."""

from __future__ import annotations

import time
from pathlib import Path

from neural_painter.cli.failures import DONE, STATUSES, emit, program, say
from neural_painter.cli.interrupts import Interrupts
from neural_painter.cli.options import Parser, add_outputs, animation_of, fit_size, painting_outputs
from neural_painter.cli.outputs import check_animations, check_names, folders_made, name_outputs, stem_of
from neural_painter.cli.progress import kernel_notice
from neural_painter.cli.results import json_line, write_outputs
from neural_painter.files import check_output

DEFAULT_OUTPUT = "{name}.png"

DESCRIPTION = """Paints a stroke document again at any size, without optimising. The same document gives the same bytes.

  python paint.py render cat.npz -o poster.png --size 9000
  python paint.py render cat.npz -o cat.svg -o cat.mp4 --size 1080"""


def parser() -> Parser:
    """The options of the command."""
    made = Parser(
        "render",
        usage=f"{program()} render DOCUMENT [options]",
        description=DESCRIPTION,
        epilog=STATUSES,
    )
    made.add_argument("document", type=Path, metavar="DOCUMENT", help="a stroke document: .npz, .json or .json.gz")
    add_outputs(made, painting_outputs("{name} is", DEFAULT_OUTPUT))
    return made


def run(words: list[str]) -> int:
    """Renders the document; returns the exit status."""
    options = parser().read(words)
    began = time.perf_counter()
    with Interrupts(), kernel_notice(show=not options.quiet):
        from neural_painter.strokes import read_document
        from neural_painter.tables import suffix_of

        source = options.document
        suffix_of(source)
        outputs = name_outputs(options.output, DEFAULT_OUTPUT, name=stem_of(source))
        names = [(source, outputs)]
        check_names(names, options.output, many=False)
        check_animations(names, animation_of(options))
        with folders_made(options.output):
            for path in outputs:
                check_output(path, overwrite=options.overwrite)
            document = read_document(source)
            size = fit_size(options.size, document.size, source)
            read = time.perf_counter()
            written: list[Path] = []
            write_outputs(document, outputs, size, animation_of(options), overwrite=options.overwrite, written=written)
    ended = time.perf_counter()
    if options.json:
        seconds = {"read": read - began, "write": ended - read, "total": ended - began}
        emit(json_line(source, written, document, seconds))
    if not options.quiet:
        shown = ", ".join(str(path) for path in written)
        say(f"{shown}: {len(document.strokes)} strokes, {ended - began:.1f} s")
    return DONE
