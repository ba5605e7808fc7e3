"""The library: `paint` a picture, get a `Painting` back. Nothing here prints."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from neural_painter.devices import choose_device
from neural_painter.errors import InputError, UsageError
from neural_painter.export import save
from neural_painter.export.easel import is_plain
from neural_painter.export.finish import FLAT, Finish
from neural_painter.export.rendering import render
from neural_painter.export.swapping import with_picture
from neural_painter.images import checked_picture, fit_long_side, in_greys, resize
from neural_painter.importance import importance_map
from neural_painter.metrics import psnr, ssim
from neural_painter.painter.choosing import Choice, choice_of, in_paints, options_of, with_palette
from neural_painter.painter.config import MASK, PaintConfig, canvas_of
from neural_painter.painter.paints import PaintShare
from neural_painter.painter.phases import exact_side
from neural_painter.painter.resuming import KEYS as UNFINISHED_KEYS
from neural_painter.painter.resuming import (
    Photo,
    Unfinished,
    config_of,
    fitted,
    is_older,
    notes_on,
    resumed_painting,
    resumed_restyling,
)
from neural_painter.painter.rounds import Place, StateError, place_between
from neural_painter.painter.stages import Painter, empty_strokes
from neural_painter.painter.styling import StrokeStyle, Styler
from neural_painter.painter.work import CANVAS_SECONDS, Planned, Progress, Work
from neural_painter.palettes.colours import Palette
from neural_painter.strokes import StrokeDocument, Strokes
from renderers.brush import Brush
from renderers.brushes import brush as find_brush
from renderers.stamps import StampSource, load_stamps

Array = np.ndarray

SCORE_SIDE = 2048
"""Largest long side, in pixels, at which a painting is compared with its photo; smaller ones at their own size."""

STYLE_SIDE = 512
"""Long side, in pixels, at which a painting is compared with a style."""

STYLING = 5.0
"""Time of a step in style against one of the last stage: the features of a canvas take longer than its strokes."""


@dataclass(frozen=True)
class Painting:
    """A painting made of strokes: what `paint` gives. `Painting(read_document(path))` is one that was kept.

    Attributes:
        document: strokes and all that is needed to render them again.
        device: where it was painted.
        seconds: per stage, `render` and `total`.
        psnr, ssim: of the painting against the photo, both at the photo's own size, or 2048 pixels along the long side
            where it is larger; None where there was no photo, or a style was to change it.
        style_distance: of the Grams from the style's, before and after, both at long side 512; None without a style.
        finished: False where painting was interrupted; `paint(..., resume=document)` goes on.
        recovered: gradients that were not finite and were left out.
        notes: what a user should know of it, a sentence each.
        paints: how much of it each paint is, where paints were few and it is finished.
        compared: the painting `[H, W, 3]` as it was compared with the photo, so that it need not be painted again
            at that size; None where it was not.
    """

    document: StrokeDocument
    device: str = "cpu"
    seconds: dict[str, float] = field(default_factory=dict)
    psnr: float | None = None
    ssim: float | None = None
    finished: bool = True
    recovered: int = 0
    style_distance: tuple[float | None, float] | None = None
    notes: tuple[str, ...] = ()
    paints: tuple[PaintShare, ...] = ()
    compared: Array | None = field(default=None, repr=False, compare=False)

    @property
    def strokes(self) -> Strokes:
        """The document's strokes, in painting order."""
        return self.document.strokes

    def render(self, size: int | tuple[int, int] | None = None, *, finish: Finish = FLAT) -> Array:
        """Paints the strokes with the ground-truth brush.

        Args:
            size: `(height, width)` or the long side, in pixels; the photo's own size where None.
            finish: how the paint is shown: by default as it was compared with the photo.

        Returns:
            The picture, `[H, W, 3]` float32 in [0, 1].
        """
        wanted = size_of(self.document, size)
        known = self.known(wanted)
        if known is None or not is_plain(self.document, finish):
            return render(self.document, wanted, finish=finish)
        return known.copy()

    def known(self, size: tuple[int, int]) -> Array | None:
        """The picture of that `(height, width)` where it was painted already; it must not be changed."""
        return self.compared if self.compared is not None and self.compared.shape[:2] == size else None

    def save(
        self,
        path: str | Path,
        size: int | tuple[int, int] | None = None,
        *,
        overwrite: bool = False,
        finish: Finish = FLAT,
    ) -> None:
        """Writes picture, SVG, animation, relief or document, chosen by the extension.

        Args:
            path: the file; it appears whole or not at all.
            size: as in `render`; a document has none.
            overwrite: whether a file that exists may be replaced.
            finish: as in `render`.

        Raises:
            UsageError: an extension that is not supported.
            OutputError: the file exists already, or cannot be written.
        """
        wanted = size_of(self.document, size)
        save(Path(path), self.document, wanted, overwrite=overwrite, picture=self.known(wanted), finish=finish)


