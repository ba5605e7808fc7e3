"""Times what can run on a GPU against the CPU of the same machine, and compares what comes out.

python -m benchmarks.cuda
python -m benchmarks.cuda --features vgg19_16x.safetensors

Without features, photo, style and train-fast are left out. Seconds are those of the library's calls, until the GPU has
done its work; the first call of each, with compilation, is told beside them. Pictures come from examples/.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.compositor import LAYERS, random_strokes
from benchmarks.report import ROOT, summarise, write
from benchmarks.table import table
from benchmarks.threads import set_threads

MOST, LEAST, SECONDS = 15, 3, 2.0
"""Repeats of a measurement: as many as fit into so many seconds, but not more or fewer than these."""

LONG = 5.0
"""What takes so many seconds is repeated once."""

COMPOSITOR = ((500, 256), (500, 512), (1000, 512), (2000, 1024), (5000, 1024), (10_000, 1024), (10_000, 2048))
SMOOTHING = ((700, 437), (3500, 2185))
DYE = "dye"
"""A brush whose strokes multiply: marker, but for that."""
PAINTINGS = (
    ("oil", 500),
    ("oil", 1000),
    ("oil", 2000),
    ("oil", 5000),
    ("watercolor", 2000),
    ("marker", 2000),
    ("tape", 2000),
    (DYE, 2000),
)
FAST = ((640, 480), (1920, 1080), (3840, 2160))
STEPS = 20
"""Of training."""


def main() -> int:
    options = _options()
    set_threads(options.threads)
    import torch

    if options.device == "cuda" and not torch.cuda.is_available():
        print("cuda: torch sees no GPU", file=sys.stderr)
        return 2
    torch.set_num_threads(options.threads)
    rows = []
    for name in options.parts:
        if name in NEED_FEATURES and options.features is None:
            print(f"{name} is left out: no --features", file=sys.stderr)
            continue
        for row in PARTS[name](options):
            rows.append({"part": name, **row})
            print("{part}, {case}: {cpu[median_s]} s and {cuda[median_s]} s".format(**rows[-1]), file=sys.stderr)
        path = _written(rows, options)  # all of it takes minutes
    print(_table(rows), end="\n\n")
    print(path.relative_to(ROOT))
    return 0


def _written(rows, options):
    import torch

    return write(
        "cuda_quick" if options.quick else "cuda",
        rows,
        device=torch.cuda.get_device_name() if options.device == "cuda" else options.device,
        cuda=torch.version.cuda,
        threads=options.threads,
        seed=0,
    )


def _options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--features", type=Path, help="a safetensors file of VGG-19")
    parser.add_argument("--device", default="cuda", help="what the CPU is compared with: cuda, or cpu for a trial")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parser.add_argument("--threads", type=int, default=cores, help="of the CPU (default: all cores)")
    parser.add_argument("--quick", action="store_true", help="a trial: small, and reported as cuda_quick")
    return parser.parse_args()


def _compositor(options):
    """Forward and back to placement and paint, as most steps of a painting; the stamps' gradients every eighth time."""
    for count, side in ((50, 64),) if options.quick else COMPOSITOR:
        strokes, layers = random_strokes(count, LAYERS)
        upstream = np.random.default_rng(1).standard_normal((3, side, side)).astype(np.float32)
        for leaves, name in ((2, "placement, paint"), (3, "and stamps")):
            run = partial(_composited, strokes, upstream, leaves)
            row = {
                "case": f"{count} strokes, {side}², {name}",
                "strokes": count,
                "side": side,
                "layers": round(layers, 2),
            }
            yield row | _measured(options, run, _gradients_agree)


def _composited(strokes, upstream, leaves, device):
    import torch

    from neural_painter.compositing import composite

    strokes = [value.to(device) for value in strokes]
    upstream = torch.from_numpy(upstream).to(device)
    background = torch.ones(3, device=device)

    def call():
        values = [value.detach().requires_grad_(k < leaves) for k, value in enumerate(strokes)]
        picture = composite(*values, background, tuple(upstream.shape[1:]))
        return picture.detach(), *torch.autograd.grad(picture, values[:leaves], upstream)

    return call


def _gradients_agree(cpu, cuda):
    """Largest difference of the pictures; of gradients the norm of the difference over the norm."""
    (picture, *gradients), (other, *others) = cpu, [value.cpu() for value in cuda]
    found = {"picture": _most(picture, other)}
    for name, ours, theirs in zip(("placement", "paint", "stamps"), gradients, others, strict=False):
        found[name] = _short(float((ours - theirs).norm() / ours.norm()))
    return found


