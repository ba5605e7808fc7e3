"""Times the neural renderer: 500 strokes forward and back to their shapes, as one step of painting does.

python -m benchmarks.renderer
"""

import argparse
import sys

from benchmarks.report import summarise, time_calls, write
from neural_painter.cli.early import begin_threads
from renderers.brushes import brush, names


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strokes", type=int, default=500)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--warm-up", type=int, default=5)
    parser.add_argument("--name", default="renderer", help="of the report")
    options = parser.parse_args()
    begin_threads()
    import torch

    torch.set_num_threads(options.threads)
    rows = []
    for name in names():
        forward, backward = _steps(name, options.strokes)
        row = {"brush": name, "strokes": options.strokes}
        for part, call in (("forward", forward), ("forward_backward", backward)):
            row[part] = summarise(time_calls(call, repeats=options.repeats, warm_up=options.warm_up))
        rows.append(row)
        print(f"{name}: {1000 * row['forward_backward']['median_s']:.1f} ms", file=sys.stderr)
    path = write(options.name, rows, device="cpu", threads=options.threads, warm_up=options.warm_up, seed=0)
    print(path.relative_to(path.parents[2]))


def _steps(name, strokes):
    """Two functions without arguments: stamps alone, and stamps with the gradient of the shape."""
    import numpy as np
    import torch

    from renderers.networks import STAMP, NeuralRenderer

    torch.manual_seed(0)
    # Time does not depend on what the networks have learnt. Frozen and channels last, as the painter uses them.
    model = NeuralRenderer(brush(name)).eval().requires_grad_(False).to(memory_format=torch.channels_last)
    shape = torch.from_numpy(brush(name).sample_shape(strokes, np.random.default_rng(0))).requires_grad_()
    upstream = torch.randn(strokes, STAMP, STAMP, 3)

    def forward():
        with torch.no_grad():
            model.stamps(shape)

    def backward():
        torch.autograd.grad(model.stamps(shape), shape, upstream)

    return forward, backward


if __name__ == "__main__":
    main()
