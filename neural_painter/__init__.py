"""Turns a photo into a painting made of real strokes.

from neural_painter import PaintConfig, paint, read_image

painting = paint(read_image("cat.jpg"), PaintConfig(brush="oil", strokes=1000))
painting.save("cat.png", size=4000)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for type checkers and editors; a test compares these lines with the table below
    from neural_painter.errors import InputError as InputError
    from neural_painter.errors import NumericalError as NumericalError
    from neural_painter.errors import OutputError as OutputError
    from neural_painter.errors import UsageError as UsageError
    from neural_painter.errors import UserError as UserError
    from neural_painter.export.finish import Finish as Finish
    from neural_painter.export.swapping import swap_brush as swap_brush
    from neural_painter.fast.model import StyleModel as StyleModel
    from neural_painter.fast.model import load_model as load_model
    from neural_painter.fast.model import style_transfer as style_transfer
    from neural_painter.features import Features as Features
    from neural_painter.features import load_features as load_features
    from neural_painter.images import find_pictures as find_pictures
    from neural_painter.images import read_image as read_image
    from neural_painter.images import write_image as write_image
    from neural_painter.importance import FacesError as FacesError
    from neural_painter.importance import importance_map as importance_map
    from neural_painter.importance import read_mask as read_mask
    from neural_painter.painter.config import PaintConfig as PaintConfig
    from neural_painter.painter.config import StrokeStyleConfig as StrokeStyleConfig
    from neural_painter.painter.styling import StrokeStyle as StrokeStyle
    from neural_painter.painter.work import Progress as Progress
    from neural_painter.painting import Painting as Painting
    from neural_painter.painting import paint as paint
    from neural_painter.painting import restyle as restyle
    from neural_painter.palettes.colours import Palette as Palette
    from neural_painter.palettes.reading import read_palette as read_palette
    from neural_painter.photo.config import PhotoConfig as PhotoConfig
    from neural_painter.photo.transfer import PhotoProgress as PhotoProgress
    from neural_painter.photo.transfer import PhotoResult as PhotoResult
    from neural_painter.photo.transfer import photo_transfer as photo_transfer
    from neural_painter.strokes import StrokeDocument as StrokeDocument
    from neural_painter.strokes import Strokes as Strokes
    from neural_painter.strokes import read_document as read_document
    from neural_painter.strokes import write_document as write_document
    from neural_painter.style.config import StyleConfig as StyleConfig
    from neural_painter.style.gatys import StyleProgress as StyleProgress
    from neural_painter.style.gatys import StyleResult as StyleResult
    from neural_painter.style.gatys import style_picture as style_picture
    from renderers.weights import WeightsError as WeightsError

__version__ = "0.1.0"

_NAMES = {
    "neural_painter.errors": "UserError UsageError InputError OutputError NumericalError",
    "neural_painter.export.finish": "Finish",
    "neural_painter.fast.model": "StyleModel load_model style_transfer",
    "neural_painter.features": "Features load_features",
    "neural_painter.images": "find_pictures read_image write_image",
    "neural_painter.importance": "FacesError importance_map read_mask",
    "neural_painter.painter.config": "PaintConfig StrokeStyleConfig",
    "neural_painter.painter.work": "Progress",
    "neural_painter.painter.styling": "StrokeStyle",
    "neural_painter.painting": "Painting paint restyle",
    "neural_painter.palettes.colours": "Palette",
    "neural_painter.palettes.reading": "read_palette",
    "neural_painter.photo.config": "PhotoConfig",
    "neural_painter.photo.transfer": "PhotoProgress PhotoResult photo_transfer",
    "neural_painter.strokes": "StrokeDocument Strokes read_document write_document",
    "neural_painter.style.config": "StyleConfig",
    "neural_painter.style.gatys": "StyleProgress StyleResult style_picture",
    "neural_painter.export.swapping": "swap_brush",
    "renderers.weights": "WeightsError",
}
"""Modules, and the public names that each is the home of."""

_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Names are looked up when first used, so that `paint.py --help` does not load torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
