"""Films for benchmarks: two made of photos, whose motion is known, and the first frames of video files."""

from itertools import islice

import cv2
import numpy as np

SIDE = 384
"""Long side where no other is asked for, in pixels."""


def locked_off(photo, frames, other=None, side=SIDE):
    """A camera that stands still, a round patch that moves through the picture, and the faint noise of a sensor."""
    picture = _fitted(photo, side)
    height, width = picture.shape[:2]
    generator, radius = np.random.default_rng(0), 0.13 * height
    patch = _disc(picture if other is None else _fitted(other, side), radius)
    for number in range(frames):
        turn = 2 * np.pi * number / 90
        x, y = width * (0.5 - 0.3 * np.cos(turn)), height * (0.5 + 0.25 * np.sin(turn))
        yield _bytes(_laid(picture, patch, x, y) + generator.normal(0, 0.7 / 255, picture.shape))


def moving(photo, frames, other=None, side=SIDE):
    """A camera that pans and comes closer by 1.5 % a frame, and something that crosses the picture."""
    width = side
    height = round(width * photo.shape[0] / photo.shape[1])
    patch = _disc(_fitted(photo if other is None else other, side), 0.15 * height)
    for number in range(frames):
        scale = 1.02 * width / photo.shape[1] * 1.015 ** _there_and_back(number, 40)
        at = 0.49 + 0.003 * _there_and_back(number, 40)
        reach = width / (2 * scale * photo.shape[1])
        centre = photo.shape[1] * np.clip(at, reach, 1 - reach), photo.shape[0] * 0.5
        matrix = np.array([[scale, 0, width / 2 - scale * centre[0]], [0, scale, height / 2 - scale * centre[1]]])
        finer = cv2.GaussianBlur(photo, (0, 0), max(0.01, 0.4 / scale)) if scale < 1 else photo
        picture = cv2.warpAffine(finer, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        x = width * (0.8 - 0.6 * _there_and_back(number, 60) / 60)
        yield _bytes(_laid(picture, patch, x, height * 0.6))


def of_file(path, frames, side=SIDE):
    """The first frames of a video file; a film that ends sooner is played there and back."""
    from neural_painter.video.reading import read_frames

    found = [_bytes(_fitted(frame.astype(np.float32) / 255, side)) for frame in islice(read_frames(path), frames)]
    yield from (found[_there_and_back(number, len(found) - 1)] for number in range(frames))


def _there_and_back(number, length):
    """0, 1, ... length, ... 1, 0, 1, ..."""
    return length - abs(number % max(1, 2 * length) - length)


def _fitted(photo, side):
    scale = side / max(photo.shape[:2])
    size = round(photo.shape[1] * scale), round(photo.shape[0] * scale)
    return cv2.resize(photo, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


def _disc(picture, radius):
    """The middle of a picture, round: colours and a soft alpha."""
    side = int(radius) + 3
    middle = picture.shape[0] // 2, picture.shape[1] // 3
    part = picture[middle[0] - side : middle[0] + side, middle[1] - side : middle[1] + side]
    y, x = np.mgrid[: part.shape[0], : part.shape[1]] + 0.5 - side
    return part[:, ::-1].copy(), np.clip(radius + 0.5 - np.hypot(x, y), 0, 1)[..., None].astype(np.float32)


def _laid(picture, patch, x, y):
    """A patch over a picture, at any part of a pixel."""
    colours, alpha = patch
    size = picture.shape[1], picture.shape[0]
    matrix = np.array([[1, 0, x - colours.shape[1] / 2], [0, 1, y - colours.shape[0] / 2]])
    alpha = cv2.warpAffine(alpha, matrix, size)[..., None]
    return picture + alpha * (cv2.warpAffine(colours, matrix, size, borderMode=cv2.BORDER_REPLICATE) - picture)


def _bytes(picture):
    return np.round(255 * np.clip(picture, 0, 1)).astype(np.uint8)
