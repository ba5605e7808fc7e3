"""Times feed-forward style transfer: our way of running the network against OpenCV's DNN running the same one as ONNX.

python -m benchmarks.fast

Both get the same network with random weights, and take turns in one run. Ours is timed from picture to picture; OpenCV
only for setting the input and running, with the size fixed in its file, which suits it best.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.report import ROOT, summarise, time_calls, write
from benchmarks.table import table
from benchmarks.threads import set_threads

BAR = 1.0
"""At least so many times as many pixels a second as OpenCV."""

FILTERS = (16, 32)
SIZES = ((640, 480), (1280, 960), (1920, 1080))
QUICK = ((320, 240), (640, 480))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9, help="one run of each, in turns")
    parser.add_argument("--warm-up", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="a trial: small, and reported as fast_quick")
    options = parser.parse_args()
    set_threads(options.threads)
    import cv2
    import torch

    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    rounds, warm_up, sizes = (3, 1, QUICK) if options.quick else (options.rounds, options.warm_up, SIZES)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for filters in FILTERS:
            for width, height in sizes:
                rows.append(_compare(Path(folder), filters, width, height, rounds, warm_up))
                print(
                    "{filters} filters, {width}x{height}: {times_opencv} times OpenCV".format(**rows[-1]),
                    file=sys.stderr,
                )
    print(_table(rows), end="\n\n")
    path = write(
        "fast_quick" if options.quick else "fast",
        rows,
        device="cpu",
        threads=options.threads,
        warm_up=warm_up,
        bar={"least_times_opencv": BAR, "cores": 2},
        opencv=cv2.__version__,
        seed=0,
    )
    print(path.relative_to(ROOT))
    return 0


def _compare(folder, filters, width, height, rounds, warm_up):
    """One network at one size: ours and OpenCV in turns, the first of a round last in the next."""
    import numpy as np

    picture = np.random.default_rng(0).random((height, width, 3), np.float32)
    calls = _calls(folder, filters, picture)
    difference = float(np.abs(calls["ours"]() - calls["opencv"]()[0].transpose(1, 2, 0)).max())
    seconds = {name: time_calls(call, repeats=0, warm_up=warm_up) for name, call in calls.items()}
    for turn in range(rounds):
        for name in sorted(calls, reverse=bool(turn % 2)):
            seconds[name] += time_calls(calls[name], repeats=1, warm_up=0)
    row = {"filters": filters, "width": width, "height": height}
    row |= {name: summarise(values) for name, values in seconds.items()}
    megapixels = width * height / 1e6
    for name in calls:
        row[f"{name}_megapixels_per_s"] = float(f"{megapixels / row[name]['median_s']:.4g}")
    row["times_opencv"] = round(row["opencv"]["median_s"] / row["ours"]["median_s"], 2)
    row["largest_difference"] = float(f"{difference:.2g}")
    row["bar_met"] = row["opencv"]["median_s"] >= BAR * row["ours"]["median_s"]
    return row


def _calls(folder, filters, picture):
    """Functions without arguments that restyle the picture, and give what comes out."""
    import cv2
    import numpy as np
    import torch

    from neural_painter.fast.files import Card, save_model
    from neural_painter.fast.formats.onnx_write import export_onnx
    from neural_painter.fast.model import load_model
    from neural_painter.fast.network import TransformNetwork, johnson

    torch.manual_seed(0)
    # Time does not depend on what the network has learnt.
    network = TransformNetwork(johnson(filters)).eval().requires_grad_(False)
    save_model(folder / "ours.safetensors", network, Card())
    export_onnx(network, folder / "same.onnx", size=picture.shape[:2], overwrite=True)
    model = load_model(folder / "ours.safetensors", device="cpu")
    net = cv2.dnn.readNetFromONNX(str(folder / "same.onnx"))
    blob = np.ascontiguousarray(picture.transpose(2, 0, 1)[None])

    def opencv():
        net.setInput(blob)
        return net.forward()

    return {"opencv": opencv, "ours": lambda: model(picture)}


def _table(rows):
    heads = (
        "filters",
        "size",
        "ours, megapixels/s",
        "quartiles, s",
        "OpenCV, megapixels/s",
        "quartiles, s ",
        "times OpenCV",
    )
    return table(
        (*heads, "bar"),
        [
            (
                row["filters"],
                f"{row['width']}x{row['height']}",
                row["ours_megapixels_per_s"],
                _quartiles(row["ours"]),
                row["opencv_megapixels_per_s"],
                _quartiles(row["opencv"]),
                row["times_opencv"],
                "met" if row["bar_met"] else "missed",
            )
            for row in rows
        ],
    )


def _quartiles(summary):
    return f"{summary['quartile_low_s']:.2f} to {summary['quartile_high_s']:.2f}"


if __name__ == "__main__":
    sys.exit(main())
