"""Every preset, stage and way on small photos: the content's size, in [0, 1], nearer to the style, still a photo."""

from itertools import product

import cv2
import numpy as np
import pytest
import torch

from neural_painter.descent import FAILURES
from neural_painter.errors import InputError, NumericalError, UsageError
from neural_painter.photo.config import PhotoConfig
from neural_painter.photo.laplacian import MattingLaplacian
from neural_painter.photo.optimise import Objective
from neural_painter.photo.plan import plan
from neural_painter.photo.state import read_state, write_state
from neural_painter.photo.transfer import PhotoState, Transfer, choose_device, photo_transfer
from tests.neural_painter.photo.samples import day, mask, night, tiny_features


def transfer(features=None, content=None, style=None, *, more=None, **options):
    """A transfer of few steps; `more` goes to `photo_transfer`, the rest into the config."""
    config = PhotoConfig(**{"iterations": 6, "device": "cpu", **options})
    content = day() if content is None else content
    return photo_transfer(content, night() if style is None else style, config=config, features=features, **more or {})


def stop_at(step):
    def on_step(progress):
        if progress.step == step:
            raise KeyboardInterrupt

    return on_step


def assert_fine(picture, size):
    assert picture.shape == (*size, 3)
    assert picture.dtype == np.float32
    assert np.isfinite(picture).all()
    assert picture.min() >= 0
    assert picture.max() <= 1


def energy(picture):
    """Of the matting Laplacian of the day, per pixel: how little of a photo a picture is."""
    content, made = (torch.from_numpy(array).permute(2, 0, 1) for array in (day(), picture))
    return float(MattingLaplacian(content, epsilon=1e-5).energy(made)) / made[0].numel()


def detail(picture):
    return float((picture - cv2.blur(picture, (5, 5))).std())


def test_the_fast_preset_needs_no_features():
    steps = []
    result = transfer(preset="fast", more={"on_step": steps.append})
    assert_fine(result.picture, (40, 56))
    assert result.finished
    assert result.state is None
    assert result.losses == {}
    assert steps == []
    means = [picture.mean((0, 1)) for picture in (result.picture, day(), night())]
    assert np.abs(means[0] - means[2]).max() < 0.04  # measured: 0.023
    assert np.abs(means[1] - means[2]).max() > 0.3


@pytest.mark.parametrize("preset", ["balanced", "torch"])
def test_other_presets_do(preset):
    with pytest.raises(UsageError, match="needs features"):
        transfer(preset=preset)


@pytest.mark.parametrize("preset", ["balanced", "best", "torch", "tf"])
def test_presets_run(preset, features):
    result = transfer(features, day(21, 29), preset=preset, iterations=2)
    assert_fine(result.picture, (21, 29))
    assert result.finished
    assert result.state.round == len(plan(PhotoConfig(preset=preset), 21, 29))
    assert result.device == "cpu"
    assert set(result.seconds) >= {"colors", "smoothing", "total"}
    assert result.seconds["total"] == max(result.seconds.values())


@pytest.mark.parametrize(("preset", "mean", "most"), [("fast", 5e-4, 0.01), ("balanced", 0.015, 0.2)])
def test_a_photo_with_its_own_style_is_left_about_as_it_is(preset, mean, most, features):
    """Measured: fast 9e-5 and 0.003, balanced 0.006 and 0.11, at the edges of the house."""
    difference = np.abs(transfer(features, day(), day(), preset=preset).picture - day())
    assert difference.mean() < mean
    assert difference.max() < most


@pytest.mark.parametrize(("optimizer", "iterations"), [("lbfgs", 6), ("adam", 20)])
@pytest.mark.parametrize("stages", ["style", "photorealism", "both"])
def test_stages_run_in_their_order_and_lower_the_loss(stages, optimizer, iterations, features):
    steps = []
    options = {"stages": stages, "optimizer": optimizer, "iterations": iterations}
    result = transfer(features, **options, more={"on_step": steps.append})
    assert_fine(result.picture, (40, 56))
    wanted = ["style", "photorealism"] if stages == "both" else [stages]
    rounds = plan(PhotoConfig(**options), 40, 56)
    assert list(dict.fromkeys(progress.stage for progress in steps)) == wanted
    assert [progress.step for progress in steps] == list(range(1, len(steps) + 1))
    assert {progress.steps for progress in steps} == {len(steps)} == {sum(one.iterations for one in rounds)}
    for one in rounds:
        losses = [p.loss for p in steps if (p.stage, p.size) == (one.stage, max(one.size))]
        assert len(losses) == one.iterations
        assert losses[-1] < losses[0]
        assert f"{one.stage} {max(one.size)}" in result.seconds
    assert ("photorealism" in result.losses) == (stages != "style")


