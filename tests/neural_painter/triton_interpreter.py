"""Runs a module of tests as a program in Triton's interpreter, which has to be chosen before triton is imported."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def interpreted(module: str, factory: pytest.TempPathFactory) -> Any:
    """The JSON that a module prints, with no compiler in reach: the interpreter must not need one."""
    pytest.importorskip("triton")
    empty = str(factory.mktemp("empty"))
    environment = os.environ | {"TRITON_INTERPRET": "1", "TRITON_CACHE_DIR": empty, "PATH": empty, "CC": "no-compiler"}
    command = [sys.executable, "-W", "error::RuntimeWarning", "-m", module]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
