"""Stamps from a table: what it interpolates, its gradients, its twin in torch, and how close it is to the networks.
Stamps from the networks' own kernels: the same as in torch."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from renderers import stamps
from renderers.brush import Brush
from renderers.brushes import brush, names
from renderers.networks import STAMP, NeuralRenderer
from renderers.stamps import NoTableError, load_stamps, table_card, table_error
from renderers.stamps.axes import ALLOWED, MOST_NODES, Axes, AxesError, fitted_axes, squashed, unsquashed
from renderers.stamps.networks import NetworkStamps
from renderers.stamps.table import StampTable
from renderers.weights import WeightsError, load_renderer, parameter_space, read_card, save_renderer
from tests.each import each

TABLED = ("marker", "oil", "tape")
FEW = {
    "oil": Axes(((1.0, 2.0, 6.0), (-0.35, 0.0, 0.1, 0.35), (0.3, 1.0)), 0.001, 0.001),
    "tape": Axes(((1.0, 3.0, 10.0), (-0.5, 0.5)), 0.01, 0.003),
}


def table_of(name):
    """A small table of networks that know nothing."""
    torch.manual_seed(0)
    renderer = NeuralRenderer(brush(name)).eval().requires_grad_(False)
    return renderer, StampTable(renderer, brush(name), FEW[name])


def shapes_of(name, count, seed=1):
    return torch.from_numpy(brush(name).sample_shape(count, np.random.default_rng(seed)))


def by_definition(renderer, axes, shape):
    """Multilinear interpolation of logits and weights in float64, straight from the networks."""
    cells, parts = [], []
    for axis, nodes in enumerate(axes.nodes):
        i = min(max(np.searchsorted(nodes, shape[axis], side="right") - 1, 0), len(nodes) - 2)
        of = np.log if axis == 0 else float
        cells.append((nodes[i], nodes[i + 1]))
        parts.append((of(shape[axis]) - of(nodes[i])) / (of(nodes[i + 1]) - of(nodes[i])))
    total = 0
    for corner in itertools.product((0, 1), repeat=len(cells)):
        weight = np.prod([part if up else 1 - part for up, part in zip(corner, parts, strict=True)])
        node = torch.tensor([[cell[up] for up, cell in zip(corner, cells, strict=True)]], dtype=torch.float32)
        alpha, weights = (drawn.double() for drawn in renderer(node))
        total = total + weight * torch.cat([squashed(alpha, axes.low, axes.high), weights], dim=1)[0]
    total[0] = unsquashed(total[0], axes.low, axes.high)
    return total.permute(1, 2, 0)


@each("name", FEW)
def test_stamps_are_interpolated_between_the_nodes(name):
    renderer, table = table_of(name)
    found = table.stamps(shapes_of(name, 5))
    assert found.shape == (5, STAMP, STAMP, 3)
    assert found.dtype == torch.float32
    assert found.is_contiguous()
    for shape, stamp in zip(shapes_of(name, 5).numpy(), found, strict=True):
        wanted = by_definition(renderer, FEW[name], shape)
        if brush(name).colours == 1:
            assert (stamp[..., 2] == 0).all()
            wanted[..., 2] = 0
        assert (stamp - wanted).abs().max() < 2e-4  # measured: 5e-5, of whole numbers in steps of 6e-5


@each("name", FEW)
def test_at_the_nodes_stamps_are_those_of_the_networks(name):
    renderer, table = table_of(name)
    nodes = torch.tensor([[row[0] for row in FEW[name].nodes], [row[-1] for row in FEW[name].nodes]])
    colours = brush(name).colours
    error = (table.stamps(nodes) - renderer.stamps(nodes))[..., : 1 + colours]
    assert error.abs().max() < 2e-4


@each("name", FEW)
def test_gradients_are_those_of_the_interpolation(name):
    _, table = table_of(name)
    shape = shapes_of(name, 6).requires_grad_()
    upstream = torch.randn(6, STAMP, STAMP, 3, generator=torch.Generator().manual_seed(2))
    (found,) = torch.autograd.grad(table.stamps(shape), shape, upstream)
    step = torch.from_numpy(brush(name).shape_high - brush(name).shape_low) * 1e-3
    for axis in range(shape.shape[1]):
        moved = torch.zeros_like(shape)
        moved[:, axis] = step[axis]
        ahead, back = (table.draw(shape.detach() + sign * moved) for sign in (1, -1))
        wanted = ((ahead - back) * upstream).sum(dim=(1, 2, 3)) / (2 * step[axis])
        assert (found[:, axis] - wanted).norm() / wanted.norm() < 0.01  # measured: 2e-3


@each("name", FEW)
def test_the_twin_in_torch_draws_and_pulls_alike(name):
    _, table = table_of(name)
    shape = torch.cat([shapes_of(name, 9), torch.tensor([[row[i] for row in FEW[name].nodes] for i in (0, 1, -1)])])
    drawn, twin = table.draw(shape), table._drawn(shape)
    assert (drawn - twin).abs().max() < 1e-5  # measured: 8e-7
    upstream = torch.randn(drawn.shape, generator=torch.Generator().manual_seed(2))
    pulled, again = table.pull(shape, drawn, upstream), table._pulled(shape, drawn, upstream)
    assert (pulled - again).norm() / again.norm() < 1e-4  # measured: 2e-6


def test_shapes_beyond_the_ranges_are_taken_for_the_nearest():
    _, table = table_of("oil")
    beyond = torch.tensor([[0.9, -0.4, 0.2], [7.0, 0.4, 1.1]])
    nearest = torch.tensor([[1.0, -0.35, 0.3], [6.0, 0.35, 1.0]])
    for draw in (table.draw, table._drawn):
        assert (draw(beyond) - draw(nearest)).abs().max() < 1e-6


def test_no_stroke_sees_another_and_threads_change_nothing(monkeypatch):
    _, table = table_of("oil")
    shape = shapes_of("oil", 7)
    upstream = torch.randn(7, STAMP, STAMP, 3, generator=torch.Generator().manual_seed(2))
    drawn = table.draw(shape)
    pulled = table.pull(shape, drawn, upstream)
    monkeypatch.setattr("renderers.threads.core_count", lambda: 3)
    assert torch.equal(table.draw(shape), drawn)
    assert torch.equal(table.pull(shape, drawn, upstream), pulled)
    assert torch.equal(table.draw(shape[3:5]), drawn[3:5])
    none = shape[:0].requires_grad_()
    assert torch.autograd.grad(table.stamps(none).sum(), none)[0].shape == (0, 3)


def test_where_nothing_is_drawn_the_matte_is_exactly_0():
    renderer, axes = load_renderer(brush("tape"))[0], FEW["tape"]
    nodes = torch.tensor(list(itertools.product(*axes.nodes)))
    bare = renderer.stamps(nodes)[..., 0] < 1e-7
    table = StampTable(renderer, brush("tape"), axes)
    assert bare.sum() > 100
    for draw in (table.draw, table._drawn):
        assert (draw(nodes)[..., 0][bare] == 0).all()


# The tables of the project's brushes


@each("name", TABLED)
def test_the_table_of_a_brush_is_as_close_as_its_card_says(name):
    told = read_card(brush(name))["table"]
    matte, colour = table_error(load_renderer(brush(name))[0], brush(name), Axes.of_card(told, brush(name)), count=100)
    assert matte == pytest.approx(told["matte_rms"], rel=0.1)
    assert colour == pytest.approx(told["colour_rms"], rel=0.25)
    assert told["matte_rms"] <= 0.015
    assert told["colour_rms"] <= 0.004


def test_a_brush_of_many_shape_numbers_is_drawn_by_its_networks():
    it, cpu = brush("watercolor_1"), torch.device("cpu")
    assert read_card(it)["table"] is None
    assert isinstance(load_stamps(it, cpu)[0], NetworkStamps)
    with pytest.raises(NoTableError, match=r"^renderer: watercolor_1 has no table of stamps; networks draw"):
        load_stamps(it, cpu, "table")
    assert NoTableError.exit_status == 2


@each("name", TABLED)
def test_networks_draw_where_they_are_asked_for(name):
    assert isinstance(load_stamps(brush(name), torch.device("cpu"), "networks")[0], NetworkStamps)


def test_tables_are_kept_for_the_next_painting(monkeypatch):
    cpu = torch.device("cpu")
    monkeypatch.setattr(stamps, "_tables", {})
    monkeypatch.setattr(stamps, "MOST_KEPT", 1)
    first = load_stamps(brush("tape"), cpu)
    assert load_stamps(brush("tape"), cpu)[0] is first[0]
    load_stamps(brush("watercolor"), cpu)
    assert load_stamps(brush("tape"), cpu)[0] is not first[0]


# A brush of one's own


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Tape with its aspect alone, and networks that know nothing."""
    tape = brush("tape")
    it = Brush("own", tape.shape[:1], 1, tape.opacity, tape.point, "for tests", weights=tmp_path)
    torch.manual_seed(0)
    model = NeuralRenderer(it)
    digest = save_renderer(model, tmp_path / "own.safetensors")

    def describe(**entries):
        (tmp_path / "own.json").write_text(json.dumps({"sha256": digest, "shape": parameter_space(it), **entries}))

    describe()
    monkeypatch.setattr(stamps, "_tables", {})
    return it, model, describe


