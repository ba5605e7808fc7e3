"""Local-affine smoothing: a result is replaced by the field of affine colour maps that takes the photo to it.

What no affine map of the photo's own colours explains, such as painterly distortion and noise, is gone afterwards. A
field of maps may also be fitted on a small picture and applied to a large one.

Two ways. `smooth_exactly`: the filter of Luan et al. 2017 in three steps, least squares in every 3x3 patch, a joint
bilateral mean of the maps, application. `smooth_guided`: least squares in larger windows by running sums, and their
plain mean (He, Sun and Tang 2010); much faster at nearly the same look.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from neural_painter.devices import triton_problem
from neural_painter.photo.smoothing_kernels import bilateral_kernel, carry_kernel, fit_kernel
from renderers.threads import in_shares

Array = np.ndarray

RIDGE = 1e-3
"""Ridge on the 9 coefficients of colour in a 3x3 patch; the offset has none."""

NOISE = 3e-4
"""Variance, a deviation of 4.4 of 255."""

RADIUS = 15


def smooth_exactly(
    content: Tensor,
    result: Tensor,
    *,
    colour_sigma: float = 0.1,
    radius: int = RADIUS,
    spatial_sigma: float | None = None,
) -> Tensor:
    """The paper's filter, in parallel on the CPU, or by Triton on CUDA where triton runs.

    Args:
        content: the photo, `[3, H, W]` float32 in [0, 1].
        result: what was made of it, the same.
        colour_sigma: of the bilateral weights, on the mean squared difference of channels: 0.01 in the Torch code, 0.1
            in its TensorFlow port.
        radius: of the bilateral window, pixels.
        spatial_sigma: radius / 3 by default.

    Returns:
        `[3, H, W]`, not clipped.

    Raises:
        ValueError: not two pictures `[3, H, W]` of one size.
    """
    maps = exact_maps(content, result, colour_sigma=colour_sigma, radius=radius, spatial_sigma=spatial_sigma)
    return apply_maps(maps, content)


def exact_maps(
    content: Tensor,
    result: Tensor,
    *,
    colour_sigma: float = 0.1,
    radius: int = RADIUS,
    spatial_sigma: float | None = None,
) -> Tensor:
    """The field of maps of `smooth_exactly`, `[H, W, 12]`."""
    _expect_alike(content, result)
    weights = _spatial_weights(radius, spatial_sigma)
    if content.device.type == "cuda" and triton_problem() is None:
        from neural_painter.photo.cuda import fit_patches, mean_maps

        return mean_maps(content, fit_patches(content, result), weights.to(content.device), colour_sigma)
    photo, made = _rows(content), _rows(result)
    fitted = np.empty((*photo.shape[:2], 12), np.float32)
    in_shares(fit_kernel, photo, made, np.float64(RIDGE), fitted)
    mean = np.empty_like(fitted)
    in_shares(bilateral_kernel, photo, fitted, weights.numpy(), np.float32(1 / (6 * colour_sigma**2)), mean)
    return torch.from_numpy(mean).to(content.device)


def smooth_plainly(
    content: Tensor,
    result: Tensor,
    *,
    colour_sigma: float = 0.1,
    radius: int = RADIUS,
    spatial_sigma: float | None = None,
) -> Tensor:
    """`smooth_exactly` in torch alone, slow and easy to read, on any device and in any precision."""
    _expect_alike(content, result)
    height, width = content.shape[1:]
    weights = _spatial_weights(radius, spatial_sigma).to(content)
    ones = torch.ones(1, height, width, dtype=content.dtype, device=content.device)
    here = _patches(torch.cat([content, ones]), 1)  # [4, 9, H, W], zero outside
    there = _patches(result, 1)
    normal = torch.einsum("ikhw,jkhw->hwij", here, here)
    normal = normal + RIDGE * torch.diag(torch.tensor([1.0, 1.0, 1.0, 0.0])).to(content)
    maps = torch.linalg.solve(normal, torch.einsum("ikhw,ckhw->hwic", here, there))  # [H, W, 4, 3]
    maps = maps.transpose(2, 3).flatten(2).permute(2, 0, 1)
    total, norm = torch.zeros_like(maps), torch.zeros_like(ones[0])
    padded = torch.nn.functional.pad(torch.cat([content, maps, ones]), [radius] * 4)
    for i in range(2 * radius + 1):
        for j in range(2 * radius + 1):
            other = padded[:, i : i + height, j : j + width]
            squared = (other[:3] - content).square().mean(0)
            weight = weights[i, j] * torch.exp(-squared / (2 * colour_sigma**2)) * other[15]
            total += weight * other[3:15]
            norm += weight
    return apply_maps((total / norm).permute(1, 2, 0), content)


def smooth_guided(content: Tensor, result: Tensor, *, radius: int = 2, epsilon: float = 1e-5) -> Tensor:
    """Local-affine smoothing by a guided filter.

    Args:
        content, result: `[3, H, W]` in [0, 1].
        radius: of the windows, pixels.
        epsilon: ridge: structure of the photo with less variance than this is not followed.

    Returns:
        `[3, H, W]`, not clipped.
    """
    return apply_maps(guided_maps(content, result, radius=radius, epsilon=epsilon), content)


def guided_maps(
    content: Tensor, result: Tensor, *, radius: int = 2, epsilon: float = 1e-5, noise: Array | None = None
) -> Tensor:
    """The field of affine colour maps that takes the photo to the result, `[H, W, 12]`.

    Args:
        content, result, radius, epsilon: as in `smooth_guided`.
        noise: `[H, W]`, added to the ridge of each pixel; see `fine_noise`.
    """
    _expect_alike(content, result)
    ridge = np.full(content.shape[1:], epsilon) if noise is None else noise + epsilon
    return torch.from_numpy(_guided(_rows(content), _rows(result), radius, ridge)).to(content.device)


def fine_noise(photo: Array, size: tuple[int, int]) -> Array:
    """Variance that a photo has within each pixel of a smaller size, up to `NOISE`: what a steep map would amplify.

    A small picture is clean: maps fitted on it may be as steep as they like. At full size grain and the blocks of JPEG
    come back. Real detail varies more than `NOISE`, and then the ridge hardly matters.

    Args:
        photo: `[H, W, 3]` float32.
        size: `(height, width)` of the small picture.

    Returns:
        `[height, width]` float32.
    """
    if photo.shape[:2] == size:
        return np.zeros(size, np.float32)
    shape = size[1], size[0]
    mean = cv2.resize(photo, shape, interpolation=cv2.INTER_AREA)
    variance = (cv2.resize(photo * photo, shape, interpolation=cv2.INTER_AREA) - mean * mean).mean(2)
    return np.clip(cv2.blur(variance, (5, 5), borderType=cv2.BORDER_REFLECT), 0, NOISE)


def _guided(photo: Array, made: Array, radius: int, ridge: Array) -> Array:
    def mean(values: Array) -> Array:
        return cv2.blur(values, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REFLECT)

    photo_mean, made_mean = mean(photo), mean(made)
    squares = [mean(photo[..., a] * photo[..., b]) - photo_mean[..., a] * photo_mean[..., b]
               for a, b in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))]  # fmt: skip
    cross = np.stack([mean(made * photo[..., a : a + 1]) - made_mean * photo_mean[..., a : a + 1] for a in range(3)], 3)
    inverse = _inverses(squares, ridge.astype(np.float64))  # [H, W, 3, 3]
    slope = np.einsum("hwca,hwab->hwcb", cross, inverse, optimize=True)
    offset = made_mean - np.einsum("hwcb,hwb->hwc", slope, photo_mean)
    maps = np.concatenate([slope, offset[..., None]], axis=3).reshape(*photo.shape[:2], 12)
    return np.concatenate([mean(maps[..., k : k + 4]) for k in (0, 4, 8)], axis=2)


def _inverses(squares: list[Array], ridge: Array) -> Array:
    """Inverses of symmetric 3x3 matrices with a ridge, given by their upper triangles; float32 `[H, W, 3, 3]`."""
    xx, xy, xz, yy, yz, zz = (square.astype(np.float64) for square in squares)
    xx, yy, zz = xx + ridge, yy + ridge, zz + ridge
    a, b, c = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
    d, e, f = xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
    determinant = np.maximum(xx * a + xy * b + xz * c, ridge**3)
    rows = np.stack([a, b, c, b, d, e, c, e, f], axis=2) / determinant[..., None]
    return rows.astype(np.float32).reshape(*a.shape, 3, 3)


def apply_maps(maps: Tensor, content: Tensor) -> Tensor:
    """Colours of the photo through a field of affine maps.

    Args:
        maps: `[H, W, 12]`, for each result channel three slopes and an offset.
        content: `[3, H, W]`.

    Returns:
        `[3, H, W]`, not clipped.
    """
    if tuple(maps.shape) != (*content.shape[1:], 12):
        raise ValueError(f"expected maps {[*content.shape[1:], 12]}, got {list(maps.shape)}")
    field = maps.to(content.dtype).unflatten(2, (3, 4))
    return torch.einsum("hwck,khw->chw", field[..., :3], content) + field[..., 3].permute(2, 0, 1)


def carry_up(maps: Tensor, small: Tensor, content: Tensor, *, colour_sigma: float = 0.08) -> Tensor:
    """Applies the maps of a small picture to the photo at its full size.

    Each pixel takes the mean of the maps near it, weighed by how much its colour is theirs. So a map that belongs to
    one side of an edge does not reach across it, which plain interpolation would show as a halo.

    Args:
        maps: `[h, w, 12]`, of the small picture.
        small: the photo at the size of the maps, `[3, h, w]`.
        content: the photo, `[3, H, W]`.
        colour_sigma: of the weights, root mean squared difference of channels.

    Returns:
        `[3, H, W]`, not clipped.

    Raises:
        ValueError: the maps are not of the small picture's size, or a picture is not `[3, H, W]`.

    Source: Kopf, Cohen, Lischinski and Uyttendaele 2007 (joint bilateral upsampling), for maps in place of colours.
    """
    if content.shape == small.shape:
        return apply_maps(maps, content)
    pictures = all(picture.ndim == 3 and picture.shape[0] == 3 for picture in (small, content))
    if not pictures or tuple(maps.shape) != (*small.shape[1:], 12):
        raise ValueError(
            f"expected maps [h, w, 12] of a small picture [3, h, w] for a photo [3, H, W], got {list(maps.shape)}, "
            f"{list(small.shape)}, {list(content.shape)}"
        )
    field, photo_small, photo = (
        np.ascontiguousarray(a, np.float32) for a in (maps.cpu(), _rows(small), _rows(content))
    )
    out = np.empty_like(photo)
    in_shares(carry_kernel, field, photo_small, photo, np.float32(1 / (6 * colour_sigma**2)), out)
    return torch.from_numpy(out).permute(2, 0, 1).to(content.device)


def refine(content: Tensor, result: Tensor, *, radius: int = 8, epsilon: float = 0.01) -> Tensor:
    """Adds the photo's finest detail, which smoothing took away: the photo minus itself through a guided filter."""
    return result + content - smooth_guided(content, content, radius=radius, epsilon=epsilon)


def _rows(picture: Tensor) -> Array:
    """`[3, H, W]` as a contiguous float32 array `[H, W, 3]`."""
    return np.ascontiguousarray(picture.detach().cpu().permute(1, 2, 0).numpy(), np.float32)


def _expect_alike(content: Tensor, result: Tensor) -> None:
    if content.ndim != 3 or content.shape[0] != 3 or content.shape != result.shape:
        raise ValueError(
            f"expected two pictures [3, H, W] of one size, got {list(content.shape)}, {list(result.shape)}"
        )


def _spatial_weights(radius: int, sigma: float | None) -> Tensor:
    sigma = sigma or max(radius, 1) / 3
    steps = torch.arange(-radius, radius + 1, dtype=torch.float64)
    gauss = torch.exp(-steps.square() / (2 * sigma**2))
    return (gauss[:, None] * gauss[None]).float()


def _patches(planes: Tensor, radius: int) -> Tensor:
    """Neighbourhoods, zero outside: `[C, (2r + 1)^2, H, W]`."""
    channels, height, width = planes.shape
    side = 2 * radius + 1
    unfolded = torch.nn.functional.unfold(planes[None], side, padding=radius)
    return unfolded.reshape(channels, side * side, height, width)
