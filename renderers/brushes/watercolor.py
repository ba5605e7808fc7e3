"""Watercolour: a wash that runs out into wet paper, or dries with a clean edge.

Rims and grain are the paper's, which the whole picture has once: `neural_painter/export/paper.py`.
"""

import math

import numpy as np

from renderers.brush import Brush, Parameter, point_function
from renderers.texture import bow, noise, seen, smoothstep

MARGIN = np.float32(0.06)


@point_function
def point(along, across, footprint, shape, seed):  # type: ignore[no-untyped-def]
    aspect, wet = shape[0], shape[2]
    bend = bow(aspect, shape[1])
    radius = np.float32(1) - MARGIN - math.sqrt(bend * bend + np.float32(1e-4))
    position = along / aspect
    lateral = across - bend * (1 - 2 * position * position)

    # A round brush: pressed down, it is broadest in the middle. Water finds its own way, broadly in a manner that
    # belongs to the brush, finely from stroke to stroke.
    reach = max(aspect - MARGIN - radius, np.float32(0))
    beyond = max(abs(along) - reach, np.float32(0))
    outside = np.float32(math.sqrt(beyond * beyond + lateral * lateral)) - radius
    outside += radius * np.float32(0.10) * position * position
    outside += radius * np.float32(0.05) * (1 + noise(along * np.float32(1.1), across * np.float32(1.3), 0))
    crisp = 1 - wet
    waves = seen(np.float32(6), footprint) * noise(along * np.float32(6), across * np.float32(6), seed)
    ripples = seen(np.float32(17), footprint) * noise(along * np.float32(17), across * np.float32(17), seed + 1)
    outside += crisp * (np.float32(0.05) + np.float32(0.035) * waves + np.float32(0.015) * ripples)

    # Its middle stays where it is, however large the pixel.
    soft = np.float32(0.5) * (footprint + np.float32(0.04))
    alpha = 1 - smoothstep(np.float32(-0.95) * radius * wet - soft, soft, outside)
    bloom = noise(along * np.float32(3), across * np.float32(3), seed + 6)
    alpha *= np.float32(0.96) + np.float32(0.04) * bloom

    mix = smoothstep(np.float32(-1.1), np.float32(1.1), position)
    return np.float32(alpha), np.float32(1 - mix), np.float32(mix)


BRUSH = Brush(
    name="watercolor",
    shape=(
        Parameter("aspect", 1.0, 8.0, "half length / half width", 2.5, "follows from the placement"),
        Parameter("bend", -0.4, 0.4, "half widths", 0.0, "how far the middle of the stroke bows out"),
        Parameter(
            "wet",
            0.0,
            1.0,
            "radii",
            0.4,
            "how far the border runs out into the paper: 0 dries with an edge",
            (0.9, 0.05),
        ),
    ),
    colours=2,
    opacity=Parameter("opacity", 0.1, 1.0, "1", 0.8, "a wash lets what lies below shine through"),
    point=point,
    ground=(0.985, 0.978, 0.955),
    paper="cold",
    about="washes that run into each other where it is flat and dry with an edge at contours; on paper",
)
