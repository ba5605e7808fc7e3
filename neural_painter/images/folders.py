"""Finds the pictures of a folder, and counts what looks like one but is left out."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from neural_painter.errors import InputError
from neural_painter.files import HEAD, kind_of
from neural_painter.images import heif

EXTENSIONS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif"),
    *(heif.EXTENSIONS if heif.is_installed() else ()),
)
"""What is taken for a picture in a folder. `read_image` looks at the content only."""

_OTHERS = {
    "HEIC": heif.EXTENSIONS,
    "raw photo": (".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw"),
    "SVG": (".svg", ".svgz"),
    "film": (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mts", ".m2ts", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp"),
    "other picture": (".psd", ".jxl", ".jp2", ".exr", ".hdr", ".ico", ".ppm", ".pgm", ".pbm", ".tga", ".eps"),
}
"""Extensions of what is left out, by the name that it is told under."""

_CONTENTS = {"JPEG", "PNG", "WebP", "TIFF", "BMP", "GIF", "AVIF"}
_KINDS = {**dict.fromkeys(heif.KINDS, "HEIC"), "image/svg+xml": "SVG"}


@dataclass(frozen=True)
class Listing:
    """The pictures of a folder, in order of name, and how many files of which kinds were left out."""

    pictures: tuple[Path, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)

    def told(self) -> str | None:
        """What was left out, in one line: `left out: 2 HEIC, 1 film`, and how to have it; None where nothing was."""
        if not self.left_out:
            return None
        told = "left out: " + ", ".join(f"{count} {kind}" for kind, count in self.left_out.items())
        if "HEIC" in self.left_out and not heif.is_installed():
            told += f" ({heif.HOW} makes HEIC readable)"
        return told


def find_pictures(path: str | Path) -> list[Path]:
    """Lists the files of a folder that end in one of `EXTENSIONS`, sorted by name; not in subfolders, none hidden.

    Args:
        path: the folder.

    Returns:
        Their paths, each with `path` in front. They are not opened.

    Raises:
        InputError: the folder is missing, is a file or cannot be read.
    """
    return [file for file in _files(Path(path)) if file.suffix.lower() in EXTENSIONS]


def list_pictures(path: str | Path) -> Listing:
    """The files that `find_pictures` finds, and what looks like a picture or a film but is left out.

    A file with a picture's extension is taken, whatever it holds: reading it says what is wrong. One that holds a
    picture or a film under another name is left out and counted: who wants it, names it. Other files are not counted.

    Raises:
        InputError: the folder is missing, is a file or cannot be read.
    """
    pictures, left_out = [], Counter[str]()
    for file in _files(Path(path)):
        if file.suffix.lower() in EXTENSIONS:
            pictures.append(file)
        elif kind := _left_out(file):
            left_out[kind] += 1
    return Listing(tuple(pictures), dict(sorted(left_out.items())))


def _files(path: Path) -> list[Path]:
    """The files of a folder that are not hidden, in order of name."""
    try:
        entries = list(path.iterdir())
    except NotADirectoryError:
        raise InputError(f"{path}: is a file, expected a folder") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    found = [entry for entry in entries if not entry.name.startswith(".") and entry.is_file()]
    return sorted(found, key=lambda entry: (entry.name.casefold(), entry.name))


def _left_out(file: Path) -> str | None:
    """What a file that is not taken is told as; None for what is neither picture nor film."""
    for kind, extensions in _OTHERS.items():
        if file.suffix.lower() in extensions:
            return kind
    try:
        with file.open("rb") as opened:
            kind = kind_of(opened.read(HEAD))
    except OSError:
        return None
    if kind in _CONTENTS or (kind in heif.KINDS and heif.is_installed()):
        kind = "HEIC" if kind in heif.KINDS else kind
        return f"{kind} by another name"
    if kind.startswith("video/"):
        return "film"
    return _KINDS.get(kind) or ("other picture" if kind.startswith("image/") else None)
