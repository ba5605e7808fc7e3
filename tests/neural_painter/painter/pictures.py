"""Pictures made of shapes and gradients, so that tests need no photo."""

import numpy as np


def still_life(height=120, width=160):
    """Gradients, a disc, a box and a wavy ground: flat areas, soft changes and hard edges, `[H, W, 3]` float32."""
    y, x = (np.mgrid[0:height, 0:width] + 0.5) / np.array([height, width])[:, None, None]
    picture = np.stack([0.3 + 0.5 * x, 0.5 + 0.3 * y, 0.8 - 0.4 * y], axis=2)
    picture[1.6 * (x - 0.35) ** 2 + (y - 0.5) ** 2 < 0.06] = (0.85, 0.25, 0.15)
    picture[(abs(x - 0.75) < 0.12) & (abs(y - 0.4) < 0.25)] = (0.1, 0.2, 0.45)
    picture[y > 0.8 + 0.08 * np.sin(9 * x)] = (0.2, 0.35, 0.1)
    return picture.astype(np.float32)


def blank(height, width, colour=(1.0, 1.0, 1.0)):
    """One colour, `[H, W, 3]` float32."""
    return np.broadcast_to(np.float32(colour), (height, width, 3)).copy()


def stripes(angle, height=96, width=96, period=12.0):
    """Grey stripes that run along `angle` (radians, y down), `[H, W, 3]` float32."""
    y, x = np.mgrid[0:height, 0:width] + 0.5
    wave = 0.5 + 0.5 * np.sin(2 * np.pi / period * (y * np.cos(angle) - x * np.sin(angle)))
    return np.repeat(wave[:, :, None], 3, axis=2).astype(np.float32)


def half_plane(angle, side=96):
    """Dark and light, with a straight border of direction `angle` through the middle, `[H, W, 3]` float32."""
    y, x = np.mgrid[0:side, 0:side] + 0.5 - side / 2
    across = y * np.cos(angle) - x * np.sin(angle)
    return np.repeat((0.2 + 0.6 * np.clip(across + 0.5, 0, 1))[:, :, None], 3, axis=2).astype(np.float32)


def angle_between(a, b):
    """How far two directions differ, radians; half a turn is none."""
    return np.abs((np.asarray(a) - b + np.pi / 2) % np.pi - np.pi / 2)
