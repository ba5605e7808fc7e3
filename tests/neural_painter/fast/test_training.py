"""Training of a feed-forward style: its crops, its loss, its loop, and checkpoints that change nothing."""

import json
import math
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from neural_painter.colour import colour_statistics
from neural_painter.descent import FAILURES
from neural_painter.errors import InputError, NumericalError, UsageError
from neural_painter.fast import photos as crops_of
from neural_painter.fast.config import FastConfig
from neural_painter.fast.files import Card, ModelError, save_model
from neural_painter.fast.loss import StyleLoss, grams_of
from neural_painter.fast.model import FastModel, read_network
from neural_painter.fast.network import johnson
from neural_painter.fast.photos import Photos
from neural_painter.fast.training import FastTrainer
from neural_painter.features import Features
from neural_painter.images import resize, write_image
from neural_painter.losses.gram import CONTENT_LAYER, STYLE_LAYERS
from tests.each import each
from tests.neural_painter.fast.network_samples import noise
from tests.neural_painter.photo.samples import day, night, tiny_features, tiny_weights

CPU = torch.device("cpu")
TINY = FastConfig(steps=6, batch=2, crop=32, filters=4, residuals=1, style_size=48, rate=0.01)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    write_image(folder / "day.png", day(40, 56))
    write_image(folder / "night.png", night(70, 90))
    return [folder / "day.png", folder / "night.png"]


def as_arrays(batch):
    return batch.permute(0, 2, 3, 1).numpy()


# Options


@each(
    "change, message",
    [
        ({"steps": 0}, "steps: expected a whole number from 1 to 10000000, got 0"),
        ({"steps": 1.5}, "steps: expected a whole number from 1 to 10000000, got 1.5"),
        ({"batch": 0}, "batch: expected a whole number from 1 to 1024, got 0"),
        ({"crop": 31}, "crop: expected a whole number from 32 to 2048, got 31"),
        ({"filters": 129}, "filters: expected a whole number from 1 to 128, got 129"),
        ({"residuals": -1}, "residuals: expected a whole number from 0 to 20, got -1"),
        ({"style_size": 31}, "style_size: expected a whole number from 32 to 4096, got 31"),
        ({"seed": -1}, "seed: expected a whole number from 0 to 2147483647, got -1"),
        ({"rate": 0.0}, "rate: expected a number above 0 and below 1, got 0.0"),
        ({"rate": math.nan}, "rate: expected a number above 0 and below 1, got nan"),
        ({"style_weight": -1.0}, "style_weight: expected a number from 0 to 1000000000, got -1.0"),
        ({"tone_weight": math.inf}, "tone_weight: expected a number from 0 to 1000000000, got inf"),
        ({"device": "abacus"}, "device: expected one of auto, cpu, cuda, got abacus"),
    ],
)
def test_options_out_of_range(change, message):
    with pytest.raises(UsageError) as caught:
        FastConfig(**change)
    assert str(caught.value) == message


def test_the_largest_networks_that_can_be_asked_for_exist(paths):
    FastConfig(crop=2048, batch=1024, filters=128, residuals=20)
    johnson(128, 20)
    johnson(1, 0)


# Crops


def test_a_crop_depends_on_its_number_alone(paths):
    photos = Photos(paths, 32, 7)
    crops = photos.batch(range(8))
    assert crops.shape == (8, 3, 32, 32)
    assert crops.dtype == torch.float32
    assert crops.min() >= 0
    assert crops.max() <= 1
    assert torch.equal(photos.batch([5, 2]), crops[[5, 2]])
    fresh = Photos(paths, 32, 7)
    assert all(torch.equal(fresh.batch([number])[0], crops[number]) for number in (7, 0, 3, 3, 6, 1))
    assert all(not torch.equal(crops[a], crops[b]) for a in range(8) for b in range(a))
    assert not torch.equal(Photos(paths, 32, 8).batch(range(8)), crops)


