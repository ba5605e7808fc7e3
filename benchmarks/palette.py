"""Paintings of few paints: painted freely, given paints afterwards, and painted with them.

python -m benchmarks.palette --photos ../photos
python -m benchmarks.palette --photos ../photos --names apple chicago diamond sunflowers --paints 12

Each photo is painted with every seed, once freely and once with so many paints of its own. The free painting is then
given paints twice: to each colour of a stroke the nearest of those found in the photo, and those with which the picture
is closest (`painter/paints.py`). Results: benchmarks/results/palette.json
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.report import ROOT, write
from benchmarks.table import table
from benchmarks.threads import set_threads

SIDE, BLUR = 512, 4
"""Long side at which paintings are compared, in pixels, and the deviation of the blur before colours are."""

WAYS = ("free", "nearest", "visible error", "annealed")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, default=ROOT / "examples", help="a folder")
    parser.add_argument("--names", nargs="+", help="of the photos, without their endings (default: all)")
    parser.add_argument("--paints", default="12", help="as --palette of paint.py")
    parser.add_argument("--strokes", type=int, default=400)
    parser.add_argument("--brush", default="oil")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    set_threads(options.threads)
    from neural_painter import read_image
    from neural_painter.images import find_pictures, fit_long_side, resize

    rows = []
    for path in find_pictures(options.photos):
        if options.names and path.stem not in options.names:
            continue
        photo = read_image(path)
        photo = resize(photo, size=fit_long_side(*photo.shape[:2], SIDE)).clip(0, 1)
        for seed in range(options.seeds):
            for way, document in _painted(photo, seed, options).items():
                rows.append({"photo": path.stem, "seed": seed, "way": way, **_scores(photo, document)})
                print(*rows[-1].values(), flush=True)
    means = {way: _means([row for row in rows if row["way"] == way]) for way in WAYS}
    print(table(("colours", "dB", "ΔE", "paints"), [(way, *means[way].values()) for way in WAYS]))
    told = {name: value for name, value in vars(options).items() if name not in ("photos", "names")}
    write("palette", rows, means=means, **told)
    return 0


def _painted(photo, seed, options):
    """The documents by how they came to their paints."""
    from neural_painter import PaintConfig, paint

    config = PaintConfig(brush=options.brush, strokes=options.strokes, seed=seed)
    free = paint(photo, config).document
    few = paint(photo, replace(config, palette=options.paints)).document
    nearest, visible = _snapped(photo, free, replace(config, palette=options.paints))
    return dict(zip(WAYS, (free, nearest, visible, few), strict=True))


def _snapped(photo, document, config):
    """The strokes in the nearest paints, and in those with which the picture is closest."""
    import torch

    from neural_painter.painter.choosing import with_palette
    from neural_painter.palettes.carrying import nearest
    from renderers.brush import COLOURS
    from renderers.stamps import load_stamps

    brush, strokes = document.find_brush(), document.strokes
    _, choice = with_palette(config, None, None)
    paints = choice.paints(photo, brush)
    colours = paints.palette.colours
    near = colours[nearest(strokes.paint[:, COLOURS].reshape(-1, 3), colours)].reshape(-1, 6)
    stamps = load_stamps(brush, torch.device("cpu"), "auto")[0].stamps(torch.from_numpy(document.full_shape(brush)))
    drawn = torch.from_numpy(strokes.placement), torch.from_numpy(strokes.paint), stamps
    closest = paints.assigned(*drawn, photo, np.array(document.canvas, np.float32))
    return [_coloured(document, found) for found in (near, closest)]


def _coloured(document, colours):
    from neural_painter import Strokes

    strokes = document.strokes
    paint = np.concatenate([colours, strokes.paint[:, 6:]], axis=1)
    return replace(document, strokes=Strokes(strokes.placement, strokes.shape, paint))


def _scores(photo, document):
    """PSNR, the mean difference of colour (CIE 1976) after a blur, and how many colours the strokes have."""
    import cv2

    from neural_painter.export.rendering import render
    from neural_painter.metrics import psnr
    from neural_painter.palettes.colours import lab_of

    picture = render(document, photo.shape[:2])
    blurred = [lab_of(np.clip(cv2.GaussianBlur(one, (0, 0), BLUR), 0, 1)) for one in (photo, picture)]
    difference = np.linalg.norm(blurred[0] - blurred[1], axis=2).mean()
    count = len(np.unique(document.strokes.paint[:, :6].reshape(-1, 3), axis=0))
    return {"psnr": round(psnr(photo, picture), 3), "delta_e": round(float(difference), 3), "colours": count}


def _means(rows):
    return {name: round(float(np.mean([row[name] for row in rows])), 2) for name in ("psnr", "delta_e", "colours")}


if __name__ == "__main__":
    raise SystemExit(main())
