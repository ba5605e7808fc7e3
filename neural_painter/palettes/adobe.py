"""Adobe's palettes: .ase (swatch exchange) and .aco (colour swatches). No length in them is trusted.

Source: Adobe's description of .aco (Photoshop file formats, "Color swatches"); .ase was never published, this follows
what Adobe's programs write. Of .aco, greys are inverse, as GIMP reads them.
"""

from __future__ import annotations

import colorsys
import struct

import numpy as np

from neural_painter.palettes.colours import colour_of_lab

Array = np.ndarray
Paint = tuple[str, Array]
"""A name, perhaps "", and a colour `[3]`."""

MOST_BLOCKS = 1 << 14

_COLOUR_BLOCK = 1
_MODELS = {b"RGB ": 3, b"CMYK": 4, b"LAB ": 3, b"Gray": 1, b"GRAY": 1}


class _Bytes:
    """Bytes that are taken from the front; raises ValueError where there are too few."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise ValueError("it ends too early")
        self.at += count
        return self.data[self.at - count : self.at]

    def numbers(self, layout: str) -> tuple[int, ...]:
        return struct.unpack(f">{layout}", self.take(struct.calcsize(f">{layout}")))

    def name(self, letters: int) -> str:
        """Letters of UTF-16, of which the last is a null."""
        return self.take(2 * letters).decode("utf-16-be", "replace").partition("\0")[0]


def read_ase(data: bytes) -> list[Paint]:
    """Paints of a swatch exchange file; raises ValueError."""
    source = _Bytes(data)
    source.take(4)
    major, _, count = source.numbers("HHI")
    if major != 1 or count > MOST_BLOCKS:
        raise ValueError(f"its version is {major}, with {count} blocks")
    paints = []
    for _ in range(count):
        kind, length = source.numbers("HI")
        block = _Bytes(source.take(length))
        if kind == _COLOUR_BLOCK:
            name, model = block.name(*block.numbers("H")), block.take(4)
            if model not in _MODELS:
                raise ValueError(f"a colour is in {model.decode('latin-1')!r}")
            values = np.array(block.numbers(f"{_MODELS[model]}f"), np.float64)
            if not np.isfinite(values).all():
                raise ValueError("a colour is not finite")
            paints.append((name, _of_model(model, values)))
    return paints


def _of_model(model: bytes, values: Array) -> Array:
    if model == b"CMYK":
        return _of_inks(values)
    if model == b"LAB ":
        return colour_of_lab(np.clip(values * [100, 1, 1], -128, 127), print_light=True)
    return np.clip(np.broadcast_to(values, 3), 0, 1)


def read_aco(data: bytes) -> list[Paint]:
    """Paints of a colour swatch file: of its second part, which has names, where it is there; raises ValueError."""
    source, paints = _Bytes(data), []
    while True:
        version, count = source.numbers("HH")
        if version not in (1, 2):
            raise ValueError(f"its version is {version}")
        paints = [_swatch(source, version == 2) for _ in range(count)]
        if version == 2 or len(data) - source.at < 4:  # programs that know no names write the first part alone
            return paints


def _swatch(source: _Bytes, named: bool) -> Paint:
    space, *values = source.numbers("HHHHH")
    name = source.name(*source.numbers("I")) if named else ""
    parts = np.array(values, np.float64)
    if space == 0:
        colour = parts[:3] / 65535
    elif space == 1:
        colour = np.array(colorsys.hsv_to_rgb(*(parts[:3] / 65535)))
    elif space == 2:
        colour = _of_inks(1 - parts / 65535)
    elif space == 7:
        signed = np.where(parts[1:3] < 32768, parts[1:3], parts[1:3] - 65536)
        colour = colour_of_lab(np.array([parts[0], *signed]) / 100, print_light=True)
    elif space == 8:
        colour = np.full(3, 1 - min(parts[0], 10000) / 10000)
    else:
        raise ValueError(f"a colour is in space {space}")
    return name, colour


def _of_inks(inks: Array) -> Array:
    """Cyan, magenta, yellow and black in [0, 1], without a profile, which these files do not hold."""
    inks = np.clip(inks, 0, 1)
    found: Array = (1 - inks[:3]) * (1 - inks[3])
    return found
