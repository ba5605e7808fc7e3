"""Files: what a stranger's is and whether it may be read at all; outputs that appear whole or not at all.

Nothing here knows pictures, models or documents; it knows their first bytes.
"""

from __future__ import annotations

import codecs
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from neural_painter.errors import InputError, OutputError, UserError

HEAD = 4096
"""Bytes at a file's start by which `kind_of` tells what it is."""

LFS = "a Git LFS pointer, not the file itself"

# (offset, bytes, what it is); the first match counts
_SIGNATURES = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (8, b"WEBP", "WebP"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),
    (0, b"MM\0+", "TIFF"),
    (0, b"BM", "BMP"),
    (0, b"GIF8", "GIF"),
    (4, b"ftypavis", "AVIF"),
    (4, b"ftyphei", "image/heic"),
    (4, b"ftyphev", "image/heic"),
    (4, b"ftypmif1", "image/heif"),
    (4, b"ftypmsf1", "image/heif"),
    (4, b"ftyp", "video/mp4"),
    (4, b"JXL ", "image/jxl"),
    (0, b"\xff\x0a", "image/jxl"),
    (4, b"jP  ", "image/jp2"),
    (0, b"8BPS", "image/vnd.adobe.photoshop"),
    (0, b"\x76\x2f\x31\x01", "image/x-exr"),
    (4, b"moov", "video/quicktime"),
    (4, b"mdat", "video/quicktime"),
    (0, b"\x1aE\xdf\xa3", "video/matroska"),
    (8, b"AVI ", "video/avi"),
    (0, b"FLV\x01", "video/flv"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-asf"),
    (0, b"OggS", "ogg"),
    (0, b"\0\0\x01\xba", "video/mpeg"),
    (0, b"%PDF", "application/pdf"),
    (0, b"%!PS", "application/postscript"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"version https://git-lfs", LFS),
)


def kind_of(head: bytes) -> str:
    """Names what a file is from its first `HEAD` bytes: a format of pictures, a media type, or a few words."""
    if head[4:8] == b"ftyp" and b"avif" in head[8:40]:  # the main brand, or one that it is compatible with
        return "AVIF"
    if _packets(head):
        return "video/mp2t"
    if head[:2] == b"\0\0" and head[4:8] in (b"wide", b"free", b"skip", b"pnot"):  # before what the film holds
        return "video/quicktime"
    for offset, signature, name in _SIGNATURES:
        if head[offset : offset + len(signature)] == signature:
            return name
    if head[8:10] == b'{"' and int.from_bytes(head[:8], "little") < 1 << 32:
        return "safetensors"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "text/html"
    if text.startswith((b"<svg", b"<?xml")):
        return "image/svg+xml" if b"<svg" in text else "text/xml"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=len(head) < HEAD)  # it may end inside a character
    except UnicodeDecodeError:
        return "unknown data"
    return "unknown data" if b"\0" in head else "text/plain"


def _packets(head: bytes) -> bool:
    """Whether a file is a row of MPEG packets, alone or with 4 bytes of time before or 16 of correction after each."""
    rows = ((0, 188), (4, 192), (0, 204))
    marks = (head[start : start + 20 * step : step] for start, step in rows)
    return any(len(mark) >= 4 and set(mark) == {0x47} for mark in marks)


@contextmanager
def opened(path: Path, what: str, *, most: int, error: type[UserError] = InputError) -> Iterator[BinaryIO]:
    """Opens a regular file of a bearable size for reading.

    Args:
        path: the file.
        what: what it should be, such as `a picture`; for messages.
        most: bytes that it may have.
        error: what is raised.

    Raises:
        UserError, of the kind `error`: missing, a folder, a pipe or device, empty, too large, or not to be read.
    """
    try:
        # Looked at before it is opened: opening a pipe would wait for its writer.
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise error(f"{path}: is a folder, expected {what}")
        if not stat.S_ISREG(status.st_mode):
            raise error(f"{path}: is not a regular file, expected {what}")
        if status.st_size == 0:
            raise error(f"{path}: is empty, expected {what}")
        if status.st_size > most:
            raise error(
                f"{path}: is larger than {what} may be ({shown_bytes(status.st_size)}, at most {shown_bytes(most)})"
            )
        file = path.open("rb")
    except FileNotFoundError:
        raise error(f"{path}: no such file") from None
    except (OSError, ValueError) as problem:  # ValueError: a null character in the name
        raise error(f"{path}: cannot be read ({getattr(problem, 'strerror', None) or problem})") from problem
    with file:
        yield file


