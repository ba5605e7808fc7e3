"""PSNR and SSIM against loops from their definitions, hand-worked values and scikit-image."""

import math

import numpy as np
import pytest

from neural_painter.metrics import psnr, ssim
from tests.each import each


def pair(height, width, seed=0):
    generator = np.random.default_rng(seed)
    a = generator.random((height, width, 3))
    return a, np.clip(a + generator.normal(0, 0.1, a.shape), 0, 1)


def ssim_by_definition(a, b):
    rows, columns = (min(11, side if side % 2 else side - 1) for side in a.shape[:2])
    weight = np.array(
        [
            [math.exp(-((y - rows // 2) ** 2 + (x - columns // 2) ** 2) / (2 * 1.5**2)) for x in range(columns)]
            for y in range(rows)
        ]
    )
    weight /= weight.sum()
    values = []
    for channel in range(3):
        for top in range(a.shape[0] - rows + 1):
            for left in range(a.shape[1] - columns + 1):
                x = a[top : top + rows, left : left + columns, channel]
                y = b[top : top + rows, left : left + columns, channel]
                mx, my = (weight * x).sum(), (weight * y).sum()
                vx, vy = (weight * (x - mx) ** 2).sum(), (weight * (y - my) ** 2).sum()
                cov = (weight * (x - mx) * (y - my)).sum()
                values.append((2 * mx * my + 1e-4) * (2 * cov + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4)))
    return np.mean(values)


@each("size", [(1, 1), (1, 9), (2, 2), (10, 14), (11, 11), (13, 12)])
def test_ssim_is_its_definition(size):
    a, b = pair(*size)
    assert ssim(a, b) == pytest.approx(ssim_by_definition(a, b), abs=1e-12)  # measured: below 1e-14


def test_ssim_hand_worked():
    a, b = np.full((1, 1, 3), 0.5), np.full((1, 1, 3), 0.25)
    assert ssim(a, b) == pytest.approx((2 * 0.5 * 0.25 + 1e-4) / (0.25 + 0.0625 + 1e-4), abs=1e-14)


def test_ssim_agrees_with_scikit_image():
    metrics = pytest.importorskip("skimage.metrics")
    a, b = pair(40, 31)
    theirs = metrics.structural_similarity(
        a, b, gaussian_weights=True, use_sample_covariance=False, sigma=1.5, data_range=1, channel_axis=2
    )
    assert ssim(a, b) == pytest.approx(theirs, abs=1e-12)
    assert psnr(a, b) == pytest.approx(metrics.peak_signal_noise_ratio(a, b, data_range=1), abs=1e-12)


def test_psnr_known_values():
    a = np.zeros((3, 5, 3), np.float32)
    assert psnr(a, np.full_like(a, 0.1)) == pytest.approx(20, abs=1e-6)
    assert psnr(a, np.ones_like(a)) == pytest.approx(0)
    b = a.copy()
    b[0, 0, 0] = 1
    assert psnr(a, b) == pytest.approx(10 * math.log10(45))
    assert psnr(a, a) == math.inf


def test_both_are_symmetric_and_equal_pictures_score_best():
    a, b = (picture.astype(np.float32) for picture in pair(20, 17))
    assert ssim(a, a) == pytest.approx(1, abs=1e-12)
    assert ssim(a, b) == pytest.approx(ssim(b, a), abs=1e-14)
    assert psnr(a, b) == pytest.approx(psnr(b, a), abs=1e-12)
    assert ssim(a, b) < 1


@each("measure", [psnr, ssim])
@each(
    "a, b, message",
    [
        (np.zeros((4, 4, 3)), np.zeros((4, 5, 3)), "same shape"),
        (np.zeros((4, 4)), np.zeros((4, 4)), r"\[H, W, 3\]"),
        (np.zeros((0, 4, 3)), np.zeros((0, 4, 3)), r"\[H, W, 3\]"),
        (np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 3), np.uint8), "floats"),
    ],
)
def test_rejects(measure, a, b, message):
    with pytest.raises(ValueError, match=message):
        measure(a, b)
