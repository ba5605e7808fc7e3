"""Pictures as arrays: what callers hand in, numbers, sizes, colours."""

import numpy as np
import pytest

from neural_painter.errors import UsageError
from neural_painter.images import checked_picture, fit_long_side, parse_colour, pyramid, resize, to_uint8


def test_to_uint8_rounds_half_up():
    values = np.array([-1, 0, 0.5 / 255 - 1e-9, 0.5 / 255 + 1e-9, 1.5 / 255 + 1e-9, 0.5, 1, 2])
    assert to_uint8(values).tolist() == [0, 0, 0, 1, 2, 128, 255, 255]
    every = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_uint8(every.astype(np.float32) / np.float32(255)), every)


def test_a_picture_of_any_layout_comes_back_as_contiguous_floats():
    picture = np.random.default_rng(0).random((4, 3, 5)).transpose(0, 2, 1)
    found = checked_picture(picture)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, picture.astype(np.float32))
    every = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    np.testing.assert_array_equal(to_uint8(checked_picture(every)), every)
    assert checked_picture(np.ones((1, 1, 3), int)).tolist() == [[[1.0, 1.0, 1.0]]]


def test_what_is_no_picture_is_refused_by_name():
    for array, message in [
        (np.zeros((4, 5), np.float32), r"expected a picture \[H, W, 3\], got \[4, 5\]"),
        (np.zeros((4, 5, 4), np.uint8), r"expected a picture \[H, W, 3\], got \[4, 5, 4\]"),
        (np.zeros((1, 4, 5, 3)), r"expected a picture \[H, W, 3\], got \[1, 4, 5, 3\]"),
        (np.zeros((4, 0, 3)), r"expected a picture \[H, W, 3\], got \[4, 0, 3\]"),
        (np.full((4, 5, 3), np.nan), r"expected finite numbers in \[0, 1\]"),
        (np.full((4, 5, 3), np.inf), r"expected finite numbers in \[0, 1\]"),
        (np.full((4, 5, 3), -0.01), r"expected finite numbers in \[0, 1\]"),
        (np.full((4, 5, 3), 255), r"expected finite numbers in \[0, 1\]"),
    ]:
        with pytest.raises(ValueError, match=f"^the left one: {message}"):
            checked_picture(array, "the left one")


def test_resize_down_is_by_area():
    picture = np.random.default_rng(0).random((12, 20, 3))
    expected = picture.reshape(4, 3, 5, 4, 3).mean((1, 3))
    np.testing.assert_allclose(resize(picture, size=(4, 5)), expected, atol=3e-7)  # measured: 1e-7
    halves = resize(np.array([[0.0, 1.0, 0.5]]), size=(1, 2))  # pixels of 1.5: (0 + 1/2) / 1.5, (1/2 + 1/2) / 1.5
    np.testing.assert_allclose(halves, [[1 / 3, 2 / 3]], atol=1e-6)


def test_resize_shrinks_one_axis_by_area_while_the_other_grows():
    picture = np.random.default_rng(0).random((12, 1, 3)).astype(np.float32)
    expected = np.repeat(picture.reshape(3, 4, 1, 3).mean(1), 8, axis=1)
    np.testing.assert_allclose(resize(picture, size=(3, 8)), expected, atol=1e-6)


def test_resize_shapes_and_range():
    for shape in [(1, 1, 3), (1, 5, 3), (7, 3), (7, 3, 1), (6, 5, 4)]:
        for size in [(1, 1), (13, 2), (30, 31)]:
            picture = (np.random.default_rng(0).random(shape) > 0.5).astype(np.float32)
            result = resize(picture, size=size)
            assert result.shape == size + shape[2:]
            assert result.dtype == np.float32
            assert result.min() >= 0
            assert result.max() <= 1
            np.testing.assert_allclose(resize(np.full(shape, 0.3), size=size), 0.3, atol=1e-6)


def test_resize_to_the_same_size_is_a_copy_and_rejects():
    picture = np.random.default_rng(0).random((4, 5, 3)).astype(np.float32)
    result = resize(picture, size=(4, 5))
    np.testing.assert_array_equal(result, picture)
    assert not np.shares_memory(result, picture)
    with pytest.raises(ValueError, match="at least 1x1"):
        resize(picture, size=(0, 5))
    with pytest.raises(ValueError, match="floats"):
        resize(to_uint8(picture), size=(2, 2))


def test_fit_long_side():
    assert fit_long_side(3000, 4000, 512) == (384, 512)
    assert fit_long_side(1, 1000, 100) == (1, 100)
    assert fit_long_side(3, 2, 3) == (3, 2)
    assert fit_long_side(5, 2, 1) == (1, 1)
    assert fit_long_side(10, 20, 41) == (21, 41)  # 20.5 rounds up
    with pytest.raises(UsageError, match="long side"):
        fit_long_side(3, 4, 0)
    with pytest.raises(ValueError, match="aspect"):
        fit_long_side(0, 4, 5)


def test_parse_colour():
    for text, colour in [
        ("white", (255, 255, 255)),
        (" RebeccaPurple ", (102, 51, 153)),
        ("#102030", (16, 32, 48)),
        ("#FaB", (255, 170, 187)),
        ("1, 2,3", (1, 2, 3)),
        ("255,255,255", (255, 255, 255)),
    ]:
        assert parse_colour(text) == tuple(channel / 255 for channel in colour)


def test_parse_colour_refuses():
    for text in [
        "",
        "whit",
        "#12",
        "#12345",
        "#gggggg",
        "#11223344",
        "256,0,0",
        "1,2",
        "1,2,3,4",
        "0.5,0,0",
        "-1,0,0",
        "hsl(0,0%,0%)",
    ]:
        with pytest.raises(UsageError, match="not a colour") as caught:
            parse_colour(text)
        assert caught.value.hint


def test_pyramid():
    assert pyramid(512, first=256) == (256, 362, 512)
    assert pyramid(512, first=255) == (181, 256, 362, 512)
    assert pyramid(512, first=512) == pyramid(512, first=4000) == pyramid(512, scales=1) == (512,)
    assert pyramid(100, scales=4) == (35, 50, 71, 100)
    assert pyramid(100, scales=4, least=40) == (50, 71, 100)
    assert pyramid(3, scales=20, least=1)[-1] == 3
    assert pyramid(10, scales=3, least=32) == (10,)
    for wrong in ({}, {"first": 3, "scales": 3}, {"first": 0}, {"scales": 0}):
        with pytest.raises(ValueError, match="expected one of first and scales"):
            pyramid(512, **wrong)
