"""Composites on demand with whatever checkout `PYTHONPATH` names: so two commits can be compared in turns.

Reads one JSON object a line: `strokes` (a file of NumPy arrays), `size`, `cost` (`forward`, or how many of placement,
paint and stamps get gradients) and `repeats`; answers with seconds, and with the processor's seconds of all threads.
Uses nothing that older checkouts lack.
"""

import json
import os
import sys
import time


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed must not get between the answers
    import numpy as np
    import torch

    from neural_painter.compositing import composite
    from renderers import brush

    columns = getattr(brush, "PLACEMENT_WIDTH", 5)  # older checkouts know no sweep
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    for line in sys.stdin:
        task = json.loads(line)
        with np.load(task["strokes"]) as file:
            arrays = [file[name] for name in ("placement", "paint", "stamps")]
        arrays[0] = np.ascontiguousarray(arrays[0][:, :columns])
        strokes = [torch.from_numpy(array) for array in arrays]
        size, cost = tuple(task["size"]), task["cost"]
        background, upstream = torch.ones(3), torch.linspace(-1, 1, 3 * size[0] * size[1]).view(3, *size)
        seconds, used = [], []
        for _ in range(task["repeats"]):
            values = [value.detach().requires_grad_(k < cost) for k, value in enumerate(strokes)]
            began, began_used = time.perf_counter(), time.process_time()
            picture = composite(*values, background, size)
            if cost:
                torch.autograd.grad(picture, values[:cost], upstream)
            seconds.append(time.perf_counter() - began)
            used.append(time.process_time() - began_used)
        print(json.dumps({"seconds": seconds, "cpu_seconds": used}), file=answers, flush=True)


if __name__ == "__main__":
    main()
