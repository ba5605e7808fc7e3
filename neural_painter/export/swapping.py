"""The strokes of a painting with another brush: placements stay, shapes go over by their names, paint fits in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from neural_painter.export.dyes import dyes_of
from neural_painter.export.rendering import render
from neural_painter.export.spines import STATIONS, along
from neural_painter.images import LUMA, fit_long_side, in_greys
from neural_painter.strokes import StrokeDocument, Strokes
from renderers.brush import COLOURS, FIRST, OPACITY, SECOND, Brush
from renderers.brushes import brush as find_brush

Array = np.ndarray

PICTURE = "brush_picture"
"""What a document's options call the SHA-256 of the picture that its brush is made of."""

LOOKED_AT = 512
"""Long side in pixels of the painting in which strokes are looked for."""

UNLIKE = 0.15
"""Difference of a channel from which a colour is not that of a stroke: texture makes about as much."""


def swap_brush(document: StrokeDocument, brush: str) -> StrokeDocument:
    """A painting with another brush, without painting it anew.

    Where strokes lie and how they are turned stays. Shape numbers are those of the same name, within the new brush's
    range; those that the old brush lacks are as the new brush begins with. A brush of one colour takes the mean of the
    two, one of greys their lightness. Strokes of which nothing was seen take the colours that are seen where they lie:
    other edges and gaps would show them; strokes that become less translucent keep the difference that they made. Those
    of a brush that multiplies take dyes that show the painting together; those that multiplied and now cover, the
    colours that were seen. A canvas that was the old brush's own becomes the new one's.

    Args:
        document: any painting; what a painter would need to go on with it is left out.
        brush: name of the new brush.

    Returns:
        The painting with the new brush, which knows nothing of weights.

    Raises:
        ValueError: there is no such brush, or the document is not valid.
    """
    old, new = document.check(), find_brush(brush)
    options = {**document.options, "brush": brush} if "brush" in document.options else dict(document.options)
    canvas = new.ground if np.allclose(document.canvas, old.ground, atol=1e-4) else document.canvas
    swapped = replace(
        document,
        brush=brush,
        canvas=canvas,
        strokes=_taken_over(document, old, new),
        options=with_picture(options, new),
        weights="",
        state={},
    )
    if new.blend == "multiply" and old.name != new.name and len(document.strokes):
        picture = _looked_at(document)
        dyes = dyes_of(swapped, in_greys(picture) if new.greys else picture, new)
        swapped.strokes.paint[:, COLOURS] = dyes
    return swapped


def with_picture(options: dict[str, Any], brush: Brush) -> dict[str, Any]:
    """A document's options, which tell the picture of its brush, where it is made of one."""
    others = {key: value for key, value in options.items() if key != PICTURE}
    return {**others, PICTURE: brush.picture} if brush.picture else others


def note_on_picture(document: StrokeDocument) -> str | None:
    """What is to be said where the brush of a document's name is no longer the one that it was painted with."""
    theirs = document.options.get(PICTURE)
    ours = document.find_brush().picture
    if theirs is None or theirs == ours:
        return None
    return f"was painted with another brush of the name {document.brush}, made of another picture: it looks different"


def _taken_over(document: StrokeDocument, old: Brush, new: Brush) -> Strokes:
    strokes = document.strokes
    theirs = {parameter.name: strokes.shape[:, k] for k, parameter in enumerate(old.free_shape)}
    shape = np.empty((len(strokes), len(new.free_shape)), np.float32)
    for k, parameter in enumerate(new.free_shape):
        shape[:, k] = theirs.get(parameter.name, parameter.default)
    paint = strokes.paint.copy()
    opacity = np.clip(paint[:, OPACITY], np.float32(new.opacity.low), np.float32(new.opacity.high))
    if old.name != new.name and new.blend == "over" and len(strokes):
        paint[:, COLOURS] = _as_seen(document, old, opacity)
    if 1 in (old.colours, new.colours):
        paint[:, FIRST] = (paint[:, FIRST] + paint[:, SECOND]) / 2 if old.colours == 2 else paint[:, FIRST]
        paint[:, SECOND] = paint[:, FIRST]
    if new.greys:
        for colour in (FIRST, SECOND):
            paint[:, colour] = np.clip(paint[:, colour] @ LUMA, *new.greys)[:, None]
    paint[:, OPACITY] = opacity
    return Strokes(strokes.placement, np.clip(shape, new.shape_low[1:], new.shape_high[1:]), paint, strokes.ids)


def _as_seen(document: StrokeDocument, old: Brush, opacity: Array) -> Array:
    """Both colours of each stroke, `[N, 6]`, so that they fit in where they are seen more than before.

    What nobody saw may have any colour: a stroke whose colour is nowhere to be seen along it takes what is. One that
    becomes less translucent keeps the difference that it made.
    """
    seen, there = along(document.strokes, _looked_at(document))  # [N, P, 3], [N, P]
    paint = document.strokes.paint
    first, second = paint[:, None, FIRST], paint[:, None, SECOND] if old.colours == 2 else paint[:, None, FIRST]
    mix = 0.5 + 0.5 * STATIONS[None, :, None]
    unlike = np.abs((1 - mix) * first + mix * second - seen).max(axis=2)
    is_hidden = np.where(there, unlike, np.inf).min(axis=1) > UNLIKE
    share = np.where(is_hidden, 0, np.minimum(paint[:, OPACITY] / opacity, 1))[:, None]
    if old.blend == "multiply":  # a dye is no colour that was seen
        share = np.zeros_like(share)
    colours = []
    for own, weight in ((first, 1 - mix), (second, mix)):
        weight = weight * there[..., None] + 1e-9
        around = (seen * weight).sum(axis=1) / weight.sum(axis=1)
        colours.append(around + share * (own[:, 0] - around))
    made = np.clip(np.concatenate(colours, axis=1), 0, 1)
    made[~there.any(axis=1)] = paint[~there.any(axis=1), COLOURS]
    return made.astype(np.float32)


def _looked_at(document: StrokeDocument) -> Array:
    """The painting as strokes are looked for in it."""
    return render(document, fit_long_side(*document.size, LOOKED_AT))
