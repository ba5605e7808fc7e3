"""The two networks: their shapes, what each is told, and the colour that is linear in the paint by construction."""

import numpy as np
import pytest
import torch

from renderers.brushes import brush, names
from renderers.networks import STAMP, NeuralRenderer, ShadingNet, ShapeEncoding
from tests.each import each


def renderer(name, seed=0):
    """A renderer with random weights."""
    torch.manual_seed(seed)
    return NeuralRenderer(brush(name))


def strokes(name, count, seed=0):
    generator = np.random.default_rng(seed)
    it = brush(name)
    shape, paint = it.sample_shape(count, generator), it.sample_paint(count, generator)
    return torch.from_numpy(shape), torch.from_numpy(paint)


@each("name", names())
@each("count", [0, 1, 5])
def test_shapes_of_what_comes_out(name, count):
    model, (shape, paint) = renderer(name), strokes(name, count)
    alpha, weights = model(shape)
    assert alpha.shape == (count, 1, STAMP, STAMP)
    assert weights.shape == (count, 2, STAMP, STAMP)
    assert model.stamps(shape).shape == (count, STAMP, STAMP, 3)
    colour, faded = model.draw(shape, paint)
    assert colour.shape == (count, 3, STAMP, STAMP)
    assert faded.shape == (count, 1, STAMP, STAMP)
    assert all(t.isfinite().all() for t in (alpha, weights, colour, faded))
    assert ((alpha >= 0) & (alpha <= 1)).all()


@each("name", names())
def test_strokes_do_not_see_one_another(name):
    model, (shape, _) = renderer(name).double(), strokes(name, 6)
    together = model.stamps(shape.double())
    alone = torch.cat([model.stamps(row[None].double()) for row in shape])
    assert (together - alone).abs().max() < 1e-12  # measured: 1.1e-16


# The layout that the compositor takes


def test_stamps_are_matte_and_weights_with_channels_last():
    model, (shape, _) = renderer("oil"), strokes("oil", 4)
    alpha, weights = model(shape)
    stamps = model.stamps(shape)
    assert stamps.is_contiguous()
    assert stamps.dtype == torch.float32
    assert torch.equal(stamps[..., 0], alpha[:, 0])
    assert torch.equal(stamps[..., 1], weights[:, 0])
    assert torch.equal(stamps[..., 2], weights[:, 1])


@pytest.mark.parametrize("format", [torch.contiguous_format, torch.channels_last])
def test_stamps_do_not_depend_on_the_memory_format(format):
    model, (shape, _) = renderer("tape"), strokes("tape", 3)
    expected = model.stamps(shape)
    found = model.to(memory_format=format).stamps(shape)
    assert found.is_contiguous()
    assert (found - expected).abs().max() < 1e-5  # measured: 7e-8


# Two pathways


def test_neither_network_sees_paint():
    model, (shape, paint) = renderer("oil"), strokes("oil", 4)
    seen = []
    for network in (model.rasterisation, model.shading):
        network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs))
    paint.requires_grad_()
    model.draw(shape, paint)
    assert len(seen) == 2
    for inputs in seen:
        assert len(inputs) == 1
        assert torch.equal(inputs[0], model.encoding(shape))
        assert not inputs[0].requires_grad


def test_the_matte_knows_opacity_and_no_colour():
    model, (shape, paint) = renderer("oil"), strokes("oil", 4)
    paint.requires_grad_()
    _, alpha = model.draw(shape, paint)
    gradient = torch.autograd.grad(alpha.sum(), paint)[0]
    assert (gradient[:, :6] == 0).all()
    assert torch.allclose(gradient[:, 6], model(shape)[0].sum((1, 2, 3)))
    other = torch.cat([1 - paint[:, :6], paint[:, 6:]], dim=1)
    assert torch.equal(model.draw(shape, other)[1], alpha)


def test_the_networks_share_no_weights():
    model, (shape, _) = renderer("oil"), strokes("oil", 2)
    alpha, _ = model(shape)
    alpha.sum().backward()
    assert all(p.grad is not None for p in model.rasterisation.parameters())
    assert all(p.grad is None for p in model.shading.parameters())