def score_size(size: tuple[int, int]) -> tuple[int, int]:
    """At what `(height, width)` a painting is compared with a photo of `size`: its own, or a smaller one.

    A smaller one is chosen so that its short side hardly rounds: a photo that is squeezed by a pixel lies beside its
    painting.
    """
    most = min(SCORE_SIDE, max(size))
    return size if most == max(size) else fit_long_side(*size, exact_side(size, most, 1, most=most))


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
    on_state: Callable[[StrokeDocument], None] | None = None,
    state_seconds: float = 10.0,
    on_canvas: Callable[[Array, Progress], None] | None = None,
    canvas_seconds: float = CANVAS_SECONDS,
    resume: StrokeDocument | None = None,
    style: StrokeStyle | None = None,
    mask: Array | None = None,
    palette: Palette | None = None,
    size: tuple[int, int] | None = None,
) -> Painting:
    """Turns a photo into a painting.

    Args:
        image: `[H, W, 3]`, float in [0, 1] or uint8, sRGB.
        config: options; the defaults by default.
        on_step: called after every step with the progress.
        on_state: called between two steps with an unfinished document, from which a painting that ends here can be
            gone on with.
        state_seconds: about how often.
        on_canvas: called with the canvas as it stands, `[H, W, 3]` uint8 sRGB, and the progress: after the first step,
            and then after one of those that end at least `canvas_seconds` later. A canvas has the photo's shape, but is
            as small as the strokes allow: from 64 pixels along the long side in the beginning to 1024 at most in the
            end. It is the one that the step has seen, before its strokes were moved; where nothing covers it yet, it
            shows a colour that is far from the photo's. The array is the caller's. Whatever is raised ends the
            painting; the painting does not depend on whether, or when, it is called.
        canvas_seconds: the least time between two canvases.
        resume: an unfinished document of the same photo and options, to go on from. Where it holds the painter's
            state, the painting is the one that it would have become, to the byte on one machine.
        style: a picture whose style the strokes take on in the end.
        mask: what matters and gets the finer strokes, `[h, w]` from 0 (does not) to 1, as from `read_mask`; takes the
            place of the config's `importance`.
        palette: the only colours that strokes may have in the end; takes the place of the config's `palette`. With a
            style they are painted freely, and become paints when all is done.
        size: `(height, width)` of the photo, where `image` is a smaller copy of it. The painter looks at 2048 pixels
            along the long side at most.

    Returns:
        The painting. After Ctrl-C (KeyboardInterrupt) it holds the strokes so far, its document what `resume` takes,
        and `finished` is False.

    Raises:
        ValueError: `image` is not a picture, `mask` is not a mask, or `size` has another shape.
        InputError: `resume` belongs to another photo, mask, other paints or other options.
        UsageError: the device is not there, or `importance` is `mask`, or `palette` is `own`, and there is none.
        FacesError: `importance` is `faces`, and what finds them is not installed.
        NumericalError: the loss stopped being finite and did not recover.
        renderers.weights.WeightsError: the brush's weights are missing or damaged.
    """
    config, choice = with_palette(_with_mask(config or PaintConfig(), mask), palette, resume)
    brush = find_brush(config.brush)
    config = replace(config, canvas=canvas_of(config, brush))
    image = checked_picture(image, "image")
    size = _size_of_photo(image, size)
    began = time.perf_counter()
    photo, masked = Photo(image), None if mask is None else Photo(mask)
    place = None if resume is None else resumed_painting(resume, config, size, photo, style, masked)
    notes: list[str] = []
    weights = importance_map(image, config.importance if mask is None else mask, notes=notes)
    if brush.greys:
        image = in_greys(image)
    painter = Painter(image, config, size=size, weights=weights, choice=None if style else choice)
    rounds, styler = painter.rounds(), None
    if style:
        cost = STYLING * rounds[-1].cost / rounds[-1].steps
        styler = Styler(
            image, style, renderer=painter.renderer, brush=painter.brush, config=config, size=size, cost=cost
        )
        rounds += styler.rounds(config.strokes)
    document = StrokeDocument(
        width=size[1],
        height=size[0],
        canvas=canvas_of(config, painter.brush),
        brush=config.brush,
        strokes=empty_strokes(painter.brush),
        seed=config.seed,
        options={
            **with_picture(options_of(config, choice), painter.brush),
            **({"style": style.as_options()} if style else {}),
            **({"mask": masked.digest} if masked else {}),
        },
        weights=painter.weights,
    )
    if resume is None or place is None:
        place = place_between(document.strokes)
    elif is_older(resume):
        place = fitted(place, rounds, config.strokes, styler is not None)
    told = _Callbacks(on_step, on_state, state_seconds, on_canvas, canvas_seconds)
    made = _made(rounds, place, Unfinished(document, photo), painter.device, resume, told)
    made = _in_paints(made, choice, painter.brush, painter.renderer, free=styler is not None)
    rendering = time.perf_counter()
    if styler is None:
        shown = score_size(size)
        target, picture = resize(image, size=shown), render(made.document, shown)
        made = replace(made, psnr=psnr(target, picture), ssim=ssim(target, picture), compared=picture)
    else:
        shown = fit_long_side(*size, STYLE_SIDE)
        before = None if styler.start is None else render(replace(document, strokes=styler.start), shown)
        made = replace(made, style_distance=_distances(styler.style, before, render(made.document, shown)))
    ended = time.perf_counter()
    return replace(
        made,
        seconds={**made.seconds, "render": ended - rendering, "total": ended - began},
        notes=(*notes, *made.notes),
    )


