"""Times the compositor: against the plain reference in the same run, and how time grows with strokes and pixels.

python -m benchmarks.compositor

Strokes are random, their stamps drawn by the oil brush itself, so no weights are needed. The reference keeps what
autograd needs of every stroke on the whole canvas: 500 strokes at 256x256 take a few gigabytes.
"""

import argparse
import sys
from functools import partial

import numpy as np

from benchmarks.report import ROOT, summarise, time_calls, write
from benchmarks.table import table
from benchmarks.threads import set_threads

BAR_MS, BAR_TIMES = 40, 4
"""On two cores: at most so long for forward and backward, and at least so many times faster than the reference."""

HALF_LENGTHS = (0.02, 0.1)
LAYERS, AT = 4.0, 2000
"""Boxes of all strokes over the area of the canvas; where the stroke size is constant, with so many strokes."""

DIFFERENT = 500  # stamps drawn; more strokes share them, each with a copy of its own
COSTS = ("forward", "forward_backward", "with_stamps")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=6, help="of comparison: one reference call and ten of numba each")
    parser.add_argument("--repeats", type=int, default=9, help="of each scaling measurement")
    parser.add_argument("--skip-reference", action="store_true", help="scaling only")
    parser.add_argument("--quick", action="store_true", help="a trial: small, and reported as compositor_quick")
    options = parser.parse_args()
    set_threads(options.threads)
    quick = options.quick
    rounds, repeats = (2, 2) if quick else (options.rounds, options.repeats)
    compared = [] if options.skip_reference else _compare(*((40, 64) if quick else (500, 256)), rounds)
    if compared:
        print(_compared_table(compared), end="\n\n")
    scaled = []
    for case in _cases(quick):
        scaled.append(_scale(*case, repeats))
        print("{series}: {strokes} strokes at {side}".format(**scaled[-1]), file=sys.stderr)
    print(_scaled_table(scaled), end="\n\n")
    path = write(
        "compositor_quick" if quick else "compositor",
        compared + scaled,
        device="cpu",
        threads=options.threads,
        bar={"most_ms": BAR_MS, "least_times_faster": BAR_TIMES, "cores": 2},
        seed=0,
    )
    print(path.relative_to(ROOT))
    return 0


def _cases(quick):
    """Series, strokes, side and layers of each scaling measurement."""
    counts = (50, 100, 200) if quick else (500, 1000, 2000, 5000, 10_000)
    sides = (64, 128) if quick else (256, 512, 1024, 2048)
    side, at = (128, 100) if quick else (1024, AT)
    yield from (("constant coverage", count, side, LAYERS) for count in counts)
    yield from (("constant stroke size", count, side, LAYERS * count / at) for count in counts)
    yield from (("canvas size", counts[-1], side, LAYERS) for side in sides)


def random_strokes(count, layers=None):
    """Placement, paint and stamps of random strokes on a square canvas, and how many layers they are.

    Args:
        count: how many.
        layers: sizes are scaled to this coverage; by default half lengths stay within `HALF_LENGTHS`.
    """
    import torch

    from renderers.brushes import brush
    from renderers.networks import STAMP

    oil, generator = brush("oil"), np.random.default_rng(0)
    shape = oil.sample_shape(min(count, DIFFERENT), generator)
    stamps = oil.draw(shape, np.arange(len(shape)), STAMP, STAMP, supersample=2)
    which = np.arange(count) % len(shape)
    length = np.exp(generator.uniform(*np.log(HALF_LENGTHS), count))
    width = length / shape[which, 0]
    covered = float(4 * (length * width).sum())
    factor = 1.0 if layers is None else (layers / covered) ** 0.5
    place = generator.uniform(0, 1, (2, count))
    turn = generator.uniform(-np.pi, np.pi, count)
    placement = np.stack([*place, factor * length, factor * width, turn, 0 * turn], axis=1).astype(np.float32)
    paint = oil.sample_paint(count, generator)
    return [torch.from_numpy(values) for values in (placement, paint, stamps[which])], covered * factor**2