def test_several_threads_get_the_same_crops(paths, monkeypatch):
    monkeypatch.setattr(crops_of, "CACHE_BYTES", 0)
    crops = Photos(paths, 32, 0).batch(range(12))
    photos, gate = Photos(paths, 32, 0), threading.Barrier(3)

    def some(numbers):
        gate.wait()
        return photos.batch(numbers)

    with ThreadPoolExecutor(3) as pool:
        found = torch.cat(list(pool.map(some, [range(4), range(4, 8), range(8, 12)])))
    assert torch.equal(found, crops)


def test_crops_are_squares_at_all_scales_and_half_of_them_mirrored(tmp_path):
    """The photo tells of each pixel where it was: red is its column, green its row."""
    height, width, crop = 96, 144, 32
    y, x = np.mgrid[0:height, 0:width] + 0.5
    write_image(tmp_path / "places.png", np.stack([x / width, y / height, 0 * x], axis=2).astype(np.float32))
    crops = as_arrays(Photos([tmp_path / "places.png"], crop, 0).batch(range(60)))
    columns, rows = crops[..., 0] * width, crops[..., 1] * height
    sides = []
    mirrored = 0
    for across, down in zip(columns, rows, strict=True):
        step = np.abs(np.diff(across, axis=1)).mean()
        assert np.abs(np.diff(down, axis=0).mean() - step) < 0.05  # measured: 0.03, from 8 bits
        assert np.diff(across, axis=0).std() < 0.4  # neither turned nor bent
        mirrored += across[0, 0] > across[0, -1]
        sides.append(step * crop)
    assert min(sides) > 31
    assert max(sides) < 97
    assert 20 <= mirrored <= 40
    # Even in their logarithm: half of them are below the root of three crops.
    assert 20 <= sum(side < crop * 3**0.5 for side in sides) <= 40


@pytest.mark.parametrize(
    ("size", "kept"),
    [
        ((32, 40), (32, 40)),
        ((60, 50), (60, 50)),
        ((200, 120), (160, 96)),  # short side of three crops at most
        ((20, 50), (32, 80)),  # enlarged
        ((1, 1), (32, 32)),
        ((2, 300), (32, 256)),  # the rest of what is too slim is not looked at
        ((300, 30), (256, 32)),
    ],
)
def test_photos_are_kept_at_the_size_that_is_needed(tmp_path, size, kept):
    write_image(tmp_path / "it.png", noise(*size))
    photos = Photos([tmp_path / "it.png"], 32, 0)
    assert photos.batch(range(3)).shape == (3, 3, 32, 32)
    assert photos._photo(tmp_path / "it.png").shape[:2] == kept


def flat_but_for_a_corner(tmp_path):
    """Blue, as the sky is; its channels differ much from each other, and none within itself."""
    picture = np.broadcast_to(np.float32([0.1, 0.4, 0.9]), (96, 96, 3)).copy()
    picture[64:, 64:] = noise(32, 32)
    write_image(tmp_path / "sky.png", picture)
    return [tmp_path / "sky.png"]


def test_flat_crops_are_avoided(tmp_path, monkeypatch):
    paths = flat_but_for_a_corner(tmp_path)
    deviations = [crop.std((0, 1)).max() for crop in as_arrays(Photos(paths, 32, 0).batch(range(40)))]
    assert min(deviations) > crops_of.FLAT
    monkeypatch.setattr(crops_of, "TRIES", 1)
    deviations = [crop.std((0, 1)).max() for crop in as_arrays(Photos(paths, 32, 0).batch(range(40)))]
    assert sum(deviation < crops_of.FLAT for deviation in deviations) > 4  # measured: 16


def test_a_photo_that_is_flat_all_over_still_gives_crops(tmp_path):
    write_image(tmp_path / "grey.png", np.full((40, 40, 3), 0.5, np.float32))
    assert torch.allclose(Photos([tmp_path / "grey.png"], 32, 0).batch([0]), torch.tensor(128 / 255))