def restyle(
    document: StrokeDocument,
    style: StrokeStyle,
    *,
    photo: Array | None = None,
    device: str = "auto",
    on_step: Callable[[Progress], None] | None = None,
    on_state: Callable[[StrokeDocument], None] | None = None,
    state_seconds: float = 10.0,
    on_canvas: Callable[[Array, Progress], None] | None = None,
    canvas_seconds: float = CANVAS_SECONDS,
    resume: StrokeDocument | None = None,
) -> Painting:
    """Gives the strokes of a painting the style of a picture. Prints nothing.

    One that was painted with few paints keeps them; those that were found in its photo are found anew.
    The other losses, which keep it recognisable, are weighed as they were when it was painted; where the document does
    not say so, as by default, and the painting's `notes` tell.

    Args:
        document: any painting.
        style: what its strokes should look like.
        photo: what was painted, `[H, W, 3]`, float in [0, 1] or uint8; by default the painting itself says what is to
            stay recognisable.
        device: where to compute: auto, cpu or cuda.
        on_step: called after every step.
        on_state, state_seconds, on_canvas, canvas_seconds: as for `paint`.
        resume: an unfinished document of the same restyling, to go on from; as for `paint`.

    Returns:
        The painting. After Ctrl-C (KeyboardInterrupt) it holds the strokes so far, its document what `resume` takes,
        and `finished` is False.

    Raises:
        ValueError: the document is not valid, or `photo` is not a picture.
        InputError: there are no strokes, `photo` has another shape than the painting, or `resume` is of another one.
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
        if not _same_shape(document.size, photo):
            found = f"{photo.shape[1]}x{photo.shape[0]}"
            raise InputError(f"the photo has {found}, the painting {document.width}x{document.height}: another shape")
    kept = None if photo is None else Photo(photo)
    place = resumed_restyling(resume, document, kept, style) if resume else place_between(strokes)
    where, choice = choose_device(device), choice_of(document)
    config, notes = config_of(document)
    renderer, weights = load_stamps(brush, where, config.renderer)
    size = fit_long_side(*document.size, STYLE_SIDE)
    before = render(document, size)
    styler = Styler(
        before if photo is None else photo,
        style,
        renderer=renderer,
        brush=brush,
        config=config,
    )
    options = {key: value for key, value in document.options.items() if key not in UNFINISHED_KEYS}
    styled = replace(document, options={**options, "style": style.as_options()}, weights=weights, state={})
    unfinished = Unfinished(styled, kept, restyling=True)
    rounds = styler.rounds(len(strokes))
    told = _Callbacks(on_step, on_state, state_seconds, on_canvas, canvas_seconds)
    made = _made(rounds, place, unfinished, where, resume, told)
    made = _in_paints(made, choice, brush, renderer, free=True)
    rendering = time.perf_counter()
    distances = _distances(styler.style, before, render(made.document, size))
    ended = time.perf_counter()
    return replace(
        made,
        seconds={**made.seconds, "render": ended - rendering, "total": ended - began},
        style_distance=distances,
        notes=(*notes, *made.notes),
    )


@dataclass(frozen=True)
class _Callbacks:
    """Who is told what while a painting is made, and how often; as for `paint`."""

    on_step: Callable[[Progress], None] | None
    on_state: Callable[[StrokeDocument], None] | None
    state_seconds: float
    on_canvas: Callable[[Array, Progress], None] | None
    canvas_seconds: float


def _made(
    rounds: Sequence[Planned],
    place: Place,
    unfinished: Unfinished,
    device: torch.device,
    resumed: StrokeDocument | None,
    told: _Callbacks,
) -> Painting:
    """Does the rounds that are left; the painting as far as it came, without its scores."""

    def keep(at: Place) -> None:
        if told.on_state:
            told.on_state(unfinished.at(at))

    try:
        work = Work(
            rounds,
            place,
            on_step=told.on_step,
            on_state=keep if told.on_state else None,
            state_seconds=told.state_seconds,
            on_canvas=told.on_canvas,
            canvas_seconds=told.canvas_seconds,
        )
        finished = work.run()
    except StateError as error:
        raise InputError(f"the document to resume cannot be gone on with: {error}") from error
    return Painting(
        unfinished.finished(work.strokes) if finished else unfinished.at(work.place),
        device.type,
        work.seconds,
        finished=finished,
        recovered=work.recovered,
        notes=notes_on(resumed, unfinished.base.weights),
    )


def _in_paints(made: Painting, choice: Choice | None, brush: Brush, renderer: StampSource, *, free: bool) -> Painting:
    """A finished painting that tells its paints, where they were to be few."""
    if choice is None or not made.finished:
        return made
    document, paints = in_paints(made.document, choice, brush, renderer, free=free)
    return replace(made, document=document, paints=paints)


def _with_mask(config: PaintConfig, mask: Array | None) -> PaintConfig:
    """The options, where a mask says what matters; raises UsageError where it should and is not there."""
    if mask is not None:
        return replace(config, importance=MASK)
    if config.importance == MASK:
        raise UsageError("importance: a mask is expected beside it")
    return config


def _size_of_photo(image: Array, size: tuple[int, int] | None) -> tuple[int, int]:
    """The photo's own size, of which `image` may be a smaller copy."""
    if size is None:
        return image.shape[0], image.shape[1]
    if not _same_shape(size, image):
        raise ValueError(f"size: {list(size)} is not the shape of a picture {list(image.shape[:2])}")
    return size


def _same_shape(size: tuple[int, int], picture: Array) -> bool:
    """Whether a picture has the shape of a `(height, width)`, to a pixel."""
    wanted = fit_long_side(*size, max(picture.shape[:2]))
    return max(abs(a - b) for a, b in zip(picture.shape[:2], wanted, strict=True)) <= 1


def _distances(style: StrokeStyle, before: Array | None, after: Array) -> tuple[float | None, float]:
    """How far two pictures are from a style, the first where there is one."""
    return None if before is None else style.distance(before), style.distance(after)
