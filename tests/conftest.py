import gc
import os
import signal

import pytest

os.environ["NEURAL_PAINTER_BRUSHES"] = os.devnull  # no test sees the brushes of whoever runs it

if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):  # before torch is loaded: they share the cores
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // int(workers))))


def pytest_addoption(parser):
    parser.addoption("--renew-goldens", action="store_true", help="write the expected files anew instead of comparing")


def pytest_configure():
    """Ctrl-C interrupts, as it does in a terminal: what a shell starts with `&` or `nohup` would ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish():
    """What was imported stays: a program that collects its garbage need not look through all of it in every test."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def golden(request):
    """Compares a text with the file that is expected, or writes that file where --renew-goldens was given."""

    def compare(path, text):
        if request.config.getoption("--renew-goldens"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        expected = path.read_text(encoding="utf-8") if path.exists() else "(no such file; run pytest --renew-goldens)"
        assert text == expected

    return compare
