"""Light of HDR fitted into sRGB: what is as bright as paper stays so, what is brighter keeps its steps.

Sources: ITU-R BT.2100 (PQ, HLG and its system gamma), BT.2408 (white of 203 cd/m²), BT.2020, SMPTE EG 432 and BT.709.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from av.video.reformatter import ColorTrc

Array = np.ndarray

WHITE = 203.0
"""Light of a white sheet, in cd/m²: 1.0 below."""
PEAK = 1000.0 / WHITE
"""What becomes the brightest white; lights beyond are as bright."""
KNEE = 0.5
"""Light up to which nothing changes."""

CURVES = {ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67}

_WIDE = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32)
"""From BT.2020 to BT.709, linear."""
_P3 = np.array([[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]], np.float32)
"""From the primaries of P3, with the white of daylight."""
_GREYS = np.array([0.2627, 0.6780, 0.0593], np.float32)
"""Luminance of BT.2020."""


def fitted_into_srgb(picture: Array, curve: int, *, p3: bool = False) -> Array:
    """A picture of HDR as sRGB.

    Args:
        picture: `[H, W, 3]` uint16, coded by its curve, of full range.
        curve: of CURVES.
        p3: whether it has the primaries of P3; else those of BT.2020.

    Returns:
        `[H, W, 3]` uint8.
    """
    light = _decoded(curve)[picture]
    if curve == ColorTrc.ARIB_STD_B67:  # scene light; a screen of 1000 cd/m² shows it with more contrast
        light *= PEAK * np.maximum(light @ _GREYS, 1e-9)[..., None] ** np.float32(0.2)
    light = np.maximum(light @ (_P3 if p3 else _WIDE).T, 0)
    most = light.max(axis=2)
    light *= (_rolled_off(most) / np.maximum(most, 1e-9))[..., None]
    return _encoded()[np.minimum(light * 65535 + 0.5, 65535).astype(np.uint16)]  # type: ignore[no-any-return]


def _rolled_off(light: Array) -> Array:
    """Light from 0 to PEAK as 0 to 1: as it is up to KNEE, then ever less steep."""
    over = np.minimum(light, PEAK) - KNEE
    room = (PEAK - KNEE) / ((PEAK - KNEE) / (1 - KNEE) - 1)
    return np.where(over > 0, KNEE + over / (1 + np.maximum(over, 0) / room), light)


@cache
def _decoded(curve: int) -> Array:
    """Linear light of all codes, `[65536]`: of PQ in WHITE, of HLG that of the scene, 0 to 1."""
    code = np.arange(65536) / 65535
    if curve == ColorTrc.SMPTE2084:
        root = code ** (1 / 78.84375)
        nits = 10_000 * (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
        return (nits / WHITE).astype(np.float32)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12).astype(np.float32)


@cache
def _encoded() -> Array:
    """Codes of sRGB for all lights from 0 to 1, `[65536]` uint8."""
    light = np.arange(65536) / 65535
    code = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)
    return np.round(255 * code).astype(np.uint8)
