"""What strokes are worth: against painting without them, and the fast kernel against its readable twin."""

import pytest
import torch

from neural_painter.compositing import sharing, walking, worth
from neural_painter.compositing.reference import composite_reference
from tests.each import each
from tests.neural_painter.compositing.cases import cases, random_case

CASES = cases()


def targeted(name):
    """A case's arguments with a target, and a weight."""
    *arguments, size = CASES[name]()
    generator = torch.Generator().manual_seed(20)
    target, weight = torch.rand(3, *size, generator=generator), torch.rand(size, generator=generator)
    return arguments, target, size, weight


@pytest.mark.parametrize("weighted", [False, True])
def test_is_the_error_that_a_stroke_takes_away(weighted):
    """Half of the strokes make up the target; all are faint, so that light is left everywhere."""
    placement, paint, stamps, background, size = random_case(8, picture=True)
    paint[:, 6] *= 0.5
    strokes = [tensor.double() for tensor in (placement, paint, stamps)]
    background = background.double()
    target = composite_reference(*(tensor[:4] for tensor in strokes), background, size)
    weight = target[0] if weighted else torch.ones(size).double()

    def error(kept):
        picture = composite_reference(*(tensor[kept] for tensor in strokes), background, size)
        return ((picture - target).square() * weight).sum()

    everything = torch.arange(8)
    wanted = torch.stack([error(everything != n) - error(everything) for n in range(8)])
    found = worth(*strokes, background, target, size, weight=weight if weighted else None, backend="reference")
    assert (found - wanted).abs().max() < 1e-12  # measured: 2e-14
    assert found.min() < 0 < found.max()


def test_a_stroke_under_opaque_ones_is_worth_nothing():
    """And the deepest that is seen is worth nothing either where nothing is known of what lies behind it."""
    placement = torch.tensor([[0.5, 0.5, 1.0, 1.0, 0.0, 0.0]]).expand(3, 6)
    paint = torch.tensor([[1.0, 0, 0, 0, 0, 0, 1], [0.0, 1, 0, 0, 0, 0, 1], [0.0, 0, 1, 0, 0, 0, 1]])
    arguments = placement, paint, torch.ones(3, 2, 2, 3), torch.ones(3)
    target = torch.zeros(3, 1, 1)
    target[2] = 1
    for backend in ("cpu", "reference"):
        found = worth(*arguments, target, (1, 1), backend=backend)
        assert found[:2].tolist() == [0, 0]
        assert found[2] == pytest.approx(2, rel=0.01)  # green instead of blue


@each("name", CASES)
def test_agrees_with_the_reference(name, monkeypatch):
    arguments, target, size, weight = targeted(name)
    expected = worth(
        *(tensor.double() for tensor in (*arguments, target)), size, weight=weight.double(), backend="reference"
    )
    for threads in (1, 3):
        monkeypatch.setattr(walking, "share_count", lambda _, count=threads: count)
        monkeypatch.setattr(sharing, "SIDES", (16, 8))
        found = worth(*arguments, target, size, weight=weight)
        assert found.dtype == torch.float32
        # Measured: 2e-6 of the largest; where a stroke is a hair, 2e-5.
        scale = max(float(expected.abs().max()), 1.0) if len(expected) else 1.0
        assert ((found - expected).abs() <= (1e-4 if name == "hair_thin" else 2e-5) * scale).all()
        assert torch.equal(found, worth(*arguments, target, size, weight=weight))


def test_rejects_wrong_shapes_and_unknown_backends():
    *arguments, size = random_case(3)
    with pytest.raises(ValueError, match="expected target"):
        worth(*arguments, torch.zeros(3, 4, 4), size)
    with pytest.raises(ValueError, match="expected target"):
        worth(*arguments, torch.zeros(3, *size), size, weight=torch.zeros(4, 4))
    with pytest.raises(ValueError, match="expected placement"):
        worth(arguments[0][:, :4], *arguments[1:], torch.zeros(3, *size), size)
    with pytest.raises(ValueError, match="no worth"):
        worth(*arguments, torch.zeros(3, *size), size, backend="gl")
