"""The folder of a user's own brushes: where it is, and what lies in it. Light: it imports no library.

A brush of the name NAME is a folder of that name that holds NAME.png (the picture), NAME.safetensors (the weights) and
NAME.json (the card, which is written last: a folder without one is no brush yet).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

VARIABLE = "NEURAL_PAINTER_BRUSHES"
"""Environment variable that names the folder."""

_chosen: Path | None = None


def use_folder(path: Path | None) -> None:
    """Looks for brushes in another folder for as long as the program runs; None: in the user's own."""
    global _chosen
    _chosen = path


def folder() -> Path:
    """Where brushes are looked for and put; it need not be there."""
    if _chosen is not None:
        return _chosen
    if wish := os.environ.get(VARIABLE):
        return Path(wish)
    return _data() / "neural_painter" / "brushes"


def _data() -> Path:
    """The folder of the system where programs keep a user's data."""
    home = Path(os.path.expanduser("~"))
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    if sys.platform == "darwin":
        return home / "Library" / "Application Support"
    wide = Path(os.environ.get("XDG_DATA_HOME") or "")
    return wide if wide.is_absolute() else home / ".local" / "share"


def is_plain(name: str) -> bool:
    """Whether a word may be the name of a brush: letters, digits and underscores, no digit first."""
    return name.isidentifier() and name.isascii()


def names() -> frozenset[str]:
    """Names of the brushes in the folder; what is no brush is left out."""
    return frozenset(name for name, problem in _looked_at() if problem is None)


def problems() -> tuple[str, ...]:
    """A sentence on each thing in the folder that was meant to be a brush, and is none."""
    return tuple(problem for _, problem in _looked_at() if problem is not None)


def place(name: str) -> Path:
    """The folder of the brush of that name."""
    return folder() / name


def missing(name: str) -> str:
    """What to do about a brush that is not there."""
    return (
        f"put its folder into {folder()} (--brushes names another), or make it: "
        f"python train_renderer.py --brush-image PICTURE --name {name}"
    )


def _looked_at() -> Iterator[tuple[str, str | None]]:
    """Name of each folder, and what is wrong with it."""
    try:
        found = sorted(entry.name for entry in os.scandir(folder()) if entry.is_dir())
    except OSError:
        return
    for name in found:
        if name.startswith("."):
            continue
        lacking = [end for end in (".png", ".json") if not (folder() / name / f"{name}{end}").is_file()]
        if len(lacking) == 2:  # somebody else's, or of a training that was broken off
            continue
        if not is_plain(name):
            yield name, f"{folder() / name}: not a plain word, so no name of a brush; left out"
        elif lacking:
            yield name, f"{folder() / name}: holds no {name}{lacking[-1]}, so no brush; left out"
        else:
            yield name, None