def test_a_brush_of_ones_own_has_a_table(own, monkeypatch):
    it, model, describe = own
    cpu = torch.device("cpu")
    measured = load_stamps(it, cpu)[0]
    assert isinstance(measured, StampTable)
    assert table_error(model, it, measured.axes)[0] < ALLOWED
    monkeypatch.setattr("renderers.stamps.axes.SAMPLES", 4)
    told = table_card(model, it)
    assert Axes.of_card(told, it).size == len(told["nodes"][0])
    assert told["matte_rms"] < ALLOWED
    describe(table=told)
    monkeypatch.setattr(stamps, "fitted_axes", None)  # the card tells
    assert isinstance(load_stamps(it, cpu)[0], StampTable)
    describe(table=None)
    assert load_stamps(it, cpu)[0].device == cpu
    assert isinstance(load_stamps(it, cpu)[0], NetworkStamps)


@each("table", [{"nodes": [[1, 10]]}, {"nodes": [[1, 9]], "low": 0.01, "high": 0.01}, 3])
def test_a_card_with_a_table_that_makes_no_sense(own, table):
    it, _, describe = own
    describe(table=table)
    with pytest.raises(WeightsError, match=r"^own\.json: not the axes of a table"):
        load_stamps(it, torch.device("cpu"))


# Where nodes are put


