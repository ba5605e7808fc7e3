"""A painting that is gone on with is the one that it would have become, to the byte, wherever it was interrupted."""

import hashlib
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from neural_painter import PaintConfig, StrokeStyle, StrokeStyleConfig, paint, read_document, restyle, write_document
from neural_painter.errors import InputError
from neural_painter.painter.config import PRESETS, Preset
from neural_painter.painter.resuming import OLDER, REWEIGHTED, STATELESS
from renderers.brushes import brush
from renderers.weights import load_renderer
from tests.neural_painter.painter.pictures import still_life
from tests.neural_painter.photo.samples import night, tiny_features

CONFIG = PaintConfig(strokes=40, preset="fast", device="cpu")
STILL = still_life(48, 64)


@pytest.fixture(autouse=True)
def _brief(monkeypatch):
    make_brief(monkeypatch)


def make_brief(monkeypatch):
    """4 and 10 steps in two stages, stamps are drawn twice in the last one; small canvases for style and scores."""
    monkeypatch.setitem(PRESETS, "fast", Preset(early=0.1, late=0.05, canvas=0.7))
    monkeypatch.setattr("neural_painter.painter.styling.LEAST_SIDE", 48)
    monkeypatch.setattr("neural_painter.painter.styling.CANVAS", 0.5)
    monkeypatch.setattr("neural_painter.painting.SCORE_SIDE", 64)
    monkeypatch.setattr("neural_painter.painting.STYLE_SIDE", 64)


def style(steps=9, **options):
    return StrokeStyle(night(), tiny_features(), StrokeStyleConfig(style_steps=steps, **options))


def through_a_file(document, tmp_path):
    write_document(tmp_path / "a.npz", document)
    found = read_document(tmp_path / "a.npz")
    assert found == document
    return found


def straight(tmp_path, config=CONFIG, **options):
    """A painting, its file's bytes, and what `on_state` was given at each step."""
    states = []
    painting = paint(STILL, config, on_state=states.append, state_seconds=0, **options)
    write_document(tmp_path / "straight.npz", painting.document)
    return painting, (tmp_path / "straight.npz").read_bytes(), states


def check_alike(painting, content, tmp_path):
    assert painting.finished
    assert painting.notes == ()
    write_document(tmp_path / "resumed.npz", painting.document)
    assert (tmp_path / "resumed.npz").read_bytes() == content


def places(states):
    return [tuple(document.options["unfinished"].values()) for document in states]


def test_after_any_step(tmp_path):
    whole, content, states = straight(tmp_path)
    assert places(states) == [(stage, step + 1) for stage, steps in enumerate((4, 10)) for step in range(steps)]
    assert all(document.state for document in states)
    assert not whole.document.state
    assert content == straight(tmp_path)[1]
    assert whole.document == paint(STILL, CONFIG).document  # telling states changes nothing
    for document in (states[0], states[3], states[4], states[8], states[12], states[13]):
        again = paint(STILL, CONFIG, resume=through_a_file(document, tmp_path))
        check_alike(again, content, tmp_path)
        assert (again.psnr, again.ssim, again.recovered) == (whole.psnr, whole.ssim, whole.recovered)


@pytest.mark.parametrize(
    "options",
    [{"brush": "watercolor"}, {"brush": "tape", "transport_stages": "all", "transport": 30.0}, {"strokes": 5}],
    ids=["translucent", "transport", "one stage"],
)
def test_with_other_options(options, tmp_path):
    config = replace(CONFIG, **options)
    _, content, states = straight(tmp_path, config)
    for document in states[2::6]:
        check_alike(paint(STILL, config, resume=through_a_file(document, tmp_path)), content, tmp_path)


def test_many_strokes_and_chunks(tmp_path, monkeypatch):
    """Beyond so many strokes, networks draw them chunk by chunk and twice."""
    for name, value in {"KEPT": 10, "CHUNK": 7}.items():
        monkeypatch.setattr(f"renderers.stamps.networks.{name}", value)
    monkeypatch.setattr("neural_painter.painter.optimise.MANY", 20)
    config = replace(CONFIG, renderer="networks")
    _, content, states = straight(tmp_path, config)
    for document in (states[2], states[10]):
        check_alike(paint(STILL, config, resume=through_a_file(document, tmp_path)), content, tmp_path)


