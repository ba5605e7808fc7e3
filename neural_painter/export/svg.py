"""A painting as vector graphics: a path for every stroke, in painting order, whatever the brush.

A stroke becomes the outline of its matte, filled along the stroke with a gradient of the colours and opacities that are
seen there, or with one colour where the brush has but one. What is finer than that, bristles or grain, is lost; what a
stroke *is* stays: a shape that can be picked, moved and recoloured.

Strokes that multiply do so in the drawing as well (CSS `mix-blend-mode`), each filled with what it would look like on
white: exact where a stroke is alike all over. Programs that do not know of blending show them opaque.
"""

from collections.abc import Iterator
from math import cos, floor, sin
from pathlib import Path
from xml.sax.saxutils import escape

import cv2
import numpy as np

from neural_painter.compositing.constants import DARKEST
from neural_painter.export.clipping import clipped
from neural_painter.export.contours import contours
from neural_painter.export.wishes import Wishes
from neural_painter.files import check_output, written_whole
from neural_painter.strokes import StrokeDocument
from renderers.brush import FIRST, HALF_WIDTH, OPACITY, SECOND, SWEEP, Brush

Array = np.ndarray
Page = tuple[float, float]
"""Width and height of what is seen, in units."""

UNITS = 10_000
"""Units of the drawing's long side; coordinates are whole units, which are short to write."""
TOLERANCE = 3.0
"""How far an outline may be off, in units: a third of a pixel in a picture of 1000."""
SMALLEST = 0.002
"""Spots and holes below this part of the stroke's box are left out."""
SPECK = 4.0
"""Area, in units, of what is left out anyway: a fiftieth of a pixel in a picture of 1000."""
ROWS = (12, 16, 24, 32, 48)
"""Heights of a stroke's drawing, in pixels; the first with pixels of at most UNITS_PER_ROW units is taken."""
UNITS_PER_ROW = 10
MOST_COLUMNS = 480
BINS = 9
"""Sections of a stroke whose mean colour and opacity the gradient follows."""
COLOUR_STEP, OPACITY_STEP = 0.016, 0.04
"""Differences that are not worth a stop of a gradient."""
BATCH_PIXELS = 1 << 21
MULTIPLIED = ' style="mix-blend-mode:multiply"'


def write_svg(
    path: Path | str, document: StrokeDocument, size: tuple[int, int] | None = None, overwrite: bool = True
) -> None:
    """Writes a painting as SVG 1.1, for browsers and drawing programs. Same document, same bytes.

    Outlines are cut at the edges of the page: no program shows more than the page, whatever it makes of `overflow`.

    Args:
        path: the file.
        document: what to draw.
        size: (height, width) that the file asks to be shown at; the photo's where None. It can be scaled freely.
        overwrite: whether a file that exists may be replaced.

    Raises:
        ValueError: the document does not hold what it should.
        OutputError: the file exists and `overwrite` is false, or cannot be written.

    Accuracy: see tests/neural_painter/export/test_svg.py, which compares with the painting in pixels.
    """
    path = Path(path)
    check_output(path, overwrite=overwrite)
    brush = document.check()
    height, width = size or document.size
    scale = UNITS / max(height, width)
    gradients: list[str] = []
    paths: list[str] = []
    page = floor(1000 * width * scale) / 1000, floor(1000 * height * scale) / 1000
    for gradient, drawn in _elements(document, brush, page):
        if gradient:
            gradients.append(gradient)
        paths.append(drawn)
    count = len(document.strokes)
    about = f"{count} strokes of the brush {document.brush}, seed {document.seed}, on a photo of "
    about += f"{document.width} by {document.height} pixels"
    if len(paths) < count:
        about += f"; {count - len(paths)} strokes too small, too faint or too far out to be seen are left out"
    background = _colour(np.array(document.canvas))
    with (
        written_whole(path, overwrite=overwrite) as temporary,
        temporary.open("w", encoding="utf-8", newline="\n") as file,
    ):
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" ')
        file.write(f'viewBox="0 0 {width * scale:.7g} {height * scale:.7g}">\n')
        file.write(f"<title>Painting in {count} strokes</title>\n<desc>{escape(about)}</desc>\n")
        file.writelines(["<defs>\n", *(line + "\n" for line in gradients), "</defs>\n"])
        file.write(f'<rect id="canvas" width="100%" height="100%" fill="{background}"/>\n<g id="strokes">\n')
        file.writelines(line + "\n" for line in paths)
        file.write("</g>\n</svg>\n")


def export(path: Path, document: StrokeDocument, wishes: Wishes) -> None:
    """Writes SVG."""
    write_svg(path, document, wishes.size, overwrite=wishes.overwrite)


