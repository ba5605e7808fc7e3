"""Coloured pencil: a few lines side by side, hatched along the form."""

import math

import numpy as np

from renderers.brush import Brush, Parameter, Surface, point_function
from renderers.texture import bow, coverage, lines_before, noise

MARGIN = np.float32(0.06)
LINES = 4


@point_function
def point(along, across, footprint, shape, seed):  # type: ignore[no-untyped-def]
    aspect, weight = shape[0], shape[2]
    bend = bow(aspect, shape[1])
    position = along / aspect
    radius = np.float32(1) - MARGIN - math.sqrt(bend * bend + np.float32(1e-4))
    lateral = np.float32((across - bend * (1 - 2 * position * position)) / radius)

    # Lines from a moving hand: not quite parallel, not quite equal; each begins and ends where it likes.
    place = (lateral + 1) * np.float32(0.5 * LINES) + np.float32(0.22) * noise(
        along * np.float32(0.5), np.float32(0.5), 0
    )
    line = min(max(math.floor(place), 0), LINES - 1)
    own = noise(np.float32(line * 7.3 + 0.5), np.float32(3.5), 0)
    thick = np.float32(0.5) + np.float32(0.32) * weight
    half = np.float32(0.25 * LINES) * (np.float32(0.4) * footprint + np.float32(0.10)) / radius
    lead = (lines_before(place + half, thick) - lines_before(place - half, thick)) / (2 * half)
    reach = aspect - MARGIN - radius * (np.float32(0.16) + np.float32(0.14) * own)
    alpha = lead * coverage(abs(along + np.float32(0.08) * own) - reach, footprint + np.float32(0.2) * radius)
    alpha *= coverage(abs(lateral) - 1, footprint + np.float32(0.03))
    pressed = np.float32(0.90) + np.float32(0.08) * noise(
        along * np.float32(2), np.float32(line) + np.float32(0.5), seed
    )
    shade = 1 + np.float32(0.05) * own
    return np.float32(alpha * pressed), np.float32(shade), np.float32(0)


BRUSH = Brush(
    name="pencil",
    shape=(
        Parameter("aspect", 1.5, 8.0, "half length / half width", 3.5, "follows from the placement"),
        Parameter("bend", -0.35, 0.35, "half widths", 0.0, "how far the middle of the lines bows out"),
        Parameter("weight", 0.0, 1.0, "1", 0.7, "how thick the lines are: with a sharp point or a blunt one"),
    ),
    colours=1,
    opacity=Parameter("opacity", 0.2, 1.0, "1", 0.6, "pressed lightly or hard"),
    blend="multiply",
    point=point,
    surface=Surface(cells=400, sharpness=1.0, depth=0.3),
    broadest=3.0,
    paper="cold",
    ground=(0.985, 0.978, 0.955),
    about="lines of coloured pencil side by side, hatched along the form, on toothed paper",
)