def test_photos_are_decoded_once_and_no_more_than_fit_are_kept(paths, monkeypatch):
    read, read_image = [], crops_of.read_image

    def spy(path):
        read.append(path)
        return read_image(path)

    monkeypatch.setattr(crops_of, "read_image", spy)
    photos = Photos(paths, 32, 0)
    crops = photos.batch(range(12))
    assert sorted(read) == sorted(paths)
    assert photos._bytes == sum(photo.nbytes for photo in photos._kept.values()) == 3 * (40 * 56 + 70 * 90)

    read.clear()
    monkeypatch.setattr(crops_of, "CACHE_BYTES", 3 * 70 * 90)
    photos = Photos(paths, 32, 0)
    for number in range(12):
        assert torch.equal(photos.batch([number])[0], crops[number])
        assert photos._bytes == sum(photo.nbytes for photo in photos._kept.values()) <= 3 * 70 * 90
        assert len(photos._kept) == 1
    assert len(read) > 2


def test_the_photo_that_was_longest_not_asked_for_goes_first(tmp_path, monkeypatch):
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path in paths:
        write_image(path, noise(32, 32))
    monkeypatch.setattr(crops_of, "CACHE_BYTES", 2 * 3 * 32 * 32)
    photos = Photos(paths, 32, 0)
    for number in (0, 1, 0, 2):
        photos._photo(paths[number])
    assert list(photos._kept) == [paths[0], paths[2]]


def test_photos_that_cannot_be_read_are_left_out_and_told_of(paths, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"<html>")
    some = [tmp_path / "bad.png", *paths, tmp_path / "missing.png"]
    photos = Photos(some, 32, 0)
    crops = photos.batch(range(10))
    assert len(photos.notes) == 2
    assert any("bad.png: not a picture (found: text/html); left out" in note for note in photos.notes)
    # By now both are known, and before none was: what a crop shows is the same.
    assert torch.equal(photos.batch(range(10)), crops)
    assert torch.equal(Photos(some, 32, 0).batch([9])[0], crops[9])
    assert len(photos.notes) == 2


def test_no_photo_at_all():
    with pytest.raises(InputError, match=r"^no photos to train on$"):
        Photos([], 32, 0)


def test_no_photo_that_can_be_read(tmp_path):
    with pytest.raises(InputError, match=r"^none of the 2 photos can be read$") as caught:
        Photos([tmp_path / "a.png", tmp_path / "b.png"], 32, 0).batch([0])
    assert "no such file" in caught.value.hint.lower()


# The loss


def pictures(count, seed, side=32):
    return torch.from_numpy(np.stack([noise(side, side, seed + k) for k in range(count)])).permute(0, 3, 1, 2)


def test_the_terms_are_those_of_the_definition():
    """In float64, with loops over channels, blocks and neighbours."""
    config = replace(TINY, content_weight=2.0, style_weight=3.0, tone_weight=5.0, smoothness_weight=7.0)
    loss = StyleLoss(tiny_features(), night(36, 48), config)
    restyled, photos = pictures(2, 0), pictures(2, 5)
    value, terms = loss(restyled, photos)

    features = Features(tiny_weights()).double()
    goal = loss.recoloured(photos).double()
    found = features(restyled.double(), [*STYLE_LAYERS, CONTENT_LAYER])
    wanted = features(goal, [CONTENT_LAYER])[CONTENT_LAYER].numpy()
    style = torch.from_numpy(night(36, 48)).permute(2, 0, 1)[None].double()
    expected = {"content": ((found[CONTENT_LAYER].numpy() - wanted) ** 2).mean() / (wanted**2).mean()}
    layers = []
    for layer, of_style in features(style, STYLE_LAYERS).items():
        target, squares = gram_by_loop(of_style[0].numpy()), []
        for picture in found[layer].numpy():
            squares.append(((gram_by_loop(picture) - target) ** 2).mean())
        layers.append(np.mean(squares) / (target**2).mean())
    expected["style"] = np.mean(layers)
    x, aim = restyled.double().numpy(), goal.numpy()
    blocks = [
        (x - aim)[n, c, i : i + 8, j : j + 8].mean() ** 2
        for n in range(2) for c in range(3) for i in range(0, 32, 8) for j in range(0, 32, 8)
    ]  # fmt: skip
    expected["tone"] = np.mean(blocks)
    expected["smoothness"] = ((x[..., 1:] - x[..., :-1]) ** 2).mean() + ((x[:, :, 1:] - x[:, :, :-1]) ** 2).mean()
    assert terms == pytest.approx(expected, rel=1e-5)  # measured: 6e-7
    weighted = 2 * expected["content"] + 3 * expected["style"] + 5 * expected["tone"] + 7 * expected["smoothness"]
    assert float(value) == pytest.approx(weighted, rel=1e-5)


