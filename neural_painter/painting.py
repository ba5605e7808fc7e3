"""The library: `paint` a picture, get a `Painting` back. Nothing here prints."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neural_painter.devices import choose_device
from neural_painter.errors import InputError
from neural_painter.export import save
from neural_painter.export.raster import render
from neural_painter.images import checked_picture, fit_long_side, resize
from neural_painter.metrics import psnr, ssim
from neural_painter.painter.config import MOST_STROKES, PaintConfig
from neural_painter.painter.stages import Painter, PainterState, Progress
from neural_painter.painter.styling import StrokeStyle, Styler
from neural_painter.strokes import StrokeDocument, Strokes
from renderers.weights import load_renderer

Array = np.ndarray

SCORE_SIDE = 512
"""Long side, in pixels, at which a painting is compared with its photo."""


@dataclass(frozen=True)
class Painting:
    """A painting made of strokes: what `paint` gives. `Painting(read_document(path))` is one that was kept.

    Attributes:
        document: strokes and all that is needed to render them again.
        device: where it was painted.
        seconds: per stage, `render` and `total`.
        psnr, ssim: of the painting against the photo, both at long side 512; None where there was no photo, or a style
            was to change it.
        style_distance: of the Grams from the style's, before and after, both at long side 512; None without a style.
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
    style_distance: tuple[float | None, float] | None = None

    @property
    def strokes(self) -> Strokes:
        """The document's strokes, in painting order."""
        return self.document.strokes

    def render(self, size: int | tuple[int, int] | None = None) -> Array:
        """Paints the strokes with the ground-truth brush.

        Args:
            size: `(height, width)` or the long side, in pixels; the photo's own size where None.

        Returns:
            The picture, `[H, W, 3]` float32 in [0, 1].
        """
        return render(self.document, size_of(self.document, size))

    def save(self, path: str | Path, size: int | tuple[int, int] | None = None, *, overwrite: bool = False) -> None:
        """Writes picture, SVG, animation or document, chosen by the extension.

        Args:
            path: the file; it appears whole or not at all.
            size: as in `render`; a document has none.
            overwrite: whether a file that exists may be replaced.

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
    style: StrokeStyle | None = None,
) -> Painting:
    """Turns a photo into a painting.

    Args:
        image: `[H, W, 3]`, float in [0, 1] or uint8, sRGB.
        config: options; the defaults by default.
        on_step: called after every step with the progress.
        resume: an unfinished document of the same photo and options, to go on from.
        style: a picture whose style the strokes take on in the end.

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
    image = checked_picture(image, "image")
    began = time.perf_counter()
    state = _state(resume, config, image, style) if resume else None
    painter = Painter(image, config, on_step=on_step, state=state, style=style)
    result = painter.run()
    options: dict[str, Any] = asdict(config)
    options["canvas"] = list(config.canvas)
    if style:
        options["style"] = style.as_options()
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
    made = Painting(document, result.device, finished=result.finished, recovered=result.recovered)
    if style is None:
        photo = resize(image, size=size)
        made = replace(made, psnr=psnr(photo, picture), ssim=ssim(photo, picture))
    else:
        made = replace(made, style_distance=_distances(style, document, result.unstyled, picture))
    ended = time.perf_counter()
    return replace(made, seconds={**result.seconds, "render": ended - rendering, "total": ended - began})


def restyle(
    document: StrokeDocument,
    style: StrokeStyle,
    *,
    photo: Array | None = None,
    device: str = "auto",
    on_step: Callable[[Progress], None] | None = None,
) -> Painting:
    """Gives the strokes of a painting the style of a picture. Prints nothing.

    Args:
        document: any painting.
        style: what its strokes should look like.
        photo: what was painted, `[H, W, 3]`, float in [0, 1] or uint8; by default the painting itself says what is to
            stay recognisable.
        device: where to compute: auto, cpu or cuda.
        on_step: called after every step.

    Returns:
        The painting. After Ctrl-C (KeyboardInterrupt) it holds the strokes so far and `finished` is False.

    Raises:
        ValueError: the document is not valid, or `photo` is not a picture.
        InputError: there are no strokes, or `photo` has another shape than the painting.
        UsageError: the device is not there.
        NumericalError: the loss stopped being finite and did not recover.
        renderers.weights.WeightsError: the brush's weights are missing or damaged.
    """
    began = time.perf_counter()
    brush, strokes = document.check(), document.strokes
    if not len(strokes):
        raise InputError("the document holds no strokes: there is nothing to style")
    if photo is not None:
        photo = checked_picture(photo, "photo")
        wanted = fit_long_side(*document.size, max(photo.shape[:2]))
        if max(abs(a - b) for a, b in zip(photo.shape[:2], wanted, strict=True)) > 1:
            found = f"{photo.shape[1]}x{photo.shape[0]}"
            raise InputError(f"the photo has {found}, the painting {document.width}x{document.height}: another shape")
    where = choose_device(device)
    renderer, weights = load_renderer(brush)
    size = fit_long_side(*document.size, SCORE_SIDE)
    before = render(document, size)
    config = PaintConfig(brush=brush.name, strokes=min(len(strokes), MOST_STROKES), canvas=document.canvas)
    styler = Styler(
        strokes,
        before if photo is None else photo,
        style,
        renderer=renderer.to(where).to(memory_format=torch.channels_last),
        brush=brush,
        config=config,
    )
    steps, finished = style.config.style_steps, True

    def report(done: int, loss: float) -> None:
        if on_step:
            on_step(Progress(1, 1, done, steps, len(strokes), loss, done / steps))

    try:
        styler.run(report)
    except KeyboardInterrupt:
        finished = False
    styled = time.perf_counter()
    options = {**document.options, "style": style.as_options()}
    options.pop("unfinished", None)
    made = replace(document, strokes=styler.strokes(), options=options, weights=weights)
    distances = style.distance(before), style.distance(render(made, size))
    ended = time.perf_counter()
    seconds = {"style": styled - began, "render": ended - styled, "total": ended - began}
    recovered = styler.recovered + styler.optimiser.recovered
    return Painting(made, where.type, seconds, finished=finished, recovered=recovered, style_distance=distances)


def _distances(
    style: StrokeStyle, document: StrokeDocument, unstyled: Strokes | None, picture: Array
) -> tuple[float | None, float]:
    """How far the painting was from the style, where that is known, and how far it is."""
    before = None
    if unstyled is not None:
        before = style.distance(render(replace(document, strokes=unstyled), picture.shape[:2]))  # type: ignore[arg-type]
    return before, style.distance(picture)


def _state(document: StrokeDocument, config: PaintConfig, image: Array, style: StrokeStyle | None) -> PainterState:
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
    theirs, ours = document.options.get("style"), style.as_options() if style else None
    if theirs != ours:
        found = (
            "without a style" if theirs is None else "with another style" if ours else "with a style, now there is none"
        )
        raise InputError(f"the document to resume was painted {found}")
    place = document.options.get("unfinished")
    keys = ("stage", "step")
    if not isinstance(place, dict) or not all(isinstance(place.get(k), int) and place[k] >= 0 for k in keys):
        raise InputError("the document to resume is a finished painting: there is nothing to go on with")
    if len(document.strokes) > config.strokes:
        raise InputError(f"the document to resume holds {len(document.strokes)} strokes, more than {config.strokes}")
    return PainterState(document.strokes, place["stage"], place["step"])
