"""The one place where kernels are compiled, and where they are kept between runs.

numba's own file cache refuses to work where no folder can be written, and fails where a file of it is cut. Here a
kernel is one file with a checksum: what is damaged or old is dropped and compiled anew, and where nothing can be
written kernels are compiled in memory. Any number of processes may compile at once: a file appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from numba import njit
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from renderers.runs import write_whole

CHECK = hashlib.sha256
_DIGEST = CHECK().digest_size
_PROBE = bytes(1 << 16)
"""Written once into a folder before kernels are: a full disk makes empty files, but does not fill them."""

FAST = {"contract", "reassoc", "arcp", "nsz"}
"""What LLVM may do to a kernel's sums and quotients; nnan and ninf are left out, for kernels test for them."""

_CONSTANTS = (bool, int, float, str, bytes, tuple, np.generic)

_unkept: str | None = None


def unkept() -> str | None:
    """Why kernels that this process has compiled could not be kept for the next one; None where they are."""
    return _unkept


def kernel(signature: Any = None, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Decorator that compiles a function with numba.

    Args:
        signature: the types that it is compiled for at once, and no others; None: for those it is called with.
        options: numba's, such as `fastmath` and `parallel`. Kernels release the interpreter's lock, and divide as NumPy
            does, unless told otherwise.
    """

    def compiled(function: Callable[..., Any]) -> Any:
        dispatcher: Any = njit(**{"nogil": True, "error_model": "numpy", **options})(function)
        if dispatcher is function:  # NUMBA_DISABLE_JIT
            return function
        if not function.__closure__:  # of what a closure holds no stamp tells
            with suppress(OSError):  # a kernel that was typed at a prompt has no file, and is not kept
                dispatcher._cache = _Kept(function, options)
        if signature is not None:
            dispatcher.compile(signature)
            dispatcher.disable_compile()
        return dispatcher

    return compiled


class _Kept(NullCache):  # type: ignore[misc]
    """What a dispatcher asks for compiled code before it compiles, and gives it afterwards.

    A file holds the checksum of the rest, the stamp of the sources, and numba's serialised result.
    """

    def __init__(self, function: Callable[..., Any], options: dict[str, Any]) -> None:
        self._function = function
        self._source = Path(function.__code__.co_filename).absolute()
        # Read at once: the file may be edited before the function is compiled.
        told = [f"{name}={sorted(value) if isinstance(value, set) else value}" for name, value in options.items()]
        self._own = repr((numba.__version__, llvmlite.__version__, sorted(told))).encode() + _digest_of(self._source)

    @cached_property
    def stamp(self) -> bytes:
        """Changes with the file of the function, the kernels and intrinsics it calls and the constants it names."""
        found = CHECK(self._own)
        known = self._function.__globals__
        for name in self._function.__code__.co_names:
            value = known.get(name)
            called = getattr(value, "_cache", None)
            if isinstance(called, _Kept) and called is not self:
                found.update(called.stamp)
            elif made := getattr(value, "_defn", None):  # an intrinsic: code that writes code
                found.update(_digest_of(Path(made.__code__.co_filename).absolute()))
            elif isinstance(value, _CONSTANTS):
                found.update(f"{name}={value!r}".encode())
        return found.digest()

    def _name(self, signature: Any, machine: tuple[Any, ...]) -> str:
        python = sys.version_info[:2], getattr(sys, "abiflags", "")
        key = CHECK(repr((signature, machine, python)).encode()).hexdigest()
        return f"{self._source.stem}.{self._function.__qualname__}-{key[:20]}.kernel".replace("<locals>.", "")

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The kept result for these types, or None: then it is compiled."""
        target_context.refresh()
        name = self._name(sig, target_context.codegen().magic_tuple())
        for folder in _places(self._source.parent):
            content = _read(folder / name)
            if content is not None and content[:_DIGEST] == self.stamp:
                with suppress(Exception):  # it names a module that is called otherwise here: compiled anew
                    return CompileResult._rebuild(target_context, *pickle.loads(content[_DIGEST:]))
        _writable(self._source.parent)  # asked before it takes seconds, so that whoever tells of it can say why
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keeps a result for the next run, where that is possible."""
        folder = _writable(self._source.parent)
        if folder is None or data.library.has_dynamic_globals or any(not loop.can_cache for loop in data.lifted):
            return
        try:
            _write(folder / self._name(sig, data.codegen.magic_tuple()), self.stamp + dumps(data._reduce()))
        except OSError as error:
            _note(error)


@cache
def _digest_of(source: Path) -> bytes:
    return CHECK(source.read_bytes()).digest()


def _places(folder: Path) -> Iterator[Path]:
    """Where kernels of the modules in `folder` may lie, the first that can be written being where they are put."""
    own = f"{folder.name}_{CHECK(os.fsencode(folder)).hexdigest()[:20]}"
    if wish := os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(wish).absolute() / own
    yield folder / "__pycache__"
    with suppress(RuntimeError):  # nobody's home
        wide = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        if wide.is_absolute():
            yield wide / "neural_painter" / own


@cache
def _writable(folder: Path) -> Path | None:
    problem = OSError("no folder")
    for place in _places(folder):
        try:
            place.mkdir(parents=True, exist_ok=True)
            probe = place / f".{uuid.uuid4().hex}"
            _write(probe, _PROBE)
            probe.unlink()
        except OSError as error:
            problem = error
        else:
            return place
    _note(problem)
    return None


def _read(path: Path) -> memoryview | None:
    """What `_write` was given; None where there is no such file. One that is not whole is removed."""
    with suppress(OSError):
        data = memoryview(path.read_bytes())
        if CHECK(data[_DIGEST:]).digest() == data[:_DIGEST]:
            return data[_DIGEST:]
        path.unlink()
    return None


def _write(path: Path, content: bytes) -> None:
    """Writes a file with its checksum, whole or not at all; of several processes that do, one wins."""
    write_whole(path, CHECK(content).digest() + content)


def _note(problem: OSError) -> None:
    global _unkept
    _unkept = _unkept or problem.strerror or str(problem)
