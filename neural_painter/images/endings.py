"""Files that lack only their last bytes: told from those that lack pixels, and completed.

Where the pixels are coded in a way that only a decoder follows (JPEG, GIF, WebP), the file is completed in several ways
and decoded: what is the same whatever follows needs nothing of what is missing.
"""

import hashlib
import io
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

import numpy as np
from PIL import Image

from neural_painter.images.stored import BAND

CUT_SHORT = "its last bytes are missing, but all its pixels are there"

_MOST_MISSING = 1 << 16  # bytes


def ends_early(file: BinaryIO, kind: str) -> bool:
    """Whether a PNG, GIF or BMP ends before it should; of a GIF the first picture counts. False for other formats."""
    size = file.seek(0, io.SEEK_END)
    if kind == "PNG":
        return not any(name == b"IEND" and end <= size for name, _, end in _png_chunks(file))
    if kind == "GIF":
        end = _end_of_gif(file)
        return end is None or end >= size
    if kind == "BMP":
        file.seek(10)
        start, header, width, height, _, bits, packing = struct.unpack("<IIiiHHI", file.read(24))
        return header >= 40 and packing in (0, 3) and size < start + (width * bits + 31) // 32 * 4 * abs(height)
    return False


def completed(file: BinaryIO, kind: str, max_pixels: int) -> bytes | None:
    """The whole of a file that lacks its last bytes, or None where pixels are missing or something else is wrong.

    Args:
        file: stands anywhere.
        kind: its format, as `files.kind_of` names it.
        max_pixels: larger pictures are not looked at.
    """
    file.seek(0)
    data = file.read()
    try:
        if kind == "PNG":
            return _whole_png(data, max_pixels)
        variants = list(_VARIANTS[kind](data)) if kind in _VARIANTS else []
        return variants[0] if variants and _alike(variants, kind, max_pixels) else None
    except Exception:  # as hostile files make decoders raise; there is an error already
        return None


def _fillings(length: int) -> Iterator[bytes]:
    """Bytes to put in place of missing ones: noise, for a pattern may be read as blocks without content. Never 255."""
    for seed in range(3):
        yield np.random.default_rng(seed).integers(0, 255, length, np.uint8).tobytes()


def _alike(variants: list[bytes], kind: str, max_pixels: int) -> bool:
    """Whether all are decoded to the same pixels."""
    seen = set()
    for data in variants:
        image = Image.open(io.BytesIO(data), formats=[kind.upper()])
        if image.width * image.height > max_pixels:
            return False
        digest = hashlib.sha256()
        for top in range(0, image.height, BAND):
            digest.update(image.crop((0, top, image.width, min(image.height, top + BAND))).tobytes())
        seen.add(digest.digest())
    return len(seen) == 1


# --- JPEG -----------------------------------------------------------------------------------------------------------

_MARKER = re.compile(rb"\xff+[\x01-\xcf\xd8-\xfe]")  # in coded pixels; neither a stuffed byte nor a restart


def _whole_jpegs(data: bytes) -> Iterator[bytes]:
    """Several completions, where every scan has at least begun."""
    if _lacks_only_its_end(data):
        body = data.rstrip(b"\xff")  # half of a marker
        yield body + b"\xff\xd9"
        for filling in _fillings(4096):  # some blocks of coefficients
            yield body + filling + b"\xff\xd9"


