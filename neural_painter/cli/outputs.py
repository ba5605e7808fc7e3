"""Which files a command writes: their names, and all that can be wrong with them before anything is painted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from neural_painter.errors import OutputError, UsageError

if TYPE_CHECKING:
    from neural_painter.strokes import StrokeDocument


def name_outputs(patterns: Sequence[str], default: str, **fills: str) -> tuple[Path, ...]:
    """Files to write for one input.

    Args:
        patterns: what `-o` was given: names, or folders, which take `default`. Empty stands for the current folder.
        default: name of the output where none was given.
        fills: what `{name}` and the like stand for.
    """
    paths = []
    for pattern in patterns or ["."]:
        path = os.path.join(pattern, default) if _is_folder(pattern) else pattern
        for key, value in fills.items():
            path = path.replace("{" + key + "}", value)
        paths.append(Path(path))
    return tuple(paths)


def check_names(
    jobs: Sequence[tuple[Path, tuple[Path, ...]]],
    patterns: Sequence[str],
    *,
    many: bool,
    check: Callable[[Path], object] | None = None,
) -> None:
    """Checks the outputs of all inputs that can be checked without looking whether they exist.

    Args:
        jobs: input and its outputs.
        patterns: what `-o` was given.
        many: whether there may be several inputs.
        check: raises UsageError where a name's end is not one that the command can write; by default, where it is none
            of a painting's.

    Raises:
        UsageError: a name would be written twice, would replace an input, is of an unknown kind, or serves one only.
    """
    if check is None:
        from neural_painter.export import kind

        check = kind
    for pattern in patterns:
        if many and not _is_folder(pattern) and "{name}" not in pattern:
            raise UsageError(
                f"-o {pattern}: one output for several pictures",
                hint=f"Put {{name}} in it, as in -o '{{name}}{Path(pattern).suffix}', or name a folder: -o paintings/",
            )
    inputs = {_identity(source): source for source, _ in jobs}
    writers: dict[str, Path] = {}
    for source, outputs in jobs:
        for path in outputs:
            check(path)
            identity = _identity(path)
            if identity in inputs:
                raise UsageError(f"{path}: would replace an input", hint="Choose another name.")
            if identity in writers:
                raise UsageError(
                    f"{path}: would be written twice, for {writers[identity]} and {source}"
                    if writers[identity] != source
                    else f"{path}: would be written twice"
                )
            writers[identity] = source


def check_animations(jobs: Iterable[tuple[Path, tuple[Path, ...]]], animation: dict[str, float]) -> None:
    """Raises UsageError where an animation option is out of range for one of the outputs, or none of them uses it."""
    from neural_painter.export import kind

    films = [path for _, outputs in jobs for path in outputs if kind(path) == "animation"]
    if animation and not films:
        raise UsageError(f"--{next(iter(animation))}: no output is an animation", hint="Try -o painting.mp4")
    if not animation:
        return
    from neural_painter.export.wishes import check_timing

    for path in films:
        check_timing(path, **animation)


def check_pictures(outputs: Iterable[Path]) -> None:
    """Raises UsageError where an output is not a picture."""
    from neural_painter.export import kind

    for path in outputs:
        if kind(path) != "picture":
            raise UsageError(f"{path}: a transfer gives a picture", hint="Supported: .png, .jpg, .webp, .tiff")


@contextmanager
def folders_made(patterns: Sequence[str]) -> Iterator[None]:
    """Makes the folders that `-o paintings/` asks for, and removes them again where they stay empty.

    Raises:
        OutputError: it cannot be made; the folder around it must exist.
    """
    made = []
    try:
        for pattern in patterns:
            path = Path(pattern)
            if _is_folder(pattern) and "{" not in pattern and not path.exists():
                try:
                    path.mkdir()
                except OSError as error:
                    raise OutputError(f"{path}: cannot be made ({error.strerror})") from error
                made.append(path)
        yield
    finally:
        for path in made:
            with suppress(OSError):  # not empty: that is what it is for
                path.rmdir()


def keep(document: StrokeDocument, beside: Path, what: str, *, overwrite: bool, own: Path | None = None) -> Path:
    """Writes a stroke document beside an output, `cat.png` → `cat.{what}.npz`, under a name that is free.

    Args:
        document: what to keep.
        beside: the output.
        what: middle of the name.
        overwrite: whether an older one may be replaced.
        own: one that may be replaced in any case, for it holds less of the same painting.

    Raises:
        OutputError: it cannot be written.
    """
    from neural_painter.strokes import write_document

    stem = stem_of(beside)
    path, number = beside.with_name(f"{stem}.{what}.npz"), 1
    while not overwrite and path.exists() and path != own:
        number += 1
        path = beside.with_name(f"{stem}.{what}-{number}.npz")
    write_document(path, document)
    return path


def stem_of(path: Path) -> str:
    """The name without what says its kind: `cat` of `cat.anim.webp` and `cat.json.gz`."""
    stem, end = os.path.splitext(path.name)
    return stem.removesuffix({".webp": ".anim", ".gz": ".json"}.get(end.lower(), "\0"))


def _is_folder(pattern: str) -> bool:
    return pattern.endswith(("/", os.sep)) or Path(pattern).is_dir()


def _identity(path: Path) -> str:
    return os.path.normcase(os.path.realpath(path))
