"""A painting as its strokes."""

from pathlib import Path

from neural_painter.export.wishes import Wishes
from neural_painter.strokes import StrokeDocument, write_document


def export(path: Path, document: StrokeDocument, wishes: Wishes) -> None:
    """Writes JSON, plain or compressed, or NPZ."""
    write_document(path, document, overwrite=wishes.overwrite)