def gram_by_loop(features):
    channels = len(features)
    gram = np.zeros((channels, channels))
    for a in range(channels):
        for b in range(channels):
            gram[a, b] = (features[a] * features[b]).sum() / features.size
    return gram


def test_gram_by_hand():
    features = torch.tensor([[[[1.0, 2.0]], [[0.0, 3.0]]]])  # two channels of 1x2
    assert torch.equal(grams_of(features), torch.tensor([[[5.0, 6.0], [6.0, 9.0]]]) / 4)


def test_the_style_itself_has_no_distance_to_the_style():
    style = night(32, 48)
    loss = StyleLoss(tiny_features(), style, TINY)
    as_batch = torch.from_numpy(style).permute(2, 0, 1)[None]
    _, terms = loss(as_batch, pictures(1, 0, 48)[:, :, :32])
    assert terms["style"] < 1e-10
    assert min(terms["content"], terms["tone"], terms["smoothness"]) > 1e-3
    _, other = loss(torch.from_numpy(day(32, 48)).permute(2, 0, 1)[None], as_batch)
    assert other["style"] > 0.1


def test_the_recoloured_photo_has_its_own_content_and_tone():
    loss = StyleLoss(tiny_features(), night(32, 48), TINY)
    photos = pictures(2, 0)
    _, terms = loss(loss.recoloured(photos), photos)
    assert terms["content"] < 1e-10
    assert terms["tone"] < 1e-12
    _, terms = loss(torch.full((1, 3, 32, 32), 0.4), photos[:1])
    assert terms["smoothness"] == 0


def test_a_style_is_looked_at_in_the_size_that_is_asked_for():
    for style in (night(72, 96), night(24, 32)):
        small = torch.from_numpy(resize(style, size=(36, 48))).permute(2, 0, 1)[None]
        loss = StyleLoss(tiny_features(), style, TINY)
        for layer, found in tiny_features()(small, STYLE_LAYERS).items():
            assert torch.equal(loss.grams[layer], grams_of(found))
    frozen = night(36, 48)
    frozen.setflags(write=False)
    StyleLoss(tiny_features(), frozen.astype(np.float64), TINY)
    StyleLoss(tiny_features(), frozen, TINY)


def test_recoloured_photos_have_the_colours_of_the_style():
    style = (0.4 + 0.2 * noise(36, 48) * [1, 0.5, 0.8]).astype(np.float32)
    loss = StyleLoss(tiny_features(), style, TINY)
    photos = pictures(3, 0)
    photos[1] = 0.3 + 0.2 * photos[1]
    for made in as_arrays(loss.recoloured(photos))[:2]:
        mean, covariance = colour_statistics(made.reshape(-1, 3))
        assert np.abs(mean - loss.colours[0]).max() < 1e-4
        assert np.abs(covariance - loss.colours[1]).max() < 2e-5  # FLOOR is 1e-5
    # Each of a batch by itself.
    assert torch.allclose(loss.recoloured(photos[1:2])[0], loss.recoloured(photos)[1], atol=1e-6)


def test_no_colour_is_stretched_by_more_than_twice():
    loss = StyleLoss(tiny_features(), noise(36, 48), TINY)
    flat = 0.5 + 0.01 * (pictures(1, 0) - 0.5)
    before, after = (picture[0].flatten(1).std(1) for picture in (flat, loss.recoloured(flat)))
    assert (after / before).tolist() == pytest.approx([2, 2, 2], rel=1e-4)