def _elements(document: StrokeDocument, brush: Brush, page: Page) -> Iterator[tuple[str, str]]:
    """The gradient, or "", and the path of each stroke that can be seen, in painting order."""
    found: dict[int, tuple[str, str]] = {}
    shape, seeds, strokes = document.full_shape(brush), document.texture_seeds(), document.strokes
    for indices, rows, columns in _batches(strokes.placement, shape[:, 0]):
        drawings = brush.draw(shape[indices], seeds[indices], rows, columns)
        for index, drawing in zip(indices, drawings, strict=True):
            placement = strokes.placement[index].astype(np.float64)
            element = _element(int(index), drawing, placement, strokes.paint[index], brush, page)
            if element:
                found[int(index)] = element
    for index in sorted(found):
        yield found[index]


def _batches(placement: Array, aspect: Array) -> Iterator[tuple[Array, int, int]]:
    """Indices of strokes that can be drawn at the same height and width, with these."""
    wanted = 2 * placement[:, HALF_WIDTH] * UNITS / UNITS_PER_ROW
    rows = np.array(ROWS)[np.searchsorted(ROWS[:-1], wanted)]
    step = rows // 2
    columns = np.minimum(np.ceil(rows * aspect / step).astype(int) * step, MOST_COLUMNS)
    for height, width in np.unique(np.stack([rows, columns], axis=1), axis=0):
        members = np.flatnonzero((rows == height) & (columns == width))
        most = max(1, BATCH_PIXELS // int(height * width))
        for start in range(0, len(members), most):
            yield members[start : start + most], int(height), int(width)


def _element(
    index: int, drawing: Array, placement: Array, paint: Array, brush: Brush, page: Page
) -> tuple[str, str] | None:
    """The gradient, or "", and the path of one stroke; None where nothing of it can be seen."""
    matte = drawing[..., 0]
    level = _level(matte)
    if level * float(paint[OPACITY]) < 1 / 512:
        return None
    outline = _outline(contours(matte, level), placement, matte.shape, page)
    if not outline:
        return None
    multiply, bins = brush.blend == "multiply", 1 if brush.colours == 1 else BINS
    at, colour, opacity = _stops(drawing, level, paint, bins, placement[SWEEP], multiply=multiply)
    mixed = MULTIPLIED if multiply else ""
    if len(at) == 1:
        return "", f'<path d="{outline}" fill="{_colour(colour[0])}"{_opacity("fill-opacity", opacity[0])}{mixed}/>'
    x, y, half_length, _, angle, _ = placement
    x1, x2 = (x + half_length * at[[0, -1]] * cos(angle)) * UNITS
    y1, y2 = (y + half_length * at[[0, -1]] * sin(angle)) * UNITS
    constant = np.ptp(opacity) == 0
    stops = []
    for offset, one, strength in zip((at - at[0]) / (at[-1] - at[0]), colour, opacity, strict=True):
        faint = "" if constant else _opacity("stop-opacity", strength)
        stops.append(f'<stop offset="{_number(offset)}" stop-color="{_colour(one)}"{faint}/>')
    gradient = (
        f'<linearGradient id="g{index}" gradientUnits="userSpaceOnUse" x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" '
        f'y2="{y2:.0f}">{"".join(stops)}</linearGradient>'
    )
    whole = _opacity("fill-opacity", opacity[0]) if constant else ""
    return gradient, f'<path d="{outline}" fill="url(#g{index})"{whole}{mixed}/>'


def _level(matte: Array) -> float:
    """Half the mean of the matte above this level: the outline whose flat filling is nearest to the matte."""
    level = float(matte.max()) / 2
    for _ in range(4):
        inside = matte[matte > level]
        if len(inside) == 0:
            return 0.0
        level = float(inside.mean(dtype=np.float64)) / 2
    return level


def _outline(loops: list[Array], placement: Array, shape: tuple[int, ...], page: Page) -> str:
    """The path data of outlines given in pixels of the stroke's drawing, as far as they are on the page."""
    x, y, half_length, half_width, angle, sweep = placement
    rows, columns = shape
    least = max(SMALLEST * 4 * half_length * half_width * UNITS**2, SPECK)
    parts = []
    for loop in loops:
        u, v = 2 * loop[:, 0] / columns - 1, 2 * loop[:, 1] / rows - 1
        if sweep:
            u, v = _swept(u, v * half_width / half_length, sweep)
            v *= half_length / half_width
        u, v = u * half_length * UNITS, v * half_width * UNITS
        points = np.stack([u * cos(angle) - v * sin(angle), u * sin(angle) + v * cos(angle)], axis=1).astype(np.float32)
        if abs(cv2.contourArea(points)) < least:
            continue
        corners = cv2.approxPolyDP(points[:, None], TOLERANCE, True)[:, 0]
        whole = np.rint(corners + np.array([x, y]) * UNITS)
        seen = clipped(whole, page)
        if seen is not whole and abs(cv2.contourArea(seen.astype(np.float32))) < SPECK:
            continue
        steps = np.diff(seen, axis=0)
        steps = steps[(steps != 0).any(axis=1)]
        if len(steps) < 2:
            continue
        numbers = "".join(n if n[0] == "-" else f" {n}" for n in map(_coordinate, steps.ravel().tolist()))
        parts.append(f"M{_coordinate(seen[0, 0])} {_coordinate(seen[0, 1])}l{numbers.lstrip()}z")
    return "".join(parts)


def _swept(along: Array, across: Array, sweep: float) -> tuple[Array, Array]:
    """Where points in the frame of a stroke that sweeps lie, in half lengths: the other way round than `bends.bent`."""
    radius, angle = 1 - sweep * across, sweep * along
    return radius * np.sin(angle) / sweep, (1 - radius * np.cos(angle)) / sweep


def _coordinate(value: float) -> str:
    """A whole number, but for what was cut at an edge of the page."""
    whole = int(value)
    return str(whole) if whole == value else f"{value:.3f}".rstrip("0").rstrip(".")


def _stops(
    drawing: Array, level: float, paint: Array, bins: int, sweep: float, *, multiply: bool
) -> tuple[Array, Array, Array]:
    """Where along the stroke (-1 to 1) a gradient needs stops, their colours `[K, 3]` and opacities `[K]`.

    Of a stroke that sweeps, along the tangent at its middle. Of one that multiplies, opaque, as it looks on white.

    One stop says that the stroke is alike all along; so it is with one bin.
    """
    matte = np.where(drawing[..., 0] > level, drawing[..., 0], 0).astype(np.float64)
    area = (matte > 0).sum(axis=0)
    mass = np.stack([matte.sum(axis=0), (matte * drawing[..., 1]).sum(axis=0), (matte * drawing[..., 2]).sum(axis=0)])
    inside = np.flatnonzero(area)
    first, last = inside[0], inside[-1] + 1
    cuts = np.unique(np.linspace(first, last, bins + 1).astype(int)[:-1])
    alpha, start, end = np.add.reduceat(mass[:, first:last], cuts - first, axis=1)
    covered = np.add.reduceat(area[first:last], cuts - first)
    at = (cuts + np.append(cuts[1:], last)) / len(area) - 1
    at = np.sin(sweep * at) / sweep if sweep else at
    keep = covered > 0  # a torn stroke can leave a section bare
    at, alpha, start, end, covered = at[keep], alpha[keep], start[keep], end[keep], covered[keep]
    if multiply:
        ink = -np.log(np.maximum(paint, DARKEST))
        density = (start[:, None] * ink[FIRST] + end[:, None] * ink[SECOND]) / covered[:, None]
        colour, opacity = np.exp(-paint[OPACITY] * density), np.ones(len(at))
    else:
        colour = (start[:, None] * paint[FIRST] + end[:, None] * paint[SECOND]) / alpha[:, None]
        opacity = paint[OPACITY] * alpha / covered
    mean_colour = (alpha[:, None] * colour).sum(axis=0) / alpha.sum()
    mean_opacity = (covered * opacity).sum() / covered.sum()
    if np.abs(opacity - mean_opacity).max() < OPACITY_STEP:
        opacity = np.full_like(opacity, mean_opacity)
    if np.ptp(opacity) == 0 and np.abs(colour - mean_colour).max() < COLOUR_STEP:
        return at[:1], mean_colour[None], opacity[:1]
    chosen = _needed(at, np.column_stack([colour / COLOUR_STEP, opacity / OPACITY_STEP]))
    return at[chosen], colour[chosen], opacity[chosen]


def _needed(at: Array, values: Array) -> Array:
    """Indices whose straight connections stay within 1 of every value: the ends, and the worst until all do."""
    chosen = [0, len(at) - 1]
    while True:
        straight = np.stack([np.interp(at, at[chosen], column[chosen]) for column in values.T], axis=1)
        error = np.abs(values - straight).max(axis=1)
        worst = int(error.argmax())
        if error[worst] <= 1 or worst in chosen:
            return np.array(chosen)
        chosen = sorted([*chosen, worst])


def _colour(colour: Array) -> str:
    red, green, blue = (int(v) for v in np.rint(np.clip(colour, 0, 1) * 255))
    text = f"{red:02x}{green:02x}{blue:02x}"
    return f"#{text[::2]}" if text[::2] == text[1::2] else f"#{text}"


def _opacity(name: str, value: float) -> str:
    return "" if value > 0.995 else f' {name}="{_number(value)}"'


def _number(value: float) -> str:
    """Two decimals, without the zeros that SVG does not need."""
    return f"{value:.2f}".rstrip("0").rstrip(".").removeprefix("0") or "0"