def _lacks_only_its_end(data: bytes) -> bool:
    """Whether a JPEG has no end, but begins scans of every component's every coefficient to the last bit."""
    place, left = 2, None
    while place + 4 <= len(data):
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        segment = data[place + 4 : place + 2 + length]
        if data[place] != 0xFF or marker == 0xD9 or len(segment) < length - 2:
            return False
        place += 2 + length
        if marker in (0xC0, 0xC1, 0xC2, 0xC9, 0xCA):
            components = [segment[6 + 3 * number] for number in range(segment[5])]
            left = {(component, index) for component in components for index in range(64)}
            progressive = marker in (0xC2, 0xCA)
        elif marker == 0xDA:
            if left is None:
                return False
            scanned = [segment[1 + 2 * number] for number in range(segment[0])]
            first, last, bits = segment[1 + 2 * segment[0] :][:3] if progressive else (0, 63, 0)
            if bits & 15 == 0:  # down to the lowest bit
                left -= {(component, index) for component in scanned for index in range(first, last + 1)}
            following = _MARKER.search(data, place)
            if following is None:
                return not left
            place = following.end() - 2
    return False


# --- PNG ------------------------------------------------------------------------------------------------------------


def _png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Name, place of the data and end of each chunk; the last may end beyond the file."""
    place = 8
    while True:
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            return
        end = place + 12 + int.from_bytes(head[:4], "big")
        yield head[4:], place + 8, end
        place = end


def _whole_png(data: bytes, max_pixels: int) -> bytes | None:
    """The PNG with its pixels packed anew, where they are all there."""
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    if width * height > max_pixels:
        return None
    before, packed = [], []
    for name, start, end in _png_chunks(io.BytesIO(data)):
        if name == b"IDAT":
            packed.append(data[start : end - 4])
        elif not packed:
            before.append(data[start - 8 : end])
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    passes = _PASSES if interlaced else ((0, 0, 1, 1),)
    sizes = [(-(-(width - x) // across), -(-(height - y) // down)) for x, y, across, down in passes]
    expected = sum(rows * (1 + (columns * bits + 7) // 8) for columns, rows in sizes if columns > 0 and rows > 0)
    pixels = zlib.decompressobj().decompress(b"".join(packed), expected + 1)
    if len(pixels) < expected:
        return None
    return data[:8] + b"".join(before) + _chunk(b"IDAT", zlib.compress(pixels, 1)) + _chunk(b"IEND", b"")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Of an interlaced PNG: where each begins, across and down, and its steps."""


# --- GIF and WebP ---------------------------------------------------------------------------------------------------


def _end_of_gif(file: BinaryIO) -> int | None:
    """Where the first picture of a GIF ends; None where the file ends before."""
    file.seek(10)
    place = 13 + _colours_of(file.read(1))
    while True:
        file.seek(place)
        head = file.read(10)
        if head[:1] == b"!":
            place = _end_of_blocks(file, place + 2)
        elif head[:1] == b"," and len(head) == 10:
            return _end_of_blocks(file, place + 11 + _colours_of(head[9:])) or None
        else:
            return None
        if not place:
            return None


def _colours_of(flags: bytes) -> int:
    """Bytes of the colour table that such flags announce."""
    return 3 << ((flags[0] & 7) + 1) if flags and flags[0] & 128 else 0


def _end_of_blocks(file: BinaryIO, place: int) -> int:
    """Where a row of blocks ends; 0 where the file ends before. Where the last is cut, the file stands at its start."""
    while True:
        file.seek(place)
        length = file.read(1)
        if length == b"\0":
            return place + 1
        if not length or len(file.read(length[0])) < length[0]:
            file.seek(place)
            return 0
        place += 1 + length[0]


def _whole_gifs(data: bytes) -> Iterator[bytes]:
    file = io.BytesIO(data)
    if _end_of_gif(file) is None:
        last = file.tell()
        lacking = data[last] - (len(data) - last - 1) if last < len(data) else 0
        for filling in _fillings(lacking):
            yield data + filling + b"\0;"


def _whole_webps(data: bytes) -> Iterator[bytes]:
    lacking = 8 + int.from_bytes(data[4:8], "little") - len(data)
    if 0 < lacking <= _MOST_MISSING:
        for filling in _fillings(lacking):
            yield data + filling


_VARIANTS: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    "JPEG": _whole_jpegs,
    "GIF": _whole_gifs,
    "WebP": _whole_webps,
}