def read_whole(path: Path, what: str, *, most: int, error: type[UserError] = InputError) -> bytes:
    """The bytes of a file; raises as `opened` does, and where it grows while it is read."""
    with opened(path, what, most=most, error=error) as file:
        try:
            data = file.read(most + 1)
        except OSError as problem:
            raise error(f"{path}: cannot be read ({problem.strerror or problem})") from problem
    if len(data) > most:
        raise error(f"{path}: is larger than {what} may be (at most {shown_bytes(most)})")
    return data


def shown_bytes(count: int) -> str:
    """A number of bytes for people: `1.5 GiB`, `64 MiB`, `312 kB`."""
    for size, unit in ((2**30, "GiB"), (2**20, "MiB")):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count / 1000:.3g} kB"


def check_output(path: Path, *, overwrite: bool) -> None:
    """Raises OutputError where `path` could not be written: it exists, its name is too long, its folder is locked."""
    if "\0" in str(path):
        raise OutputError(f"{path}: cannot be written (embedded null byte)")
    length, most = len(os.fsencode(path.name)), _longest_name(path.parent)
    if length > most:
        raise OutputError(f"{path}: its name has {length} bytes, at most {most} fit")
    try:
        if path.is_dir():
            raise OutputError(f"{path}: is a folder, expected the name of a file")
        if path.exists() and not path.is_file():
            raise OutputError(f"{path}: is not a regular file")
        if path.exists() and not overwrite:
            raise OutputError(f"{path}: exists already", hint="Choose another name, or pass --overwrite.")
        if not path.parent.is_dir():
            raise OutputError(f"{path}: its folder does not exist")
        if not os.access(path.parent, os.W_OK):
            raise OutputError(f"{path}: its folder is not writable")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error


def _longest_name(folder: Path) -> int:
    """Bytes that a name in this folder may have."""
    with suppress(AttributeError, OSError, ValueError):
        return os.pathconf(folder, "PC_NAME_MAX")
    return 255


@contextmanager
def written_whole(path: Path, *, overwrite: bool = True) -> Iterator[Path]:
    """Yields a temporary path with the same extension; on success it becomes `path`, on any failure it is removed.

    A file that is replaced passes on its mode, and its owner where that is allowed; a link stays one, and what it
    points to is replaced.

    Raises:
        OutputError: as `check_output`, and when writing fails (disk full, permissions).
    """
    path = Path(path)
    check_output(path, overwrite=overwrite)
    place = Path(os.path.realpath(path)) if path.is_symlink() else path
    suffix = "".join(place.suffixes[-2:]) if place.suffix == ".gz" else place.suffix
    try:
        # The name is made up, so it cannot be anyone's; nor does it grow with the output's, which may be the longest.
        handle, name = tempfile.mkstemp(prefix=".neural-painter-", suffix=suffix[-20:], dir=place.parent)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _pass_on_rights(place, temporary)
        os.replace(temporary, place)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _pass_on_rights(old: Path, new: Path) -> None:
    """Gives a new file the mode and owner of the one that it replaces, or else what any new file gets."""
    try:
        status = old.stat()
    except OSError:
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(new, 0o666 & ~umask)
        return
    with suppress(AttributeError, OSError):  # only root may give files away
        os.chown(new, status.st_uid, status.st_gid)
    os.chmod(new, stat.S_IMODE(status.st_mode))
