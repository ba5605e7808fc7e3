"""Which command takes a file that another command does not."""

from __future__ import annotations

from pathlib import Path

from neural_painter.errors import UserError
from neural_painter.files import HEAD, kind_of, opened

FILM = "Films: `paint.py fast FILM` restyles one."
DOCUMENT = "A stroke document: `paint.py render` paints it again, `paint.py restyle` gives it a style."
MODEL = "The model of a style stands behind the picture: `paint.py fast PICTURE MODEL`."


def hint_for(path: Path) -> str | None:
    """What to do with a file that is no picture; None where nothing is known of it."""
    try:
        with opened(path, "a picture", most=1 << 62) as file:
            head = file.read(HEAD)
    except (UserError, OSError):
        return None
    kind = kind_of(head)
    if kind.startswith("video/") or kind == "ogg":
        return FILM
    if kind == "application/zip" and b"header.npy" in head:
        return DOCUMENT
    if kind == "text/plain" and b'"neural-painter strokes"' in head:
        return DOCUMENT
    if kind == "application/gzip" and path.name.endswith(".json.gz"):
        return DOCUMENT
    return MODEL if kind == "safetensors" or path.suffix.lower() in (".onnx", ".t7") else None
