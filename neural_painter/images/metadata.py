"""What a picture says of itself and is worth keeping; our own signature in what we write."""

import email.utils
import io
import math
import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from neural_painter.errors import UserError
from neural_painter.files import HEAD, kind_of, opened
from neural_painter.images.exif import ASCII, IMAGE, PHOTO, PLACE, RATIONAL, SHORT, Entry, read_entries

OURS = "neural-painter"

_DESCRIPTION, _SOFTWARE, _AUTHOR, _COPYRIGHT, _TITLE = 270, 305, 315, 33432, 40091
_TAKEN, _CHANGED, _HISTORY = 36867, 306, 37395
_ORIENTATION, _ACROSS, _DOWN, _UNIT, _COLOUR_SPACE = 274, 282, 283, 296, 40961

_KEPT = frozenset({_DESCRIPTION, 271, 272, _SOFTWARE, _CHANGED, _AUTHOR, 316, 18246, _COPYRIGHT, *range(40091, 40096)})
"""Of the image's own directory: description, camera, software, date, author, computer, rating, copyright, XP's texts.
The others say how a file is built."""

_DROPPED = frozenset(
    {37500, 37121, 37122, 37396, 40962, 40963, 40964, 40965, *range(41484, 41489), 41492, 41730, 42240}
)
"""Of the photo's: the maker's own note; and what would no longer be true: components, compression, sizes, resolution of
the sensor, places in pixels, the sensor's pattern, gamma."""

_MOST_VALUE = 4096  # bytes of one entry
_MOST = 48_000  # bytes of all: a JPEG has room for 65533


@dataclass(frozen=True)
class Metadata:
    """What a picture says of itself, as it is written into another. Empty by default; equal by value, hashable.

    Attributes:
        entries: of EXIF; without orientation, preview, the maker's note and what depends on the size.
        ppi: pixels per inch, across and down.
    """

    entries: tuple[Entry, ...] = ()
    ppi: tuple[float, float] | None = None

    def __bool__(self) -> bool:
        return self != Metadata()

    @property
    def date(self) -> str | None:
        """When the photo was taken, else when it was last changed: `2024:12:31 23:59:59`."""
        return self.text(PHOTO, _TAKEN) or self.text(IMAGE, _CHANGED)

    @property
    def author(self) -> str | None:
        """Who made it."""
        return self.text(IMAGE, _AUTHOR)

    @property
    def copyright(self) -> str | None:
        """Whose it is."""
        return self.text(IMAGE, _COPYRIGHT)

    @property
    def title(self) -> str | None:
        """What it is called."""
        return self.text(IMAGE, _TITLE)

    @property
    def description(self) -> str | None:
        """What it shows."""
        return self.text(IMAGE, _DESCRIPTION)

    @property
    def software(self) -> str | None:
        """What it was made with."""
        return self.text(IMAGE, _SOFTWARE)

    @property
    def command(self) -> str | None:
        """The command that made it, where that was ours; as it was typed."""
        signature = _signature(self.entries)
        return signature[2] if signature else None

    @property
    def made_by(self) -> str | None:
        """Which of our commands made it, such as `paint`."""
        signature = _signature(self.entries)
        return signature[1] if signature else None

    def signed(self, software: str, command: str, made_by: str = "paint") -> "Metadata":
        """The same with our name in it.

        Software becomes EXIF's Software. The command goes to ImageHistory, as `neural-painter 0.1.0 paint: COMMAND`.

        Args:
            software: our name and version, such as `neural-painter 0.1.0`.
            command: as it was typed, or could be; cut after some thousand letters.
            made_by: which command it was, in small letters and `-`.

        Raises:
            ValueError: `software` is not our name and a version, or `made_by` is no such word.
        """
        history = f"{software} {made_by}: {command}"
        if not _SIGNED.fullmatch(history):
            raise ValueError(f"expected our name, a version and a command, got {software!r} and {made_by!r}")
        ours = (_text_entry(IMAGE, _SOFTWARE, software), _text_entry(PHOTO, _HISTORY, history))
        return replace(self, entries=_merged(ours, self.entries))

    def written(self) -> tuple[Entry, ...]:
        """The entries for a new file: with the resolution, and upright."""
        entries = [*self.entries, Entry(IMAGE, _ORIENTATION, SHORT, struct.pack("<H", 1))]
        if self.ppi:
            for tag, value in zip((_ACROSS, _DOWN), self.ppi, strict=True):
                entries.append(Entry(IMAGE, tag, RATIONAL, struct.pack("<II", round(value * 1000), 1000)))
            entries.append(Entry(IMAGE, _UNIT, SHORT, struct.pack("<H", 2)))
        return tuple(sorted(entries))

    def text(self, folder: str, tag: int) -> str | None:
        """The text of an entry of EXIF, or None."""
        for entry in self.entries:
            if (entry.folder, entry.tag) == (folder, tag):
                return _decoded(entry)
        return None


