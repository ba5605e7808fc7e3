"""What must be settled before anything else is imported. Costs next to nothing."""

from __future__ import annotations

import os
import signal


def begin() -> None:
    """For the time of loading, Ctrl-C ends the program without a word; Python would show where in the imports it was.

    A Ctrl-C that is ignored stays so.
    """
    begin_threads()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def begin_threads() -> None:
    """Lets idle OpenMP threads spin for some microseconds only, then sleep. Must run before torch or numba is loaded.

    torch and numba share the cores, and perhaps so do other programs: threads that spin for long while they wait hold
    up the ones that work. Measured while another process used both cores: a training step took 0.12 s instead of
    0.69 s. On an idle machine the short spin costs nothing; sleeping at once would make a painting a third slower.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
