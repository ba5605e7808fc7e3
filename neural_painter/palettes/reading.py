"""Palettes out of files: CSV, GIMP's .gpl, Adobe's .ase and .aco. What a file is, its first bytes tell."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from neural_painter.errors import InputError, UsageError
from neural_painter.files import kind_of, read_whole
from neural_painter.images import parse_colour
from neural_painter.palettes.adobe import Paint, read_aco, read_ase
from neural_painter.palettes.colours import Palette

MOST_BYTES = 1 << 20

A_PALETTE = "a palette"

HINT = (
    "Expected lines of a name and a colour (Yellow ochre, #c8923c), or a palette of GIMP (.gpl) or Adobe (.ase, .aco)."
)

GIMP = "GIMP Palette"


def read_palette(path: str | Path) -> Palette:
    """Reads named paints.

    Args:
        path: CSV (a line for each paint: name and colour, or name, red, green and blue from 0 to 255; a first line
            that holds no colour is a heading), or a palette of GIMP (.gpl) or Adobe (.ase, .aco).

    Returns:
        The paints, numbered by their place in the file, from 1.

    Raises:
        InputError: missing, not a regular file, not a palette, damaged, or of too many paints.
    """
    path = Path(path)
    data = read_whole(path, A_PALETTE, most=MOST_BYTES)
    try:
        paints = _reader(data)(data)
        names, colours = [name for name, _ in paints], np.array([colour for _, colour in paints]).reshape(-1, 3)
        return Palette(tuple(names), colours)
    except ValueError as error:
        raise InputError(f"{path}: not a palette: {error}", hint=HINT) from None


def _reader(data: bytes) -> Callable[[bytes], list[Paint]]:
    if data[:4] == b"ASEF":
        return read_ase
    if data[:2] in (b"\0\1", b"\0\2"):
        return read_aco
    if (kind := kind_of(data[:4096])) != "text/plain":
        raise ValueError(f"found {kind}")
    return read_gpl if data.removeprefix(b"\xef\xbb\xbf").startswith(GIMP.encode()) else read_csv


def read_gpl(data: bytes) -> list[Paint]:
    """Paints of a palette of GIMP; raises ValueError."""
    paints = []
    for number, line in enumerate(_text(data).splitlines()[1:], 2):
        if not line.strip() or line.lstrip().startswith("#") or re.match(r"\s*(Name|Columns)\s*:", line):
            continue
        found = re.fullmatch(r"\s*(\d{1,3})\s+(\d{1,3})\s+(\d{1,3})(?:\s+(.*))?", line, re.ASCII)
        if not found or max(channels := [int(found[k]) for k in (1, 2, 3)]) > 255:
            raise ValueError(f"line {number} holds no colour")
        name = (found[4] or "").strip()
        paints.append(("" if name == "Untitled" else name, np.array(channels) / 255))
    return paints


def read_csv(data: bytes) -> list[Paint]:
    """Paints of lines of text; raises ValueError."""
    lines = _text(data).splitlines()
    first = next((line for line in lines if line.strip()), "")
    separator = next((mark for mark in ("\t", ";") if mark in first), ",")
    paints, begun = [], False
    try:
        for number, row in enumerate(csv.reader(lines, delimiter=separator, skipinitialspace=True), 1):
            cells = [cell.strip() for cell in row]
            while cells and not cells[-1]:
                cells.pop()
            if not cells:
                continue
            paint = _paint(cells)
            if paint is not None:
                paints.append(paint)
            elif begun:
                raise ValueError(f"line {number} holds no colour")
            begun = True
    except csv.Error as error:
        raise ValueError(str(error)) from None
    return paints


def _paint(cells: list[str]) -> Paint | None:
    """A name and a colour, or the colour alone; None where there is no colour."""
    for name, words in ((cells[:-1], cells[-1:]), (cells[:-3], cells[-3:])):
        if len(name) <= 1 and words:
            try:
                return name[0] if name else "", np.array(parse_colour(",".join(words)))
            except UsageError:
                continue
    return None


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("its text is not in UTF-8") from None
