"""Numbers that the back ends share; their meaning is in the package's docstring."""

MAX_ALPHA = 0.999
"""Largest alpha of one stroke: an opaque stroke still lets the gradient see a little of what lies behind it."""

STOP = 1e-4
"""Transmittance below which what lies behind is ignored."""

DARKEST = 0.03
"""Where strokes multiply, what light an opaque one lets through at least: black would be of infinite density."""

MIN_HALF = 1e-5
"""Smallest half length and half width, in canvas long sides."""

TILE = 16
"""Side of a tile on a GPU and in the finished picture, in pixels; the compositor on the CPU has larger ones."""

NEAREST = 0.02
"""Points of the plane nearer to the centre of a stroke's arc, as seen from its middle, are not on the stroke."""

ANGLES = (0.333281139, 0.134325481, 0.0504978577, 0.0461266814, -0.0202396428, 0.0265771163)
"""t / sin t = 1 + these times g, g², ... with g = 1 - cos t; t within 3e-7 up to 1.36, beyond that 1.36 to 1.57."""

SINE = (-0.04997627, 0.00114871)
"""6 (t - sin t) / t³ = 1 + these times t², t⁴; within 4e-6 for t up to 1.36."""

STRAIGHT = 1e-7
"""Sweep below which the box around a stroke is that of a straight one."""
