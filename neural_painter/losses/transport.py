"""Optimal transport between pictures, as a loss: it pulls a stroke towards a target that the stroke does not touch."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool1d

from neural_painter.losses.sinkhorn import Duals, Solver, TransportError

FLOOR = 1e-6  # share of every image's mass that is spread evenly, so that the log of a mass is finite
BARE = 0.05  # mass of a bare pixel in `TransportLoss`; see there

Array = np.ndarray


def transport_cost(
    a: Tensor, b: Tensor, *, blur: float = 0.05, max_iter: int = 200, tol: float = 1e-4, method: str = "grid"
) -> Tensor:
    """Debiased entropic transport cost between pairs of single-channel images.

    The cost is the mean squared distance that ink has to travel. It pulls a stroke towards a target that it does not
    touch, where a pixel loss is flat.

    Args:
        a: ink, `[N, H, W]`, >= 0, any scale: each image is normalised to mass 1, `FLOOR` of it spread evenly.
        b: the same.
        blur: width of the entropic blur, in long sides of the image; the regulariser is `blur ** 2`.
        max_iter: most sweeps allowed; a failure is continued once with ten times as many.
        tol: stops once the marginals of the plan are this close, in L1.
        method: "grid" is our own solver, whose kernel is separable; "pot" is POT's dense one, some two hundred
            times slower at a grid of 24 (`H·W` by `H·W` matrices).

    Returns:
        `[N]`, in squared long sides: 0.01 is ink moved a tenth of the image. Differentiable once in `a` and `b`: the
        pixels stay where they are and the masses change, so the gradient is the difference of the dual potentials,
        and the solver itself needs no graph. Computed in float64, given back in the type of `a`.

    Raises:
        ValueError: shapes differ, or an image is not finite, is negative or holds no ink (the message gives its index).
        TransportError: no convergence.

    Source: Cuturi 2013; Feydy et al. 2019 for the debiasing; Thibault et al. 2021 for the over-relaxation.
    Departs from Zou et al. 2021: all channels, not one at random; debiased; converged, not five sweeps.
    """
    if a.ndim != 3 or a.shape != b.shape:
        raise ValueError(f"transport_cost: need two [N, H, W] of one shape, got {tuple(a.shape)} and {tuple(b.shape)}")
    mass_a, mass_b = _normalise(a, "a"), _normalise(b, "b")
    solver = Solver(_size(a), blur, tol, max_iter, method)
    plain_a, plain_b = _plain(mass_a), _plain(mass_b)
    f_aa, f_bb = solver.within(plain_a), solver.within(plain_b)
    f_ab, g_ab = solver.between(plain_a, plain_b, (f_aa, f_bb))  # which is the answer where a equals b
    return _debiased(mass_a, f_ab - f_aa, mass_b, g_ab - f_bb).to(a.dtype)


class TransportLoss:
    """Transport cost from a canvas to a fixed target, over all channels, as light and as ink.

    Both pictures are pooled to a small grid. Every channel x counts twice, as light (x) and as ink (1 - x), weighted by
    how much of either the target holds, so the weights of a channel sum to 1. Light alone pulls a dark stroke on white
    six times less than ink does, and the other way round; both together pull like the better one.

    Each mass is raised by `BARE`. Where a canvas holds next to no ink, the gradient of a normalised mass grows like
    the inverse of that ink; this bounds it. Tone is none of this loss's affair: constant pictures cost nothing.

    Scale: value in squared long sides, 0.01 if everything moved by a tenth. Like that of a mean squared error, the
    gradient in a pixel goes with 1 / pixels; from random strokes to a photo its norm was a tenth of the latter's.

    The target's potentials are solved once. Those of the canvas are kept, and the next call starts from them. With
    `every` above 1, calls between two solutions give the last value and its gradient: both change slowly, and a step of
    the painter that way costs 0.05 ms more on one CPU core, and 1 ms where it solves. (POT's dense solver: 65 ms for
    each sweep.)

    Args:
        target: `[3, H, W]` in [0, 1]; no gradient flows to it.
        grid: pixels of the pooled picture's long side (fewer if the picture is smaller).
        blur: width of the entropic blur, in long sides. Wide converges sooner; debiased, it hardly shifts the optimum.
        tol: how far the marginals may be off, in L1. From random pictures to a photo the gradient was off by 0.2 to
            0.6 % at the default; more where next to nothing is left to carry.
        max_iter: as in `transport_cost`.
        method: as in `transport_cost`.
        every: calls for one solution.

    Raises:
        ValueError: the target is not a finite `[3, H, W]`, or a canvas has another shape. One row or column more or
            less is the same picture on a grid that is moved (`painter/phases.py`).
        TransportError: no convergence, or a canvas that is not finite.
    """

    def __init__(
        self,
        target: Tensor,
        *,
        grid: int = 16,
        blur: float = 0.1,
        tol: float = 1e-2,
        max_iter: int = 200,
        method: str = "grid",
        every: int = 1,
    ) -> None:
        if target.ndim != 3 or target.shape[0] != 3:
            raise ValueError(f"TransportLoss: need a target [3, H, W], got {tuple(target.shape)}")
        self.shape, self.every = target.shape, every
        long_side = max(target.shape[1:])
        scale = min(grid, long_side) / long_side
        self.size = (max(1, round(target.shape[1] * scale)), max(1, round(target.shape[2] * scale)))
        self._axes: dict[tuple[int, ...], tuple[Array, Array]] = {}
        self.solver = Solver(self.size, blur, tol, max_iter, method)
        self._between: Duals | None = None
        self._within: Array | None = None
        self._pull = np.zeros((3, *self.size))
        self._age, self._value = 0, 0.0
        if not target.isfinite().all():
            raise ValueError("TransportLoss: the target is not finite")
        pooled = self._light_and_ink(target)
        self.weights = pooled.mean(axis=(1, 2)) / 3
        self.mass = _masses(pooled)
        self.potential = self.solver.within(self.mass)
        self._gradient = target.new_zeros(target.shape)

    def __call__(self, canvas: Tensor) -> Tensor:
        """Returns the loss of a canvas `[3, H, W]`: a scalar in squared long sides, 0.01 if all moved by a tenth."""
        if canvas.ndim != 3 or max(abs(a - b) for a, b in zip(canvas.shape, self.shape, strict=True)) > 1:
            raise ValueError(f"TransportLoss: canvas {tuple(canvas.shape)} is not the target's {tuple(self.shape)}")
        solved = self._age % self.every == 0
        if solved:
            self._solve(self._light_and_ink(canvas.detach()))
        if solved or self._gradient.shape != canvas.shape:
            self._gradient = self._spread(canvas)
        self._age = self._age % self.every + 1
        return _Known.apply(canvas, self._value, self._gradient)  # type: ignore[no-any-return,no-untyped-call]

    def _solve(self, pooled: Array) -> None:
        """Finds the value, and its gradient in the pooled channels."""
        mass = _masses(pooled)
        start = self._between or (self.potential, self.potential)  # the answer, were the canvas the target
        f, g = self.solver.between(mass, self.mass, start)
        within = self.solver.within(mass, self._within)
        self._between, self._within = (f, g), within
        p, q = f - within, g - self.potential
        p_mean, q_mean = ((x * m).sum(axis=(1, 2)) for x, m in ((p, mass), (q, self.mass)))
        self._value = float((self.weights * np.maximum(p_mean + q_mean, 0)).sum())
        # A potential is the gradient in a mass, which is (1 - FLOOR) x / sum x + ...
        total = (pooled + BARE).sum(axis=(1, 2), keepdims=True)
        slope = (1 - FLOOR) * (p - p_mean[:, None, None])
        inner = (slope * (pooled + BARE)).sum(axis=(1, 2), keepdims=True) / total
        light, ink = np.split(self.weights[:, None, None] * (slope - inner) / total, 2)
        self._pull = light - ink

    def _spread(self, canvas: Tensor) -> Tensor:
        """The gradient in the pixels, `[3, H, W]`."""
        rows, columns = self._pooling(canvas)
        return torch.from_numpy(rows.T @ (self._pull @ columns)).to(canvas)

    def memory(self) -> dict[str, Array]:
        """What the next calls need of those before: the canvas' potentials, the value and its gradient.

        `between_f`, `between_g`, `within` `[6, h, w]`, `pull` `[3, h, w]`, `told` `[2]`; none before the first call.
        These arrays are never changed.
        """
        if self._between is None or self._within is None:
            return {}
        f, g = self._between
        told = np.array([self._age, self._value])
        return {"between_f": f, "between_g": g, "within": self._within, "pull": self._pull, "told": told}

    def restore(self, memory: Mapping[str, Array]) -> None:
        """Lets the next call go on from what `memory` gave.

        Raises:
            ValueError: it is not what a loss of this size remembers.
        """
        potentials = dict.fromkeys(("between_f", "between_g", "within"), self.mass.shape)
        shapes = {**potentials, "pull": self._pull.shape, "told": (2,)}
        right = all(
            a.dtype == np.float64 and a.shape == shapes.get(k) and np.isfinite(a).all() for k, a in memory.items()
        )
        if (
            not right
            or (memory and set(memory) != set(shapes))
            or (memory and not 0 <= memory["told"][0] <= self.every)
        ):
            names = ", ".join(sorted(memory))
            raise ValueError(f"TransportLoss: expected finite potentials {list(self.mass.shape)}, got {names}")
        if not memory:
            self._between, self._within, self._age = None, None, 0
            return
        self._between, self._within = (memory["between_f"], memory["between_g"]), memory["within"]
        self._age, self._value = int(memory["told"][0]), float(memory["told"][1])
        self._pull = memory["pull"]
        self._gradient = self._spread(self._gradient)

    def _light_and_ink(self, picture: Tensor) -> Array:
        pixels = picture.detach().cpu().double().numpy()
        if not np.isfinite(pixels).all():
            raise TransportError("transport: the canvas is not finite")
        rows, columns = self._pooling(picture)
        light = (rows @ pixels @ columns.T).clip(0, 1)
        return np.concatenate([light, 1 - light])

    def _pooling(self, picture: Tensor) -> tuple[Array, Array]:
        """Matrices that pool the rows and the columns of such a picture to the grid."""
        sides = tuple(picture.shape[1:])
        if sides not in self._axes:
            rows, columns = (_pooling(*pair) for pair in zip(sides, self.size, strict=True))
            self._axes[sides] = rows, columns
        return self._axes[sides]


class _Known(torch.autograd.Function):
    """A value, and a gradient, that are known already."""

    @staticmethod
    def forward(ctx: Any, canvas: Tensor, value: float, gradient: Tensor) -> Tensor:
        ctx.save_for_backward(gradient)
        return canvas.new_full((), value)

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> tuple[Tensor, None, None]:
        return grad[0] * ctx.saved_tensors[0], None, None


def _pooling(long: int, short: int) -> Array:
    """Matrix `[short, long]` of area pooling along an axis."""
    return np.ascontiguousarray(adaptive_avg_pool1d(torch.eye(long, dtype=torch.float64)[None], short)[0].numpy().T)


def _masses(pooled: Array) -> Array:
    """Light and ink as masses of 1, nowhere zero."""
    mass = pooled + BARE
    return (1 - FLOOR) * mass / mass.sum(axis=(1, 2), keepdims=True) + FLOOR / mass[0].size  # type: ignore[no-any-return]


def _size(images: Tensor) -> tuple[int, int]:
    return images.shape[-2], images.shape[-1]


def _normalise(images: Tensor, name: str) -> Tensor:
    """Makes each image `[N, H, W]` a float64 mass of 1, nowhere zero."""
    images = images.double()
    total = images.sum(dim=(1, 2), keepdim=True)
    good = torch.isfinite(total[:, 0, 0]) & (total[:, 0, 0] > 0) & (images.detach().amin(dim=(1, 2)) >= 0)
    if not good.all():
        index = int((~good).nonzero()[0])
        raise ValueError(f"transport: image {index} of {name} is not finite, is negative or holds no ink")
    return (1 - FLOOR) * images / total + FLOOR / images[0].numel()


def _plain(masses: Tensor) -> Array:
    return masses.detach().cpu().numpy()


def _debiased(mass_a: Tensor, potential_a: Array, mass_b: Tensor, potential_b: Array) -> Tensor:
    """Value `<p, a> + <q, b>`, clamped at 0, with both potentials (centred) as its gradient in the masses."""
    p, q = (torch.from_numpy(potential).to(mass_a.device) for potential in (potential_a, potential_b))
    p_mean, q_mean = ((p * mass_a.detach()).sum(dim=(1, 2)), (q * mass_b.detach()).sum(dim=(1, 2)))
    linear = (mass_a * (p - p_mean[:, None, None]) + mass_b * (q - q_mean[:, None, None])).sum(dim=(1, 2))
    return (p_mean + q_mean).clamp_min(0) + (linear - linear.detach())
