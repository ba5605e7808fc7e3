"""Numbers that the back ends share; their meaning is in the package's docstring."""

MAX_ALPHA = 0.999
"""Largest alpha of one stroke: an opaque stroke still lets the gradient see a little of what lies behind it."""

STOP = 1e-4
"""Transmittance below which what lies behind is ignored."""

MIN_HALF = 1e-5
"""Smallest half length and half width, in canvas long sides."""

TILE = 16
"""Side of a tile on a GPU and in the finished picture, in pixels; the compositor on the CPU has larger ones."""

NEAREST = 0.02
"""Points of the plane nearer to the centre of a stroke's arc, as seen from its middle, are not on the stroke."""

ARCTANGENT = (-0.666665483, 0.399867843, -0.283246285, 0.204635786, -0.120730482, 0.038051767)
"""2 atan(h) / h = 2 + these times h², h⁴, ...; within 5e-7 for h² up to 0.65, beyond that above 1.57."""

SINE = (-1 / 20, 1 / 840, -1 / 60480)
"""6 (t - sin t) / t³ = 1 + these times t², t⁴, ...; within 2e-6 for t up to 1.36."""

STRAIGHT = 1e-7
"""Sweep below which the box around a stroke is that of a straight one."""
