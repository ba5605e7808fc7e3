"""Pictures as people have them: scans, transparency, upright, huge, empty."""

import numpy as np
import pytest

from renderers.pictured import is_stroke
from renderers.pictured.preparing import PictureError, prepared


def rectangle(height, width, box):
    made = np.zeros((height, width), np.float32)
    made[box] = 1
    return made


def grey(plane):
    return np.repeat(plane[..., None], 3, axis=2).astype(np.float32)


def test_alpha_is_trimmed_and_lies_along():
    alpha = rectangle(200, 100, (slice(20, 170), slice(30, 60)))
    picture, notes = prepared(grey(np.full_like(alpha, 0.3)), alpha)
    assert picture.shape == (30, 150, 2)
    assert is_stroke(picture)
    assert (picture[..., 0] == 255).all()
    assert notes == ("turned by a right angle: its long side runs along the stroke",)


def test_light_and_dark_are_kept_against_their_mean():
    alpha = rectangle(40, 60, (slice(5, 35), slice(5, 55)))
    light = np.where(np.arange(60) < 30, 0.2, 0.6) * np.ones_like(alpha)
    picture, _ = prepared(grey(light), alpha)
    shade = 0.75 + 0.45 * picture[..., 1] / 255
    assert shade[:, :20].mean() == pytest.approx(0.9, abs=0.01)
    assert shade[:, -20:].mean() == pytest.approx(1.1, abs=0.01)


@pytest.mark.parametrize(("paper", "ink", "word"), [(0.95, 0.1, "darker"), (0.05, 0.9, "lighter")])
def test_a_scan_is_told_from_its_paper(paper, ink, word):
    generator = np.random.default_rng(0)
    share = rectangle(120, 300, (slice(40, 80), slice(60, 240)))
    light = paper + (ink - paper) * share + generator.normal(0, 0.01, share.shape)
    picture, notes = prepared(grey(light), None)
    assert picture.shape == (40, 180, 2)
    assert picture[..., 0].min() > 240
    shade = 0.75 + 0.45 * picture[..., 1] / 255
    assert abs(shade - 1).max() < 0.002
    assert notes == (f"has no transparency: what is {word} than its border was taken for paint",)


def test_a_large_picture_is_reduced():
    y, x = np.mgrid[-1:1:1500j, -1:1:6000j]
    alpha = (np.hypot(x, y) < 0.9).astype(np.float32)
    picture, _ = prepared(grey(np.zeros_like(alpha)), alpha)
    assert picture.shape == (512, 2048, 2)
    assert picture[..., 0].mean() / 255 == pytest.approx(np.pi / 4, abs=0.01)


def test_pictures_without_a_brush_say_why():
    nothing = np.zeros((20, 30), np.float32)
    for pixels, alpha, words in (
        (grey(nothing), nothing, "is wholly transparent"),
        (grey(nothing + 0.5), None, "has neither transparency nor a dark stroke on light paper"),
        (grey(nothing[:1, :1]), None, "has neither transparency nor"),
        (grey(nothing), rectangle(20, 30, (slice(4, 8), slice(30))), "shows 30x4 pixels, expected 8 or more a side"),
        (grey(nothing[:1, :1]), nothing[:1, :1] + 1, "shows 1x1 pixels, expected 8 or more a side"),
    ):
        with pytest.raises(PictureError, match=words):
            prepared(pixels, alpha)
