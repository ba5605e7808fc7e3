"""From what matters to weights: one function that the painter calls, and how weights are kept within bounds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neural_painter.images import resize
from neural_painter.importance.faces import Face, find_faces, model_file
from neural_painter.importance.masks import fitted
from neural_painter.importance.portraits import portrait
from neural_painter.importance.saliency import saliency

Array = np.ndarray

LEAST, MOST = 0.5, 4.0
"""Bounds of a weight: what matters least still has to be painted."""

SURE, GUESSED = 10.0, 4.0
"""Weight of what matters most against what matters least: of masks and faces, and of what was guessed."""

ALIKE = 0.02
"""Weights that differ by less than this mark nothing."""

NO_FACE = "no face was found: everything matters alike"


def importance_map(image: Array, choice: str | Array, *, notes: list[str] | None = None) -> Array | None:
    """How much every pixel of a photo matters.

    Args:
        image: `[H, W, 3]` float32 in [0, 1], sRGB.
        choice: `none`; `faces`; `auto`, which looks for what is sharp, stands out and is framed by the rest, and for
            faces where the network is installed; or a mask `[h, w]` in [0, 1] in which 1 matters and 0 does not.
        notes: a sentence is appended for each thing that a user should know.

    Returns:
        `[H, W]` float32 of mean 1, smooth, within `LEAST` and `MOST`; None where everything matters alike.

    Raises:
        FacesError: `faces`, and the network is not installed or damaged.
        ValueError: a choice that is none of these.
    """
    size = image.shape[0], image.shape[1]
    if isinstance(choice, np.ndarray):
        return _weights(fitted(choice, size, notes), SURE)
    if choice == "none":
        return None
    if choice not in ("auto", "faces"):
        raise ValueError(f"importance: expected auto, faces, none or a mask, got {choice!r}")
    faces = find_faces(image) if choice == "faces" or model_file() else []
    if choice == "faces" and not faces and notes is not None:
        notes.append(NO_FACE)
    return with_faces(image, choice, faces)


def with_faces(image: Array, choice: str, faces: Sequence[Face]) -> Array | None:
    """As `importance_map`, of `faces` or `auto`, where it is known already which faces there are."""
    matters = portrait(image, faces)
    if choice == "auto":
        guessed = resize(saliency(image), size=(image.shape[0], image.shape[1]))
        matters = np.maximum(guessed * (np.log(GUESSED) / np.log(SURE)), matters)
    return _weights(matters, SURE)


def _weights(matters: Array, ratio: float) -> Array | None:
    """Weights from how much things matter, `[H, W]` in [0, 1]: every step of it multiplies the weight by as much."""
    raw = np.power(ratio, matters, dtype=np.float32)
    if raw.max() - raw.min() < ALIKE:
        return None
    # The factor that gives a mean of 1 once weights are within bounds; by halving, for the mean grows with it.
    low, high = LEAST / raw.max(), MOST / raw.min()
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if np.clip(raw * middle, LEAST, MOST).mean(dtype=np.float64) < 1 else (low, middle)
    weights: Array = np.clip(raw * high, LEAST, MOST).astype(np.float32)
    return weights