def test_gradients_reach_the_picture_and_nothing_else():
    features = tiny_features()
    loss = StyleLoss(features, night(36, 48), TINY)
    restyled, photos = pictures(1, 0).requires_grad_(), pictures(1, 1).requires_grad_()
    loss(restyled, photos.detach())[0].backward()
    assert restyled.grad.abs().max() > 0
    assert all(value.grad is None for value in features.parameters())


# The loop


def trainer(paths, config=TINY, style=None, **process):
    return FastTrainer(night(36, 48) if style is None else style, paths, tiny_features(), config, CPU, **process)


def weights(run):
    return {name: value.clone() for name, value in run.model.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(value, b[name]) for name, value in a.items())


def test_training_lowers_the_loss(paths):
    for extras, share in (({"steady_weight": 0, "pattern_weight": 0, "grain": 0}, 0.25), ({}, 0.6)):
        run = trainer(paths, replace(TINY, steps=25, **extras))
        losses = list(run.run())
        assert len(losses) == run.step == 25
        assert np.mean(losses[-5:]) < share * np.mean(losses[:5])  # measured: 0.11, and 0.50 with all terms
    assert run.terms.keys() == {"content", "style", "tone", "smoothness", "steady", "pattern"}
    assert run.patience.failures == 0
    assert run.seconds > 0


def test_patterns_are_punished_where_crops_are_large_enough_and_not_at_all_without_weights(paths):
    large = trainer(paths, replace(TINY, steps=2, crop=96))
    list(large.run())
    assert large.terms["pattern"] > 0
    assert large.terms["steady"] > 0
    plain = trainer(paths, replace(TINY, steps=2, crop=96, steady_weight=0, pattern_weight=0, grain=0))
    list(plain.run())
    assert plain.terms.keys() == {"content", "style", "tone", "smoothness"}
    assert plain.model.architecture == johnson(4, 1)


def test_another_style_is_learnt_from_a_trained_one(paths):
    first = trainer(paths, replace(TINY, steps=25))
    losses = list(first.run())
    again = trainer(paths, replace(TINY, steps=25), start=first.model)
    assert same(weights(again), weights(first))
    assert next(iter(again.run())) < 0.5 * losses[0]
    with pytest.raises(UsageError, match="other layers"):
        trainer(paths, replace(TINY, filters=5), start=first.model)


def test_what_was_trained_can_be_saved_and_run(paths, tmp_path):
    run = trainer(paths)
    list(run.run(stop=2))
    save_model(tmp_path / "it", run.model, Card("night"))
    picture = noise(33, 35)
    expected = FastModel(run.model, device="cpu")(picture)
    assert np.array_equal(FastModel(*read_network(tmp_path / "it"), device="cpu")(picture), expected)


def test_the_same_seed_trains_the_same_network(paths):
    first, again, other = trainer(paths), trainer(paths), trainer(paths, replace(TINY, seed=1))
    assert same(weights(first), weights(again))
    assert not same(weights(first), weights(other))
    assert list(first.run()) == list(again.run())
    assert same(weights(first), weights(again))


def test_the_rate_is_warmed_up_and_lowered(paths):
    rate = trainer(paths, replace(TINY, steps=1000))._rate
    assert rate(0) == pytest.approx(0.01 / 20)
    assert rate(19) == rate(20) == pytest.approx(0.01)
    assert rate(510) == pytest.approx(0.01 * (0.01 + 0.99 / 2))
    assert rate(1000) == pytest.approx(0.01 * 0.01)
    assert all(rate(step) > rate(step + 1) for step in range(20, 1000))
    assert trainer(paths, replace(TINY, steps=1))._rate(0) == pytest.approx(0.01)


def test_every_step_and_process_has_crops_of_its_own(paths):
    run = trainer(paths)
    run.world = 2
    batches = []
    for step in (0, 1):
        for run.rank in (0, 1):
            batches.append(run._material(step))
    assert torch.equal(torch.cat(batches), run.photos.batch(range(8)))


def test_photos_that_cannot_be_read_end_the_run_only_if_all_are(tmp_path, paths):
    run = trainer([tmp_path / "missing.png", paths[0]])
    assert len(list(run.run())) == 6
    assert len(run.photos.notes) == 1
    with pytest.raises(InputError, match="none of the 1 photos can be read"):
        list(trainer([tmp_path / "missing.png"]).run())