@pytest.mark.parametrize("renderer", ["auto", "networks"])
def test_painted_before_there_were_tables_of_stamps(renderer, tmp_path):
    """Older documents do not say what drew their stamps: they go on with what is asked for."""
    config = replace(CONFIG, renderer="networks", strokes=5)
    state = straight(tmp_path, config)[2][2]
    options = {name: value for name, value in state.options.items() if name != "renderer"}
    config = replace(config, renderer=renderer)
    assert paint(STILL, config, resume=replace(state, options=options)).finished
    with pytest.raises(InputError, match="painted with renderer networks, now it is table"):
        paint(STILL, replace(config, renderer="table"), resume=state)


@pytest.mark.parametrize("mode", ["full", "color"])
def test_in_style(mode, tmp_path):
    chosen = style(style_mode=mode)
    whole, content, states = straight(tmp_path, style=chosen)
    assert places(states)[-9:] == [(2, step + 1) for step in range(9)]
    for document in (states[13], states[14], states[19]):
        again = paint(STILL, CONFIG, style=chosen, resume=through_a_file(document, tmp_path))
        check_alike(again, content, tmp_path)
        assert again.style_distance == whole.style_distance


@pytest.mark.parametrize("photo", [STILL, None], ids=["photo", "none"])
def test_restyling(photo, tmp_path):
    document, chosen = paint(STILL, CONFIG).document, style(style_mode="full" if photo is None else "color")
    states = []
    whole = restyle(document, chosen, photo=photo, device="cpu", on_state=states.append, state_seconds=0)
    write_document(tmp_path / "straight.npz", whole.document)
    content = (tmp_path / "straight.npz").read_bytes()
    assert places(states) == [(step + 1,) for step in range(9)]
    assert whole.notes == ()
    for state in (states[0], states[4], states[8]):
        resume = through_a_file(state, tmp_path)
        again = restyle(document, chosen, photo=photo, device="cpu", resume=resume)
        check_alike(again, content, tmp_path)
        assert again.style_distance == whole.style_distance


def stop_at(moment):
    def on_step(progress):
        if progress.step == moment:
            raise KeyboardInterrupt

    return on_step


def test_interrupted_again_and_again(tmp_path):
    """After a step of its own each time, in every stage and between them."""
    chosen = style(3)
    _, content, _ = straight(tmp_path, style=chosen)
    document = None
    for moment in range(1, 4 + 10 + 3 + 2):
        painting = paint(STILL, CONFIG, style=chosen, resume=document, on_step=stop_at(moment))
        document = through_a_file(painting.document, tmp_path)
    check_alike(painting, content, tmp_path)


def test_interrupted_in_the_middle_of_a_step(tmp_path, monkeypatch):
    """The step is lost, nothing else: what belongs together is kept together."""
    from neural_painter.painter import objective, optimise, stages

    config = replace(CONFIG, transport_stages="all")
    _, content, _ = straight(tmp_path, config)
    for owner, name, calls in (
        (objective, "pixel_loss", (1, 3)),
        (objective.TransportLoss, "__call__", (9,)),
        (optimise.StrokeOptimiser, "_projected", (2, 12)),
        (optimise.StrokeOptimiser, "strokes", (1,)),
        (stages, "seed_strokes", (1, 2)),
    ):
        for call in calls:
            count, function = 0, getattr(owner, name)

            def interrupted(*arguments, function=function, call=call, **options):
                nonlocal count
                count += 1
                if count == call:
                    raise KeyboardInterrupt
                return function(*arguments, **options)

            monkeypatch.setattr(owner, name, interrupted)
            painting = paint(STILL, config)
            monkeypatch.setattr(owner, name, function)
            assert not painting.finished, (name, call)
            check_alike(paint(STILL, config, resume=through_a_file(painting.document, tmp_path)), content, tmp_path)


