"""One run at a time for each output: a lock beside it, which also shows, before any work, that writing works there.

The lock's name is made from the output's by a hash, so it is never too long and no file of anyone else's; it is removed
in the end. After a crash it stays, empty and free: the system drops locks with the process that held them.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from neural_painter.errors import OutputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


class Claim:
    """Holds a file for this run from `__enter__` to `__exit__`.

    Args:
        path: what will be written.

    Raises:
        OutputError: another run holds it, or nothing can be written there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        place = Path(os.path.realpath(path))
        digest = hashlib.sha256(os.fsencode(place.name)).hexdigest()[:20]
        self.lock = place.parent / f".neural-painter-{digest}.lock"
        self._handle: int | None = None

    def __enter__(self) -> Self:
        while self._handle is None:
            try:
                handle = os.open(self.lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
            except OSError as error:
                raise OutputError(f"{self.path}: cannot be written ({error.strerror})") from error
            try:
                _lock(handle)
            except BlockingIOError:
                os.close(handle)
                raise OutputError(
                    f"{self.path}: another run is writing it", hint="Wait until it has ended, or choose another name."
                ) from None
            if self._is_there(handle):
                self._handle = handle
            else:  # its last holder removed it between our opening and our locking
                os.close(handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is None:
            return
        with suppress(OSError):
            self.lock.unlink()
        with suppress(OSError):
            os.close(self._handle)
        self._handle = None

    def _is_there(self, handle: int) -> bool:
        try:
            ours, there = os.fstat(handle), os.stat(self.lock)
        except OSError:
            return False
        return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)


def _lock(handle: int) -> None:
    """Raises BlockingIOError where another process holds the lock; file systems without locks are taken as free."""
    if fcntl is None:
        import msvcrt

        module: Any = msvcrt
        try:
            module.locking(handle, module.LK_NBLCK, 1)
        except OSError:
            raise BlockingIOError from None
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # no locks here
        return
