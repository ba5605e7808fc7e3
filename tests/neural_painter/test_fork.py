"""A process that was forked after a painting paints and exports as well."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import os, signal, sys
import numpy as np, torch
from neural_painter import PaintConfig, paint
from neural_painter.export import save

def painted():
    y, x = np.mgrid[:32, :32].astype(np.float32) / 32
    return paint(np.stack([x, y, x * y], axis=2), PaintConfig(strokes=3, preset="fast")).document

def written(document, name):
    for suffix in (".png", ".svg"):
        save(name + suffix, document)

torch.set_num_threads(2)
torch.rand(600, 600) @ torch.rand(600, 600)  # large enough for OpenMP's threads
document = painted()
written(document, "parent")
child = os.fork()
if not child:
    signal.alarm(100)  # rather than for ever
    torch.rand(600, 600) @ torch.rand(600, 600)
    written(document, "child")
    assert len(painted().strokes) == 3
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.slow  # a process that loads and paints
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_paints_and_exports(tmp_path):
    root = Path(__file__).parents[2]
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CODE],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    for suffix in (".png", ".svg"):
        assert (tmp_path / f"child{suffix}").read_bytes() == (tmp_path / f"parent{suffix}").read_bytes()
