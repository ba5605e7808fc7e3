"""Which files a command writes: their names, and all that can be wrong with them before any work."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from neural_painter.errors import OutputError, UsageError


def name_outputs(patterns: Sequence[str], default: str, **fills: str) -> tuple[Path, ...]:
    """Files to write for one input.

    Args:
        patterns: what `-o` was given: names, or folders, which take `default`. Empty stands for the current folder.
        default: name of the output where none was given.
        fills: what `{name}` and the like stand for.
    """
    paths = []
    for pattern in patterns or ["."]:
        path = os.path.join(pattern, default) if is_folder(pattern) else pattern
        for key, value in fills.items():
            path = path.replace("{" + key + "}", value)
        paths.append(Path(path))
    return tuple(paths)


def distinct_names(sources: Sequence[Path]) -> list[str]:
    """What `{name}` stands for, for each of several inputs: the name without its end, where no other has the same.

    Those that share it take their end along (`cat-jpg`, `cat-png`), or the name of their folder (`a-cat`, `b-cat`), or
    both, whatever tells them apart; in the last resort they are numbered.
    """
    names = [stem_of(path) for path in sources]
    ways: list[Callable[[Path], str]] = [
        lambda path: _joined(stem_of(path), path.suffix[1:]),
        lambda path: _joined(path.parent.name, stem_of(path)),
        lambda path: _joined(path.parent.name, stem_of(path), path.suffix[1:]),
    ]
    groups: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        groups.setdefault(name.casefold(), []).append(index)
    taken = {name for name, group in groups.items() if len(group) == 1}
    for own, group in groups.items():
        if len(group) == 1:
            continue
        for way in ways:
            made = [way(sources[index]) for index in group]
            folded = {name.casefold() for name in made}
            if len(folded) == len(group) and not folded & (taken | groups.keys() - {own}):
                break
        else:
            made = [f"{names[index]}-{number}" for number, index in enumerate(group, 1)]
            folded = {name.casefold() for name in made}
        taken |= folded
        for index, name in zip(group, made, strict=True):
            names[index] = name
    return names


def _joined(*parts: str) -> str:
    return "-".join(part for part in parts if part)


def check_patterns(patterns: Sequence[str], *, many: bool) -> None:
    """Raises UsageError where `-o` was given nothing, or one name for several inputs."""
    for pattern in patterns:
        if not pattern:
            raise UsageError("-o: expected the name of an output, got an empty one")
        if many and not is_folder(pattern) and "{name}" not in pattern:
            raise UsageError(
                f"-o {pattern}: one output for several pictures",
                hint=f"Put {{name}} in it, as in -o '{{name}}{Path(pattern).suffix}', or name a folder: -o paintings/",
            )


def check_own_names(outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    """Raises UsageError where a name would be written twice, or would replace an input."""
    Taken(inputs).add(outputs)


class Taken:
    """Files that no further output may be: inputs, each looked at once however many jobs there are, and outputs so far.

    Args:
        inputs: what is read.
    """

    def __init__(self, inputs: Sequence[Path]) -> None:
        self._read = {identity for path in inputs for identity in _identities(path)}
        self._written: set[str] = set()

    def add(self, outputs: Sequence[Path]) -> None:
        """Takes the outputs of a job, all or none; raises UsageError where one is taken."""
        own: set[str] = set()
        for path in outputs:
            found = _identities(path)
            if not found.isdisjoint(self._read):
                raise UsageError(f"{path}: would replace an input", hint="Choose another name.")
            if not found.isdisjoint(self._written) or not found.isdisjoint(own):
                raise UsageError(f"{path}: would be written twice")
            own |= found
        self._written |= own


def check_animations(outputs: Sequence[Path], animation: dict[str, float]) -> None:
    """Raises UsageError where an animation option is out of range for one of the outputs, or none of them uses it."""
    if not animation:
        return
    from neural_painter.export import kind

    films = [path for path in outputs if kind(path) == "animation"]
    if not films:
        raise UsageError(f"--{next(iter(animation))}: no output is an animation", hint="Try -o painting.mp4")
    from neural_painter.export.wishes import check_timing

    for path in films:
        check_timing(path, **animation)


def painting_end(path: Path) -> None:
    """Raises UsageError where a name's end is none of a painting's."""
    from neural_painter.export import kind

    kind(path)


def picture_end(path: Path) -> None:
    """Raises UsageError where a name is not that of a picture."""
    from neural_painter.export import SUPPORTED, kind

    found = None
    with suppress(UsageError):
        found = kind(path)
    if found != "picture":
        ends = [end for end, what in SUPPORTED.items() if what == "picture"]
        raise UsageError(f"{path}: expected the name of a picture", hint=f"Supported: {', '.join(ends)}")


def end_of(end: str) -> Callable[[Path], None]:
    """A check that raises UsageError where a name does not end like this."""

    def check(path: Path) -> None:
        if path.suffix.lower() != end:
            raise UsageError(f"{path}: expected a name ending in {end}")

    return check


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
            if "%" in path.name:  # of frames that are numbered
                pattern, path = f"{path.parent}{os.sep}", path.parent
            if is_folder(pattern) and "{" not in pattern and not path.exists():
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


def stem_of(path: Path) -> str:
    """The name without what says its kind: `cat` of `cat.anim.webp` and `cat.json.gz`."""
    stem, end = os.path.splitext(path.name)
    return stem.removesuffix({".webp": ".anim", ".gz": ".json"}.get(end.lower(), "\0"))


def is_folder(pattern: str) -> bool:
    """Whether `-o` names a folder: one that is there, or by a slash at its end."""
    return pattern.endswith(("/", os.sep)) or os.path.isdir(pattern)


def _identities(path: Path) -> set[str]:
    """What tells a file from others: its place, and the file itself where it is there under several names."""
    found = {os.path.normcase(os.path.realpath(path))}
    with suppress(OSError, ValueError):
        status = os.stat(path)
        if status.st_ino:
            found.add(f"{status.st_dev}:{status.st_ino}")
    return found