def _smoothing(options):
    for width, height in ((48, 30),) if options.quick else SMOOTHING:
        photo = _picture("rocket.jpg", (height, width))
        noise = np.random.default_rng(0).standard_normal(photo.shape).astype(np.float32)
        made = (photo**0.8 * [1.0, 0.9, 0.8] + 0.05 * noise).astype(np.float32)
        row = {"case": f"exact, {width}x{height}", "megapixels": width * height / 1e6}
        run = partial(_smoothed, photo, made)
        yield row | _measured(options, run, lambda cpu, cuda: {"largest_difference": _most(cpu, cuda.cpu())})


def _smoothed(photo, made, device):
    import torch

    from neural_painter.photo.smoothing import smooth_exactly

    tensors = [torch.from_numpy(p.transpose(2, 0, 1).copy()).to(device) for p in (photo, made)]
    return partial(smooth_exactly, *tensors)


def _paintings(options):
    """Scores, the parts of the work, and the most memory of the GPU that tensors took."""
    import torch

    image = _picture("chelsea.png", (64, 96) if options.quick else None)
    with tempfile.TemporaryDirectory() as folder:
        _add_dye(Path(folder))
        for brush, strokes in (("oil", 40), (DYE, 40)) if options.quick else PAINTINGS:
            run = partial(_painted, image, brush, strokes)
            gpu = options.device == "cuda"
            if gpu:
                torch.cuda.reset_peak_memory_stats()
            row = {"case": f"chelsea, {brush}, {strokes} strokes"} | _measured(options, run, _scores)
            yield row | ({"cuda_peak_mb": round(torch.cuda.max_memory_allocated() / 1e6, 1)} if gpu else {})


def _add_dye(folder):
    """Makes the brush known, with the weights of the one it is made of."""
    from renderers.brushes import add_brush, brush

    for ending in ("safetensors", "json"):
        shutil.copy(ROOT / f"renderers/weights/marker.{ending}", folder / f"{DYE}.{ending}")
    add_brush(replace(brush("marker"), name=DYE, blend="multiply", weights=folder))


def _painted(image, brush, strokes, device):
    from neural_painter import PaintConfig, paint

    return partial(paint, image, PaintConfig(brush=brush, strokes=strokes, device=device))


def _scores(cpu, cuda):
    """Of both paintings against the photo, and how long the parts of the work took."""
    pairs = (("cpu", cpu), ("cuda", cuda))
    scores = {f"{name}_psnr": round(painting.psnr, 3) for name, painting in pairs}
    return scores | {f"{name}_phases_s": {k: round(v, 3) for k, v in made.seconds.items()} for name, made in pairs}


def _fast(options):
    for width, height in ((64, 48),) if options.quick else FAST:
        picture = _picture("coffee.png", (height, width))
        row = {"case": f"{width}x{height}", "megapixels": width * height / 1e6}
        row |= _measured(options, partial(_restyled, picture), _pictures_agree)
        for name in ("cpu", "cuda"):
            row[f"{name}_megapixels_per_s"] = _short(row["megapixels"] / row[name]["median_s"])
        yield row


def _restyled(picture, device):
    from neural_painter import load_model, style_transfer

    return partial(style_transfer, picture, load_model(device=device))


def _photo(options):
    content, style = _pair(options)
    for preset in ("fast", "balanced"):
        run = partial(_transferred, content, style, preset, 2 if options.quick else 0, options.features)
        yield {"case": f"rocket like coffee, {preset}"} | _measured(
            options, run, lambda cpu, cuda: _pictures_agree(cpu.picture, cuda.picture) | _told(cpu, cuda)
        )


def _transferred(content, style, preset, iterations, features, device):
    from neural_painter import PhotoConfig, load_features, photo_transfer

    config = PhotoConfig(preset=preset, iterations=iterations, device=device)
    return partial(photo_transfer, content, style, config=config, features=load_features(features))


def _style(options):
    content, style = _pair(options)
    for optimizer in ("adam", "lbfgs"):
        run = partial(_gatys, content, style, optimizer, 2 if options.quick else 10, options.features)
        yield {"case": f"rocket like coffee, {optimizer}"} | _measured(
            options, run, lambda cpu, cuda: _pictures_agree(cpu.picture, cuda.picture) | _told(cpu, cuda)
        )


def _gatys(content, style, optimizer, iterations, features, device):
    from neural_painter import StyleConfig, load_features, style_picture

    config = StyleConfig(optimizer=optimizer, iterations=iterations, device=device)
    return partial(style_picture, content, [style], config=config, features=load_features(features, pooling="average"))


def _told(cpu, cuda):
    """What the results of a transfer say of their losses and of the parts of the work."""
    pairs = (("cpu", cpu), ("cuda", cuda))
    losses = {f"{name}_losses": {k: _short(v) for k, v in made.losses.items()} for name, made in pairs}
    return losses | {f"{name}_phases_s": {k: round(v, 3) for k, v in made.seconds.items()} for name, made in pairs}


