"""Pictures that brushes are made of, drawn on the spot."""

import numpy as np


def leaf(rows=60, columns=72):
    """A dab `[rows, columns, 2]` of alpha and tone: an egg with holes, so that no symmetry hides a turn."""
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    alpha = np.clip((0.95 - np.hypot(x * (1 + 0.2 * x), y)) * 12, 0, 1) * (np.sin(9 * x) * np.cos(7 * y + 1) > -0.6)
    return np.rint(255 * np.stack([alpha, 0.5 + 0.4 * x], axis=-1)).astype(np.uint8)


def stroke(rows=48, columns=192):
    """A stroke `[rows, columns, 2]` of bristles, torn at its ends."""
    y, x = np.mgrid[0 : 1 : rows * 1j, 0 : 1 : columns * 1j]
    ends = 0.05 + 0.04 * np.sin(19 * y)
    alpha = np.clip(np.minimum(x - ends, 1 - 2 * ends - x) * 40, 0, 1) * (0.75 + 0.25 * np.sin(31 * y))
    alpha *= np.clip(12 * np.minimum(y, 1 - y), 0, 1)
    return np.rint(255 * np.stack([alpha, np.full_like(alpha, 0.55)], axis=-1)).astype(np.uint8)
