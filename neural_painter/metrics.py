"""How close two pictures are: PSNR and SSIM."""

import cv2
import numpy as np

Array = np.ndarray

_WINDOW, _SIGMA = 11, 1.5  # Wang et al. 2004
_STABLE_MEAN, _STABLE_VARIANCE = 0.01**2, 0.03**2  # their (K1 L)^2 and (K2 L)^2 with L = 1


def psnr(a: Array, b: Array) -> float:
    """Peak signal to noise ratio, `10 log10(1 / mean squared error)` over all pixels and channels.

    Args:
        a: `[H, W, 3]` floats, nominally in [0, 1].
        b: the same shape.

    Returns:
        dB, higher is closer; infinity where both are equal.

    Raises:
        ValueError: shapes differ, or they are not pictures of floats.
    """
    _check(a, b)
    error = 0.0
    for channel in range(3):  # one channel at a time keeps the float64 copies small
        difference = np.subtract(a[..., channel], b[..., channel], dtype=np.float64)
        error += float(np.square(difference, out=difference).mean()) / 3
    if error == 0:
        return float("inf")
    return float(-10 * np.log10(error))


def ssim(a: Array, b: Array) -> float:
    """Structural similarity, the mean over the three sRGB channels and over all windows inside the picture.

    Windows are Gaussian, 11x11 px, standard deviation 1.5 px, with K1 = 0.01, K2 = 0.03 and population (co)variances.
    An axis shorter than 11 px gets the largest odd window that fits, so 1x1 compares values alone.

    Args:
        a: `[H, W, 3]` floats, nominally in [0, 1].
        b: the same shape.

    Returns:
        At most 1, which only equal pictures reach.

    Raises:
        ValueError: shapes differ, or they are not pictures of floats.

    Source: Wang, Bovik, Sheikh, Simoncelli 2004.
    Departs from them in averaging over channels; they compare luma. scikit-image does the same with
    `gaussian_weights=True, use_sample_covariance=False, sigma=1.5, data_range=1, channel_axis=2`.
    """
    _check(a, b)
    return float(np.mean([_ssim_channel(a[..., channel], b[..., channel]) for channel in range(3)]))


def _ssim_channel(a: Array, b: Array) -> float:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    mean_a, mean_b = _windowed(a), _windowed(b)
    variance_a = _windowed(a * a) - mean_a * mean_a
    variance_b = _windowed(b * b) - mean_b * mean_b
    covariance = _windowed(a * b) - mean_a * mean_b
    closeness = (2 * mean_a * mean_b + _STABLE_MEAN) / (mean_a**2 + mean_b**2 + _STABLE_MEAN)
    structure = (2 * covariance + _STABLE_VARIANCE) / (variance_a + variance_b + _STABLE_VARIANCE)
    return float((closeness * structure).mean())


def _windowed(plane: Array) -> Array:
    """Gaussian means of all windows that lie inside `[H, W]`."""
    height, width = plane.shape
    rows, columns = (min(_WINDOW, side - 1 + side % 2) for side in (height, width))
    kernels = (cv2.getGaussianKernel(columns, _SIGMA), cv2.getGaussianKernel(rows, _SIGMA))
    blurred = cv2.sepFilter2D(plane, cv2.CV_64F, *kernels, borderType=cv2.BORDER_REPLICATE)
    return blurred[rows // 2 : height - rows // 2, columns // 2 : width - columns // 2]


def _check(a: Array, b: Array) -> None:
    if a.shape != b.shape:
        raise ValueError(f"pictures must have the same shape, got {list(a.shape)} and {list(b.shape)}")
    if a.ndim != 3 or a.shape[2] != 3 or 0 in a.shape:
        raise ValueError(f"pictures must be [H, W, 3], got {list(a.shape)}")
    if not (np.issubdtype(a.dtype, np.floating) and np.issubdtype(b.dtype, np.floating)):
        raise ValueError(f"pictures must be of floats, got {a.dtype} and {b.dtype}")
