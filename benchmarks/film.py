"""Films painted with strokes that stay, beside every frame painted alone.

python -m benchmarks.film --clips ../clips
python -m benchmarks.film --only locked-off --frames 8 --preset fast --strokes 500 --pictures ../looks

Two films are made of photos (`--photo`, and `--other` for what moves through them), others are read from a folder where
it has them. Errors of carried pictures reward blur: they are never to be read without PSNR and without what changes on
pixels that stand still. Two further films go on: to a late frame, which is painted alone as well, and smaller, with few
strokes, for hundreds of frames there and back. Results: benchmarks/results/film.json
"""

import argparse
import time
from pathlib import Path

from benchmarks.report import ROOT, write
from benchmarks.table import table
from benchmarks.threads import set_threads

LONG_STROKES, LONG_SIDE = 300, 256
"""Of films of hundreds of frames."""

MADE = ("locked-off", "moving")
FILES = {"carphone": "carphone_pristine.mp4", "bikes": "bikes.mp4"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photo", type=Path, default=ROOT / "examples" / "chelsea.png")
    parser.add_argument("--other", type=Path, default=ROOT / "examples" / "coffee.png")
    parser.add_argument("--clips", type=Path, help=f"a folder with {' and '.join(FILES.values())}")
    parser.add_argument("--only", nargs="+", choices=(*MADE, *FILES), help="of the films (default: all)")
    parser.add_argument("--frames", type=int, default=9, help="that are painted both ways")
    parser.add_argument("--late", type=int, default=40, help="a later frame that is painted both ways; 0: none")
    parser.add_argument("--long", type=int, default=0, help=f"frames of a film of {LONG_STROKES} strokes; 0: none")
    parser.add_argument("--strokes", type=int, default=1000)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--brush", default="oil")
    parser.add_argument("--pictures", type=Path, help="a folder for strips of frames and of what changes")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    set_threads(options.threads)
    told = {
        name: getattr(options, name) for name in ("frames", "late", "long", "strokes", "preset", "brush", "threads")
    }
    rows = []
    for name in options.only or (*MADE, *FILES):
        frames = _film(name, options, max(options.frames, options.late + 1))
        if frames is None:
            print(f"{name}: not there")
            continue
        rows += _measured(name, frames, options)
        if options.long:
            rows.append(_long(name, _film(name, options, options.long, LONG_SIDE), options))
        write("film", rows, **told)
    _say(rows)
    return 0


def _say(rows):
    heads = ("film", "way", "PSNR", "late", "warp", "E", "tOF", "changed %", "survive %", "strokes", "time")
    keys = ("psnr", "psnr_late", "warp", "share", "tof", "still_changed", "survival", "strokes_last", "time_share")
    pairs = [row for row in rows if row["way"] != "long"]
    print(table(heads, [(row["film"], row["way"], *(row.get(key) for key in keys)) for row in pairs]))
    heads = ("film, there and back", "frames", "PSNR at first", "at last", "worst square", "at last", "strokes")
    keys = ("frames", "psnr_first", "psnr_last", "worst_first", "worst_last", "strokes_last")
    print(table(heads, [(row["film"], *(row[key] for key in keys)) for row in rows if row["way"] == "long"]))


def _film(name, options, count, side=None):
    """The frames, `[H, W, 3]` uint8; None where there is no such file."""
    from benchmarks.film_clips import SIDE, locked_off, moving, of_file
    from neural_painter import read_image

    side = side or SIDE
    if name in MADE:
        make = locked_off if name == "locked-off" else moving
        return list(make(read_image(options.photo), count, read_image(options.other), side))
    path = options.clips / FILES[name] if options.clips else None
    return list(of_file(path, count, side)) if path and path.is_file() else None


def _measured(name, frames, options):
    """Rows of both ways; `share` is the warping error less the source's own, as a part of that of frames alone."""
    from benchmarks.film_measures import measured, psnr

    made = {way: paint(frames, options) for way, paint in (("alone", _alone), ("living", _living))}
    rows = []
    for way, (pictures, seconds, told) in made.items():
        count = min(options.frames, len(frames))
        row = {"film": name, "way": way, **measured(frames[:count], [pictures[k] for k in range(count)]), **told}
        # The first frame of each way is painted alike.
        row["seconds"] = round(sum(seconds[1:]) / max(1, len(seconds) - 1), 3)
        if options.late:
            row["psnr_late"] = psnr(frames[options.late], pictures[options.late])
        rows.append(row)
        if options.pictures:
            _write_strip(options.pictures / f"{name}_{way}.png", frames, pictures)
    alone, living = rows
    own = alone["warp_source"]
    living["share"] = round((living["warp"] - own) / max(1e-9, alone["warp"] - own), 3)
    living["time_share"] = round(living["seconds"] / max(1e-9, alone["seconds"]), 3)
    living["psnr_gain"] = round(living["psnr"] - alone["psnr"], 3)
    if options.late:
        living["late_gain"] = round(living["psnr_late"] - alone["psnr_late"], 3)
    print(*rows, sep="\n", flush=True)
    return rows


def _config(options, strokes=None):
    from neural_painter import PaintConfig

    return PaintConfig(brush=options.brush, strokes=strokes or options.strokes, preset=options.preset, device="cpu")


def _shown(strokes, size, config):
    from neural_painter import StrokeDocument
    from neural_painter.export.rendering import render_bytes
    from neural_painter.painter.config import canvas_of
    from renderers.brushes import brush

    canvas = canvas_of(config, brush(config.brush))
    return render_bytes(StrokeDocument(size[1], size[0], canvas, config.brush, strokes), size)


def _alone(frames, options):
    """Frames painted by themselves, and seconds of processor time; the first and the late one."""
    from neural_painter.film.bench import Bench

    config, pictures, seconds = _config(options), {}, []
    chosen = [*range(min(options.frames, len(frames))), *([options.late] if options.late else [])]
    for number in dict.fromkeys(chosen):
        frame, began = frames[number], time.process_time()
        strokes = Bench(frame.astype("float32") / 255, config).painted()
        seconds.append(time.process_time() - began)
        pictures[number] = _shown(strokes, frame.shape[:2], config)
    return pictures, seconds, {}


def _living(frames, options, strokes=None):
    """Strokes that stay: pictures, seconds, the median part of them that survives a frame, and how many there are."""
    from statistics import median

    from neural_painter.film.frames import paint_frames

    config, pictures, seconds, survive, before = _config(options, strokes), {}, [], [], None
    began = time.process_time()
    numbered = enumerate(paint_frames((frame.astype("float32") / 255 for frame in frames), config))
    for number, painted in numbered:
        seconds.append(time.process_time() - began)
        pictures[number] = _shown(painted.strokes, frames[0].shape[:2], config)
        ids = set(painted.strokes.ids.tolist())
        if before and not painted.fresh:
            survive.append(len(before & ids) / len(before))
        before, began = ids, time.process_time()
    return pictures, seconds, {"survival": round(100 * median(survive or [1]), 2), "strokes_last": len(before)}


def _long(name, frames, options):
    """A film of many frames, there and back: whether it is as good in the end, and of how many strokes."""
    from benchmarks.film_measures import psnr, worst

    pictures, _, told = _living(frames, options, LONG_STROKES)
    row = {"film": name, "way": "long", "frames": len(frames), "strokes": LONG_STROKES, "side": LONG_SIDE, **told}
    for when, numbers in (("first", range(10)), ("last", range(len(frames) - 10, len(frames)))):
        row[f"psnr_{when}"] = round(sum(psnr(frames[k], pictures[k]) for k in numbers) / 10, 3)
        row[f"worst_{when}"] = max(worst(frames[k], pictures[k]) for k in numbers)
    print(row, flush=True)
    return row


def _write_strip(path, frames, pictures):
    """Some frames at 1:1: source, painting, and four times what changed since the frame before."""
    import cv2
    import numpy as np

    last = max(k for k in pictures if k - 1 in pictures)
    chosen = sorted({k for k in (1, 2, last // 2, last) if k in pictures and k - 1 in pictures})
    cells = []
    for number in chosen:
        change = np.abs(pictures[number].astype(int) - pictures[number - 1]) * 4
        cells.append(np.vstack([frames[number], pictures[number], change.clip(0, 255).astype(np.uint8)]))
    if cells:
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.hstack(cells)[..., ::-1])


if __name__ == "__main__":
    raise SystemExit(main())
