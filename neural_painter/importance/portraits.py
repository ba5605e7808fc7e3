"""What of a face matters: eyes, nose and mouth most, then the face, its hair and neck, and skin of its colour."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from neural_painter.images import fit_long_side, resize
from neural_painter.importance.faces import Face

Array = np.ndarray

SIDE = 512
"""Long side at which faces are marked; a photo that is smaller is marked as it is."""

FEATURES, FACE, HEAD, SKIN = 1.0, 0.75, 0.5, 0.35
"""How much they matter: eyes, nose and mouth; the face; hair and neck; skin elsewhere in the photo."""

SPREAD = 0.12
"""Standard deviation of the mark of an eye, a nose or an end of a mouth, in widths of the face."""

HEADROOM = 1.7
"""Where the mark of a head ends, with hair and neck, in half sizes of the box of its face."""

NEARBY = (6.0, 15.0)
"""Up to where skin is looked for, and where it is none any more, in half sizes of the box: people are 7 heads tall."""

STEADY = 12.0
"""Added to the variances of a face's colours (Lab, of 100): evenly lit skin would know no other light."""


def portrait(image: Array, faces: Sequence[Face]) -> Array:
    """How much every pixel matters for the sake of faces.

    Args:
        image: `[H, W, 3]` float32 in [0, 1], sRGB.
        faces: as `find_faces` gives them.

    Returns:
        `[H, W]` float32 in [0, 1]; 0 everywhere where there is no face.
    """
    height, width = image.shape[:2]
    small = resize(image, size=fit_long_side(height, width, min(SIDE, max(height, width))))
    scale = np.array([small.shape[1] / width, small.shape[0] / height])
    marks = np.zeros(small.shape[:2], np.float32)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2Lab)
    for face in faces:
        box, mark = _marked(face, small.shape[:2], scale)
        skin = SKIN * _fading(box, *NEARBY) * _skin(lab, box < 0.7)
        marks = np.maximum(marks, np.maximum(mark, skin))
    return resize(marks, size=(height, width))


def _marked(face: Face, size: tuple[int, int], scale: Array) -> tuple[Array, Array]:
    """Of a face at a size: each pixel's distance from its middle, 1 on the ellipse in its box; how much it matters."""
    rows, columns = (axis + 0.5 for axis in np.mgrid[: size[0], : size[1]].astype(np.float32))
    (x, y), (w, h) = np.array(face.centre) * scale, np.maximum(np.array(face.size) * scale, 1.0)
    distance = np.hypot((columns - x) / (w / 2), (rows - y) / (h / 2))
    mark = np.maximum(HEAD * _fading(distance, 1.0, HEADROOM), FACE * _fading(distance, 0.9, 1.3))
    for px, py in face.points * scale:
        near = np.exp(-((columns - px) ** 2 + (rows - py) ** 2) / (2 * (SPREAD * w) ** 2))
        mark = np.maximum(mark, mark + (FEATURES - mark) * near)
    return distance, mark.astype(np.float32)


def _fading(distance: Array, first: float, last: float) -> Array:
    """1 up to the first distance, 0 from the last, smooth between."""
    part = np.clip((last - distance) / (last - first), 0, 1)
    fading: Array = part * part * (3 - 2 * part)
    return fading


def _skin(lab: Array, inside: Array) -> Array:
    """How much the colours of a picture are those of a face, whose inner part is given; `[H, W]`, 0 to 1."""
    if inside.sum() < 16:
        return np.zeros(lab.shape[:2], np.float32)
    # A median: eyes, lips and hair are within as well.
    middle = np.median(lab[inside], axis=0)
    spread = np.median(np.abs(lab[inside] - middle), axis=0) ** 2 * 2.2 + np.array([8 * STEADY, STEADY, STEADY])
    far = ((lab - middle) ** 2 / spread).sum(axis=2)
    alike = cv2.GaussianBlur(np.exp(-far / 4).astype(np.float32), (0, 0), 0.008 * max(lab.shape[:2]))
    return np.clip(1.5 * alike, 0, 1)
