"""Colours of a segment as a Gaussian, and the map that carries one Gaussian to another; a picture in another's colours.

Source: Pitié and Kokaram 2007, the linear Monge-Kantorovich solution.
"""

from __future__ import annotations

import cv2
import numpy as np

Array = np.ndarray

FLOOR = 1e-5
"""Added to variances: colours that hardly vary give no direction to stretch along. A deviation of 0.8 of 255."""

STEEPEST = 4.0
"""No colour direction is stretched by more: beyond, noise and compression show."""


def colour_statistics(colours: Array) -> tuple[Array, Array]:
    """Mean `[3]` and covariance `[3, 3]`, float64, of colours `[N, 3]`; zero of no colours."""
    if not len(colours):
        return np.zeros(3), np.zeros((3, 3))
    mean = colours.mean(0, dtype=np.float64)
    centred = colours - mean
    return mean, centred.T @ centred / len(colours)


def colour_distance(a: tuple[Array, Array], b: tuple[Array, Array]) -> float:
    """Wasserstein-2 distance of two Gaussians, in units of colour."""
    root = square_root(a[1])
    cross = square_root(root @ b[1] @ root)
    squared = ((a[0] - b[0]) ** 2).sum() + np.trace(a[1] + b[1] - 2 * cross)
    return float(np.sqrt(max(squared, 0.0)))


def square_root(matrix: Array) -> Array:
    """The symmetric square root of a symmetric matrix; negative eigenvalues count as 0."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T  # type: ignore[no-any-return]


def transport_map(source: tuple[Array, Array], target: tuple[Array, Array], *, steepest: float = STEEPEST) -> Array:
    """The affine map `[3, 4]` that carries one Gaussian of colours to another and moves colours least.

    Directions are stretched by `steepest` at most, so of a segment that hardly varies the spread is not reached.
    """
    regular = source[1] + FLOOR * np.eye(3), target[1] + FLOOR * np.eye(3)
    root = square_root(regular[0])
    inverse = np.linalg.inv(root)
    matrix = inverse @ square_root(root @ regular[1] @ root) @ inverse
    values, vectors = np.linalg.eigh(matrix)
    matrix = (vectors * np.minimum(values, steepest)) @ vectors.T
    return np.concatenate([matrix, (target[0] - matrix @ source[0])[:, None]], axis=1)  # type: ignore[no-any-return]


def mapped(colours: Array, affine: Array) -> Array:
    """Colours `[..., 3]` through an affine map `[3, 4]`; not clipped."""
    return colours @ affine[:, :3].T + affine[:, 3]  # type: ignore[no-any-return]


def transport_colours(content: Array, style: Array, content_masks: Array, style_labels: Array) -> Array:
    """Carries each segment's colours to the style's; soft masks blend the maps where segments meet.

    Args:
        content: `[H, W, 3]` float32 in [0, 1].
        style: `[h, w, 3]`.
        content_masks: `[K, H, W]`, sum 1.
        style_labels: `[h, w]`, numbers below K. A segment that the style lacks keeps its colours.

    Returns:
        `[H, W, 3]` float32 in [0, 1].
    """
    result = np.zeros_like(content)
    pixels = content.reshape(-1, 3)
    for number, mask in enumerate(content_masks):
        weights = mask.reshape(-1)
        inside = weights > 0.5
        if not inside.any():
            inside = weights > 0
        source, target = pixels[inside], style[style_labels == number]
        statistics = colour_statistics(source), colour_statistics(target if len(target) else source)
        affine = transport_map(*statistics).astype(np.float32)
        result += mask[..., None] * mapped(content, affine)
    return np.clip(result, 0, 1)


def with_colors_of(content: Array, picture: Array) -> Array:
    """The picture's luminance in the content's colours, `[H, W, 3]` in [0, 1]."""
    colours, made = (cv2.cvtColor(p, cv2.COLOR_RGB2Lab) for p in (content, np.ascontiguousarray(picture, np.float32)))
    colours[..., 0] = made[..., 0]
    return np.clip(cv2.cvtColor(colours, cv2.COLOR_Lab2RGB), 0, 1)
