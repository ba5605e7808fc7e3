"""Where the transport loss helps: strokes that lie, or have colours, far from what they should become.

python -m benchmarks.carry

Strokes are optimised on a small canvas with the pixel loss alone, and with transport beside it in the first half of the
steps, from the same start; PSNR of the canvas in the end, over the bare canvas. Starts:

- seeds: where the painter puts them, as in a painting of so many strokes.
- random: anywhere, of any colour.
- palette: where the painter puts them, in colours that are held: the seeds' own, dealt out anew among them.
- another picture: a finished painting of another photo, all of it free to move.
- another picture, colours held: the same, but paint cannot change: strokes have to go where it is wanted.
- scattered, places free: a finished painting of the photo, its strokes scattered, and only centres and angles free:
  pieces that have to find their places.
"""

import argparse
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path
from statistics import mean, stdev

import numpy as np

from benchmarks.photos import find_photos
from benchmarks.report import ROOT, write
from benchmarks.table import table
from benchmarks.threads import set_threads
from neural_painter.painter.config import PaintConfig

STARTS = ("seeds", "random", "palette", "another picture", "another picture, colours held", "scattered, places free")
HELD = {"palette", "another picture, colours held", "scattered, places free"}


def main() -> int:
    options = _options()
    set_threads(options.threads)
    from neural_painter.errors import InputError
    from neural_painter.images import fit_long_side, read_image, resize

    try:
        images = [read_image(path) for path in find_photos(options.photos)]
    except InputError as error:
        print(f"carry: {error}", file=sys.stderr)
        return error.exit_status
    images = [resize(image, size=fit_long_side(*image.shape[:2], 4 * options.canvas)) for image in images]
    rows = []
    for strokes, start, (index, image), seed in product(
        options.strokes, options.starts, enumerate(images), range(options.seeds)
    ):
        work = _Work(image, images[(index + 1) % len(images)], strokes, seed, options)
        begin = work.start(start)
        row = {"strokes": strokes, "start": start, "photo": index, "seed": seed}
        row["psnr"] = {str(weight): work.score(begin, weight, start) for weight in options.weights}
        rows.append(row)
        print(strokes, start, index, seed, row["psnr"], file=sys.stderr)
    print(_table(rows, options), end="\n\n")
    path = write(
        "carry_quick" if options.quick else "carry",
        rows,
        weights=options.weights,
        steps=options.steps,
        canvas=options.canvas,
        threads=options.threads,
    )
    print(path.relative_to(ROOT))
    return 0


def _options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, nargs="+", default=[], help="pictures or folders")
    parser.add_argument("--strokes", type=int, nargs="+", default=[12, 60])
    parser.add_argument("--weights", type=float, nargs="+", default=[0, 1, 10, 30], help="of transport; the first is 0")
    parser.add_argument("--starts", nargs="+", choices=STARTS, default=list(STARTS))
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--canvas", type=int, default=96, help="long side in pixels")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="a trial: 12 strokes, one seed; writes carry_quick")
    options = parser.parse_args()
    if options.quick:
        options.strokes, options.seeds, options.steps = [12], 1, 20
    return options


class _Work:
    """Strokes towards one photo."""

    def __init__(self, image, other, strokes, seed, options):
        from neural_painter.painter.stages import Painter, Sight

        config = PaintConfig(strokes=strokes, seed=seed, device="cpu", transport_stages="off")
        self.steps, self.generator = options.steps, np.random.default_rng(seed)
        painters = [Painter(picture, config) for picture in (image, other)]
        sizes = [min(0.33, (0.65 * min(p.shape) / max(p.shape) / strokes) ** 0.5) for p in painters]
        self.stages = [
            replace(p.stages[-1], count=strokes, canvas=options.canvas, size=s, phases=1)
            for p, s in zip(painters, sizes, strict=True)
        ]
        for painter, stage in zip(painters, self.stages, strict=True):
            painter.stages = (stage,)
        self.painters, self.sights = painters, [Sight(p, s) for p, s in zip(painters, self.stages, strict=True)]

    def start(self, name):
        """The strokes to begin with."""
        if name.startswith("another"):
            return self._optimised(self._seeds(1), 0, name="seeds", which=1)
        seeds = self._seeds(0)
        if name.startswith("scattered"):
            seeds = self._optimised(seeds, 0, name="seeds", which=0)
            placement = seeds.placement.copy()
            placement[:, :2] = placement[self.generator.permutation(len(placement)), :2]
            return replace(seeds, placement=placement)
        if name == "random":
            placement, paint = seeds.placement.copy(), seeds.paint.copy()
            height, width = self.sights[0].plain.size
            placement[:, :2] = self.generator.random((len(placement), 2)) * [width, height] / max(height, width)
            placement[:, 4] = self.generator.uniform(-np.pi, np.pi, len(placement))
            paint[:, :6] = self.generator.random((len(paint), 6))
            return replace(seeds, placement=placement, paint=paint)
        if name == "palette":
            return replace(seeds, paint=seeds.paint[self.generator.permutation(len(seeds.paint))])
        return seeds

    def score(self, strokes, weight, start):
        """PSNR, dB, of the canvas that they become."""
        return self._score(self._optimised(strokes, weight, start, 0))

    def _seeds(self, which):
        from neural_painter.painter.stages import empty_strokes

        painter, stage, sight = self.painters[which], self.stages[which], self.sights[which]
        return painter.new_strokes(stage, sight, empty_strokes(painter.brush), stage.count, self.generator)

    def _optimised(self, strokes, weight, name, which):
        from neural_painter.painter.objective import Objective

        painter, stage, sight = self.painters[which], self.stages[which], self.sights[which]
        optimiser = painter.optimiser(stage, sight.plain, strokes)
        if name in HELD:
            optimiser.rates["paint"] = optimiser.rates["paint"] * 0
        if name.startswith("scattered"):
            optimiser.rates["shape"] = optimiser.rates["shape"] * 0
            optimiser.rates["placement"][[2, 3, 5]] = 0
        objective = Objective(sight.plain.goal, painter.config, transport=weight)
        for step in range(self.steps):
            if step == self.steps // 2:
                optimiser.look(sight.plain, painter.background)
                objective = Objective(sight.plain.goal, painter.config)
            optimiser.step(objective, step / self.steps)
        return optimiser.strokes()

    def _score(self, strokes):
        from neural_painter.images.tensors import picture_of
        from neural_painter.metrics import psnr

        painter, stage, sight = self.painters[0], self.stages[0], self.sights[0]
        optimiser = painter.optimiser(stage, sight.plain, strokes)
        optimiser.look(sight.plain, painter.background)
        return round(psnr(picture_of(optimiser.canvas()), sight.target), 3)


def _table(rows, options):
    first, *others = map(str, options.weights)
    lines = []
    for strokes, start in product(options.strokes, options.starts):
        chosen = [row["psnr"] for row in rows if (row["strokes"], row["start"]) == (strokes, start)]
        cells = []
        for weight in others:
            gains = [found[weight] - found[first] for found in chosen]
            spread = stdev(gains) if len(gains) > 1 else 0.0
            cells.append(f"{mean(gains):+.2f} ± {spread:.2f} ({sum(g > 0 for g in gains)} of {len(gains)})")
        lines.append((strokes, start, f"{mean(found[first] for found in chosen):.2f}", *cells))
    return table(("strokes", "start", "pixels alone, dB", *(f"weight {w}" for w in others)), lines)


if __name__ == "__main__":
    sys.exit(main())
