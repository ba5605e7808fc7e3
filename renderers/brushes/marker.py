"""Marker: a flat felt tip drawn along a curve. One colour, hard flat ends; where strokes overlap, ink adds up."""

import math

import numpy as np

from renderers.brush import Brush, Parameter, point_function
from renderers.texture import bow, coverage, nearest_on_bezier, noise, smoothstep, streaks

MARGIN = np.float32(0.05)
CORNER = np.float32(0.12)


@point_function
def point(along, across, footprint, shape, seed):  # type: ignore[no-untyped-def]
    aspect, skew = shape[0], shape[2]
    bend = bow(aspect, shape[1])
    radius = np.float32(1) - MARGIN - math.sqrt(bend * bend + np.float32(1e-4))
    # A tilted flat end reaches past its middle; drawn in by as much, the stroke stays in its box.
    tilt = min(4 * abs(bend) / aspect / (1 - abs(skew)), np.float32(0.9))
    last = aspect - MARGIN - radius * tilt
    first, middle = -last, skew * last
    t = nearest_on_bezier(along, across, first, -bend, middle, 3 * bend, last, -bend)
    s = 1 - t
    x = s * s * first + 2 * s * t * middle + t * t * last
    y = (s * s + t * t) * -bend + 6 * s * t * bend
    tx, ty = s * (middle - first) + t * (last - middle), s * 4 * bend - t * 4 * bend
    norm = np.float32(1) / np.float32(math.sqrt(tx * tx + ty * ty) + np.float32(1e-6))
    tx, ty = tx * norm, ty * norm
    lateral = np.float32(-(along - x) * ty + (across - y) * tx)
    ahead = np.float32((along - x) * tx + (across - y) * ty)
    if t <= 0:
        over = -ahead
    elif s <= 0:
        over = ahead
    else:
        over = -min(t, s) * 2 * last
    side, tip = abs(lateral) - radius + CORNER, over + CORNER
    outside = min(max(side, tip), np.float32(0)) - CORNER
    outside += np.float32(math.sqrt(max(side, np.float32(0)) ** 2 + max(tip, np.float32(0)) ** 2))

    # A short stroke with a skewed bow would still reach past its box: cut straight where the box ends.
    outside = max(outside, abs(along) - aspect + MARGIN)
    outside += np.float32(0.012) * noise(along * np.float32(14), across * np.float32(14), seed)
    felt = np.float32(0.6) * streaks(along, lateral, np.float32(24), footprint, seed + 1)
    felt += np.float32(0.4) * streaks(along, lateral, np.float32(11), footprint, seed + 2)
    pool = smoothstep(np.float32(-0.16), np.float32(-0.02), outside)
    density = np.float32(0.9) + np.float32(0.08) * pool + np.float32(0.10) * felt
    alpha = coverage(outside, footprint + np.float32(0.015)) * min(max(density, np.float32(0)), np.float32(1))
    shade = 1 - np.float32(0.06) * pool - np.float32(0.04) * felt
    return np.float32(alpha), np.float32(shade), np.float32(0)


BRUSH = Brush(
    name="marker",
    shape=(
        Parameter("aspect", 1.0, 8.0, "half length / half width", 3.0, "follows from the placement"),
        Parameter("bend", -0.45, 0.45, "half widths", 0.0, "how far the middle of the curve bows out"),
        Parameter("skew", -0.4, 0.4, "half lengths", 0.0, "shifts the bow towards an end"),
    ),
    colours=1,
    opacity=Parameter("opacity", 0.35, 0.95, "1", 0.85, "translucent ink: overlaps are darker"),
    point=point,
    about="translucent felt tip along curves, one colour, flat ends, overlaps darken",
)
