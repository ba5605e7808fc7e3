"""Runs an ONNX model once in a process of its own. OpenCV dies of some graphs that ONNX's checker lets pass."""

from __future__ import annotations

import subprocess
import sys

SECONDS = 120
"""For a small picture; a machine that needs longer could not run it on a photo."""

PROGRAM = """
import sys
from contextlib import suppress
with suppress(ImportError, OSError, ValueError):
    import resource
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
import cv2
import numpy as np
height, width = (int(word) for word in sys.argv[1:])
with suppress(cv2.error, MemoryError):
    net = cv2.dnn.readNetFromONNX(np.frombuffer(sys.stdin.buffer.read(), np.uint8))
    net.setInput(np.full((1, 3, height, width), 0.5, np.float32))
    net.forward()
"""


def survives(data: bytes, size: tuple[int, int]) -> bool:
    """Whether OpenCV comes back from a model; it may have refused it. True where no process can be started.

    Args:
        data: ONNX of a fixed size.
        size: that size, `(height, width)`.
    """
    # -P: files of the current folder must not pass for modules.
    command = [sys.executable, "-P", "-c", PROGRAM, *(str(side) for side in size)]
    try:
        done = subprocess.run(
            command, input=data, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    except OSError:
        return True
    return done.returncode == 0
