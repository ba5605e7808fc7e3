"""Files beside the repository, which are no part of it: what needs them is skipped where they are not there."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def shared_file(name):
    """A file under `NEURAL_PAINTER_DATA`, by default the folder `shared/data` beside the repository."""
    folder = Path(os.environ.get("NEURAL_PAINTER_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / name).exists():
        pytest.skip(f"no {name} in {folder}")
    return folder / name