def test_photorealism_keeps_it_a_photo(features):
    """Measured, unsmoothed: 6.7e-3 without, 2.8e-4 with."""
    free, bound = (
        energy(transfer(features, stages=stages, iterations=10, smoothing="none").picture)
        for stages in ("style", "photorealism")
    )
    assert bound < 0.2 * free


def test_weights_count(features):
    near, far = (
        transfer(features, stages="style", content_weight=weight, color_weight=0.0, smoothing="none").losses["content"]
        for weight in (100.0, 0.0)
    )
    assert near < 0.5 * far


@pytest.mark.parametrize("smoothing", ["guided", "exact", "none"])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 2), (3, 5), (17, 31)])
def test_any_size(size, smoothing, features):
    content = np.random.default_rng(0).random((*size, 3), np.float32)
    result = transfer(features, content, iterations=2, smoothing=smoothing)
    assert_fine(result.picture, size)
    assert result.finished
    assert result.recovered == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 3)])
@pytest.mark.parametrize("preset", ["fast", "balanced"])
def test_any_style(size, preset, features):
    style = np.random.default_rng(0).random((*size, 3), np.float32)
    result = transfer(features, day(20, 28), style, preset=preset, iterations=2)
    assert_fine(result.picture, (20, 28))
    assert result.recovered == 0


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("side", ["content", "style"])
def test_one_colour(side, value, features):
    flat = {side: np.full((20, 28, 3), value, np.float32)}
    result = transfer(features, iterations=3, **flat)
    assert_fine(result.picture, flat.get("content", day()).shape[:2])
    assert result.recovered == 0


@pytest.mark.parametrize("smoothing", ["guided", "exact", "none"])
def test_what_is_optimised_small_is_carried_up(smoothing, features):
    """Each way has its own result; all of them keep the house where it is."""
    content = day(90, 127)
    result = transfer(features, content, working_size=48, smoothing=smoothing)
    assert_fine(result.picture, (90, 127))
    assert result.state.picture.shape == (34, 48, 3)
    edges = [np.abs(np.diff(picture.mean(2), axis=1)).ravel() for picture in (content, result.picture)]
    assert np.corrcoef(edges)[0, 1] > 0.6  # measured: 0.87 and more


def test_ways_of_smoothing_differ(features):
    pictures = [transfer(features, smoothing=way).picture for way in ("guided", "exact", "none")]
    for one in range(3):
        assert np.abs(pictures[one] - pictures[one - 1]).max() > 0.01


@pytest.mark.parametrize("smoothing", ["guided", "exact"])
def test_refine_gives_detail_back(smoothing, features):
    """Of a noisy photo carried up from half its size. Measured: 64 to 70 % of its detail without, 94 and 101 % with."""
    noise = np.random.default_rng(0).standard_normal((80, 112, 1)).astype(np.float32)
    content = np.clip(day(80, 112) + 0.03 * noise, 0, 1)
    plain, refined = (
        detail(transfer(features, content, iterations=4, working_size=40, smoothing=smoothing, refine=refine).picture)
        for refine in (False, True)
    )
    assert plain < 0.8 * detail(content)
    assert refined == pytest.approx(detail(content), rel=0.15)


@pytest.mark.parametrize("preset", ["fast", "balanced", "torch"])
def test_the_same_call_gives_the_same_picture(preset, features):
    one, two = (transfer(features, preset=preset, iterations=2, more={"auto_mask": 2}).picture for _ in range(2))
    assert np.array_equal(one, two)


def test_the_seed_is_of_the_grey_start(features):
    one, two = (transfer(features, preset="torch", iterations=1, seed=seed).picture for seed in (0, 1))
    assert not np.array_equal(one, two)


def test_inputs_are_left_as_they_are(features):
    inputs = [day(), night(), mask(0.6, 40, 56), mask(0.5, 36, 60), day() * 0.5]
    before = [array.copy() for array in inputs]
    for array in inputs:
        array.flags.writeable = False
    transfer(
        features,
        inputs[0],
        inputs[1],
        iterations=1,
        more={"content_mask": inputs[2], "style_mask": inputs[3], "init": inputs[4]},
    )
    assert all(map(np.array_equal, inputs, before))


def test_full_widths_run():
    result = transfer(
        tiny_features((64, 64, 128, 128, 256, 256, 256, 256, 512, 512, 512, 512, 512)), day(12, 16), iterations=1
    )
    assert_fine(result.picture, (12, 16))
    assert result.recovered == 0


# --- start ----------------------------------------------------------------------------------------------------------


