"""Kernels: kept where a folder can be written, compiled in memory elsewhere, never taken from a damaged file."""

import ast
import errno
import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from numba.core import event

from renderers import kernels

ROOT = Path(__file__).parents[2]
TEXT = """
from renderers.kernels import kernel
STEP = 3

@kernel()
def step(x):
    return x + STEP

@kernel("int64(int64)")
def twice(x):
    return step(step(x))
"""


class Compiled(event.Listener):
    """Names of the kernels that were compiled."""

    def __init__(self):
        self.names = []

    def on_start(self, event):
        self.names.append(event.data["dispatcher"].py_func.__name__)

    def on_end(self, event):
        pass


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder of its own for kernels; what earlier tests found out is forgotten."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kept"))
    monkeypatch.setattr(kernels, "_unkept", None)
    kernels._writable.cache_clear()
    yield tmp_path / "kept"
    kernels._writable.cache_clear()


def loaded(folder, text=TEXT):
    """`twice(1)` of a module, and what had to be compiled for it; the module is new each time."""
    path = folder / "stranger.py"
    path.write_text(text)
    kernels._digest_of.cache_clear()
    module = importlib.util.module_from_spec(spec := importlib.util.spec_from_file_location("stranger", path))
    with event.install_listener("numba:compile", compiled := Compiled()):
        spec.loader.exec_module(module)
        return module.twice(1), compiled.names


def test_a_second_run_compiles_nothing(tmp_path, place):
    assert loaded(tmp_path) == (7, ["twice", "step"])
    assert loaded(tmp_path) == (7, [])
    assert sorted(path.name.split("-")[0] for path in place.rglob("*.*")) == ["stranger.step", "stranger.twice"]
    assert kernels.unkept() is None


def test_a_damaged_file_is_dropped(tmp_path, place):
    loaded(tmp_path)
    (path,) = place.rglob("stranger.twice*")
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    for damaged in (b"", whole[:10], whole[:40], whole[:-1], whole + b"x", bytes(flipped), b"\x80\x05."):
        path.write_bytes(damaged)
        assert loaded(tmp_path) == (7, ["twice"]), damaged[:50]
        assert loaded(tmp_path) == (7, [])


def test_what_a_kernel_is_made_of_is_looked_at(tmp_path):
    """Its file, the kernels that it calls and the constants that it names, wherever they are written."""
    (tmp_path / "apart.py").write_text(TEXT.replace("step", "stride").replace("twice", "both"))
    sys.path.insert(0, str(tmp_path))
    try:
        text = "import apart\nfrom renderers.kernels import kernel\nstep, STEP = apart.stride, apart.STEP\n" + (
            '@kernel("int64(int64)")\ndef twice(x):\n    return step(step(x)) + STEP\n'
        )
        assert loaded(tmp_path, text)[0] == 10
        assert loaded(tmp_path, text) == (10, [])
        import apart

        apart.STEP = 4
        assert loaded(tmp_path, text) == (11, ["twice"])
        assert loaded(tmp_path, text + "\n") == (11, ["twice"])
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("apart", None)


def test_the_file_of_an_intrinsic_is_looked_at(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # two versions within a second look alike
    text = "from apart import number\nfrom renderers.kernels import kernel\n" + (
        '@kernel("int64(int64)")\ndef twice(x):\n    return 2 * x + number()\n'
    )
    for number, compiled in ((3, ["twice"]), (3, []), (4, ["twice"])):
        (tmp_path / "apart.py").write_text(
            "from numba import types\nfrom numba.extending import intrinsic\n\n\n@intrinsic\ndef number(typing):\n"
            f"    return types.int64(), lambda context, *_: context.get_constant(types.int64, {number})\n"
        )
        sys.modules.pop("apart", None)
        importlib.invalidate_caches()
        assert loaded(tmp_path, text) == (2 + number, compiled)
    sys.modules.pop("apart", None)


def nowhere(folder, monkeypatch):
    """Makes every folder that kernels could lie in one that cannot be made, for root as well."""
    (folder / "file").write_text("")
    (folder / "__pycache__").write_text("")
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(folder / "file" / name))


