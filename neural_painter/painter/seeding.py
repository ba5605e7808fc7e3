"""Where to put new strokes: on the largest errors, along the form, as large and in such colours as lower them most."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from neural_painter.painter.emphasis import Emphasis
from neural_painter.painter.greedy import place
from neural_painter.painter.settled import settled
from neural_painter.strokes import Strokes
from renderers.brush import COLOURS, FIRST, HALVES, PLACEMENT_WIDTH, SECOND, Brush, X, Y

Array = np.ndarray

CANDIDATES = 6
"""Strokes that are tried at each place, in each size."""

SIZES = (0.6, 1.0, 1.6)
"""Sizes that are tried, against the typical one."""

ASPECTS = (0.48, 0.72, 1.0, 1.4, 2.0)
"""Aspects that are tried, against the brush's usual one."""

STAMP = 24
"""Side of the stamps that are tried, in pixels."""


def orientation(picture: Array, scale: float) -> tuple[Array, Array]:
    """Direction of form and how marked it is, from the structure tensor.

    Args:
        picture: `[H, W, 3]`.
        scale: width of the averaging, in pixels. Where there is no structure at this scale, that of larger surroundings
            counts, so flat areas take their direction from what is around them.

    Returns:
        angle `[H, W]` of the direction of least change, radians; coherence `[H, W]` in [0, 1].

    Source: Bigün and Granlund 1987.
    """
    smooth = cv2.GaussianBlur(picture, (0, 0), max(0.6, scale * 0.4))
    dx = cv2.Scharr(smooth, cv2.CV_32F, 1, 0, borderType=cv2.BORDER_REPLICATE)
    dy = cv2.Scharr(smooth, cv2.CV_32F, 0, 1, borderType=cv2.BORDER_REPLICATE)
    tensor = np.stack([(dx * dx).sum(2), (dx * dy).sum(2), (dy * dy).sum(2)], axis=2)
    total = np.zeros_like(tensor)
    for factor, weight in ((1.0, 1.0), (3.0, 0.1), (9.0, 0.01)):
        total += weight * cv2.GaussianBlur(tensor, (0, 0), max(0.6, scale * factor))
    xx, xy, yy = total[..., 0], total[..., 1], total[..., 2]
    angle = 0.5 * np.arctan2(2 * xy, xx - yy) + np.pi / 2
    coherence = np.sqrt((xx - yy) ** 2 + 4 * xy * xy) / (xx + yy + 1e-12)
    return angle.astype(np.float32), coherence.astype(np.float32)


def seed_strokes(
    target: Array,
    canvas: Array,
    brush: Brush,
    count: int,
    size: float,
    generator: np.random.Generator,
    emphasis: Emphasis | None = None,
    *,
    form: Array | None = None,
    least: float = 0.0,
    most: float = 0.6,
) -> Strokes:
    """New strokes for what the canvas lacks, to be laid over it in their order.

    Args:
        target, canvas: `[H, W, 3]` at the stage's resolution.
        brush: gives ranges and defaults.
        count: how many strokes.
        size: their typical half length, in canvas long sides.
        generator: chooses what is tried.
        emphasis: where error counts more and strokes are smaller; None where all places are alike.
        form: what `form_of` says of the target, where it is known.
        least, most: bounds of half width and half length, in canvas long sides.
    """
    height, width = target.shape[:2]
    long_side = max(height, width)
    half_width = size * long_side / brush.aspect.default
    cell = max(1.0, 0.5 * half_width)
    reach = 0.5 * np.sqrt(height * width / max(count, 1)) / cell
    aspects, stamps = _stamps(brush)
    placement, colours = np.empty((count, PLACEMENT_WIDTH)), np.empty((count, COLOURS.stop))
    place(
        np.ascontiguousarray(target, np.float32),
        np.array(canvas, np.float32, order="C"),
        stamps,
        aspects,
        brush.opacity.default,
        np.empty((height, width, 6), np.float32) if brush.blend == "multiply" else None,
        form_of(target, brush, size) if form is None else form,
        _places(emphasis, (height, width)),
        np.array(SIZES) * size * long_side,
        np.array([least, most]) * long_side,
        cell,
        reach,
        generator.random((count, CANDIDATES, 4)) - 0.5,
        placement,
        colours,
    )
    placement[:, : HALVES.stop] /= long_side
    placement[:, X].clip(0, width / long_side, out=placement[:, X])
    placement[:, Y].clip(0, height / long_side, out=placement[:, Y])
    if brush.colours == 1:
        colours[:, SECOND] = colours[:, FIRST]
    paint = np.concatenate([colours, np.full((count, 1), brush.opacity.default)], axis=1)
    return Strokes(placement, settled(brush, placement, target), paint)


def _places(emphasis: Emphasis | None, size: tuple[int, int]) -> Array:
    """By what strokes are larger at each place, and how much error counts there, `[H, W, 2]` float64."""
    if emphasis is None:
        return np.ones((*size, 2))
    return np.stack([emphasis.sizes(size), emphasis.at(size)], axis=2, dtype=np.float64)


def form_of(target: Array, brush: Brush, size: float) -> Array:
    """Direction of form, and the aspect of a stroke that suits it, `[H, W, 2]` float64.

    Long and slender along marked edges, compact where nothing has a direction.

    Args:
        target: `[H, W, 3]`.
        brush: gives the usual aspect.
        size: typical half length of a stroke, in canvas long sides.
    """
    half_width = size * max(target.shape[:2]) / brush.aspect.default
    angle, coherence = orientation(target, max(0.8, half_width * 0.7))
    aspect = np.clip(brush.aspect.default * (0.65 + 0.7 * coherence), brush.aspect.low * 1.1, brush.aspect.high)
    return np.stack([angle, aspect], axis=2, dtype=np.float64)


@lru_cache(maxsize=8)
def _stamps(brush: Brush) -> tuple[Array, Array]:
    """Aspects `[A]`, and stamps of the brush's usual stroke in each, `[A, S, S, 3]`; a colour that it lacks is 0."""
    aspects = np.clip(np.array(ASPECTS) * brush.aspect.default, brush.aspect.low, brush.aspect.high)
    shape = np.array([[aspect, *(p.default for p in brush.free_shape)] for aspect in aspects], np.float32)
    stamps = brush.draw(shape, np.arange(1, len(shape) + 1), STAMP, STAMP, supersample=2)
    if brush.colours == 1:
        stamps[..., 1] += stamps[..., 2]
        stamps[..., 2] = 0
    return aspects, stamps


def join(first: Strokes, second: Strokes) -> Strokes:
    """Both sets, the second on top; with ids where both have them."""
    pairs = ((first.placement, second.placement), (first.shape, second.shape), (first.paint, second.paint))
    ids = None if first.ids is None or second.ids is None else np.concatenate([first.ids, second.ids])
    placement, shape, paint = (np.concatenate(pair) for pair in pairs)
    return Strokes(placement, shape, paint, ids)


def keep(strokes: Strokes, chosen: Array) -> Strokes:
    """The strokes where `chosen` `[N]` is true, in their order."""
    ids = None if strokes.ids is None else strokes.ids[chosen]
    return Strokes(strokes.placement[chosen], strokes.shape[chosen], strokes.paint[chosen], ids)
