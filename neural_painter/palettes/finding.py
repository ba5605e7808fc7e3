"""Which few colours a picture is painted with best: its colours are carried to them at the least cost.

They begin like k-means++: each where those before leave most. Then they are the free-support barycentre of the
picture's colours: masses stay, and every paint moves to the mean of what optimal transport carries to it.

Source: Arthur and Vassilvitskii 2007 for the beginning; Cuturi and Doucet 2014 for the barycentre, by POT.
"""

from __future__ import annotations

import warnings

import numpy as np

from neural_painter.images import fit_long_side, resize
from neural_painter.palettes.colours import Palette, colour_of_lab, lab_of

Array = np.ndarray

SIDE = 48
"""Long side at which the picture's colours are counted."""

CANDIDATES = 8
"""Colours of which the best is taken, in the beginning."""

ALIKE = 1e-6
"""Mean squared distance in Lab below which no further colour is looked for."""

SWEEPS = 12
"""Times that paints move to the means of what is nearest, before their masses are fixed."""

CARRIED = 3
"""Times that transport is solved, and paints move to the means of what it carries to them."""


def find_palette(picture: Array, count: int, *, weights: Array | None = None, seed: int = 0) -> Palette:
    """So many colours of a picture, from dark to light; fewer where it has fewer.

    Args:
        picture: `[H, W, 3]` sRGB in [0, 1].
        count: how many.
        weights: `[H, W]`, how much each pixel matters; None: all alike.
        seed: of the beginning.
    """
    size = fit_long_side(picture.shape[0], picture.shape[1], min(SIDE, max(picture.shape[:2])))
    colours = lab_of(np.clip(resize(picture, size=size), 0, 1)).reshape(-1, 3)
    mass = np.ones(len(colours)) if weights is None else resize(weights, size=size).reshape(-1).astype(np.float64)
    mass = np.maximum(mass, 0) + 1e-9
    mass /= mass.sum()
    places, shares = _clusters(colours, mass, count, np.random.default_rng(seed))
    return Palette.of_colours(colour_of_lab(_barycentre(colours, mass, places, shares)))


def _clusters(colours: Array, mass: Array, count: int, generator: np.random.Generator) -> tuple[Array, Array]:
    """Places `[K, 3]` and shares of the mass `[K]`; only those to which something is nearest."""
    places = colours[[generator.choice(len(colours), p=mass)]]
    near = _distances(colours, places)[:, 0]
    while len(places) < count and (left := mass * near).sum() > ALIKE:
        # Of a few candidates the one that leaves least: less is left to luck.
        tried = colours[generator.choice(len(colours), size=CANDIDATES, p=left / left.sum())]
        distances = np.minimum(near[:, None], _distances(colours, tried))
        best = int((mass @ distances).argmin())
        places, near = np.concatenate([places, tried[[best]]]), distances[:, best]
    for _ in range(SWEEPS):
        nearest = _distances(colours, places).argmin(axis=1)
        shares = np.bincount(nearest, mass, len(places))
        sums = np.stack([np.bincount(nearest, mass * channel, len(places)) for channel in colours.T], axis=1)
        places, shares = (sums[shares > 0] / shares[shares > 0, None]), shares[shares > 0]
    return places, shares


def _barycentre(colours: Array, mass: Array, places: Array, shares: Array) -> Array:
    """Where paints of these shares lie, `[K, 3]`."""
    import ot  # late: it takes a second

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few iterations are enough
        found: Array = ot.lp.free_support_barycenter(
            [colours], [mass], places, shares / shares.sum(), numItermax=CARRIED, stopThr=1e-3
        )
    return found


def _distances(a: Array, b: Array) -> Array:
    """Squared, `[N, K]`."""
    found: Array = np.square(a[:, None] - b[None]).sum(axis=2)
    return found
