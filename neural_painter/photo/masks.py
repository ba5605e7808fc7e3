"""Segments: which part of the photo takes its look from which part of the style.

A mask is a picture in which every segment has a colour of its own; any colours will do. Edges may be anti-aliased, and
compression may have blurred the colours a little; then labels should differ by more than `TOLERANCE`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np

from neural_painter.colour import colour_distance, colour_statistics
from neural_painter.errors import InputError
from neural_painter.images import to_uint8

Array = np.ndarray

TOLERANCE = 24
"""Colours that differ by no more than this in any channel, of 255, are one label's, unless both masks are exact."""

FEW = 64
"""A mask of more colours than this has blends along its edges, or was compressed."""

THIN = 3
"""What no square of as many pixels fits into is an edge, not an area."""

RARE = 2e-4
"""A colour of less than this part of the mask is not looked at: it comes from edges or from compression."""

TINY = 5e-4
"""Labels of less than this part of either picture are dropped: they hold too few pixels to have a look."""

PALETTE = np.array(
    [[0, 0, 255], [0, 255, 0], [0, 0, 0], [255, 255, 255], [255, 0, 0], [255, 255, 0], [128, 128, 128], [0, 255, 255],
     [255, 0, 255], [255, 128, 0], [128, 0, 255], [0, 128, 64], [128, 64, 0], [255, 128, 192], [64, 128, 255],
     [128, 128, 0]],
    np.uint8,
)  # fmt: skip
"""Colours of automatic masks; the first nine are those of Luan et al. 2017."""


@dataclass(frozen=True)
class Segments:
    """Matching segments of two pictures.

    Attributes:
        content: `[H, W]` int32, number of the segment of each pixel.
        style: `[h, w]` int32.
        colours: `[K, 3]` uint8, the colour of each segment in the masks.
        notes: what was reassigned or dropped, a sentence each.
    """

    content: Array
    style: Array
    colours: Array
    notes: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        return len(self.colours)

    def drawn(self) -> tuple[Array, Array]:
        """The masks as pictures `[H, W, 3]` float32, as they can be read again."""
        return tuple(self.colours[labels].astype(np.float32) / 255 for labels in (self.content, self.style))  # type: ignore[return-value]


def one_segment(content: Array, style: Array) -> Segments:
    """No masks: everything is one segment."""
    nothing = [np.zeros(picture.shape[:2], np.int32) for picture in (content, style)]
    return Segments(nothing[0], nothing[1], np.full((1, 3), 255, np.uint8))


def read_segments(content: Array, style: Array, content_mask: Array, style_mask: Array) -> Segments:
    """Segments from two masks, whose colours say what belongs together.

    A label that one side lacks joins the label that looks most like it in its own picture; tiny labels do so as well.

    Args:
        content, style: pictures `[H, W, 3]` in [0, 1].
        content_mask, style_mask: masks `[h, w, 3]` in [0, 1]; one of another size than its picture is resized to it.

    Raises:
        InputError: the masks have no label in common.
    """
    notes: list[str] = []
    pictures = (content, style)
    masks = [to_uint8(mask) for mask in (content_mask, style_mask)]
    colours, exact = zip(*map(_frequent, masks), strict=True)
    tolerance = min(map(_closeness, colours)) if all(exact) else TOLERANCE
    palette = _merged(np.concatenate(list(map(_palette, masks, colours, [tolerance] * 2))), tolerance)
    # Labels first, size second: enlarged, the blends along edges would look like areas.
    labels = [
        _fitted(_assigned(masks[side], palette, tolerance, exact[side]), pictures[side].shape[:2], name, notes)
        for side, name in enumerate(("content", "style"))
    ]
    areas = np.stack([np.bincount(l.ravel(), minlength=len(palette)) / l.size for l in labels])
    kept = (areas >= TINY).all(0)
    if not kept.any():
        raise InputError("the masks have no label in common: a colour must stand for the same thing in both")
    for side, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        heirs = np.arange(len(palette))
        for lost in np.flatnonzero(~kept & (areas[side] > 0)):
            heirs[lost] = _most_alike(picture, label, int(lost), np.flatnonzero(kept))
            names = [_hexadecimal(palette[n]) for n in (lost, heirs[lost])]
            where, other = ("content", "style") if side == 0 else ("style", "content")
            why = "too small" if areas[side, lost] < TINY else f"too small in the {other}"
            why = f"not in the mask of the {other}" if areas[1 - side, lost] == 0 else why
            notes.append(
                f"label {names[0]} of the {where} ({100 * areas[side, lost]:.2g} %) is {why}; joined to {names[1]}"
            )
        labels[side] = heirs[label]
    numbers = np.cumsum(kept) - 1
    content_labels, style_labels = (numbers[label].astype(np.int32) for label in labels)
    return Segments(content_labels, style_labels, palette[kept], tuple(notes))


