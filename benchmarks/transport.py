"""What the transport loss is worth: off, in the coarse stages, or in all of them; on every photo, with several seeds.

python -m benchmarks.transport

Two cases: a full painting, and a coarse one of few strokes, where a stroke may touch nothing that it should paint and a
corner may stay blank. Up to 37 strokes are a single stage, the last, so that `coarse` is `off`. `bare` is the part
of the canvas that shows through; `worst corner` is the PSNR of the corner that came out worst, each a quarter as wide
and as high as the picture.
"""

import argparse
import sys
from dataclasses import replace
from itertools import product
from math import sqrt
from pathlib import Path
from statistics import mean, stdev

import numpy as np

from benchmarks.photos import find_photos
from benchmarks.report import ROOT, write
from benchmarks.table import table
from benchmarks.threads import set_threads
from neural_painter.painter.config import PRESETS, PaintConfig
from renderers.brushes import names

STAGES = ("off", "coarse", "all")
MEASURES = {"psnr": 2, "ssim": 4, "worst_corner": 2, "bare": 4, "seconds": 2}
"""What is measured, and the digits that are shown."""


def main() -> int:
    options = _options()
    set_threads(options.threads)
    from neural_painter.errors import InputError
    from neural_painter.images import read_image
    from neural_painter.painting import paint
    from renderers.weights import WeightsError

    try:
        images = {path.stem: read_image(path) for path in find_photos(options.photos)}
    except InputError as error:
        print(f"transport: {error}", file=sys.stderr)
        return 3
    base = PaintConfig(brush=options.brush, preset=options.preset, device=options.device)
    try:
        paint(np.random.default_rng(0).uniform(0, 1, (48, 64, 3)), base.replace(strokes=40, transport_stages="all"))
    except WeightsError as error:
        print(f"transport: {error}", file=sys.stderr)
        return 4
    rows = []
    # The three settings in turns, so that what else goes on in the machine meets all of them.
    for strokes, photo, seed, stages in product(options.strokes, images, range(options.seeds), STAGES):
        config = base.replace(strokes=strokes, seed=seed, transport_stages=stages)
        rows.append({"strokes": strokes, "photo": photo, "seed": seed, "stages": stages})
        rows[-1] |= _measure(images[photo], config)
        print("{photo}, {strokes} strokes, seed {seed}, {stages}: {psnr:.2f} dB".format(**rows[-1]), file=sys.stderr)
    summary = [_summarise(rows, strokes, stages) for strokes, stages in product(options.strokes, STAGES)]
    print(_table(summary), end="\n\n")
    path = write(
        "transport_quick" if options.quick else "transport",
        rows,
        summary=summary,
        brush=options.brush,
        preset=options.preset,
        weight=base.transport,
        threads=options.threads,
        seeds=list(range(options.seeds)),
    )
    print(path.relative_to(ROOT))
    return 0


def _options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, nargs="+", default=[], help="pictures or folders")
    parser.add_argument("--brush", choices=names(), default="oil")
    parser.add_argument("--strokes", type=int, nargs="+", default=[500, 40], help="one case each (default: 500 40)")
    parser.add_argument("--preset", choices=list(PRESETS), default=PaintConfig.preset)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="a trial: 40 strokes, two seeds; writes transport_quick")
    options = parser.parse_args()
    if options.quick:
        options.strokes, options.seeds, options.preset = [40], 2, "fast"
    return options


def _measure(image, config):
    from neural_painter.export.rendering import render
    from neural_painter.images import resize
    from neural_painter.metrics import psnr
    from neural_painter.painting import paint, score_size

    painting = paint(image, config)
    size = score_size(painting.document.size)
    white, black = (render(replace(painting.document, canvas=(c, c, c)), size) for c in (1.0, 0.0))
    photo, picture = resize(image, size=size), painting.render(size)
    height, width = max(1, size[0] // 4), max(1, size[1] // 4)
    corners = product((slice(height), slice(-height, None)), (slice(width), slice(-width, None)))
    found = {
        "psnr": painting.psnr,
        "ssim": painting.ssim,
        "worst_corner": min(psnr(photo[corner], picture[corner]) for corner in corners),
        "bare": float((white - black).mean()),
        "seconds": painting.seconds["total"],
    }
    return {name: round(value, 5) for name, value in found.items()}


def _summarise(rows, strokes, stages):
    """Means; their spread between seeds of one photo; and what transport changes, photo by photo and seed by seed."""
    chosen = [row for row in rows if row["strokes"] == strokes]
    ours, without = ([row for row in chosen if row["stages"] == name] for name in (stages, "off"))
    summary = {"strokes": strokes, "stages": stages, "paintings": len(ours)}
    for measure in MEASURES:
        by_photo = {}
        for row in ours:
            by_photo.setdefault(row["photo"], []).append(row[measure])
        gains = [row[measure] - other[measure] for row, other in zip(ours, without, strict=True)]
        summary[measure] = {
            "mean": round(mean(row[measure] for row in ours), 5),
            "deviation_between_seeds": round(sqrt(mean(_deviation(values) ** 2 for values in by_photo.values())), 5),
            "gain": round(mean(gains), 5),
            "gain_deviation": round(_deviation(gains), 5),
            "better": sum(gain > 0 for gain in gains),
        }
    return summary


def _deviation(values):
    return stdev(values) if len(values) > 1 else 0.0


def _table(summary):
    heads = ("strokes", "transport", "PSNR, dB", "SSIM", "worst corner, dB", "bare", "seconds")
    lines = []
    for row in summary:
        cells = [
            f"{row[name]['mean']:.{digits}f} ± {row[name]['deviation_between_seeds']:.{digits}f}"
            for name, digits in MEASURES.items()
        ]
        gain = row["psnr"]
        change = f"{gain['gain']:+.2f} ± {gain['gain_deviation']:.2f} ({gain['better']} of {row['paintings']} better)"
        lines.append((row["strokes"], row["stages"], *cells, "" if row["stages"] == "off" else change))
    return table((*heads, "PSNR against off, dB"), lines)


if __name__ == "__main__":
    sys.exit(main())