def test_failures_are_counted_over_all_parts(tmp_path, monkeypatch):
    from neural_painter.painter import objective

    pixel_loss, calls = objective.pixel_loss, 0

    def sometimes(*arguments, **options):
        nonlocal calls
        calls += 1
        return pixel_loss(*arguments, **options) * (torch.nan if calls in (2, 3, 9) else 1)

    monkeypatch.setattr(objective, "pixel_loss", sometimes)
    whole, content, states = straight(tmp_path)
    assert whole.recovered > 0
    monkeypatch.setattr(objective, "pixel_loss", pixel_loss)
    again = paint(STILL, CONFIG, resume=through_a_file(states[9], tmp_path))
    check_alike(again, content, tmp_path)
    assert again.recovered == whole.recovered
    assert states[9].state["tally"].tolist() == [whole.recovered, 3]


def test_states_are_told_about_as_often_as_asked(monkeypatch):
    from neural_painter.painter import work

    clock = iter(range(0, 100_000, 4))
    monkeypatch.setattr(work, "time", SimpleNamespace(monotonic=lambda: next(clock), perf_counter=lambda: 0.0))
    for seconds, least, most in ((10, 3, 5), (1e9, 0, 0)):
        states = []
        paint(STILL, CONFIG, on_state=states.append, state_seconds=seconds)
        assert least <= len(states) <= most


def test_what_is_done_with_a_state_does_not_matter():
    def spoil(document):
        for array in (*document.state.values(), *vars(document.strokes).values()):
            if array is not None and array.flags.writeable:
                array.fill(7)
        np.random.default_rng().normal()
        torch.rand(3)

    for chosen in (None, style(style_mode="color")):
        want = paint(STILL, CONFIG, style=chosen).document
        assert paint(STILL, CONFIG, style=chosen, on_state=spoil, state_seconds=0).document == want


@pytest.mark.parametrize("name", ["oil", "watercolor"])
def test_networks_draw_the_same_bytes_with_gradients_and_without(name):
    """Stamps are not kept with a state: they are drawn again from the shapes."""
    tool = brush(name)
    renderer = load_renderer(tool)[0].to(memory_format=torch.channels_last)
    for count in (1, 13, 600):
        shape = torch.from_numpy(tool.sample_shape(count, np.random.default_rng(count)))
        with_gradients = renderer.stamps(shape.clone().requires_grad_()).detach()
        with torch.no_grad():
            assert torch.equal(torch.cat([renderer.stamps(part) for part in shape.split(512)]), with_gradients)


@pytest.fixture(scope="module")
def unfinished():
    """Documents of a painting in its last stage, of one in style, and of a restyling."""
    with pytest.MonkeyPatch.context() as patch:
        make_brief(patch)
        plain = paint(STILL, CONFIG, on_step=stop_at(7)).document
        styled = paint(STILL, CONFIG, on_step=stop_at(16), style=style()).document
        finished = paint(STILL, CONFIG).document
        restyled = restyle(finished, style(), on_step=stop_at(3), device="cpu").document
    return plain, styled, finished, restyled


def test_the_photo_must_be_the_same(unfinished):
    document = unfinished[0]
    assert document.options["photo"] == hashlib.sha256(STILL.tobytes()).hexdigest()
    other = STILL.copy()
    other[5, 5, 1] += 1e-3
    with pytest.raises(InputError, match="the document to resume was painted from another photo"):
        paint(other, CONFIG, resume=document)
    old = {key: value for key, value in document.options.items() if key != "photo"}
    assert paint(other, CONFIG, resume=replace(document, options=old, state={})).finished  # as written before


def test_without_its_state_a_document_goes_on_and_says_so(unfinished):
    plain, styled, finished, restyled = unfinished
    assert paint(STILL, CONFIG, resume=replace(plain, state={})).notes == (STATELESS,)
    other = replace(plain, weights="0" * 64)
    assert paint(STILL, CONFIG, resume=other).notes == (REWEIGHTED,)
    again = paint(STILL, CONFIG, style=style(), resume=replace(styled, state={}))
    assert again.notes == (STATELESS,)
    assert again.style_distance[0] is None  # the strokes before it are not known
    assert restyle(finished, style(), resume=replace(restyled, state={}), device="cpu").notes == (STATELESS,)
    # Interrupted once more, the rest is exact.
    stopped = paint(STILL, CONFIG, style=style(), resume=replace(styled, state={}), on_step=stop_at(18))
    once_more = paint(STILL, CONFIG, style=style(), resume=stopped.document)
    assert once_more.document == again.document
    assert once_more.style_distance == again.style_distance


