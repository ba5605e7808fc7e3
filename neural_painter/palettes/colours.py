"""What a palette is, and colours as the eye tells them apart."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neural_painter.palettes.sets import SETS

Array = np.ndarray

MOST_PAINTS = 256

LONGEST_NAME = 64
"""Letters of a paint's name; what is longer is cut."""

LONGEST_NAMES = 32 << 10
"""Bytes of all names as JSON, which a document's options have room for."""

FROM_XYZ = np.array(
    [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]]
)
"""Linear sRGB of XYZ under D65."""
WHITE = np.linalg.inv(FROM_XYZ).sum(axis=1)
FROM_XYZ_D50 = np.array(
    [[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540], [0.0719453, -0.2289914, 1.4052427]]
)
"""The same of XYZ under D50, adapted by Bradford: what Adobe's programs call Lab is of that light."""
WHITE_D50 = np.array([0.96422, 1.0, 0.82521])


@dataclass(frozen=True)
class Palette:
    """Paints to paint with; the first has number 1.

    Attributes:
        names: of the paints.
        colours: `[K, 3]` float32 sRGB in [0, 1], in steps of 1 / 255.

    Raises:
        ValueError: there are none or too many, or they are not colours with names.
    """

    names: tuple[str, ...]
    colours: Array

    def __post_init__(self) -> None:
        names = tuple(" ".join(str(name).split())[:LONGEST_NAME] for name in self.names)
        colours = np.asarray(self.colours, np.float64)
        if colours.shape != (len(names), 3):
            raise ValueError(f"colours must be [{len(names)}, 3], got {list(colours.shape)}")
        if not 1 <= len(names) <= MOST_PAINTS:
            raise ValueError(f"expected 1 to {MOST_PAINTS} paints, got {len(names)}")
        if not (np.isfinite(colours).all() and colours.min() >= 0 and colours.max() <= 1):
            raise ValueError("colours must be of numbers from 0 to 1")
        steps = np.round(255 * colours).astype(np.uint8)
        names = tuple(name or _hexadecimal(colour) for name, colour in zip(names, steps, strict=True))
        if len(json.dumps(names)) > LONGEST_NAMES:
            raise ValueError(f"names take more than {LONGEST_NAMES >> 10} KiB")
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "colours", steps.astype(np.float32) / np.float32(255))

    def __len__(self) -> int:
        return len(self.names)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Palette) and self.as_options() == other.as_options()

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def named(cls, name: str) -> Palette:
        """A well-known set, one of `SETS`."""
        names, colours = zip(*SETS[name], strict=True)
        return cls(names, np.stack([colour_of(colour) for colour in colours]))

    @classmethod
    def of_colours(cls, colours: Array) -> Palette:
        """Paints without names `[K, 3]`, each once, from dark to light."""
        steps = np.unique(np.round(255 * np.asarray(colours, np.float64)), axis=0) / 255
        steps = steps[np.argsort(lab_of(steps)[:, 0], kind="stable")]
        return cls(("",) * len(steps), steps)

    @classmethod
    def of_options(cls, options: Any) -> Palette:
        """That of `as_options`, perhaps a stranger's.

        Raises:
            ValueError: it makes no sense.
        """
        if not isinstance(options, list) or not all(isinstance(paint, dict) for paint in options):
            raise ValueError("paints must be a list of names and colours")
        names, colours = ([paint.get(key) for paint in options] for key in ("name", "colour"))
        if not all(isinstance(name, str) for name in names):
            raise ValueError("a paint must have a name")
        if not all(isinstance(colour, str) and re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours):
            raise ValueError("a paint must have a colour such as #c8923c")
        return cls(tuple(names), np.array([colour_of(colour) for colour in colours]).reshape(-1, 3))

    def as_options(self) -> list[dict[str, str]]:
        """What a stroke document tells of it; JSON values."""
        steps = np.round(255 * self.colours).astype(np.uint8)
        return [{"name": name, "colour": _hexadecimal(colour)} for name, colour in zip(self.names, steps, strict=True)]


def colour_of(hexadecimal: str) -> Array:
    """`[3]` in [0, 1] of `#rrggbb`."""
    return np.frombuffer(bytes.fromhex(hexadecimal[1:]), np.uint8) / 255


def _hexadecimal(colour: Sequence[int] | Array) -> str:
    return "#" + "".join(f"{int(channel):02x}" for channel in colour)


def lab_of(colours: Array) -> Array:
    """CIE L*a*b* under D65 of sRGB colours `[..., 3]` in [0, 1]: L from 0 to 100; float64."""
    colours = np.asarray(colours, np.float64)
    linear = np.where(colours <= 0.04045, colours / 12.92, ((np.maximum(colours, 0.04) + 0.055) / 1.055) ** 2.4)
    ratio = linear @ np.linalg.inv(FROM_XYZ).T / WHITE
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


def colour_of_lab(lab: Array, *, print_light: bool = False) -> Array:
    """sRGB `[..., 3]` of `lab_of`, clipped to [0, 1]; with `print_light`, of Lab under D50."""
    lab = np.asarray(lab, np.float64)
    y = (lab[..., 0] + 16) / 116
    f = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], axis=-1)
    ratio = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    white, matrix = (WHITE_D50, FROM_XYZ_D50) if print_light else (WHITE, FROM_XYZ)
    linear = np.clip((ratio * white) @ matrix.T, 0, 1)
    gamma = 1.055 * np.maximum(linear, 0.003) ** (1 / 2.4) - 0.055
    return np.clip(np.where(linear <= 0.0031308, 12.92 * linear, gamma), 0, 1)
