"""Watercolour of older documents: a wash along a curve, each with its own dark rim and grain of the paper."""

import math

import numpy as np

from renderers.brush import Brush, Parameter, point_function
from renderers.texture import bow, coverage, nearest_on_bezier, noise, smoothstep

MARGIN = np.float32(0.06)


@point_function
def point(along, across, footprint, shape, seed):  # type: ignore[no-untyped-def]
    aspect, skew, start, end = shape[0], shape[2], shape[3], shape[4]
    bend = bow(aspect, shape[1])
    radius = np.float32(1) - MARGIN - math.sqrt(bend * bend + np.float32(1e-4))
    first, last = -(aspect - MARGIN - radius * start), aspect - MARGIN - radius * end
    middle = np.float32(0.5) * (first + last) + skew * np.float32(0.5) * (last - first)
    t = nearest_on_bezier(along, across, first, -bend, middle, 3 * bend, last, -bend)
    s = 1 - t
    x = s * s * first + 2 * s * t * middle + t * t * last
    y = (s * s + t * t) * -bend + 6 * s * t * bend
    width = radius * (start * s + end * t)
    outside = np.float32(math.sqrt((along - x) * (along - x) + (across - y) * (across - y)) - width)

    # The rim wanders: broadly in a way that belongs to the brush, finely from stroke to stroke.
    outside += radius * np.float32(0.035) * (1 + noise(along * np.float32(1.3), across * np.float32(1.3), 0))
    outside += np.float32(0.02) * noise(along * np.float32(11), across * np.float32(11), seed)

    rim = smoothstep(np.float32(-0.22), np.float32(-0.02), outside)
    visible = min(max(np.float32(1.6 - 20 * footprint), np.float32(0)), np.float32(1))
    grain = visible * noise(along * np.float32(22), across * np.float32(22), seed + 5)
    bloom = noise(along * np.float32(5), across * np.float32(5), seed + 6)
    density = np.float32(0.72) + np.float32(0.28) * rim + np.float32(0.12) * grain + np.float32(0.02) * bloom
    alpha = coverage(outside, footprint + np.float32(0.03)) * min(max(density, np.float32(0)), np.float32(1))

    shade = 1 - np.float32(0.14) * rim - np.float32(0.05) * grain
    mix = smoothstep(np.float32(-1.1), np.float32(1.1), along / aspect)
    return np.float32(alpha), np.float32((1 - mix) * shade), np.float32(mix * shade)


BRUSH = Brush(
    name="watercolor_1",
    shape=(
        Parameter("aspect", 1.0, 8.0, "half length / half width", 2.5, "follows from the placement"),
        Parameter("bend", -0.45, 0.45, "half widths", 0.0, "how far the middle of the curve bows out"),
        Parameter("skew", -0.4, 0.4, "half lengths", 0.0, "shifts the bow towards an end"),
        Parameter("start_radius", 0.35, 1.0, "widest radius", 0.9, "radius at the first end"),
        Parameter("end_radius", 0.35, 1.0, "widest radius", 0.9, "radius at the last end"),
    ),
    colours=2,
    opacity=Parameter("opacity", 0.15, 0.9, "1", 0.7, "a wash lets what lies below shine through"),
    point=point,
    about="translucent washes along curves, with dark rims and paper grain",
)
