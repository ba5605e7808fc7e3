"""Masks as people draw, shrink and compress them, masks that do not fit, and masks made without a person."""

import sys
from itertools import product

import cv2
import numpy as np
import pytest

from neural_painter.errors import InputError
from neural_painter.photo import masks
from neural_painter.photo.masks import automatic_segments, one_segment, read_segments, soft_masks
from tests.each import each
from tests.neural_painter.photo.samples import day, night

LUAN = ((0, 0, 255), (255, 255, 255), (0, 0, 0), (128, 128, 128))
OTHERS = ((13, 200, 77), (250, 3, 90), (60, 60, 180), (200, 180, 20))
ADE20K = ((120, 120, 120), (140, 140, 140), (204, 5, 255), (224, 5, 255))  # wall and road, two others 20 apart
NUMBERS = ((0, 0, 0), (1, 1, 1), (2, 2, 2), (3, 3, 3))


def scene(scale=1):
    """Labels `[96, 128]`, times a scale: a ground, a disc, a block and a small disc that touches both."""
    height, width = 96 * scale, 128 * scale
    labels = np.zeros((height, width), np.uint8)
    cv2.circle(labels, (width // 3, height // 2), height // 3, 1, -1)
    labels[height // 2 :, width // 2 :] = 2
    cv2.circle(labels, (3 * width // 5, height // 2), height // 5, 3, -1)
    return labels


def coloured(labels, colours):
    return np.array(colours, np.float32)[labels] / 255


def jpeg(mask, quality):
    _, data = cv2.imencode(
        ".jpg", np.round(255 * mask[..., ::-1]).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1].astype(np.float32) / 255


def shrunk(colours, interpolation=cv2.INTER_AREA):
    return cv2.resize(coloured(scene(4), colours), (128, 96), interpolation=interpolation)


def rough(colours, way):
    """A mask of the scene that is not exact."""
    if way == "anti-aliased":
        return shrunk(colours)
    sharp = shrunk(colours, cv2.INTER_NEAREST)
    if way.startswith("blurred"):
        return cv2.GaussianBlur(sharp, (0, 0), float(way.split()[1]))
    return jpeg(shrunk(colours), int(way.split()[1]))


def noise(*size, seed=0):
    return np.random.default_rng(seed).random((*size, 3)).astype(np.float32)


def read(content_mask, style_mask=None):
    """Segments of two pictures as large as their masks, of which nothing is known."""
    style_mask = content_mask if style_mask is None else style_mask
    return read_segments(noise(*content_mask.shape[:2]), noise(*style_mask.shape[:2]), content_mask, style_mask)


def numbers(segments, colours):
    """The number of each of the colours in the segments."""
    return np.array([int(np.abs(segments.colours.astype(int) - colour).max(1).argmin()) for colour in colours])


# --- colours and edges


@each("colours", [LUAN, OTHERS, ADE20K, NUMBERS])
def test_exact_masks_of_any_colours(colours):
    segments = read(coloured(scene(), colours), coloured(scene()[:, ::-1], colours))
    assert segments.count == 4
    assert segments.notes == ()
    assert sorted(map(tuple, segments.colours.tolist())) == sorted(colours)
    np.testing.assert_array_equal(segments.content, numbers(segments, colours)[scene()])
    np.testing.assert_array_equal(segments.style, numbers(segments, colours)[scene()[:, ::-1]])
    assert segments.content.dtype == segments.style.dtype == np.int32


WAYS = ["anti-aliased", "blurred 0.7", "blurred 1.5", "jpeg 95", "jpeg 75", "jpeg 50"]


@each("way", WAYS)
@each("colours", [LUAN, OTHERS])
def test_edges_give_no_label_and_go_to_a_neighbour(colours, way):
    segments = read(rough(colours, way), coloured(scene(), colours))
    assert segments.count == 4
    assert segments.notes == ()
    number = numbers(segments, colours)
    assert sorted(number.tolist()) == [0, 1, 2, 3]
    wanted = scene(4)[2::4, 2::4]
    near = [cv2.dilate((wanted == k).astype(np.uint8), np.ones((7, 7), np.uint8)) for k in np.argsort(number)]
    assert np.take_along_axis(np.stack(near), segments.content[None], axis=0).all()
    assert (segments.content != number[wanted]).mean() < 0.02  # measured: up to 0.012


@each("way", ["anti-aliased", "blurred", "jpeg"])
def test_an_edge_of_two_labels_is_not_a_third_between_them(way):
    """Between black and white lies grey, which is a label as well, elsewhere."""
    large = np.zeros((480, 480, 3), np.float32)
    cv2.fillPoly(large, [np.array([[230, 0], [480, 0], [480, 400], [242, 400]])], (1.0, 1.0, 1.0))
    large[400:] = 128 / 255
    sharp = np.ascontiguousarray(large[2::4, 2::4])
    soft = cv2.resize(large, (120, 120), interpolation=cv2.INTER_AREA)
    mask = {"anti-aliased": soft, "blurred": cv2.GaussianBlur(sharp, (0, 0), 1.3), "jpeg": jpeg(soft, 75)}[way]
    segments = read(mask, sharp)
    assert segments.count == 3
    (grey,) = np.flatnonzero(segments.colours[:, 0] == 128)
    assert not (segments.content[:96] == grey).any()  # 20 pixels and more where nothing looks after it
    assert (segments.content[102:] == grey).all()


def test_a_thin_line_of_an_exact_mask_stays():
    mask = coloured(np.zeros((60, 60), int), LUAN)
    mask[20:] = 1
    mask[40:] = 128 / 255
    mask[:20, 30] = 128 / 255  # a pole of the colour between those of sky and ground
    segments = read(mask)
    np.testing.assert_array_equal(segments.drawn()[0], mask)


def test_colours_a_little_apart_are_one_label():
    """Compressed or not: a mask saved as JPEG fits one that was not."""
    exact = coloured(scene(), OTHERS)
    segments = read(exact + 6 / 255 * (scene()[..., None] == 1), exact)
    assert segments.count == 4
    assert segments.notes == ()


def test_grey_masks():
    segments = read(coloured(scene(), ((0,) * 3, (85,) * 3, (170,) * 3, (255,) * 3)))
    assert sorted(segments.colours[:, 0].tolist()) == [0, 85, 170, 255]


@each("size", [(1, 1), (1, 9), (9, 1), (2, 2), (40, 30)])
def test_one_colour(size):
    mask = np.full((*size, 3), 0.3, np.float32)
    segments = read(mask, np.full((5, 7, 3), 0.3, np.float32))
    assert segments.count == 1
    assert segments.notes == ()
    assert not segments.content.any()
    assert segments.content.shape == size
    assert segments.style.shape == (5, 7)


def test_a_photo_in_place_of_a_mask_is_read_as_something():
    segments = read(noise(50, 60), noise(50, 60))
    assert segments.content.shape == (50, 60)
    assert segments.content.max() < segments.count


# --- masks and pictures, masks and each other


def test_a_mask_of_another_size_is_resized_and_it_is_said():
    """Of another shape as well: it was perhaps drawn on a picture that was cropped, and is better than none."""
    exact = coloured(scene(2), OTHERS)
    for size in ((384, 512), (576, 768), (96, 128), (192, 192), (100, 600), (193, 256)):
        segments = read_segments(noise(*size), noise(192, 256), exact, exact)
        assert segments.notes == (
            f"the mask of the content is 256x192, its picture {size[1]}x{size[0]}; the mask was resized",
        )
        assert segments.content.shape == size
        wanted = cv2.resize(scene(2), size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
        np.testing.assert_array_equal(segments.content, numbers(segments, OTHERS)[wanted])
    segments = read_segments(noise(192, 256), noise(50, 60), exact, exact)
    assert segments.notes == ("the mask of the style is 256x192, its picture 60x50; the mask was resized",)


def test_resizing_a_mask_shifts_nothing():
    exact = coloured(scene(3), OTHERS)
    there, back = (
        read_segments(noise(96, 128), noise(96, 128), mask, mask).drawn()[0] for mask in (exact, exact[::-1, ::-1])
    )
    np.testing.assert_array_equal(there, back[::-1, ::-1])


def test_no_label_in_common():
    with pytest.raises(InputError, match="no label in common") as caught:
        read(coloured(scene(), OTHERS), coloured(scene(), LUAN))
    assert caught.value.exit_status == 3


def striped(*tones):
    """A picture of stripes with a little noise, 10 rows each, and labels 0, 1, 2, ..."""
    tones = np.repeat(np.array(tones, np.float32), 10)[:, None, None]
    picture = np.clip(tones + 0.02 * noise(len(tones), 50), 0, 1)
    return picture, np.broadcast_to(np.arange(len(tones))[:, None] // 10, (len(tones), 50))


@each("tone, heir", [(0.15, 0), (0.5, 1), (0.8, 2)])
@each("side", ["content", "style"])
def test_a_label_on_one_side_joins_the_one_it_looks_like(tone, heir, side):
    picture, labels = striped(0.1, 0.45, 0.9, tone)
    mask, other = coloured(labels, OTHERS), coloured(labels[:30], OTHERS)
    if side == "content":
        segments = read_segments(picture, picture[:30], mask, other)
        mine = segments.content
    else:
        segments = read_segments(picture[:30], picture, other, mask)
        mine = segments.style
    assert segments.count == 3
    number = numbers(segments, OTHERS[:3])
    np.testing.assert_array_equal(mine, np.append(number, number[heir])[labels])
    name, other = ("#" + bytes(OTHERS[k]).hex() for k in (3, heir))
    where = {"content": "style", "style": "content"}[side]
    assert segments.notes == (
        f"label {name} of the {side} (25 %) is not in the mask of the {where}; joined to {other}",
    )


def test_labels_that_joined_before_draw_no_others():
    """Tone 0.5 is nearer to 0.3 than to 0.75; had 0.05 joined first and counted, it would not be."""
    picture, labels = striped(0.3, 0.75, 0.05, 0.5)
    segments = read_segments(picture, picture[:20], coloured(labels, OTHERS), coloured(labels[:20], OTHERS))
    number = numbers(segments, OTHERS[:2])
    np.testing.assert_array_equal(segments.content, number[np.array([0, 1, 0, 0])][labels])
    assert len(segments.notes) == 2


@pytest.mark.parametrize(("tiny", "said"), [("content", "too small"), ("style", "too small in the style")])
def test_tiny_labels_are_dropped_and_it_is_said(tiny, said):
    picture, labels = striped(0.1, 0.5, 0.9, 0.8)
    few = np.where(labels == 3, 2, labels)
    few = np.kron(few, np.ones((4, 4), int))
    few[-3:, -4:] = 3  # 12 of 32000: as a colour it counts, as a label it is tiny
    large = np.kron(picture, np.ones((4, 4, 1), np.float32))
    sides = (large, coloured(few, OTHERS)), (picture, coloured(labels, OTHERS))
    (content, content_mask), (style, style_mask) = sides if tiny == "content" else sides[::-1]
    segments = read_segments(content, style, content_mask, style_mask)
    assert segments.count == 3
    name, heir = ("#" + bytes(OTHERS[k]).hex() for k in (3, 2))
    part = "0.037" if tiny == "content" else "25"
    assert segments.notes[0] == f"label {name} of the content ({part} %) is {said}; joined to {heir}"
    assert len(segments.notes) == 2


def test_one_segment():
    segments = one_segment(noise(3, 4), noise(5, 1))
    assert segments.count == 1
    assert (segments.content.shape, segments.style.shape) == ((3, 4), (5, 1))
    assert [picture.min() for picture in segments.drawn()] == [1, 1]


# --- soft masks


def test_soft_masks_sum_to_one():
    for softness, size, labels in product(
        [0.0, 2.5], [(1, 1), (37, 41), (12, 100), (90, 7), (200, 150)], [(1, 1), (1, 9), (37, 41), (100, 3)]
    ):
        result = soft_masks(np.random.default_rng(0).integers(0, 3, labels), 3, size, softness=softness)
        assert result.shape == (3, *size)
        assert result.dtype == np.float32
        assert result.min() >= 0
        np.testing.assert_allclose(result.sum(0), 1, atol=1e-6)


def test_soft_masks_are_averages():
    labels = np.random.default_rng(0).integers(0, 3, (12, 20))
    wanted = [(labels == k).reshape(4, 3, 5, 4).mean((1, 3)) for k in range(3)]
    np.testing.assert_allclose(soft_masks(labels, 3, (4, 5)), wanted, atol=1e-6)
    np.testing.assert_array_equal(soft_masks(labels, 3, (12, 20)), [labels == k for k in range(3)])


# --- automatic segments


def test_sky_is_sky_and_ground_is_ground():
    segments = automatic_segments(day(60, 84), night(54, 90), 2)
    assert segments.count == 2
    sky, ground = (segments.content[row, 5] for row in (3, -3))
    assert sky != ground
    assert (segments.content[:20] == sky).mean() > 0.95  # measured: 1.0
    assert (segments.style[35:] == ground).mean() > 0.95  # measured: 1.0
    assert (segments.style[:27, :50] == sky).mean() > 0.95  # measured: 1.0


@each("count", [1, 2, 5, 16])
def test_automatic_segments_repeat_and_are_on_both_sides(count):
    first, again = (automatic_segments(day(), night(), count, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.content, again.content)
    np.testing.assert_array_equal(first.style, again.style)
    assert 1 <= first.count <= count
    for picture, labels in ((day(), first.content), (night(), first.style)):
        assert labels.shape == picture.shape[:2]
        assert labels.dtype == np.int32
        np.testing.assert_array_equal(np.unique(labels), np.arange(first.count))


def test_the_seed_counts():
    content, style = noise(40, 50), noise(50, 40)
    first, other = (automatic_segments(content, style, 5, seed=seed) for seed in (0, 1))
    assert (first.content != other.content).any()


@each("pattern", ["specks", "checks"])
@each("count", [2, 5])
def test_a_texture_leaves_no_segment_empty(pattern, count):
    """Its specks are a cluster of colours of their own, but nowhere the most of what is around them."""

    def picture(height, width):
        y, x = np.mgrid[:height, :width]
        dots = (y + x) % 2 if pattern == "checks" else np.random.default_rng(height).random((height, width)) < 0.08
        return np.repeat(dots[..., None].astype(np.float32), 3, axis=2)

    segments = automatic_segments(picture(60, 80), picture(70, 50), count)
    for labels in (segments.content, segments.style):
        np.testing.assert_array_equal(np.unique(labels), np.arange(segments.count))


def test_pictures_of_fewer_colours_than_segments():
    for count, sizes in product(
        [1, 4, 16], [((1, 1), (1, 1)), ((1, 1), (30, 40)), ((1, 40), (30, 1)), ((3, 3), (2, 5))]
    ):
        segments = automatic_segments(*(np.full((*size, 3), 0.4, np.float32) for size in sizes), count)
        assert (segments.content.shape, segments.style.shape) == sizes
        for labels in (segments.content, segments.style):
            np.testing.assert_array_equal(np.unique(labels), np.arange(segments.count))


@each("count", [-1, 0, 17])
def test_a_number_of_segments_out_of_range(count):
    with pytest.raises(InputError, match=f"expected 1 to 16 segments, got {count}") as caught:
        automatic_segments(day(), night(), count)
    assert caught.value.exit_status == 3


@each("count", [1, 3, 16])
def test_automatic_masks_are_read_again_as_they_were(count):
    pictures = day(120, 160), night(100, 150)
    segments = automatic_segments(*pictures, count)
    drawn = segments.drawn()
    again = read_segments(*pictures, *drawn)
    assert again.notes == ()
    assert again.count == segments.count
    for one, other in zip(drawn, again.drawn(), strict=True):
        assert one.dtype == np.float32
        np.testing.assert_array_equal(one, other)


def test_colours_of_automatic_masks_are_told_apart():
    palette = masks.PALETTE.astype(int)
    apart = np.abs(palette[:, None] - palette).max(2)[~np.eye(len(palette), dtype=bool)]
    assert apart.min() > 2 * masks.TOLERANCE


def test_automatic_masks_without_their_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(InputError, match="automatic masks: POT cannot be loaded") as caught:
        automatic_segments(noise(20, 30), noise(20, 30), 2)
    assert caught.value.hint == "Install it with `pip install pot`, or pass masks."