def test_init_is_the_start(features):
    """One small step of Adam away from it; without smoothing nothing else changes."""
    result = transfer(
        features, optimizer="adam", stages="style", working_size=56, preset="torch", iterations=2, smoothing="none",
        more={"init": 0.5 * day()},
    )  # fmt: skip
    assert 0 < np.abs(result.picture - 0.5 * day()).max() < 0.03


def test_init_of_another_size(features):
    assert_fine(transfer(features, iterations=1, more={"init": night(81, 113)}).picture, (40, 56))
    assert_fine(transfer(features, iterations=1, more={"init": night(20, 28)}).picture, (40, 56))


def test_init_of_another_shape_is_refused(features):
    with pytest.raises(InputError, match="the picture to start from is 30x30, the content 56x40: expected one shape"):
        transfer(features, more={"init": day(30, 30)})


def test_fast_smooths_what_it_starts_from():
    result = transfer(preset="fast", smoothing="none", more={"init": 0.5 * day()})
    np.testing.assert_allclose(result.picture, 0.5 * day(), atol=1e-6)


# --- masks ----------------------------------------------------------------------------------------------------------


def test_segments_take_their_looks_from_their_own():
    """The sky gets the colour of the sky and the ground that of the ground, also where they are named crosswise."""
    masks = {"content_mask": mask(0.6, 40, 56), "style_mask": mask(0.55, 36, 60)}
    result = transfer(preset="fast", more=masks)
    assert result.segments.count == 2
    for rows, others in ((slice(0, 20), slice(0, 18)), (slice(28, 40), slice(24, 36))):
        assert np.abs(result.picture[rows].mean((0, 1)) - night()[others].mean((0, 1))).max() < 0.06
    crosswise = transfer(preset="fast", more=masks | {"style_mask": mask(0.55, 36, 60)[..., [0, 2, 1]]})
    assert np.abs(crosswise.picture - result.picture).mean() > 0.05


@pytest.mark.parametrize("one", ["content_mask", "style_mask"])
def test_one_mask_is_refused(one):
    with pytest.raises(UsageError, match="got only one"):
        transfer(preset="fast", more={one: mask(0.5, 40, 56)})


def test_masks_and_automatic_ones_are_refused():
    masks = {"content_mask": mask(0.6, 40, 56), "style_mask": mask(0.5, 36, 60)}
    with pytest.raises(UsageError, match="masks or automatic ones, got both"):
        transfer(preset="fast", more=masks | {"auto_mask": 2})


@pytest.mark.parametrize("preset", ["fast", "balanced"])
def test_automatic_masks(preset, features):
    result = transfer(features, preset=preset, iterations=1, more={"auto_mask": 3})
    assert 2 <= result.segments.count <= 3
    assert result.segments.content.shape == (40, 56)
    assert_fine(result.picture, (40, 56))


def test_what_is_no_picture_is_refused_by_name():
    for (array, message), name in product(
        [
            (np.zeros((4, 5), np.float32), r"expected a picture \[H, W, 3\], got \[4, 5\]"),
            (np.zeros((4, 5, 4), np.float32), r"expected a picture \[H, W, 3\], got \[4, 5, 4\]"),
            (np.zeros((0, 5, 3), np.float32), r"expected a picture \[H, W, 3\], got \[0, 5, 3\]"),
            (np.full((4, 5, 3), np.nan, np.float32), r"expected finite numbers in \[0, 1\]"),
            (np.full((4, 5, 3), 1.01, np.float32), r"expected finite numbers in \[0, 1\]"),
            (np.full((4, 5, 3), -0.01, np.float32), r"expected finite numbers in \[0, 1\]"),
        ],
        ["content", "style", "content_mask", "style_mask", "init"],
    ):
        given = {"content": day(), "style": night(), "content_mask": mask(0.5, 40, 56), "style_mask": mask(0.5, 36, 60)}
        given[name] = array
        with pytest.raises(ValueError, match=f"^{name.replace('_', ' ')}: {message}"):
            photo_transfer(given.pop("content"), given.pop("style"), **given, config=PhotoConfig(preset="fast"))