def spoiled(run, steps, monkeypatch):
    """Makes the gradients of some steps not finite, while the loss stays what it is."""
    loss = run.loss

    def bad(restyled, photos):
        value, terms = loss(restyled, photos)
        if run.step in steps:
            value = value + (restyled.sum() - restyled.sum().detach()) * torch.inf * 0
        return value, terms

    monkeypatch.setattr(run, "loss", bad)


def test_steps_without_a_finite_gradient_are_left_out(paths, monkeypatch):
    run = trainer(paths)
    spoiled(run, {1, 2}, monkeypatch)
    seen = [weights(run)]
    states = []
    for _ in run.run():
        seen.append(weights(run))
        states.append([value["step"].item() for value in run.optimiser.state.values()])
    assert [same(a, b) for a, b in pairwise(seen)] == [False, True, True, False, False, False]
    assert [state[0] for state in states] == [1, 1, 1, 2, 3, 4]
    assert run.patience.failures == 2
    assert all(value.isfinite().all() for value in seen[-1].values())


def test_too_many_of_them_end_the_run(paths, monkeypatch):
    run = trainer(paths, replace(TINY, steps=30))
    spoiled(run, range(2, 30), monkeypatch)
    losses = []
    with pytest.raises(NumericalError) as caught:
        losses.extend(run.run())
    assert run.patience.failures == FAILURES + 1
    assert str(caught.value) == "the loss stopped being finite at step 13 and did not recover"
    assert caught.value.hint == "Try a lower --rate or --style-weight."
    assert all(value.isfinite().all() for value in weights(run).values())


# Checkpoints


def test_a_resumed_run_ends_with_the_very_same_weights(paths, tmp_path):
    path = tmp_path / "run" / "it.safetensors"
    unbroken = trainer(paths)
    losses = list(unbroken.run())

    paused = trainer(paths)
    before = list(paused.run(stop=3))
    paused.save_checkpoint(path)
    torch.manual_seed(99)
    resumed = trainer(paths)
    resumed.load_checkpoint(path)
    assert (resumed.step, resumed.seconds) == (3, paused.seconds)
    assert before + list(resumed.run()) == losses
    assert same(weights(resumed), weights(unbroken))
    for ours, theirs in zip(resumed.model.parameters(), unbroken.model.parameters(), strict=True):
        for key, value in unbroken.optimiser.state[theirs].items():
            assert torch.equal(resumed.optimiser.state[ours][key], value)
    # And so does one that is only paused, in the middle of its iterator.
    paused = trainer(paths)
    for _ in paused.run():
        if paused.step == 2:
            break
    assert losses[2:] == list(paused.run())


def test_a_checkpoint_before_the_first_step_and_after_the_last(paths, tmp_path):
    run = trainer(paths)
    for step in (0, 6):
        list(run.run(stop=step))
        run.save_checkpoint(tmp_path / "it")
        resumed = trainer(paths)
        resumed.load_checkpoint(tmp_path / "it")
        assert resumed.step == step
        assert same(weights(resumed), weights(run))
    assert list(resumed.run()) == []


@pytest.fixture(scope="module")
def checkpoint(paths, tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "it.safetensors"
    run = trainer(paths)
    list(run.run(stop=1))
    run.save_checkpoint(path)
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch": 3}, "batch 2, now it is 3"),
        ({"filters": 5, "residuals": 2}, "filters 4, now it is 5"),
        ({"style_weight": 20.000001}, "style weight 20.0, now it is 20.000001"),
        ({"style_size": 64}, "style size 48, now it is 64"),
    ],
)
def test_a_checkpoint_of_other_options_is_refused(paths, checkpoint, change, message):
    run = trainer(paths, replace(TINY, **change))
    untouched = weights(run)
    with pytest.raises(ModelError, match=rf": was begun with {message}$") as caught:
        run.load_checkpoint(checkpoint)
    assert caught.value.exit_status == 4
    assert run.step == 0
    assert same(weights(run), untouched)