def automatic_segments(content: Array, style: Array, count: int, *, seed: int = 0) -> Segments:
    """Segments without masks: k-means on colour and position in each picture, matched by optimal transport.

    Args:
        content, style: pictures `[H, W, 3]` in [0, 1].
        count: segments to look for in each, 1 to 16; matching may join some.
        seed: of k-means.

    Raises:
        InputError: `count` is out of range.
    """
    if not 1 <= count <= len(PALETTE):
        raise InputError(f"automatic masks: expected 1 to {len(PALETTE)} segments, got {count}")
    try:
        import ot  # takes a second to load, and nothing else needs it
    except ImportError as error:
        raise InputError(
            f"automatic masks: POT cannot be loaded ({error})", hint="Install it with `pip install pot`, or pass masks."
        ) from error
    labels, centres, masses = zip(*(_clusters(picture, count, seed) for picture in (content, style)), strict=True)
    cost = ((centres[0][:, None] - centres[1][None]) ** 2).sum(2)
    plan = ot.emd(masses[0], masses[1], cost)
    # Each of the style's clusters goes where most of its mass goes; clusters of the content that are left without one
    # join the segment of the cluster that most of theirs goes to.
    of_style = plan.argmax(0)
    of_content = np.arange(len(masses[0]))
    for lonely in np.setdiff1d(of_content, of_style):
        of_content[lonely] = of_style[plan[lonely].argmax()]
    used = np.unique(of_style)
    numbers = np.full(len(masses[0]), -1)
    numbers[used] = np.arange(len(used))
    content_labels = numbers[of_content][labels[0]].astype(np.int32)
    style_labels = numbers[of_style][labels[1]].astype(np.int32)
    return Segments(content_labels, style_labels, PALETTE[: len(used)])


def soft_masks(labels: Array, count: int, size: tuple[int, int], *, softness: float = 0.0) -> Array:
    """One mask per segment, averaged down to a size.

    Args:
        labels: `[H, W]` numbers of segments.
        count: how many segments there are.
        size: `(height, width)` of the masks.
        softness: standard deviation of a blur of the result, in its pixels.

    Returns:
        `[count, *size]` float32 that sum to 1.
    """
    masks = np.empty((count, *size), np.float32)
    grows = size[0] > labels.shape[0]
    for k in range(count):
        mask = (labels == k).astype(np.float32)
        masks[k] = cv2.resize(mask, size[::-1], interpolation=cv2.INTER_LINEAR if grows else cv2.INTER_AREA)
        if softness > 0:
            masks[k] = cv2.GaussianBlur(masks[k], (0, 0), softness)
    return masks / np.maximum(masks.sum(0), 1e-6)


