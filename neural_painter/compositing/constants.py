"""Numbers that the back ends share; their meaning is in the package's docstring."""

MAX_ALPHA = 0.999
"""Largest alpha of one stroke: an opaque stroke still lets the gradient see a little of what lies behind it."""

STOP = 1e-4
"""Transmittance below which what lies behind is ignored."""

MIN_HALF = 1e-5
"""Smallest half length and half width, in canvas long sides."""

TILE = 16
"""Side of a tile on a GPU and in the finished picture, in pixels; the compositor on the CPU has larger ones."""
