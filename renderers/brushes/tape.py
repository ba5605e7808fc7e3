"""Tape: straight strips of paper tape, one colour, cut at a slant, with fibres and a faint shadow at the edge."""

import numpy as np

from renderers.brush import Brush, Parameter, point_function
from renderers.texture import coverage, noise, smoothstep, streaks

MARGIN = np.float32(0.05)


@point_function
def point(along, across, footprint, shape, seed):  # type: ignore[no-untyped-def]
    aspect, slant = shape[0], shape[1]
    radius = np.float32(1) - MARGIN
    # Both cuts lean the same way, as from one pass of the scissors: the strip is a parallelogram inside its box.
    reach = aspect - MARGIN - radius * abs(slant)
    cut = np.float32(0.012) * noise(across * np.float32(17), along, seed)
    ends = max(along - slant * across - reach, -along + slant * across - reach) + cut
    outside = max(ends, abs(across) - radius)

    fibre = np.float32(0.6) * streaks(along, across, np.float32(20), footprint, seed + 1)
    fibre += np.float32(0.4) * streaks(across * 3, along * np.float32(0.4), np.float32(20), footprint, seed + 2)
    crease = np.float32(0.008) * noise(along * 2, across * 2, seed + 3)
    edge = smoothstep(np.float32(-0.09), np.float32(-0.01), outside)
    alpha = coverage(outside, footprint + np.float32(0.01))
    shade = 1 + np.float32(0.06) * fibre + crease - np.float32(0.07) * edge
    return np.float32(alpha), np.float32(shade), np.float32(0)


BRUSH = Brush(
    name="tape",
    shape=(
        Parameter("aspect", 1.0, 10.0, "half length / half width", 3.0, "follows from the placement"),
        Parameter("slant", -0.5, 0.5, "half widths per half width", 0.0, "lean of the cut ends"),
    ),
    colours=1,
    opacity=Parameter("opacity", 0.8, 1.0, "1", 0.97, "opaque to slightly translucent"),
    point=point,
    about="straight strips of paper tape with cut ends",
)
