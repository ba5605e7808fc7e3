"""The grid of a network goes with the camera: what the camera moves is restyled as if it stood still.

A network with strides sees a picture in blocks, so one that has moved by a pixel gets other strokes, not moved ones.
Therefore a frame is moved, by less than a block and half a pixel, to where its blocks lie on the same things as before;
what comes out is moved back.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from neural_painter.motion import Motion, carried

Array = np.ndarray

PLAIN = 0.004
"""Squared gradient of grey, of 0 to 1, averaged around a pixel, below which a place tells nothing of motion."""
AROUND = 9
"""Side of the square over which it is averaged, in pixels."""
FEW = 20
"""Pixels that tell of the camera at least."""
SLOW = 0.05
"""Pixels a frame below which nothing moves."""
ROUNDS = 5
SAME = 0.25
"""Pixels a frame by which motions differ that count as one."""
NOTHING = 0.02
"""Pixels by which it is not worth to sample a picture anew."""


def camera_of(motion: Motion, after: Array) -> Array:
    """By how many pixels the camera's motion has moved the picture back, `[2]`, x then y; 0 where it stands still.

    Places with texture vote: for standing still, or for the motion that most of those that move have in common.
    """
    grey = cv2.cvtColor(after, cv2.COLOR_RGB2GRAY)
    slopes = [cv2.Sobel(grey, cv2.CV_32F, *order) for order in ((1, 0), (0, 1))]
    texture = cv2.blur(slopes[0] ** 2 + slopes[1] ** 2, (AROUND, AROUND))
    voters = motion.back[motion.seen & (texture > max(PLAIN, float(np.median(texture))))]
    nothing = np.zeros(2, np.float32)
    moving = voters[~_near(voters, nothing, SLOW)]
    if len(moving) < FEW:
        return nothing
    common = np.median(moving, axis=0)
    for _ in range(ROUNDS):
        near = _near(moving, common, 1)
        if near.any():
            common = moving[near].mean(axis=0)
    votes = [np.count_nonzero(_near(voters, moved, SAME)) for moved in (common, nothing)]
    return common.astype(np.float32) if votes[0] > votes[1] else nothing


def _near(flows: Array, flow: Array, reach: float) -> Array:
    """`[N]` bool: which of `[N, 2]` differ by less than that from one `[2]`, each way."""
    x, y = np.abs(flows - flow).T
    return (x < reach) & (y < reach)  # type: ignore[no-any-return]


def restyled_on_grid(
    restyle: Callable[[Array, Array | None], Array],
    picture: Array,
    stride: int,
    place: Array,
    noise: Array | None = None,
) -> Array:
    """A picture `[H, W, 3]` restyled with blocks that have moved.

    Args:
        restyle: the network; of a picture and its grain.
        picture: float32 in [0, 1].
        stride: side of a block in pixels.
        place: `[2]`: how far the picture has moved since its blocks lay as those of the network, x then y, in pixels.
        noise: `[H, W]`: its grain.

    Returns:
        `[H, W, 3]` float32 in [0, 1].
    """
    height, width = picture.shape[:2]
    whole = np.round(place)
    left, top = (-whole.astype(int)) % stride
    rest = (place - whole).astype(np.float32)
    between = np.abs(rest).max() > NOTHING
    # Always the same size, whichever way it has moved: so that arrays can be used again.
    around = int(top), stride - int(top), int(left), stride - int(left)

    def laid(values: Array) -> Array:
        there = moved(values, rest) if between else values
        return cv2.copyMakeBorder(there, *around, cv2.BORDER_REFLECT_101)

    made = restyle(np.clip(laid(picture), 0, 1), None if noise is None else laid(noise))
    made = made[top : top + height, left : left + width]
    return np.clip(moved(made, -rest), 0, 1) if between else np.ascontiguousarray(made)


def moved(picture: Array, by: Array, interpolation: int = cv2.INTER_LANCZOS4) -> Array:
    """What a picture shows `by` `[2]` pixels further, x then y, at each place."""
    flow = np.broadcast_to(np.asarray(by, np.float32), (*picture.shape[:2], 2))
    return carried(np.ascontiguousarray(picture), flow, interpolation)
