"""Films whose strokes stay: what stands still repeats to the byte, the camera takes strokes along, cuts begin anew."""

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch

from neural_painter.errors import UsageError
from neural_painter.fast.config import FilmConfig
from neural_painter.fast.grid import camera_of, restyled_on_grid
from neural_painter.fast.model import FastModel
from neural_painter.fast.network import TransformNetwork, johnson
from neural_painter.fast.norms import NEW, HeldNorms
from neural_painter.fast.steady import Steady
from neural_painter.fast.strips import Strips
from neural_painter.motion import motion_between
from tests.neural_painter.one_thread import one_thread  # noqa: F401


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    network = TransformNetwork(johnson(4, 1))
    with torch.no_grad():
        network.part(7).weight.mul_(5)
    return FastModel(network.eval().requires_grad_(False), device="cpu")


def scene(seed=0, size=(120, 160)):
    """A picture with edges and texture of several scales, `[H, W, 3]` float32."""
    random = np.random.default_rng(seed)
    layers = [
        cv2.resize(random.random((size[0] // step, size[1] // step, 3), np.float32), size[::-1], interpolation=3)
        for step in (4, 10, 30)
    ]
    return np.clip(sum(layers) / 3 + (layers[2] - 0.5), 0, 1).astype(np.float32)


def pan(count=6, step=(2.3, 1.4), size=(64, 80)):
    large = scene()
    moves = [np.float32([[1, 0, -8 - k * step[0]], [0, 1, -8 - k * step[1]]]) for k in range(count)]
    return [np.clip(cv2.warpAffine(large, move, size[::-1], flags=cv2.INTER_CUBIC), 0, 1) for move in moves]


def restless(frames, step):
    """Mean square of what changes in the middle, where `step` pixels are taken back."""
    back = np.float32([[1, 0, step[0]], [0, 1, step[1]]])
    size = frames[0].shape[1::-1]
    return np.mean(
        [((old - cv2.warpAffine(new, back, size))[12:-12, 12:-12] ** 2).mean() for old, new in pairwise(frames)]
    )


def sharpness(frames):
    return np.mean([cv2.Laplacian(frame, cv2.CV_32F).var() for frame in frames])


def test_a_still_frame_repeats_to_the_byte(model):
    steady = Steady(model, 0.9)
    first, other = pan(2)
    assert np.array_equal(steady(first), steady(first))
    moved = steady(other)
    for _ in range(3):
        assert np.array_equal(steady(other.copy()), moved)


def test_the_first_frame_and_one_after_a_cut_are_those_of_a_film_of_their_own(model):
    steady, frames, other = Steady(model, 0.9), pan(3), scene(7, (64, 80)) ** 3
    for frame in frames:
        steady(frame)
    assert np.array_equal(steady(1 - other), Steady(model, 0.9)(1 - other))
    assert np.array_equal(steady(frames[0][:40]), Steady(model, 0.9)(frames[0][:40]))  # frames of another size, too


def test_strokes_go_with_the_camera_and_stay_sharp(model):
    step = 2.3, 1.4
    frames = pan(6, step)
    alone = [model(frame) for frame in frames]
    made = list(map(Steady(model, 0.9), frames))
    assert restless(made, step) < 0.3 * restless(alone, step)
    assert sharpness(made) > 0.75 * sharpness(alone)
    assert all(frame.dtype == np.float32 and frame.shape == (64, 80, 3) for frame in made)
    assert 0 <= min(frame.min() for frame in made) <= max(frame.max() for frame in made) <= 1


def test_nothing_stays_behind_what_moves(model):
    """Where an object was, the frame soon is as if it had never been there."""
    background = scene(1, (64, 80))
    frames = []
    for k in range(8):
        frame = background.copy()
        frame[20:40, 4 + 8 * k : 20 + 8 * k] = (0.9, 0.1, 0.1)
        frames.append(frame)
    made = list(map(Steady(model, 0.9), frames))
    left = np.abs(made[-1] - model(frames[-1]))
    assert left[16:44, 4:36].mean() < 0.9 * left[48:].mean()  # where it was three frames ago, and where it never was


def test_a_network_with_a_grid_that_goes_along_makes_the_same(model):
    frames = pan(2, (3, -2))
    (first, second) = frames
    place = np.float32([-3, 2])
    aligned = restyled_on_grid(lambda moved, _: model(moved), second, model.stride, place)
    expected = restyled_on_grid(lambda moved, _: model(moved), first, model.stride, np.zeros(2, np.float32))
    inside = np.s_[20:-20, 20:-20]
    there = np.roll(expected, (2, -3), (0, 1))
    assert np.abs(aligned - there)[inside].mean() < 0.25 * np.abs(model(second) - there)[inside].mean()


def test_grain_goes_with_the_camera(model):
    """By whole pixels: the same grain at the same things, where otherwise it would lie on the screen."""
    step, inside = (3, 6), np.s_[14:-14, 14:-14]
    grainy = FastModel(
        TransformNetwork(replace(model.network.architecture, grain=0.3)).eval().requires_grad_(False), device="cpu"
    )
    grainy.network.load_state_dict(model.network.state_dict())
    frames = pan(2, step, (100, 120))
    steady = Steady(grainy, 0.0)
    before, after = (steady(frame)[: 100 - 6, : 120 - 3] for frame in frames)
    there = np.roll(before, (-6, -3), (0, 1))
    stays = np.abs(grainy(frames[1])[: 100 - 6, : 120 - 3] - there)[inside].mean()
    assert np.abs(after - there)[inside].mean() < 0.4 * stays


def test_the_camera_is_told_from_things_that_move():
    frames = pan(2, (2.3, 1.4), (100, 120))
    found = camera_of(motion_between(*frames), frames[1])
    assert np.abs(found - (2.3, 1.4)).max() < 0.2
    still, after = frames[0], frames[0].copy()
    after[30:50, 40:60] = still[30:50, 37:57]
    assert not camera_of(motion_between(still, after), after).any()
    grey = np.full((40, 40, 3), 0.5, np.float32)
    assert not camera_of(motion_between(grey, grey + 0.1), grey + 0.1).any()


def test_what_is_kept_goes_on_to_the_same_bytes(model):
    frames = pan(5)
    steady = Steady(model, 0.9)
    assert steady.kept()() == b""
    for frame in frames[:3]:
        steady(frame)
    kept = steady.kept()
    rest = [steady(frame) for frame in frames[3:]]
    again = Steady(model, 0.9)
    again.recall(kept())  # as it was then, whatever has come since
    assert all(np.array_equal(again(frame), expected) for frame, expected in zip(frames[3:], rest, strict=True))
    again.recall(b"")
    assert np.array_equal(again(frames[0]), Steady(model, 0.9)(frames[0]))


def test_norms_are_held(model):
    norms = HeldNorms()
    mean, variance = norms.hold(1, np.float64([1, 2]), np.float64([3, 4]))
    assert (mean.tolist(), variance.tolist()) == ([1, 2], [3, 4])
    before = norms.moments
    mean, _ = norms.hold(1, np.float64([2, 2]), np.float64([3, 4]))
    assert mean == pytest.approx([1 + NEW, 2])
    assert before[1][0].tolist() == [1, 2]
    first, second = pan(2)
    strips, whole = HeldNorms(), HeldNorms()
    run = Strips(model.network)
    for picture in (first, second**2):
        ours = run(picture, norms=strips)
        with torch.inference_mode():
            tensor = torch.from_numpy(picture).permute(2, 0, 1)[None]
            theirs = model.network(tensor, whole)[0].clamp(0, 1).permute(1, 2, 0).numpy()
        assert np.abs(ours - theirs).max() < 1e-4
    assert np.abs(ours - run(second**2)).max() > 1e-3


def test_light_that_flickers_does_not_come_through(model):
    picture = scene(2, (64, 80)) * 0.8
    frames = [picture * (1 + 0.15 * (-1) ** k) for k in range(6)]
    made = list(map(Steady(model, 0.9), frames))
    changes = [np.abs(old - new).mean() for old, new in pairwise(made)]
    assert max(changes) < 0.1 * np.abs(frames[1] - frames[0]).mean()


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (5, 5)])
def test_small_frames(model, size):
    steady = Steady(model, 1.0)
    for k in range(3):
        assert steady(scene(k, (120, 160))[: size[0], : size[1]]).shape == (*size, 3)


def test_a_model_that_tells_nothing_of_itself_is_blended():
    class Plain:
        name = "plain"

        def __call__(self, picture):
            return 1 - picture

    first, second = pan(2)
    steady = Steady(Plain(), 0.9)
    assert np.abs(steady(first) - (1 - first)).max() < 0.003
    assert 0 < np.abs(steady(second) - (1 - second)).mean() < 0.03


def test_weights_out_of_range_are_refused():
    for weight in (-0.1, 1.1, float("nan")):
        with pytest.raises(UsageError, match="steady: expected"):
            FilmConfig(weight)
