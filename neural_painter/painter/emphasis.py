"""What the weights of a photo's pixels mean for strokes: where their error counts more, they are more and smaller.

Strokes cover the same area everywhere, so there are as many more as each is smaller: n of them of area 1 / n.
"""

from __future__ import annotations

import cv2
import numpy as np

from neural_painter.images import fit_long_side

Array = np.ndarray

FINENESS = 0.65
"""Power of the weight with which sizes fall: four times the weight, 2.5 times shorter. Measured: with .5
strokes elsewhere are hardly larger, with .7 the picture loses more elsewhere than it gains."""

SIDE = 256
"""Long side at which it is looked for the smallest strokes."""


class Emphasis:
    """Weights of a photo, at any size.

    Args:
        weights: `[H, W]` float32 of mean 1, as `importance_map` gives them.
    """

    def __init__(self, weights: Array) -> None:
        self.weights = weights

    def at(self, size: tuple[int, int]) -> Array:
        """How much each pixel's error counts, `size` float32 of mean 1."""
        return _of_mean_1(self._resized(size))

    def sizes(self, size: tuple[int, int]) -> Array:
        """By what strokes at each place are longer and wider than those of a photo without weights, `size` float32."""
        sizes: Array = _of_mean_1(self._resized(size) ** (2 * FINENESS)) ** -0.5
        return sizes

    def smallest(self) -> float:
        """Size of the smallest strokes, but for those of a fiftieth of the photo, against those without weights."""
        height, width = self.weights.shape
        size = fit_long_side(height, width, min(SIDE, max(height, width)))
        return min(1.0, float(np.quantile(self.sizes(size), 0.02)))

    def _resized(self, size: tuple[int, int]) -> Array:
        method = cv2.INTER_AREA if size[0] < self.weights.shape[0] else cv2.INTER_LINEAR
        return cv2.resize(self.weights, size[::-1], interpolation=method)


def _of_mean_1(values: Array) -> Array:
    return values / values.mean(dtype=np.float64).astype(np.float32)
