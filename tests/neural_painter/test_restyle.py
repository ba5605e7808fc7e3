"""Whole paintings in a style: while they are painted, and from a document; stopped, and gone on with."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from neural_painter import PaintConfig, StrokeStyle, StrokeStyleConfig, paint, restyle
from neural_painter.errors import InputError
from neural_painter.export.rendering import render
from neural_painter.painter.config import PRESETS, Preset
from tests.each import each
from tests.neural_painter.painter.pictures import still_life
from tests.neural_painter.photo.samples import night, tiny_features
from tests.neural_painter.sample_documents import sample_document

CONFIG = PaintConfig(strokes=30, preset="fast", device="cpu")


@pytest.fixture(autouse=True)
def _brief(monkeypatch):
    monkeypatch.setitem(PRESETS, "fast", Preset(early=0.1, late=0.1, canvas=0.7))


@pytest.fixture(scope="module")
def still():
    return still_life(60, 80)


def style(steps=6, **options):
    return StrokeStyle(night(), tiny_features(), StrokeStyleConfig(style_steps=steps, **options))


def test_painted_in_a_style(still):
    shown = []
    chosen = style()
    painting = paint(still, CONFIG, style=chosen, on_step=shown.append)
    plain = paint(still, CONFIG)
    before, after = painting.style_distance
    assert before == pytest.approx(chosen.distance(render(plain.document, (384, 512))), rel=1e-4)
    assert after == pytest.approx(chosen.distance(render(painting.document, (384, 512))), rel=1e-4)
    assert after < 0.5 * before
    assert painting.psnr is None
    assert painting.ssim is None
    assert painting.document.options["style"] == chosen.as_options()
    assert shown[-1].step == shown[-1].steps
    assert shown[-1].stage == shown[-1].stages
    assert shown[-1].work == pytest.approx(1)
    assert np.all(np.diff([progress.work for progress in shown]) > 0)
    assert painting.seconds["style"] > 0
    assert plain.style_distance is None


def test_restyled_from_a_document_as_while_painting(still):
    """The photo at hand, both ways make the same of the same strokes."""
    chosen = style()
    at_once = paint(still, CONFIG, style=chosen)
    later = restyle(paint(still, CONFIG).document, chosen, photo=still, device="cpu")
    assert later.strokes == at_once.strokes
    assert later.style_distance == pytest.approx(at_once.style_distance, rel=1e-6)


@pytest.fixture
def two_threads(monkeypatch):
    """With features that were never trained, rounding alone moves the result: with one thread it is another."""
    before = torch.get_num_threads()
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_without_a_photo_the_painting_itself_is_kept(still):
    document = paint(still, CONFIG).document
    shown = []
    painting = restyle(document, style(), device="cpu", on_step=shown.append)
    before, after = painting.style_distance
    assert after < 0.5 * before
    assert [progress.step for progress in shown] == list(range(1, 7))
    light = [(picture @ [0.3, 0.6, 0.1]).ravel() for picture in (render(document, (30, 40)), painting.render(40))]
    assert np.corrcoef(*light)[0, 1] > 0.7  # measured: 0.76
    assert painting.document.options["brush"] == "oil"
    assert painting.document.brush == document.brush


def test_an_unfinished_document_is_none_afterwards(still):
    document = paint(still, CONFIG).document
    unfinished = replace(document, options={**document.options, "unfinished": {"stage": 0, "step": 1}})
    assert "unfinished" not in restyle(unfinished, style(1), device="cpu").document.options


def test_interrupted_while_styling_and_gone_on_with(still):
    def stop(progress):
        if progress.stage == progress.stages and progress.step == progress.steps - 4:
            raise KeyboardInterrupt

    chosen = style()
    stopped = paint(still, CONFIG, style=chosen, on_step=stop)
    assert not stopped.finished
    place = stopped.document.options["unfinished"]
    assert place["step"] == 2
    done = []
    finished = paint(still, CONFIG, style=chosen, resume=stopped.document, on_step=done.append)
    assert finished.finished
    assert len(done) == 4
    assert finished.style_distance[0] == stopped.style_distance[0]
    assert finished.style_distance[1] < stopped.style_distance[1] * 1.2
    for other, sentence in ((None, "with a style, now there is none"), (style(7), "with another style")):
        with pytest.raises(InputError, match=sentence):
            paint(still, CONFIG, style=other, resume=stopped.document)


def test_interrupted_restyling_keeps_the_strokes(still):
    def stop(progress):
        if progress.step == 3:
            raise KeyboardInterrupt

    painting = restyle(paint(still, CONFIG).document, style(), device="cpu", on_step=stop)
    assert not painting.finished
    assert len(painting.strokes) == CONFIG.strokes


def test_a_painting_without_a_style_does_not_go_on_with_one(still):
    def stop(_):
        raise KeyboardInterrupt

    stopped = paint(still, CONFIG, on_step=stop)
    with pytest.raises(InputError, match="was painted without a style"):
        paint(still, CONFIG, style=style(), resume=stopped.document)


@each(
    "document, photo, error, sentence",
    [
        (sample_document(count=0), None, InputError, "holds no strokes"),
        (sample_document(count=3, size=(24, 32)), still_life(32, 32), InputError, "has 32x32, the painting 32x24"),
        (sample_document(count=3), np.zeros((4, 4)), ValueError, r"expected a picture \[H, W, 3\]"),
        (replace(sample_document(count=3), brush="gouache"), None, ValueError, "gouache"),
    ],
)
def test_what_cannot_be_restyled(document, photo, error, sentence):
    with pytest.raises(error, match=sentence):
        restyle(document, style(), photo=photo, device="cpu")


def test_one_stroke_on_one_pixel():
    document = sample_document(count=1, size=(1, 1))
    assert len(restyle(document, style(1), device="cpu").strokes) == 1


def colours_of(painting):
    """As bytes, which is how a document names its paints."""
    colours = painting.strokes.paint[:, :6].reshape(-1, 3)
    return {"#" + bytes(np.rint(colour * 255).astype(np.uint8)).hex() for colour in colours}


def test_a_painting_of_few_paints_keeps_them_in_a_style(still):
    few = replace(CONFIG, palette="zorn")
    painting = paint(still, few, style=style())
    paints = {told["colour"] for told in painting.document.options["paints"]}
    assert len(paints) == 4
    assert colours_of(painting) <= paints
    later = restyle(paint(still, few).document, style(), photo=still, device="cpu")
    assert colours_of(later) <= paints


def test_found_paints_are_found_anew_for_the_style(still):
    few = replace(CONFIG, palette="5")
    plain, styled = paint(still, few), paint(still, few, style=style())
    assert 1 < len(colours_of(styled)) <= 5
    assert colours_of(styled) != colours_of(plain)
