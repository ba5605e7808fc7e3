"""How much memory a large painting takes: 5000 strokes on a photo of 4000x3000, written as a PNG of that size.

python -m benchmarks.memory

Peak resident memory of `python paint.py` in a process of its own, as the system counts it (Linux and macOS).
"""

import argparse
import json
import multiprocessing
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.photos import find_photos
from benchmarks.processes import run_measured
from benchmarks.report import ROOT, summarise, write
from benchmarks.table import table
from benchmarks.threads import set_threads
from neural_painter.cli.options import parse_size
from neural_painter.painter.config import PRESETS, PaintConfig
from renderers.brushes import names

BAR_GB = 1.6
"""1e9 bytes each."""


def main() -> int:
    options = _options()
    set_threads(options.threads)
    height, width = options.size
    peaks, seconds, answers = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        photo, painted = Path(folder, "photo.png"), Path(folder, "painted.png")
        # In a process of its own: a child's peak starts from the memory that its parent holds.
        spawn = multiprocessing.get_context("spawn")
        maker = spawn.Process(target=_make_photo, args=(options.photo, photo, options.size))
        maker.start()
        maker.join()
        if maker.exitcode:
            return 3
        for _ in range(options.repeats):
            words = [str(photo), "-o", str(painted), "--overwrite", "--quiet", "--json"]
            words += ["--brush", options.brush, "--strokes", str(options.strokes), "--preset", options.preset]
            answer, status, took, peak = run_measured([sys.executable, "paint.py", *words, "--device", options.device])
            if status:
                print(f"memory: paint.py ended with status {status}", file=sys.stderr)
                return status
            answers.append(json.loads(answer))
            seconds.append(took)
            peaks.append(peak)
            print(f"{peak / 1e9:.2f} GB, {took:.1f} s", file=sys.stderr)
    row = {
        "brush": options.brush,
        "strokes": options.strokes,
        "preset": options.preset,
        "photo": f"{width}x{height}",
        "device": answers[-1]["device"],
        "peak_gb": {"median": _gb(median(peaks)), "least": _gb(min(peaks)), "most": _gb(max(peaks))},
        "seconds": summarise(seconds),
        "phases_s": answers[-1]["seconds"],
        "psnr": answers[-1]["psnr"],
        "bar_met": max(peaks) <= BAR_GB * 1e9,
    }
    heads = ("brush", "strokes", "photo and painting", "peak, GB", "seconds", f"at most {BAR_GB:g} GB")
    cells = (row["brush"], row["strokes"], row["photo"], row["peak_gb"]["most"], row["seconds"]["median_s"])
    print(table(heads, [(*cells, "met" if row["bar_met"] else "missed")]), end="\n\n")
    name = "memory_quick" if options.quick else "memory"
    path = write(name, [row], threads=options.threads, bar={"most_gb": BAR_GB}, seed=0)
    print(path.relative_to(ROOT))
    return 0


def _options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photo", type=Path, help="to be scaled up (default: the first at hand)")
    parser.add_argument("--size", type=parse_size, default=(3000, 4000), help="pixels (default: 4000x3000)")
    parser.add_argument("--brush", choices=names(), default="oil")
    parser.add_argument("--strokes", type=int, default=5000)
    parser.add_argument("--preset", choices=list(PRESETS), default=PaintConfig.preset)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a trial: 50 strokes, 800x600, once; writes memory_quick")
    options = parser.parse_args()
    if isinstance(options.size, int):
        parser.error("--size: expected WIDTHxHEIGHT")
    if options.quick:
        options.size, options.strokes, options.repeats, options.preset = (600, 800), 50, 1, "fast"
    return options


def _make_photo(source, path, size):
    """Scales a photo up, cropped in the middle to the shape that was asked for."""
    from neural_painter.errors import InputError
    from neural_painter.images import read_image, resize, write_image

    try:
        image = read_image(source or find_photos()[0])
    except InputError as error:
        sys.exit(f"memory: {error}")
    height, width = image.shape[:2]
    scale = max(size[0] / height, size[1] / width)
    rows, columns = min(height, round(size[0] / scale)), min(width, round(size[1] / scale))
    top, left = (height - rows) // 2, (width - columns) // 2
    write_image(path, resize(image[top : top + rows, left : left + columns], size=size))


def _gb(size):
    return round(size / 1e9, 3)


if __name__ == "__main__":
    sys.exit(main())
