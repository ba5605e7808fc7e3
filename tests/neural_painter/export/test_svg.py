import io
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from neural_painter.errors import OutputError
from neural_painter.export import svg
from neural_painter.export.clipping import clipped
from neural_painter.export.contours import contours
from neural_painter.export.rendering import render
from neural_painter.export.svg import write_svg
from neural_painter.strokes import Strokes
from renderers import brushes
from tests.each import each
from tests.neural_painter.sample_documents import sample_document, sweeping

SVG = "{http://www.w3.org/2000/svg}"


def rasterised(path) -> np.ndarray:
    resvg_py = pytest.importorskip("resvg_py")
    png = resvg_py.svg_to_bytes(svg_path=str(path), skip_system_fonts=True)
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(np.float64) / 255


# Contours


def disc(size: int, radius: float) -> np.ndarray:
    y, x = np.mgrid[:size, :size] + 0.5 - size / 2
    return np.clip(radius - np.hypot(x, y) + 0.5, 0, 1).astype(np.float32)


def signed_area(loop: np.ndarray) -> float:
    x, y = loop.T.astype(np.float64)
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2)


def test_contour_is_finer_than_a_pixel():
    (loop,) = contours(disc(32, 10.3), 0.5)
    distance = np.hypot(*(loop - 16).T)
    assert np.abs(distance - 10.3).max() < 0.1  # measured 0.085, where the disc's own edge is as coarse


def test_holes_turn_the_other_way():
    loops = contours(disc(40, 15) - disc(40, 6), 0.5)
    areas = sorted(signed_area(loop) for loop in loops)
    assert areas == pytest.approx([-np.pi * 15**2, np.pi * 6**2], rel=0.02)


@each(
    "pattern, count",
    [([[1, 0], [0, 1]], 2), ([[1, 0.4], [0.4, 1]], 1), ([[0, 1], [1, 0]], 2), ([[0.4, 1], [1, 0.4]], 1)],
)
def test_corners_that_meet(pattern, count):
    assert len(contours(np.array(pattern, np.float32), 0.55)) == count


def test_contours_are_closed_at_the_border():
    (loop,) = contours(np.ones((3, 5), np.float32), 0.5)
    assert abs(signed_area(loop)) == pytest.approx(15, abs=0.6)
    assert contours(np.zeros((3, 5), np.float32), 0.5) == []


def test_contour_against_a_count_of_pixels():
    noise = np.random.default_rng(0).random((30, 40)).astype(np.float32)
    area = -sum(signed_area(loop) for loop in contours(noise, 0.5))
    inside = np.kron(noise, np.ones((8, 8))) > 0.5
    assert area == pytest.approx(inside.mean() * 30 * 40, rel=0.1)


# The page


def winding(loops, points) -> np.ndarray:
    """How often loops go around each of the points, by the angles under which they are seen."""
    total = np.zeros(len(points))
    for loop in loops:
        seen = loop[None] - points[:, None]
        angle = np.arctan2(seen[..., 1], seen[..., 0])
        total += ((np.diff(angle, axis=1, append=angle[:, :1]) + np.pi) % (2 * np.pi) - np.pi).sum(axis=1)
    return np.rint(total / (2 * np.pi)).astype(int)


def test_what_is_cut_goes_around_every_point_as_often_as_before():
    generator = np.random.default_rng(0)
    page = (10000.0, 7543.4)
    points = generator.uniform(1, np.array(page) - 1, (300, 2))
    for corners in (3, 4, 7, 30):  # the more, the oftener they cross themselves
        for _ in range(20):
            loops = [np.rint(generator.uniform(-6000, 16000, (corners, 2))) for _ in range(3)]
            cut = [clipped(loop, page) for loop in loops]
            for loop in cut:
                assert (loop >= 0).all()
                assert (loop <= page).all()
            differ = winding(loops, points) != winding([loop for loop in cut if len(loop)], points)
            assert differ.mean() < 0.005  # a point in 300 may lie within the rounding of an edge


def test_what_is_on_the_page_is_left_as_it_is_and_what_is_off_is_nothing():
    loop = np.array([[0, 0], [100, 0], [100, 50], [0, 50]])
    np.testing.assert_array_equal(clipped(loop, (100, 50)), loop)
    for away in ([200, 0], [-100, 0], [0, 50], [0, -300], [150, 150], [-100, -50]):
        assert len(clipped(loop + away, (100, 50))) == 0
    around = np.array([[-900, -900], [900, -900], [900, 900], [-900, 900]])
    assert sorted(clipped(around, (100, 50)).tolist()) == sorted(loop.tolist())


def corners_of(path) -> np.ndarray:
    """All points of all paths of a drawing, `[N, 2]`, in units."""
    found = []
    for part in re.findall(r"M([^M\"]*)", "".join(re.findall(r' d="[^"]*"', path.read_text()))):
        numbers = [float(number) for number in re.findall(r"-?\d*\.?\d+", part)]
        found.append(np.cumsum(np.array(numbers).reshape(-1, 2), axis=0))
    return np.concatenate(found)


