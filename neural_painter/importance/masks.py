"""Masks that say what matters: pictures in which white matters and black does not."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from neural_painter.images import MOST_PIXELS, fit_long_side, read_picture, resize

Array = np.ndarray

BLACK = (0.0, 0.0, 0.0)

SOFT = 0.006
"""Standard deviation, in long sides, by which a mask's edges are softened: a stroke has no sharp end to fit them."""

SIDE = 512
"""Long side at which a mask is softened."""


def read_mask(
    path: str | Path, *, notes: list[str] | None = None, max_pixels: int = MOST_PIXELS, needed: int | None = None
) -> Array:
    """Reads a mask; what is transparent does not matter.

    Args:
        path: a picture in any format that is read as a photo.
        notes: one sentence is appended for each thing that was changed, dropped or guessed.
        max_pixels, needed: as for `read_picture`.

    Returns:
        `[h, w]` float32 in [0, 1]: the picture's grey.

    Raises:
        InputError: missing, not a regular file, not a picture, damaged or too large.
    """
    picture = read_picture(path, canvas=BLACK, notes=notes, max_pixels=max_pixels, needed=needed)
    return picture.pixels.mean(axis=2, dtype=np.float32)


def fitted(mask: Array, size: tuple[int, int], notes: list[str] | None = None) -> Array:
    """A mask at the size `(height, width)` of its photo, with soft edges.

    Raises:
        ValueError: it is not `[h, w]`, or not of finite numbers in [0, 1].
    """
    if mask.ndim != 2 or not mask.size or not (np.isfinite(mask).all() and mask.min() >= 0 and mask.max() <= 1):
        raise ValueError(f"importance: expected a mask [h, w] of numbers in [0, 1], got {list(mask.shape)}")
    if mask.shape != size and notes is not None:
        (h, w), (height, width) = mask.shape, size
        other = "size" if abs(h * width - w * height) <= 0.02 * h * width + max(width, w) else "shape"
        notes.append(f"the mask has another {other} than the photo: it was resized")
    if mask.max() == mask.min() and notes is not None:
        notes.append("the mask is the same everywhere: everything matters alike")
    # Softened where that is quick, and the same for a large photo as for a small one.
    small = resize(np.asarray(mask, np.float32), size=fit_long_side(*size, min(max(size), SIDE)))
    soft = cv2.GaussianBlur(small, (0, 0), max(0.5, SOFT * max(small.shape)), borderType=cv2.BORDER_REPLICATE)
    return resize(soft, size=size)
