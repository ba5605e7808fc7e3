"""What a brush is: its parameter space, and the function that says how its stroke looks at a point.

A stroke is drawn in its own frame. Lengths there are *half widths*: `across` runs from -1 to 1, `along` from -aspect to
aspect, where aspect = half length / half width. Being isotropic, textures written in these units never stretch. The
stroke must fade to nothing inside this box, a few percent before its border.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numba import types

from renderers.kernels import FAST, kernel
from renderers.threads import in_shares

Array = np.ndarray

Blend = Literal["over", "multiply"]
"""How strokes mix with what is below: paint covers it, or it is seen through dyes, one after the other."""

# Columns of a stroke's numbers, for arrays, tensors and kernels (numba takes the whole numbers, not the slices).
# Placement `[N, 6]`: centre and halves in canvas long sides; in radians the angle of the middle, and the sweep, by
# which the spine turns from there to either end: at most MAX_SWEEP.
X, Y, HALF_LENGTH, HALF_WIDTH, ANGLE, SWEEP = range(6)
CENTRE, HALVES = slice(0, 2), slice(2, 4)
PLACEMENT_WIDTH = 6
MAX_SWEEP = 1.2
# Paint `[N, 7]`, all in [0, 1].
FIRST, SECOND, COLOURS = slice(0, 3), slice(3, 6), slice(0, 6)
OPACITY = 6
PAINT_WIDTH = 7

# (along, across, footprint, shape, seed) -> (alpha, start, end)
#   footprint: side of the pixel being drawn, in half widths; detail finer than it must fade out
#   shape:     the brush's shape parameters, aspect first
#   seed:      chooses the texture
#   start, end: weights of the stroke's two colours; colour = start * first + end * second
POINT_SIGNATURE = types.UniTuple(types.float32, 3)(
    types.float32, types.float32, types.float32, types.Array(types.float32, 1, "C"), types.uint32
)
POINT_TYPE = types.FunctionType(POINT_SIGNATURE)

# The same arguments -> how high the paint lies, at most about 1
RELIEF_SIGNATURE = types.float32(*POINT_SIGNATURE.args)
RELIEF_TYPE = types.FunctionType(RELIEF_SIGNATURE)

point_function = kernel(POINT_SIGNATURE, fastmath=FAST)
"""Decorator that compiles the point function of a brush."""
relief_function = kernel(RELIEF_SIGNATURE, fastmath=FAST)
"""Decorator that compiles a brush's relief."""


@dataclass(frozen=True)
class Parameter:
    """One number of a stroke: its name, closed range, unit and where the painter starts from.

    Attributes:
        settled: what it is where the photo is flat, and at contours, of a number that the photo settles and the
            painter then holds; None: the painter looks for the best.
    """

    name: str
    low: float
    high: float
    unit: str
    default: float
    meaning: str
    settled: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not self.low <= self.default <= self.high:
            raise ValueError(f"{self.name}: default {self.default} is outside [{self.low}, {self.high}]")
        if self.settled and not all(self.low <= value <= self.high for value in self.settled):
            raise ValueError(f"{self.name}: settled {self.settled} is outside [{self.low}, {self.high}]")


@dataclass(frozen=True)
class Surface:
    """How the bumps of cold-pressed paper take the paint of a dry brush, and its dents stay bare.

    Attributes:
        cells: bumps along the canvas' long side.
        sharpness: how much of a stroke's alpha lies between dents and bumps; the smaller, the harder the grain.
        depth: how much of it is seen; 0: none.
    """

    cells: float
    sharpness: float
    depth: float = 1.0