@pytest.mark.parametrize("brush", brushes.names())
def test_nothing_is_drawn_beyond_the_page(brush, tmp_path, monkeypatch):
    document = sample_document(brush, count=60, size=(231, 307))
    document.strokes.placement[-1, :2] = 3  # out of sight
    write_svg(tmp_path / "a.svg", document)
    low, high = corners_of(tmp_path / "a.svg").min(axis=0), corners_of(tmp_path / "a.svg").max(axis=0)
    assert (low > -1e-6).all()  # as far as sums of steps are exact
    assert (high < [10000 + 1e-6, 7524.43]).all()
    text = (tmp_path / "a.svg").read_text()
    assert text.count("<path") <= 59
    assert "too far out to be seen" in text
    cut = rasterised(tmp_path / "a.svg")
    monkeypatch.setattr(svg, "clipped", lambda loop, page: loop)
    write_svg(tmp_path / "b.svg", document)
    assert (corners_of(tmp_path / "b.svg").min(axis=0) < -1000).all()
    difference = np.abs(cut - rasterised(tmp_path / "b.svg"))
    assert difference.max() < 17 / 255  # resvg counts 16 samples of a pixel; one of them may fall otherwise
    assert difference.mean() < 1e-5  # measured: 1.3e-6


# SVG

# PSNR of 120 strokes at 240x320 against the ground-truth brush's own picture: floor and what was measured, in dB
AGREEMENT = [("oil", 36.5, 37.5), ("watercolor", 29.7, 30.6), ("marker", 40.0, 41.4), ("tape", 40.0, 41.1)]


@pytest.mark.parametrize(("brush", "floor", "measured"), AGREEMENT)
def test_agrees_with_the_picture(brush, floor, measured, tmp_path):
    document = sample_document(brush, count=120, size=(240, 320))
    for drawn in (document, sweeping(document)):
        write_svg(tmp_path / "a.svg", drawn)
        error = rasterised(tmp_path / "a.svg") - render(drawn, (240, 320))
        assert -10 * np.log10((error**2).mean()) > floor, f"was {measured}"
    assert (tmp_path / "a.svg").stat().st_size < 120 * 1300  # measured: 330 (tape) to 1010 (oil) bytes a stroke


def test_structure(tmp_path):
    document = sample_document("oil", count=30)
    write_svg(tmp_path / "a.svg", document)
    root = ElementTree.parse(tmp_path / "a.svg").getroot()
    assert root.tag == f"{SVG}svg"
    assert (root.get("width"), root.get("height"), root.get("viewBox")) == ("64", "48", "0 0 10000 7500")
    assert root.find(f"{SVG}title").text == "Painting in 30 strokes"
    assert "brush oil, seed 1" in root.find(f"{SVG}desc").text
    assert root.find(f"{SVG}rect").get("fill") == "#f2e6d1"
    paths = root.findall(f"{SVG}g/{SVG}path")
    assert len(paths) == 30
    gradients = {g.get("id"): g for g in root.findall(f"{SVG}defs/{SVG}linearGradient")}
    used = [p.get("fill")[5:-1] for p in paths if p.get("fill").startswith("url(#")]
    assert sorted(used) == sorted(gradients)
    assert used == sorted(used, key=lambda name: int(name[1:]))  # painting order
    for gradient in gradients.values():
        offsets = [float(stop.get("offset")) for stop in gradient]
        assert offsets == sorted(offsets)
        assert (offsets[0], offsets[-1]) == (0, 1)


def test_one_colour_is_a_plain_fill(tmp_path):
    write_svg(tmp_path / "a.svg", sample_document("tape", count=10))
    assert "linearGradient" not in (tmp_path / "a.svg").read_text()


def test_same_bytes_and_size_scales_only(tmp_path):
    document = sample_document("watercolor", count=20)
    write_svg(tmp_path / "a.svg", document)
    write_svg(tmp_path / "b.svg", document)
    write_svg(tmp_path / "c.svg", document, (480, 640))
    one, other = (tmp_path / "a.svg").read_text(), (tmp_path / "c.svg").read_text()
    assert one == (tmp_path / "b.svg").read_text()
    assert other.replace('width="640" height="480"', 'width="64" height="48"') == one


def test_odd_sizes_and_no_strokes(tmp_path):
    document = sample_document(count=3, size=(33, 7))
    write_svg(tmp_path / "a.svg", document)
    assert rasterised(tmp_path / "a.svg").shape == (33, 7, 3)
    empty = replace(document, strokes=Strokes(np.empty((0, 5)), np.empty((0, 1)), np.empty((0, 7))))
    write_svg(tmp_path / "a.svg", empty)
    np.testing.assert_allclose(rasterised(tmp_path / "a.svg")[5, 5], document.canvas, atol=0.5 / 255 + 1e-9)


def test_what_cannot_be_seen_is_left_out_and_said(tmp_path):
    document = sample_document(count=5)
    document.strokes.paint[1, 6] = 0
    document.strokes.placement[2, 2:4] = 1e-9
    write_svg(tmp_path / "a.svg", document)
    text = (tmp_path / "a.svg").read_text()
    assert text.count("<path") == 3
    assert "2 strokes too small, too faint or too far out to be seen are left out" in text


def test_failure_leaves_nothing(tmp_path, monkeypatch):
    document = sample_document(count=3)
    with pytest.raises(OutputError, match="folder does not exist"):
        write_svg(tmp_path / "no" / "a.svg", document)
    monkeypatch.setattr("neural_painter.export.svg._colour", lambda colour: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_svg(tmp_path / "a.svg", document)
    assert not list(tmp_path.iterdir())
