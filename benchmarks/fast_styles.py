"""The fast styles of the project on photos: a contact sheet, and whether plain places are hatched.

python -m benchmarks.fast_styles --photos examples/*.png examples/*.jpg

Of each photo the plainest squares of 128 pixels are looked at, six at most. A pattern is a peak of the restyled
square's spectrum above four times the median around it; where the photo itself has one, it does not count.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.photos import find_photos
from benchmarks.report import ROOT, write
from benchmarks.sheet import write_sheet
from benchmarks.table import table
from benchmarks.threads import set_threads

BAR = 4.0
"""Highest peak, in medians around it."""
SIDE, MOST = 128, 6
"""Of a square in pixels, and how many are looked at in a photo."""
PLAIN = 2.5
"""Root mean square of the gradient, in levels of 255 a pixel, up to which a square is plain."""
LARGEST = 1024
CELL = 240


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, nargs="+", metavar="PHOTO", help="default: those of the examples")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="write a contact sheet, .jpg")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    set_threads(options.threads)
    from neural_painter import load_model
    from neural_painter.fast.shipped import STYLES
    from neural_painter.images import write_image

    photos = find_photos(options.photos or sorted((ROOT / "examples").glob("*.[jp][pn]g")))
    models = {style.name: load_model(style.name, device="cpu") for style in STYLES}
    found = {name: [] for name in models}
    strips = []
    with tempfile.TemporaryDirectory() as folder:
        for path in photos:
            photo = _read(path)
            places = plain_places(photo)
            strips.append([Path(folder, f"{path.stem}.png")])
            write_image(strips[-1][0], photo)
            for name, model in models.items():
                made = model(photo)
                found[name] += [highest_peak(made, photo, place) for place in places]
                strips[-1].append(Path(folder, f"{path.stem}-{name}.png"))
                write_image(strips[-1][-1], made)
            print(f"{path.stem}: {len(places)} plain places", file=sys.stderr)
        if options.sheet:
            write_sheet(options.sheet, strips, CELL)
    rows = [_row(name, values) for name, values in found.items()]
    heads = ["style", "plain places", "highest peak", "mean peak", "above 4"]
    print(table(heads, [list(row.values()) for row in rows]))
    path = write("fast_styles", rows, device="cpu", photos=[path.stem for path in photos], bar={"most_peak": BAR})
    print(path.relative_to(ROOT))
    return 0


def _read(path):
    from neural_painter.images import fit_long_side, read_image, resize

    photo = read_image(path)
    height, width = photo.shape[:2]
    if max(height, width) > LARGEST:
        photo = resize(photo, size=fit_long_side(height, width, LARGEST)).clip(0, 1)
    return photo


def plain_places(photo):
    """Upper left corners `(row, column)` of the plainest squares, which do not overlap; the plainest first."""
    import cv2
    import numpy as np

    grey = cv2.cvtColor((photo * 255).astype(np.float32), cv2.COLOR_RGB2GRAY)
    slopes = [cv2.Sobel(grey, cv2.CV_32F, *order) / 8 for order in ((1, 0), (0, 1))]
    height, width = (size - SIDE + 1 for size in grey.shape)
    if min(height, width) < 1:
        return []
    power = cv2.boxFilter(slopes[0] ** 2 + slopes[1] ** 2, -1, (SIDE, SIDE), anchor=(0, 0))[:height, :width].copy()
    places = []
    while len(places) < MOST and power.min() <= PLAIN**2:
        row, column = (int(k) for k in np.unravel_index(power.argmin(), power.shape))
        places.append((row, column))
        power[max(0, row - SIDE + 1) : row + SIDE, max(0, column - SIDE + 1) : column + SIDE] = np.inf
    return places


def highest_peak(made, photo, place):
    """The highest peak of a restyled square where the photo has none, in medians around it."""
    import numpy as np
    import torch

    from neural_painter.fast.patterns import peaks, spectrum

    row, column = place
    inside = np.s_[row : row + SIDE, column : column + SIDE]
    squares = torch.from_numpy(np.stack([made[inside], photo[inside]])).permute(0, 3, 1, 2).float()
    restyled, own = peaks(spectrum(squares))
    return float(restyled[own <= BAR].max())


def _row(name, values):
    return {
        "style": name,
        "places": len(values),
        "highest": round(max(values, default=0.0), 2),
        "mean": round(sum(values) / max(1, len(values)), 2),
        "above": sum(value > BAR for value in values),
    }


if __name__ == "__main__":
    raise SystemExit(main())
