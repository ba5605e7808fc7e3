"""Times the compositor of this checkout and of another in turns, on loads like a painter's.

git worktree add --detach ../before COMMIT
python -m benchmarks.compositor_turns --against ../before

Both meet the same machine, so that their ratio holds even where it is busy; with one thread the processor's seconds are
counted, and not those of the clock.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from benchmarks.compositor import random_strokes
from benchmarks.report import ROOT, summarise, write
from benchmarks.table import table

LOADS = ((500, 192), (1000, 304), (1000, 608), (5000, 512), (5000, 1024))
"""Strokes, and pixels along the long side of a canvas of 3:2."""

LAYERS = 5.0
COSTS = {"forward": 0, "forward_backward": 2, "with_stamps": 3}
WORKER = Path(__file__).with_name("compositor_worker.py")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", type=Path, required=True, metavar="FOLDER", help="another checkout")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5, help="turns of either; each measures three times")
    parser.add_argument("--sweep", type=float, default=0.0, help="most, radians; older checkouts lay straight strokes")
    parser.add_argument("--quick", action="store_true", help="a trial: small, and reported as compositor_turns_quick")
    options = parser.parse_args()
    loads, rounds = (LOADS[:1], 1) if options.quick else (LOADS, options.rounds)
    counted = "cpu_seconds" if options.threads == 1 else "seconds"
    rows = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        trees = {"before": options.against, "now": ROOT}
        workers = {name: stack.enter_context(_worker(tree, options.threads)) for name, tree in trees.items()}
        for count, side in loads:
            size, file = (round(side / 1.5), side), folder / f"{count}_{side}.npz"
            np.savez(file, **_strokes(count, size, options.sweep))
            for cost, leaves in COSTS.items():
                seconds = {name: [] for name in workers}
                for turn in range(rounds + 1):
                    for name, worker in workers.items():
                        task = {"strokes": str(file), "size": size, "cost": leaves, "repeats": 3}
                        found = _ask(worker, task)[counted]
                        seconds[name] += found if turn else []  # the first turn compiles, and warms the caches
                row = {"strokes": count, "width": size[1], "height": size[0], "cost": cost}
                rows.append(row | {name: summarise(values) for name, values in seconds.items()})
                rows[-1]["times_faster"] = round(row_ratio(rows[-1]), 2)
                print(f"{count} strokes at {size[1]}x{size[0]}, {cost}: {rows[-1]['times_faster']}", file=sys.stderr)
    print(_table(rows), end="\n\n")
    path = write(
        "compositor_turns_quick" if options.quick else "compositor_turns",
        rows,
        device="cpu",
        threads=options.threads,
        counted=counted,
        layers=LAYERS,
        sweep=options.sweep,
        seed=0,
    )
    print(path.relative_to(ROOT))
    return 0


def row_ratio(row):
    """How many times faster it is now."""
    return row["before"]["median_s"] / row["now"]["median_s"]


def _strokes(count, size, sweep):
    """Random strokes on a canvas that is wider than high, which turn by up to `sweep` to either side."""
    strokes, _ = random_strokes(count, LAYERS)
    placement, paint, stamps = (values.numpy().copy() for values in strokes)
    squeeze = size[0] / size[1]
    placement[:, 1] *= squeeze
    placement[:, 2:4] *= squeeze**0.5
    placement[:, 5] = np.random.default_rng(2).uniform(-sweep, sweep, count)
    return {"placement": placement, "paint": paint, "stamps": stamps}


def _worker(tree, threads):
    environment = {**os.environ, "PYTHONPATH": str(tree.resolve())}
    environment["OMP_NUM_THREADS"] = environment["NUMBA_NUM_THREADS"] = str(threads)
    command = [sys.executable, WORKER]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=tree, env=environment, stdin=pipe, stdout=pipe, text=True)


def _ask(worker, task):
    worker.stdin.write(json.dumps(task) + "\n")
    worker.stdin.flush()
    return json.loads(worker.stdout.readline())


def _table(rows):
    heads = ("strokes", "canvas", "cost", "before, ms", "now, ms", "times faster")
    names = {"forward": "forward", "forward_backward": "and backward", "with_stamps": "and gradients of stamps"}
    return table(
        heads,
        [
            (
                row["strokes"],
                f"{row['width']}x{row['height']}",
                names[row["cost"]],
                *(f"{1000 * row[name]['median_s']:.1f}" for name in ("before", "now")),
                row["times_faster"],
            )
            for row in rows
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
