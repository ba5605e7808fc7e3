"""EXIF as what it is: directories of a TIFF. Entries are kept as they lie in the file, so that none is changed.

Source: TIFF 6.0; Exif 2.32.
"""

import io
import struct
from collections.abc import Iterable
from typing import BinaryIO, NamedTuple

IMAGE, PHOTO, PLACE = "image", "photo", "place"
"""The directories: IFD0, Exif and GPS."""

ASCII, SHORT, LONG, RATIONAL = 2, 3, 4, 5

_POINTERS = {0x8769: PHOTO, 0x8825: PLACE}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}  # bytes a value, by type
_UNITS = {5: 4, 10: 4}  # rationals are turned round by halves

_MOST_ENTRIES = 1000


class Entry(NamedTuple):
    """One entry of a directory.

    Attributes:
        folder: `IMAGE`, `PHOTO` or `PLACE`.
        tag, type: as TIFF numbers them.
        value: little-endian.
    """

    folder: str
    tag: int
    type: int
    value: bytes


def read_entries(file: BinaryIO, *, most: int) -> tuple[Entry, ...]:
    """The entries of the first image directory and of the Exif and GPS directories that it points to.

    Whatever makes no sense is left out; BigTIFF is not read.

    Args:
        file: a TIFF, or the block of EXIF that looks like one.
        most: bytes that a value may have; larger ones are left out.
    """
    file.seek(0)
    head = file.read(8)
    if head[:4] not in (b"II*\0", b"MM\0*") or len(head) < 8:
        return ()
    order = "<" if head[:1] == b"I" else ">"
    entries = _directory(file, IMAGE, struct.unpack(f"{order}I", head[4:])[0], order, most)
    for tag, folder in _POINTERS.items():
        for place in [entry for entry in entries if entry.folder == IMAGE and entry.tag == tag]:
            entries.remove(place)
            if len(place.value) == 4:
                entries += _directory(file, folder, int.from_bytes(place.value, "little"), order, most)
    return tuple(entries)


def _directory(file: BinaryIO, folder: str, start: int, order: str, most: int) -> list[Entry]:
    file.seek(start)
    count = file.read(2)
    if len(count) < 2:
        return []
    table = file.read(12 * min(struct.unpack(f"{order}H", count)[0], _MOST_ENTRIES))
    entries = []
    for place in range(0, len(table) - 11, 12):
        tag, kind, number = struct.unpack_from(f"{order}HHI", table, place)
        length = _SIZES.get(kind, 0) * number
        if not 0 < length <= most:
            continue
        value = table[place + 8 : place + 8 + length]
        if length > 4:
            file.seek(struct.unpack_from(f"{order}I", table, place + 8)[0])
            value = file.read(length)
        if len(value) == length:
            entries.append(Entry(folder, tag, kind, value if order == "<" else _turned(value, kind)))
    return entries


def _turned(value: bytes, kind: int) -> bytes:
    """Big-endian values as little-endian ones."""
    unit = _UNITS.get(kind, _SIZES[kind])
    return b"".join(value[place : place + unit][::-1] for place in range(0, len(value), unit))


def block_of(entries: Iterable[Entry]) -> bytes:
    """The entries as a block of EXIF, without the `Exif` that JPEG puts before it."""
    return b"II*\0\x08\0\0\0" + directories(entries, 8)


def directories(entries: Iterable[Entry], start: int) -> bytes:
    """The entries as directories that begin at byte `start` of a little-endian TIFF; IFD0 comes first."""
    grouped: dict[str, list[Entry]] = {IMAGE: [], PHOTO: [], PLACE: []}
    for entry in sorted(entries, key=lambda entry: entry.tag):
        grouped[entry.folder].append(entry)
    for tag, folder in _POINTERS.items():
        if grouped[folder]:
            grouped[IMAGE].append(Entry(IMAGE, tag, LONG, b"\0\0\0\0"))
    grouped[IMAGE].sort(key=lambda entry: entry.tag)
    places, end = {}, start
    for folder, group in grouped.items():
        places[folder] = end
        end += 6 + 12 * len(group) + sum(_padded(entry) for entry in group)
    out = io.BytesIO()
    for folder, group in grouped.items():
        if group:
            out.write(_packed(group, places[folder], places))
    return out.getvalue()


def _packed(group: list[Entry], start: int, places: dict[str, int]) -> bytes:
    """One directory: its table, and after it what does not fit in there."""
    table, values = struct.pack("<H", len(group)), b""
    after = start + 6 + 12 * len(group)
    for entry in group:
        value = entry.value
        if entry.folder == IMAGE and entry.tag in _POINTERS:
            value = struct.pack("<I", places[_POINTERS[entry.tag]])
        table += struct.pack("<HHI", entry.tag, entry.type, len(value) // _SIZES[entry.type])
        if len(value) <= 4:
            table += value.ljust(4, b"\0")
        else:
            table += struct.pack("<I", after + len(values))
            values += value.ljust(_padded(entry), b"\0")
    return table + b"\0\0\0\0" + values


def _padded(entry: Entry) -> int:
    """Bytes that an entry takes beside the table; they begin at even places."""
    return 0 if len(entry.value) <= 4 else len(entry.value) + len(entry.value) % 2
