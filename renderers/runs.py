"""What long runs share: whether unfinished work is of this run, when to keep it, files that are whole. Light."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any


def difference(
    theirs: Mapping[str, Any],
    ours: Mapping[str, Any],
    *,
    ignoring: Collection[str] = (),
    measured: Collection[str] = (),
) -> str | None:
    """What first keeps one run from going on with the work of another, in words: `seed 3, now it is 4`.

    Args:
        theirs: options and the like that the work was begun with, from JSON: lists stand for tuples.
        ours: those of this run. What only the other has does not count.
        ignoring: names that may differ.
        measured: names of what was computed from the inputs and tells people nothing: `another style`. Floats among
            them may differ by a hundredth, for a GPU rounds convolutions to ten bits.

    Returns:
        None where nothing differs.
    """
    for name, now in ours.items():
        then, words = theirs.get(name), name.replace("_", " ")
        now = list(now) if isinstance(now, tuple) else now
        if name in ignoring or then == now:
            continue
        if name not in measured:
            return f"{words} {then}, now it is {now}"
        if not (isinstance(then, float) and isinstance(now, float) and math.isclose(then, now, rel_tol=0.01)):
            return f"another {words}"
    return None


def every(seconds: float) -> Callable[[], bool]:
    """A clock that says yes once every so many seconds."""
    last = time.monotonic()

    def due() -> bool:
        nonlocal last
        if time.monotonic() - last < seconds:
            return False
        last = time.monotonic()
        return True

    return due


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file whole or not at all, by way of one beside it whose name is made up and so nobody's.

    Raises:
        OSError: it cannot be written.
    """
    temporary = path.with_name(f".renderers-{uuid.uuid4().hex}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
