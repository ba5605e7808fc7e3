"""What is kept of work that is not done, or not written: under a name of its own, where writing works."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from neural_painter.cli.outputs import stem_of
from neural_painter.errors import OutputError

LONGEST = 200
"""Bytes of a name's stem that are kept; most file systems take 255 in all."""


def kept_name(beside: Path, what: str, end: str) -> Path:
    """`cat.unfinished.npz` for `cat.png`; a stem that is too long is cut, and told from others by a hash."""
    stem = stem_of(beside)
    if len(os.fsencode(stem)) > LONGEST:
        digest = hashlib.sha256(os.fsencode(stem)).hexdigest()[:8]
        cut = os.fsencode(stem)[: LONGEST - 9].decode(errors="ignore")
        stem = f"{cut}-{digest}"
    return beside.with_name(f"{stem}.{what}{end}")


def is_kept_name(path: Path) -> bool:
    """Whether a name is one that `keep` gives to unfinished work."""
    return re.search(r"\.unfinished(-\d+)?\.(npz|safetensors|film|render)$", path.name) is not None


def free_name(path: Path, *, own: Path | None = None) -> Path:
    """The name, or with a number before its end where there is a file already; `own` may be replaced."""
    end = "".join(path.suffixes[-2:]) if path.suffix == ".gz" else path.suffix
    found, number = path, 1
    while os.path.lexists(found) and not (own is not None and _same(found, own)):
        number += 1
        found = path.with_name(f"{path.name.removesuffix(end)}-{number}{end}")
    return found


def keep(write: Callable[[Path], object], beside: Path, what: str, end: str, *, own: Path | None = None) -> Path:
    """Writes what would else be lost; returns where it is.

    Tried beside the output, then in the current folder, the user's, and the one for temporary files.

    Args:
        write: writes a file of that name.
        beside: the output that it belongs to.
        what, end: `unfinished` and `.npz` give `cat.unfinished.npz`.
        own: one that may be replaced, for it holds less of the same.

    Raises:
        OutputError: it can be written nowhere.
    """
    folders = [beside.parent, Path(), Path(tempfile.gettempdir())]
    with suppress(RuntimeError):
        folders.insert(2, Path.home())
    first: OutputError | None = None
    for folder in folders:
        path = free_name(kept_name(folder / beside.name, what, end), own=own)
        try:
            write(path)
            return path
        except OutputError as error:
            first = first or error
    assert first is not None
    raise first


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