# Colour


def test_colour_hand_worked():
    weights = torch.tensor([0.5, 0.25]).view(1, 2, 1, 1)
    paint = torch.tensor([[1.0, 0.5, 0.0, 0.0, 1.0, 0.5, 0.125]])
    assert ShadingNet.colour(weights, paint).flatten().tolist() == [0.5, 0.5, 0.125]


@each("name", names())
def test_colour_is_linear_in_the_paint(name):
    model, (shape, paint) = renderer(name).double(), strokes(name, 5)
    shape, paint, other = shape.double(), paint.double(), strokes(name, 5, seed=1)[1].double()

    def colour(p):
        return model.draw(shape, p)[0]

    assert torch.equal(colour(paint * 0.25), colour(paint) * 0.25)
    assert (colour(torch.zeros_like(paint)) == 0).all()
    mixed = colour(0.3 * paint + 0.7 * other)
    error = mixed - (0.3 * colour(paint) + 0.7 * colour(other))
    assert error.abs().max() < 1e-14  # measured: 8e-17


def test_colour_of_one_paint_is_its_weights():
    model, (shape, _) = renderer("oil"), strokes("oil", 3)
    first = torch.tensor([[1.0, 0, 0, 0, 0, 0, 1]]).expand(3, 7)
    second = torch.tensor([[0.0, 0, 0, 0, 0, 1, 1]]).expand(3, 7)
    _, weights = model(shape)
    for paint, channel, k in ((first, 0, 0), (second, 2, 1)):
        colour, _ = model.draw(shape, paint)
        assert torch.equal(colour[:, channel], weights[:, k])
        assert colour.abs().sum() == colour[:, channel].abs().sum()


# The encoding


def test_encoding_hand_worked():
    encode = ShapeEncoding(torch.tensor([1.0, -0.5]), torch.tensor([4.0, 0.5]), harmonics=1)
    assert encode.features == 6
    found = encode(torch.tensor([[1.0, 0.5], [2.0, 0.0], [4.0, -0.5]]))
    expected = torch.tensor(
        [  # aspect, slant, both sines, both cosines of pi / 2 times them
            [-1.0, 1.0, -1.0, 1.0, 0.0, 0.0],
            [0.0, 0.0, 0.0, 0.0, 1.0, 1.0],
            [1.0, -1.0, 1.0, -1.0, 0.0, 0.0],
        ]
    )
    assert (found - expected).abs().max() < 1e-6


@each("name", names())
def test_encoding_is_within_bounds_and_tells_strokes_apart(name):
    model, (shape, _) = renderer(name), strokes(name, 200)
    encoded = model.encoding(shape)
    assert encoded.shape == (200, model.encoding.features)
    assert encoded.abs().max() <= 1 + 1e-5
    assert len(encoded.unique(dim=0)) == 200


# Gradients


@each("name", names())
def test_gradients_reach_every_shape_parameter(name):
    model, (shape, paint) = renderer(name), strokes(name, 8)
    for part in range(2):
        leaf = shape.clone().requires_grad_()
        model.draw(leaf, paint)[part].square().sum().backward()
        assert leaf.grad.isfinite().all()
        assert (leaf.grad.abs().sum(0) > 0).all()


def test_gradients_are_right():
    model, (shape, paint) = renderer("tape").double(), strokes("tape", 2)
    shape, paint = shape.double().requires_grad_(), paint.double().requires_grad_()

    def summary(s, p):
        colour, alpha = model.draw(s, p)
        return (colour * alpha).mean((2, 3))

    assert torch.autograd.gradcheck(summary, (shape, paint), eps=1e-7, atol=1e-6)


def test_gradients_do_not_explode_on_the_bounds():
    model = renderer("watercolor")
    it = brush("watercolor")
    shape = torch.from_numpy(np.stack([it.shape_low, it.shape_high])).requires_grad_()
    model.stamps(shape).sum().backward()
    assert shape.grad.isfinite().all()