# --- reading --------------------------------------------------------------------------------------------------------


def metadata_of(file: BinaryIO, kind: str, info: Mapping[Any, Any]) -> Metadata:
    """What the picture of an open file says of itself; whatever of it makes no sense is left out.

    Args:
        file: stands anywhere.
        kind: its format, as `files.kind_of` names it.
        info: what Pillow says of it.

    Raises:
        Exception: none is known; but what it reads is anyone's.
    """
    found = _entries(file, kind, info)
    kept = [entry for entry in found if _is_kept(entry)]
    texts = _from_texts(info) if kind == "PNG" else ()
    return Metadata(_merged(kept, texts), _ppi(found) or _ppi_of(kind, info))


def made_by(path: str | Path) -> str | None:
    """Which of our commands made a picture, such as `paint`, read from the file's head.

    None for the pictures of others, for those written without metadata, and for what cannot be read.
    """
    try:
        with opened(Path(path), "a picture", most=1 << 40) as file:
            signature = _signature(_entries(file, kind_of(file.read(HEAD)), {}))
    except (UserError, OSError):
        return None
    return signature[1] if signature else None


def _entries(file: BinaryIO, kind: str, info: Mapping[Any, Any]) -> tuple[Entry, ...]:
    if kind == "TIFF":
        return read_entries(file, most=_MOST_VALUE)
    block = _FINDERS[kind](file) if kind in _FINDERS else info.get("exif")
    if block is None and (text := info.get("Raw profile type exif")):  # as ImageMagick writes it in a PNG
        try:
            block = bytes.fromhex("".join(text.split("\n")[3:]))
        except (ValueError, AttributeError):
            return ()
    return read_entries(io.BytesIO((block or b"").removeprefix(b"Exif\0\0")), most=_MOST_VALUE)


def _is_kept(entry: Entry) -> bool:
    return entry.tag in _KEPT if entry.folder == IMAGE else entry.folder == PLACE or entry.tag not in _DROPPED


def _merged(first: Iterable[Entry], others: Iterable[Entry]) -> tuple[Entry, ...]:
    """Each entry once, in order; of two of a kind the first counts, and the largest go where there are too many."""
    entries: dict[tuple[str, int], Entry] = {}
    for entry in (*first, *others):
        place = (entry.folder, entry.tag)
        if place == (PHOTO, _COLOUR_SPACE):
            entry = Entry(*place, SHORT, struct.pack("<H", 1))  # what we write is sRGB
        entries.setdefault(place, entry)
    while sum(12 + len(entry.value) for entry in entries.values()) > _MOST:
        largest = max(entries.values(), key=lambda entry: len(entry.value))
        del entries[largest.folder, largest.tag]
    return tuple(sorted(entries.values()))


def _in_jpeg(file: BinaryIO) -> bytes | None:
    place = 2
    while True:
        file.seek(place)
        head = file.read(10)
        if len(head) < 10 or head[0] != 0xFF or head[1] == 0xDA:  # the pixels begin
            return None
        length = int.from_bytes(head[2:4], "big")
        if head[1] == 0xE1 and head[4:] == b"Exif\0\0":
            return file.read(max(0, length - 8))
        place += 2 + length


def _in_png(file: BinaryIO) -> bytes | None:
    return _chunk(file, 8, b"eXIf", lambda head: (int.from_bytes(head[:4], "big"), head[4:], 4), stop=b"IDAT")


def _in_webp(file: BinaryIO) -> bytes | None:
    def header(head: bytes) -> tuple[int, bytes, int]:
        length = int.from_bytes(head[4:], "little")
        return length, head[:4], length % 2

    return _chunk(file, 12, b"EXIF", header)


def _chunk(file: BinaryIO, place: int, name: bytes, header: Any, stop: bytes = b"") -> bytes | None:
    """The data of the first chunk of that name; `header` gives length, name and what follows the data."""
    for _ in range(10_000):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            return None
        length, found, after = header(head)
        if found == name:
            return file.read(min(length, 1 << 20))
        if found == stop:
            return None
        place += 8 + length + after
    return None