def test_what_axes_there_are():
    axes, oil = FEW["oil"], brush("oil")
    assert axes.size == 24
    assert Axes.of_card(json.loads(json.dumps(axes.as_card())), oil) == axes
    aspect, bend, load = axes.nodes
    long = tuple(np.linspace(-0.35, 0.35, MOST_NODES))
    for nodes in ((aspect, bend), (aspect[::-1], bend, load), ((1.0,), bend, load), (aspect, bend[1:], load)):
        with pytest.raises(AxesError):
            Axes.of_card(replace(axes, nodes=nodes).as_card(), oil)
    for wrong in (replace(axes, low=0.0), replace(axes, high=0.5), replace(axes, nodes=(aspect, long, load))):
        with pytest.raises(AxesError):
            Axes.of_card(wrong.as_card(), oil)


def test_squashing_is_undone():
    matte = torch.linspace(0, 1, 101, dtype=torch.float64)
    assert (unsquashed(squashed(matte, 0.003, 0.01), 0.003, 0.01) - matte).abs().max() < 1e-12


class Moving:
    """An edge that stands still for the lower half of an axis, then moves fast."""

    device = torch.device("cpu")

    @staticmethod
    def encoding(shape):
        return shape

    @staticmethod
    def rasterisation(shape):
        x = torch.linspace(-1, 1, STAMP)
        edge = torch.tanh(9 * (shape[:, 1:2] - 0.1).clamp_min(0) ** 2)[:, :, None]
        return torch.sigmoid((x - edge) * 9)[:, None].expand(-1, 1, STAMP, STAMP)