def of_one_shape(size: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether two sizes `(height, width)` are of one shape up to scale, give or take 2 % and a pixel of rounding."""
    (h, w), (height, width) = size, other
    return abs(h * width - w * height) <= 0.02 * h * width + max(width, w)


def _fitted(labels: Array, size: tuple[int, int], name: str, notes: list[str]) -> Array:
    """Labels at the size of their picture."""
    if labels.shape == size:
        return labels
    (h, w), (height, width) = labels.shape, size
    notes.append(f"the mask of the {name} is {w}x{h}, its picture {width}x{height}; the mask was resized")
    resized = cv2.resize(labels.astype(np.float32), (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    return resized.astype(np.int32)


def _packed(mask: Array) -> Array:
    return mask[..., 0].astype(np.int32) << 16 | mask[..., 1].astype(np.int32) << 8 | mask[..., 2]


def _frequent(mask: Array) -> tuple[Array, bool]:
    """The colours that are looked at, `[N, 3]` uint8, most frequent first; and whether they are all that there is.

    A mask with few colours, all of them areas, has no blends along its edges, and was not compressed.
    """
    values, counts = np.unique(_packed(mask), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    values, some = values[order], max(1, int((counts >= RARE * counts.sum()).sum()))
    colours = np.stack([values[:some] >> 16, values[:some] >> 8 & 255, values[:some] & 255], axis=1).astype(np.uint8)
    return colours, len(values) <= FEW and all(_is_area(_distance(mask, colour) == 0) for colour in colours)


def _closeness(colours: Array) -> int:
    """The largest tolerance that still tells these colours apart."""
    gaps = np.abs(colours[:, None].astype(int) - colours).max(2)[~np.eye(len(colours), dtype=bool)]
    return min([TOLERANCE, *((gaps - 1) // 2).tolist()])


def _palette(mask: Array, colours: Array, tolerance: int) -> Array:
    """The labels' colours: frequent, and found in areas, not along edges only. `[K, 3]` uint8, most frequent first."""
    colours = _merged(colours, tolerance)
    labels = _nearest(mask, colours, tolerance)
    inside = [_is_area(labels == number) for number in range(len(colours))]
    return colours[inside] if any(inside) else colours[:1]


def _is_area(where: Array) -> bool:
    """Whether a good part of the pixels are away from edges."""
    core = cv2.erode(where.astype(np.uint8), np.ones((THIN, THIN), np.uint8), borderType=cv2.BORDER_REPLICATE)
    return bool(core.sum() >= 0.1 * where.sum())


def _merged(colours: Array, tolerance: int) -> Array:
    """Colours, without those that are nearly the same as one before."""
    kept, left = [], colours.astype(int)
    while len(left):
        kept.append(left[0])
        left = left[np.abs(left - left[0]).max(1) > tolerance]
    return np.array(kept, np.uint8)


def _distance(mask: Array, colour: Array) -> Array:
    """Of each pixel, the largest difference in any channel, `[H, W]` uint8."""
    channels = [cv2.absdiff(mask[..., c], np.full_like(mask[..., c], colour[c])) for c in range(3)]
    return cv2.max(cv2.max(channels[0], channels[1]), channels[2])


def _nearest(mask: Array, colours: Array, tolerance: int) -> Array:
    """The number of the colour nearest to that of each pixel, `[H, W]` int32; -1 where none is within the tolerance."""
    labels = np.full(mask.shape[:2], -1, np.int32)
    least = np.full(mask.shape[:2], tolerance + 1, np.uint8)
    for number, colour in enumerate(colours):
        distance = _distance(mask, colour)
        labels[distance < least] = number
        least = np.minimum(least, distance)
    return labels


def _assigned(mask: Array, palette: Array, tolerance: int, exact: bool) -> Array:
    """The number of the palette's colour of every pixel; what is none of them goes with its nearest pixel that is."""
    labels = _nearest(mask, palette, tolerance)
    if not exact:
        labels[_blends(labels, palette)] = -1
    unknown = labels < 0
    if unknown.any():
        _, nearest = cv2.distanceTransformWithLabels(
            unknown.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
        )
        known = np.zeros(int(nearest.max()) + 1, np.int32)
        known[nearest[~unknown]] = labels[~unknown]
        labels[unknown] = known[nearest[unknown]]
    return labels


def _blends(labels: Array, palette: Array) -> Array:
    """Where a line too thin for an area has a colour between those of the areas that it parts: it is their edge."""
    between: list[tuple[int, int, int]] = []
    for a, b in combinations(range(len(palette)), 2):
        step, ways = palette[b].astype(float) - palette[a], palette.astype(float) - palette[a]
        part = np.clip(ways @ step / (step @ step), 0, 1)
        on_the_way = np.abs(ways - part[:, None] * step).max(1) <= TOLERANCE
        between += [(k, a, b) for k in np.flatnonzero(on_the_way).tolist() if k not in (a, b)]
    masks = {k: (labels == k).astype(np.uint8) for k in {k for triple in between for k in triple}}
    areas = {k: cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((THIN, THIN), np.uint8)) for k, mask in masks.items()}
    around = {k: cv2.dilate(area, np.ones((2 * THIN + 1, 2 * THIN + 1), np.uint8)) for k, area in areas.items()}
    blends = np.zeros(labels.shape, bool)
    for k, a, b in between:
        blends |= (masks[k] > areas[k]) & (around[a] > 0) & (around[b] > 0)
    return blends


def _most_alike(picture: Array, labels: Array, lost: int, candidates: Sequence[int] | Array) -> int:
    """The label whose colours in the picture are most like those of the lost one."""
    mine = colour_statistics(picture[labels == lost])
    distances = [colour_distance(mine, colour_statistics(picture[labels == other])) for other in candidates]
    return int(candidates[int(np.argmin(distances))])


def _hexadecimal(colour: Array) -> str:
    return "#" + "".join(f"{int(value):02x}" for value in colour)


def _clusters(picture: Array, count: int, seed: int) -> tuple[Array, Array, Array]:
    """k-means: labels `[H, W]`, centres `[K, 5]` (colour in Lab, position), masses `[K]`."""
    height, width = picture.shape[:2]
    scale = min(1.0, 200 / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2Lab) / 100
    y, x = np.mgrid[0 : size[1], 0 : size[0]].astype(np.float32)
    # What lies high in a picture is more often the same thing than what lies on its left.
    place = np.stack([0.1 * (x + 0.5) / size[0], 0.4 * (y + 0.5) / size[1]], axis=2)
    points = np.concatenate([lab, place], axis=2).reshape(-1, 5).astype(np.float32)
    count = min(count, len(np.unique(points, axis=0)))
    cv2.setRNGSeed(seed)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 60, 1e-4)
    columns = points[:, None]  # a single row would be taken for many points of one number
    _, labels, centres = cv2.kmeans(columns, count, None, criteria, 4, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    flat = labels.reshape(size[1], size[0])
    # Specks join what is around them. One mask at a time: all at full size would take a lot of memory.
    winner, most = np.zeros((height, width), np.int32), np.full((height, width), -1, np.float32)
    for k in range(count):
        mask = (flat == k).astype(np.float32)
        votes = cv2.resize(cv2.GaussianBlur(mask, (0, 0), 1.5) if min(size) >= 5 else mask, (width, height))
        winner[votes > most] = k
        most = np.maximum(most, votes)
    left, numbers = np.unique(winner, return_inverse=True)
    masses = np.bincount(numbers.ravel()) / numbers.size
    return numbers.reshape(height, width), centres[left].astype(np.float64), masses