def test_documents_of_older_painters_go_on_from_their_strokes_and_say_so(unfinished):
    """Their states had no ages, and their stages other counts, sizes and steps."""
    plain, styled, finished, restyled = unfinished

    def older(document, **place):
        options = {key: value for key, value in document.options.items() if key != "plan"}
        options["unfinished"] = {**document.options["unfinished"], **place}
        state = {name: array for name, array in document.state.items() if name != "ages"}
        if "counts" in state:
            state["counts"] = np.array([7, 7, 7, 1], np.int64)
        return replace(document, options=options, state=state)

    for place in ({}, {"stage": 0, "step": 200}, {"stage": 1, "step": 77}, {"stage": 2, "step": 0}):
        again = paint(STILL, CONFIG, resume=older(plain, **place))
        assert again.finished
        assert again.notes == (OLDER,)
        assert len(again.strokes) == CONFIG.strokes
        stateless = paint(STILL, CONFIG, resume=replace(older(plain, **place), state={}))
        assert stateless.notes == (STATELESS,)
    again = paint(STILL, CONFIG, style=style(), resume=older(styled))
    assert again.notes == (OLDER,)
    assert again.style_distance[0] is not None  # the strokes before it are known
    assert restyle(finished, style(), resume=older(restyled), device="cpu").notes == (OLDER,)


def test_what_is_finished_holds_nothing_of_the_way(unfinished):
    finished = unfinished[2]
    assert not {"unfinished", "photo", "plan"} & finished.options.keys()
    plain = unfinished[0]
    styled = restyle(plain, style(1), device="cpu").document
    assert not styled.state
    assert not {"unfinished", "photo", "plan"} & styled.options.keys()


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ({"stage": 2, "step": 1}, "its stage 3 is not one of 2"),
        ({"stage": 3, "step": 0}, "its stage 4 is not one of 2"),
        ({"stage": 10**9, "step": 0}, "its stage 1000000001 is not one of 2"),
        ({"stage": 1, "step": 11}, "its step 11 is not one of 10"),
        ({"stage": 0, "step": 2}, "it holds 40 strokes, more than 12"),
        ({"stage": -1, "step": 0}, "finished painting"),
        ({"stage": True, "step": 0}, "finished painting"),
        ({"stage": 1.0, "step": 0}, "finished painting"),
        ({"stage": 1}, "finished painting"),
        (3, "finished painting"),
        ({"step": 3}, "is being given a style"),
    ],
)
def test_places_that_are_not_there(place, sentence, unfinished):
    document = unfinished[0]
    for state in (document.state, {}):
        changed = replace(document, options={**document.options, "unfinished": place}, state=state)
        with pytest.raises(InputError, match=sentence):
            paint(STILL, CONFIG, resume=changed)