def test_where_nothing_can_be_written_kernels_are_compiled_in_memory(tmp_path, monkeypatch):
    nowhere(tmp_path, monkeypatch)
    for _ in range(2):
        assert loaded(tmp_path) == (7, ["twice", "step"])
    assert kernels.unkept() == "Not a directory"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    kernels._writable.cache_clear()
    assert loaded(tmp_path) == (7, ["twice", "step"])
    assert not (tmp_path / "~").exists()


def test_another_place_is_taken_where_the_first_cannot_be_written(tmp_path, monkeypatch):
    nowhere(tmp_path, monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "mine"))
    assert loaded(tmp_path) == (7, ["twice", "step"])
    assert loaded(tmp_path) == (7, [])
    assert kernels.unkept() is None
    assert len(list((tmp_path / "mine" / "neural_painter").rglob("*.kernel"))) == 2


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_no_failure(tmp_path, place, monkeypatch):
    with monkeypatch.context() as full_from_the_start:
        full_from_the_start.setattr(Path, "write_bytes", full)
        assert loaded(tmp_path) == (7, ["twice", "step"])
        assert kernels.unkept() == "No space left on device"
    kernels._writable.cache_clear()
    write = Path.write_bytes
    with monkeypatch.context() as full_after_the_probe:
        full_after_the_probe.setattr(
            Path,
            "write_bytes",
            lambda path, data: write(path, data) if len(data) == 32 + len(kernels._PROBE) else full(),
        )
        assert loaded(tmp_path) == (7, ["twice", "step"])
    assert [path for path in place.rglob("*") if path.is_file()] == []


def test_kernels_of_a_place_that_cannot_be_written_are_used(tmp_path, monkeypatch):
    """An image that was made with its kernels, and runs read-only."""
    assert loaded(tmp_path) == (7, ["twice", "step"])
    monkeypatch.setattr(Path, "write_bytes", full)
    assert loaded(tmp_path) == (7, [])


@pytest.mark.slow  # two processes that compile
def test_several_processes_may_compile_at_once(tmp_path, place):
    (tmp_path / "stranger.py").write_text(TEXT)
    code = """
import sys
sys.path[:0] = sys.argv[1:]
from tests.renderers.test_kernels import Compiled, event
with event.install_listener("numba:compile", compiled := Compiled()):
    import stranger
    print(stranger.twice(1), *compiled.names)
"""
    command = [sys.executable, "-c", code, str(tmp_path), str(ROOT)]

    def child():
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    printed = [one.communicate(timeout=120)[0] for one in [child(), child()]]
    # The one that is later may find what the other kept already.
    assert "7 twice step\n" in printed
    assert set(printed) <= {"7 twice step\n", "7 twice\n", "7\n"}
    assert child().communicate(timeout=120)[0] == "7\n"
    assert len([path for path in place.rglob("*") if path.is_file()]) == 2


def test_a_kernel_of_a_module_that_is_called_otherwise_is_compiled_anew(tmp_path, place, monkeypatch):
    (tmp_path / "stranger.py").write_text(TEXT)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # two versions within a second look alike
    importlib.import_module("stranger").twice(1)  # what is kept names it
    monkeypatch.delitem(sys.modules, "stranger")
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(tmp_path)])
    importlib.invalidate_caches()
    assert loaded(tmp_path)[0] == 7


def test_a_function_without_a_file_is_compiled_in_memory(place):
    space = {}
    exec(compile(TEXT, "<stdin>", "exec"), space)
    assert space["twice"](1) == 7
    assert not place.exists()


def test_every_kernel_is_compiled_here():
    compilers = {"njit", "jit", "vectorize", "guvectorize", "stencil", "cfunc"}
    for path in [file for package in ("renderers", "neural_painter") for file in (ROOT / package).rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if path.name != "kernels.py" and isinstance(node, ast.ImportFrom) and node.module == "numba":
                assert not compilers & {alias.name for alias in node.names}, path
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "numba":
                assert node.attr not in compilers, path
