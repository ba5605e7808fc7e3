"""Oil: a loaded bristle brush. Two colours run into each other along the stroke; bristles streak it, ends are torn."""

import math

import numpy as np

from renderers.brush import Brush, Parameter, point_function, relief_function
from renderers.texture import bow, coverage, noise, smoothstep, streaks

MARGIN = np.float32(0.05)


@point_function
def point(along, across, footprint, shape, seed):  # type: ignore[no-untyped-def]
    aspect, load = shape[0], shape[2]
    bend = bow(aspect, shape[1])
    position = along / aspect
    radius = np.float32(1) - MARGIN - math.sqrt(bend * bend + np.float32(1e-4))
    lateral = np.float32((across - bend * (1 - 2 * position * position)) / radius)

    # Ends: rounded, then torn. Clumps of bristles belong to the brush (seed 0), single hairs to the stroke.
    rounding = radius * np.float32(0.35) * lateral * lateral
    clumps = noise(lateral * np.float32(2.6), np.float32(0.5), 0)
    tufts = noise(lateral * np.float32(6.5), np.float32(2.5), 0)
    short = min(aspect * np.float32(0.4), np.float32(1))
    hairs = radius * np.float32(0.045) * short * streaks(np.float32(0), lateral, np.float32(38), footprint, seed)
    front = aspect - MARGIN - rounding - radius * (np.float32(0.10) + np.float32(0.05) * (clumps + tufts))
    dry = np.float32(0.12) + np.float32(0.5) * (1 - load)
    back = aspect - MARGIN - rounding - radius * dry * (np.float32(0.5) + np.float32(0.25) * (clumps + tufts))
    alpha = coverage(-along - front - hairs, footprint + radius * np.float32(0.05))
    alpha *= coverage(along - back - hairs, footprint + radius * dry * np.float32(0.4))

    # Sides: a faint tremble.
    tremble = np.float32(0.02) * noise(along * np.float32(14), lateral * 2, seed + 7)
    alpha *= coverage((abs(lateral) - 1 + tremble) * radius, footprint + np.float32(0.02))

    # Bristles: ridges of paint, and gaps where a brush with little paint has left the canvas bare.
    fine = streaks(along, lateral, np.float32(37), footprint, seed + 1)
    middle = streaks(along, lateral, np.float32(19), footprint, seed + 2)
    broad = streaks(along, lateral, np.float32(7), footprint, 0)
    ridges = np.float32(0.45) * fine + np.float32(0.3) * middle + np.float32(0.25) * broad
    worn = smoothstep(np.float32(-0.2), np.float32(1), position) * (1 - load)
    gaps = smoothstep(np.float32(0), np.float32(0.7), np.float32(0.3) * fine + np.float32(0.8) * tufts)
    alpha *= 1 - worn * gaps * np.float32(0.9)
    shade = 1 + np.float32(0.13) * ridges - np.float32(0.05) * smoothstep(np.float32(0.8), np.float32(1), abs(lateral))

    mix = np.float32(0.5) + np.float32(0.5) * position + np.float32(0.04) * ridges
    mix = min(max(mix, np.float32(0)), np.float32(1))
    return np.float32(alpha), np.float32((1 - mix) * shade), np.float32(mix * shade)


@relief_function
def relief(along, across, footprint, shape, seed):  # type: ignore[no-untyped-def]
    """Furrows of bristles, a ridge of paint pushed aside along either side, and what is left where the brush lifts off.

    Bristles are those of `point`; the finer, the lower, for else they would be scratches in a large picture.
    """
    aspect, load = shape[0], shape[2]
    bend = bow(aspect, shape[1])
    position = along / aspect
    radius = np.float32(1) - MARGIN - math.sqrt(bend * bend + np.float32(1e-4))
    lateral = np.float32((across - bend * (1 - 2 * position * position)) / radius)
    furrows = np.float32(0.14) * streaks(along, lateral, np.float32(37), footprint, seed + 1)
    furrows += np.float32(0.30) * streaks(along, lateral, np.float32(19), footprint, seed + 2)
    furrows += np.float32(0.56) * streaks(along, lateral, np.float32(7), footprint, 0)
    clumps = noise(lateral * np.float32(2.6), np.float32(0.5), 0)
    spent = (np.float32(1.25) - load) * smoothstep(np.float32(-0.6), np.float32(1), position)
    body = (np.float32(0.62) + np.float32(0.55) * furrows + np.float32(0.12) * clumps) * (1 - spent)
    side = (abs(lateral) - np.float32(0.87)) / np.float32(0.085)
    ridge = np.float32(0.34) * math.exp(-side * side) * (np.float32(0.6) + np.float32(0.4) * furrows)
    lift = (along - aspect + np.float32(0.30)) / np.float32(0.14)
    blob = np.float32(0.38) * load * math.exp(-lift * lift) * (np.float32(0.7) + np.float32(0.8) * furrows)
    return np.float32(body + ridge + blob)


BRUSH = Brush(
    name="oil",
    shape=(
        Parameter("aspect", 1.0, 6.0, "half length / half width", 2.5, "follows from the placement"),
        Parameter("bend", -0.35, 0.35, "half widths", 0.0, "how far the middle of the stroke bows out"),
        Parameter("load", 0.3, 1.0, "1", 0.9, "paint on the brush: little of it leaves dry, torn tails"),
    ),
    colours=2,
    opacity=Parameter("opacity", 0.85, 1.0, "1", 1.0, "oil covers"),
    point=point,
    relief=relief,
    about="opaque, bristled, two colours running into each other along the stroke",
)
