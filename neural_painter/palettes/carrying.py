"""Which paint a colour becomes at first: what optimal transport carries it to."""

from __future__ import annotations

import numpy as np

from neural_painter.palettes.colours import lab_of

Array = np.ndarray

STEPS = 12
"""Colours closer than one part of so many in each channel are carried together."""


def nearest(colours: Array, paints: Array) -> Array:
    """The number of the paint `[K, 3]` that is nearest to each colour `[N, 3]` in Lab, the first of those alike."""
    lab, others = lab_of(colours), lab_of(paints)
    found = [np.square(part[:, None] - others[None]).sum(axis=2).argmin(axis=1) for part in _parts(lab)]
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def carried(colours: Array, mass: Array, paints: Array, wanted: Array) -> Array:
    """The number of the paint `[K, 3]` that most of each colour `[N, 3]` is carried to.

    Every paint gets as much as it has in the picture that is wanted, so that none is forgotten where all strokes are a
    little off it; else each colour goes the shortest way in Lab.

    Args:
        colours: of strokes, sRGB.
        mass: `[N]`, how much of each is seen.
        paints: sRGB.
        wanted: `[M, 3]` sRGB, colours of what is to be painted.
    """
    if not len(colours) or len(paints) == 1:
        return np.zeros(len(colours), np.int64)
    import ot  # late: it takes a second

    demand = np.bincount(nearest(wanted, paints), minlength=len(paints)) + 1e-6
    _, bins = np.unique(np.floor(np.clip(colours, 0, 1) * STEPS).astype(np.int64), axis=0, return_inverse=True)
    bins = bins.reshape(-1)
    offered = np.bincount(bins, mass + 1e-9 * max(mass.sum(), 1e-9))
    means = np.stack([np.bincount(bins, channel) for channel in colours.T], axis=1) / np.bincount(bins)[:, None]
    cost = np.square(lab_of(means)[:, None] - lab_of(paints)[None]).sum(axis=2)
    plan = ot.emd(offered / offered.sum(), demand / demand.sum(), cost)
    found: Array = plan.argmax(axis=1)[bins]
    return found


def _parts(rows: Array, size: int = 4096) -> list[Array]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]
