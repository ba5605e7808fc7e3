"""Where to put new strokes: on the largest errors, along the form, in the colours found there."""

from __future__ import annotations

import cv2
import numpy as np

from neural_painter.painter.emphasis import Emphasis
from neural_painter.strokes import Strokes
from renderers.brush import FIRST, OPACITY, PAINT_WIDTH, SECOND, Brush
from renderers.kernels import kernel

Array = np.ndarray


@kernel()
def _pick(error, reaches, count):  # type: ignore[no-untyped-def]
    """Takes the largest error again and again, each time damping its neighbourhood: `[count, 2]` rows and columns."""
    height, width = error.shape
    picked = np.empty((count, 2), np.int64)
    best_of_row = np.empty(height, np.int64)
    for row in range(height):
        best_of_row[row] = np.argmax(error[row])
    for k in range(count):
        best_row, best = 0, -1.0
        for row in range(height):
            value = error[row, best_of_row[row]]
            if value > best:
                best, best_row = value, row
        best_column = best_of_row[best_row]
        picked[k, 0], picked[k, 1] = best_row, best_column
        reach = reaches[best_row, best_column]
        radius = int(np.ceil(2.5 * reach))
        for row in range(max(0, best_row - radius), min(height, best_row + radius + 1)):
            for column in range(max(0, best_column - radius), min(width, best_column + radius + 1)):
                distance = ((row - best_row) ** 2 + (column - best_column) ** 2) / (reach * reach)
                error[row, column] *= 1 - 0.97 * np.exp(-0.5 * distance)
            best_of_row[row] = np.argmax(error[row])
    return picked


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
) -> Strokes:
    """New strokes for what the canvas lacks.

    Args:
        target, canvas: `[H, W, 3]` at the stage's resolution.
        brush: gives ranges and defaults.
        count: how many strokes.
        size: their typical half length, in canvas long sides.
        generator: breaks ties.
        emphasis: where error counts more and strokes are smaller; None where all places are alike.
    """
    height, width = target.shape[:2]
    long_side = max(height, width)
    pixels = size * long_side
    half_width = pixels / brush.aspect.default
    error = np.square(target - canvas).sum(2) + 1e-5 + 1e-6 * generator.random((height, width))
    error = cv2.GaussianBlur(error.astype(np.float32), (0, 0), max(0.5, half_width * 0.5)).astype(np.float64)
    reaches = np.full((height, width), 0.5 * np.sqrt(height * width / max(count, 1)))
    if emphasis is not None:
        sizes = emphasis.sizes((height, width))
        error *= emphasis.at((height, width)) * sizes**2  # what a stroke of this place's size would take away
        reaches *= sizes
    rows, columns = _pick(error, np.maximum(reaches, 0.6), count).T
    angle, coherence = orientation(target, max(0.8, half_width * 0.7))
    angle, coherence = angle[rows, columns], coherence[rows, columns]

    # Long and slender along marked edges, compact where nothing has a direction.
    aspect = np.clip(brush.aspect.default * (0.65 + 0.7 * coherence), brush.aspect.low * 1.1, brush.aspect.high)
    spread = np.exp(generator.normal(0, 0.12, count))
    half_length = size * np.sqrt(aspect / brush.aspect.default) * spread
    if emphasis is not None:
        half_length *= sizes[rows, columns]
    x, y = (columns + 0.5) / long_side, (rows + 0.5) / long_side
    placement = np.stack([x, y, half_length, half_length / aspect, angle], axis=1)

    shape = np.tile(np.array([p.default for p in brush.free_shape], np.float64), (count, 1))
    paint = np.empty((count, PAINT_WIDTH))
    blurred = cv2.GaussianBlur(target, (0, 0), max(0.5, half_width * 0.4))
    reach_x, reach_y = np.cos(angle) * half_length * 0.45, np.sin(angle) * half_length * 0.45
    for slot, sign in ((FIRST, -1), (SECOND, 1)) if brush.colours == 2 else ((FIRST, 0), (SECOND, 0)):
        column = np.clip(((x + sign * reach_x) * long_side).astype(int), 0, width - 1)
        row = np.clip(((y + sign * reach_y) * long_side).astype(int), 0, height - 1)
        paint[:, slot] = blurred[row, column]
    paint[:, OPACITY] = brush.opacity.default
    # In no order: put on by size of error they would pile up where two regions meet.
    order = generator.permutation(count)
    return Strokes(placement[order], shape[order], np.clip(paint[order], 0, 1))


def join(first: Strokes, second: Strokes) -> Strokes:
    """Both sets, the second on top."""
    pairs = ((first.placement, second.placement), (first.shape, second.shape), (first.paint, second.paint))
    return Strokes(*(np.concatenate(pair) for pair in pairs))


def keep(strokes: Strokes, chosen: Array) -> Strokes:
    """The strokes where `chosen` `[N]` is true, in their order."""
    return Strokes(strokes.placement[chosen], strokes.shape[chosen], strokes.paint[chosen])
