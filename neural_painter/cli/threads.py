"""How threads wait. Must run before torch or numba is imported."""

import os


def calm_threads() -> None:
    """Lets idle OpenMP threads spin for some microseconds only, then sleep.

    torch and numba share the cores, and perhaps so do other programs: threads that spin for long while they wait hold
    up the ones that work. Measured while another process used both cores: a training step took 0.12 s instead of
    0.69 s. On an idle machine the short spin costs nothing; sleeping at once would make a painting a third slower.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
