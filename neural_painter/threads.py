"""Compiled kernels on several threads.

A kernel releases the interpreter's lock and is told which share of how many is its own. numba's own `parallel=True`
does the same, and takes twice as long to compile.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any


def core_count() -> int:
    """Cores that this process may use; `NUMBA_NUM_THREADS` and `OMP_NUM_THREADS` ask for fewer."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wishes = [os.environ.get(name, "") for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS")]
    return max(1, min([cores, *(int(wish) for wish in wishes if wish.isdecimal())]))


@lru_cache(maxsize=1)
def _pool(process: int) -> ThreadPoolExecutor:
    """Threads belong to a process: one that was forked has none of its parent's."""
    return ThreadPoolExecutor(max(1, core_count() - 1), thread_name_prefix="kernel")


def in_shares(kernel: Callable[..., Any], *arguments: Any, shares: int | None = None) -> None:
    """Calls `kernel(*arguments, share, shares)` for every share, each on a thread of its own, and waits for all.

    Args:
        kernel: compiled with `nogil=True`; writes into its arguments, each share where no other does.
        arguments: the same for all shares.
        shares: how many; as many as there are cores by default.
    """
    shares = shares or core_count()
    others = [_pool(os.getpid()).submit(kernel, *arguments, share, shares) for share in range(1, shares)]
    try:
        kernel(*arguments, 0, shares)
    finally:
        for other in others:
            other.result()
