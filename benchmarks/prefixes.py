"""How good the first strokes of a painting are by themselves: figures, and the picture docs/prefixes.jpg.

python -m benchmarks.prefixes
python -m benchmarks.prefixes --photos ../photos --strokes 500 1000

Each photo is painted twice, with a look at prefixes and without, and once with just as many strokes as each prefix has.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.report import ROOT
from benchmarks.table import table
from benchmarks.threads import set_threads

PARTS = (0.05, 0.15, 0.4)
SHOWN = ("chelsea", "coffee")
"""In the picture, with the first of the numbers of strokes."""
SIDE = 320
"""Width of a picture of the strip, in pixels."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, default=ROOT / "examples", help="a folder")
    parser.add_argument("--strokes", type=int, nargs="+", default=[500, 1000])
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--brush", default="oil")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    set_threads(options.threads)
    from neural_painter import read_image, write_image
    from neural_painter.images import find_pictures

    lines, strip = [], []
    for path in find_pictures(options.photos):
        photo = read_image(path)
        for strokes in options.strokes:
            without, with_them = (_painted(photo, strokes, options, looks) for looks in (False, True))
            lines.append(_line(path.stem, photo, strokes, options, without, with_them))
            print(*lines[-1], flush=True)
            if strokes == options.strokes[0] and path.stem in SHOWN:
                strip += [_row(without[0].document), _row(with_them[0].document)]
    heads = [f"{part:.0%}: without, with, of so many" for part in PARTS]
    print(table(("photo", "strokes", *heads, "all: without, with", "CPU ratio"), lines))
    if strip and options.photos == ROOT / "examples":
        write_image(ROOT / "docs" / "prefixes.jpg", np.concatenate(strip), quality=84, overwrite=True)
    return 0


def _painted(photo, strokes, options, looks):
    """The painting and its CPU seconds."""
    from neural_painter import PaintConfig, paint
    from neural_painter.painter.config import PRESETS

    usual = PRESETS[options.preset]
    PRESETS[options.preset] = replace(usual, prefixes=looks)
    try:
        began = time.process_time()
        painting = paint(photo, PaintConfig(brush=options.brush, strokes=strokes, preset=options.preset))
        return painting, time.process_time() - began
    finally:
        PRESETS[options.preset] = usual


def _line(name, photo, strokes, options, without, with_them):
    from neural_painter.export.rendering import render
    from neural_painter.metrics import psnr

    cells = []
    for part in PARTS:
        count = round(part * strokes)
        found = [psnr(photo, render(_first(made.document, count), photo.shape[:2])) for made, _ in (without, with_them)]
        alone = _painted(photo, count, options, True)[0].psnr
        cells.append(", ".join(f"{value:.1f}" for value in (*found, alone)))
    ends = f"{without[0].psnr:.2f}, {with_them[0].psnr:.2f}"
    return name, strokes, *cells, ends, f"{with_them[1] / without[1]:.2f}"


def _first(document, count):
    """The document of the first strokes."""
    from neural_painter import Strokes

    strokes = document.strokes
    return replace(document, strokes=Strokes(strokes.placement[:count], strokes.shape[:count], strokes.paint[:count]))


def _row(document):
    """Prefixes and the whole, from left to right."""
    from neural_painter.export.rendering import render
    from neural_painter.images import fit_long_side

    size, strokes = fit_long_side(*document.size, SIDE), len(document.strokes)
    return np.concatenate([render(_first(document, round(part * strokes)), size) for part in (*PARTS, 1)], axis=1)


if __name__ == "__main__":
    raise SystemExit(main())
