"""What holds through a shot: what matters in it, its paints, its style and what hands have changed in it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from neural_painter.colour import mapped
from neural_painter.film.bench import Bench
from neural_painter.film.mattering import Mattering, gone_on
from neural_painter.film.spots import sized
from neural_painter.film.textures import Textures
from neural_painter.motion import Motion, carried
from neural_painter.painter.config import PaintConfig

Array = np.ndarray

FADES = 0.7
"""What is left in a frame of that which a painting shows beside its film, where the flow does not know whence it came:
it leaves no ghosts, and outlasts a flow that is lost for a frame."""

BLANK = 0.015
"""Standard deviation of frames below which nothing is seen in them."""


@dataclass(frozen=True)
class Shot:
    """What a shot's frames have in common.

    Attributes:
        smallest: size of the smallest strokes, against those of a picture in which all matters alike.
        matters: what does; None: everything alike.
        paints: `[K, 3]`, all that there are; None: any colours.
        colours: affine map `[3, 4]` from the film's colours to the style's; None: they stay.
        beside: `[H, W, 3]`, what the painting shows beside the film in these colours: patterns of a style, what a
            hand has changed; it is carried along. None: nothing.
        blank: whether there was nothing to be seen in it, at first or since: it knows nothing of what comes next.
    """

    smallest: float
    matters: Mattering | None = None
    paints: Array | None = None
    colours: Array | None = None
    beside: Array | None = None
    blank: bool = False

    def goal(self, picture: Array) -> Array:
        """What is to be painted of a frame `[H, W, 3]` of any size."""
        if self.colours is not None:
            picture = np.clip(mapped(picture, self.colours), 0, 1)
        if self.beside is not None:
            picture = np.clip(picture + sized(self.beside, (picture.shape[0], picture.shape[1])), 0, 1)
        return np.asarray(picture, np.float32)

    def bench(self, picture: Array, config: PaintConfig, textures: Textures | None = None) -> Bench:
        """For the strokes of a frame; and what they looked like in the one before."""
        weights = None if self.matters is None else self.matters.weights
        return Bench(
            self.goal(picture),
            config,
            weights=weights,
            paints=self.paints,
            smallest=self.smallest,
            textures=textures,
        )

    def next(self, picture: Array, config: PaintConfig, motion: Motion) -> Shot:
        """The same a frame later."""
        beside = self.beside
        if beside is not None and not motion.still.all():
            moved = carried(beside, motion.back, cv2.INTER_CUBIC)
            moved = np.where(motion.seen[..., None], moved, FADES * moved)
            beside = np.where(motion.still[..., None], beside, moved).astype(np.float32)
        matters = gone_on(self.matters, picture, config.importance, motion)
        return replace(self, matters=matters, beside=beside, blank=self.blank or is_blank(picture))

    def showing(self, canvas: Array, source: Array) -> Shot:
        """The shot in which a canvas is just what is to be painted of a frame, both `[H, W, 3]`."""
        plain = replace(self, beside=None).goal(source)
        return replace(self, beside=(canvas - plain).astype(np.float32))


def is_blank(picture: Array) -> bool:
    """Whether nothing is seen in a frame, which is black or any other colour all over."""
    return bool(picture.std() < BLANK)
