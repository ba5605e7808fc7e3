"""Regular patterns: how they are found, and what is held against them while a network is trained.

A pattern that belongs to the network's own grid is found by moving a photo; any other by peaks of its spectrum where a
photo is plain.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad, unfold

Array = np.ndarray

WINDOW = 64
"""Side in pixels of what a spectrum is taken of, under a Hann window."""
HOP = 16
"""Pixels from one window to the next."""
AROUND = 9
"""Side of the square of frequencies of whose amplitudes the local median is."""
SLOWEST = 1 / 12
"""Cycles a pixel below which nothing counts as a pattern: that is shape, and strokes."""
FAINT = 0.25
"""Least local median: a wave of an eighth of a level of 255 all over a window."""
CALM = 2.5
"""Amplitude, in local medians, up to which a spectrum is that of strokes at random."""

STRIDE = 4
"""Pixels of a cell of the network's coarsest grid."""
BORDER = 16
"""Pixels at the borders that are not compared: what lies beyond is made up."""


def spectrum(pictures: Tensor) -> Tensor:
    """Amplitudes `[N, WINDOW, WINDOW]` of pictures `[N, 3, H, W]` in [0, 1], frequency 0 in the middle; root mean
    squares of all windows and channels."""
    windows = pictures.unfold(2, WINDOW, HOP).unfold(3, WINDOW, HOP)
    windows = windows - windows.mean((-2, -1), keepdim=True)
    power = torch.fft.fft2(windows * _hann().to(pictures)).abs().square().mean((1, 2, 3))
    return torch.fft.fftshift((power + 1e-12).sqrt(), dim=(-2, -1))


def peaks(amplitudes: Tensor) -> Tensor:
    """By how much amplitudes `[N, WINDOW, WINDOW]` exceed the median around them; 0 for frequencies that do not count.

    Gradients see the medians as they are.
    """
    around = AROUND // 2
    wide = pad(amplitudes.detach()[:, None], (around,) * 4, mode="circular")
    medians = unfold(wide, AROUND).median(1).values.reshape(amplitudes.shape)
    return amplitudes / medians.clamp_min(FAINT) * _counts().to(amplitudes)


def plane_of(photo: Array) -> Array:
    """The plane of colours `[H, W, 3]` that is nearest to a photo: what a sky or a wall shows."""
    height, width, _ = photo.shape
    down, across = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    basis = np.stack([np.ones_like(down), down, across], -1).reshape(-1, 3)
    slopes = np.linalg.lstsq(basis, photo.reshape(-1, 3), rcond=None)[0]
    return (basis @ slopes).reshape(photo.shape).astype(np.float32)


def unsteadiness(restyled: Tensor, again: Tensor, down: int, right: int) -> Tensor:
    """Mean square of the difference between pictures and those of photos that were moved by `down` and `right` pixels.

    Their grain has moved with them. What changes is what the network makes of its own grid, and not of what it sees.
    """
    height, width = restyled.shape[2:]
    border = min(BORDER, height // 4, width // 4)
    before = restyled[..., down + border : height - border, right + border : width - border]
    after = again[..., border : height - border - down, border : width - border - right]
    return (before - after).square().mean()


def plain_rows(crop: int) -> int:
    """Rows at the top of every other crop that show a plain place, enough for spectra; none of smaller crops."""
    return max(crop // 2, WINDOW + BORDER) if crop >= WINDOW + BORDER else 0


def is_plain(number: int) -> bool:
    """Whether the crop of that number gets a plain top: every other one does."""
    return number % 2 == 0


def make_top_plain(photo: Tensor, generator: np.random.Generator) -> None:
    """Makes the top of a crop `[3, H, W]` plain, in place: the plane of colours nearest to what was there.

    Half of them are moved to a colour at random: skies at night are seldom among photos.
    """
    rows = plain_rows(photo.shape[1])
    if not rows:
        return
    plane, colour = plane_of(photo[:, :rows].permute(1, 2, 0).numpy()), generator.random(4, np.float32)
    if colour[3] < 0.5:
        plane += colour[:3] - plane.mean((0, 1))
    photo[:, :rows] = torch.from_numpy(plane).permute(2, 0, 1).clamp(0, 1)


def regularity(restyled: Tensor) -> Tensor:
    """Mean square of what peaks in the spectra of restyled plain places exceed `CALM` by; 0 without a window."""
    if not len(restyled) or min(restyled.shape[2:]) < WINDOW:
        return restyled.new_zeros(())
    return (peaks(spectrum(restyled.clamp(0, 1))) - CALM).clamp_min(0).square().mean()


@cache
def _hann() -> Tensor:
    side = torch.hann_window(WINDOW + 1, periodic=False)[:WINDOW]
    return side[:, None] * side


@cache
def _counts() -> Tensor:
    line = torch.fft.fftshift(torch.fft.fftfreq(WINDOW))
    return (torch.hypot(line[:, None], line[None]) >= SLOWEST).float()