def test_hostile_states(unfinished):
    plain, styled = unfinished[:2]

    def refused(change, sentence, document=plain, **options):
        state = {name: array for name, array in {**document.state, **change}.items() if array is not None}
        with pytest.raises(InputError, match="the document to resume cannot be gone on with: .*" + sentence):
            paint(STILL, CONFIG, resume=replace(document, state=state), **options)

    state = plain.state
    for name in ("placement", "shape", "paint", "paint_first", "shape_second", "drawn"):
        array = state[name]
        refused({name: array[:-1]}, f"{name} must be")
        refused({name: array.astype(np.float64)}, f"{name} must be")
        refused({name: np.where(np.arange(array.size).reshape(array.shape) == 3, np.nan, array)}, f"{name} must be")
        refused({name: None}, "no stamps" if name == "drawn" else f"{name} must be")
    refused({"placement": state["placement"] * 1e6}, "makes no sense: stroke 0")
    refused({"paint": state["paint"] + 1}, "makes no sense: stroke 0")
    refused({"drawn": state["drawn"] + 50}, "stamps of shapes")
    refused({"paint_second": -state["paint_second"] - 1}, "below 0")
    refused({"ages": state["ages"] - 100}, "ages must be")
    refused({"ages": state["ages"][1:]}, "ages must be")
    for name in ("counts", "tally"):
        for counts in (state[name] - 100, state[name] * 0 + 2**31, state[name][:-1], state[name].astype(np.float32)):
            refused({name: counts}, f"{name} must be")
    refused({"strokes": state["strokes"][::-1]}, "its state is of other strokes")
    refused({"strokes": None}, "strokes must be")
    refused({"loss_within": np.zeros((6, 2, 2))}, "a loss that is not there")
    refused({"start": styled.state["start"][1:]}, "start must be", styled, style=style())
    other = replace(plain, strokes=replace(plain.strokes, paint=plain.strokes.paint * 0.5))
    with pytest.raises(InputError, match="its state is of other strokes"):
        paint(STILL, CONFIG, resume=other)


def test_hostile_memory_of_the_transport_loss():
    config = replace(CONFIG, transport_stages="all")
    document = paint(STILL, config, on_step=stop_at(7)).document
    for change in (
        {"loss_within": np.zeros((6, 2, 2))},
        {"loss_between_f": None},
        {"loss_other": np.zeros(1)},
        {"loss_told": np.array([-1.0, 0.0])},
        {"loss_told": np.array([1e9, 0.0])},
        {"loss_pull": np.full_like(document.state["loss_pull"], np.nan)},
    ):
        state = {name: array for name, array in {**document.state, **change}.items() if array is not None}
        with pytest.raises(InputError, match="expected finite potentials"):
            paint(STILL, config, resume=replace(document, state=state))


def test_a_restyling_goes_on_with_its_own_painting_only(unfinished):
    plain, _, finished, restyled = unfinished
    other = replace(finished, strokes=replace(finished.strokes, paint=finished.strokes.paint * 0.5))
    for painted, photo, chosen, resume, sentence in (
        (other, None, style(), restyled, "it began with other strokes"),
        (replace(finished, canvas=(0, 0, 0)), None, style(), restyled, "is of another painting"),
        (finished, None, style(8), restyled, "with another style"),
        (finished, STILL, style(), restyled, "was painted without a photo"),
        (finished, None, style(), plain, "is a painting of its own"),
        (finished, None, style(), finished, "is a finished painting"),
    ):
        with pytest.raises(InputError, match=sentence):
            restyle(painted, chosen, photo=photo, resume=resume, device="cpu")
    with_photo = restyle(finished, style(), photo=STILL, on_step=stop_at(1), device="cpu").document
    for photo, sentence in ((None, "was painted with a photo"), (STILL * 0.9, "from another photo")):
        with pytest.raises(InputError, match=sentence):
            restyle(finished, style(), photo=photo, resume=with_photo, device="cpu")


def test_a_smaller_copy_of_the_photo(tmp_path):
    """The painting has the photo's own size, and is gone on with as any other."""
    whole = paint(STILL, CONFIG, size=(480, 641))
    assert whole.document.size == (480, 641)
    stopped = paint(STILL, CONFIG, size=(480, 641), on_step=stop_at(8))
    write_document(tmp_path / "straight.npz", whole.document)
    again = paint(STILL, CONFIG, size=(480, 641), resume=stopped.document)
    check_alike(again, (tmp_path / "straight.npz").read_bytes(), tmp_path)
    with pytest.raises(InputError, match="from a photo of 641x480, this one has 64x48"):
        paint(STILL, CONFIG, resume=stopped.document)
    for size in ((480, 480), (48, 640)):
        with pytest.raises(ValueError, match="is not the shape of a picture"):
            paint(STILL, CONFIG, size=size)
    assert paint(STILL, CONFIG, size=(48, 64)).document == paint(STILL, CONFIG).document
