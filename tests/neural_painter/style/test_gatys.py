"""Artistic style transfer, with a small network of random weights."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from neural_painter.colour import with_colors_of
from neural_painter.configs import OptionError
from neural_painter.descent import FAILURES
from neural_painter.errors import NumericalError, UsageError
from neural_painter.losses.tiled import TiledLoss
from neural_painter.style import gatys
from neural_painter.style.config import StyleConfig
from neural_painter.style.gatys import plan, style_picture
from neural_painter.style.state import read_state, write_state
from tests.each import each
from tests.neural_painter.photo.samples import day, night

CONFIG = StyleConfig(iterations=6, first_size=28, smoothness_weight=0.0, device="cpu")


def test_wrong_values_are_refused_by_name():
    for option, value, expected in (
        ("content_weight", -1.0, "a number from 0 to 1000000000"),
        ("style_weight", float("nan"), "a number from 0 to 1000000000"),
        ("smoothness_weight", 1e30, "a number from 0 to 1000000000"),
        ("optimizer", "sgd", "one of adam, lbfgs"),
        ("init", "black", "one of content, noise, grey"),
        ("iterations", 0, "a whole number from 1 to 100000"),
        ("iterations", 2.5, "a whole number from 1 to 100000"),
        ("first_size", 8, "a whole number from 16 to 20000"),
        ("style_scale", 0.0, "a number from 0.05 to 20"),
        ("tile", 64, "a whole number from 128 to 20000"),
        ("device", "gpu", "one of auto, cpu, cuda"),
        ("seed", -1, "a whole number from 0 to 2147483647"),
    ):
        with pytest.raises(OptionError) as caught:
            StyleConfig(**{option: value})
        assert str(caught.value) == f"{option}: expected {expected}, got {value}"


@each("size", [(40, 56), (56, 40), (1, 1), (3, 300)])
def test_sizes_grow_by_the_square_root_of_two_up_to_the_content(size):
    rounds = plan(StyleConfig(first_size=28), *size)
    sides = [max(found) for found, _ in rounds]
    assert rounds[-1][0] == size
    assert all(1.3 < after / before < 1.55 for before, after in pairwise(sides))
    assert sides[0] <= max(28, 1)
    assert [steps for _, steps in rounds] == [180] + [60] * (len(rounds) - 1)


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
@pytest.mark.parametrize("init", ["content", "noise", "grey"])
def test_the_loss_falls(optimizer, init, features):
    config = replace(CONFIG, optimizer=optimizer, init=init, first_size=56, iterations=4)
    losses = []
    result = style_picture(day(), [night()], config=config, features=features, on_step=lambda p: losses.append(p.loss))
    assert result.picture.shape == day().shape
    assert result.picture.dtype == np.float32
    assert 0 <= result.picture.min() <= result.picture.max() <= 1
    assert losses[-1] < 0.9 * losses[0]
    assert result.finished
    assert set(result.losses) == {"content", "style"}


def test_the_style_counts(features):
    """With other styles the result is another, and with several their weights matter."""
    blue = np.zeros((32, 32, 3), np.float32)
    blue[..., 2] = 1

    def restyled(styles, weights=None):
        return style_picture(day(), styles, weights=weights, config=CONFIG, features=features).picture

    first, second = restyled([night()]), restyled([blue])
    assert np.abs(first - second).mean() > 0.01
    np.testing.assert_array_equal(restyled([night(), blue], [1.0, 0.0]), first)
    np.testing.assert_allclose(restyled([night(), blue], [0.0, 3.0]), second, atol=1e-6)
    both = restyled([night(), blue])
    assert np.abs(both - first).mean() > 0.003
    assert np.abs(both - second).mean() > 0.003


def test_the_same_call_gives_the_same_picture(features):
    config = replace(CONFIG, init="noise")
    first, second = (style_picture(day(), [night()], config=config, features=features).picture for _ in range(2))
    np.testing.assert_array_equal(first, second)
    other = style_picture(day(), [night()], config=replace(config, seed=1), features=features).picture
    assert np.abs(other - first).mean() > 1e-3


def test_original_colours_keep_the_content_s(features):
    result = style_picture(day(), [night()], config=replace(CONFIG, original_colors=True), features=features).picture
    plain = style_picture(day(), [night()], config=CONFIG, features=features).picture
    np.testing.assert_array_equal(with_colors_of(day(), plain), result)
    hue = lambda p: p - p.mean(2, keepdims=True)  # noqa: E731
    assert np.abs(hue(result) - hue(day())).mean() < 0.5 * np.abs(hue(plain) - hue(day())).mean()


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (5, 3), (17, 16)])
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_pictures_of_any_size(size, optimizer, features):
    content = np.random.default_rng(0).uniform(0, 1, (*size, 3)).astype(np.float32)
    config = StyleConfig(iterations=1, optimizer=optimizer, device="cpu")
    result = style_picture(content, [night(7, 5)], config=config, features=features)
    assert result.picture.shape == content.shape
    assert np.isfinite(result.picture).all()


def test_tiles_leave_no_seam(features):
    """Of a picture in three tiles against one in a piece; measured: 9e-7."""
    config = replace(CONFIG, optimizer="lbfgs", iterations=2, first_size=220, smoothness_weight=2.0)
    content = day(40, 300)
    tiled, whole = (
        style_picture(content, [night()], config=replace(config, tile=tile), features=features).picture
        for tile in (128, 512)
    )
    assert np.abs(whole - content).mean() > 0.02
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_after_ctrl_c_the_picture_so_far_is_kept(optimizer, features):
    def stop(progress):
        if progress.step == 5:
            raise KeyboardInterrupt

    config = replace(CONFIG, optimizer=optimizer)
    result = style_picture(day(), [night()], config=config, features=features, on_step=stop)
    assert not result.finished
    assert result.picture.shape == day().shape
    assert np.abs(result.picture - day()).mean() > 1e-3


def test_steps_that_are_not_finite_are_left_out(features, monkeypatch):
    calls = []
    evaluate = TiledLoss.__call__

    def now_and_then(self, picture):
        calls.append(1)
        value, gradient, terms = evaluate(self, picture)
        return (value * float("nan") if len(calls) in (3, 4) else value), gradient, terms

    monkeypatch.setattr(gatys.TiledLoss, "__call__", now_and_then)
    result = style_picture(day(), [night()], config=CONFIG, features=features)
    assert result.recovered == 2
    assert np.isfinite(result.picture).all()


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_loss_that_does_not_recover_is_an_error(optimizer, features, monkeypatch):
    def never(self, picture):
        return torch.tensor(float("nan")), torch.zeros_like(picture), {}

    monkeypatch.setattr(gatys.TiledLoss, "__call__", never)
    config = replace(CONFIG, iterations=FAILURES + 1, optimizer=optimizer)
    with pytest.raises(NumericalError, match="stopped being finite at 28 pixels"):
        style_picture(day(), [night()], config=config, features=features)


@pytest.mark.parametrize(
    ("styles", "weights", "expected"),
    [
        (0, None, "0 styles"),
        (2, [1.0], "2 styles and 1 weights"),
        (2, [0.0, 0.0], "not all 0"),
        (1, [-1.0], "numbers from 0 to"),
    ],
)
def test_styles_and_weights_must_fit(styles, weights, expected, features):
    with pytest.raises(UsageError, match=expected):
        style_picture(day(), [night()] * styles, weights=weights, config=CONFIG, features=features)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 5), np.float32), r"expected a picture \[H, W, 3\], got \[4, 5\]"),
        (np.zeros((4, 5, 4), np.float32), r"expected a picture \[H, W, 3\], got \[4, 5, 4\]"),
        (np.full((4, 5, 3), np.nan, np.float32), r"expected finite numbers in \[0, 1\]"),
        (np.full((4, 5, 3), 1.01, np.float32), r"expected finite numbers in \[0, 1\]"),
    ],
)
@pytest.mark.parametrize("name", ["content", "style 2"])
def test_what_is_no_picture_is_refused_by_name(name, array, message, features):
    content, style = (array, night()) if name == "content" else (day(), array)
    with pytest.raises(ValueError, match=f"^{name}: {message}"):
        style_picture(content, [night(), style], config=CONFIG, features=features)


def test_pictures_of_bytes_are_taken_as_well(features):
    content, style = (np.round(255 * picture).astype(np.uint8) for picture in (day(), night()))
    config = replace(CONFIG, iterations=1)
    found = style_picture(content, [style], config=config, features=features).picture
    floats = (picture.astype(np.float32) / 255 for picture in (content, style))
    expected = style_picture(next(floats), [next(floats)], config=config, features=features).picture
    np.testing.assert_array_equal(found, expected)


def stop_at(step):
    def on_step(progress):
        if progress.step == step:
            raise KeyboardInterrupt

    return on_step


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_an_interrupted_transfer_goes_on_as_the_whole_one(optimizer, features, tmp_path):
    """Sizes have 9 and 3 and 3 steps here. The state goes through a file, and the rest is the same to the byte."""
    config = replace(CONFIG, iterations=3, optimizer=optimizer, smoothness_weight=1.0)

    def styled(**more):
        return style_picture(day(), [night()], config=config, features=features, **more)

    whole = styled()
    for step in (1, 2, 8, 9, 10, 12, 15):
        found = styled(on_step=stop_at(step))
        assert found.finished is False
        assert found.picture.shape == (40, 56, 3)
        place = (0, step) if step <= 9 else (1, step - 9) if step <= 12 else (2, step - 12)
        assert (found.state.size, found.state.step) == place
        write_state(tmp_path / "state.safetensors", found.state, config, "us")
        state = read_state(tmp_path / "state.safetensors", config, "us", (40, 56))
        steps = []
        rest = styled(state=state, on_step=steps.append)
        assert rest.finished
        assert [progress.step for progress in steps] == list(range(step + 1, 16))
        np.testing.assert_array_equal(rest.picture, whole.picture)
        assert (rest.losses, rest.recovered) == (whole.losses, whole.recovered)


def test_what_is_finished_needs_no_step_more(features, tmp_path):
    whole = style_picture(day(), [night()], config=CONFIG, features=features)
    write_state(tmp_path / "state.safetensors", whole.state, CONFIG, "us")
    steps = []
    state = read_state(tmp_path / "state.safetensors", CONFIG, "us", (40, 56))
    again = style_picture(day(), [night()], config=CONFIG, features=features, state=state, on_step=steps.append)
    assert steps == []
    np.testing.assert_array_equal(again.picture, whole.picture)
    assert again.losses == whole.losses


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_an_interrupt_within_a_step_leaves_no_trace(optimizer, features, monkeypatch):
    config = replace(CONFIG, iterations=3, optimizer=optimizer)
    whole = style_picture(day(), [night()], config=config, features=features)
    called = TiledLoss.__call__
    calls = []

    def interrupted(self, picture):
        calls.append(None)
        if len(calls) == 11:
            raise KeyboardInterrupt
        return called(self, picture)

    monkeypatch.setattr(TiledLoss, "__call__", interrupted)
    found = style_picture(day(), [night()], config=config, features=features)
    assert found.finished is False
    rest = style_picture(day(), [night()], config=config, features=features, state=found.state)
    np.testing.assert_array_equal(rest.picture, whole.picture)


def test_the_state_is_told_between_steps(features):
    states = []
    config = replace(CONFIG, iterations=2)
    whole = style_picture(day(), [night()], config=config, features=features, on_state=states.append, state_seconds=0.0)
    assert [state.size for state in states] == [0] * 6 + [1] * 2 + [2] * 2
    for state in states[::4]:
        found = style_picture(day(), [night()], config=config, features=features, state=state)
        np.testing.assert_array_equal(found.picture, whole.picture)


def test_nothing_is_begun_before_the_first_step(features, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(TiledLoss, "__call__", interrupted)
    found = style_picture(day(), [night()], config=CONFIG, features=features)
    assert found.state is None
    assert found.finished is False
    assert found.picture.shape == (40, 56, 3)
