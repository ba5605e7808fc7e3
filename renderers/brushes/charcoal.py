"""Charcoal: greys on cream paper, drawn with the side of a stick."""

import math

import numpy as np

from renderers.brush import Brush, Parameter, Surface, point_function
from renderers.texture import bow, noise, smoothstep, streaks

MARGIN = np.float32(0.05)


@point_function
def point(along, across, footprint, shape, seed):  # type: ignore[no-untyped-def]
    aspect, smudge = shape[0], shape[2]
    bend = bow(aspect, shape[1])
    position = along / aspect
    radius = np.float32(1) - MARGIN - math.sqrt(bend * bend + np.float32(1e-4))
    lateral = np.float32((across - bend * (1 - 2 * position * position)) / radius)

    # Smudged with a finger, it fades out to its sides.
    wander = noise(along * np.float32(1.1), lateral * np.float32(1.3), 0)
    beside = abs(lateral) - np.float32(0.9) + np.float32(0.05) * wander
    soft = np.float32(0.08) + np.float32(0.7) * smudge
    half = np.float32(0.5) * footprint
    side = 1 - smoothstep(-soft - half, np.float32(0.06) + half, beside)
    beyond = abs(along) - (aspect - MARGIN - np.float32(0.16) * radius) + radius * np.float32(0.08) * wander
    end = 1 - smoothstep(-radius * soft - half, np.float32(0.1) * radius + half, beyond)

    broad = streaks(along, lateral, np.float32(4), footprint, 0)
    fine = streaks(along, lateral, np.float32(13), footprint, seed + 1)
    body = np.float32(0.93) + np.float32(0.05) * broad + np.float32(0.05) * fine
    alpha = side * end * min(max(body, np.float32(0)), np.float32(1))
    shade = 1 + np.float32(0.05) * broad
    return np.float32(alpha), np.float32(shade), np.float32(0)


BRUSH = Brush(
    name="charcoal",
    shape=(
        Parameter("aspect", 1.0, 6.0, "half length / half width", 2.5, "follows from the placement"),
        Parameter("bend", -0.35, 0.35, "half widths", 0.0, "how far the middle of the stroke bows out"),
        Parameter("smudge", 0.0, 1.0, "half widths", 0.35, "how softly its sides fade"),
    ),
    colours=1,
    opacity=Parameter("opacity", 0.1, 1.0, "1", 0.6, "light charcoal lets paper and strokes below through"),
    point=point,
    surface=Surface(cells=450, sharpness=1.0, depth=0.25),
    blend="multiply",
    greys=(0.08, 0.97),
    paper="cold",
    ground=(0.957, 0.925, 0.863),
    about="greys on cream paper, grainy, smudged",
)
