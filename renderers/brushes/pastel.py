"""Soft pastel: a stick of chalk, drawn flat or on its edge. What it leaves lies on the bumps of the paper."""

import math

import numpy as np

from renderers.brush import Brush, Parameter, Surface, point_function
from renderers.texture import bow, coverage, noise, smoothstep, streaks

MARGIN = np.float32(0.05)


@point_function
def point(along, across, footprint, shape, seed):  # type: ignore[no-untyped-def]
    aspect, pressure = shape[0], shape[2]
    bend = bow(aspect, shape[1])
    position = along / aspect
    radius = np.float32(1) - MARGIN - math.sqrt(bend * bend + np.float32(1e-4))
    lateral = np.float32((across - bend * (1 - 2 * position * position)) / radius)

    # Chalk crumbles: its sides are soft, its ends not quite straight.
    wander = noise(along * np.float32(1.2), lateral * np.float32(1.5), 0)
    crumbs = np.float32(0.03) * noise(along * np.float32(13), lateral * np.float32(13), seed)
    beside = abs(lateral) - np.float32(0.86) + np.float32(0.06) * wander + crumbs
    side = 1 - smoothstep(
        np.float32(-0.20) - np.float32(0.5) * footprint, np.float32(0.12) + np.float32(0.5) * footprint, beside
    )
    slant = np.float32(0.10) * radius * lateral
    beyond = (
        abs(along + slant)
        - (aspect - MARGIN - np.float32(0.29) * radius)
        + radius * (np.float32(0.07) * wander + crumbs)
    )
    end = coverage(beyond, footprint + np.float32(0.16) * radius)

    broad = streaks(along, lateral, np.float32(5), footprint, 0)
    fine = streaks(along, lateral, np.float32(17), footprint, seed + 1)
    body = np.float32(0.97) * pressure + np.float32(0.05) * broad + np.float32(0.04) * fine
    alpha = side * end * min(max(body, np.float32(0)), np.float32(1))
    shade = 1 + np.float32(0.04) * broad + np.float32(0.03) * fine
    return np.float32(alpha), np.float32(shade), np.float32(0)


BRUSH = Brush(
    name="pastel",
    shape=(
        Parameter("aspect", 1.0, 6.0, "half length / half width", 2.5, "follows from the placement"),
        Parameter("bend", -0.35, 0.35, "half widths", 0.0, "how far the middle of the stroke bows out"),
        Parameter("pressure", 0.4, 1.0, "1", 0.9, "light strokes leave the dents of the paper bare"),
    ),
    colours=1,
    opacity=Parameter("opacity", 0.5, 0.92, "1", 0.9, "chalk covers, but never quite"),
    point=point,
    surface=Surface(cells=300, sharpness=1.0, depth=0.65),
    paper="cold",
    ground=(0.80, 0.74, 0.66),
    about="soft chalk on toothed paper: matt, grainy, one colour a stroke",
)
