"""Statistics of instance norm that are held through a scene, so that what comes and goes does not tint all the rest.

Those of the first layer are not: it takes the light out of a frame, so that flicker and fades do not come through.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Array = np.ndarray

NEW = 0.1
"""Share of a frame's own statistics in those that are held: other things in view are followed in some ten frames."""


class HeldNorms:
    """Running means of the mean and variance of each layer, for the frames of one scene.

    Args:
        moments: by layer, `[2, C]` float64: means and variances that an earlier run has left.
    """

    def __init__(self, moments: Mapping[int, Array] | None = None) -> None:
        self._moments = dict(moments or {})

    def hold(self, layer: int, mean: Array, variance: Array) -> tuple[Array, Array]:
        """Takes a layer's own `[C]` statistics, and gives those to norm it with; the first time, its own."""
        if layer == 0:
            return mean, variance
        own = np.stack([mean, variance]).astype(np.float64)
        held = self._moments.get(layer)
        found = own if held is None else held + NEW * (own - held)
        self._moments[layer] = found  # never changed in place: whoever has asked for them keeps them
        return found[0], found[1]

    @property
    def moments(self) -> dict[int, Array]:
        """What is held now, for another `HeldNorms`."""
        return dict(self._moments)
