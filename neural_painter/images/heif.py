"""HEIC and HEIF, the photos of telephones: read with pillow-heif, where that is installed."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from neural_painter.errors import InputError

KINDS = ("image/heic", "image/heif")
"""As `files.kind_of` names them."""

EXTENSIONS = (".heic", ".heif", ".hif")

HOW = "pip install 'neural-painter[heif]'"
"""What makes them readable."""


def is_installed() -> bool:
    """Whether they can be read."""
    return find_spec("pillow_heif") is not None


def check_installed(path: Path) -> None:
    """Raises InputError where they cannot be read."""
    if not is_installed():
        raise InputError(
            f"{path}: is a HEIC picture, and pillow-heif is not installed", hint=f"{HOW} makes it readable."
        )


def opened_image(file: BinaryIO) -> Image.Image:
    """The picture of an open file, upright; pixels are decoded when it is loaded. Its size is the caller's to check.

    Raises:
        Exception: of many kinds, on hostile files.
    """
    from pillow_heif import HeifImageFile

    file.seek(0)
    image: Any = HeifImageFile(file)
    return image
