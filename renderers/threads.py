"""Compiled kernels on several threads.

A kernel releases the interpreter's lock and is told which share of how many is its own. numba's own `parallel=True`
does the same, takes twice as long to compile, and ends a process that was forked.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

LEAST_PIXELS = 16_000
"""Of a share: what is smaller is done before another thread has heard of it."""

_pool: ThreadPoolExecutor | None = None
_making = threading.Lock()


@cache
def core_count() -> int:
    """Cores that this process may use; `NUMBA_NUM_THREADS` and `OMP_NUM_THREADS` ask for fewer.

    As they were when it was first asked: kernels ask thousands of times.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wishes = [os.environ.get(name, "") for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS")]
    return max(1, min([cores, *(int(wish) for wish in wishes if wish.isdecimal())]))


def share_count(pixels: int) -> int:
    """Shares of work on so many pixels: as many as torch has threads, so that one setting rules both, or fewer."""
    import torch

    return max(1, min(torch.get_num_threads(), core_count(), pixels // LEAST_PIXELS))


def in_shares(kernel: Callable[..., Any], *arguments: Any, shares: int | None = None) -> None:
    """Calls `kernel(*arguments, share, shares)` for every share, each on a thread of its own, and waits for all.

    Args:
        kernel: compiled with `nogil=True`; writes into its arguments, each share where no other does.
        arguments: the same for all shares.
        shares: how many; as many as there are cores by default.
    """
    shares = shares or core_count()
    others = [_threads().submit(kernel, *arguments, share, shares) for share in range(1, shares)]
    try:
        kernel(*arguments, 0, shares)
    finally:
        for other in others:
            other.result()


def _threads() -> ThreadPoolExecutor:
    global _pool
    with _making:
        if _pool is None:
            _pool = ThreadPoolExecutor(max(1, core_count() - 1), thread_name_prefix="kernel")
        return _pool


def _alone() -> None:
    """In a forked process: it has none of its parent's threads.

    The pool is made anew. OpenMP, which torch computes with, would wait for ever for threads that it believes it has:
    torch works on one thread from now on. Nothing can be done here for CUDA, which no forked process may use.
    """
    global _pool, _making
    _pool, _making = None, threading.Lock()
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_alone)