def test_nodes_are_where_strokes_change():
    tape = brush("tape")
    axes = fitted_axes(Moving(), tape, in_passing=True)
    aspect, slant = axes.nodes
    assert axes.size < 100
    assert len(aspect) < 7  # nothing changes along it: as few as the widest gap allows
    assert sum(value > 0.1 for value in slant) > 2 * sum(value < 0.1 for value in slant) - 3
    assert slant[0] == -0.5
    assert slant[-1] == 0.5


# The networks' own kernels


def both(name):
    """Networks that know nothing, and the same in kernels."""
    torch.manual_seed(0)
    renderer = NeuralRenderer(brush(name)).eval().requires_grad_(False)
    return renderer, NetworkStamps(renderer)


def drawn_and_pulled(source, shape):
    shape = shape.clone().requires_grad_()
    drawn = source.stamps(shape)
    upstream = torch.randn(drawn.shape, generator=torch.Generator().manual_seed(2))
    return drawn.detach(), torch.autograd.grad(drawn, shape, upstream)[0]


@each("name", names())
def test_kernels_draw_what_torch_draws(name):
    renderer, fast = both(name)
    assert fast.device == torch.device("cpu")
    shape = shapes_of(name, 9)
    (wanted, slope), (found, pulled) = drawn_and_pulled(renderer, shape), drawn_and_pulled(fast, shape)
    assert found.shape == wanted.shape
    assert found.is_contiguous()
    assert (found - wanted).abs().max() < 1e-5  # measured: 1e-6
    assert (pulled - slope).norm() / slope.norm() < 1e-4  # measured: 6e-7


def test_kernels_draw_trained_networks_alike():
    renderer, it = load_renderer(brush("watercolor_1"))[0], shapes_of("watercolor_1", 30)
    (wanted, slope), (found, pulled) = drawn_and_pulled(renderer, it), drawn_and_pulled(NetworkStamps(renderer), it)
    assert (found - wanted).abs().max() < 1e-5  # measured: 7e-7
    assert (pulled - slope).norm() / slope.norm() < 1e-4


def test_the_way_back_threads_and_numbers_of_strokes_change_no_byte(monkeypatch):
    _, fast = both("watercolor_1")
    shape = shapes_of("watercolor_1", 7)
    drawn, pulled = drawn_and_pulled(fast, shape)
    assert torch.equal(fast.stamps(shape), drawn)
    monkeypatch.setattr("renderers.threads.core_count", lambda: 3)
    monkeypatch.setattr("renderers.stamps.networks.core_count", lambda: 3)
    assert torch.equal(fast.stamps(shape), drawn)
    assert all(torch.equal(a, b) for a, b in zip(drawn_and_pulled(fast, shape), (drawn, pulled), strict=True))
    monkeypatch.setattr("renderers.stamps.networks.KEPT", 3)
    again, slope = drawn_and_pulled(fast, shape)
    assert torch.equal(again, drawn)
    assert (slope - pulled).norm() / pulled.norm() < 1e-5  # measured: 1e-7
    none, nothing = drawn_and_pulled(fast, shape[:0])
    assert none.shape == (0, STAMP, STAMP, 3)
    assert nothing.shape == (0, 5)
