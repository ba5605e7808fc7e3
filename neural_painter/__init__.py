"""Turns a photo into a painting made of real strokes.

from neural_painter import PaintConfig, paint, read_image

painting = paint(read_image("cat.jpg"), PaintConfig(brush="oil", strokes=1000))
painting.save("cat.png", size=4000)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neural_painter.features import load_features as load_features
    from neural_painter.images import read_image as read_image
    from neural_painter.images import write_image as write_image
    from neural_painter.painter.config import PaintConfig as PaintConfig
    from neural_painter.painter.config import StrokeStyleConfig as StrokeStyleConfig
    from neural_painter.painter.styling import StrokeStyle as StrokeStyle
    from neural_painter.painting import Painting as Painting
    from neural_painter.painting import paint as paint
    from neural_painter.painting import restyle as restyle
    from neural_painter.strokes import StrokeDocument as StrokeDocument
    from neural_painter.strokes import Strokes as Strokes
    from neural_painter.strokes import read_document as read_document
    from neural_painter.strokes import write_document as write_document
    from neural_painter.style.fast import load_model as load_model
    from neural_painter.style.fast import style_transfer as style_transfer

__version__ = "0.1.0"

_HOMES = {
    "PaintConfig": "painter.config",
    "Painting": "painting",
    "StrokeStyle": "painter.styling",
    "StrokeStyleConfig": "painter.config",
    "load_features": "features",
    "load_model": "style.fast",
    "paint": "painting",
    "restyle": "painting",
    "style_transfer": "style.fast",
    "StrokeDocument": "strokes",
    "Strokes": "strokes",
    "read_document": "strokes",
    "write_document": "strokes",
    "read_image": "images",
    "write_image": "images",
}
__all__ = [
    "PaintConfig",
    "Painting",
    "StrokeDocument",
    "StrokeStyle",
    "StrokeStyleConfig",
    "Strokes",
    "load_features",
    "load_model",
    "paint",
    "read_document",
    "read_image",
    "restyle",
    "style_transfer",
    "write_document",
    "write_image",
]


def __getattr__(name: str) -> Any:
    """Names are looked up when first used, so that `paint.py --help` does not load torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
