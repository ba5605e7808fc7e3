"""Strokes in the style of pictures: how far the Gram distance falls, what stays of the photo's light, and seconds.

python -m benchmarks.stroke_style

Each painting is one command in a process of its own, with its start, reading and writing. Distances are those of the
finished pictures at long side 512, before (the same strokes without a style) and after. Structure is the correlation of
luminance with the photo's at long side 128. Needs style pictures and features, which are no part of the repository.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.photos import find_photos
from benchmarks.processes import run_measured
from benchmarks.report import ROOT, write
from benchmarks.sheet import write_sheet
from benchmarks.table import table
from benchmarks.threads import set_threads

DATA = ROOT.parent / "shared" / "data"
STYLES = [DATA / "styles" / f"{name}.jpg" for name in ("starry_night_crop", "wave_crop", "la_muse")]
FEATURES = DATA / "features" / "vgg19_16x.safetensors"
FALL, SECONDS = 0.6, 60
"""Bars: the distance falls by this part at least, in so many seconds at most."""
STRUCTURE_SIDE = 128
CELL = 420


def main() -> int:
    options = _options()
    set_threads(options.threads)
    missing = [path for path in (*options.styles, options.features) if not path.is_file()]
    if missing:
        print(f"stroke_style: {missing[0].name} is not at hand; see --help", file=sys.stderr)
        return 3
    photos = find_photos(options.photos)
    rows, strips = [], [[None, *options.styles]]
    with tempfile.TemporaryDirectory() as folder:
        for photo in photos:
            plain = Path(folder, f"{photo.stem}.png")
            if _paint(photo, plain, [], options) is None:
                return 1
            strip = [plain]
            for style in options.styles:
                for mode in options.modes:
                    output = Path(folder, f"{photo.stem}-{style.stem}-{mode}.png")
                    words = ["--style", str(style), "--style-mode", mode, "--features", str(options.features)]
                    found = _paint(photo, output, words, options)
                    if found is None:
                        return 1
                    rows.append(_row(photo, style, mode, output, plain, found))
                    strip += [output] if mode == options.modes[0] else []
                    print(f"{photo.stem}, {style.stem}, {mode}: {rows[-1]['missed'] or 'bars met'}", file=sys.stderr)
            strips.append(strip)
        print(_table(rows), end="\n\n")
        bars = {"fall": FALL, "seconds": SECONDS}
        path = write("stroke_style", rows, threads=options.threads, strokes=options.strokes, bars=bars)
        print(path.relative_to(ROOT))
        write_sheet(options.sheet, strips, CELL)
    print(options.sheet)
    return 0


def _options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [DATA / "photos" / name for name in ("apple.jpg", "chicago.jpg")]
    parser.add_argument("--photos", nargs="+", type=Path, default=names if names[0].is_file() else [])
    parser.add_argument("--styles", nargs="+", type=Path, default=STYLES)
    parser.add_argument("--modes", nargs="+", choices=("full", "color"), default=["full", "color"])
    parser.add_argument("--features", type=Path, default=FEATURES)
    parser.add_argument("--brush", default="oil")
    parser.add_argument("--strokes", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=2)
    sheet = ROOT / "out" / "stroke-style.jpg"
    parser.add_argument("--sheet", type=Path, default=sheet, help="painting without a style, then in each")
    return parser.parse_args()


def _paint(photo, output, words, options):
    """What `paint.py --json` told, with seconds and peak memory of the whole command; None where it failed."""
    command = [sys.executable, "paint.py", str(photo), "--brush", options.brush, "--strokes", str(options.strokes)]
    answer, status, wall, peak = run_measured([*command, *words, "-o", str(output), "--json", "--quiet"])
    if status:
        print(f"stroke_style: {photo.name}: paint.py ended with status {status}", file=sys.stderr)
        return None
    return {**json.loads(answer), "wall": wall, "peak": peak}


def _row(photo, style, mode, output, plain, found):
    before, after = found["style_distance_before"], found["style_distance"]
    row = {
        "photo": photo.stem,
        "style": style.stem,
        "mode": mode,
        "before": before,
        "after": after,
        "fall": round(1 - after / before, 4),
        "structure": _structure(photo, output),
        "structure_plain": _structure(photo, plain),
        "seconds": round(found["wall"], 1),
        "phases_s": found["seconds"],
        "peak_gb": round(found["peak"] / 1e9, 3),
    }
    missed = [f"fall {row['fall']:.0%}"] if row["fall"] < FALL else []
    row["missed"] = [*missed, *([f"{row['seconds']:.0f} s"] if row["seconds"] > SECONDS else [])]
    return row


def _structure(photo, output):
    """Correlation of the luminance of two pictures, small."""
    from neural_painter.images import fit_long_side, read_image, resize

    first, second = read_image(photo), read_image(output)
    size = fit_long_side(*first.shape[:2], STRUCTURE_SIDE)
    light = [(resize(picture, size=size) @ np.array([0.299, 0.587, 0.114])).ravel() for picture in (first, second)]
    return round(float(np.corrcoef(*light)[0, 1]), 3)


def _table(rows):
    heads = ("photo", "style", "mode", "distance before", "after", "fall", "structure", "seconds", "peak, GB", "missed")
    lines = []
    for row in rows:
        shown = [f"{row['before']:.3f}", f"{row['after']:.3f}", f"{row['fall']:.0%}"]
        shown += [f"{row['structure']:.3f}", f"{row['seconds']:.1f}", f"{row['peak_gb']:.1f}"]
        lines.append((row["photo"], row["style"], row["mode"], *shown, ", ".join(row["missed"]) or "none"))
    return table(heads, lines)


if __name__ == "__main__":
    sys.exit(main())