def _renderer(options):
    """Training of the neural renderer: whole runs of a few steps. Strokes are drawn on the CPU either way."""
    steps = 4 if options.quick else STEPS
    yield {"case": f"oil, {steps} steps of 128", "steps": steps} | _measured(
        options, partial(_renderer_trained, steps), _losses_agree
    )


def _renderer_trained(steps, device):
    import torch

    from renderers.brushes import brush
    from renderers.training import Trainer, TrainingConfig

    def call():
        return list(Trainer(brush("oil"), TrainingConfig(steps=steps), torch.device(device)).run())

    return call


def _train_fast(options):
    """Training of a feed-forward style: whole runs of a few steps."""
    steps = 2 if options.quick else STEPS
    yield {"case": f"coffee, {steps} steps of 2", "steps": steps} | _measured(
        options, partial(_style_trained, steps, options.features), _losses_agree
    )


def _style_trained(steps, features, device):
    import torch

    from neural_painter import find_pictures, load_features
    from neural_painter.fast.config import FastConfig
    from neural_painter.fast.training import FastTrainer

    style, photos = _picture("coffee.png"), find_pictures(ROOT / "examples")
    network = load_features(features, pooling="average")

    def call():
        return list(FastTrainer(style, photos, network, FastConfig(steps=steps), torch.device(device)).run())

    return call


def _losses_agree(cpu, cuda):
    """The loss of the first step, which is the same work, and of the last."""
    pairs = (("cpu", cpu), ("cuda", cuda))
    return {f"{name}_loss": [_short(losses[0]), _short(losses[-1])] for name, losses in pairs}


def _measured(options, run, compare):
    """Seconds on both devices, and how well they agree.

    Args:
        run: makes, of a device's name, a function without arguments.
        compare: makes, of what the two functions gave last, the figures of agreement.
    """
    row, results = {}, {}
    for name, device in (("cpu", "cpu"), ("cuda", options.device)):
        results[name], seconds = _timings(run(device), device)
        row[name] = summarise(seconds[1:]) | {"first_s": _short(seconds[0])}
    row["times_faster"] = round(row["cpu"]["median_s"] / row["cuda"]["median_s"], 2)
    return row | {"agreement": compare(**results)}


def _timings(call, device):
    """What the last call gave, and the seconds of all, the first included."""
    import torch

    seconds = []
    while not _enough(seconds):
        began = time.perf_counter()
        result = call()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    return result, seconds


def _enough(seconds):
    """Whether there are repeats enough after the first call."""
    repeats = len(seconds) - 1
    if repeats < (1 if sum(seconds[1:]) > LONG else LEAST):
        return False
    return repeats >= MOST or sum(seconds[1:]) >= SECONDS


def _picture(name, size=None):
    """A picture out of examples/, `[H, W, 3]` float32."""
    from neural_painter import read_image
    from neural_painter.images import resize

    picture = read_image(ROOT / "examples" / name)
    return picture if size is None else np.clip(resize(picture, size=size), 0, 1)


def _pair(options):
    size = (48, 64) if options.quick else None
    return _picture("rocket.jpg", size), _picture("coffee.png", size)


def _pictures_agree(cpu, cuda):
    from neural_painter.metrics import psnr

    return {"largest_difference": _most(cpu, cuda), "psnr_between": round(psnr(cpu, cuda), 2)}


def _most(first, second):
    return _short(float(abs(first - second).max()))


def _short(value):
    return float(f"{value:.4g}")


def _table(rows):
    heads = ("part", "case", "CPU, s", "CUDA, s", "quartiles", "first, s", "times faster", "agreement")
    lines = []
    for row in rows:
        agreement = {k: v for k, v in row["agreement"].items() if not isinstance(v, dict)}
        cuda = row["cuda"]
        lines.append(
            (
                row["part"],
                row["case"],
                f"{row['cpu']['median_s']:.4g}",
                f"{cuda['median_s']:.4g}",
                f"{cuda['quartile_low_s']:.4g} to {cuda['quartile_high_s']:.4g}",
                cuda["first_s"],
                row["times_faster"],
                ", ".join(f"{name} {value}" for name, value in agreement.items()),
            )
        )
    return table(heads, lines)


PARTS = {
    "compositor": _compositor,
    "smoothing": _smoothing,
    "paintings": _paintings,
    "fast": _fast,
    "photo": _photo,
    "style": _style,
    "renderer": _renderer,
    "train-fast": _train_fast,
}
NEED_FEATURES = ("photo", "style", "train-fast")

if __name__ == "__main__":
    sys.exit(main())
