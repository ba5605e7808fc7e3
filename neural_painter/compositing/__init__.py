"""Places stamps on a canvas, differentiably: one contract, three back ends.

A *stamp* is a stroke in its own frame. Its pixel (row, column) covers, in the frame's box [-1, 1]², the point
u = 2 (column + 0.5) / S - 1 along the stroke and v = 2 (row + 0.5) / S - 1 across it. A canvas pixel with centre
(x, y) (pixel centres at +0.5, lengths divided by the canvas' long side in pixels) falls, for a stroke placed at
(cx, cy) with half length a, half width b and angle t, on

    u = ( (x - cx) cos t + (y - cy) sin t) / a
    v = (-(x - cx) sin t + (y - cy) cos t) / b

or, where the stroke sweeps along an arc that turns by s from its middle to either end, with p = u, q = v b / a, on

    u = atan2(s p, 1 - s q) / s
    v = (1 - √((s p)² + (1 - s q)²)) / s * a / b

unless 1 - s q is below NEAREST, as at the arc's centre: such pixels do not see the stroke. |s| is at most 1.2. A pixel
sees the bilinear interpolation of the stamp there, which is zero outside the stamp: texels beyond the border count
as (0, 0, 0). Its alpha is min(opacity * matte, MAX_ALPHA) and its colour is start * first + end * second. Strokes are
laid over each other in order, the last on top (source-over). Strokes behind a transmittance below STOP are ignored, in
values and gradients. Half lengths and half widths below MIN_HALF are treated as MIN_HALF.

So they are laid by default (`blend` is `over`). Strokes that `multiply` are dyes: light goes through one after the
other, and their optical densities add up, in whatever order they lie. A colour's density is
-ln(max(colour, DARKEST)), and

    density = sum over strokes of opacity * matte * (start * density of first + end * density of second)
    result  = background * exp(-density)

in each channel. So white dyes nothing, nothing is brighter than the background, and an opaque stroke (opacity, matte
and start 1) on white shows its first colour. Weights say how much dye there is: where they add up to less than 1, the
stroke is lighter (and not darker, as paint in shade is). Matte and opacity are not clamped, nothing is ignored.

Tensors, float32 (the reference takes float64 as well):

    placement   [N, 6]        x, y, half length, half width (in canvas long sides), angle, sweep (radians)
    paint       [N, 7]        first colour (3), second colour (3), opacity; all in [0, 1]
    stamps      [N, S, S, 3]  alpha matte in [0, 1], weight of the first colour, weight of the second
    background  [3] or [3, H, W]
    result      [3, H, W]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neural_painter.compositing.constants import DARKEST, MAX_ALPHA, MIN_HALF, STOP

if TYPE_CHECKING:
    from neural_painter.compositing.backend import composite as composite
    from neural_painter.compositing.backend import worth as worth

__all__ = ["DARKEST", "MAX_ALPHA", "MIN_HALF", "STOP", "composite", "worth"]


def __getattr__(name: str) -> Any:
    """Loads torch only for those who composite: rendering a document uses the tiles and nothing else."""
    if name in ("composite", "worth"):
        from neural_painter.compositing import backend

        return getattr(backend, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
