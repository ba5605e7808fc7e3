"""Transport: against Sinkhorn from its definition, against POT, by hand, gradients, and what it is for."""

import math
from collections.abc import Iterator
from itertools import product

import numpy as np
import ot
import pytest
import torch
from torch import Tensor

from neural_painter.losses import sinkhorn, transport
from neural_painter.losses.pixel import pixel_loss
from neural_painter.losses.sinkhorn import TransportError
from neural_painter.losses.transport import TransportLoss, transport_cost
from tests.each import each


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """POT's threads spin for seconds when other processes share the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_the_solver_leaves_the_threads_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their number is one of the whole process: others would compute with it while the solver runs."""
    monkeypatch.setattr(torch, "set_num_threads", lambda _: pytest.fail("changed"))
    transport_cost(pictures(1, 4, 5), pictures(1, 4, 5, seed=1))


def pictures(n: int, height: int, width: int, seed: int = 0) -> Tensor:
    return torch.rand(n, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def masses(image: Tensor) -> np.ndarray:
    flat = image.double().numpy().ravel()
    return (1 - transport.FLOOR) * flat / flat.sum() + transport.FLOOR / flat.size


def distances(height: int, width: int) -> np.ndarray:
    rows, columns = np.divmod(np.arange(height * width), width)
    return ((rows[:, None] - rows) ** 2 + (columns[:, None] - columns) ** 2) / max(height, width) ** 2


def entropic_cost(a: np.ndarray, b: np.ndarray, cost: np.ndarray, epsilon: float) -> float:
    """`min <P, C> + epsilon KL(P | a b)` by plain dense sweeps in the log domain, far past convergence."""
    f, g = np.zeros_like(a), np.zeros_like(b)
    for _ in range(20000):
        f = -epsilon * np.logaddexp.reduce((g - cost) / epsilon + np.log(b), axis=1)
        new = -epsilon * np.logaddexp.reduce((f[:, None] - cost) / epsilon + np.log(a)[:, None], axis=0)
        moved, g = np.abs(new - g).max(), new
        if moved < 1e-14:
            break
    plan = a[:, None] * b * np.exp((f[:, None] + g - cost) / epsilon)
    return float((plan * cost).sum() + epsilon * (plan * np.log(plan / (a[:, None] * b))).sum())


def debiased_cost(a: np.ndarray, b: np.ndarray, cost: np.ndarray, epsilon: float) -> float:
    both, first, second = (entropic_cost(x, y, cost, epsilon) for x, y in ((a, b), (a, a), (b, b)))
    return both - (first + second) / 2


def one_pixel(height: int, width: int, row: int, column: int) -> Tensor:
    image = torch.zeros(1, height, width, dtype=torch.float64)
    image[0, row, column] = 3.0
    return image


@each("method", ["grid", "pot"])
@each("blur", [0.3, 0.1])
def test_agrees_with_the_definition(blur: float, method: str) -> None:
    a, b = pictures(2, 6, 8), pictures(2, 6, 8, seed=1) ** 4
    want = [debiased_cost(masses(x), masses(y), distances(6, 8), blur**2) for x, y in zip(a, b, strict=True)]
    got = transport_cost(a, b, blur=blur, tol=1e-8, max_iter=5000, method=method)
    assert got.tolist() == pytest.approx(want, abs=1e-12)  # measured: 3e-14
    # At the default tolerance the value, being extremal, is off by far less than the marginals: 4e-10.
    assert transport_cost(a, b, blur=blur, method=method).tolist() == pytest.approx(want, abs=1e-8)


def test_the_entropic_part_agrees_with_sinkhorn2() -> None:
    a, b, cost = pictures(1, 5, 7), pictures(1, 5, 7, seed=1), distances(5, 7)
    p, q = masses(a[0]), masses(b[0])

    def linear(x: np.ndarray, y: np.ndarray) -> float:
        _, log = ot.sinkhorn2(x, y, cost, 0.01, "sinkhorn_log", numItermax=10000, stopThr=1e-12, log=True)
        f, g = (0.01 * log["log_u"] - 0.01 * np.log(x), 0.01 * log["log_v"] - 0.01 * np.log(y))
        return float(f @ x + g @ y)

    want = linear(p, q) - (linear(p, p) + linear(q, q)) / 2
    got = transport_cost(a, b, blur=0.1, tol=1e-8, max_iter=5000)
    assert float(got) == pytest.approx(want, abs=1e-10)


def test_a_small_blur_comes_near_the_exact_cost() -> None:
    """Also the path where the kernel underflows and the terms are added in full."""
    a, b = pictures(1, 6, 6) ** 6, pictures(1, 6, 6, seed=1) ** 6
    want = ot.emd2(masses(a[0]), masses(b[0]), distances(6, 6))
    errors = [abs(float(transport_cost(a, b, blur=blur, max_iter=5000)) / want - 1) for blur in (0.2, 0.1, 0.03)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.02  # measured: 0.08, 0.04, 0.004


def test_all_ways_to_add_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = pictures(2, 9, 5) ** 8, pictures(2, 9, 5, seed=1) ** 8
    fast = transport_cost(a, b, tol=1e-8, max_iter=5000)
    for name in ("SCALED", "UNDERFLOW"):  # without exponentials of potentials, then without those of the kernel
        monkeypatch.setattr(sinkhorn, name, 0.0)
        assert transport_cost(a, b, tol=1e-8, max_iter=5000).tolist() == pytest.approx(fast.tolist(), abs=1e-13)


@each("blur, method", [(0.05, "grid"), (0.02, "grid"), (0.1, "pot")])
def test_by_hand_one_pixel_to_another(blur: float, method: str) -> None:
    # 3 rows and 4 columns of 8: the distance is 5 / 8 of the long side, whatever the blur
    a, b = one_pixel(6, 8, 1, 2), one_pixel(6, 8, 4, 6)
    assert float(transport_cost(a, b, blur=blur, method=method)) == pytest.approx(25 / 64, rel=1e-5)  # measured: 1.2e-6


def test_a_shift_costs_its_square() -> None:
    """Two equal shapes: debiased, the cost is the squared shift, however wide the blur."""
    x = torch.arange(24, dtype=torch.float64)
    shape = torch.exp(-((x[:, None] - 11) ** 2 + (x[None, :] - 7) ** 2) / 8)
    moved = torch.exp(-((x[:, None] - 11) ** 2 + (x[None, :] - 15) ** 2) / 8)
    for blur in (0.05, 0.1, 0.2):
        assert float(transport_cost(shape[None], moved[None], blur=blur)) == pytest.approx(
            (8 / 24) ** 2, rel=1e-3
        )  # 2e-4


def test_symmetric_zero_at_equality_non_negative_any_scale() -> None:
    a, b = pictures(4, 7, 9) ** 5, pictures(4, 7, 9, seed=1) ** 5
    cost = transport_cost(a, b)
    assert (cost > 0).all()
    assert transport_cost(b, a).tolist() == pytest.approx(cost.tolist(), rel=1e-4)
    assert transport_cost(a * 7, b / 3).tolist() == pytest.approx(cost.tolist(), rel=1e-9)
    same = transport_cost(a, a)
    assert (same >= 0).all()
    assert (same < 1e-8).all()
    assert transport_cost(a.float(), b.float()).dtype == torch.float32


@pytest.mark.parametrize("method", ["grid", pytest.param("pot", marks=pytest.mark.slow)])
def test_gradcheck(method: str) -> None:
    """Potentials are derivatives: against finite differences in float64, through the normalisation too."""
    a, b = (0.1 + pictures(1, 4, 5, seed) for seed in (0, 1))
    a.requires_grad_()
    b.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda a, b: transport_cost(a, b, blur=0.2, tol=1e-10, max_iter=5000, method=method),
        (a, b),
        atol=1e-6,
        rtol=1e-4,
    )


def test_the_gradient_ignores_the_amount_of_ink() -> None:
    a, b = pictures(1, 6, 6).requires_grad_(), pictures(1, 6, 6, seed=1)
    (gradient,) = torch.autograd.grad(transport_cost(a, b).sum(), a)
    assert float((gradient * a).sum().detach()) == pytest.approx(0, abs=1e-9)


def test_sparse_ink_converges() -> None:
    """A few scattered pixels are the hard case: over-relaxation diverges there and has to be damped."""
    generator = torch.Generator().manual_seed(0)
    for density in (0.01, 0.03, 0.05):
        a, b = (torch.rand(2, 6, 24, 24, generator=generator, dtype=torch.float64) < density).double()
        a, b = transport._normalise(a, "a"), transport._normalise(b, "b")
        solver = sinkhorn.Solver((24, 24), 0.05, 1e-3, 200, "grid")
        f, g = (torch.from_numpy(dual) for dual in solver.between(a.numpy(), b.numpy()))
        flat = torch.from_numpy(distances(24, 24))
        plan = a.flatten(1)[:, :, None] * b.flatten(1)[:, None] * torch.exp(
            (f.flatten(1)[:, :, None] + g.flatten(1)[:, None] - flat) / 0.05**2
        )  # fmt: skip
        assert float((plan.sum(2) - a.flatten(1)).abs().sum(1).max()) <= 1e-3
        assert float((plan.sum(1) - b.flatten(1)).abs().sum(1).max()) <= 1e-9


def test_refuses_what_makes_no_sense() -> None:
    good = torch.ones(2, 4, 4)
    bad = good.clone()
    with pytest.raises(ValueError, match="of one shape"):
        transport_cost(good, torch.ones(2, 4, 5))
    with pytest.raises(ValueError, match="of one shape"):
        transport_cost(good[0], good[0])
    for value in (math.nan, math.inf, -1.0):
        bad[1, 2, 3] = value
        with pytest.raises(ValueError, match="image 1 of b"):
            transport_cost(good, bad)
    with pytest.raises(ValueError, match="image 0 of a is not finite, is negative or holds no ink"):
        transport_cost(torch.zeros(1, 4, 4), good[:1])
    with pytest.raises(ValueError, match="blur"):
        transport_cost(good, good, blur=0)
    with pytest.raises(ValueError, match="method"):
        transport_cost(good, good, method="auto")
    with pytest.raises(ValueError, match=r"target \[3, H, W\]"):
        TransportLoss(good)
    with pytest.raises(ValueError, match="not the target's"):
        TransportLoss(torch.ones(3, 4, 4))(torch.ones(3, 4, 6))
    for value in (math.nan, math.inf):
        with pytest.raises(TransportError, match="the canvas is not finite"):
            TransportLoss(torch.ones(3, 8, 8))(torch.full((3, 8, 8), value))
        with pytest.raises(ValueError, match="the target is not finite"):
            TransportLoss(torch.full((3, 8, 8), value))


@pytest.mark.parametrize("method", ["grid", "pot"])
def test_says_when_it_has_failed(method: str) -> None:
    with pytest.raises(TransportError, match="marginals off by"):
        transport_cost(pictures(1, 6, 8) ** 9, pictures(1, 6, 8, seed=1) ** 9, tol=1e-9, max_iter=1, method=method)


@each("size", [(1, 1), (1, 40), (40, 3), (50, 37)])
def test_loss_on_any_size(size: tuple[int, int]) -> None:
    canvas = pictures(3, *size).float().requires_grad_()
    loss = TransportLoss(pictures(3, *size, seed=1).float())(canvas)
    loss.backward()
    assert float(loss.detach()) >= 0
    assert canvas.grad is not None
    assert canvas.grad.isfinite().all()


def test_loss_of_constant_pictures_is_zero() -> None:
    """Tone is the pixel loss's affair. No channel, however empty, breaks the solver."""
    for canvas_tone, target_tone in product((0.0, 0.4, 1.0), repeat=2):
        canvas = torch.full((3, 30, 40), canvas_tone, requires_grad=True)
        loss = TransportLoss(torch.full((3, 30, 40), target_tone))(canvas)
        loss.backward()
        assert float(loss.detach()) < 1e-6
        assert canvas.grad is not None
        assert float(canvas.grad.abs().max()) * canvas.numel() < 1e-2


def test_loss_is_the_weighted_cost_of_light_and_ink() -> None:
    canvas, target = pictures(3, 12, 9).float(), pictures(3, 12, 9, seed=1).float() ** 2
    light = transport_cost(canvas + transport.BARE, target + transport.BARE, blur=0.1)
    ink = transport_cost(1 - canvas + transport.BARE, 1 - target + transport.BARE, blur=0.1)
    tone = target.mean(dim=(1, 2))
    want = float((tone * light + (1 - tone) * ink).mean())
    assert float(TransportLoss(target)(canvas)) == pytest.approx(want, rel=1e-2)


def test_a_warm_start_changes_nothing_but_the_time() -> None:
    target, canvas = pictures(3, 24, 24), pictures(3, 24, 24, seed=1) ** 3
    loss = TransportLoss(target, tol=1e-6)
    loss(canvas.flip(1))
    warm = canvas.clone().requires_grad_()
    cold = canvas.clone().requires_grad_()
    first, second = loss(warm), TransportLoss(target, tol=1e-6)(cold)
    first.backward()
    second.backward()
    assert float(first.detach()) == pytest.approx(float(second.detach()), rel=1e-6)
    assert warm.grad is not None
    assert cold.grad is not None
    assert float((warm.grad - cold.grad).norm() / cold.grad.norm()) < 1e-4


def test_between_two_solutions_value_and_gradient_stay() -> None:
    target, canvases = pictures(3, 24, 32), [pictures(3, 24, 32, seed=seed) for seed in range(1, 8)]
    loss = TransportLoss(target, every=3, tol=1e-6)
    exact = [gradient(TransportLoss(target, tol=1e-6), canvas) for canvas in canvases]
    found = [gradient(loss, canvas) for canvas in canvases]
    for step, (value, slope) in enumerate(found):
        want = exact[step - step % 3]
        assert value == pytest.approx(want[0], rel=1e-6)
        assert float((slope - want[1]).norm() / want[1].norm()) < 1e-4  # warm and cold starts differ


def test_a_grid_that_is_moved_may_have_a_row_less() -> None:
    target = torch.rand(3, 54, 64, generator=torch.Generator().manual_seed(0))
    canvas = torch.rand(3, 54, 64, generator=torch.Generator().manual_seed(1))
    loss = TransportLoss(target, every=2)
    values = []
    for part in (canvas, canvas[:, :-1, 1:]):
        part = part.clone().requires_grad_()
        value = loss(part)
        value.backward()
        assert part.grad.isfinite().all()
        assert part.grad.abs().sum() > 0
        values.append(value.item())
    assert values[0] == values[1]
    with pytest.raises(ValueError, match="not the target's"):
        loss(canvas[:, :-2])


def test_goes_on_from_its_memory_to_the_byte() -> None:
    target, canvases = pictures(3, 24, 32).float(), [pictures(3, 24, 32, seed=seed).float() for seed in range(1, 12)]
    straight = TransportLoss(target, every=4)
    wanted = [gradient(straight, canvas) for canvas in canvases]
    for stop in range(len(canvases)):
        first, second = TransportLoss(target, every=4), TransportLoss(target, every=4)
        for canvas in canvases[:stop]:
            first(canvas)
        second.restore(first.memory())
        for canvas, (value, slope) in zip(canvases[stop:], wanted[stop:], strict=True):
            again = gradient(second, canvas)
            assert again[0] == value
            assert torch.equal(again[1], slope)


def gradient(loss: TransportLoss, canvas: Tensor) -> tuple[float, Tensor]:
    canvas = canvas.clone().requires_grad_()
    value = loss(canvas)
    (slope,) = torch.autograd.grad(value, canvas)
    return float(value.detach()), slope


def test_loss_by_pot_agrees() -> None:
    canvas, target = pictures(3, 8, 10).requires_grad_(), pictures(3, 8, 10, seed=1)
    (want,) = torch.autograd.grad(TransportLoss(target, tol=1e-6)(canvas), canvas)
    (got,) = torch.autograd.grad(TransportLoss(target, tol=1e-6, max_iter=2000, method="pot")(canvas), canvas)
    assert float((got - want).norm() / want.norm()) < 1e-4


def draw(centres: Tensor, tone: float, paper: float, size: int = 64, radius: float = 0.06) -> Tensor:
    """Soft round strokes on paper, one over the other."""
    x = (torch.arange(size) + 0.5) / size
    canvas = torch.full((3, size, size), paper)
    for centre in centres:
        alpha = torch.exp(-((x[None, :] - centre[0]) ** 2 + (x[:, None] - centre[1]) ** 2) / (2 * radius**2))
        canvas = canvas * (1 - alpha) + tone * alpha
    return canvas


@pytest.mark.parametrize(
    ("tone", "paper"),
    [(0.05, 1.0), *(pytest.param(*tones, marks=pytest.mark.slow) for tones in ((0.95, 0.0), (0.2, 0.5)))],
)
def test_reaches_a_target_that_the_strokes_do_not_touch(tone: float, paper: float) -> None:
    """The reason for this loss: nothing overlaps, so a pixel loss is flat in the positions."""
    goals = torch.tensor([[0.8, 0.75], [0.85, 0.5]])
    starts = torch.tensor([[0.15, 0.2], [0.2, 0.45]])
    target = draw(goals, tone, paper)
    left = {}
    transport_to = TransportLoss(target)
    for name, loss in (("transport", transport_to), ("pixel", lambda canvas: pixel_loss(canvas, target))):
        centres = starts.clone().requires_grad_()
        optimiser = torch.optim.Adam([centres], lr=0.02)
        for _ in range(80):
            optimiser.zero_grad()
            loss(draw(centres, tone, paper)).backward()
            optimiser.step()
        left[name] = float(torch.cdist(centres.detach(), goals).amin(dim=0).max())
    assert left["transport"] < 0.05  # measured: 0.010 to 0.031 long sides from the nearest stroke to a goal
    assert left["pixel"] > 0.4  # measured: 0.50
