"""The photos that are painted when none are named."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.report import ROOT

FOLDERS = (ROOT.parent / "shared" / "data" / "photos", ROOT / "examples")
PUBLISHED = ROOT.parent / "shared" / "data" / "published"
"""Paintings by others, for comparison, where they are at hand: PHOTO_BRUSH_STROKES_snp.png."""


def find_photos(words: Sequence[Path] = ()) -> list[Path]:
    """The pictures named, and those in the folders named; by default those of the first of `FOLDERS` that holds any.

    Raises:
        InputError: a folder is missing, or there are no photos.
    """
    from neural_painter.errors import InputError
    from neural_painter.images import find_pictures

    if words:
        found = [photo for word in words for photo in (find_pictures(word) if word.is_dir() else [word])]
    else:
        found = next((photos for folder in FOLDERS if folder.is_dir() and (photos := find_pictures(folder))), [])
    if not found:
        raise InputError("no photos found; name some: --photos FOLDER_OR_PICTURE...")
    return found