_FINDERS = {"JPEG": _in_jpeg, "PNG": _in_png, "WebP": _in_webp}


# --- resolution -----------------------------------------------------------------------------------------------------


def _ppi(entries: Iterable[Entry]) -> tuple[float, float] | None:
    """As EXIF or TIFF states it."""
    values = {entry.tag: entry for entry in entries if entry.folder == IMAGE}
    unit = int.from_bytes(values[_UNIT].value[:2], "little") if _UNIT in values else 2
    if unit not in (2, 3) or not all(tag in values and values[tag].type == RATIONAL for tag in (_ACROSS, _DOWN)):
        return None
    stated = [struct.unpack_from("<II", values[tag].value) for tag in (_ACROSS, _DOWN)]
    if not all(below for _, below in stated):
        return None
    across, down = (above / below * (2.54 if unit == 3 else 1) for above, below in stated)
    return _sensible(across, down)


def _ppi_of(kind: str, info: Mapping[Any, Any]) -> tuple[float, float] | None:
    """As the format's own header states it."""
    stated = info.get("dpi")
    if kind == "JPEG":  # Pillow makes up 72 where there is none
        scale = {1: 1, 2: 2.54}.get(info.get("jfif_unit", 0))
        stated = tuple(value * scale for value in info["jfif_density"]) if scale else None
    if kind not in ("JPEG", "PNG", "BMP") or not stated:
        return None
    return _sensible(*stated)


def _sensible(across: float, down: float) -> tuple[float, float] | None:
    """Rounded to hundredths: PNG states whole pixels per metre."""
    if not all(math.isfinite(value) and 1 <= value <= 100_000 for value in (across, down)):
        return None
    return round(float(across), 2), round(float(down), 2)


# --- texts ----------------------------------------------------------------------------------------------------------

_SIGNED = re.compile(rf"({OURS} \S+) ([a-z][a-z-]*): (.*)", re.DOTALL)

TEXTS = {
    "Title": (IMAGE, _TITLE),
    "Author": (IMAGE, _AUTHOR),
    "Description": (IMAGE, _DESCRIPTION),
    "Copyright": (IMAGE, _COPYRIGHT),
    "Creation Time": (PHOTO, _TAKEN),
}
"""Keywords of a PNG's texts, and where EXIF has the same."""


def _signature(entries: Iterable[Entry]) -> tuple[str, str, str] | None:
    """Software, command and what was typed, where we made it."""
    for entry in entries:
        if (entry.folder, entry.tag) == (PHOTO, _HISTORY) and (found := _SIGNED.fullmatch(_decoded(entry) or "")):
            return found[1], found[2], found[3]
    return None


def _from_texts(info: Mapping[Any, Any]) -> tuple[Entry, ...]:
    entries = []
    for keyword, (folder, tag) in TEXTS.items():
        text = info.get(keyword)
        if isinstance(text, str) and keyword == "Creation Time":
            text = _date(text)
        if isinstance(text, str) and text.strip() and len(text) < _MOST_VALUE:
            entries.append(_text_entry(folder, tag, text.strip()))
    return tuple(entries)


def _date(text: str) -> str | None:
    """A date as EXIF writes it, from one as the mail, ISO 8601 or EXIF write it."""
    text = re.sub(r"^(\d{4}):(\d\d):(\d\d)\b", r"\1-\2-\3", text.strip())
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        try:
            date = email.utils.parsedate_to_datetime(text)
        except (ValueError, TypeError):
            return None
    return f"{date:%Y:%m:%d %H:%M:%S}"


def _text_entry(folder: str, tag: int, text: str) -> Entry:
    if tag == _TITLE:  # bytes of UTF-16
        return Entry(folder, tag, 1, text.encode("utf-16-le", "replace")[: _MOST_VALUE - 2] + b"\0\0")
    data = text.replace("\0", "").encode(errors="replace")[: _MOST_VALUE - 1]
    return Entry(folder, tag, ASCII, data.decode(errors="ignore").encode() + b"\0")


def _decoded(entry: Entry) -> str | None:
    """A text; EXIF's should be ASCII and mostly is UTF-8."""
    if entry.tag in range(40091, 40096):
        text = entry.value.decode("utf-16-le", "replace")
    else:
        try:
            text = entry.value.decode()
        except UnicodeDecodeError:
            text = entry.value.decode("latin-1")
    return text.partition("\0")[0].strip() or None