def test_a_checkpoint_of_other_photos_style_features_or_processes_is_refused(paths, checkpoint):
    others = {
        "photos 2, now it is 1": trainer(paths[:1]),
        "another style": trainer(paths, style=day(36, 48)),
        "world 1, now it is 2": trainer(paths),
    }
    others["world 1, now it is 2"].world = 2
    for name, run in others.items():
        with pytest.raises(ModelError, match=f"was begun with {name}$"):
            run.load_checkpoint(checkpoint)
    widths = (6, *(4,) * 12)
    run = FastTrainer(night(36, 48), paths, tiny_features(widths), TINY, CPU)
    with pytest.raises(ModelError, match=r"was begun with another style$"):
        run.load_checkpoint(checkpoint)


def test_another_device_goes_on(paths, checkpoint):
    """It computes the style's features a little differently."""
    run = trainer(paths, replace(TINY, device="cpu"))
    for layer in run.loss.grams:
        run.loss.grams[layer] = run.loss.grams[layer] * 1.001
    run.load_checkpoint(checkpoint)
    assert run.step == 1


def notes_of(checkpoint):
    data = checkpoint.read_bytes()
    return json.loads(json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]["fast"])


def test_a_checkpoint_says_what_it_is_of(checkpoint):
    notes = notes_of(checkpoint)
    assert notes["step"] == 1
    expected = asdict(TINY) | {"world": 1, "photos": 2, "style": notes["run"]["style"]}
    assert notes["run"] == {name: value for name, value in expected.items() if name != "device"}


@pytest.mark.parametrize(
    "notes",
    [
        "null",
        "[]",
        "{}",
        "{",
        "[" * 100_000,
        {"step": None},
        {"step": "one"},
        {"step": math.inf},
        {"seconds": "long"},
        {"run": 7},
        {"run": [1]},
    ],
)
def test_hostile_notes_are_no_checkpoint(paths, checkpoint, tmp_path, notes):
    text = notes if isinstance(notes, str) else json.dumps(notes_of(checkpoint) | notes)
    (tmp_path / "it").write_bytes(save(load(checkpoint.read_bytes()), metadata={"fast": text}))
    with pytest.raises(ModelError, match=r"it: not a checkpoint of this training$"):
        trainer(paths).load_checkpoint(tmp_path / "it")


@pytest.mark.parametrize("spoil", ["missing", "empty", "noise", "cut", "other", "model"])
def test_what_is_not_a_checkpoint_is_refused(paths, checkpoint, tmp_path, spoil):
    path, data = tmp_path / "it", checkpoint.read_bytes()
    changed = {"empty": b"", "noise": b"\x80noise" * 99, "cut": data[:-1], "other": save({"a": torch.zeros(1)})}
    if spoil == "model":
        save_model(path, trainer(paths).model, Card())
    elif spoil != "missing":
        path.write_bytes(changed[spoil])
    with pytest.raises(ModelError, match=r"it: not a checkpoint of this training$"):
        trainer(paths).load_checkpoint(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model.7.bias": None}, "7.bias is missing"),
        ({"model.8.bias": torch.zeros(3)}, "8.bias is too many"),
        ({"model.7.bias": torch.zeros(4)}, r"7.bias is \[4\], expected \[3\]"),
        ({"optimiser.7.bias.exp_avg": torch.zeros(4)}, "optimiser state of 7.bias has another shape"),
    ],
)
def test_a_checkpoint_of_another_network_changes_nothing(paths, checkpoint, tmp_path, change, message):
    tensors = {**load(checkpoint.read_bytes()), **change}
    tensors = {name: value for name, value in tensors.items() if value is not None}
    (tmp_path / "it").write_bytes(save(tensors, metadata={"fast": json.dumps(notes_of(checkpoint))}))
    run = trainer(paths)
    untouched = weights(run)
    with pytest.raises(ModelError, match=rf"it: does not fit these networks \({message}\)$"):
        run.load_checkpoint(tmp_path / "it")
    assert same(weights(run), untouched)
    assert not run.optimiser.state
    assert run.step == 0
