"""The table of stamps beside the networks that fill it: error, time, and paintings with either, in one run.

python -m benchmarks.stamps
python -m benchmarks.stamps --photos examples/chelsea.png
"""

import argparse
import sys
import time
from pathlib import Path
from statistics import mean

from benchmarks.report import summarise, write
from neural_painter.cli.early import begin_threads
from renderers.brushes import brush, names

HELD_OUT = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--brushes", nargs="+", default=names(), choices=names())
    parser.add_argument("--photos", type=Path, nargs="*", default=[], help="painted with table and networks")
    parser.add_argument("--strokes", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--name", default="stamps", help="of the report")
    options = parser.parse_args()
    begin_threads()
    import torch

    torch.set_num_threads(options.threads)
    rows = []
    for name in options.brushes:
        row = {"brush": name, **_errors(name), **_times(name, options.strokes, options.repeats)}
        if options.photos:
            row["paintings"] = _paintings(name, options)
        rows.append(row)
        print(row, file=sys.stderr)
    path = write(options.name, rows, device="cpu", threads=options.threads, strokes=options.strokes, seed=0)
    print(path.relative_to(path.parents[2]))


def _sources(name):
    """Networks and table, the latter None where there is none, and the CPU seconds of filling it."""
    import torch

    from renderers.stamps import load_stamps
    from renderers.stamps.table import StampTable
    from renderers.weights import load_renderer

    cpu = torch.device("cpu")
    networks, _ = load_stamps(brush(name), cpu, "networks")
    table, _ = load_stamps(brush(name), cpu)
    if not isinstance(table, StampTable):
        return networks, None, 0.0
    began = time.process_time()
    StampTable(load_renderer(brush(name))[0], brush(name), table.axes)
    return networks, table, time.process_time() - began


def _errors(name):
    """Rms of the matte, of the colour under it, and PSNR of strokes over random colours, between all three."""
    import numpy as np
    import torch

    from renderers.networks import STAMP
    from renderers.training import HELD_OUT_SEED, draw_samples

    it = brush(name)
    generator = np.random.default_rng(HELD_OUT_SEED)
    shape, drawn = draw_samples(it, HELD_OUT, 4, generator)
    paint = torch.from_numpy(it.sample_paint(HELD_OUT, generator))
    canvas = torch.from_numpy(generator.uniform(0, 1, (HELD_OUT, 1, 1, 3)).astype(np.float32))
    networks, table, _ = _sources(name)
    stamps = {"truth": drawn.permute(0, 2, 3, 1), "networks": networks.stamps(shape)}
    if table is not None:
        stamps["table"] = table.stamps(shape)

    def shown(stamp):
        colour = torch.einsum("nhwk,nkc->nhwc", stamp[..., 1:], paint[:, :6].reshape(-1, 2, 3))
        return canvas + stamp[..., :1] * paint[:, 6, None, None, None] * (colour - canvas), colour

    found = {}
    for one, other in (("networks", "truth"), ("table", "truth"), ("table", "networks")):
        if one in stamps:
            a, b = stamps[one], stamps[other]
            (seen, colour), (wanted, true) = shown(a), shown(b)
            weight = b[..., :1]
            found[f"{one}_against_{other}"] = {
                "matte_rms": float((a - b)[..., 0].square().mean().sqrt()),
                "colour_rms": float((((colour - true).square() * weight).sum() / (3 * weight.sum())).sqrt()),
                "composited_psnr": float(-10 * (seen - wanted).square().mean().log10()),
            }
    assert drawn.shape[-1] == STAMP
    return found


def _times(name, strokes, repeats):
    """CPU seconds of drawing stamps and of the way back: networks, in kernels and in torch, and table, in turns."""
    import numpy as np
    import torch

    from renderers.weights import load_renderer

    networks, table, filling = _sources(name)
    shape = torch.from_numpy(brush(name).sample_shape(strokes, np.random.default_rng(0))).requires_grad_()
    plain = load_renderer(brush(name))[0].to(memory_format=torch.channels_last)
    sources = {"networks": networks, "networks_in_torch": plain} | ({"table": table} if table is not None else {})
    seconds = {part: {key: [] for key in sources} for part in ("forward", "backward")}
    for turn in range(repeats + 2):
        for key, source in sources.items():
            began = time.process_time()
            stamps = source.stamps(shape)
            drawn = time.process_time()
            torch.autograd.grad(stamps, shape, torch.ones_like(stamps))
            if turn >= 2:
                seconds["forward"][key].append(drawn - began)
                seconds["backward"][key].append(time.process_time() - drawn)
    row = {"fill_cpu_s": filling, "nodes": [len(n) for n in table.axes.nodes] if table is not None else None}
    for part, by_source in seconds.items():
        row[part] = {key: summarise(values) for key, values in by_source.items()}
    return row


def _paintings(name, options):
    """Mean PSNR at native size, and CPU seconds of painting, by what draws the stamps."""
    from neural_painter import PaintConfig, paint, read_image
    from neural_painter.metrics import psnr

    found = {}
    for wish in ("networks", "auto"):
        scores, seconds = [], []
        for path in options.photos:
            photo = read_image(path)
            for seed in range(options.seeds):
                config = PaintConfig(brush=name, strokes=options.strokes, seed=seed, renderer=wish, device="cpu")
                began = time.process_time()
                painting = paint(photo, config)
                seconds.append(time.process_time() - began)
                scores.append(psnr(photo, painting.render()))
        found[wish] = {"psnr": mean(scores), "cpu_s": mean(seconds), "each": scores}
    return found


if __name__ == "__main__":
    main()
