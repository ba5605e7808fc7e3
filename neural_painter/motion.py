"""How a picture moved on from the one before: dense flow both ways, what is seen in both, what stands still, cuts.

Flow is Kroeger's dense inverse search (Kroeger et al. 2016), as OpenCV has it; what it says going there and back tells
where it can be trusted (Sundaram et al. 2010).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

Array = np.ndarray

STILL = 3 / 255
"""Mean change around a pixel, of colours of 0 to 1, up to which it stands still: noise of cameras and codecs."""
AROUND = 5
"""Side of the square over which change is averaged, in pixels."""

CUT = 0.10
"""Mean difference to the picture before, carried along, above which there may be a cut."""
LOST = 0.60
"""Part of the pixels that are seen in both pictures, below which there may be one."""
FAINT, GONE = 0.06, 0.25
"""The same where hardly anything is found again, as between two pictures without contrast."""
OTHER = 0.30
"""Mean difference above which there is one, whatever is found again: black may come from anywhere."""

MOST = 640
"""Long side at which flow is looked for, in pixels; larger pictures take their flow from smaller copies."""

LEAST = 24
"""Sides of the smallest pictures that the search takes, in pixels; its patches are 8 wide."""


@dataclass(frozen=True)
class Motion:
    """From one picture to the next, of one size; flows are in pixels, x then y.

    Attributes:
        back: `[H, W, 2]` float32: from a pixel of the new picture to where it was in the old one.
        forth: `[H, W, 2]` float32: from a pixel of the old picture to where it is in the new one.
        seen: `[H, W]` bool, pixels of the new picture that are seen in the old one.
        kept: `[H, W]` bool, pixels of the old picture that are still seen in the new one.
        still: `[H, W]` bool, where nothing changes; flow is 0 there.
    """

    back: Array
    forth: Array
    seen: Array
    kept: Array
    still: Array


def motion_between(before: Array, after: Array, most: int = MOST) -> Motion:
    """The motion from one picture to the next.

    Args:
        before, after: `[H, W, 3]` float32 in [0, 1], of one size.
        most: long side at which flow is looked for, in pixels.

    Raises:
        ValueError: the pictures differ in size.
    """
    if before.shape != after.shape:
        raise ValueError(f"pictures of one size are expected, got {list(before.shape)} and {list(after.shape)}")
    height, width = before.shape[:2]
    still = cv2.blur(np.abs(after - before).mean(axis=2), (AROUND, AROUND)) <= STILL
    if still.all():
        nothing = np.zeros((height, width, 2), np.float32)
        return Motion(nothing, nothing, still, still, still)
    scale = min(1.0, most / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    old, new = (_grey(picture, size) for picture in (before, after))
    forth, back = _flow(old, new), _flow(new, old)
    calm = cv2.resize(still.astype(np.uint8), size, interpolation=cv2.INTER_AREA) > 0
    for flow in (forth, back):
        flow[calm] = 0
    seen, kept = _agrees(back, forth), _agrees(forth, back)
    if scale < 1:
        back, forth = (_enlarged(flow, (width, height)) for flow in (back, forth))
        seen, kept = (
            cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
            for mask in (seen, kept)
        )
        back[still] = 0
        forth[still] = 0
    return Motion(back, forth, seen | still, kept | still, still)


def carried(picture: Array, flow: Array, interpolation: int = cv2.INTER_LINEAR) -> Array:
    """What a picture `[H, W]` or `[H, W, C]` shows at the places that a flow `[H, W, 2]` leads to; edges go on outside.

    With `Motion.back` the old picture is carried into the new one's places.
    """
    height, width = flow.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return cv2.remap(picture, x + flow[..., 0], y + flow[..., 1], interpolation, borderMode=cv2.BORDER_REPLICATE)


def is_cut(before: Array, after: Array, motion: Motion) -> bool:
    """Whether another shot begins: the old picture, carried along, is far from the new one; little is found again."""
    apart = np.abs(after - carried(before, motion.back)).mean()
    seen = motion.seen.mean()
    return bool(apart > OTHER or (apart > CUT and seen < LOST) or (apart > FAINT and seen < GONE))


def _flow(old: Array, new: Array) -> Array:
    """`[H, W, 2]` float32 from grey bytes to grey bytes."""
    height, width = old.shape
    below, beside = max(0, LEAST - height), max(0, LEAST - width)
    if below or beside:
        old, new = (cv2.copyMakeBorder(p, 0, below, 0, beside, cv2.BORDER_REPLICATE) for p in (old, new))
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = search.calc(old, new, np.zeros((*old.shape, 2), np.float32))
    return np.array(flow[:height, :width])


def _grey(picture: Array, size: tuple[int, int]) -> Array:
    """Bytes, as the search takes them."""
    smaller = (
        picture
        if size == (picture.shape[1], picture.shape[0])
        else cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    )
    return np.round(255 * cv2.cvtColor(smaller, cv2.COLOR_RGB2GRAY)).astype(np.uint8)


def _enlarged(flow: Array, size: tuple[int, int]) -> Array:
    ratio = np.array([size[0] / flow.shape[1], size[1] / flow.shape[0]], np.float32)
    return cv2.resize(flow, size, interpolation=cv2.INTER_LINEAR) * ratio


def _agrees(flow: Array, other: Array) -> Array:
    """`[H, W]` bool: there and back again leads home, and not beyond the picture."""
    height, width = flow.shape[:2]
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    there_x, there_y = x + flow[..., 0], y + flow[..., 1]
    inside = (there_x >= 0) & (there_x <= width - 1) & (there_y >= 0) & (there_y <= height - 1)
    returned = carried(other, flow)
    missed = ((flow + returned) ** 2).sum(axis=2)
    allowed = 0.01 * ((flow**2).sum(axis=2) + (returned**2).sum(axis=2)) + 0.5
    return inside & (missed < allowed)  # type: ignore[no-any-return]
