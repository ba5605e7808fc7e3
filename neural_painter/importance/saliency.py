"""What stands out in a photo, guessed without a network.

Three cues: what is sharp, what differs in colour from what is around it, and what differs from what lies along the
photo's borders, for a subject is framed by what it is not. The first two fail alone on grass and on clouds; together
they agree on what most photos are of.

Sources: Itti, Koch and Niebur 1998 for differences of scales; Zhang et al. 2015 (minimum barrier) for borders whose
colours are a Gaussian each, and for leaving out the border that the subject touches; He, Sun and Tang 2010 for the
filter that keeps to outlines.
"""

from __future__ import annotations

import cv2
import numpy as np

from neural_painter.images import fit_long_side, resize

Array = np.ndarray

SIDE, FINE = 256, 768
"""Long sides at which a photo is looked at, and at which it is seen what is sharp."""

SMALLEST = 16
"""A side below this many pixels shows nothing."""

CENTRES = (1 / 64, 1 / 32, 1 / 16)
"""Sizes of what may stand out, in long sides; its surround is four times as large."""

BORDER = 0.06
"""Width of a border, in short sides."""

NOISE = 30.0
"""Added to the variances of a border's colours (Lab, of 100): a plain wall would make every tint strange."""


def saliency(image: Array) -> Array:
    """How much every pixel stands out.

    Args:
        image: `[H, W, 3]` float32 in [0, 1], sRGB.

    Returns:
        `[h, w]` float32 in [0, 1], of the photo's shape with a long side of at most `SIDE`; 0 everywhere where nothing
        stands out, as in a plain picture.
    """
    height, width = image.shape[:2]
    size = fit_long_side(height, width, min(SIDE, max(height, width)))
    if min(size) < SMALLEST:
        return np.zeros(size, np.float32)
    long_side = max(size)
    lab = cv2.cvtColor(resize(image, size=size), cv2.COLOR_RGB2Lab)
    strange = 0.55 * _unlike_borders(lab) + 0.45 * _contrast(lab)
    # Objects have plain parts: what matters is to lie among sharp things.
    sharp = _stretched(_blurred(_sharpness(image, size), 0.04 * long_side))
    found = _stretched(strange * (0.25 + 0.75 * sharp) * (0.4 + 0.6 * _middle(size)))
    whole = _stretched(_blurred(_along_outlines(found, lab[..., 0] / 100), 0.012 * long_side))
    around = _stretched(_blurred(found, 0.05 * long_side))
    return _stretched(0.6 * whole + 0.4 * around)


def _sharpness(image: Array, size: tuple[int, int]) -> Array:
    """How much there is at each place of the finest detail, `size`, 0 to 1."""
    height, width = image.shape[:2]
    fine = resize(image, size=fit_long_side(height, width, min(FINE, max(height, width))))
    light = np.sqrt(cv2.cvtColor(fine, cv2.COLOR_RGB2GRAY))
    detail = _blurred((light - _blurred(light, 1.0)) ** 2, max(fine.shape) / max(size))
    small = resize(detail, size=size)
    # Scans and films have a line along their edge.
    edge = max(2, round(0.015 * max(size)))
    inner = np.pad(small[edge:-edge, edge:-edge], edge, mode="edge")
    return _stretched(np.sqrt(_blurred(inner, 3.0)))


def _contrast(lab: Array) -> Array:
    """How much each place differs from its surround, at several scales; `[H, W]`, 0 to 1."""
    long_side = max(lab.shape[:2])
    found = np.zeros(lab.shape[:2], np.float32)
    for part in CENTRES:
        centre, surround = (_blurred(lab, factor * part * long_side) for factor in (1, 4))
        found += np.linalg.norm(centre - surround, axis=2)
    return _stretched(found)


def _unlike_borders(lab: Array) -> Array:
    """How much each place differs from three of the four borders, `[H, W]`, 0 to 1."""
    width = max(2, round(BORDER * min(lab.shape[:2])))
    smooth = _blurred(lab, 1.5)
    distances = []
    for border in (smooth[:width], smooth[-width:], smooth[:, :width], smooth[:, -width:]):
        colours = border.reshape(-1, 3).astype(np.float64)
        inverse = np.linalg.inv(np.cov(colours.T) + NOISE * np.eye(3))
        away = smooth - colours.mean(axis=0)
        distance = np.sqrt(np.einsum("hwi,ij,hwj->hw", away, inverse, away))
        distances.append(distance / max(distance.max(), 1e-6))
    stack = np.stack(distances)
    return _stretched((stack.sum(axis=0) - stack.max(axis=0)).astype(np.float32))


def _middle(size: tuple[int, int]) -> Array:
    """1 in the middle of a picture, falling to its corners."""
    rows, columns = np.mgrid[: size[0], : size[1]].astype(np.float32)
    away = ((columns + 0.5) / size[1] - 0.5) ** 2 + ((rows + 0.5) / size[0] - 0.5) ** 2
    fall: Array = np.exp(-away / (2 * 0.33**2))
    return fall


def _along_outlines(found: Array, light: Array) -> Array:
    """Evened out, but not over outlines of the lightness: a local linear function of it."""
    radius = max(1, round(max(found.shape) / 32))

    def mean(values: Array) -> Array:
        side = 2 * radius + 1
        return cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT)

    light_mean, found_mean = mean(light), mean(found)
    slope = (mean(light * found) - light_mean * found_mean) / (mean(light * light) - light_mean**2 + 1e-3)
    evened: Array = mean(slope) * light + mean(found_mean - slope * light_mean)
    return evened


def _blurred(values: Array, sigma: float) -> Array:
    return cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)


def _stretched(values: Array) -> Array:
    """From 0 to 1: the least twentieth becomes 0, the greatest hundredth 1; what hardly differs becomes 0."""
    low, high = np.percentile(values, [5, 99])
    if high - low < 1e-4:
        return np.zeros(values.shape, np.float32)
    stretched: Array = np.clip((values - low) / (high - low), 0, 1).astype(np.float32)
    return stretched