def _calls(strokes, side, backend):
    """Functions without arguments, one for each of `COSTS`."""
    import torch

    from neural_painter.compositing import composite

    background = torch.ones(3)
    upstream = torch.from_numpy(np.random.default_rng(1).standard_normal((3, side, side)).astype(np.float32))

    def forward():
        with torch.no_grad():
            return composite(*strokes, background, (side, side), backend=backend)

    def backward(leaves):
        values = [value.detach().requires_grad_(k < leaves) for k, value in enumerate(strokes)]
        picture = composite(*values, background, (side, side), backend=backend)
        torch.autograd.grad(picture, values[:leaves], upstream)

    return dict(zip(COSTS, (forward, partial(backward, 2), partial(backward, 3)), strict=True))


def _compare(count, side, rounds):
    """numba and the reference in turns, so that both meet the same machine."""
    strokes, layers = random_strokes(count)
    fast, plain = _calls(strokes, side, "cpu"), _calls(strokes, side, "reference")
    difference = float((fast["forward"]() - plain["forward"]()).abs().max())
    rows = []
    for cost in COSTS[1:]:
        for call in (fast[cost], plain[cost]):
            call()
        seconds = {"numba": [], "reference": []}
        for _ in range(rounds):
            seconds["reference"] += time_calls(plain[cost], repeats=1, warm_up=0)
            # The reference has swept the caches: in a painting they are warm.
            seconds["numba"] += time_calls(fast[cost], repeats=10, warm_up=3)
        row = {"series": "reference", "cost": cost, "strokes": count, "side": side, "layers": round(layers, 2)}
        row |= {name: summarise(values) for name, values in seconds.items()}
        row["times_faster"] = round(row["reference"]["median_s"] / row["numba"]["median_s"], 1)
        row["largest_difference"] = float(f"{difference:.2g}")
        row["bar_met"] = 1000 * row["numba"]["median_s"] <= BAR_MS and row["times_faster"] >= BAR_TIMES
        rows.append(row)
    return rows


def _scale(series, count, side, layers, repeats):
    strokes, layers = random_strokes(count, layers)
    row = {"series": series, "strokes": count, "side": side, "layers": round(layers, 2)}
    for cost, call in _calls(strokes, side, "cpu").items():
        row[cost] = summarise(time_calls(call, repeats=repeats, warm_up=2))
    total = 1000 * row["forward_backward"]["median_s"]
    row["ms_per_megapixel"] = float(f"{total / (side * side / 1e6):.4g}")
    row["ms_per_1000_strokes"] = float(f"{total / (count / 1000):.4g}")
    return row


def _compared_table(rows):
    heads = ("gradients of", "strokes", "canvas", "numba, ms", "quartiles", "reference, ms", "times faster", "bar")
    names = {"forward_backward": "placement, paint", "with_stamps": "placement, paint, stamps"}
    return table(
        heads,
        [
            (
                names[row["cost"]],
                row["strokes"],
                f"{row['side']}²",
                _ms(row["numba"]),
                f"{_ms(row['numba'], 'quartile_low_s')} to {_ms(row['numba'], 'quartile_high_s')}",
                _ms(row["reference"]),
                row["times_faster"],
                "met" if row["bar_met"] else "missed",
            )
            for row in rows
        ],
    )


def _scaled_table(rows):
    heads = ("series", "strokes", "canvas", "layers", "forward, ms", "forward and backward, ms", "with stamps, ms")
    return table(
        (*heads, "ms per megapixel", "ms per 1000 strokes"),
        [
            (
                row["series"],
                row["strokes"],
                f"{row['side']}²",
                row["layers"],
                *(_ms(row[cost]) for cost in COSTS),
                row["ms_per_megapixel"],
                row["ms_per_1000_strokes"],
            )
            for row in rows
        ],
    )


def _ms(summary, which="median_s"):
    return f"{1000 * summary[which]:.1f}"


if __name__ == "__main__":
    sys.exit(main())