# --- interrupts and failures ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_an_interrupted_transfer_goes_on_as_the_whole_one(optimizer, features, tmp_path):
    """Rounds are of 3 and 6 steps here. The state goes through a file, and the rest is the same to the byte."""
    config = PhotoConfig(iterations=6, device="cpu", optimizer=optimizer)
    whole = photo_transfer(day(), night(), config=config, features=features)
    for step in (1, 2, 3, 5, 8, 9):
        found = photo_transfer(day(), night(), config=config, features=features, on_step=stop_at(step))
        assert found.finished is False
        assert_fine(found.picture, (40, 56))
        assert (found.state.round, found.state.step) == ((0, step) if step <= 3 else (1, step - 3))
        write_state(tmp_path / "state.safetensors", found.state, config, "us")
        state = read_state(tmp_path / "state.safetensors", config, "us", (40, 56))
        steps = []
        rest = photo_transfer(day(), night(), config=config, features=features, state=state, on_step=steps.append)
        assert rest.finished
        assert [progress.step for progress in steps] == list(range(step + 1, 10))
        assert np.array_equal(rest.picture, whole.picture)
        assert (rest.losses, rest.recovered) == (whole.losses, whole.recovered)


def test_a_state_without_the_optimiser_goes_on_from_its_picture(features):
    """Files of the first version have no more."""
    found = transfer(features, more={"on_step": stop_at(5)})
    old = PhotoState(found.state.round, found.state.step, found.state.picture)
    steps = []
    rest = transfer(features, more={"state": old, "on_step": steps.append})
    assert rest.finished
    assert [progress.step for progress in steps] == [6, 7, 8, 9]
    assert_fine(rest.picture, (40, 56))


def test_the_state_is_told_between_steps_and_does_not_change_any_more(features):
    states = []
    whole = transfer(features, more={"on_state": states.append, "state_seconds": 0.0})
    assert [(state.round, state.step) for state in states] == [(0, 1), (0, 2), (0, 3), *((1, n + 1) for n in range(6))]
    for state in states[1::3]:
        assert np.array_equal(transfer(features, more={"state": state}).picture, whole.picture)
    states.clear()
    transfer(features, more={"on_state": states.append})  # long before ten seconds have passed
    assert states == []


def test_a_finished_state_needs_the_last_touch_only(features):
    whole = transfer(features)
    steps = []
    again = transfer(features, more={"state": whole.state, "on_step": steps.append})
    assert steps == []
    assert np.array_equal(again.picture, whole.picture)


def test_before_the_first_step(features, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Transfer, "_objective", interrupted)
    result = transfer(features)
    assert result.finished is False
    assert result.state is None
    assert_fine(result.picture, (40, 56))


def test_interrupted_while_smoothing(features, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Transfer, "_finished", interrupted)
    result = transfer(features, working_size=32)
    assert result.finished is False
    assert result.state.round == len(plan(PhotoConfig(working_size=32), 40, 56))
    assert_fine(result.picture, (40, 56))
    with pytest.raises(KeyboardInterrupt):  # here nothing was done that could be lost
        transfer(preset="fast")


class Damaged(Objective):
    """An objective whose loss is not a number at some of its calls."""

    calls = 0
    when = staticmethod(lambda call: False)

    def __call__(self, picture):
        Damaged.calls += 1
        loss, terms = super().__call__(picture)
        return (loss * torch.nan if self.when(Damaged.calls) else loss), terms


@pytest.fixture
def damaged(monkeypatch):
    def patch(when):
        monkeypatch.setattr(Damaged, "calls", 0)
        monkeypatch.setattr(Damaged, "when", staticmethod(when))
        monkeypatch.setattr("neural_painter.photo.transfer.Objective", Damaged)

    return patch


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_losses_that_are_not_finite_are_taken_back_and_counted(optimizer, features, damaged):
    damaged(lambda call: call in (2, 7))
    losses = []
    result = transfer(features, optimizer=optimizer, more={"on_step": lambda progress: losses.append(progress.loss)})
    assert result.finished
    assert result.recovered == 2 == sum(map(np.isinf, losses))
    assert_fine(result.picture, (40, 56))
    assert all(map(np.isfinite, result.losses.values()))


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_loss_that_does_not_recover_ends_it(optimizer, features, damaged):
    damaged(lambda call: True)
    with pytest.raises(NumericalError, match="the loss stopped being finite in the style stage"):
        transfer(features, optimizer=optimizer, iterations=50)
    assert Damaged.calls == FAILURES + 1


def test_as_many_failures_as_are_allowed(features, damaged):
    damaged(lambda call: call <= FAILURES)
    result = transfer(features, iterations=2 * FAILURES + 2, stages="style", working_size=16)
    assert result.recovered == FAILURES
    assert result.finished


# --- device ---------------------------------------------------------------------------------------------------------


def test_devices(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")
    with pytest.raises(UsageError, match="no CUDA device"):
        choose_device("cuda")
    with pytest.raises(UsageError, match="no CUDA device"):
        transfer(preset="fast", device="cuda")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda")
    assert choose_device("cpu") == torch.device("cpu")
