"""How many threads a benchmark works with."""

import os

from neural_painter.cli.early import begin_threads


def set_threads(count: int) -> None:
    """Calms threads, and lets torch, numba and programs started from here have `count` of them each.

    Must run before torch or numba is imported, like `calm_threads`.
    """
    begin_threads()
    os.environ["OMP_NUM_THREADS"] = os.environ["NUMBA_NUM_THREADS"] = str(count)
