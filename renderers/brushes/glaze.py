"""Glaze: washes of watercolour that dry before the next is laid, so that each darkens what lies below.

Its borders are softer than a single wash's: two hard ones side by side leave a white line that no later glaze fills.
"""

from dataclasses import replace

from renderers.brush import Parameter
from renderers.brushes.watercolor import BRUSH as WASH

BRUSH = replace(
    WASH,
    name="glaze",
    shape=tuple(replace(number, settled=(0.95, 0.3)) if number.settled else number for number in WASH.shape),
    opacity=Parameter("opacity", 0.05, 1.0, "1", 0.5, "how much pigment is in the water"),
    blend="multiply",
    about="watercolour in transparent layers: washes multiply, white is the paper's; for 2000 strokes and more",
)
