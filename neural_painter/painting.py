"""The library: `paint` a picture, get a `Painting` back. Nothing here prints."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from neural_painter.errors import InputError
from neural_painter.export import save
from neural_painter.export.raster import render
from neural_painter.images import fit_long_side, resize
from neural_painter.metrics import psnr, ssim
from neural_painter.painter.config import PaintConfig
from neural_painter.painter.stages import Painter, PainterState, Progress
from neural_painter.strokes import StrokeDocument, Strokes

Array = np.ndarray

SCORE_SIDE = 512
"""Long side, in pixels, at which a painting is compared with its photo."""


@dataclass(frozen=True)
class Painting:
    """A painting made of strokes.

    Attributes:
        document: strokes and all that is needed to render them again.
        device: where it was painted.
        seconds: per stage, `render` and `total`.
        psnr, ssim: of the painting against the photo, both at long side 512; None where there was no photo.
        finished: False where painting was interrupted; `paint(..., resume=document)` goes on.
        recovered: gradients that were not finite and were left out.
    """

    document: StrokeDocument
    device: str = "cpu"
    seconds: dict[str, float] = field(default_factory=dict)
    psnr: float | None = None
    ssim: float | None = None
    finished: bool = True
    recovered: int = 0

    @property
    def strokes(self) -> Strokes:
        return self.document.strokes

    def render(self, size: int | tuple[int, int] | None = None) -> Array:
        """The picture, `[H, W, 3]` float32 in [0, 1]; `size` as in `size_of`."""
        return render(self.document, size_of(self.document, size))

    def save(self, path: str | Path, size: int | tuple[int, int] | None = None, *, overwrite: bool = False) -> None:
        """Writes picture, SVG, animation or document, chosen by the extension.

        Raises:
            UsageError: an extension that is not supported.
            OutputError: the file exists already, or cannot be written.
        """
        save(Path(path), self.document, size_of(self.document, size), overwrite=overwrite)


def size_of(document: StrokeDocument, size: int | tuple[int, int] | None) -> tuple[int, int]:
    """Size in pixels, `(height, width)`: as given, from a long side, or the photo's own (None)."""
    if size is None:
        return document.height, document.width
    if isinstance(size, int):
        return fit_long_side(document.height, document.width, size)
    return size


def paint(
    image: Array,
    config: PaintConfig | None = None,
    *,
    on_step: Callable[[Progress], None] | None = None,
    resume: StrokeDocument | None = None,
) -> Painting:
    """Turns a photo into a painting.

    Args:
        image: `[H, W, 3]`, float in [0, 1] or uint8, sRGB.
        config: options; the defaults by default.
        on_step: called after every step with the progress.
        resume: an unfinished document of the same photo and options, to go on from.

    Returns:
        The painting. After Ctrl-C (KeyboardInterrupt) it holds the strokes so far and `finished` is False.

    Raises:
        ValueError: `image` is not a picture.
        InputError: `resume` belongs to another photo or other options.
        UsageError: the device is not there.
        NumericalError: the loss stopped being finite and did not recover.
        renderers.weights.WeightsError: the brush's weights are missing or damaged.
    """
    config = config or PaintConfig()
    image = _picture(image)
    began = time.perf_counter()
    painter = Painter(image, config, on_step=on_step, state=_state(resume, config, image) if resume else None)
    result = painter.run()
    options: dict[str, Any] = asdict(config)
    options["canvas"] = list(config.canvas)
    if not result.finished and result.state:
        options["unfinished"] = {"stage": result.state.stage, "step": result.state.step}
    height, width = image.shape[:2]
    document = StrokeDocument(
        width=width,
        height=height,
        canvas=config.canvas,
        brush=config.brush,
        strokes=result.strokes,
        seed=config.seed,
        options=options,
        weights=result.weights,
    )
    size = fit_long_side(height, width, SCORE_SIDE)
    rendering = time.perf_counter()
    picture = render(document, size)
    ended = time.perf_counter()
    seconds = {**result.seconds, "render": ended - rendering, "total": ended - began}
    photo = resize(image, size=size)
    return Painting(
        document, result.device, seconds, psnr(photo, picture), ssim(photo, picture), result.finished, result.recovered
    )


def _picture(image: Array) -> Array:
    array = np.asarray(image)
    if array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise ValueError(f"expected a picture [H, W, 3], got {list(array.shape)}")
    if array.dtype == np.uint8:
        return array.astype(np.float32) / 255
    array = np.ascontiguousarray(array, np.float32)
    if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
        raise ValueError("expected a picture with finite numbers in [0, 1]")
    return array


def _state(document: StrokeDocument, config: PaintConfig, image: Array) -> PainterState:
    """Where an unfinished document stands."""
    if (document.height, document.width) != image.shape[:2]:
        raise InputError(
            f"the document to resume was painted from a photo of {document.width}x{document.height}, "
            f"this one has {image.shape[1]}x{image.shape[0]}"
        )
    for option in fields(PaintConfig):
        ours, theirs = getattr(config, option.name), document.options.get(option.name)
        ours = list(ours) if isinstance(ours, tuple) else ours
        if option.name != "device" and ours != theirs:
            raise InputError(f"the document to resume was painted with {option.name} {theirs}, now it is {ours}")
    place = document.options.get("unfinished")
    keys = ("stage", "step")
    if not isinstance(place, dict) or not all(isinstance(place.get(k), int) and place[k] >= 0 for k in keys):
        raise InputError("the document to resume is a finished painting: there is nothing to go on with")
    if len(document.strokes) > config.strokes:
        raise InputError(f"the document to resume holds {len(document.strokes)} strokes, more than {config.strokes}")
    return PainterState(document.strokes, place["stage"], place["step"])