@dataclass(frozen=True)
class Brush:
    """A ground-truth brush.

    Attributes:
        name: what the command line calls it.
        shape: shape parameters. The first is always `aspect`, which follows from the placement; the others are free.
        colours: 1 or 2, how many colours a stroke carries.
        opacity: range of the opacity, which scales the alpha matte.
        point: compiled with `point_function`; how the stroke looks at a point.
        about: one line for help texts.
        relief: compiled with `relief_function`; how high the paint lies at a point that the stroke covers, in what such
            a stroke's paint is thick; None: it lies flat.
        surface: the tooth of the paper that it is drawn on; None: smooth.
        greys: the darkest and the lightest, of a brush that has no colours; None: it has.
        broadest: largest half width of its strokes, in those of the strokes that a painting ends with: a point stays a
            point, however large the form.
        ground: colour of the canvas that it is meant for.
        paper: what it is meant for: one of `smooth`, `cold` and `rough`, or `none`, which is canvas.
        weights: the folder of its trained weights and their card; None: the project's own.
        blend: how its strokes mix with what is below, as `neural_painter.compositing` has it. With `multiply` the
            weights that `point` returns say how much dye of each colour lies there: less than 1 is lighter.
        picture: SHA-256 of the picture that its strokes are made of, hexadecimal; "" where there is none.
    """

    name: str
    shape: tuple[Parameter, ...]
    colours: int
    opacity: Parameter
    point: Callable[..., tuple[float, float, float]]
    about: str
    relief: Callable[..., float] | None = None
    surface: Surface | None = None
    greys: tuple[float, float] | None = None
    broadest: float = math.inf
    ground: tuple[float, float, float] = (1.0, 1.0, 1.0)
    paper: str = "none"
    weights: Path | None = None
    blend: Blend = "over"
    picture: str = ""

    def __post_init__(self) -> None:
        if not self.shape or self.shape[0].name != "aspect":
            raise ValueError(f"brush {self.name}: the first shape parameter must be aspect")
        if self.colours not in (1, 2):
            raise ValueError(f"brush {self.name}: a stroke carries 1 or 2 colours, got {self.colours}")
        if self.blend not in get_args(Blend):
            raise ValueError(f"brush {self.name}: strokes blend by {' or '.join(get_args(Blend))}, got {self.blend!r}")
        if self.greys and not 0 <= self.greys[0] < self.greys[1] <= 1:
            raise ValueError(f"brush {self.name}: greys go from dark to light within 0 to 1, got {self.greys}")
        if not self.broadest >= 1:
            raise ValueError(f"brush {self.name}: broadest is 1 or more, got {self.broadest}")

    @property
    def aspect(self) -> Parameter:
        return self.shape[0]

    @property
    def free_shape(self) -> tuple[Parameter, ...]:
        """The shape parameters that a stroke stores: all but the aspect."""
        return self.shape[1:]

    @cached_property
    def shape_low(self) -> Array:
        return np.array([p.low for p in self.shape], np.float32)

    @cached_property
    def shape_high(self) -> Array:
        return np.array([p.high for p in self.shape], np.float32)

    def sample_shape(self, count: int, generator: np.random.Generator) -> Array:
        """Shapes `[count, P]` drawn evenly from the parameter space (the aspect evenly in its logarithm)."""
        shape = generator.uniform(self.shape_low, self.shape_high, (count, len(self.shape)))
        shape[:, 0] = np.exp(generator.uniform(np.log(self.aspect.low), np.log(self.aspect.high), count))
        return shape.astype(np.float32)

    def sample_paint(self, count: int, generator: np.random.Generator) -> Array:
        """Paints `[count, 7]` (first colour, second colour, opacity); one-colour brushes repeat theirs."""
        paint = generator.uniform(0, 1, (count, PAINT_WIDTH))
        if self.colours == 1:
            paint[:, SECOND] = paint[:, FIRST]
        paint[:, OPACITY] = generator.uniform(self.opacity.low, self.opacity.high, count)
        return paint.astype(np.float32)

    def draw(
        self,
        shape: Array,
        seeds: Array,
        height: int,
        width: int,
        *,
        supersample: int = 1,
        footprints: Array | None = None,
    ) -> Array:
        """Draws strokes in their own frame.

        Args:
            shape: `[N, P]` shape parameters, aspect first.
            seeds: `[N]` texture seeds.
            height, width: size of the drawing in pixels; rows run across the stroke, columns along it.
            supersample: samples per pixel and axis, averaged.
            footprints: `[N]`, for pixels of what side each is drawn, in half widths; by default for the drawing's own.

        Returns:
            `[N, height, width, 3]` float32: alpha matte in [0, 1] without opacity, then the weights of both colours.
            The weights are averaged under the matte, so they are the colour that is seen.
        """
        shape = np.ascontiguousarray(shape, np.float32)
        if shape.ndim != 2 or shape.shape[1] != len(self.shape):
            raise ValueError(f"brush {self.name}: shape must be [N, {len(self.shape)}], got {list(shape.shape)}")
        out = np.empty((len(shape), height, width, 3), np.float32)
        if footprints is None:
            footprints = 2.0 / (np.minimum(height, width / shape[:, 0].astype(np.float64)) * supersample)
        looks = np.ascontiguousarray(seeds, np.uint32), np.ascontiguousarray(footprints, np.float32)
        in_shares(_compiled_draw(), self.point, shape, *looks, supersample, out)
        return out


@cache
def _compiled_draw() -> Callable[..., None]:
    """Compiled when it is first needed: not for a painting."""
    signature = types.void(
        POINT_TYPE,
        types.Array(types.float32, 2, "C"),
        types.Array(types.uint32, 1, "C"),
        types.Array(types.float32, 1, "C"),
        types.int64,
        types.Array(types.float32, 4, "C"),
        types.int64,
        types.int64,
    )
    compiled: Callable[..., None] = kernel(signature)(_draw)
    return compiled


def _draw(point, shape, seeds, footprints, supersample, out, share, shares):  # type: ignore[no-untyped-def]
    count, height, width, _ = out.shape
    for n in range(share, count, shares):
        aspect = shape[n, 0]
        footprint = footprints[n]
        for row in range(height):
            for column in range(width):
                alpha_sum = np.float32(0)
                start_sum = np.float32(0)
                end_sum = np.float32(0)
                plain_start = np.float32(0)
                plain_end = np.float32(0)
                for j in range(supersample):
                    across = np.float32(2 * (row + (j + 0.5) / supersample) / height - 1)
                    for i in range(supersample):
                        along = np.float32((2 * (column + (i + 0.5) / supersample) / width - 1) * aspect)
                        alpha, start, end = point(along, across, footprint, shape[n], seeds[n])
                        alpha_sum += alpha
                        start_sum += alpha * start
                        end_sum += alpha * end
                        plain_start += start
                        plain_end += end
                samples = np.float32(supersample * supersample)
                out[n, row, column, 0] = alpha_sum / samples
                # Where nothing is seen the weights still matter to the shading net, which should stay smooth there.
                if alpha_sum > 1e-4:
                    out[n, row, column, 1] = start_sum / alpha_sum
                    out[n, row, column, 2] = end_sum / alpha_sum
                else:
                    out[n, row, column, 1] = plain_start / samples
                    out[n, row, column, 2] = plain_end / samples
