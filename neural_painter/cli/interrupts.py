"""Ctrl-C and SIGTERM. While strokes are being optimised they wait for the end of a step, so what is kept is whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Interrupts:
    """Turns signals into KeyboardInterrupt, at a good moment."""

    def __init__(self) -> None:
        self._wanted = False
        self._patience = 0  # how many signals wait; the next one raises at once, wherever it comes
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():  # signals reach no other
            self._before = {number: signal.signal(number, self._receive) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def after_step(self) -> None:
        """Raises KeyboardInterrupt where a signal came during the step; the next one waits for the next call."""
        self._patience = 1
        self._check()

    def stop_waiting(self) -> None:
        """Raises KeyboardInterrupt where a signal is waiting; from now on they raise at once."""
        self._patience = 0
        self._check()

    @property
    def waiting(self) -> bool:
        """Whether a signal came and waits."""
        return self._wanted

    @contextmanager
    def held(self) -> Iterator[None]:
        """Up to two signals wait until the block is left, and then raise; one that waits already is forgotten."""
        self._wanted, self._patience = False, 2
        try:
            yield
        finally:
            self._patience = 0
        self._check()

    def _check(self) -> None:
        if self._wanted:
            self._wanted, self._patience = False, 0
            raise KeyboardInterrupt

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self._patience:
            self._patience -= 1
            self._wanted = True
            return
        self._wanted = False
        raise KeyboardInterrupt
