"""Stage by stage: progress, interrupts at any point, losses that are not finite."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from neural_painter.devices import choose_device
from neural_painter.errors import NumericalError, UsageError
from neural_painter.painter import objective, stages
from neural_painter.painter.config import PRESETS, PaintConfig, Preset, plan
from neural_painter.painter.rounds import Place, place_between
from neural_painter.painter.stages import Painter, empty_strokes
from neural_painter.painter.work import Work
from renderers.brushes import brush
from tests.each import each
from tests.neural_painter.painter.pictures import still_life

CONFIG = PaintConfig(strokes=60, preset="fast", device="cpu")


@pytest.fixture
def brief(monkeypatch):
    """A preset `fast` of a few steps."""
    monkeypatch.setitem(PRESETS, "fast", Preset(early=0.1, late=0.05, canvas=0.7))


def painter(config=CONFIG, place=None, **options):
    """The work of a painting, which is to be run."""
    made = Painter(still_life(48, 64), config)
    return Work(made.rounds(), place or place_between(empty_strokes(made.brush)), **options)


def painted(config=CONFIG, place=None, **options):
    work = painter(config, place, **options)
    work.run()
    return work


@each("weight, every", [(0.3, 12), (1.0, 12), (5.0, 2), (100.0, 1)])
def test_a_strong_pull_is_never_old(weight, every):
    made = objective.Objective(torch.rand(3, 12, 16), CONFIG, transport=weight)
    assert made.transport.every == every


@pytest.mark.usefixtures("brief")
@each("strokes", [1, 5, 60, 300])
def test_progress_goes_from_nothing_to_all(strokes):
    seen = []
    config = replace(CONFIG, strokes=strokes)
    result = painted(config, on_step=seen.append)
    planned = plan(config, 0.75)
    assert [p.step for p in seen] == list(range(1, sum(s.iterations for s in planned) + 1))
    assert {p.steps for p in seen} == {len(seen)}
    assert {p.stages for p in seen} == {len(planned)}
    assert sorted({p.stage for p in seen}) == list(range(1, len(planned) + 1))
    work = np.array([p.work for p in seen])
    assert work[0] > 0
    assert (np.diff(work) > 0).all()
    assert work[-1] == pytest.approx(1)
    expected = np.cumsum([s.count for s in planned])
    assert all(p.strokes == expected[p.stage - 1] for p in seen)
    assert all(np.isfinite(p.loss) and p.loss >= 0 for p in seen)
    assert result.finished
    assert result.recovered == 0
    assert len(result.strokes) == strokes
    assert len(result.seconds) == len(planned)


def test_the_loss_falls_in_each_stage():
    seen = []
    painted(on_step=seen.append)
    for stage in range(1, seen[-1].stages + 1):
        losses = [p.loss for p in seen if p.stage == stage]
        assert losses[-1] < losses[0]
    assert seen[-1].loss < seen[0].loss / 3  # measured: a 14th


def stop_at(moment):
    def on_step(progress):
        if progress.step == moment:
            raise KeyboardInterrupt

    return on_step


@pytest.mark.usefixtures("brief")
def test_an_interrupt_after_any_step_can_be_gone_on_from():
    first, *_ = iterations = [s.iterations for s in plan(CONFIG, 0.75)]
    total = sum(iterations)
    for moment in (1, first - 1, first, first + 1, total - 1, total):
        result = painted(on_step=stop_at(moment))
        assert not result.finished
        assert len(result.strokes) > 0
        seen = []
        finished = painted(on_step=seen.append, place=result.place)
        assert finished.finished
        assert len(finished.strokes) == CONFIG.strokes
        assert [p.step for p in seen] == list(range(moment + 1, total + 1))


@pytest.mark.usefixtures("brief")
def test_an_interrupt_before_anything_is_painted(monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(stages, "seed_strokes", interrupted)
    result = painted()
    assert not result.finished
    assert len(result.strokes) == 0
    assert result.place.stage == result.place.step == 0


@pytest.mark.usefixtures("brief")
def test_going_on_from_the_end_changes_nothing():
    result = painted()
    for place in (result.place, Place(result.strokes, result.place.stage)):
        again = painted(place=place)
        assert again.finished
        assert again.strokes == result.strokes


def failing(monkeypatch, is_bad):
    """Makes the pixel loss not a number in the calls, counted from 1, for which `is_bad`."""
    pixel_loss, count = objective.pixel_loss, 0

    def loss(canvas, target, **options):
        nonlocal count
        count += 1
        value = pixel_loss(canvas, target, **options)
        return value * torch.nan if is_bad(count) else value

    monkeypatch.setattr(objective, "pixel_loss", loss)


def test_a_loss_that_never_recovers_is_an_error(monkeypatch):
    failing(monkeypatch, lambda call: call > 10)
    steps = []
    running = painter(replace(CONFIG, preset="balanced"), on_step=steps.append)
    with pytest.raises(NumericalError, match="stopped being finite in stage 1 and did not recover"):
        running.run()
    assert len(steps) >= 15  # a few failures are forgiven
    assert len(steps) < 100
    running.strokes.check(brush("oil"))  # what was painted is still there, and in order


def test_a_loss_that_recovers_costs_a_few_steps(monkeypatch):
    want = painted()
    failing(monkeypatch, lambda call: call in (1, 5, 6, 20, 30))
    got = painted()
    assert got.finished
    assert got.recovered > 0
    got.strokes.check(brush("oil"))
    assert len(got.strokes) == len(want.strokes)


@pytest.mark.usefixtures("brief")
def test_strokes_on_paper_are_wiped_off_and_seeded_anew(monkeypatch):
    """Whatever part of the strokes is wiped off, their number at the end of each stage is as planned."""
    wiped = []

    def on_paper(strokes, _):
        found = np.arange(len(strokes)) % 3 == 0
        wiped.append(int(found.sum()))
        return found

    monkeypatch.setattr(stages, "on_paper", on_paper)
    assert len(painted(replace(CONFIG, strokes=200)).strokes) == 200
    assert sum(wiped) > 0


def test_devices(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto").type == choose_device("cpu").type == "cpu"
    with pytest.raises(UsageError, match="no CUDA device") as caught:
        choose_device("cuda")
    assert "--device cpu" in caught.value.hint
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto").type == choose_device("cuda").type == "cuda"
    assert choose_device("cpu").type == "cpu"
