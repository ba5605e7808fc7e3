"""Ctrl-C, SIGTERM and a terminal that closes. While something is optimised they wait for the end of a step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

NUMBERS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""What ends a command in order: what was done so far is kept."""


class Interrupted(KeyboardInterrupt):
    """A signal that came; `number` tells which."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def status_of(number: int) -> int:
    """The exit status after a signal, as shells count: 130 after Ctrl-C."""
    return 128 + number


class Interrupts:
    """Turns signals into KeyboardInterrupt, at a good moment. A signal that the caller ignores stays ignored.

    Attributes:
        number: of the last signal that came; SIGINT before any has.
    """

    def __init__(self) -> None:
        self.number = int(signal.SIGINT)
        self._wanted = False
        self._patience = 0  # how many signals wait; the next one raises at once, wherever it comes
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():  # signals reach no other
            for number in NUMBERS:
                if signal.getsignal(number) is not signal.SIG_IGN:  # nohup, or a shell's job in the background
                    self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def status(self) -> int:
        """The exit status of a command that was interrupted."""
        return status_of(self.number)

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

    @contextmanager
    def held_within_step(self) -> Iterator[None]:
        """Signals wait until the block is left, and then go on waiting for the end of the step."""
        patience, self._patience = self._patience, 2
        try:
            yield
        finally:
            self._patience = min(patience, self._patience)

    def _check(self) -> None:
        if self._wanted:
            self._wanted, self._patience = False, 0
            raise Interrupted(self.number)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.number = number
        if self._patience:
            self._patience -= 1
            self._wanted = True
            return
        self._wanted = False
        raise Interrupted(number)
