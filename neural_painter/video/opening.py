"""Opens films and tells them from everything else. The content of a file decides, not its name."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition

from neural_painter.errors import InputError
from neural_painter.files import HEAD, kind_of
from neural_painter.files import opened as file_opened

SUPPORTED = "Supported: MP4, MOV, MKV, WebM, AVI, MPEG, MTS, FLV, WMV, Ogg"

# Playlists and the like are not among them: they name further files and addresses, which would be opened.
_ALLOWED = {"format_whitelist": "mov,matroska,avi,mpegts,mpeg,flv,asf,ogg", "protocol_whitelist": "file"}

_FORMATS = {
    "video/mp4": "mov",
    "video/quicktime": "mov",
    "video/matroska": "matroska",
    "video/avi": "avi",
    "video/mp2t": "mpegts",
    "video/mpeg": "mpeg",
    "video/flv": "flv",
    "video/x-ms-asf": "asf",
    "ogg": "ogg",
}
"""What `kind_of` says of a film, and who reads it. Left to itself, ffmpeg looks at the name as well."""

_MOST = 1 << 62
"""Bytes of a film: it is never read whole."""

_TAGS = "neural_painter.tags"


def _other_letters(error: UnicodeError) -> tuple[str, int]:
    """Takes what is not UTF-8 for Windows' Western letters, in which most such titles are written."""
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error(_TAGS, _other_letters)


def is_video(path: str | Path) -> bool:
    """Whether a file is a film, by its content; a moving GIF or WebP is a picture, and sound alone is no film.

    Never raises: False for what is missing, empty, a folder or a pipe. A film that is damaged is one nevertheless.
    """
    path = Path(path)
    try:
        kind = kind_of(_head(path))
        if kind not in _FORMATS:
            return False
        try:
            container = _container(path, kind)
        except av.FFmpegError:
            return kind != "ogg"  # which is sound, mostly
        with container:
            best = container.streams.best("video")
            return best is not None and not best.disposition & Disposition.attached_pic
    except (InputError, OSError, ValueError):  # av's own errors are OSErrors or ValueErrors
        return False


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """Opens a film, or raises InputError: missing, a folder, empty, or not a film."""
    kind = kind_of(_head(path))
    try:
        container = _container(path, kind)
    except av.FFmpegError as error:
        if isinstance(error, EOFError):
            raise InputError(f"{path}: holds no frames that can be read") from error
        raise InputError(f"{path}: {_not_a_film(kind)}", hint=SUPPORTED) from error
    with container:
        yield container


def _head(path: Path) -> bytes:
    with file_opened(path, "a film", most=_MOST) as file:
        return file.read(HEAD)


def _container(path: Path, kind: str) -> InputContainer:
    # The protocol is said, or a name like concat:a.mp4 would be taken for one.
    name, form = f"file:{path}", _FORMATS.get(kind)
    return av.open(name, "r", format=form, container_options=_ALLOWED, metadata_errors=_TAGS)


def _not_a_film(kind: str) -> str:
    if kind in _FORMATS:
        return "cannot be read as a film: it is damaged, cut short or of a rare kind"
    return f"not a film (found: {kind})"
