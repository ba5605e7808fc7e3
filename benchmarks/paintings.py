"""Paints every photo with every brush: how close, how long, and next to the paintings that others have published.

python -m benchmarks.paintings
python -m benchmarks.paintings --brush oil --strokes 500 2000 5000

Seconds are the painter's own, after a tiny painting that is not counted, so imports and compilation are left out. The
whole command, in a process of its own with its start, reading and writing, is timed besides.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.photos import PUBLISHED, find_photos
from benchmarks.report import ROOT, summarise, write
from benchmarks.table import table
from benchmarks.threads import set_threads
from neural_painter.export.finish import Finish
from neural_painter.painter.config import PRESETS, PaintConfig
from renderers.brushes import names

CELL, GAP, LABEL = 420, 12, 30
PAPER, INK = 255, 40


def main() -> int:
    options = _options()
    set_threads(options.threads)
    from neural_painter.errors import InputError
    from neural_painter.images import read_image, write_image
    from renderers.weights import WeightsError

    try:
        photos = {path.stem: path for path in find_photos(options.photos)}
        images = {name: read_image(path) for name, path in photos.items()}
    except InputError as error:
        print(f"paintings: {error}", file=sys.stderr)
        return 3
    began = time.perf_counter()
    rows, cells, missing = [], {}, {}
    for brush in options.brush:
        try:
            _warm_up(brush, options.device)
        except WeightsError as error:
            missing[brush] = str(error)
            print(f"paintings: {brush} is left out: {error}", file=sys.stderr)
            continue
        for strokes in options.strokes:
            config = PaintConfig(
                brush=brush, strokes=strokes, preset=options.preset, seed=options.seed, device=options.device
            )
            for photo, image in images.items():
                row, painting = _paint(photo, image, config, options.repeats)
                if not options.no_command:
                    row["command_s"] = _command(photos[photo], config)
                row["published"] = _published(options.published / f"{photo}_{brush}_{strokes}_snp.png", image)
                rows.append(row)
                cells[(brush, strokes), photo] = _cell(painting, row)
                print(f"{photo}, {_score(row)}", file=sys.stderr)
    if not rows:
        return 4
    print(_table(rows), end="\n\n")
    path = write(
        "paintings_quick" if options.quick else "paintings",
        rows,
        threads=options.threads,
        seed=options.seed,
        left_out=missing,
        total_s=round(time.perf_counter() - began, 1),
    )
    print(path.relative_to(ROOT))
    options.sheet.parent.mkdir(parents=True, exist_ok=True)
    write_image(options.sheet, _sheet(cells, list(images)))
    print(options.sheet.name)
    return 0


def _options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, nargs="+", default=[], help="pictures or folders")
    parser.add_argument("--brush", nargs="+", choices=names(), default=names())
    parser.add_argument("--strokes", type=int, nargs="+", default=[500])
    parser.add_argument("--preset", choices=list(PRESETS), default=PaintConfig.preset)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3, help="of each painting, for its seconds")
    parser.add_argument("--no-command", action="store_true", help="do not time whole commands: half the time")
    parser.add_argument("--published", type=Path, default=PUBLISHED, help="folder of paintings to compare with")
    parser.add_argument("--sheet", type=Path, help="contact sheet to write (default: docs/paintings.jpg)")
    parser.add_argument("--quick", action="store_true", help="a trial: 40 strokes; writes paintings_quick and to out/")
    options = parser.parse_args()
    if options.quick:
        options.strokes, options.repeats, options.preset = [40], 1, "fast"
    options.sheet = options.sheet or ROOT / ("out/paintings_quick.jpg" if options.quick else "docs/paintings.jpg")
    return options


def _warm_up(brush, device):
    from neural_painter.painting import paint

    image = np.random.default_rng(0).uniform(0, 1, (48, 64, 3)).astype(np.float32)
    # 40 strokes take two stages, and so the transport loss as well.
    paint(image, PaintConfig(brush=brush, strokes=40, preset="fast", device=device))


def _paint(photo, image, config, repeats):
    """A row of the report, and the painting."""
    from neural_painter.painting import paint

    paintings = [paint(image, config) for _ in range(repeats)]
    last = paintings[-1]
    row = {
        "photo": photo,
        "brush": config.brush,
        "strokes": config.strokes,
        "preset": config.preset,
        "device": last.device,
        "psnr": round(last.psnr, 3),
        "ssim": round(last.ssim, 4),
        "seconds": summarise([painting.seconds["total"] for painting in paintings]),
        "phases_s": {name: round(value, 3) for name, value in last.seconds.items()},
        "same_each_time": len({painting.psnr for painting in paintings}) == 1 if repeats > 1 else None,
        "weights": last.document.weights[:12],
    }
    return row, last


def _command(photo, config):
    """Seconds of `python paint.py PHOTO` with these options, from start to exit."""
    chosen = {name: getattr(config, name) for name in ("brush", "strokes", "preset", "seed", "device")}
    words = [word for name, value in chosen.items() for word in (f"--{name}", str(value))]
    with tempfile.TemporaryDirectory() as folder:
        words += ["-o", os.path.join(folder, "painting.png"), "--json", "--quiet"]
        began = time.perf_counter()
        run = subprocess.run(
            [sys.executable, "paint.py", str(photo.resolve()), *words], cwd=ROOT, capture_output=True, text=True
        )
        seconds = time.perf_counter() - began
    if run.returncode:
        raise RuntimeError(f"paint.py ended with status {run.returncode}: {run.stderr.strip()}")
    assert json.loads(run.stdout)["finished"]
    return round(seconds, 3)


def _published(path, image):
    """Scores of a published painting: none where there is none.

    They are square whatever the photo's shape, so they are brought to the shape of the photo first.
    """
    from neural_painter.images import read_image, resize
    from neural_painter.metrics import psnr, ssim
    from neural_painter.painting import score_size

    if not path.is_file():
        return None
    size = score_size((image.shape[0], image.shape[1]))
    photo, picture = resize(image, size=size), resize(read_image(path), size=size)
    return {"file": path.name, "psnr": round(psnr(photo, picture), 3), "ssim": round(ssim(photo, picture), 4)}


def _cell(painting, row):
    """The painting `CELL` wide over its label, `[H, CELL, 3]` uint8."""
    import cv2

    from neural_painter.images import to_uint8

    height = max(1, round(CELL * painting.document.height / painting.document.width))
    label = np.full((LABEL, CELL, 3), PAPER, np.uint8)
    cv2.putText(label, _score(row), (2, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.46, (INK, INK, INK), 1, cv2.LINE_AA)
    return np.concatenate([to_uint8(painting.render((height, CELL), finish=Finish())), label])


def _score(row):
    seconds = row["seconds"]["median_s"]
    return f"{row['brush']}, {row['strokes']} strokes: {row['psnr']:.1f} dB, {seconds:.1f} s"


def _sheet(cells, photos):
    """Photos in columns, brushes in rows; `[H, W, 3]` uint8."""
    kinds = list(dict.fromkeys(kind for kind, _ in cells))
    heights = [max(len(cells[kind, photo]) for photo in photos) for kind in kinds]
    sheet = np.full((sum(heights) + GAP, len(photos) * (CELL + GAP) + GAP, 3), PAPER, np.uint8)
    top = GAP
    for kind, height in zip(kinds, heights, strict=True):
        for column, photo in enumerate(photos):
            cell, left = cells[kind, photo], GAP + column * (CELL + GAP)
            sheet[top : top + len(cell), left : left + CELL] = cell
        top += height
    return sheet


def _table(rows):
    heads = ("photo", "brush", "strokes", "PSNR, dB", "SSIM", "seconds", "command, s", "published, dB", "its SSIM")
    lines = []
    for row in rows:
        theirs = row["published"]
        lines.append(
            (
                re.sub(r"[|\n]", " ", row["photo"]),
                row["brush"],
                row["strokes"],
                f"{row['psnr']:.2f}",
                f"{row['ssim']:.3f}",
                f"{row['seconds']['median_s']:.2f}",
                f"{row['command_s']:.2f}" if "command_s" in row else "",
                f"{theirs['psnr']:.2f}" if theirs else "",
                f"{theirs['ssim']:.3f}" if theirs else "",
            )
        )
    return table(heads, lines)


if __name__ == "__main__":
    sys.exit(main())
