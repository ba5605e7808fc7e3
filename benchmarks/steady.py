"""Films in a fast style, steady and frame by frame: how restless, how sharp, how long a frame takes.

python -m benchmarks.steady
python -m benchmarks.steady --films ../clips --models candy.safetensors --frames 30 --strips

Beside the films of the folder there is a pan over a photo, of 2.3 and 1.4 pixels a frame. Bar: the warping error at
most 0.4 of frame by frame, at most a quarter less sharpness. Results: benchmarks/results/steady.json; with --strips,
frames beside each other in out/steady: the film, frame by frame, steady.
"""

import argparse
import itertools
import time
from pathlib import Path

import numpy as np

from benchmarks.report import ROOT, write
from benchmarks.table import table
from benchmarks.threads import set_threads

PAN, STEP, SIZE = ROOT / "examples", (2.3, 1.4), (240, 320)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--films", type=Path, default=ROOT.parent / "shared" / "data" / "clips", help="a folder")
    parser.add_argument("--models", nargs="*", type=Path, default=[None], help="default: the project's own style")
    parser.add_argument("--frames", type=int, default=30, help="of each film, from its first one on")
    parser.add_argument("--width", type=int, default=384, help="films that are wider are made smaller")
    parser.add_argument("--steady", type=float, nargs="*", default=[0.9])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--strips", action="store_true")
    options = parser.parse_args()
    set_threads(options.threads)
    from neural_painter.fast.model import load_model

    films = {"pan": list(_pan(options.frames))}
    for path in sorted(options.films.glob("*.*")):
        films[path.stem] = list(_film(path, options.frames, options.width))
    rows = []
    for model_path, (name, frames) in itertools.product(options.models, films.items()):
        model = load_model(model_path, device="cpu")
        model(frames[0].astype(np.float32) / 255)
        for row in _compared(model, name, frames, options):
            rows.append({"style": model.name, "film": name, "frames": len(frames), **row})
            print(*rows[-1].values(), flush=True)
    heads = (
        "film",
        "style",
        "steady",
        "warping error",
        "of raw",
        "sharpness",
        "of raw",
        "still that changes",
        "s a frame",
    )
    print(table(heads, [_line(row) for row in rows]))
    write("steady", rows, threads=options.threads, width=options.width, bar={"warp": 0.4, "sharpness": 0.75})
    return 0


def _compared(model, name, frames, options):
    """Scores of frame by frame, and of each weight."""
    from benchmarks.film_measures import measured
    from neural_painter.fast.steady import Steady

    made, first = [], None
    for weight in (0.0, *options.steady):
        result, seconds = _restyled(Steady(model, weight) if weight else model, frames)
        made.append(result)
        scores = measured(frames, result) | {"sharpness": round(_sharpness(result), 1)}
        first = first or scores
        ratios = {f"{key}_of_raw": round(scores[key] / first[key], 3) for key in ("warp", "sharpness")}
        yield {"steady": weight, **scores, **ratios, "cpu_s_a_frame": round(seconds, 3)}
    if options.strips:
        _save_strips(f"{name}-{model.name or 'style'}", [frames, *made])


def _sharpness(frames):
    """Mean variance of the Laplacian of grey."""
    import cv2

    return float(np.mean([cv2.Laplacian(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY), cv2.CV_32F).var() for f in frames]))


def _restyled(restyle, frames):
    """The restyled frames, and seconds of the processor for each."""
    began = time.process_time()
    made = [np.round(255 * restyle(frame.astype(np.float32) / 255)).astype(np.uint8) for frame in frames]
    return made, (time.process_time() - began) / len(frames)


def _film(path, count, width):
    from neural_painter.video import read_frames

    for frame in itertools.islice(read_frames(path), count):
        yield _fitted(frame, width)


def _fitted(frame, width):
    import cv2

    if frame.shape[1] <= width:
        return frame
    return cv2.resize(frame, (width, round(frame.shape[0] * width / frame.shape[1])), interpolation=cv2.INTER_AREA)


def _pan(count):
    """A picture of the examples that goes by, as a camera would show it."""
    import cv2

    from neural_painter import read_image
    from neural_painter.images import find_pictures

    photo = np.round(255 * read_image(find_pictures(PAN)[0])).astype(np.uint8)
    height, width = SIZE
    photo = cv2.resize(photo, (width + int(STEP[0] * count) + 9, height + int(STEP[1] * count) + 9), interpolation=3)
    for k in range(count):
        move = np.float32([[1, 0, -4 - k * STEP[0]], [0, 1, -4 - k * STEP[1]]])
        yield cv2.warpAffine(photo, move, (width, height), flags=cv2.INTER_CUBIC)


def _save_strips(name, films):
    from PIL import Image

    folder = ROOT / "out" / "steady"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(0, len(films[0]), max(1, len(films[0]) // 6)):
        Image.fromarray(np.hstack([film[number] for film in films])).save(folder / f"{name}-{number:03}.png")


def _line(row):
    still = row["still_changed"]
    return (
        row["film"],
        row["style"],
        row["steady"],
        f"{row['warp']:.1f}",
        row["warp_of_raw"],
        f"{row['sharpness']:.0f}",
        row["sharpness_of_raw"],
        None if still is None else f"{still:.0f} %",
        row["cpu_s_a_frame"],
    )


if __name__ == "__main__":
    raise SystemExit(main())
