"""Optimal transport between pictures, as a loss: it pulls a stroke towards a target that the stroke does not touch."""

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

FLOOR = 1e-6  # share of every image's mass that is spread evenly, so that the log of a mass is finite
BARE = 0.05  # mass of a bare pixel in `TransportLoss`; see there
NEAR = 0.5  # row marginals this close (L1; 2 is the most) make earlier potentials worth starting from
CHECK = 4  # sweeps between two looks at the marginals
DIVERGING = 4.0  # over-relaxation is halved when the error is this many times its best
UNDERFLOW = 600.0  # largest distance² / regulariser along one axis that exp keeps in float64 (it ends at 708)
METHODS = ("grid", "pot")

Array = np.ndarray
Duals = tuple[Array, Array]


class TransportError(ArithmeticError):
    """The solver did not converge, or its numbers stopped being finite."""


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
    solver = _Solver(_size(a), blur, tol, max_iter, method)
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

    The target's potentials are solved once. Those of the canvas are kept, and the next call starts from them: on one
    CPU core 10 ms a call at a grid of 24 instead of 20, with backward. (POT's dense solver: 65 ms for each sweep.)

    Args:
        target: `[3, H, W]` in [0, 1]; no gradient flows to it.
        grid: pixels of the pooled picture's long side (fewer if the picture is smaller).
        blur: width of the entropic blur, in long sides. Wide converges sooner; debiased, it hardly shifts the optimum.
        tol: how far the marginals may be off, in L1. The gradient was off by 0.2 to 0.7 % at the default.
        max_iter: as in `transport_cost`.
        method: as in `transport_cost`.

    Raises:
        ValueError: the target is not a finite `[3, H, W]`, or a canvas has another shape.
        TransportError: no convergence, or a canvas that is not finite.
    """

    def __init__(
        self,
        target: Tensor,
        *,
        grid: int = 24,
        blur: float = 0.1,
        tol: float = 3e-3,
        max_iter: int = 200,
        method: str = "grid",
    ) -> None:
        if target.ndim != 3 or target.shape[0] != 3:
            raise ValueError(f"TransportLoss: need a target [3, H, W], got {tuple(target.shape)}")
        self.shape = target.shape
        long_side = max(target.shape[1:])
        scale = min(grid, long_side) / long_side
        self.size = (max(1, round(target.shape[1] * scale)), max(1, round(target.shape[2] * scale)))
        self.solver = _Solver(self.size, blur, tol, max_iter, method)
        self._between: Duals | None = None
        self._within: Array | None = None
        if not target.isfinite().all():
            raise ValueError("TransportLoss: the target is not finite")
        with torch.no_grad():
            pooled = self._light_and_ink(target)
            self.weights = pooled.mean(dim=(1, 2)) / 3
            self.mass = _normalise(pooled + BARE, "target")
        self._plain = _plain(self.mass)
        self.potential = self.solver.within(self._plain)

    def __call__(self, canvas: Tensor) -> Tensor:
        """Returns the loss of a canvas `[3, H, W]`: a scalar in squared long sides, 0.01 if all moved by a tenth."""
        if canvas.shape != self.shape:
            raise ValueError(f"TransportLoss: canvas {tuple(canvas.shape)} is not the target's {tuple(self.shape)}")
        mass = _normalise(self._light_and_ink(canvas) + BARE, "canvas")
        plain = _plain(mass)
        f, g = self._between = self.solver.between(plain, self._plain, self._between)
        self._within = self.solver.within(plain, self._within)
        cost = _debiased(mass, f - self._within, self.mass, g - self.potential)
        return (self.weights * cost).sum().to(canvas.dtype)

    def memory(self) -> dict[str, Array]:
        """The canvas' potentials, from which the next call starts, `[6, h, w]` each; none before the first call.

        These arrays are never changed.
        """
        found = {} if self._between is None else dict(zip(("between_f", "between_g"), self._between, strict=True))
        return found if self._within is None else {**found, "within": self._within}

    def restore(self, memory: Mapping[str, Array]) -> None:
        """Lets the next call start from what `memory` gave.

        Raises:
            ValueError: it is not what a loss of this size remembers.
        """
        names, shape = set(memory), self._plain.shape
        right = all(a.dtype == np.float64 and a.shape == shape and np.isfinite(a).all() for a in memory.values())
        whole = names in ({"between_f", "between_g", "within"}, {"between_f", "between_g"}, set())
        if not (right and whole):
            raise ValueError(f"TransportLoss: expected finite potentials {list(shape)}, got {', '.join(sorted(names))}")
        self._between = (memory["between_f"], memory["between_g"]) if names else None
        self._within = memory.get("within")

    def _light_and_ink(self, picture: Tensor) -> Tensor:
        light = interpolate(picture[None], size=self.size, mode="area")[0].double()
        if not light.isfinite().all():
            raise TransportError("transport: the canvas is not finite")
        light = light.clamp(0, 1)
        return torch.cat([light, 1 - light])


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


class _Solver:
    """Entropic transport between masses on one grid, for the squared distance; potentials in cost units.

    A plan is `a b exp((f + g - distance²) / epsilon)`. Masses and potentials are NumPy's, float64 `[N, H, W]`: they are
    small, and torch would spread every exp over all threads and wait for them, however small it is. Its number of
    threads is a setting of the whole process, which is not ours to change.
    """

    def __init__(self, size: tuple[int, int], blur: float, tol: float, max_iter: int, method: str) -> None:
        if not blur > 0:
            raise ValueError(f"transport: blur must be > 0, got {blur}")
        if method not in METHODS:
            raise ValueError(f"transport: method must be one of {METHODS}, got {method!r}")
        self.size, self.epsilon, self.tol, self.max_iter = size, blur**2, tol, max_iter
        self.attempt = _sinkhorn if method == "grid" else _sinkhorn_pot
        self.kernel = _Kernel(size, self.epsilon)

    def between(self, a: Array, b: Array, start: Duals | None = None) -> Duals:
        """Potentials `(f, g)` of the plan from `a` to `b`, both `[N, H, W]`; `start` is an earlier answer."""
        for sweeps in (self.max_iter, 10 * self.max_iter):
            f, g, error = self.attempt(a, b, self.kernel, self.tol, sweeps, self._begin(a, b, start))
            if error <= self.tol:
                return f, g
            start = f, g
        raise TransportError(
            f"transport: marginals off by {error:.1e} (L1, wanted {self.tol:.1e}) after {sweeps} sweeps; "
            f"use a larger blur than {math.sqrt(self.epsilon):g}, a larger tol or more sweeps"
        )

    def _begin(self, a: Array, b: Array, start: Duals | None) -> Duals:
        """`start` for the images where it is near an answer; for others a few sweeps from far moves to near ones."""
        near = np.zeros(len(a), bool)
        if start is not None:
            exact = -self.epsilon * self.kernel.smooth(start[1] / self.epsilon + np.log(b))
            near = (a * np.abs(np.expm1((start[0] - exact) / self.epsilon))).sum(axis=(1, 2)) <= NEAR
            if near.all():
                return start
        f, g = np.zeros_like(a), np.zeros_like(b)
        for k in range(max(0, math.ceil(-math.log(self.epsilon, 4)))):
            coarse = 4.0**-k
            kernel = _Kernel(self.size, coarse)
            for _ in range(3):
                f = -coarse * kernel.smooth(g / coarse + np.log(b))
                g = -coarse * kernel.smooth(f / coarse + np.log(a))
        if start is not None:
            f, g = (np.where(near[:, None, None], *pair) for pair in zip(start, (f, g), strict=True))
        return f, g

    def within(self, a: Array, start: Array | None = None) -> Array:
        """The potential of `a` against itself, where both potentials are one: averaged sweeps, no relaxation needed."""
        log_a = np.log(a)
        f = np.zeros_like(a) if start is None else start / self.epsilon
        for _ in range(max(100, self.max_iter)):  # 10 to 20 do
            exact = -self.kernel.smooth(f + log_a)
            error = float((a * np.abs(np.expm1(f - exact))).sum(axis=(1, 2)).max())
            f = (f + exact) / 2
            if error <= self.tol:
                return f * self.epsilon
        raise TransportError(f"transport: an image against itself is off by {error:.1e} (L1, wanted {self.tol:.1e})")


class _Kernel:
    """Convolution with `exp(-distance² / epsilon)`, of logs: the squared distance is a sum, so one axis at a time.

    Along an axis the largest term is taken out and the rest is a matrix product. That is exact as long as the kernel
    itself does not underflow: a sum is then at least `exp(-UNDERFLOW)`, and what is lost is not seen beside it.
    Otherwise the terms are added in full.
    """

    def __init__(self, size: tuple[int, int], epsilon: float) -> None:
        self.epsilon = epsilon
        self.rows, self.columns = (_log_kernel(n, max(size), epsilon) for n in size)
        self.safe = ((max(size) - 1) / max(size)) ** 2 / epsilon < UNDERFLOW
        if self.safe:
            self.rows, self.columns = np.exp(self.rows), np.exp(self.columns)

    def smooth(self, h: Array) -> Array:
        """`log sum_j exp(h_j - distance_ij² / epsilon)` for `[N, H, W]`."""
        if not self.safe:
            h = _log_sum_exp(h[:, :, None, :] + self.columns, 3)
            return _log_sum_exp(h[:, None, :, :] + self.rows[:, :, None], 2)
        top = h.max(axis=2, keepdims=True)
        h = np.log(np.exp(h - top) @ self.columns) + top
        top = h.max(axis=1, keepdims=True)
        return np.log(self.rows @ np.exp(h - top)) + top


def _log_sum_exp(terms: Array, axis: int) -> Array:
    top = terms.max(axis=axis, keepdims=True)
    return np.log(np.exp(terms - top).sum(axis=axis)) + top.squeeze(axis)


def _log_kernel(n: int, long_side: int, epsilon: float) -> Array:
    x = np.arange(n, dtype=np.float64) / long_side
    return -((x[:, None] - x[None, :]) ** 2) / epsilon


def _sinkhorn(
    a: Array, b: Array, kernel: _Kernel, tol: float, max_iter: int, start: Duals
) -> tuple[Array, Array, float]:
    """Sinkhorn's sweeps, over-relaxed. Returns `(f, g, error)`: columns are exact, rows are off by at most `error`.

    Plain sweeps damp the slowest mode, half a wave across a flat picture, by `exp(-pi² epsilon / 2)` each; the
    relaxation is the best one for that rate (a grid 24 photo at blur 0.05: 70 sweeps instead of 700). Where little ink
    is scattered it would diverge, so it is damped towards plain sweeps, which always converge.
    """
    log_a, log_b, epsilon = np.log(a), np.log(b), kernel.epsilon
    relax = 2 / (1 + math.sqrt(-math.expm1(-(math.pi**2) * epsilon / 2)))
    f, g, error, best = start[0] / epsilon, start[1] / epsilon, math.inf, math.inf
    with np.errstate(over="ignore"):  # far from an answer; the error is then infinite
        for sweep in range(max_iter):
            exact = -kernel.smooth(g + log_b)
            if sweep % CHECK == 0:
                error = float((a * np.abs(np.expm1(f - exact))).sum(axis=(1, 2)).max())
                if error <= tol:  # rows; now make them exact and see what that leaves of the columns
                    f, before = exact, g
                    g = -kernel.smooth(f + log_a)
                    error = float((b * np.abs(np.expm1(before - g))).sum(axis=(1, 2)).max())
                    if error <= tol:
                        break
                    continue
                if error > DIVERGING * best:
                    relax, best = (1 + relax) / 2, error
                best = min(best, error)
            f = f + relax * (exact - f)
            g = g + relax * (-kernel.smooth(f + log_a) - g)
    return f * epsilon, g * epsilon, error


def _sinkhorn_pot(
    a: Array, b: Array, kernel: _Kernel, tol: float, max_iter: int, start: Duals
) -> tuple[Array, Array, float]:
    """The same by POT. It cannot be given a start, so the start is taken off the cost."""
    from ot.batch import solve_batch

    count, height, width = a.shape
    rows, columns = (_log_kernel(n, max(height, width), 1.0) for n in (height, width))
    cost = -(rows[:, None, :, None] + columns[None, :, None, :]).reshape(1, height * width, height * width)
    flat_a, flat_b, f, g = (x.reshape(count, -1) for x in (a, b, *start))
    tensors = (
        torch.from_numpy(np.ascontiguousarray(x)) for x in (cost - f[:, :, None] - g[:, None, :], flat_a, flat_b)
    )
    shifted, mass_a, mass_b = tensors
    # reg and method are explicit: the default path of POT 0.9.7.post1 has a sign error. tol there is an L2 norm.
    answer = solve_batch(
        shifted,
        kernel.epsilon,
        mass_a,
        mass_b,
        max_iter=max_iter,
        tol=tol / math.sqrt(height * width),
        method="log_sinkhorn",
        grad="detach",
    )
    u, v = (potential.numpy() for potential in answer.potentials)
    f, g = f + kernel.epsilon * (u - np.log(flat_a)), g + kernel.epsilon * (v - np.log(flat_b))
    # POT says nothing when it has failed. Its columns are exact.
    error = float((answer.plan.sum(dim=2) - mass_a).abs().sum(dim=1).max())
    return f.reshape(a.shape), g.reshape(b.shape), error
