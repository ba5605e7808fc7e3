"""Outputs appear whole or not at all: written beside their place under a temporary name, then renamed."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neural_painter.errors import OutputError


def check_output(path: Path, *, overwrite: bool) -> None:
    """Raises OutputError where `path` could not be written: it exists, or its folder is missing or locked."""
    if path.is_dir():
        raise OutputError(f"{path}: is a folder, expected the name of a file")
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: exists already", hint="Choose another name, or pass --overwrite.")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: its folder does not exist")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path}: its folder is not writable")


@contextmanager
def written_whole(path: Path, *, overwrite: bool = True) -> Iterator[Path]:
    """Yields a temporary path with the same extension; on success it becomes `path`, on any failure it is removed.

    Raises:
        OutputError: as `check_output`, and when writing fails (disk full, permissions).
    """
    path = Path(path)
    check_output(path, overwrite=overwrite)
    suffix = "".join(path.suffixes[-2:]) if path.suffix == ".gz" else path.suffix
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=suffix, dir=path.parent)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        temporary.unlink(missing_ok=True)
