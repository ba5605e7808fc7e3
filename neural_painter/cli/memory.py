"""A limit on memory that is too tight for the libraries, found before they are loaded: some of them then just abort."""

from __future__ import annotations

import subprocess
import sys

ENOUGH = 32 << 30
"""Bytes of address space beyond which no look is taken."""

PROBE = """
import resource
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
import cv2, numba, torch
torch.nn.functional.conv2d(torch.zeros(1, 8, 64, 64), torch.zeros(8, 8, 3, 3)).sum()
numba.njit(lambda x: x + 1)(1.0)
"""


def check_limits() -> None:
    """Raises MemoryError where a limit on memory (`ulimit -v`, `ulimit -d`) does not let the libraries load.

    Without such a limit it costs nothing; with one, a process of its own loads them first.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    if all(limit == resource.RLIM_INFINITY or limit >= ENOUGH for limit in limits):
        return
    try:
        # -P: files of the current folder must not pass for modules.
        done = subprocess.run(
            [sys.executable, "-P", "-c", PROBE], stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    except OSError as error:
        raise MemoryError from error
    if done.returncode < 0 or any(sign in done.stderr for sign in (b"emory", b"map segment", b"bad_alloc")):
        raise MemoryError
